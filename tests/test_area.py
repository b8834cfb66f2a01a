"""Polygons as a mask: what is read from GeoJSON and GeoPackage, where it is burnt, and hostile files of both kinds.

Further kinds are in test_area_vectors.py.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import sqlite3
import struct
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from s2dash.core.grid import Grid
from s2dash.core.types import Window, windows
from s2dash.errors import UnreadableFile
from s2dash.ingest.area.placing import area_on, areas_on, burn
from s2dash.ingest.area.polygons import read_area, read_areas
from s2dash.ingest.area.shapes import Area
from s2dash.settings import AreaLimits

UTM = CRS.from_epsg(32633).to_wkt()
LON_LAT = CRS.from_epsg(4326).to_wkt()
GRIDS = {
    "utm": Grid((60, 80), Affine(10, 0, 500_000, 0, -10, 5_300_000), UTM),
    "degrees": Grid((60, 80), Affine(1e-4, 0, 15, 0, -1e-4, 47.85), LON_LAT),
    "south-up": Grid((60, 80), Affine(10, 0, 500_000, 0, 10, 5_299_000), UTM),
    "rotated": Grid(
        (60, 80), Affine.translation(500_000, 5_300_000) @ Affine.rotation(25) @ Affine.scale(10, -10), UTM
    ),
    "sheared": Grid((60, 80), Affine(10, 3, 500_000, -2, -12, 5_300_000), UTM),
}
SQUARE = [[15.0, 47.84], [15.005, 47.84], [15.005, 47.845], [15.0, 47.845], [15.0, 47.84]]
FEW = AreaLimits(most_bytes=20_000, most_vertices=100, most_polygons=10)

given_files = settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])


# ------------------------------------------------------------------------------------------------ writing


def write_json(path: Path, document: Any) -> Path:
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def feature(geometry: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"type": "Wald", "n": [1, {"a": None}]}, "geometry": geometry}


def collection(*geometries: Any, **members: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": [feature(g) for g in geometries], **members}


def gp_blob(
    geometry: shapely.Geometry,
    *,
    srs_id: int = 4326,
    envelope: int = 1,
    big_endian: bool = False,
    flavour: str = "iso",
    flags: int = 0,
) -> bytes:
    """A GeoPackage geometry: header, envelope of any kind, WKB."""
    order = ">" if big_endian else "<"
    numbers = (0, 4, 6, 6, 8)[envelope]
    head = b"GP" + bytes([0, flags | envelope << 1 | (not big_endian)]) + struct.pack(f"{order}i", srs_id)
    wkb = shapely.to_wkb(geometry, byte_order=0 if big_endian else 1, flavor=flavour)
    return head + struct.pack(f"{order}{numbers}d", *range(numbers)) + wkb


def write_geopackage(
    path: Path,
    blobs: list[Any],
    *,
    table: str = "fields",
    column: str = "geom",
    kind: str = "POLYGON",
    srs_id: int = 4326,
    system: tuple[str, int, str] | None = ("EPSG", 4326, ""),
    script: str = "",
) -> Path:
    """A GeoPackage with one layer; `script` runs at the end, in place of the layer's table where it makes one."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.executescript(
            "CREATE TABLE gpkg_contents (table_name TEXT PRIMARY KEY, data_type TEXT, identifier TEXT,"
            " description TEXT, last_change DATETIME,"
            " min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER);"
            "CREATE TABLE gpkg_geometry_columns (table_name TEXT, column_name TEXT, geometry_type_name TEXT,"
            " srs_id INTEGER, z TINYINT, m TINYINT);"
            "CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT, srs_id INTEGER PRIMARY KEY, organization TEXT,"
            " organization_coordsys_id INTEGER, definition TEXT, description TEXT);"
        )
        add_layer(db, table, column, kind, srs_id)
        if system:
            db.execute("INSERT INTO gpkg_spatial_ref_sys VALUES ('a', ?, ?, ?, ?, NULL)", (srs_id, *system))
        if blobs:
            create_table(db, table, column)
            db.execute("BEGIN")
            db.executemany(f"INSERT INTO {quoted(table)} VALUES (NULL, ?)", [(blob,) for blob in blobs])
            db.execute("COMMIT")
        db.executescript(script)
    return path


def add_layer(db: sqlite3.Connection, table: str, column: str, kind: str, srs_id: int = 4326) -> None:
    db.execute("INSERT INTO gpkg_contents (table_name, data_type, srs_id) VALUES (?, 'features', ?)", (table, srs_id))
    db.execute("INSERT INTO gpkg_geometry_columns VALUES (?, ?, ?, ?, 0, 0)", (table, column, kind, srs_id))


def create_table(db: sqlite3.Connection, table: str, column: str) -> None:
    db.execute(f"CREATE TABLE {quoted(table)} (fid INTEGER PRIMARY KEY, {quoted(column)} BLOB)")


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def refused(path: Path, limits: AreaLimits | None = None) -> str:
    """The message with which a file is refused; it names the file and is short."""
    with pytest.raises(UnreadableFile) as caught:
        read_area(path, limits) if limits else read_area(path)
    message = str(caught.value)
    assert message.startswith(path.name)
    assert len(message) < 300
    assert message.endswith(".")
    return message


def centres(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    cols, rows = np.meshgrid(np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5)
    t = grid.transform
    return t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f


def inside(geometry: shapely.Geometry, grid: Grid) -> np.ndarray:
    """What `burn` must give, by shapely; polygons may overlap."""
    x, y = centres(grid)
    found = [shapely.contains_xy(part, x, y) for part in shapely.get_parts(geometry)]
    return np.logical_or.reduce(found).astype(np.uint8)


def whole(grid: Grid) -> Window:
    return Window(0, 0, grid.height, grid.width)


def at_pixels(grid: Grid, points: Any) -> list[tuple[float, float]]:
    """CRS coordinates of columns and rows."""
    return [grid.transform @ (col, row) for col, row in points]


def area_of(geometry: shapely.Geometry, crs: str = UTM) -> Area:
    return Area(geometry, crs, len(shapely.get_parts(geometry)), (), "fields.geojson")


# ------------------------------------------------------------------------------------------------ burning


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
class TestBurning:
    def test_square_by_hand(self, grid: Grid) -> None:
        square = shapely.Polygon(at_pixels(grid, [(10.4, 20.4), (30.4, 20.4), (30.4, 25.6), (10.4, 25.6)]))
        burnt = burn(area_of(square, grid.crs_wkt or ""), grid, whole(grid))
        expected = np.zeros(grid.shape_rc, np.uint8)
        expected[20:26, 10:30] = 1
        assert burnt.dtype == np.uint8
        assert np.array_equal(burnt, expected)

    @settings(max_examples=40)
    @given(seed=st.integers(0, 10_000))
    def test_agrees_with_shapely(self, grid: Grid, seed: int) -> None:
        rng = np.random.default_rng(seed)
        parts = []
        for _ in range(int(rng.integers(1, 5))):
            hull = shapely.Polygon(at_pixels(grid, rng.uniform([-20, -20], [100, 80], (12, 2)))).buffer(0)
            hole = shapely.Polygon(at_pixels(grid, rng.uniform([0, 0], [80, 60], (3, 2))))
            parts += [p for p in shapely.get_parts(hull.difference(hole)) if p.geom_type == "Polygon"]
        if not parts:
            return
        area = area_of(shapely.multipolygons(parts), grid.crs_wkt or "")
        assert np.array_equal(burn(area, grid, whole(grid)), inside(area.geometry, grid))

    def test_windows_join_without_seams(self, grid: Grid) -> None:
        rng = np.random.default_rng(5)
        shape = shapely.Polygon(at_pixels(grid, rng.uniform([0, 0], [80, 60], (40, 2)))).buffer(0)
        area = area_of(shape, grid.crs_wkt or "")
        joined = np.empty(grid.shape_rc, np.uint8)
        for window in windows(grid.shape_rc, (7, 33)):
            joined[window.slices_rc] = burn(area, grid, window)
        assert np.array_equal(joined, burn(area, grid, whole(grid)))

    def test_neighbours_leave_no_gap_and_do_not_depend_on_direction(self, grid: Grid) -> None:
        """Common edges through pixel centres: each pixel belongs to at least one, whichever way rings run."""
        slices = np.linspace(0, 80, 17)
        parts = [
            shapely.Polygon(at_pixels(grid, [(a, 0), (b, 0), (b - 5, 60), (a - 5, 60)])[:: (-1) ** n])
            for n, (a, b) in enumerate(itertools.pairwise(slices))
        ]
        burnt = burn(area_of(shapely.multipolygons(parts), grid.crs_wkt or ""), grid, whole(grid))
        assert burnt[1:-1, 1:74].all()

    def test_goes_through_a_file_to_the_grid_of_the_scene(self, grid: Grid, tmp_path: Path) -> None:
        """Written in degrees, read, brought over, burnt: the same as in the scene's own coordinates."""
        own = shapely.Polygon(at_pixels(grid, [(5.3, 4.2), (70.1, 9.7), (61.4, 55.9), (12.6, 44.4)]))
        there = Transformer.from_crs(grid.crs, "OGC:CRS84", always_xy=True)
        ring = [list(there.transform(*xy)) for xy in own.exterior.coords]
        area = area_on(read_area(write_json(tmp_path / "a.json", polygon(ring))), grid)
        burnt = burn(area, grid, whole(grid))
        assert np.array_equal(burnt, inside(own, grid))
        assert CRS.from_wkt(area.crs_wkt) == grid.crs


def test_shared_pixels_of_overlapping_polygons_are_kept() -> None:
    grid = GRIDS["utm"]
    one = shapely.Polygon(at_pixels(grid, [(5, 5), (40, 5), (40, 40), (5, 40)]))
    other = shapely.Polygon(at_pixels(grid, [(20, 20), (60, 20), (60, 50), (20, 50)])[::-1])
    both = area_of(shapely.multipolygons([one, other, one]))
    assert np.array_equal(burn(both, grid, whole(grid)), inside(both.geometry, grid))


def test_a_strip_of_a_tile_with_a_million_points_takes_moments() -> None:
    grid = Grid((10_980, 10_980), Affine(10, 0, 499_980, 0, -10, 5_300_040), UTM)
    turn = np.linspace(0, 2 * np.pi, 1_000_000, endpoint=False)
    radius = 40_000 + 8_000 * np.sin(turn * 2_000)
    area = area_of(shapely.Polygon(np.c_[554_880 + radius * np.cos(turn), 5_245_140 + radius * np.sin(turn)]))
    begun = time.process_time()
    strips = [burn(area, grid, Window(row, 0, 512, grid.width)) for row in (512, 5_120)]
    assert time.process_time() - begun < 10
    assert 0 < strips[0].mean() < strips[1].mean() < 1


# ---------------------------------------------------------------------------------------- onto the grid


class TestOntoTheGrid:
    def test_long_edges_bend_with_the_projection(self) -> None:
        """A parallel of 100 km is straight in degrees, and bends by 150 m in UTM."""
        grid = Grid((1_100, 1_100), Affine(100, 0, 450_000, 0, -100, 5_300_000), UTM)
        box = shapely.box(14.6, 47.2, 15.5, 47.6)
        area = area_on(area_of(box, LON_LAT), grid)
        lon, lat = Transformer.from_crs(UTM, LON_LAT, always_xy=True).transform(*centres(grid))
        expected = (lon > 14.6) & (lon < 15.5) & (lat > 47.2) & (lat < 47.6)
        pixel = 100 / 111_000
        close = np.minimum.reduce([abs(lon - 14.6), abs(lon - 15.5), abs(lat - 47.2), abs(lat - 47.6)]) < pixel / 2
        wrong = (burn(area, grid, whole(grid)) == 1) != expected
        assert not (wrong & ~close).any()
        assert wrong.mean() < 1e-4

    @pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:32632", "EPSG:3035", "EPSG:4258", "EPSG:31287", "EPSG:2056"])
    def test_other_coordinate_systems(self, crs: str) -> None:
        grid = GRIDS["utm"]
        own = shapely.Polygon(at_pixels(grid, [(5.3, 4.2), (70.1, 9.7), (61.4, 55.9), (12.6, 44.4)]))
        there = Transformer.from_crs(UTM, crs, always_xy=True)
        moved = shapely.transform(own.segmentize(20), lambda xy: np.column_stack(there.transform(xy[:, 0], xy[:, 1])))
        area = area_on(area_of(moved, CRS.from_user_input(crs).to_wkt()), grid)
        near = shapely.distance(own.exterior, shapely.points(*centres(grid))) < 2
        wrong = burn(area, grid, whole(grid)) != inside(own, grid)
        assert not (wrong & ~near).any(), "more than datums differ by"

    @pytest.mark.parametrize("reach", [2.0, 40.0, 179.9])
    def test_polygons_far_larger_than_the_scene(self, reach: float) -> None:
        """Its corners may lie where the scene's projection has no coordinates at all."""
        grid = GRIDS["utm"]
        country = shapely.box(max(-180, 15 - reach), -80, min(180, 15 + reach), 47.851)
        lon, lat = Transformer.from_crs(UTM, LON_LAT, always_xy=True).transform(*centres(grid))
        area = area_on(area_of(country, LON_LAT), grid)
        assert area.polygon_count == 1
        assert np.array_equal(burn(area, grid, whole(grid)), (lat < 47.851).astype(np.uint8))
        assert lon.min() >= 15

    @settings(max_examples=60)
    @given(seed=st.integers(0, 10_000))
    def test_cutting_down_changes_nothing_inside(self, seed: int) -> None:
        grid = GRIDS["rotated"]
        rng = np.random.default_rng(seed)
        points = at_pixels(grid, rng.normal([40, 30], 10.0 ** rng.uniform(1, 4), (9, 2)))
        parts = [p for p in shapely.get_parts(shapely.Polygon(points).buffer(0)) if p.intersects(footprint(grid))]
        if parts:
            area = area_of(shapely.multipolygons(parts))
            assert np.array_equal(burn(area_on(area, grid), grid, whole(grid)), burn(area, grid, whole(grid)))

    @pytest.mark.parametrize(
        "boxes",
        [[(179, 0, 180, 1), (-180, 0, -179, 1)], [(179, 0, 181, 1)], [(-181, 0, -179, 1)]],
        ids=["cut", "beyond 180", "beyond -180"],
    )
    @pytest.mark.parametrize("crs", ["EPSG:32601", "EPSG:4326", "EPSG:4167"])
    def test_antimeridian(self, boxes: list[tuple[float, ...]], crs: str) -> None:
        t = Affine(100, 0, 150_000, 0, -100, 90_000) if crs == "EPSG:32601" else Affine(1e-3, 0, 179.9, 0, -1e-3, 0.8)
        grid = Grid((120, 200), t, CRS.from_user_input(crs).to_wkt())
        area = area_on(area_of(shapely.multipolygons([shapely.box(*b) for b in boxes]), LON_LAT), grid)
        assert burn(area, grid, whole(grid)).mean() > 0.99

    def test_pole(self) -> None:
        grid = Grid((50, 50), Affine(1_000, 0, -25_000, 0, -1_000, 25_000), CRS.from_epsg(3995).to_wkt())
        area = area_on(area_of(shapely.box(-180, 80, 180, 90), LON_LAT), grid)
        assert burn(area, grid, whole(grid)).mean() > 0.98

    def test_those_outside_are_counted(self) -> None:
        inner, outer = shapely.box(15.001, 47.83, 15.002, 47.85), shapely.box(-70, -10, -69, -9)
        area = area_on(area_of(shapely.multipolygons([outer, inner, outer]), LON_LAT), GRIDS["utm"])
        assert area.polygon_count == 1
        assert area.notes == ("2 of 3 polygons lie outside the scene.",)

    @pytest.mark.parametrize(
        ("geometry", "crs"),
        [
            (shapely.box(-70, -10, -69, -9), LON_LAT),
            (shapely.box(500_000, 5_300_010, 500_100, 5_300_100), UTM),
            (shapely.box(500_000, 100, 500_100, 200), CRS.from_epsg(32760).to_wkt()),
            (shapely.box(-20, -20, 820, 620).difference(shapely.box(-10, -10, 810, 610)), None),
        ],
        ids=["far", "just above", "other half of the Earth", "ring around"],
    )
    def test_outside_is_an_error(self, geometry: shapely.Polygon, crs: str | None) -> None:
        grid = GRIDS["utm"]
        if crs is None:
            geometry, crs = shapely.affinity.translate(geometry, 500_000, 5_299_400), UTM
        with pytest.raises(UnreadableFile, match=r"outside the scene: .*fields\.geojson"):
            area_on(area_of(geometry, crs), grid)

    def test_a_scene_without_a_place_is_an_error(self) -> None:
        grid = Grid((10, 10), Affine.identity(), None)
        with pytest.raises(UnreadableFile, match="need coordinates"):
            area_on(area_of(shapely.box(0, 0, 1, 1), LON_LAT), grid)

    def test_edges_that_would_be_divided_endlessly_are_refused(self) -> None:
        grid = Grid((10_980, 10_980), Affine(10, 0, 499_980, 0, -10, 5_300_040), UTM)
        x = np.tile([15.0, 16.4], 20_000)
        teeth = shapely.Polygon(np.r_[np.c_[x, np.linspace(47, 47.8, x.size)], [[17, 47.8], [17, 47]]])
        with pytest.raises(UnreadableFile, match="long edges"):
            area_on(area_of(teeth, LON_LAT), grid, AreaLimits(most_placed_vertices=100_000))
        with pytest.raises(UnreadableFile, match="long edges"):
            area_on(area_of(teeth, LON_LAT), grid, AreaLimits(most_edge_rows=10_000))


def footprint(grid: Grid) -> shapely.Polygon:
    return shapely.Polygon(at_pixels(grid, [(0, 0), (grid.width, 0), (grid.width, grid.height), (0, grid.height)]))


# ------------------------------------------------------------------------------------------------ GeoJSON


class TestGeoJson:
    @pytest.mark.parametrize(
        ("document", "count"),
        [
            (polygon(SQUARE), 1),
            (feature(polygon(SQUARE)), 1),
            (collection(polygon(SQUARE), polygon(SQUARE)), 2),
            ({"type": "MultiPolygon", "coordinates": [[SQUARE], [SQUARE], []]}, 2),
            ({"type": "GeometryCollection", "geometries": [polygon(SQUARE), polygon(SQUARE)]}, 2),
            (collection(polygon(SQUARE), None, polygon()), 1),
            (polygon([[*xy, 400.0, 1] for xy in SQUARE]), 1),
            (polygon([[*xy, 400.0][: 2 + i % 2] for i, xy in enumerate(SQUARE)]), 1),
            (polygon(SQUARE, []), 1),
        ],
    )
    def test_every_shape_of_it(self, tmp_path: Path, document: Any, count: int) -> None:
        path = write_json(tmp_path / "a.geojson", document)
        area = read_area(path)
        assert area.polygon_count == count
        assert area.notes == ()
        assert area.geometry.bounds == (15, 47.84, 15.005, 47.845)
        assert CRS.from_wkt(area.crs_wkt).equals(CRS.from_epsg(4326), ignore_axis_order=True)

    @pytest.mark.parametrize("before", ["\ufeff", " \n\t", "\ufeff \r\n"])
    def test_byte_order_mark_and_space_before(self, tmp_path: Path, before: str) -> None:
        path = write_json(tmp_path / "a.json", before + json.dumps(polygon(SQUARE)))
        assert read_area(path).polygon_count == 1

    def test_attributes_in_another_encoding_do_not_matter(self, tmp_path: Path) -> None:
        path = tmp_path / "a.json"
        path.write_bytes(json.dumps(collection(polygon(SQUARE))).replace("Wald", "Wäldchen").encode("latin-1"))
        assert read_area(path).polygon_count == 1

    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("EPSG:32633", 32633),
            ("epsg:3857", 3857),
            ("urn:ogc:def:crs:EPSG::25833", 25833),
            ("urn:ogc:def:crs:EPSG:6.9:4258", 4258),
            ("http://www.opengis.net/def/crs/EPSG/0/4326", 4326),
            ("urn:ogc:def:crs:OGC:1.3:CRS84", 4326),
        ],
    )
    def test_old_crs_member(self, tmp_path: Path, name: str, code: int) -> None:
        square = [[10, 10], [20, 10], [20, 20], [10, 20], [10, 10]]
        named = {"type": "name", "properties": {"name": name}}
        area = read_area(write_json(tmp_path / "a.json", collection(polygon(square), crs=named)))
        assert CRS.from_wkt(area.crs_wkt).equals(CRS.from_epsg(code), ignore_axis_order=True)

    @pytest.mark.parametrize(
        "crs",
        [
            {"type": "name", "properties": {"name": "+proj=utm +nadgrids=/etc/passwd"}},
            {"type": "name", "properties": {"name": "EPSG:999999"}},
            {"type": "name", "properties": {"name": "EPSG:4978"}},
            {"type": "name", "properties": {"name": "EPSG:5773"}},
            {"type": "name", "properties": {"name": 7}},
            {"type": "link", "properties": {"href": "http://127.0.0.1/crs"}},
            {"type": "EPSG", "properties": []},
            "EPSG:4326",
        ],
    )
    def test_a_crs_we_cannot_tell_is_refused(self, tmp_path: Path, crs: Any) -> None:
        assert "EPSG:4326" in refused(write_json(tmp_path / "a.json", collection(polygon(SQUARE), crs=crs)))

    def test_points_and_lines_are_left_out_and_noted(self, tmp_path: Path) -> None:
        others = [{"type": "Point", "coordinates": [1, 2]}, {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}]
        area = read_area(write_json(tmp_path / "a.json", collection(*others, polygon(SQUARE))))
        assert area.polygon_count == 1
        assert "no polygons" in area.notes[0]
        assert area.notes[0].endswith(": 2.")
        assert "no polygons" in refused(write_json(tmp_path / "b.json", collection(*others)))
        assert "no polygons" in refused(write_json(tmp_path / "c.json", collection()))

    def test_crossing_polygons_are_repaired_and_noted(self, tmp_path: Path) -> None:
        bow = [[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]
        area = read_area(write_json(tmp_path / "a.json", collection(polygon(bow), polygon(SQUARE))))
        assert area.notes == ("Polygons repaired, as they crossed or touched themselves: 1.",)
        assert shapely.is_valid(shapely.get_parts(area.geometry)).all()
        assert math.isclose(area.geometry.area, 2 + 0.005**2)
        flat = [[0, 0], [1, 1], [2, 2], [0, 0]]
        assert "area" in refused(write_json(tmp_path / "b.json", polygon(flat)))

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ('{"type":"Polygon","coordinates":[[[0,0],[1,0],[NaN,1],[0,0]]]}', "NaN"),
            ('{"type":"Polygon","coordinates":[[[0,0],[1,0],[-Infinity,1],[0,0]]]}', "Infinity"),
            ('{"type":"Polygon","coordinates":[[[0,0],[1,0],[1e999,1],[0,0]]]}', "finite"),
            (f'{{"type":"Polygon","coordinates":[[[0,0],[1,0],[{"9" * 6_000},1],[0,0]]]}}', "finite"),
            ('{"type":"Polygon","type":"Polygon","coordinates":[]}', "twice"),
            ('{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]', "not valid JSON"),
            ('{"type":"Polygon"} {}', "not valid JSON"),
            ('{"type":"Polygon"}', "damaged"),
            ('{"type":"Polygon","coordinates":{"a":1}}', "damaged"),
            ('{"type":"Polygon","coordinates":[[0,0],[1,0],[1,1],[0,0]]}', "not numbers"),
            ('{"type":"Polygon","coordinates":[[["0","0"],["1","0"],["1","1"],["0","0"]]]}', "not numbers"),
            ('{"type":"Polygon","coordinates":[[[0,true],[1,0],[1,1],[0,true]]]}', "not numbers"),
            ('{"type":"Polygon","coordinates":[[[0],[1],[1],[0]]]}', "single coordinate"),
            ('{"type":"Polygon","coordinates":[[[0,0],[1,0],[0,0]]]}', "needs 4"),
            ('{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1]]]}', "not closed"),
            ('{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,1]]]]}', "not closed"),
            ('{"type":"MultiPolygon","coordinates":7}', "damaged"),
            ('{"type":"Topology","objects":{}}', "not GeoJSON"),
            ('{"type":["Polygon"],"coordinates":[]}', "not GeoJSON"),
            ('{"type":"FeatureCollection","features":[7]}', "not GeoJSON"),
            ('{"type":"FeatureCollection"}', "no polygons"),
            ("{}", "not GeoJSON"),
            ('{"a":' * 100_000 + "1" + "}" * 100_000, "deeply"),
            ('{"type":"Polygon","coordinates":' + "[" * 100_000 + "]" * 100_000 + "}", "deeply"),
            (
                '{"type":"Polygon","coordinates":[[[500000,5e6],[500100,5e6],[500100,5e6],[500000,5e6]]]}',
                "degrees|area",
            ),
            ('{"type":"Polygon","coordinates":[[[5e5,5e6],[6e5,5e6],[6e5,6e6],[5e5,5e6]]]}', "degrees"),
        ],
    )
    def test_hostile_and_damaged_text(self, tmp_path: Path, text: str, words: str) -> None:
        message = refused(write_json(tmp_path / "a.geojson", text))
        assert any(word in message for word in words.split("|"))

    @pytest.mark.parametrize("far", ["1e10", "1e300", "-1e308"])
    def test_coordinates_nowhere_on_the_earth(self, tmp_path: Path, far: str) -> None:
        crs = '{"type":"name","properties":{"name":"EPSG:32633"}}'
        text = f'{{"type":"Polygon","crs":{crs},"coordinates":[[[0,0],[{far},0],[{far},{far}],[0,0]]]}}'
        assert "nowhere" in refused(write_json(tmp_path / "a.json", text))

    def test_messages_take_the_name_that_they_are_given(self, tmp_path: Path) -> None:
        path = write_json(tmp_path / "0001.bin", polygon(SQUARE))
        assert read_area(path, name="fields.geojson").name == "fields.geojson"
        with pytest.raises(UnreadableFile, match=r"^fields\.geojson is JSON"):
            read_area(write_json(tmp_path / "0002.bin", "{}"), name="fields.geojson")

    def test_nested_collections_do_not_recurse(self, tmp_path: Path) -> None:
        nested: Any = polygon(SQUARE)
        for _ in range(200):
            nested = {"type": "GeometryCollection", "geometries": [nested]}
        assert read_area(write_json(tmp_path / "a.json", nested)).polygon_count == 1

    @pytest.mark.parametrize(
        ("document", "words"),
        [
            (polygon([[0, n / 1e3] for n in range(100)] + [[1, 0], [0, 0]]), "100 points"),
            (collection(*[polygon(SQUARE)] * 11), "10 polygons"),
            (collection(polygon(SQUARE), crs=None, padding="x" * 20_000), "20,000 bytes"),
        ],
    )
    def test_limits(self, tmp_path: Path, document: Any, words: str) -> None:
        assert words in refused(write_json(tmp_path / "a.json", document), FEW)

    @pytest.mark.parametrize("item", ["[]", "{}", '"":0', "0"])
    def test_counts_are_limited_before_anything_is_parsed(self, tmp_path: Path, item: str) -> None:
        braces = "{}" if ":" in item else "[]"
        text = '{"a":' + braces[0] + ",".join([item] * 9_000_000) + braces[1] + "}"
        begun = time.process_time()
        assert "at most" in refused(write_json(tmp_path / "a.json", text))
        assert time.process_time() - begun < 3


@pytest.mark.parametrize("kind", ["comb", "net"])
def test_intricate_polygons_are_refused_at_once(tmp_path: Path, kind: str) -> None:
    """A valid comb of slanting teeth costs GEOS the square of its points; a net costs as much in crossings."""
    count = 12_000
    n = np.arange(count)
    if kind == "comb":
        teeth = np.empty((2 * count, 2))
        teeth[0::4], teeth[1::4] = np.c_[n[0::2] * 1e-6, 0 * n[0::2]], np.c_[n[0::2] * 1e-6 + 40, 0 * n[0::2] + 40]
        teeth[2::4], teeth[3::4] = np.c_[n[1::2] * 1e-6 + 40, 0 * n[1::2] + 40], np.c_[n[1::2] * 1e-6, 0 * n[1::2]]
        points = np.r_[teeth, [[1, -1], [0, -1]], teeth[:1]]
    else:
        across = np.c_[np.where(n % 4 < 2, 0, 40), n // 2 * 40 / count * 2]
        points = np.r_[across, across[:, ::-1], across[:1]]
    begun = time.process_time()
    message = refused(write_json(tmp_path / "a.json", polygon(points.tolist())))
    assert "Simplify" in message
    assert time.process_time() - begun < 8


# --------------------------------------------------------------------------------------------- GeoPackage

BOX = shapely.Polygon(SQUARE)
WITH_HOLE = shapely.Polygon(SQUARE, [[(15.001, 47.841), (15.002, 47.841), (15.002, 47.842), (15.001, 47.841)]])


class TestGeoPackage:
    @pytest.mark.parametrize("big_endian", [False, True])
    @pytest.mark.parametrize("envelope", range(5))
    @pytest.mark.parametrize("flavour", ["iso", "extended"])
    @pytest.mark.parametrize("raised", [False, True])
    def test_every_blob(self, tmp_path: Path, big_endian: bool, envelope: int, flavour: str, raised: bool) -> None:
        shapes = [WITH_HOLE, shapely.multipolygons([BOX, WITH_HOLE])]
        shapes = [shapely.force_3d(shape, 7) for shape in shapes] if raised else shapes
        blobs = [gp_blob(s, envelope=envelope, big_endian=big_endian, flavour=flavour) for s in shapes]
        path = write_geopackage(tmp_path / "a.gpkg", blobs)
        area = read_area(path)
        assert area.polygon_count == 3
        assert area.notes == ()
        assert shapely.equals_exact(shapely.get_parts(area.geometry), [WITH_HOLE, BOX, WITH_HOLE]).all()

    def test_measured_points(self, tmp_path: Path) -> None:
        def wkb(code: int) -> bytes:
            points = b"".join(struct.pack("<4d", *xy, 1, 2) for xy in SQUARE)
            return gp_blob(BOX, envelope=0)[:8] + struct.pack("<BIII", 1, code, 1, len(SQUARE)) + points

        for code in (3003, 0xC0000003):
            area = read_area(write_geopackage(tmp_path / f"{code}.gpkg", [wkb(code)]))
            assert area.geometry.equals(BOX)

    def test_empty_ones_are_skipped_and_others_noted(self, tmp_path: Path) -> None:
        blobs = [
            None,
            gp_blob(shapely.Polygon(), flags=0x10),
            gp_blob(shapely.Polygon()),
            gp_blob(shapely.multipolygons([shapely.Polygon()])),
            gp_blob(shapely.Point(1, 2)),
            gp_blob(shapely.geometrycollections([BOX, shapely.Point(1, 2)])),
            gp_blob(BOX),
        ]
        area = read_area(write_geopackage(tmp_path / "a.gpkg", blobs, kind="GEOMETRY"))
        assert area.polygon_count == 2
        assert "no polygons" in area.notes[0]
        assert area.notes[0].endswith(": 2.")
        assert "no polygons" in refused(write_geopackage(tmp_path / "b.gpkg", blobs[:5]))

    def test_all_layers_of_polygons_are_read_and_named(self, tmp_path: Path) -> None:
        path = write_geopackage(tmp_path / "a.gpkg", [gp_blob(shapely.Point(1, 2))], table="wells", kind="POINT")
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            for name in ("first\n", "second"):
                add_layer(db, name, "geom", "MULTIPOLYGON")
                create_table(db, name, "geom")
                db.execute(f"INSERT INTO {quoted(name)} VALUES (NULL, ?)", (gp_blob(BOX),))
        area = read_area(path)
        assert area.polygon_count == 2
        assert area.notes[0] == "Polygons of 2 layers are used: “first”, “second”."

    def test_layers_in_several_coordinate_systems_are_burnt_together(self, tmp_path: Path) -> None:
        path = write_geopackage(
            tmp_path / "a.gpkg", [gp_blob(shapely.box(15.001, 47.847, 15.002, 47.85))], table="first"
        )
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("INSERT INTO gpkg_spatial_ref_sys VALUES ('b', 32633, 'EPSG', 32633, '', NULL)")
            add_layer(db, "second", "geom", "POLYGON", 32633)
            create_table(db, "second", "geom")
            blob = gp_blob(shapely.box(500_000, 5_299_400, 500_100, 5_300_000), srs_id=32633)
            db.execute("INSERT INTO second VALUES (NULL, ?)", (blob,))
        areas = read_areas(path)
        assert [area.polygon_count for area in areas] == [1, 1]
        assert [area.notes for area in areas] == [("Polygons of 2 layers are used: “first”, “second”.",), ()]
        grid = GRIDS["utm"]
        burnt = [burn(area, grid, whole(grid)) for area in areas_on(areas, grid)]
        assert burnt[1][:, :10].all()
        assert not burnt[1][:, 10:].any()
        far = replace(areas[1], geometry=shapely.box(900_000, 5e6, 900_100, 5.1e6))
        [one] = areas_on([areas[0], far], grid)
        assert one.notes[-1] == "Polygons of 1 coordinate system lie outside the scene."
        with pytest.raises(UnreadableFile, match="outside the scene"):
            areas_on([far, far], grid)

    @pytest.mark.parametrize(
        "name", ['a"b', "x; DROP TABLE gpkg_contents; --", "select", "Wiesen & Äcker", "a'b", "%s"]
    )
    def test_names_are_text(self, tmp_path: Path, name: str) -> None:
        path = write_geopackage(tmp_path / "a?mode=rw#.gpkg", [gp_blob(BOX)], table=name, column=name + "_")
        before = path.read_bytes()
        assert read_area(path).polygon_count == 1
        assert path.read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == [path.name]

    def test_one_left_in_write_ahead_mode_opens(self, tmp_path: Path) -> None:
        path = write_geopackage(tmp_path / "a.gpkg", [gp_blob(BOX)], script="PRAGMA journal_mode=WAL;")
        assert read_area(path).polygon_count == 1
        assert [p.name for p in tmp_path.iterdir()] == ["a.gpkg"]

    @pytest.mark.parametrize(
        ("srs_id", "system", "code"),
        [
            (32633, ("EPSG", 32633, ""), 32633),
            (100_001, ("epsg", 3857, "undefined"), 3857),
            (100_002, ("NONE", 1, CRS.from_epsg(25833).to_wkt("WKT1_GDAL")), 25833),
            (0, None, 4326),
        ],
    )
    def test_coordinate_systems(self, tmp_path: Path, srs_id: int, system: Any, code: int) -> None:
        blob = gp_blob(shapely.box(10, 10, 20, 20), srs_id=srs_id)
        area = read_area(write_geopackage(tmp_path / "a.gpkg", [blob], srs_id=srs_id, system=system))
        crs = CRS.from_wkt(area.crs_wkt)
        assert crs.to_epsg() == code or crs.equals(CRS.from_epsg(code), ignore_axis_order=True)
        assert bool(area.notes) == (srs_id == 0)

    @pytest.mark.parametrize(
        ("srs_id", "system"),
        [
            (-1, ("NONE", -1, "undefined")),
            (7, None),
            (7, ("NONE", 7, "+proj=longlat +nadgrids=/etc/passwd")),
            (7, ("NONE", 7, "/etc/passwd")),
            (7, ("NONE", 7, 'GEOGCS["a",EXTENSION["PROJ4","+proj=longlat +nadgrids=/etc/passwd"]]')),
            (7, ("NONE", 7, "GEOGCS[" * 5_000)),
            (7, ("EPSG", 2**62, "")),
            (7, ("EPSG", -5, "")),
            (7, ("EPSG", 4978, "")),
        ],
    )
    def test_coordinate_systems_we_do_not_take(self, tmp_path: Path, srs_id: int, system: Any) -> None:
        blob = gp_blob(BOX, srs_id=srs_id)
        message = refused(write_geopackage(tmp_path / "a.gpkg", [blob], srs_id=srs_id, system=system))
        assert "EPSG:4326" in message
        assert "passwd" not in message

    @pytest.mark.parametrize(
        "script",
        [
            "CREATE VIEW fields AS SELECT 1 AS fid, zeroblob(9) AS geom;",
            "CREATE VIEW fields AS WITH RECURSIVE n(geom) AS (SELECT x'00' UNION ALL SELECT geom FROM n)"
            " SELECT geom FROM n;",
            "CREATE VIRTUAL TABLE fields USING rtree(geom, a, b);",
            "CREATE VIRTUAL TABLE fields USING fts5(geom);",
            "CREATE TABLE fields (a INTEGER, geom BLOB AS (zeroblob(40000000)));",
            "CREATE TABLE fields (a INTEGER);",
            "",
            "CREATE TABLE fields (geom BLOB); DROP TABLE gpkg_contents;"
            "CREATE VIEW gpkg_contents AS SELECT 'fields' AS table_name, 'features' AS data_type;",
            "CREATE TABLE fields (geom BLOB); DROP TABLE gpkg_spatial_ref_sys;",
            "DROP TABLE gpkg_geometry_columns;",
            "UPDATE gpkg_geometry_columns SET column_name = 'fid) FROM gpkg_contents --';"
            "CREATE TABLE fields (geom BLOB);",
            "UPDATE gpkg_geometry_columns SET column_name = x'00';",
            "UPDATE gpkg_geometry_columns SET geometry_type_name = 'LINESTRING';",
            "UPDATE gpkg_contents SET data_type = 'tiles';",
            "UPDATE gpkg_contents SET table_name = char(0); UPDATE gpkg_geometry_columns SET table_name = char(0);",
            "UPDATE gpkg_contents SET table_name = 'sqlite_master';"
            "UPDATE gpkg_geometry_columns SET table_name = 'sqlite_master', column_name = 'sql';",
        ],
    )
    def test_programs_instead_of_tables(self, tmp_path: Path, script: str) -> None:
        begun = time.process_time()
        refused(write_geopackage(tmp_path / "a.gpkg", [], script=script))
        assert time.process_time() - begun < 3

    def test_a_view_that_the_schema_calls_a_table(self, tmp_path: Path) -> None:
        script = "CREATE VIEW fields AS SELECT x'4750' AS geom; PRAGMA writable_schema=ON;"
        script += "UPDATE sqlite_master SET type = 'table', rootpage = 2 WHERE name = 'fields';"
        path = write_geopackage(tmp_path / "a.gpkg", [], script=script)
        assert "no table" in refused(path) or "damaged" in refused(path)

    def test_rows_are_limited(self, tmp_path: Path) -> None:
        path = write_geopackage(tmp_path / "a.gpkg", [gp_blob(shapely.Point(1, 2))] * 11, kind="GEOMETRY")
        assert "10 features" in refused(path, AreaLimits(most_polygons=10))

    @pytest.mark.parametrize(
        "blob",
        [
            b"",
            b"GP",
            b"XX" + gp_blob(BOX)[2:],
            b"GP\x01" + gp_blob(BOX)[3:],
            b"GP\x00" + bytes([gp_blob(BOX)[3] | 0x0E]) + gp_blob(BOX)[4:],
            gp_blob(BOX, srs_id=32633),
            gp_blob(BOX)[:-1],
            gp_blob(BOX)[:45],
            gp_blob(BOX, envelope=0)[:8] + struct.pack("<BII", 1, 3, 2**32 - 1),
            gp_blob(BOX, envelope=0)[:8] + struct.pack("<BIII", 1, 3, 1, 2**32 - 1),
            gp_blob(BOX, envelope=0)[:8] + struct.pack("<BII", 1, 6, 2**32 - 1),
            gp_blob(BOX, envelope=0)[:8] + struct.pack("<BII", 1, 99, 1),
            gp_blob(BOX, envelope=0)[:8] + struct.pack("<BII", 1, 6, 1) + struct.pack("<BII", 1, 7, 1) * 100_000,
            gp_blob(BOX).replace(struct.pack("<d", 47.845), struct.pack("<d", math.nan)),
            gp_blob(BOX).replace(struct.pack("<d", 47.845), struct.pack("<d", math.inf)),
            "GP text",
            17,
        ],
    )
    def test_damaged_blobs(self, tmp_path: Path, blob: Any) -> None:
        refused(write_geopackage(tmp_path / "a.gpkg", [gp_blob(BOX), blob]))

    def test_a_deep_collection_is_not_followed(self, tmp_path: Path) -> None:
        """GEOS would follow it until the stack is used up, and take the process along."""
        blob = gp_blob(BOX, envelope=0)[:8] + struct.pack("<BII", 1, 7, 1) * 1_000_000
        path = write_geopackage(tmp_path / "a.gpkg", [blob, gp_blob(BOX)])
        assert "damaged" in refused(path)


# ------------------------------------------------------------------------------------------ anything else


class TestAnythingElse:
    @pytest.mark.parametrize("data", [b"", b"II*\x00", b"\x00" * 5_000, b"[1]", b"<svg>", b" " * 5_000])
    def test_other_kinds_are_refused(self, tmp_path: Path, data: bytes) -> None:
        path = tmp_path / "a.geojson"
        path.write_bytes(data)
        assert "GeoJSON" in refused(path)

    def test_what_is_not_there_is_refused(self, tmp_path: Path) -> None:
        refused(tmp_path / "gone.gpkg")

    @given_files
    @given(
        start=st.sampled_from([b"", b"SQLite format 3\x00", b"{", b'{"type":"Polygon","coordinates":']),
        rest=st.binary(),
    )
    def test_random_bytes(self, tmp_path: Path, start: bytes, rest: bytes) -> None:
        path = tmp_path / "a.bin"
        path.write_bytes(start + rest)
        refused(path)

    @given_files
    @given(data=st.data())
    @pytest.mark.parametrize("kind", ["json", "gpkg"])
    def test_mutated_files(self, tmp_path: Path, originals: dict[str, bytes], kind: str, data: st.DataObject) -> None:
        original = bytearray(originals[kind])
        for _ in range(data.draw(st.integers(1, 6))):
            original[data.draw(st.integers(0, len(original) - 1))] = data.draw(st.integers(0, 255))
        end = data.draw(st.one_of(st.just(len(original)), st.integers(1, len(original))))
        path = tmp_path / f"a.{kind}"
        path.write_bytes(original[:end])
        answered(lambda: burn(area_on(read_area(path), GRIDS["utm"]), GRIDS["utm"], whole(GRIDS["utm"])))

    @given_files
    @given(at=st.integers(0, 300), byte=st.integers(0, 255), cut=st.integers(0, 300))
    def test_mutated_blobs(self, tmp_path: Path, at: int, byte: int, cut: int) -> None:
        blob = bytearray(gp_blob(shapely.multipolygons([BOX, WITH_HOLE]), envelope=at % 5, big_endian=bool(cut % 2)))
        blob[at % len(blob)] = byte
        path = tmp_path / "blob.gpkg"
        path.unlink(missing_ok=True)
        write_geopackage(path, [bytes(blob[: len(blob) - cut // 3])])
        answered(lambda: burn(area_on(read_area(path), GRIDS["utm"]), GRIDS["utm"], whole(GRIDS["utm"])))


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("originals")
    shapes = [polygon(SQUARE), {"type": "MultiPolygon", "coordinates": [[SQUARE]]}]
    named = {"type": "name", "properties": {"name": "EPSG:4326"}}
    text = write_json(folder / "a.json", collection(*shapes, crs=named))
    package = write_geopackage(folder / "a.gpkg", [gp_blob(BOX), gp_blob(WITH_HOLE, envelope=2)])
    return {"json": text.read_bytes(), "gpkg": package.read_bytes()}


def answered(work: Callable[[], np.ndarray]) -> None:
    """The work is done, or refused in words."""
    with contextlib.suppress(UnreadableFile):
        assert work().dtype == np.uint8
