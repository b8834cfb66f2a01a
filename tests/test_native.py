"""Tiles at native resolution: the pixels of the whole at full resolution, read in cells, kept, and let go again."""

from __future__ import annotations

import dataclasses
import io
import itertools
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from field_scenes import outside, write_clip
from loose import placed, taken_in, write_band
from PIL import Image
from pyproj import Transformer
from scenes import DEGREES, ROTATED, SOUTH_UP, UTM, UTM_10M, land_cover, make_scene, prepared_on
from waiting import wait_until

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.classify.features import smoothed_preview
from s2dash.classify.pipeline import Fitted
from s2dash.classify.smoothing import smoothed
from s2dash.core.classmap import Result
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.scene import Scene
from s2dash.core.types import Window
from s2dash.errors import PixelsGone
from s2dash.raster.reading import SceneReader, read_preview_stack
from s2dash.settings import NativeLimits
from s2dash.tiles import details, levels
from s2dash.tiles.levels import levels_of
from s2dash.tiles.native import NativeTiles
from s2dash.tiles.placing import covered_pixels
from s2dash.tiles.render import Picture, tile_png
from s2dash.tiles.stretch import PICTURE_MASKING, stretch_of

RGB = ("B04", "B03", "B02")
SHAPE_RC = (560, 640)
LIVE_STEP = 9


@pytest.fixture(autouse=True)
def small_live_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenes of this file are larger than their live picture, by a step of 9 or so, and cells are small."""
    monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 4_600)
    monkeypatch.setattr(levels, "_NATIVE_CELL_SIDE", 96)
    monkeypatch.setattr(levels, "_BETWEEN_CELL_SIDE", 64)


@pytest.fixture
def tiles() -> NativeTiles:
    return NativeTiles()


def the_scene(folder: Path, **how: Any) -> Scene:
    scene = make_scene(folder, **{"shape_rc": SHAPE_RC, **how})
    assert scene.live_step == LIVE_STEP
    return scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """With pixels of no data across cells' edges."""
    hidden = (slice(80, 130), slice(150, 210))
    return the_scene(tmp_path, nodata=0, masked=[hidden, (slice(300, 301), slice(0, 640))])


def small_recipe(scene: Scene, **changes: Any) -> Recipe:
    return dataclasses.replace(default_recipe(scene).plain(), k=5, sample=2_000, **changes)


def decoded(png: bytes | None) -> np.ndarray:
    assert png is not None
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def coloured() -> np.ndarray:
    """A colour for each of 255 classes."""
    table = np.random.default_rng(0).integers(0, 256, (256, 4)).astype(np.uint8)
    table[:, 3] = 255
    table[0] = 0
    return table


def zoom_where(scene: Scene, low: float, high: float) -> int:
    """A zoom at which a pixel of a tile covers from `low` to `high` pixels of the scene."""
    return next(z for z in range(25, -13, -1) if low <= covered_pixels(scene.grid, z) < high)


def some_tiles(scene: Scene, z: int) -> list[tuple[int, int, int]]:
    """The tiles under nine places of the scene, its corners among them."""
    shares = (0.001, 0.5, 0.999)
    found = []
    for down in shares:
        for across in shares:
            row, col = down * scene.grid.height, across * scene.grid.width
            if scene.grid.has_place:
                x_m, y_m = _mercator(scene, row, col)
                whole = 2 * math.pi * 6_378_137
                found.append((z, math.floor((x_m / whole + 0.5) * 2**z), math.floor((0.5 - y_m / whole) * 2**z)))
            else:
                found.append((z, math.floor(col * 2.0**z / 256), math.floor(row * 2.0**z / 256)))
    return sorted(set(found))


def _mercator(scene: Scene, row: float, col: float) -> tuple[float, float]:
    x, y = scene.grid.transform @ (col, row)
    return Transformer.from_crs(scene.grid.crs_wkt, "EPSG:3857", always_xy=True).transform(x, y)


def whole_pictures(scene: Scene) -> dict[int, np.ndarray]:
    """The picture of every pixel in the preview's stretch, RGBA, and of every n-th, by step."""
    stretch = stretch_of(scene, read_preview_stack(scene), RGB)
    with SceneReader(scene) as reader:
        pixels = reader.read(stretch.positions, Window(0, 0, *scene.grid.shape_rc), PICTURE_MASKING)
    return every_nth(scene, stretch.rgba(pixels.values, pixels.valid))


def every_nth(scene: Scene, whole: np.ndarray) -> dict[int, np.ndarray]:
    steps = [level.step for level in levels_of(scene)]
    return {step: np.ascontiguousarray(whole[step // 2 :: step, step // 2 :: step]) for step in steps}


def assert_tiles_of(scene: Scene, expected: dict[int, np.ndarray], palette: np.ndarray | None, detail: Any) -> None:
    """A picture that holds nothing but a detail shows what whole pictures show, from each level."""
    step = scene.live_step
    blank = np.zeros((*scene.grid.decimated(step).shape_rc, *((4,) if palette is None else ())), dtype=np.uint8)
    picture = Picture(scene.grid.decimated(step), blank, palette, step, detail)
    finer = [step, *sorted(expected, reverse=True)]
    for coarse, level_step in itertools.pairwise(finer):
        whole = Picture(scene.grid.decimated(level_step), expected[level_step], palette, level_step)
        z = zoom_where(scene, level_step if level_step > 1 else 0.9, coarse)
        shown = 0
        for address in some_tiles(scene, z):
            mine, theirs = decoded(tile_png(picture, *address)), tile_png(whole, *address)
            shown += np.count_nonzero(mine[..., 3])
            if theirs is None:
                assert (mine[..., 3] == 0).all()
            else:
                assert (mine == decoded(theirs)).all(), (level_step, address)
        assert shown > 5_000


PLACES = {
    "UTM": (UTM, UTM_10M),
    "rotated": (UTM, ROTATED),
    "south-up": (UTM, SOUTH_UP),
    "degrees": ("EPSG:4326", DEGREES),
    "no place": (None, Affine.identity()),
}


@pytest.mark.parametrize("place", PLACES)
def test_tiles_are_those_of_the_picture_at_full_resolution(tmp_path: Path, tiles: NativeTiles, place: str) -> None:
    crs, transform = PLACES[place]
    scene = the_scene(tmp_path, crs=crs, transform=transform, masked=[(slice(90, 130), slice(150, 200))])
    detail = details.of_picture(tiles, scene, stretch_of(scene, read_preview_stack(scene), RGB))
    assert_tiles_of(scene, whole_pictures(scene), None, detail)


RECIPES: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "indices": {"indices": ("NDVI",)},
    "smoothed": {"smooth": 3},
    "smoothed, with an index": {"smooth": 3, "indices": ("NDWI",), "scale": "robust"},
    "unmasked": {"mask": "none"},
    "haze": {"atmosphere": "dos1", "indices": ("NDVI",)},
    "components": {"pca": 0.95, "indices": ("NDVI",)},
    "mixture of components": {"algorithm": "gaussian-mixture", "pca": 2},
    "mixture": {"algorithm": "gaussian-mixture"},
    "angles": {"algorithm": "spectral-angle-kmeans", "scale": "none"},
    "angles without haze": {"algorithm": "spectral-angle-kmeans", "scale": "none", "atmosphere": "dos1"},
    "two bands": {"bands": ("B08", "B03"), "clip": (2.0, 98.0)},
}


def full_run(fitted: Fitted, folder: Path) -> tuple[Result, np.ndarray]:
    result = pipeline.run_full(fitted, folder / "labels.tif")
    assert result.classmap.path is not None
    with rasterio.open(result.classmap.path) as dataset:
        return result, dataset.read(1)


@pytest.mark.parametrize("choice", RECIPES)
def test_classes_are_those_of_the_full_run(scene: Scene, tmp_path: Path, tiles: NativeTiles, choice: str) -> None:
    fitted = pipeline.fitted_to(scene, small_recipe(scene, **RECIPES[choice]))
    result, labels = full_run(fitted, tmp_path)
    assert len(np.unique(labels)) > 3
    for detail in (details.of_classes(tiles, fitted, "live"), details.of_finished(tiles, result)):
        assert_tiles_of(scene, every_nth(scene, labels), coloured(), detail)


def test_classes_smoothed_along_edges_are_those_of_the_whole_in_one_array(
    scene: Scene, tiles: NativeTiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = pipeline.fitted_to(scene, small_recipe(scene, transform="sqrt", components=4, smooth="edge"))
    with monkeypatch.context() as patch:
        patch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", scene.grid.pixel_count)
        whole = dataclasses.replace(scene)
        assert whole.live_step == 1
        labels = pipeline.run_live(fitted.on(whole)).classmap.labels
    assert labels is not None
    assert len(np.unique(labels)) > 3
    assert_tiles_of(scene, every_nth(scene, labels), coloured(), details.of_classes(tiles, fitted, "live"))


def test_bands_of_several_grids_are_brought_together_as_in_the_full_run(tmp_path: Path, tiles: NativeTiles) -> None:
    cover = land_cover((280, 320), ("B02", "B03", "B04", "B05", "B8A")).astype(np.uint16)
    fine, coarse = placed((560, 640), 10), placed((280, 320), 20, (4, 8))
    paths = [
        write_band(tmp_path / f"{name}.tif", np.kron(band, np.ones((2, 2), dtype=np.uint16)), fine)
        for name, band in zip(("B02", "B03", "B04"), cover, strict=False)
    ]
    paths += [
        write_band(tmp_path / f"{name}.tif", band, coarse) for name, band in zip(("B05", "B8A"), cover[3:], strict=True)
    ]
    scene = taken_in(paths, tmp_path)
    assert len(scene.grids) == 2
    assert scene.live_step > 4
    fitted = pipeline.fitted_to(scene, small_recipe(scene))
    _, labels = full_run(fitted, tmp_path)
    assert_tiles_of(scene, every_nth(scene, labels), coloured(), details.of_classes(tiles, fitted, "live"))
    assert_tiles_of(
        scene,
        whole_pictures(scene),
        None,
        details.of_picture(tiles, scene, stretch_of(scene, read_preview_stack(scene), RGB)),
    )


def test_the_preview_serves_while_it_is_fine_enough(scene: Scene, tiles: NativeTiles) -> None:
    fitted = pipeline.fitted_to(scene, small_recipe(scene))
    detail = details.of_classes(tiles, fitted, "live")
    assert detail is not None
    for z in range(20):
        is_fine_enough = covered_pixels(scene.grid, z) >= scene.live_step
        for address in some_tiles(scene, z)[:1]:
            assert (detail.tile(*address, 256) is None) == is_fine_enough


def test_scenes_that_are_their_own_live_picture_have_no_detail(tmp_path: Path, tiles: NativeTiles) -> None:
    scene = make_scene(tmp_path, shape_rc=(60, 70))
    stack = read_preview_stack(scene)
    fitted = pipeline.fitted_to(scene, small_recipe(scene))
    assert levels_of(scene) == ()
    assert details.of_picture(tiles, scene, stretch_of(scene, stack, RGB)) is None
    assert details.of_classes(tiles, fitted, "live") is None
    assert details.of_finished(tiles, pipeline.run_live(fitted)) is None
    tiles.prepare(scene)


def test_a_small_scene_needs_no_level_between(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, shape_rc=(220, 240))
    assert 1 < scene.live_step < 5
    assert [level.step for level in levels_of(scene)] == [1]


# ---- what is read, and what is kept --------------------------------------------------------------------------------


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows by each window that is read of a scene."""
    seen: list[object] = []

    def counting(name: str) -> Callable[..., Any]:
        method = getattr(SceneReader, name)

        def counted(reader: SceneReader, *args: Any) -> Any:
            seen.append(args)
            return method(reader, *args)

        return counted

    for name in ("read", "stack"):
        monkeypatch.setattr(SceneReader, name, counting(name))
    return seen


def test_another_colour_or_an_isolated_class_reads_nothing(
    scene: Scene, tiles: NativeTiles, reads: list[object]
) -> None:
    fitted = pipeline.fitted_to(scene, small_recipe(scene))
    address = some_tiles(scene, zoom_where(scene, 0.5, 2))[4]
    first = details.of_classes(tiles, fitted, "live")
    assert first is not None
    labels = first.tile(*address, 256)
    tiles.cells.drop_idle(-1)
    reads.clear()
    again = details.of_classes(tiles, fitted, "live")
    assert again is not None
    assert again.tile(*address, 256) is labels
    assert not reads


def test_other_classes_of_the_same_bands_read_nothing_either(
    scene: Scene, tiles: NativeTiles, reads: list[object]
) -> None:
    address = some_tiles(scene, zoom_where(scene, 0.5, 2))[4]
    for number, changes in enumerate(({"k": 4}, {"k": 6, "scale": "none"}, {"algorithm": "gaussian-mixture"})):
        fitted = pipeline.fitted_to(scene, dataclasses.replace(small_recipe(scene), **changes))
        detail = details.of_classes(tiles, fitted, f"{number}")
        assert detail is not None
        reads.clear()
        assert len(np.unique(detail.tile(*address, 256))) > 2
        assert bool(reads) == (number == 0)


def test_a_tile_reads_its_surroundings_only(scene: Scene, tiles: NativeTiles, reads: list[object]) -> None:
    detail = details.of_picture(tiles, scene, stretch_of(scene, read_preview_stack(scene), RGB))
    assert detail is not None
    reads.clear()
    detail.tile(*some_tiles(scene, zoom_where(scene, 0.1, 0.3))[4], 256)
    assert 1 <= len(reads) <= 4


def test_levels_between_are_gathered_once_and_then_read_from_their_copies(
    scene: Scene, tiles: NativeTiles, reads: list[object]
) -> None:
    reads.clear()
    tiles.prepare(scene)
    tiles.prepare(scene)
    _, *between = levels_of(scene)
    wait_until(lambda: len(reads) == sum(len(level.cells) for level in between))
    stack = read_preview_stack(scene)
    reads.clear()
    detail = details.of_picture(tiles, scene, stretch_of(scene, stack, RGB))
    assert detail is not None
    # The last cell is written a moment after it was read.
    wait_until(lambda: all(tiles.between(scene, level).share == 1 for level in between))
    for level, following in itertools.pairwise([*(level.step for level in between), scene.live_step]):
        for address in some_tiles(scene, zoom_where(scene, level, following)):
            detail.tile(*address, 256)
    assert not reads


def test_a_full_disk_stops_no_look_at_the_map(
    scene: Scene, tiles: NativeTiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=0))
    detail = details.of_picture(tiles, scene, stretch_of(scene, read_preview_stack(scene), RGB))
    assert_tiles_of(scene, whole_pictures(scene), None, detail)
    assert tiles.between(scene, levels_of(scene)[1]).share == 0


def test_pictures_do_not_hold_samples(scene: Scene, tiles: NativeTiles) -> None:
    detail = details.of_classes(
        tiles, pipeline.fitted_to(scene, small_recipe(scene, algorithm="gaussian-mixture")), "live"
    )
    assert detail is not None
    assert detail.fitted.sample.pixel_count == 0
    assert 0 < detail.nbytes < 10_000


# ---- files that go -------------------------------------------------------------------------------------------------


IMPATIENT = NativeLimits(cell_idle_seconds=0.1, file_idle_seconds=0.1)


def test_nothing_stays_open_or_in_memory_once_nobody_looks(scene: Scene, tmp_path: Path) -> None:
    tiles = NativeTiles(IMPATIENT)
    fitted = pipeline.fitted_to(scene, small_recipe(scene))
    result, _ = full_run(fitted, tmp_path)
    for detail in (details.of_classes(tiles, fitted, "live"), details.of_finished(tiles, result)):
        assert detail is not None
        detail.tile(*some_tiles(scene, zoom_where(scene, 0.5, 2))[4], 256)
    assert tiles.cells.byte_count > 0
    wait_until(lambda: tiles.open_files == 0 and tiles.cells.byte_count == 0)


def test_the_copy_of_a_scene_that_was_removed_goes(scene: Scene) -> None:
    tiles = NativeTiles(IMPATIENT)
    tiles.prepare(scene)
    folders = [tiles.between(scene, level)._folder.path for level in levels_of(scene)[1:]]
    assert folders
    assert all(folder.exists() for folder in folders)
    scene.paths[0].unlink()
    wait_until(lambda: not any(folder.exists() for folder in folders))


def test_files_that_are_gone_are_said_to_be(scene: Scene, tmp_path: Path, tiles: NativeTiles) -> None:
    fitted = pipeline.fitted_to(scene, small_recipe(scene))
    stretch = stretch_of(scene, read_preview_stack(scene), RGB)
    result, _ = full_run(fitted, tmp_path)
    assert result.classmap.path is not None
    result.classmap.path.unlink()
    scene.paths[0].unlink()
    for detail in (
        details.of_classes(tiles, fitted, "live"),
        details.of_finished(tiles, result),
        details.of_picture(tiles, scene, stretch),
    ):
        assert detail is not None
        for covered in ((0.5, 2), (4, 6)):
            with pytest.raises(PixelsGone):
                detail.tile(*some_tiles(scene, zoom_where(scene, *covered))[0], 256)


# ---- the smoothed preview ------------------------------------------------------------------------------------------


@pytest.fixture(params=[(560, 640), (561, 643), (97, 1_301)])
def odd_scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    return make_scene(tmp_path, shape_rc=request.param, nodata=0, masked=[(slice(20, 40), slice(30, 55))])


def test_the_smoothed_preview_is_every_nth_of_the_smoothed_whole(odd_scene: Scene) -> None:
    recipe = small_recipe(odd_scene, smooth=3)
    step = odd_scene.live_step
    with SceneReader(odd_scene) as reader:
        pixels = reader.read(range(4), Window(0, 0, *odd_scene.grid.shape_rc))
    found = smoothed_preview(prepared_on(odd_scene, recipe))
    assert np.array_equal(found.values, smoothed(pixels.values, pixels.valid)[:, step // 2 :: step, step // 2 :: step])
    assert np.array_equal(found.valid, pixels.valid[step // 2 :: step, step // 2 :: step])


@pytest.mark.parametrize("fill", [0, -9999])
def test_fill_that_no_tag_states_shows_nothing_in_tiles(tmp_path: Path, tiles: NativeTiles, fill: float) -> None:
    path = write_clip(tmp_path / "clip.tif", "float32", fill, shape_rc=SHAPE_RC)
    scene = replace_preview(ingest.ingest(path, tmp_path / "taken in"))
    assert scene.live_step == LIVE_STEP
    fitted = pipeline.fitted_to(scene, small_recipe(scene))
    result, labels = full_run(fitted, tmp_path)
    assert np.array_equal(labels == 0, outside(SHAPE_RC))
    for detail in (details.of_classes(tiles, fitted, "live"), details.of_finished(tiles, result)):
        assert_tiles_of(scene, every_nth(scene, labels), coloured(), detail)


def replace_preview(scene: Scene) -> Scene:
    """The scene without the copy that was gathered under another limit."""
    return dataclasses.replace(scene, previews=())
