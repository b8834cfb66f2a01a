"""A pack that somebody opens again: read in a process of its own, taken in as values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from s2dash.core.pack import Manifest
from s2dash.core.types import CancelToken, Progress, no_progress
from s2dash.ingest.pack_members import manifest_in, scene_file
from s2dash.ingest.pile import shown
from s2dash.ingest.process import removed_on_error, run_in_new_folder


@dataclass(frozen=True, eq=False)
class OpenedPack:
    """What a pack held."""

    name: str
    """What messages call it; text from outside."""
    manifest: Manifest
    altered: tuple[str, ...] = ()
    """Names of members that are not what was written; text from outside, as are the others."""
    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    """Of those that nobody wrote."""
    files: tuple[tuple[Path, str], ...] = ()
    """The picture's own files where they were within, each with what it was called; no one has looked at them yet."""


def read_pack(
    path: Path,
    folder: Path,
    name: str | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> OpenedPack:
    """Open a pack, each of its members held against its checksum.

    Parameters
    ----------
    folder : made if missing, for what the process writes; removed again after an error or a cancellation
    name : what the file was called where it came from

    Raises UnreadableFile that says what is wrong, Cancelled on request.
    """
    called = name or path.name
    request = {"kind": "pack", "paths": [str(path.resolve())], "names": [called], "folder": str(folder.resolve())}
    facts = run_in_new_folder(request, folder, progress, cancel)
    with removed_on_error(folder):
        manifest = manifest_in(folder, shown(called))
    told = {key: tuple(str(one) for one in facts[key]) for key in ("altered", "missing", "added")}
    files = tuple((folder / scene_file(n), name) for n, (_, name) in enumerate(manifest.scene.members))
    return OpenedPack(shown(called), manifest, files=files, **told)
