"""Zarr stores that must not hurt: each is read, or refused in a sentence that says what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from answers import preview, wrong_scene, wrong_words
from hostile_zarr import B03, STORES, array_document, shard_document, store
from hypothesis import given, settings
from hypothesis import strategies as st

from s2dash import ingest
from s2dash.errors import UnreadableFile
from s2dash.ingest.zarr.metadata import PACKINGS, Packing, of_version_2, of_version_3
from s2dash.ingest.zarr.place import crs_wkt_of, transform_of
from s2dash.ingest.zarr.unpacking import unpacked

T = TypeVar("T")

pytestmark = pytest.mark.usefixtures("door_is_here")


@pytest.mark.parametrize("name", STORES)
def test_is_read_or_refused_for_what_is_wrong(tmp_path: Path, name: str) -> None:
    hostile, path, out = STORES[name], tmp_path / name, tmp_path / "out"
    path.write_bytes(hostile.make())
    if hostile.words is None:
        scene = ingest.ingest(path, out)
        assert wrong_scene(scene, out) is None
        assert hostile.note is None or any(hostile.note in note for note in scene.notes), scene.notes
    else:
        with pytest.raises(UnreadableFile, match=hostile.words) as refused:
            ingest.ingest(path, out)
        assert wrong_words(str(refused.value)) is None, str(refused.value)
        assert not out.exists()
    assert not Path("/tmp/PWNED_BY_ZARR").exists()


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    product, secret = tmp_path / "a.zarr", tmp_path / "secret"
    for name, content in store().items():
        (product / name).parent.mkdir(parents=True, exist_ok=True)
        (product / name).write_bytes(content)
    chunk = product / B03 / "0.0"
    secret.write_bytes(chunk.read_bytes())
    chunk.unlink()
    chunk.symlink_to(secret)
    scene = ingest.ingest(product, tmp_path / "out")
    assert (preview(scene)[1, :24, :24] == 0).all()
    assert any("r10m/b03 lacks 1 of its 4 files" in note for note in scene.notes)


words = st.sampled_from(("<u2", "uint16", "F", "/", "bytes", "zstd", "blosc", "pickle", "NaN", "default", "EPSG:32632"))
atoms = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), words, st.text(max_size=9))
keys = st.one_of(st.sampled_from(("id", "name", "configuration", "codecs", "endian", "separator")), st.text(max_size=5))
anything = st.recursive(
    atoms, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


def changed(document: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The document with a few of its values replaced by anything."""
    changes = st.dictionaries(st.sampled_from(sorted(document)), anything, max_size=3)
    return changes.map(lambda one: document | one)


shards = st.dictionaries(st.sampled_from(("chunk_shape", "codecs", "index_codecs", "index_location")), anything)


def answer(call: Callable[[], T]) -> T | str:
    """What comes of it, or the words of its refusal."""
    try:
        return call()
    except UnreadableFile as refused:
        return str(refused)


@given(two=changed(array_document()), three=changed(shard_document()), inner=shards)
@settings(max_examples=120)
def test_metadata_of_any_types_are_understood_or_refused(
    two: dict[str, Any], three: dict[str, Any], inner: dict[str, Any]
) -> None:
    for found in (
        answer(lambda: of_version_2(two, {}, "r10m/b02")),
        answer(lambda: of_version_3(three, "r10m/b02")),
        answer(lambda: of_version_3(shard_document(**inner), "r10m/b02")),
    ):
        if isinstance(found, str):
            assert wrong_words(found) is None, found
        else:
            assert min(*found.shape_rc, *found.packing.chunk_rc, *found.file_rc) > 0


@given(anything)
def test_a_place_of_any_types_is_a_place_or_none(value: object) -> None:
    told = {"proj:epsg": value, "proj:wkt2": value, "proj:transform": value, "proj:bbox": value, "proj:shape": value}
    assert crs_wkt_of([value, told]) is None or isinstance(crs_wkt_of([value, told]), str)
    transform_of([told], (4, 5))


@pytest.mark.parametrize("by", [None, *PACKINGS])
@given(data=st.binary(max_size=200), checksum=st.sampled_from((0, 4)))
def test_bytes_of_any_kind_unpack_to_a_whole_chunk_or_are_refused(by: str | None, data: bytes, checksum: int) -> None:
    how = Packing((4, 5), np.dtype(">u2"), by, checksum_bytes=checksum)
    starts = {"zstd": b"\x28\xb5\x2f\xfd", "gzip": b"\x1f\x8b\x08\x00", "zlib": b"\x78\x9c", "lz4": b"\x28\0\0\0"}
    found = answer(lambda: unpacked(starts.get(by or "", b"") + data, how, "r10m/b02"))
    if isinstance(found, str):
        assert found == "r10m/b02 is damaged: it cannot be unpacked. Download the product again."
    else:
        assert (found.shape, found.dtype) == ((4, 5), np.dtype("uint16"))
