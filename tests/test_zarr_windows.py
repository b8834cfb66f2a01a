"""Windows of Zarr arrays: what is read is what `zarr` wrote, whatever the chunks; and no chunk is unpacked twice."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import zarr
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.storage import MemoryStore

from s2dash.core.grid import Grid
from s2dash.core.types import Window, windows
from s2dash.ingest.zarr import array as arrays
from s2dash.ingest.zarr.array import ZarrArray, shared_cache
from s2dash.ingest.zarr.metadata import of_version_2, of_version_3


@dataclass(frozen=True)
class Held:
    """A blob in memory."""

    data: bytes
    is_packed: bool = False

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        return self.data[start:] if length is None else self.data[start : start + length]


def written(values: np.ndarray, chunks: tuple[int, int], version: int, packed: bool = False, **how: Any) -> ZarrArray:
    """The values as an array that `zarr` wrote; chunks of zeros are not stored."""
    store = MemoryStore()
    made = zarr.create_array(
        store, shape=values.shape, chunks=chunks, dtype=values.dtype, zarr_format=version, fill_value=0,
        config={"write_empty_chunks": False}, **how,
    )  # fmt: skip
    made[:] = values
    files = {key: Held(buffer.to_bytes(), packed) for key, buffer in store._store_dict.items()}
    document = json.loads(files.pop("zarr.json" if version == 3 else ".zarray").data)
    metadata = of_version_3(document, "a") if version == 3 else of_version_2(document, {}, "a")
    return ZarrArray("a", metadata, b"", files, shared_cache([metadata]), Grid(values.shape, Affine.identity(), None))


@given(data=st.data())
@settings(max_examples=60)
def test_each_window_holds_what_was_written(data: st.DataObject) -> None:
    sides = st.integers(1, 30)
    shape, chunks = data.draw(st.tuples(sides, sides)), data.draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    dtype = data.draw(st.sampled_from(("<u2", ">u2", "u1", "<i4", ">f4", "<f8")))
    values = np.random.default_rng(data.draw(st.integers(0, 9))).integers(0, 3, shape).astype(dtype)
    version = data.draw(st.sampled_from((2, 3)))
    shards = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3))) if version == 3 else None
    how: dict[str, Any] = {} if shards is None else {"shards": tuple(np.multiply(chunks, shards).tolist())}
    if version == 2:
        how["order"] = data.draw(st.sampled_from("CF"))
    array = written(values, chunks, version, data.draw(st.booleans()), **how)
    row, col = data.draw(st.integers(0, shape[0] - 1)), data.draw(st.integers(0, shape[1] - 1))
    window = Window(row, col, data.draw(st.integers(1, shape[0] - row)), data.draw(st.integers(1, shape[1] - col)))
    assert np.array_equal(array.read(window), values[window.slices_rc])
    assert np.array_equal(array.read_all(), values)
    assert array.read_all().dtype == np.dtype(dtype).newbyteorder("=")


@pytest.mark.parametrize("version", [2, 3])
def test_strips_from_the_top_down_unpack_each_chunk_once(monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    values = np.arange(300 * 200, dtype="<u2").reshape(300, 200) + 1
    array = written(values, (37, 41), version, **({"shards": (74, 82)} if version == 3 else {}))
    count = []
    monkeypatch.setattr(arrays, "unpacked", lambda *given: count.append(1) or unpacked(*given))
    strips = [array.read(window) for window in windows(values.shape, (16, 200))]
    assert np.array_equal(np.concatenate(strips), values)
    assert len(count) == 9 * 5
    digest = array.digest()
    with ThreadPoolExecutor(2) as pool:
        again = list(pool.map(array.read, windows(values.shape, (16, 200))))
    assert np.array_equal(np.concatenate(again), values)
    assert array.digest() == digest


unpacked = arrays.unpacked
