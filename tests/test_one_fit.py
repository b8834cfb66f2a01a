"""One fit on two dates: which pixels are compared, which stay out, and what cannot be compared at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from scenes import TEN_METRE, UTM_10M, land_cover, make_scene, open_scene, write_raster, write_scene

from s2dash.batch.change import FitOnTwoDates, fit_on_two_dates, is_later
from s2dash.classify import pipeline
from s2dash.classify.fitted import Fitted
from s2dash.core.legend import Legend, default_legend
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene
from s2dash.core.types import CancelToken
from s2dash.errors import Cancelled, RecipeError, UnknownName

SHAPE = (40, 60)
WHOLE = land_cover((60, 90), TEN_METRE, 3).astype(np.uint16)


def scene_of(path: Path, values: np.ndarray, row: float = 0, col: float = 0, date: str | None = None) -> Scene:
    """Pixels whose first is at this row and column of the whole."""
    written = write_raster(
        path, values, transform=UTM_10M @ Affine.translation(col, row), descriptions=TEN_METRE, nodata=0
    )
    return replace(open_scene(written), date=date)


@pytest.fixture
def here(tmp_path: Path) -> Scene:
    return scene_of(tmp_path / "here.tif", WHOLE[:, :40, :60], date="2016-01-12")


@pytest.fixture
def fitted(here: Scene) -> Fitted:
    recipe = replace(default_recipe(here), k=4, smooth=0)
    return pipeline.fitted_to(here, recipe)


@pytest.fixture
def legend() -> Legend:
    return default_legend(("#3479c7", "#557d5a", "#b68535", "#e4d9a0"))


def labels_of(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return np.asarray(dataset.read(1))


def on_two_dates(fitted: Fitted, legend: Legend, other: Scene, tmp_path: Path) -> FitOnTwoDates:
    folder = tmp_path / f"folder of {Path(other.paths[0]).stem}"
    folder.mkdir()
    return fit_on_two_dates(fitted, legend, other, folder)


def test_the_same_ground_on_another_day_does_not_change(fitted: Fitted, legend: Legend, tmp_path: Path) -> None:
    other = scene_of(tmp_path / "other.tif", WHOLE[:, :40, :60], date="2020-05-03")
    found = on_two_dates(fitted, legend, other, tmp_path)
    assert found.change.stayed.count == 40 * 60
    assert found.change.found.moves == ()
    assert (found.change.before.name, found.change.after.name) == ("2016-01-12", "2020-05-03")
    assert not found.change.is_resampled
    assert found.notes == ()


def test_each_pixel_has_the_labels_that_the_fit_gives_to_its_date(
    fitted: Fitted, legend: Legend, tmp_path: Path
) -> None:
    values = land_cover((40, 60), TEN_METRE, 8).astype(np.uint16)
    values[:, 30:, 50:] = 0
    other = scene_of(tmp_path / "other.tif", values, date="2020-05-03")
    change = on_two_dates(fitted, legend, other, tmp_path).change
    before, after = (pipeline.run_live(one).classmap.labels for one in (fitted, fitted.on(other)))
    assert before is not None
    assert after is not None
    assert np.array_equal(labels_of(change.before.path), before)
    assert np.array_equal(labels_of(change.after.path), after)
    assert change.found.moved.count == np.count_nonzero((before != after) & (before > 0) & (after > 0))
    assert change.found.one_sided[0].count == 10 * 10
    assert change.found.moved.area_ha == pytest.approx(change.found.moved.count / 100)


@pytest.mark.parametrize(("row", "col", "is_resampled"), [(10, 20, False), (10.5, 20.25, True)])
def test_another_cut_is_brought_onto_the_pixels_of_the_fit(
    fitted: Fitted, legend: Legend, tmp_path: Path, row: float, col: float, is_resampled: bool
) -> None:
    other = scene_of(tmp_path / "other.tif", WHOLE[:, 10:50, 20:80], row, col, "2020-05-03")
    change = on_two_dates(fitted, legend, other, tmp_path).change
    assert change.is_resampled == is_resampled
    assert change.before.grid == change.after.grid == fitted.scene.grid
    assert change.found.compared_count == 30 * 40
    assert change.found.one_sided[0].count == 40 * 60 - 30 * 40
    if not is_resampled:
        assert change.found.moved.count == 0


def test_the_earlier_date_comes_first(fitted: Fitted, legend: Legend, tmp_path: Path) -> None:
    other = scene_of(tmp_path / "other.tif", WHOLE[:, 5:45, :60], 5, date="1999-12-31")
    found = on_two_dates(fitted, legend, other, tmp_path)
    assert (found.change.before.name, found.change.after.name) == ("1999-12-31", "2016-01-12")
    assert found.change.after.grid == found.change.before.grid == fitted.scene.grid
    assert found.change.found.one_sided[1].count == 5 * 60
    assert found.is_later_here
    assert is_later(fitted.scene, other)
    assert not is_later(other, fitted.scene)


@pytest.mark.parametrize("date", [None, "2016-01-12"])
def test_dates_that_do_not_tell_them_apart_give_way_to_titles(
    fitted: Fitted, legend: Legend, tmp_path: Path, date: str | None
) -> None:
    fitted = replace(fitted, prepared=replace(fitted.prepared, scene=replace(fitted.scene, date=date)))
    other = scene_of(tmp_path / "other.tif", WHOLE[:, :40, :60], date=date)
    change = on_two_dates(fitted, legend, other, tmp_path).change
    assert (change.before.name, change.after.name) == (fitted.scene.title, other.title)
    twin = replace(other, title=fitted.scene.title)
    (tmp_path / "twin").mkdir()
    change = fit_on_two_dates(fitted, legend, twin, tmp_path / "twin").change
    assert change.before.name != change.after.name


def test_what_is_out_of_reach_is_refused_in_a_sentence(fitted: Fitted, legend: Legend, tmp_path: Path) -> None:
    far = scene_of(tmp_path / "far.tif", WHOLE[:, :40, :60], 5_000, 5_000)
    for number, date in enumerate((None, "1999-12-31")):
        (tmp_path / f"far {number}").mkdir()
        with pytest.raises(RecipeError, match="of the same place"):
            fit_on_two_dates(fitted, legend, replace(far, date=date), tmp_path / f"far {number}")
    poor = open_scene(write_scene(tmp_path / "poor.tif", SHAPE, ("B02", "B03")))
    with pytest.raises(UnknownName):
        on_two_dates(fitted, legend, poor, tmp_path)
    nowhere = open_scene(write_scene(tmp_path / "nowhere.tif", SHAPE, crs=None))
    with pytest.raises(RecipeError, match="without a place"):
        on_two_dates(fitted, legend, nowhere, tmp_path)


def test_without_a_place_rows_and_columns_are_compared(tmp_path: Path, legend: Legend) -> None:
    one = make_scene(tmp_path, SHAPE, crs=None)
    other = open_scene(write_scene(tmp_path / "other.tif", SHAPE, crs=None, seed=4))
    fitted = pipeline.fitted_to(one, replace(default_recipe(one), k=4))
    change = on_two_dates(fitted, legend, other, tmp_path).change
    assert change.found.compared_count == SHAPE[0] * SHAPE[1]
    assert change.found.moved.area_ha is None
    assert not change.is_resampled


def test_a_large_scene_is_compared_in_every_pixel_and_uses_what_is_there(tmp_path: Path, legend: Legend) -> None:
    shape = (1100, 1000)
    one = make_scene(tmp_path, shape, ("B03", "B04", "B08"))
    other = open_scene(write_scene(tmp_path / "other.tif", shape, ("B03", "B04", "B08"), seed=4))
    assert one.live_step == 2
    fitted = pipeline.fitted_to(one, replace(default_recipe(one), k=4))
    change = on_two_dates(fitted, legend, other, tmp_path).change
    assert change.found.compared_count == shape[0] * shape[1]
    known = pipeline.run_full(fitted, tmp_path / "known.tif")
    (tmp_path / "again").mkdir()
    again = fit_on_two_dates(fitted, legend, other, tmp_path / "again", known)
    assert np.array_equal(again.change.found.table.counts, change.found.table.counts)
    assert not (tmp_path / "again" / "here-labels.tif").exists()


def test_another_level_is_said(fitted: Fitted, legend: Legend, tmp_path: Path) -> None:
    other = replace(scene_of(tmp_path / "other.tif", WHOLE[:, :40, :60]), level="Level-2A")
    assert on_two_dates(fitted, legend, other, tmp_path).notes == ()
    surface = replace(fitted, prepared=replace(fitted.prepared, scene=replace(fitted.scene, level="Level-1C")))
    (tmp_path / "again").mkdir()
    assert "haze" in fit_on_two_dates(surface, legend, other, tmp_path / "again").notes[0]


def test_it_can_be_stopped(fitted: Fitted, legend: Legend, here: Scene, tmp_path: Path) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        fit_on_two_dates(fitted, legend, here, tmp_path, cancel=cancel)
