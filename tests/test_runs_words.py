"""What differs from the run before, in words: every choice of a recipe has some, and equal runs have none."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from s2dash.core.recipe import Recipe
from s2dash.core.run import Run
from s2dash.ui.runs.words import change_words

BEFORE = Recipe(("B02", "B03", "B04"), indices=("NDWI",))
CHANGES = {
    "bands": (("B02", "B04", "B08"), "+ B08 · − B03"),
    "indices": (("NDWI", "NDVI"), "+ NDVI"),
    "scale": ("robust", "outliers ignored"),
    "clip": ((5.0, 95.0), "cut at 5 and 95 %"),
    "pca": (0.99, "components for 99 %"),
    "smooth": (3, "+ smoothing"),
    "transform": ("log", "logarithm"),
    "components": (4, "first 4 components, whitened in part"),
    "favour_rare": (True, "rare classes favoured"),
    "distance": ("mahalanobis", "distance learnt"),
    "mask": ("none", "nothing left out"),
    "mask_scl": ((3, 8), "leaves out other pixels"),
    "mask_saturated": (True, "leaves out other pixels"),
    "pixel_size": (20.0, "pixels of 20"),
    "atmosphere": ("dos1", "haze subtracted"),
    "algorithm": ("gaussian-mixture", "Gaussian mixture"),
    "k": (9, "k 8 → 9"),
    "params": ((("n_init", 3),), None),
    "seed": (5, "seed 0 → 5"),
    "sample": (None, "learns from all pixels"),
}


def words(**changes: object) -> str:
    return change_words(Run("one", BEFORE), Run("one", replace(BEFORE, **changes)))  # type: ignore[arg-type]


def test_every_field_of_a_recipe_is_looked_at() -> None:
    assert {field.name for field in fields(Recipe)} == set(CHANGES)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_has_words(name: str) -> None:
    value, expected = CHANGES[name]
    found = words(**{name: value})
    assert found != "Same choices"
    assert expected is None or found == expected


def test_several_changes_stand_side_by_side() -> None:
    assert words(k=9, indices=("NDWI", "NDVI")) == "k 8 → 9 · + NDVI"


def test_one_choice_is_one_word() -> None:
    better = BEFORE.with_edges_kept()
    assert change_words(Run("one", BEFORE), Run("one", better)) == "smooth, edges kept"
    assert change_words(Run("one", better), Run("one", replace(BEFORE, k=9))) == "k 8 → 9 · plain"
    assert change_words(Run("one", better), Run("one", replace(better, smooth=0))) == "− smoothing"


def test_components_have_words_in_any_number() -> None:
    assert [words(pca=pca) for pca in (1, 4, 0.999)] == [
        "first component",
        "first 4 components",
        "components for 99.9 %",
    ]


def test_many_bands_are_counted() -> None:
    assert words(bands=("B05", "B06", "B07", "B8A")) == "3 → 4 bands"


def test_the_first_an_equal_one_and_another_scene() -> None:
    run = Run("one", BEFORE, scene_title="Coast")
    assert change_words(None, run) == "The first map"
    assert change_words(run, run) == "Same choices"
    assert change_words(run, replace(run, scene_digest="other", scene_title="Desert")) == "another scene"
    assert change_words(run, replace(run, scene_digest="other")) == "read another way"
