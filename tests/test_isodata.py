"""ISODATA: groups made by hand that it splits, merges and drops, and how many classes came out wherever k is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import make_scene

from s2dash.classify import pipeline
from s2dash.classify.algorithms import LinearModel, find_algorithm
from s2dash.core.edits import ClassEdits, Merge
from s2dash.core.legend import default_legend
from s2dash.core.recipe import ParamValue, default_recipe
from s2dash.export.bundle import readme
from s2dash.export.geotiff import write_geotiff_and_sidecar
from s2dash.export.handover import Handover

ISODATA = find_algorithm("isodata")


def clouds(*places: tuple[float, float, int], seed: int = 0) -> np.ndarray:
    """Round clouds of pixels around places of two features, each (x, y, pixels), a tenth wide."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(place[:2], 0.1, (int(place[2]), 2)) for place in places]).astype(np.float32)


def fitted(rows: np.ndarray, k: int, **params: ParamValue) -> LinearModel:
    model = ISODATA.fit(rows, k, ISODATA.complete_params(params), 0)
    assert isinstance(model, LinearModel)
    return model


def test_merges_what_lies_near_and_says_so() -> None:
    """Two clouds, cut into six at the start; the cut ones lie near each other."""
    model = fitted(clouds((0, 0, 500), (5, 5, 500)), 6)
    assert np.allclose(np.sort(model.weights[:, 0]), [0, 5], atol=0.05)
    assert model.notes == (
        "ISODATA found 2 classes of at most 6: "
        "no classes were split, 4 pairs merged and no classes dropped as too small.",
    )


def test_drops_what_is_small_and_splits_what_is_wide_in_its_place() -> None:
    """A few far pixels take one of the three starts; once they are dropped, what is wide is split in their place."""
    rows = clouds((0, 0, 500), (3, 0, 500), (0, 3, 500), (40, 40, 8))
    model = fitted(rows, 3, min_size=1.0, max_std=0.3)
    found = model.predict(rows[:1500])
    assert [len(set(found[start : start + 500].tolist())) for start in (0, 500, 1000)] == [1, 1, 1]
    assert len(set(found.tolist())) == model.class_count == 3
    assert "1 class was split" in model.notes[0]
    assert "1 class dropped" in model.notes[0]


def test_keeps_the_fewest_that_were_asked_for() -> None:
    rows = clouds((0, 0, 500), (5, 5, 500))
    for fewest in (2, 3, 5):
        assert fitted(rows, 6, min_classes=fewest, min_distance=5.0, max_std=5.0).class_count == fewest


def test_says_where_the_rounds_were_too_few() -> None:
    assert any("after 1 rounds" in words for words in fitted(clouds((0, 0, 90), (5, 5, 90)), 8, max_iter=1).notes)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    k=st.integers(2, 12),
    params=st.fixed_dictionaries(
        {},
        optional={
            param.name: st.integers(int(param.low), int(min(param.high, 60)))
            if isinstance(param.default, int)
            else st.floats(param.low, param.high)
            for param in ISODATA.params
        },
    ),
)
def test_no_class_is_empty_and_none_too_many_whatever_is_asked(
    seed: int, k: int, params: dict[str, ParamValue]
) -> None:
    rows = clouds((0, 0, 60), (1, 0, 30), (0, 4, 10), seed=seed)
    model = fitted(rows, k, **params)
    counts = np.bincount(model.predict(rows), minlength=model.class_count)
    assert len(counts) == model.class_count <= k
    assert counts.min() > 0
    assert np.isfinite(model.weights).all()


@pytest.fixture
def twelve(tmp_path: Path) -> pipeline.Fitted:
    """A scene of few kinds of ground, of which 12 classes at most were asked for."""
    scene = make_scene(tmp_path, (60, 90))
    return pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), algorithm="isodata", k=12))


def test_the_number_that_came_out_is_the_number_everywhere(twelve: pipeline.Fitted, tmp_path: Path) -> None:
    result = pipeline.run_live(twelve)
    count = twelve.class_count
    assert 2 <= count < 12
    assert [row.id for row in result.rows] == list(range(1, count + 1))
    assert result.classmap.class_count == len(twelve.mean_reflectance) == count
    assert min(row.count for row in result.rows) > 0
    out, legend = tmp_path / "out.tif", default_legend(("#000000",) * count)
    write_geotiff_and_sidecar(result, legend, out)
    with rasterio.open(out) as dataset:
        tags = dataset.tags()
    words = f"ISODATA found {count} classes of at most 12:"
    assert words in tags["S2DASH_NOTES"]
    assert f"CLASS_{count}" in tags
    assert f"CLASS_{count + 1}" not in tags
    assert words in readme(Handover(result, legend), "out.tif")


def test_edits_and_full_runs_count_what_came_out(twelve: pipeline.Fitted, tmp_path: Path) -> None:
    edited = pipeline.edited(twelve, ClassEdits(steps=(Merge(classes=(2, 1), into=1),)))
    assert len(edited.mean_reflectance) == twelve.class_count
    full = pipeline.run_full(twelve, tmp_path / "labels.tif", window_shape_rc=(16, 32))
    live = pipeline.run_live(twelve)
    assert [row.count for row in full.rows] == [row.count for row in live.rows]
