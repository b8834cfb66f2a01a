"""Bringing one grid's pixels to another's: where they lie, what their means are, and what is kept out of them."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from s2dash.core.grid import Grid
from s2dash.errors import InputError
from s2dash.raster import resample

ORIGIN_XY = (600_000.0, 5_100_000.0)
UTM = "EPSG:32632"

RATIOS = (1 / 6, 1 / 3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 6.0)
"""Target pixel size over source pixel size."""


def grid(
    shape_rc: tuple[int, int], size: float, offset_xy: tuple[float, float] = (0.0, 0.0), south_up: bool = False
) -> Grid:
    """A grid whose first corner lies `offset_xy` units east and down (up, if south-up) of the origin."""
    sign = 1 if south_up else -1
    x, y = ORIGIN_XY[0] + offset_xy[0], ORIGIN_XY[1] + sign * offset_xy[1]
    return Grid(shape_rc, Affine(size, 0, x, 0, sign * size, y), UTM)


def whole_axes(target: Grid, source: Grid) -> tuple[resample.Axis, resample.Axis]:
    rows, cols = (np.arange(n) for n in target.shape_rc)
    return resample.relation(target, source).axes(rows, cols)


def brought(
    values: np.ndarray,
    target: Grid,
    source: Grid,
    missing: float | None = None,
    saturated: float | None = None,
    shown: np.ndarray | None = None,
) -> np.ndarray:
    """All of a source on all of a target."""
    return resample.resampled(
        values, *whole_axes(target, source), (0, 0), () if missing is None else (missing,), saturated, shown
    )


def plane(of: Grid) -> np.ndarray:
    """A value that grows evenly with east and north, at the centres of pixels: float64."""
    cols, rows = np.meshgrid(np.arange(of.width) + 0.5, np.arange(of.height) + 0.5)
    x, y = of.transform @ (cols, rows)
    return np.asarray(0.3 * (x - ORIGIN_XY[0]) - 0.7 * (y - ORIGIN_XY[1]) + 1_000)


def plane_step(size: float) -> float:
    """How much the plane changes over one pixel, down and across together."""
    return 0.3 * size + 0.7 * size


class TestRelation:
    def test_of_a_grid_to_itself_is_a_copy(self) -> None:
        found = resample.relation(grid((8, 9), 10), grid((8, 9), 10))
        assert found.is_copy
        assert (found.scale_rc, found.shift_rc) == ((1, 1), (0, 0))

    def test_whole_shifts_are_copies(self) -> None:
        found = resample.relation(grid((4, 4), 10, (30, 20)), grid((8, 9), 10))
        assert found.is_copy
        assert found.shift_rc == (2, 3)

    def test_half_a_pixel_is_no_copy(self) -> None:
        found = resample.relation(grid((4, 4), 10, (5, 0)), grid((8, 9), 10))
        assert not found.is_copy
        assert found.shift_rc == (0, 0.5)

    @pytest.mark.parametrize(("target_m", "source_m"), [(10, 20), (10, 60), (20, 10), (60, 10), (20, 60)])
    def test_corners_meet(self, target_m: int, source_m: int) -> None:
        """Pixel corners, not centres, are what grids of one tile share."""
        found = resample.relation(grid((12, 12), target_m), grid((12, 12), source_m))
        assert found.scale_rc == (target_m / source_m,) * 2
        assert found.shift_rc == (0, 0)

    def test_rounding_errors_of_transforms_are_no_shift(self) -> None:
        noisy = Affine(10.000000001, 0, ORIGIN_XY[0] + 1e-6, 0, -9.999999999, ORIGIN_XY[1] - 1e-6)
        assert resample.relation(Grid((500, 500), noisy, UTM), grid((500, 500), 10)).is_copy

    def test_a_size_that_adds_up_to_a_shift_is_no_copy(self) -> None:
        other = Affine(10.001, 0, ORIGIN_XY[0], 0, -10.001, ORIGIN_XY[1])
        assert not resample.relation(Grid((1_000, 1_000), other, UTM), grid((1_000, 1_000), 10)).is_copy

    @pytest.mark.parametrize(
        "turned",
        [
            Affine(10, 0, *ORIGIN_XY[:1], 0, -10, ORIGIN_XY[1]) @ Affine.rotation(1),
            Affine(10, 0, ORIGIN_XY[0], 0, 10, ORIGIN_XY[1]),
            Affine(-10, 0, ORIGIN_XY[0], 0, -10, ORIGIN_XY[1]),
            Affine(10, 0, ORIGIN_XY[0], 0.01, -10, ORIGIN_XY[1]),
        ],
        ids=["rotated", "south up", "mirrored", "sheared"],
    )
    def test_grids_that_are_turned_are_refused(self, turned: Affine) -> None:
        with pytest.raises(InputError, match="turned against each other"):
            resample.relation(Grid((50, 50), turned, UTM), grid((50, 50), 10))

    @pytest.mark.parametrize("both", [Affine.rotation(30), Affine.scale(1, -1)], ids=["rotated", "south up"])
    def test_grids_that_are_turned_alike_fit(self, both: Affine) -> None:
        base = Affine(10, 0, ORIGIN_XY[0], 0, -10, ORIGIN_XY[1]) @ both
        found = resample.relation(Grid((6, 6), base, UTM), Grid((3, 3), base @ Affine.scale(2), UTM))
        assert found.scale_rc == (0.5, 0.5)
        assert found.shift_rc == (0, 0)


class TestAxis:
    @given(
        ratio=st.sampled_from(RATIOS),
        shift=st.sampled_from((0.0, 0.25, 0.5, 1.0, -0.5)),
        length=st.integers(1, 20),
        count=st.integers(1, 20),
    )
    def test_weights_are_shares_of_places_within_the_source(
        self, ratio: float, shift: float, length: int, count: int
    ) -> None:
        count = max(1, min(count, int((length - shift) / ratio)))
        axis, _ = resample.Relation((ratio, 1.0), (shift, 0.0), (length, 1)).axes(np.arange(count), np.arange(1))
        assert axis.places.shape == axis.weights.shape
        assert axis.places.shape[1] == axis.nearest.shape[0] == count
        assert (axis.weights >= 0).all()
        assert np.allclose(axis.weights.sum(axis=0), 1)
        assert axis.places.min() >= 0
        assert axis.places.max() < length
        assert ((axis.nearest >= 0) & (axis.nearest < length)).all()

    def test_bilinear_by_hand(self) -> None:
        """10 m out of 20 m: centres lie a quarter of a source pixel off."""
        axis, _ = whole_axes(grid((4, 1), 10), grid((2, 1), 20))
        assert np.allclose(axis.weights[1], [0.75, 0.25, 0.75, 0.25])
        assert axis.places[0].tolist() == [0, 0, 0, 1]
        assert axis.places[1].tolist() == [0, 1, 1, 1]
        assert axis.nearest.tolist() == [0, 0, 1, 1]
        assert not axis.is_coarser

    def test_average_by_hand(self) -> None:
        """15 m out of 10 m: one pixel and a half each."""
        axis, _ = whole_axes(grid((2, 1), 15), grid((3, 1), 10))
        weights = np.zeros((3, 2))
        np.add.at(weights, (axis.places, np.arange(2)), axis.weights)
        assert np.allclose(weights.T * 1.5, [[1, 0.5, 0], [0, 0.5, 1]])
        assert axis.is_coarser

    def test_average_beyond_the_edge_is_of_what_is_there(self) -> None:
        axis, _ = resample.Relation((2.0, 1.0), (-1.0, 0.0), (4, 1)).axes(np.arange(2), np.arange(1))
        weights = np.zeros((4, 2))
        np.add.at(weights, (axis.places, np.arange(2)), axis.weights)
        assert weights.T.tolist() == [[1, 0, 0, 0], [0, 0.5, 0.5, 0]]


class TestMeans:
    @pytest.mark.parametrize("ratio", [ratio for ratio in RATIOS if ratio != 1.5])
    @pytest.mark.parametrize("offset", [0.0, 2.5, 5.0, 7.5])
    @pytest.mark.parametrize("south_up", [False, True])
    def test_a_plane_is_not_shifted(self, ratio: float, offset: float, south_up: bool) -> None:
        """Bilinear values and means over pixels of a plane are the plane itself, but for the outermost pixels."""
        source = grid((60, 66), 10, south_up=south_up)
        size = 10 * ratio
        shape = (int((600 - offset) / size), int((660 - offset) / size))
        target = grid(shape, size, (offset, offset), south_up)
        found, true = brought(plane(source), target, source), plane(target)
        edge = int(np.ceil(1 / ratio))
        inner = (slice(edge, -edge), slice(edge, -edge))
        assert true[inner].size > 20
        assert np.allclose(found[inner], true[inner], atol=1e-6)

    def test_broken_ratios_do_not_shift_on_the_whole(self) -> None:
        """A mean over one pixel and a half lies off by less than a sixth of one, to either side in turn."""
        source, target = grid((60, 60), 10), grid((40, 40), 15)
        away = (brought(plane(source), target, source) - plane(target)) / plane_step(10)
        assert np.abs(away).max() < 1 / 6
        assert abs(away.mean()) < 1e-9

    @pytest.mark.parametrize("ratio", RATIOS)
    @pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "float64"])
    def test_a_constant_stays_one(self, ratio: float, dtype: str) -> None:
        source = grid((13, 17), 10)
        target = grid((int(13 / ratio), int(17 / ratio)), 10 * ratio)
        found = brought(np.full(source.shape_rc, 77, dtype), target, source)
        assert found.dtype == dtype
        assert found.shape == target.shape_rc
        assert np.allclose(found, 77, atol=1e-4)

    def test_average_is_the_mean(self) -> None:
        values = np.random.default_rng(0).integers(1, 60_000, (12, 18)).astype("uint16")
        found = brought(values, grid((2, 3), 60), grid((12, 18), 10))
        assert np.array_equal(found, np.rint(values.reshape(2, 6, 3, 6).mean(axis=(1, 3))))

    def test_means_keep_the_total(self) -> None:
        values = np.random.default_rng(0).random((12, 18))
        assert brought(values, grid((4, 6), 30), grid((12, 18), 10)).mean() == pytest.approx(values.mean())

    @pytest.mark.parametrize("ratio", RATIOS)
    def test_nothing_beyond_the_extremes(self, ratio: float) -> None:
        values = np.random.default_rng(1).choice([3, 65_530], (20, 20)).astype("uint16")
        found = brought(values, grid((int(20 / ratio), int(20 / ratio)), 10 * ratio), grid((20, 20), 10))
        assert found.min() >= 3
        assert found.max() <= 65_530

    def test_codes_are_taken_as_they_are(self) -> None:
        codes = np.array([[3, 8], [9, 11]], dtype=np.uint8)
        source = grid((2, 2), 60)
        found = resample.nearest(codes, *whole_axes(grid((12, 12), 10), source), (0, 0))
        assert np.array_equal(found, codes.repeat(6, axis=0).repeat(6, axis=1))
        assert np.array_equal(found[::6, ::6], codes)


class TestWhatIsKeptOut:
    @pytest.mark.parametrize("missing", [0, 65_535, 123])
    @pytest.mark.parametrize("ratio", RATIOS)
    def test_nodata_never_bleeds(self, missing: int, ratio: float) -> None:
        """Around a hole in a constant there is the constant, and nothing else."""
        source = grid((24, 24), 10)
        values = np.full(source.shape_rc, 1_000, dtype="uint16")
        values[7:15, 5:13] = missing
        target = grid((int(24 / ratio), int(24 / ratio)), 10 * ratio)
        found = brought(values, target, source, missing)
        assert set(np.unique(found)) == {1_000, missing}

    @pytest.mark.parametrize("ratio", RATIOS)
    @pytest.mark.parametrize("missing", [None, -9_999.0, float("nan")])
    def test_not_a_number_never_bleeds(self, ratio: float, missing: float | None) -> None:
        source = grid((24, 24), 10)
        values = np.full(source.shape_rc, 0.25, dtype="float32")
        values[7:15, 5:13] = np.nan if missing is None else missing
        values[0, 0] = np.inf
        target = grid((int(24 / ratio), int(24 / ratio)), 10 * ratio)
        found = brought(values, target, source, missing)
        hidden = np.isnan(found) if missing is None else (found == missing) | np.isnan(found)
        assert hidden.any()
        assert np.allclose(found[~hidden], 0.25)

    @pytest.mark.parametrize("ratio", [0.5, 1 / 6])
    def test_a_finer_pixel_is_missing_where_its_source_is(self, ratio: float) -> None:
        source = grid((9, 9), 60)
        values = np.random.default_rng(2).integers(0, 2, (9, 9)).astype("uint16") * 500
        times = round(1 / ratio)
        found = brought(values, grid((9 * times, 9 * times), 60 * ratio), source, 0)
        assert np.array_equal(found > 0, np.kron(values > 0, np.ones((times, times), bool)))

    @pytest.mark.parametrize("factor", [2, 3, 6])
    @pytest.mark.parametrize("holes", [0, 1, 2, 3, 4])
    def test_a_coarser_pixel_is_missing_where_most_of_it_is(self, factor: int, holes: int) -> None:
        values = np.full(factor * factor, 400, dtype="uint16")
        values[:holes] = 0
        found = brought(values.reshape(factor, factor), grid((1, 1), 10 * factor), grid((factor, factor), 10), 0)
        assert found.item() == (400 if holes <= factor * factor / 2 else 0)

    def test_saturated_pixels_never_bleed(self) -> None:
        source = grid((6, 6), 20)
        values = np.full((6, 6), 1_000, dtype="uint16")
        values[2, 3] = 65_535
        finer = brought(values, grid((12, 12), 10), source, 0, 65_535)
        assert np.array_equal(finer == 65_535, np.kron(values == 65_535, np.ones((2, 2), bool)))
        assert set(np.unique(finer)) == {1_000, 65_535}
        coarser = brought(values, grid((3, 3), 40), source, 0, 65_535)
        assert set(np.unique(coarser)) == {1_000}
        values[2:4, 2:4] = [[65_535, 65_535], [65_535, 1_000]]
        assert brought(values, grid((3, 3), 40), source, 0, 65_535)[1, 1] == 65_535

    def test_mostly_missing_is_missing_though_a_part_is_saturated(self) -> None:
        for last in (0, 1_000):
            values = np.array([[0, 0], [65_535, last]], dtype="uint16")
            assert brought(values, grid((1, 1), 40), grid((2, 2), 20), 0, 65_535).item() == 0

    @pytest.mark.parametrize("ratio", [0.5, 2.0])
    def test_what_a_mask_hides_never_bleeds(self, ratio: float) -> None:
        source = grid((8, 8), 20)
        shown = np.ones((8, 8), dtype=bool)
        shown[3:6, 2:5] = False
        values = np.where(shown, 1_000, 9).astype("uint16")
        target = grid((int(8 / ratio), int(8 / ratio)), 20 * ratio)
        found = brought(values, target, source, shown=shown)
        there = resample.nearest(shown, *whole_axes(target, source), (0, 0))
        assert (found[there] == 1_000).all()


@settings(max_examples=80)
@given(
    ratio=st.sampled_from(RATIOS),
    offset=st.sampled_from((0.0, 0.3, 0.5)),
    seed=st.integers(0, 99),
    dtype=st.sampled_from(("uint16", "float32", "uint8")),
    data=st.data(),
)
def test_a_window_gives_what_the_whole_gives(
    ratio: float, offset: float, seed: int, dtype: str, data: st.DataObject
) -> None:
    """Bit for bit, with missing and saturated pixels, however the target is cut."""
    rng = np.random.default_rng(seed)
    source = grid((30, 30), 10)
    values = rng.integers(1, 250, source.shape_rc).astype(dtype)
    values[rng.random(source.shape_rc) < 0.2] = 0
    values[rng.random(source.shape_rc) < 0.1] = 255
    side = int((30 - offset) / ratio)
    target = grid((side, side), 10 * ratio, (10 * offset, 10 * offset))
    whole = brought(values, target, source, 0, 255)
    row, col = (data.draw(st.integers(0, side - 1)) for _ in range(2))
    height, width = (data.draw(st.integers(1, side - first)) for first in (row, col))
    rows, cols = resample.relation(target, source).axes(np.arange(row, row + height), np.arange(col, col + width))
    first_rc = (rows.span[0], cols.span[0])
    part = values[slice(*rows.span), slice(*cols.span)]
    found = resample.resampled(part, rows, cols, first_rc, (0,), 255)
    assert np.array_equal(found, whole[row : row + height, col : col + width])
