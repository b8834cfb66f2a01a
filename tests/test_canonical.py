"""Rewriting files as rasters of our own: how a file is cut into pieces, and that a full disk is noticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from scenes import write_raster

from s2dash.core.types import windows
from s2dash.errors import BrokenResult
from s2dash.ingest import canonical
from s2dash.ingest.assemble.plan import plan_scene
from s2dash.ingest.assemble.values import InputFile, Provenance, ScenePlan
from s2dash.ingest.canonical import piece_shape, raster_name, rewrite
from s2dash.raster.location import FileLocation
from s2dash.settings import INGEST_LIMITS

MOST_BYTES = 64_000_000
TILE = {10: 10_980, 20: 5_490, 60: 1_830}
"""Rows and columns of a full tile by pixel size."""

sides = st.integers(1, 20_000)


def side_of(pixel_bytes: int) -> int:
    """Rows and columns of a raster's blocks."""
    return canonical._block_side(pixel_bytes)


@given(st.tuples(sides, sides), st.tuples(sides, sides), st.integers(1, 3_200), st.integers(1_000_000, MOST_BYTES))
def test_pieces_are_whole_blocks_of_the_raster_and_fit_into_memory(
    shape_rc: tuple[int, int], block_rc: tuple[int, int], pixel_bytes: int, most_bytes: int
) -> None:
    block_rc = (min(block_rc[0], shape_rc[0]), min(block_rc[1], shape_rc[1]))
    rows, cols = piece_shape(shape_rc, block_rc, pixel_bytes, most_bytes)
    side = side_of(pixel_bytes)
    for length, whole in zip((rows, cols), shape_rc, strict=True):
        assert length >= whole or length % side == 0
    is_strip = block_rc[1] == shape_rc[1]
    allowed = INGEST_LIMITS.most_piece_bytes if is_strip else most_bytes
    assert rows * cols * pixel_bytes <= max(allowed, side * side * pixel_bytes)


@pytest.mark.parametrize(("pixel_m", "block"), [(10, 1024), (20, 640), (60, 192), (10, 512), (10, 256), (10, 2048)])
@pytest.mark.parametrize("most_bytes", [MOST_BYTES, MOST_BYTES // 4])
def test_no_block_of_a_real_product_is_decoded_twice(pixel_m: int, block: int, most_bytes: int) -> None:
    side = TILE[pixel_m]
    rows, cols = piece_shape((side, side), (block, block), 2, most_bytes)
    assert rows % block == 0 or rows >= side
    assert cols % block == 0 or cols >= side


def test_strips_are_cut_across_only_where_they_do_not_fit() -> None:
    shape_rc = (TILE[10], TILE[10])
    assert piece_shape(shape_rc, (1, TILE[10]), 20, MOST_BYTES) == (512, TILE[10])
    assert piece_shape(shape_rc, (1, TILE[10]), 800, MOST_BYTES)[1] < TILE[10]


@pytest.mark.parametrize("block", [16, 48, 112, 240])
def test_pixels_stay_where_they_are_whatever_the_blocks(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(0).integers(0, 9_000, (2, 1_100, 700)).astype("uint16")
    path = write_raster(tmp_path / "a.tif", values, tiled=True, blockxsize=block, blockysize=block)
    monkeypatch.setattr(canonical, "_PIECE_BYTES", 1_200_000)
    planned = planned_for(path, tmp_path)
    assert len(list(windows((1_100, 700), piece_shape((1_100, 700), (block, block), 4, 1_200_000)))) > 1
    gathered = rewrite(planned.sources, planned.scene, tmp_path, lambda share: None)
    with rasterio.open(tmp_path / raster_name(0)) as dataset:
        assert np.array_equal(dataset.read(), values)
    assert gathered.valid_counts == [values[0].size] * 2


@pytest.mark.parametrize("missing", [1, 100, 2_000, 20_000, 1_000_000])
def test_a_full_disk_is_noticed(tmp_path: Path, missing: int) -> None:
    resource = pytest.importorskip("resource", reason="this system cannot bound the size of files")
    values = np.random.default_rng(0).integers(0, 60_000, (2, 1_100, 1_100)).astype("uint16")
    planned = planned_for(write_raster(tmp_path / "a.tif", values), tmp_path)
    rewrite(planned.sources, planned.scene, tmp_path, lambda share: None)
    size = (tmp_path / raster_name(0)).stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - missing, before[1]))
    try:
        with pytest.raises(BrokenResult, match="disk may be full"):
            rewrite(planned.sources, planned.scene, tmp_path, lambda share: None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def planned_for(path: Path, folder: Path) -> ScenePlan:
    """The plan to take one file in."""
    return plan_scene([InputFile(FileLocation(path), path.name)], Provenance(path.stem), folder)
