"""Files on several grids become one scene without a shift: patterns drawn in coordinates of the world are found there.

And however a scene is read, in windows, whole or decimated, a pixel has one value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from loose import ORIGIN_XY, UTM, placed, read_all, taken_in, write_band

from s2dash.cli import main as cli
from s2dash.core.grid import Grid
from s2dash.core.scene import FILE_MASK, SCL, Masking, Scene
from s2dash.core.types import Window
from s2dash.errors import UnreadableFile
from s2dash.ingest.align import in_one_place, scene_grids
from s2dash.raster.reading import SceneReader, preview_places, read_preview_stack
from s2dash.settings import GDAL_ENVIRONMENT

pytestmark = [
    pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning"),
    pytest.mark.usefixtures("door_is_here"),
]

Pattern = Callable[[np.ndarray, np.ndarray], np.ndarray]

DEGREE = 1e-5
"""Degrees in what stands for a metre where grids are in degrees."""
CELL = 240
"""Side of the checkerboard's squares, metres."""


def plane(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Reflectance that grows evenly with metres east and down."""
    return np.asarray(0.2 + 1e-4 * x + 2e-4 * y)


def board(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Dark and bright squares."""
    return np.where((np.floor(x / CELL) + np.floor(y / CELL)) % 2 == 0, 0.1, 0.4)


NORTH_UP = Affine(1, 0, ORIGIN_XY[0], 0, -1, ORIGIN_XY[1])


@dataclass(frozen=True)
class Layout:
    """Where files of 10, 20 and 60 m lie: metres east and down from the origin, and rows and columns."""

    offsets: tuple[tuple[float, float], ...] = ((0, 0), (0, 0), (0, 0))
    shapes: tuple[tuple[int, int], ...] = ((96, 120), (48, 60), (16, 20))
    transform: Affine = NORTH_UP
    """From metres east and down to the CRS."""
    crs: str = UTM

    def grids(self) -> tuple[Grid, ...]:
        return tuple(
            Grid(shape, self.transform @ Affine(size, 0, x, 0, size, y), self.crs)
            for shape, size, (x, y) in zip(self.shapes, (10, 20, 60), self.offsets, strict=True)
        )

    def metres(self, grid: Grid, steps: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Metres east and down of `steps` x `steps` places in each pixel; of the centres for 1."""
        rows, cols = ((np.arange(n * steps) + 0.5) / steps for n in grid.shape_rc)
        to_metres = ~self.transform @ grid.transform
        x, y = to_metres @ (cols[None, :] + 0 * rows[:, None], rows[:, None] + 0 * cols[None, :])
        return np.asarray(x), np.asarray(y)

    def seen(self, pattern: Pattern, grid: Grid) -> np.ndarray:
        """The pattern as a pixel sees it: its mean over the pixel."""
        steps = 12
        fine = pattern(*self.metres(grid, steps))
        return fine.reshape(grid.height, steps, grid.width, steps).mean(axis=(1, 3))


LAYOUTS = {
    "one origin": Layout(),
    "coarse ones half a pixel off": Layout(((0, 0), (10, -10), (-30, 30))),
    "the fine one half a pixel off": Layout(((5, 5), (0, 0), (0, 0))),
    "cropped": Layout(((70, 130), (40, 60), (-60, -120)), ((70, 80), (60, 66), (24, 25))),
    "south up": Layout(transform=Affine(1, 0, ORIGIN_XY[0], 0, 1, ORIGIN_XY[1])),
    "degrees": Layout(transform=Affine(DEGREE, 0, 12, 0, -DEGREE, 48), crs="EPSG:4326"),
    "degrees, half a pixel off": Layout(
        ((0, 0), (10, 10), (30, 30)), transform=Affine(DEGREE, 0, 12, 0, -DEGREE, 48), crs="EPSG:4326"
    ),
}

BANDS = ("B02", "B05", "B09")


@pytest.fixture(scope="module", params=list(LAYOUTS))
def patterned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Scene, Scene]:
    """A layout, and scenes of the plane (with a scene classification of the board) and of the board on it."""
    layout = LAYOUTS[request.param]
    scenes = []
    for pattern, dtype, factor in ((plane, "float64", 1), (board, "uint16", 10_000)):
        folder = tmp_path_factory.mktemp(pattern.__name__)
        paths = [
            write_band(folder / f"{band}.tif", (layout.seen(pattern, grid) * factor).astype(dtype), grid)
            for band, grid in zip(BANDS, layout.grids(), strict=True)
        ]
        coarse = layout.grids()[1]
        classes = np.where(board(*layout.metres(coarse)) > 0.2, 5, 6).astype("uint8")
        paths.append(write_band(folder / "SCL.tif", classes, coarse))
        scenes.append(taken_in(paths, folder))
    return layout, *scenes


def inner(grid: Grid, layout: Layout) -> tuple[slice, slice]:
    """All but what lies within a pixel of 60 m of the edge, where values can only be continued."""
    size = grid.pixel_size[0] / layout.grids()[0].pixel_size[0] * 10
    edge = int(np.ceil(70 / size))
    return slice(edge, -edge), slice(edge, -edge)


class TestPatterns:
    def test_the_scene_can_be_put_on_each_grid(self, patterned: tuple[Layout, Scene, Scene]) -> None:
        layout, scene, _ = patterned
        assert [g.pixel_size for g in scene.grids] == [g.pixel_size for g in layout.grids()]
        assert scene.grid == scene.grids[0]
        assert [scene.native_grid(i) for i in range(3)] == list(scene.grids)
        for grid, own in zip(scene.grids, layout.grids(), strict=True):
            first = ~own.transform @ grid.transform
            assert (first.c, first.f) == pytest.approx((round(first.c), round(first.f)), abs=1e-6)

    def test_a_plane_lies_where_it_lay(self, patterned: tuple[Layout, Scene, Scene]) -> None:
        layout, scene, _ = patterned
        for grid in scene.grids:
            found = read_all(scene.on_grid(grid)).values
            true = plane(*layout.metres(grid))
            here = inner(grid, layout)
            assert true[here].size > 10
            for name, band in zip(BANDS, found, strict=True):
                assert np.allclose(band[here], true[here], atol=1e-9), (name, grid.pixel_size)

    def test_a_checkerboard_lies_where_it_lay(self, patterned: tuple[Layout, Scene, Scene]) -> None:
        """Any shift by a pixel fits worse, and away from the squares' edges the numbers are the same."""
        layout, _, scene = patterned
        for grid in scene.grids[:2]:
            true = layout.seen(board, grid) * 10_000
            inside = np.logical_and(*(np.minimum(n % CELL, -n % CELL) > 60 for n in layout.metres(grid)))
            assert inside.mean() > 0.1
            for band in read_all(scene.on_grid(grid)).values.astype(np.float64):
                here = inner(grid, layout)
                assert np.allclose(band[here][inside[here]], true[here][inside[here]], atol=1)
                misfit = {
                    (down, right): float(np.mean((np.roll(band, (down, right), (0, 1))[here] - true[here]) ** 2))
                    for down in (-1, 0, 1)
                    for right in (-1, 0, 1)
                }
                assert min(misfit, key=lambda shift: misfit[shift]) == (0, 0)

    def test_classes_are_those_under_the_centre(self, patterned: tuple[Layout, Scene, Scene]) -> None:
        layout, scene, _ = patterned
        assert [mask.kind for mask in scene.masks] == [SCL]
        coarse = layout.grids()[1]
        written = np.where(board(*layout.metres(coarse)) > 0.2, 5, 6)
        for grid in scene.grids:
            with SceneReader(scene.on_grid(grid)) as reader:
                found = reader.stack(*(np.arange(n) for n in grid.shape_rc))[-1]
            cols, rows = ~coarse.transform @ (grid.transform @ np.meshgrid(*_centres(grid)))
            rows, cols = (
                np.clip(np.floor(n + 1e-6).astype(int), 0, most - 1)
                for n, most in zip((rows, cols), coarse.shape_rc, strict=True)
            )
            assert np.array_equal(found, written[rows, cols])


def _centres(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5


class TestGridsOfAScene:
    def test_one_grid_stays_as_it_is(self) -> None:
        one = placed((30, 40), 10)
        assert scene_grids([one, one]) == ((one,), ())

    def test_finest_first(self) -> None:
        grids = [placed((5, 5), 60), placed((30, 30), 10), placed((15, 15), 20)]
        found, notes = scene_grids(grids)
        assert [grid.pixel_size[0] for grid in found] == [10, 20, 60]
        assert notes == ()

    def test_only_shared_ground_is_left_and_that_is_said(self) -> None:
        found, notes = scene_grids([placed((30, 30), 10), placed((30, 30), 10, (100, 0))])
        assert found == (placed((30, 20), 10, (100, 0)),)
        assert notes == ("The files cover different areas; only what all share is used (67% of the largest).",)

    def test_crops_that_do_not_end_together_keep_their_pixels(self) -> None:
        """A real crop: 192 columns at 10 m begin one column after 96 at 20 m and 32 at 60 m, and end after them."""
        grids = [placed((246, 192), 10, (10, 0)), placed((123, 96), 20), placed((41, 32), 60)]
        found, notes = scene_grids(grids)
        assert found == tuple(grids)
        assert notes == ()

    @pytest.mark.parametrize("over", [0.4, 0.5, 0.6])
    def test_no_more_than_half_of_the_larger_pixel_sticks_out(self, over: float) -> None:
        fine, coarse = placed((60, 60), 10), placed((10, 10), 60, (60 * over, 0))
        found, _ = scene_grids([fine, coarse])
        assert found[0].width == (60 if over <= 0.5 else 59)
        assert (~fine.transform @ found[0].transform).c == (0 if over <= 0.5 else 1)

    @pytest.mark.parametrize("offset", [(300, 0), (0, 300), (-600, 0), (1e6, 1e6)])
    def test_places_apart_are_refused(self, offset: tuple[float, float]) -> None:
        with pytest.raises(UnreadableFile, match="do not overlap: they show different places"):
            scene_grids([placed((30, 30), 10), placed((10, 10), 60, offset)])

    def test_turned_grids_are_refused(self) -> None:
        turned = Grid((30, 30), placed((1, 1), 10).transform @ Affine.rotation(10), UTM)
        with pytest.raises(UnreadableFile, match="turned against each other"):
            scene_grids([placed((30, 30), 10), turned])


class TestBorrowedPlaces:
    def test_a_file_without_coordinates_has_its_siblings(self) -> None:
        bare = Grid((30, 40), Affine.identity(), None)
        home = placed((30, 40), 10)
        found = in_one_place([bare, home], ["B02.jp2", "B03.jp2"])
        assert found.grids == (home, home)
        assert found.notes == ("B02.jp2 has no coordinates; those of B03.jp2 are taken.",)

    def test_another_shape_is_taken_to_cover_the_same_ground(self) -> None:
        bare = Grid((15, 20), Affine.identity(), None)
        home = placed((30, 40), 10)
        found = in_one_place([home, bare], ["B02.jp2", "B05.jp2"])
        assert found.grids == (home, placed((15, 20), 20))

    def test_the_sibling_of_the_same_shape_lends(self) -> None:
        bare = Grid((15, 20), Affine.identity(), None)
        fine, coarse = placed((30, 40), 10), placed((15, 20), 20, (10, 10))
        found = in_one_place([fine, coarse, bare], ["B02.jp2", "B05.jp2", "B06.jp2"])
        assert found.grids[2] == coarse

    def test_coordinates_without_a_system_are_believed(self) -> None:
        """A crop that lost only its CRS is not where a sibling of the same shape is."""
        home, crop = placed((30, 40), 10), placed((30, 40), 10, (100, 50))
        found = in_one_place([home, replace(crop, crs_wkt=None)], ["B02.tif", "B03.tif"])
        assert found.grids == (home, crop)

    def test_coordinates_of_nowhere_near_are_not(self) -> None:
        home = placed((30, 40), 10)
        pixels = Grid((30, 40), Affine(1, 0, 0, 0, -1, 30), None)
        assert in_one_place([home, pixels], ["B02.tif", "B03.tif"]).grids == (home, home)

    def test_without_any_all_cover_the_same_ground(self) -> None:
        fine, coarse = Grid((30, 40), Affine.identity(), None), Grid((15, 20), Affine.identity(), None)
        found = in_one_place([coarse, fine], ["B05.jp2", "B02.jp2"])
        assert found.grids == (Grid((15, 20), Affine.scale(2), None), fine)
        assert found.notes == ("No file has coordinates; all are taken to cover the same ground.",)

    def test_coordinates_that_all_lack_a_system_count(self) -> None:
        fine = replace(placed((30, 40), 10), crs_wkt=None)
        coarse = replace(placed((16, 21), 20, (-20, -20)), crs_wkt=None)
        assert in_one_place([fine, coarse], ["B02.tif", "B05.tif"]) == in_one_place([fine, coarse], ["x", "y"])
        assert in_one_place([fine, coarse], ["B02.tif", "B05.tif"]).grids == (fine, coarse)

    def test_a_shape_that_cannot_be_the_same_ground_is_refused(self) -> None:
        bare = Grid((30, 30), Affine.identity(), None)
        with pytest.raises(UnreadableFile, match=r"B03\.jp2 has 30 x 30 pixels and no coordinates.* 30 x 40"):
            in_one_place([placed((30, 40), 10), bare], ["B02.jp2", "B03.jp2"])

    def test_two_coordinate_systems_are_refused(self) -> None:
        other = replace(placed((30, 40), 10), crs_wkt="EPSG:32633")
        with pytest.raises(UnreadableFile, match=r"B03\.tif is in EPSG:32633 but B02\.tif in EPSG:32632"):
            in_one_place([placed((30, 40), 10), other], ["B02.tif", "B03.tif"])

    def test_one_system_in_other_words_is_one(self) -> None:
        from pyproj import CRS

        home = placed((30, 40), 10)
        for words in (CRS.from_epsg(32632).to_wkt("WKT1_GDAL"), CRS.from_epsg(32632).to_wkt()):
            other = replace(home, crs_wkt=words)
            assert in_one_place([home, other], ["B02.tif", "B03.tif"]).notes == ()


LARGE = (1_102, 1_090)


@pytest.fixture(scope="module")
def holed(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Larger than the live picture, on four grids of broken ratios: holes, saturation, a file's own mask, classes."""
    folder = tmp_path_factory.mktemp("holed")
    rng = np.random.default_rng(5)

    def noise(shape: tuple[int, int], size: int) -> np.ndarray:
        values = rng.integers(1, 9_000, shape).astype("uint16")
        for row, col in rng.integers(0, min(shape), (25, 2)):
            values[row : row + 1 + 60 // size, col : col + 1 + 120 // size] = rng.choice([0, 65_535])
        return values

    safe = folder / "S2A_MSIL2A_20250601T101031_N0511_R022_T32TQM_20250601T133000.SAFE" / "GRANULE" / "x" / "IMG_DATA"
    name = "T32TQM_20250601T101031"
    write_band(safe / "R10m" / f"{name}_B02_10m.jp2", noise(LARGE, 10), placed(LARGE, 10, (10, 0)))
    shape = (551, 547)
    write_band(safe / "R20m" / f"{name}_B05_20m.jp2", noise(shape, 20), placed(shape, 20))
    mask = rng.random((184, 182)) > 0.2
    write_band(
        safe / "R60m" / f"{name}_B09_60m.tif", noise((184, 182), 60), placed((184, 182), 60), mask=mask, nodata=0
    )
    odd = (740, 735)
    write_band(safe / "R10m" / f"{name}_B03_10m.tif", noise(odd, 15), placed(odd, 15, (2, 3)), nodata=0)
    classes = rng.integers(0, 12, shape).astype("uint8")
    write_band(safe / "R20m" / f"{name}_SCL_20m.jp2", classes, placed(shape, 20))
    return taken_in(safe.parents[2], folder)


EVERYTHING = Masking(True, True, (0, 1, 3, 8, 9, 10))


class TestOnePixelOneValue:
    def test_the_scene_has_what_is_tried(self, holed: Scene) -> None:
        assert holed.live_step > 1
        assert [grid.pixel_size[0] for grid in holed.grids] == [10, 15, 20, 60]
        assert sorted(mask.kind for mask in holed.masks) == sorted([FILE_MASK, SCL])
        assert holed.saturated == 65_535

    @pytest.mark.parametrize("number", range(4))
    def test_the_gathered_copy_is_what_reading_gives(self, holed: Scene, number: int) -> None:
        """From ingest, recomputed, and taken from the full resolution, on every grid."""
        scene = holed.on_grid(holed.grids[number])
        again = read_preview_stack(replace(scene, previews=()))
        assert np.array_equal(read_preview_stack(scene), again)
        with SceneReader(scene) as reader:
            whole = reader.stack(*(np.arange(n) for n in scene.grid.shape_rc))
        rows, cols = preview_places(scene.grid, scene.live_step)
        assert np.array_equal(whole[:, rows[:, None], cols], again)
        assert np.array_equal(whole[: len(scene.bands)], read_all(scene).values)

    @pytest.mark.parametrize("number", range(4))
    def test_any_window_gives_what_the_whole_gives(self, holed: Scene, number: int) -> None:
        scene = holed.on_grid(holed.grids[number])
        whole = read_all(scene, EVERYTHING)
        assert 0.05 < whole.valid.mean() < 0.95

        @settings(max_examples=25)
        @given(data=st.data())
        def one(data: st.DataObject) -> None:
            height, width = scene.grid.shape_rc
            row, col = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
            window = Window(
                row,
                col,
                data.draw(st.integers(1, min(90, height - row))),
                data.draw(st.integers(1, min(90, width - col))),
            )
            with SceneReader(scene) as reader:
                found = reader.read(range(len(scene.bands)), window, EVERYTHING)
            assert np.array_equal(found.values, whole.values[(slice(None), *window.slices_rc)])
            assert np.array_equal(found.valid, whole.valid[window.slices_rc])

        one()


def test_the_class_map_lies_where_the_files_lay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two groups of the checkerboard, from files half a pixel apart, through the command line."""
    for name, value in GDAL_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    layout = LAYOUTS["coarse ones half a pixel off"]
    paths = [
        write_band(tmp_path / f"{band}.tif", (layout.seen(board, grid) * 10_000).astype("uint16"), grid)
        for band, grid in zip(BANDS, layout.grids(), strict=True)
    ]
    out = tmp_path / "out.tif"
    words = ["classify", *map(str, paths), "-o", str(out), "--bands", "B02,B05", "--k", "2"]
    assert cli.main(words) == 0
    with rasterio.open(out) as dataset:
        labels, grid = dataset.read(1), Grid(dataset.shape, dataset.transform, UTM)
    assert grid.pixel_size == (10, 10)
    x, y = layout.metres(grid)
    middle = (np.abs(x % CELL - CELL / 2) < 95) & (np.abs(y % CELL - CELL / 2) < 95)
    bright = board(x, y) > 0.2
    assert (labels[middle & bright] == 2).all()
    assert (labels[middle & ~bright] == 1).all()
