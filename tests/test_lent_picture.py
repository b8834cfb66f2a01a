"""The picture that a scene lends to an embedding of the same place: where it lies, whose it is, and when it is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from embeddings import SHAPE_RC, coded, write
from loose import taken_in
from rasterio.transform import Affine
from scenes import UTM_10M, make_scene, write_scene

from s2dash.classify.colours import colours_of
from s2dash.classify.pipeline import fitted_to, run_live
from s2dash.core.legend import default_legend
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene
from s2dash.export import Handover
from s2dash.export.lent import covered_share, lent_label, lent_rgba, why_not
from s2dash.export.report.contents import report_contents
from s2dash.export.slide.contents import slide_contents
from s2dash.raster.reading import read_preview_stack
from s2dash.tiles.stretch import picture_rgba, usual_bands

pytestmark = pytest.mark.usefixtures("door_is_here")


@pytest.fixture
def embedding(tmp_path: Path) -> Scene:
    return taken_in(write(tmp_path / "x.tif", coded(), nodata=-128), tmp_path / "x")


def light(tmp_path: Path, name: str = "S2_20240601.tif", **how: object) -> Scene:
    return taken_in(write_scene(tmp_path / name, SHAPE_RC, **how), tmp_path / name.partition(".")[0])


def own_picture(scene: Scene) -> np.ndarray:
    bands = usual_bands(scene)
    assert bands is not None
    return picture_rgba(scene, read_preview_stack(scene), bands)


def test_a_picture_on_the_same_grid_is_the_lenders_own(tmp_path: Path, embedding: Scene) -> None:
    lender = light(tmp_path)
    assert covered_share(embedding, lender) == 1
    assert why_not(embedding, lender) is None
    np.testing.assert_array_equal(lent_rgba(embedding, lender), own_picture(lender))


def test_a_picture_beside_lies_where_its_ground_is_and_is_clear_elsewhere(tmp_path: Path, embedding: Scene) -> None:
    right = 30
    lender = light(tmp_path, transform=UTM_10M @ Affine.translation(right, 0))
    assert covered_share(embedding, lender) == pytest.approx(1 - right / SHAPE_RC[1], abs=0.03)
    found = lent_rgba(embedding, lender)
    assert (found[:, :right, 3] == 0).all()
    np.testing.assert_array_equal(found[:, right:], own_picture(lender)[:, :-right])


def test_what_cannot_lend_is_told_why(tmp_path: Path, embedding: Scene) -> None:
    elsewhere = light(tmp_path, "far.tif", transform=UTM_10M @ Affine.translation(5_000, 0))
    assert "does not overlap" in str(why_not(embedding, elsewhere))
    nowhere = light(tmp_path, "nowhere.tif", crs=None, transform=Affine.identity())
    assert "Nothing says where" in str(why_not(embedding, nowhere))
    assert "no true colour" in str(why_not(embedding, embedding))
    assert "no true colour" in str(why_not(embedding, light(tmp_path, "few.tif", names=("B8A", "B11"))))


def test_slide_and_report_show_it_and_name_both_sources(tmp_path: Path, embedding: Scene) -> None:
    lender = light(tmp_path)
    fitted = fitted_to(embedding, replace(default_recipe(embedding), k=4))
    result, legend = run_live(fitted), default_legend(colours_of(fitted))
    alone, given = Handover(result, legend), Handover(result, legend, lender=lender)
    slide, report, usual = slide_contents(given), report_contents(given), slide_contents(alone)
    assert slide.attribution == usual.attribution == embedding.attribution
    assert slide.notes == (*usual.notes, f"Picture: {lender.attribution}.")
    assert report.attribution == f"{embedding.attribution}. Picture: {lender.attribution}"
    assert slide.picture is not None
    np.testing.assert_array_equal(slide.picture.rgba, own_picture(lender))
    assert report.maps.satellite_label == lent_label(lender) == "True colour · S2_20240601 · 2024-06-01"


def test_a_lender_whose_files_are_gone_leaves_no_picture(tmp_path: Path, embedding: Scene) -> None:
    lender = make_scene(tmp_path, SHAPE_RC)
    for path in lender.paths:
        path.unlink()
    fitted = fitted_to(embedding, replace(default_recipe(embedding), k=2))
    handover = Handover(run_live(fitted), default_legend(colours_of(fitted)), lender=lender)
    assert slide_contents(handover).picture is None
