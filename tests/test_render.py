"""Pictures and tiles: stretch and mask, exact colours, and every pixel where pyproj says it is."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from pyproj import CRS, Transformer

from s2dash.core import sentinel2
from s2dash.core.grid import Grid
from s2dash.core.scene import Band, Fill, Layer, Reflectance, Scene
from s2dash.errors import InputError, UnknownName
from s2dash.ingest import sample_scene
from s2dash.raster.location import FileLocation
from s2dash.raster.reading import read_preview_stack
from s2dash.tiles.placing import map_bounds
from s2dash.tiles.render import Picture, tile_png, transparent_tile_png
from s2dash.tiles.stretch import picture_rgba

WORLD_M = 2 * math.pi * 6_378_137.0


def grid_in(crs: str | None, transform: Affine, shape_rc: tuple[int, int]) -> Grid:
    return Grid(shape_rc, transform, CRS.from_user_input(crs).to_wkt() if crs else None)


GRIDS = {
    "UTM": grid_in("EPSG:32618", Affine(10, 0, 420_000, 0, -10, 4_170_000), (700, 900)),
    "UTM, a full tile": grid_in("EPSG:32633", Affine(107, 0, 300_000, 0, -107, 7_800_000), (1026, 1026)),
    "rotated": grid_in(
        "EPSG:32633",
        Affine.translation(500_000, 5_000_000) @ Affine.rotation(33) @ Affine.scale(10, -7),
        (400, 300),
    ),
    "south-up": grid_in("EPSG:32733", Affine(20, 0, 500_000, 0, 20, 6_000_000), (300, 500)),
    "degrees": grid_in("EPSG:4326", Affine(0.0002, 0, 11, 0, -0.0001, 47), (500, 400)),
    "web mercator": grid_in("EPSG:3857", Affine(10, 0, 1_000_003, 0, -10, 6_000_007), (300, 400)),
    "British": grid_in("EPSG:27700", Affine(25, 0, 300_000, 0, -25, 300_000), (147, 300)),
    "feet": grid_in("EPSG:2263", Affine(30, 0, 980_000, 0, -30, 200_000), (200, 260)),
    "one row": grid_in("EPSG:32633", Affine(500, 0, 500_000, 0, -500, 5_000_000), (1, 800)),
    "antimeridian": grid_in("EPSG:32660", Affine(100, 0, 750_000, 0, -100, 100_000), (300, 400)),
    "degrees across the antimeridian": grid_in("EPSG:4326", Affine(0.001, 0, 179.8, 0, -0.001, -16), (300, 400)),
    "round the pole": grid_in("EPSG:3413", Affine(10_000, 0, -900_000, 0, -10_000, 900_000), (180, 180)),
}
placed = pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())


@lru_cache
def place_picture(grid: Grid, step: int = 1) -> Picture:
    """Pixels that say where they come from: red and green the low bytes of row and column, blue the high ones."""
    rows, cols = np.indices(grid.shape_rc)
    channels = rows % 256, cols % 256, rows // 256 * 16 + cols // 256, np.full(grid.shape_rc, 255)
    return Picture(grid, np.stack(channels, axis=-1).astype(np.uint8), step=step)


def decoded(png: bytes | None) -> np.ndarray:
    assert png is not None
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def shown_rc(png: bytes | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which row and column each tile pixel shows, and whether it shows any."""
    r, g, b, a = (decoded(png)[..., i].astype(int) for i in range(4))
    return r + b // 16 * 256, g + b % 16 * 256, a == 255


@lru_cache
def between(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def mercator_of(grid: Grid, row: float, col: float) -> tuple[float, float]:
    """EPSG:3857 of a fractional pixel position by pyproj alone."""
    x, y = grid.transform @ (col, row)
    return between(grid.crs_wkt, "EPSG:3857").transform(x, y)


def tile_pixel_of(x_m: float, y_m: float, z: int) -> tuple[int, int, int, int]:
    """Tile x and y, and row and column in the tile, of a place on the Web Mercator plane."""
    col = math.floor((x_m / WORLD_M + 0.5) % 1 * 2**z * 256)
    row = math.floor((0.5 - y_m / WORLD_M) * 2**z * 256)
    return col // 256, row // 256, row % 256, col % 256


def exact_source_rc(grid: Grid, z: int, x: int, y: int) -> tuple[np.ndarray, np.ndarray]:
    """Fractional row and column under the centre of every fifth tile pixel, each projected by pyproj on its own."""
    centres = (np.arange(0, 256, 5) + 0.5) / 256
    x_m, y_m = np.meshgrid(((x + centres) / 2**z - 0.5) * WORLD_M, (0.5 - (y + centres) / 2**z) * WORLD_M)
    x_crs, y_crs = between("EPSG:3857", grid.crs_wkt).transform(x_m, y_m)
    if grid.crs.is_geographic:
        x_crs = np.where(x_crs < grid.transform.c - 1, x_crs + 360, x_crs)
    with np.errstate(invalid="ignore"):
        cols, rows = ~grid.transform @ (x_crs, y_crs)
    return np.nan_to_num(rows, nan=-1e9), np.nan_to_num(cols, nan=-1e9)


shares = st.floats(0, 1, exclude_max=True)


@placed
@given(z=st.integers(0, 20), down=shares, across=shares)
@settings(max_examples=8)
@example(z=0, down=0.5, across=0.5)
@example(z=3, down=0.5, across=0.5)
@example(z=8, down=0.0, across=0.0)
def test_tile_pixels_show_the_source_pixel_under_their_centre(grid, z, down, across):
    x_m, y_m = mercator_of(grid, down * grid.height, across * grid.width)
    assume(abs(y_m) < WORLD_M / 2)
    x, y, _, _ = tile_pixel_of(x_m, y_m, z)
    rows, cols = exact_source_rc(grid, z, x, y)
    margin = np.minimum.reduce([rows, grid.height - rows, cols, grid.width - cols])
    png = tile_png(place_picture(grid), z, x, y)
    if png is None:
        assert z == 0 or margin.max() < 0.1
        return
    row, col, shown = (values[::5, ::5] for values in shown_rc(png))
    assert np.abs(row + 0.5 - rows)[shown].max(initial=0) < 0.6
    assert np.abs(col + 0.5 - cols)[shown].max(initial=0) < 0.6
    assert not shown[margin < -0.1].any()
    if z > 0:
        assert shown[margin > 0.1].all()


@placed
@given(down=shares, across=shares)
@settings(max_examples=8)
def test_each_pixel_is_shown_where_pyproj_says(grid, down, across):
    row, col = int(down * grid.height), int(across * grid.width)
    x_m, y_m = mercator_of(grid, row + 0.5, col + 0.5)
    beside_m = min(
        math.dist((x_m, y_m), mercator_of(grid, row + 0.5 + dr, col + 0.5 + dc)) for dr, dc in ((0.5, 0), (0, 0.5))
    )
    assume(abs(y_m) < 0.499 * WORLD_M and beside_m < WORLD_M / 2)
    z = math.ceil(math.log2(WORLD_M / 256 / (beside_m / 4)))
    x, y, tile_row, tile_col = tile_pixel_of(x_m, y_m, z)
    rows, cols, shown = shown_rc(tile_png(place_picture(grid), z, x, y))
    assert shown[tile_row, tile_col]
    assert (rows[tile_row, tile_col], cols[tile_row, tile_col]) == (row, col)


def test_tiles_meet_without_gap():
    grid = GRIDS["UTM"]
    x_m, y_m = mercator_of(grid, grid.height / 2, grid.width / 2)
    x, y, _, _ = tile_pixel_of(x_m, y_m, 14)
    left, right = (shown_rc(tile_png(place_picture(grid), 14, x + i, y)) for i in (0, 1))
    step_across = right[1][:, 0] - left[1][:, -1]
    assert left[2].all()
    assert right[2].all()
    assert step_across.min() >= 0
    assert step_across.max() <= 1


@placed
def test_tiles_beside_the_picture_are_none(grid):
    (south, west), (north, _) = map_bounds(grid)
    opposite = int(((west + 180) / 360 + 0.5) % 1 * 64)
    assert tile_png(place_picture(grid), 6, opposite, 63 if south + north > 0 else 0) is None


@pytest.mark.parametrize(("z", "x", "y"), [(-1, 0, 0), (2, 4, 1), (2, -1, 1), (2, 1, 4), (2, 1, -1)])
def test_tiles_off_the_world_are_none(z, x, y):
    world = grid_in("EPSG:3857", Affine(WORLD_M / 64, 0, -WORLD_M / 2, 0, -WORLD_M / 64, WORLD_M / 2), (64, 64))
    assert tile_png(place_picture(world), z, x, y) is None


@placed
def test_bounds_enclose_the_corners(grid):
    (south, west), (north, east) = map_bounds(grid)
    to_lonlat = between(grid.crs_wkt, "EPSG:4326")
    for row, col in ((0, 0), (0, grid.width), (grid.height, 0), (grid.height, grid.width)):
        longitude, latitude = to_lonlat.transform(*(grid.transform @ (col, row)))
        longitude += 360 * (longitude < west - 1e-9)
        assert west - 1e-9 <= longitude <= east + 1e-9
        assert south - 1e-9 <= latitude <= north + 1e-9
    assert -90 < south < north < 90


def test_bounds_round_the_pole_go_all_round():
    (_, west), (north, east) = map_bounds(GRIDS["round the pole"])
    assert (west, east) == (-180, 180)
    assert north == pytest.approx(85.0511, abs=1e-3)


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        ("EPSG:4326", Affine(0.01, 0, 10, 0, -0.01, 500)),
        ("EPSG:32633", Affine(1e300, 0, 1e300, 0, -1e300, 1e300)),
        ("EPSG:32633", Affine(10, 0, math.nan, 0, -10, math.nan)),
    ],
)
def test_coordinates_that_are_not_on_the_earth(crs, transform):
    grid = grid_in(crs, transform, (50, 60))
    with pytest.raises(InputError, match="not on the Earth"):
        map_bounds(grid)
    assert tile_png(place_picture(grid), 0, 0, 0) is None


# Without a place ---------------------------------------------------------------------------------


NO_PLACE = grid_in(None, Affine(3, 1, 2, 0, 5, 7), (300, 520))


def test_without_place_a_tile_at_zoom_0_is_the_pixels_themselves():
    row, col, shown = shown_rc(tile_png(place_picture(NO_PLACE), 0, 1, 1))
    expected_row, expected_col = np.indices((256, 256)) + 256
    assert (shown == (expected_row < 300)).all()
    assert (row[shown] == expected_row[shown]).all()
    assert (col[shown] == expected_col[shown]).all()


@given(z=st.integers(-12, 22), down=shares, across=shares, step=st.integers(1, 12))
@example(z=-1, down=0.0, across=0.0, step=1)
@example(z=-3, down=0.0, across=0.0, step=5)
@settings(max_examples=40)
def test_without_place_tiles_follow_crs_simple(z, down, across, step):
    row_px, col_px = (math.floor(s * n * step * 2.0**z) for s, n in ((down, 300), (across, 520)))
    x, y = col_px // 256, row_px // 256
    rows, cols = (((i * 256 + np.arange(256) + 0.5) / 2.0**z / step) for i in (y, x))
    png = tile_png(place_picture(NO_PLACE, step), z, x, y)
    inside = (rows < 300)[:, None] & (cols < 520)
    if png is None:
        assert not inside.any()
        return
    row, col, shown = shown_rc(png)
    assert np.abs(row + 0.5 - rows[:, None])[shown].max() <= 0.5 + 1e-5
    assert np.abs(col + 0.5 - cols)[shown].max() <= 0.5 + 1e-5
    assert (shown == inside)[(np.abs(rows - 300) > 1e-5)[:, None] & (np.abs(cols - 520) > 1e-5)].all()


def test_without_place_every_second_pixel_is_evenly_spaced():
    row, col, shown = shown_rc(tile_png(place_picture(NO_PLACE), -1, 0, 0))
    assert set(np.diff(row[:150, 0])) == {2}
    assert set(np.diff(col[0][shown[0]])) == {2}


@pytest.mark.parametrize(("x", "y"), [(-1, 0), (0, -1), (3, 0), (0, 2)])
def test_without_place_tiles_beside_are_none(x, y):
    assert tile_png(place_picture(NO_PLACE), 0, x, y) is None


def test_without_place_bounds_span_the_whole_scene():
    assert map_bounds(NO_PLACE) == ((-300.0, 0.0), (0.0, 520.0))
    assert map_bounds(NO_PLACE, step=4) == ((-1200.0, 0.0), (0.0, 2080.0))


def test_size_changes_the_detail_not_the_extent():
    small, large = (shown_rc(tile_png(place_picture(NO_PLACE), 0, 0, 0, size=size)) for size in (256, 512))
    assert large[0].shape == (512, 512)
    assert (large[0][::2, ::2] == small[0]).all()
    assert (large[1][1::2, 1::2] == small[1]).all()


# Colours -----------------------------------------------------------------------------------------


def random_palette(seed: int, first_alpha: int) -> np.ndarray:
    palette = np.random.default_rng(seed).integers(0, 256, (256, 4)).astype(np.uint8)
    palette[0] = 0, 0, 0, first_alpha
    return palette


@pytest.mark.parametrize("first_alpha", [0, 255])
@pytest.mark.parametrize("classes", [1, 3, 16, 256])
def test_palette_colours_are_exact(classes, first_alpha):
    palette = random_palette(classes, first_alpha)
    pixels = np.random.default_rng(1).integers(0, classes, NO_PLACE.shape_rc).astype(np.uint8)
    expected = palette[pixels[:256, :256]]
    assert (decoded(tile_png(Picture(NO_PLACE, pixels, palette), 0, 0, 0)) == expected).all()


@pytest.mark.parametrize("first_alpha", [0, 255])
def test_off_the_picture_is_transparent_whatever_the_palette(first_alpha):
    picture = Picture(NO_PLACE, np.ones(NO_PLACE.shape_rc, dtype=np.uint8), random_palette(0, first_alpha))
    assert (decoded(tile_png(picture, 0, 0, 1))[44:, :, 3] == 0).all()


def test_rgba_colours_and_opacities_are_exact():
    pixels = np.random.default_rng(2).integers(0, 256, (*NO_PLACE.shape_rc, 4)).astype(np.uint8)
    assert (decoded(tile_png(Picture(NO_PLACE, pixels), 0, 1, 0)) == pixels[:256, 256:512]).all()


def test_labels_make_small_palette_tiles():
    picture = Picture(NO_PLACE, np.ones(NO_PLACE.shape_rc, dtype=np.uint8), random_palette(0, 0))
    png = tile_png(picture, 0, 0, 0)
    assert png is not None
    assert Image.open(io.BytesIO(png)).mode == "P"
    assert len(png) < 1000


def test_transparent_tile():
    assert (decoded(transparent_tile_png()) == 0).all()
    assert decoded(transparent_tile_png()).shape == (256, 256, 4)


def test_picture_keeps_read_only_views_and_leaves_the_callers_arrays_alone():
    pixels = np.zeros((600, 520), dtype=np.uint8)
    picture = Picture(NO_PLACE, pixels[::2], random_palette(0, 0))
    assert not picture.pixels.flags.writeable
    assert picture.pixels.flags.c_contiguous
    assert pixels.flags.writeable


@pytest.mark.parametrize(
    ("shape", "dtype", "palette", "step"),
    [
        ((300, 519), np.uint8, random_palette(0, 0), 1),
        ((300, 520), np.uint16, random_palette(0, 0), 1),
        ((300, 520), np.uint8, random_palette(0, 0)[:8], 1),
        ((300, 520), np.uint8, None, 1),
        ((300, 520, 3), np.uint8, None, 1),
        ((300, 520, 4), np.uint8, None, 0),
    ],
)
def test_pictures_that_do_not_fit_are_refused(shape, dtype, palette, step):
    with pytest.raises(ValueError, match="must be"):
        Picture(NO_PLACE, np.zeros(shape, dtype=dtype), palette, step)


# Stretch -----------------------------------------------------------------------------------------


def scene_of(stack: np.ndarray, names: tuple[str, ...], nodata: float | None = None) -> Scene:
    grid = grid_in("EPSG:32633", Affine(10, 0, 500_000, 0, -10, 5_000_000), stack.shape[1:])
    return Scene(
        title="made up",
        grid=grid,
        bands=tuple(Band(name, sentinel2.standard_band_name(name)) for name in names),
        layers=tuple(Layer(FileLocation(Path("absent.tif")), i, grid) for i in range(1, len(names) + 1)),
        dtype=str(stack.dtype),
        nodata=(nodata,) * len(names),
        reflectance=Reflectance(10_000, (0,) * len(names), "made up"),
        digest="made up",
        # As reading finds it where no tag says what stands for no data.
        fills=() if nodata is not None else (Fill(0, tuple(range(len(names)))),),
    )


RGB = ("B04", "B03", "B02")


def made_up_stack(dtype: str = "uint16") -> np.ndarray:
    return np.random.default_rng(3).integers(500, 3000, (3, 40, 50)).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "float64"])
def test_picture_is_read_only_rgba_of_the_stack(dtype):
    stack = made_up_stack(dtype)
    before = stack.copy()
    rgba = picture_rgba(scene_of(stack, RGB), stack, RGB)
    assert rgba.shape == (40, 50, 4)
    assert rgba.dtype == np.uint8
    assert not rgba.flags.writeable
    assert (stack == before).all()


def test_masked_pixels_are_transparent_and_the_rest_opaque():
    stack = made_up_stack()
    stack[:, :5] = 0
    stack[0, 6, 7] = 0
    rgba = picture_rgba(scene_of(stack, RGB), stack, RGB)
    assert (rgba[:5] == 0).all()
    assert (rgba[5:, :, 3] == 255).all()
    tagged = picture_rgba(scene_of(stack, RGB, nodata=0), stack, RGB)
    assert tagged[6, 7, 3] == 0


def test_the_mask_does_not_bend_the_stretch():
    stack = made_up_stack()
    padded = np.concatenate([np.zeros((3, 200, 50), dtype=np.uint16), stack], axis=1)
    alone, beside = (picture_rgba(scene_of(s, RGB), s, RGB) for s in (stack, padded))
    assert (alone == beside[200:]).all()


def test_nothing_valid_is_all_transparent():
    stack = np.zeros((3, 4, 5), dtype=np.uint16)
    assert (picture_rgba(scene_of(stack, RGB), stack, RGB) == 0).all()


def test_one_band_three_times_is_grey_and_keeps_its_order():
    stack = made_up_stack()[:1]
    rgba = picture_rgba(scene_of(stack, ("B04",)), stack, ("B04",) * 3).astype(int)
    assert (rgba[..., 0] == rgba[..., 1]).all()
    assert (rgba[..., 1] == rgba[..., 2]).all()
    assert (np.diff(rgba[..., 0].ravel()[np.argsort(stack[0].ravel())]) >= 0).all()
    assert rgba[..., 0].min() == 0
    assert rgba[..., 0].max() == 255


@pytest.mark.parametrize("value", [0.25, -3e29, 1e30])
def test_a_constant_band_is_mid_grey(value):
    stack = np.full((1, 4, 5), value)
    assert (picture_rgba(scene_of(stack, ("x",)), stack, ("x",) * 3) == (128, 128, 128, 255)).all()


def test_what_is_no_measurement_is_transparent():
    stack = made_up_stack("float64")
    stack[0, 0, :4] = np.nan, np.inf, -np.inf, 1e308
    stack[1, 1, 0] = -1e308
    rgba = picture_rgba(scene_of(stack, RGB), stack, RGB)
    assert list(rgba[0, :4, 3]) == [0, 0, 0, 0]
    assert rgba[1, 0, 3] == 0


def test_visible_light_keeps_its_hue_where_other_bands_fill_their_range():
    stack = made_up_stack("float32")
    stack[2] = 1500 + (stack[2] - 1500) / 10
    spread = {
        names: np.ptp(picture_rgba(scene_of(stack, names), stack, names).astype(int), axis=(0, 1))
        for names in (RGB, ("B08", "B04", "B03"))
    }
    assert spread[RGB][0] == 255
    assert spread[RGB][2] < 200
    assert list(spread["B08", "B04", "B03"][:3]) == [255, 255, 255]


def test_bands_are_found_by_name_and_missing_ones_named():
    stack = made_up_stack()
    scene = scene_of(stack, RGB)
    assert (picture_rgba(scene, stack, ("B4", "b03", "B02")) == picture_rgba(scene, stack, RGB)).all()
    with pytest.raises(UnknownName, match="B08"):
        picture_rgba(scene, stack, ("B08", "B04", "B03"))
    with pytest.raises(ValueError, match="3 band names"):
        picture_rgba(scene, stack, ("B04",))


def test_the_coast_looks_like_a_coast():
    (path,) = sample_scene().paths
    with rasterio.open(path) as dataset:
        names = tuple(dataset.descriptions)
    made_up = scene_of(np.zeros((13, 768, 768), dtype=np.uint16), names)
    scene = replace(made_up, layers=tuple(replace(layer, location=FileLocation(path)) for layer in made_up.layers))
    stack = read_preview_stack(scene)
    rgb = picture_rgba(scene, stack, RGB)[..., :3].astype(int)
    assert 70 < np.median(rgb) < 160
    fields, open_sea = rgb[375:400, 5:50].mean(axis=(0, 1)), rgb[650:740, 660:740].mean(axis=(0, 1))
    assert np.argmax(fields) == 1
    assert np.argmin(open_sea) == 0
