"""Places and areas: true ground area against pyproj's geodesic polygons, decimation, bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod, Transformer

from s2dash.core.grid import Grid, class_counts, decimated_shape, decimation_step

GEOD = Geod(ellps="WGS84")
UTM_10M = Affine(10, 0, 500_000, 0, -10, 5_200_000)
ROTATED_DEGREES = Affine.translation(12, 48) @ Affine.rotation(25) @ Affine.scale(2e-3, -1e-3)


def geodesic_pixel_m2(grid: Grid, row: int, col: int) -> float:
    """Area of a pixel as a polygon on the ellipsoid, its edges densified so that they follow the grid."""
    t = np.linspace(0, 1, 12)[:-1]
    zero, one = np.zeros(11), np.ones(11)
    cols = col + np.concatenate([t, one, 1 - t, zero])
    rows = row + np.concatenate([zero, t, one, 1 - t])
    m = grid.transform
    x, y = m.a * cols + m.b * rows + m.c, m.d * cols + m.e * rows + m.f
    lon, lat = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(x, y)
    area, _ = GEOD.polygon_area_perimeter(lon, lat)
    return abs(area)


@pytest.mark.parametrize(
    "grid",
    [
        Grid((40, 50), Affine(1e-3, 0, 12, 0, -1e-3, 48), "EPSG:4326"),
        Grid((40, 50), Affine(1e-3, 0, -70, 0, 1e-3, -55), "EPSG:4326"),
        Grid((180, 4), Affine(1, 0, 0, 0, -1, 90), "EPSG:4326"),
        Grid((40, 50), ROTATED_DEGREES, "EPSG:4326"),
        Grid((40, 50), Affine(100, 0, 1.3e6, 0, -100, 6.1e6), "EPSG:3857"),
        Grid((40, 50), Affine.translation(1.3e6, 9e6) @ Affine.rotation(40) @ Affine.scale(100, -100), "EPSG:3857"),
    ],
    ids=["degrees", "degrees south-up", "whole meridian", "degrees rotated", "Web Mercator", "Web Mercator rotated"],
)
def test_areas_are_those_of_geodesic_polygons(grid: Grid) -> None:
    areas = np.broadcast_to(grid.pixel_area_m2(), grid.shape_rc)
    for row, col in ((1, 0), (grid.height // 2, grid.width // 2), (grid.height - 2, grid.width - 1)):
        assert areas[row, col] == pytest.approx(geodesic_pixel_m2(grid, row, col), rel=1e-4)


def test_degrees_of_the_whole_earth_add_up_to_its_surface() -> None:
    grid = Grid((720, 720), Affine(0.5, 0, -180, 0, -0.25, 90), "EPSG:4326")
    surface_km2 = np.broadcast_to(grid.pixel_area_m2(), grid.shape_rc).sum() / 1e6
    assert surface_km2 == pytest.approx(510_065_621.7, rel=1e-5)


@pytest.mark.parametrize(
    ("crs", "transform", "expected_m2"),
    [
        ("EPSG:32633", UTM_10M, 100.0),
        ("EPSG:32633", Affine(10, 0, 5e5, 0, 20, 5e6), 200.0),
        ("EPSG:32633", UTM_10M @ Affine.rotation(30), 100.0),
        ("EPSG:2263", Affine(10, 0, 980_000, 0, -10, 200_000), 100 * (1200 / 3937) ** 2),
    ],
    ids=["UTM", "south-up", "rotated", "US survey feet"],
)
def test_projected_areas(crs: str, transform: Affine, expected_m2: float) -> None:
    grid = Grid((3, 4), transform, crs)
    assert np.broadcast_to(grid.pixel_area_m2(), (3, 4)) == pytest.approx(expected_m2, rel=1e-9)


def test_class_areas_of_windows_add_up_to_those_of_the_whole() -> None:
    labels = np.random.default_rng(0).integers(0, 4, (60, 70)).astype(np.uint8)
    for crs, transform in (("EPSG:32633", UTM_10M), ("EPSG:4326", ROTATED_DEGREES), ("EPSG:3857", UTM_10M)):
        grid = Grid((60, 70), transform, crs)
        whole = grid.class_area_ha(labels, 5)
        parts = sum(
            grid.class_area_ha(labels[r : r + 20, c : c + 30], 5, r, c) for r in (0, 20, 40) for c in (0, 30, 60)
        )
        assert whole.shape == (6,)
        assert parts == pytest.approx(whole, rel=1e-12)
        assert whole.sum() == pytest.approx(np.broadcast_to(grid.pixel_area_m2(), (60, 70)).sum() / 1e4)
        assert whole[4:].sum() == 0


@pytest.mark.parametrize("class_count", [2, 5, 20, 21, 255])
def test_classes_are_counted(class_count: int) -> None:
    labels = np.random.default_rng(0).integers(0, class_count + 1, (60, 70)).astype(np.uint8)[:, ::2]
    assert np.array_equal(class_counts(labels, class_count), np.bincount(labels.ravel(), minlength=class_count + 1))


def test_class_area_by_hand() -> None:
    grid = Grid((2, 2), UTM_10M, "EPSG:32633")
    assert list(grid.class_area_ha(np.array([[0, 1], [2, 2]], dtype=np.uint8), 3)) == [0.01, 0.01, 0.02, 0.0]


@pytest.mark.parametrize("crs", [None, "", "no such system", 'LOCAL_CS["site",UNIT["metre",1]]', "EPSG:4978"])
def test_without_a_place_there_is_no_area(crs: str | None) -> None:
    grid = Grid((2, 3), UTM_10M, crs)
    assert not grid.has_place
    assert grid.crs_label is None
    assert grid.bounds_lonlat is None
    assert grid.pixel_size_m is None
    assert np.isnan(grid.pixel_area_m2()).all()
    assert np.isnan(grid.class_area_ha(np.ones((2, 3), dtype=np.uint8), 2)).sum() >= 1


def test_pixel_sizes() -> None:
    assert Grid((2, 2), UTM_10M @ Affine.rotation(30), "EPSG:32633").pixel_size == pytest.approx((10, 10))
    feet = Grid((2, 2), Affine(10, 0, 980_000, 0, -10, 200_000), "EPSG:2263")
    assert feet.pixel_size_m == pytest.approx((3.048, 3.048), rel=1e-5)
    degrees = Grid((2, 2), Affine(1e-4, 0, 12, 0, -1e-4, 60), "EPSG:4326")
    width = GEOD.inv(12, 59.9999, 12.0001, 59.9999)[2]
    height = GEOD.inv(12, 60, 12, 59.9999)[2]
    assert degrees.pixel_size_m == pytest.approx((width, height), rel=1e-4)


def test_crs_label_is_the_code_where_there_is_one() -> None:
    assert Grid((1, 1), UTM_10M, "EPSG:32633").crs_label == "EPSG:32633"
    wkt = "+proj=laea +lat_0=10 +lon_0=20 +units=m"
    assert Grid((1, 1), UTM_10M, wkt).crs_label == wkt


def test_bounds_enclose_every_corner() -> None:
    grid = Grid((300, 200), UTM_10M @ Affine.rotation(20), "EPSG:32633")
    west, south, east, north = grid.bounds_lonlat or (0, 0, 0, 0)
    to_lonlat = Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True)
    for corner in ((0, 0), (200, 0), (0, 300), (200, 300)):
        lon, lat = to_lonlat.transform(*(grid.transform @ corner))
        assert west - 1e-9 <= lon <= east + 1e-9
        assert south - 1e-9 <= lat <= north + 1e-9


def test_bounds_do_not_wrap_around_the_antimeridian() -> None:
    grid = Grid((100, 4000), Affine(10, 0, 800_000, 0, -10, 7_000_000), "EPSG:32660")
    west, _, east, _ = grid.bounds_lonlat or (0, 0, 0, 0)
    assert 0 < east - west < 2
    assert west < 180 < east or east <= 180


sides = st.integers(1, 3_000)


@given(rows=sides, cols=sides, step=st.integers(1, 60))
def test_decimated_shape_is_what_slicing_gives(rows: int, cols: int, step: int) -> None:
    taken = tuple(len(range(step // 2, n, step)) for n in (rows, cols))
    assert decimated_shape((rows, cols), step) == taken


@given(rows=sides, cols=sides, most=st.integers(3_000, 200_000))
def test_decimation_step_is_the_smallest_that_fits(rows: int, cols: int, most: int) -> None:
    step = decimation_step((rows, cols), most)
    assert 1 <= math.prod(decimated_shape((rows, cols), step)) <= most
    if step > 1:
        assert math.prod(decimated_shape((rows, cols), step - 1)) > most


def test_decimated_grid_covers_the_same_ground() -> None:
    grid = Grid((90, 120), UTM_10M, "EPSG:32633")
    coarse = grid.decimated(3)
    assert grid.decimated(1) is grid
    assert coarse.shape_rc == (30, 40)
    assert coarse.bounds_lonlat == pytest.approx(grid.bounds_lonlat)
    assert coarse.transform @ (0.5, 0.5) == grid.transform @ (1.5, 1.5)
