"""A Zarr store among files that were brought: which files are of it, its groups and its arrays, by their metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from s2dash.ingest.blobs import Blob
from s2dash.ingest.kinds import ZARR_NAMES
from s2dash.ingest.zarr.documents import mapping, read_object
from s2dash.ingest.zarr.metadata import ArrayMetadata, of_version_2, of_version_3


@dataclass(frozen=True, eq=False)
class Store:
    """The files below the root of a store, by their names from there, with `/` between the parts."""

    files: Mapping[str, Blob]
    _read: dict[str, tuple[Mapping[str, Any], bytes]] = field(default_factory=dict)

    def attributes(self, path: str) -> Mapping[str, Any]:
        """Of a group or an array, "" for the root; empty where it has none. Raises UnreadableFile for damage."""
        document, _ = self._document(path, "zarr.json")
        return mapping(document.get("attributes")) or self._document(path, ".zattrs")[0]

    def array(self, path: str, name: str) -> tuple[ArrayMetadata, bytes] | None:
        """What the metadata of an array say, and their bytes; None where there is no array.

        Raises UnreadableFile, with `name` for it, where it is not one that is read here.
        """
        document, text = self._document(path, "zarr.json")
        if document:
            return of_version_3(document, name), text
        document, text = self._document(path, ".zarray")
        if not text:
            return None
        attributes, more = self._document(path, ".zattrs")
        return of_version_2(document, attributes, name), text + more

    def chunks(self, path: str) -> dict[str, Blob]:
        """The files in the folder of an array, by their names from there."""
        prefix = f"{path}/"
        found = {name[len(prefix) :]: blob for name, blob in self.files.items() if name.startswith(prefix)}
        return {name: blob for name, blob in found.items() if name not in ZARR_NAMES}

    def _document(self, path: str, name: str) -> tuple[Mapping[str, Any], bytes]:
        whole = f"{path}/{name}" if path else name
        if whole not in self._read:
            blob = self.files.get(whole)
            self._read[whole] = ({}, b"") if blob is None else read_object(blob, whole)
        return self._read[whole]
