"""Suggestions of names: each source, what it needs, and that reasons tell the numbers they come from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from products import write_safe
from scenes import make_scene

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.classify.fitted import Fitted
from s2dash.classify.naming import SURENESS, suggestions
from s2dash.classify.naming.overlap import NamedCode, named_by_overlap
from s2dash.classify.naming.rules import named_by_rule
from s2dash.core.band_means import band_means
from s2dash.core.classmap import Result
from s2dash.core.legend import clean_name
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene

BANDS = ("B02", "B03", "B04", "B08", "B11")
MEANINGS = {code: NamedCode(f"Cover {code}", f"cover {code}", str(code)) for code in range(1, 6)}


def fitted_on(scene: Scene, k: int = 5) -> tuple[Fitted, Result]:
    fitted = pipeline.fit(pipeline.prepare(scene, replace(default_recipe(scene).plain(), k=k)))
    return fitted, pipeline.run_live(fitted)


def by_rule(*reflectance: float) -> str:
    found = named_by_rule(band_means(np.array([reflectance]), BANDS), 0)
    assert found is not None
    return found.name


class TestRules:
    @pytest.mark.parametrize(
        ("reflectance", "name"),
        [
            ((0.09, 0.07, 0.04, 0.03, 0.01), "Water"),
            ((0.05, 0.07, 0.04, 0.40, 0.20), "Dense plants"),
            ((0.12, 0.15, 0.20, 0.26, 0.33), "Bare ground"),
            ((0.60, 0.62, 0.63, 0.66, 0.40), "Cloud, snow or bright ground"),
            ((0.05, 0.04, 0.04, 0.05, 0.06), "Shadow or dark ground"),
            ((0.10, 0.12, 0.12, 0.24, 0.28), "Sparse plants"),
        ],
    )
    def test_the_first_that_fits_decides(self, reflectance: tuple[float, ...], name: str) -> None:
        assert by_rule(*reflectance) == name

    @given(arrays.arrays(np.float64, (4, 5), elements=st.floats(-0.05, 1.2)))
    def test_any_reflectance_gets_a_name_that_fits_a_row_and_no_trees(self, reflectance: np.ndarray) -> None:
        means = band_means(reflectance, BANDS)
        for i in range(4):
            found = named_by_rule(means, i)
            assert found is not None
            assert found.name == clean_name(found.name)
            assert len(found.name) <= 28
            assert not {"tree", "forest"} & set(found.name.lower().split())
            assert found.sureness in SURENESS
            assert found.reason.endswith("(a rule on the class's mean reflectance).")

    def test_without_red_or_near_infrared_no_rule_speaks(self) -> None:
        assert named_by_rule(band_means(np.full((1, 2), 0.2), ("B03", "B04")), 0) is None
        assert named_by_rule(band_means(np.full((1, 2), 0.2), ("B03", "B08")), 0) is None

    def test_numbers_that_are_no_reflectance_get_no_rule(self, tmp_path: Path) -> None:
        assert len(suggestions(*fitted_on(make_scene(tmp_path)))) == 5
        stretched = make_scene(tmp_path, dtype="uint8")
        assert suggestions(*fitted_on(stretched)) == {}
        by_hand = ingest.with_numbers(stretched, quantification=254.0)
        assert len(suggestions(*fitted_on(by_hand))) == 5


class TestOverlap:
    @given(
        arrays.arrays(np.uint8, (12, 12), elements=st.integers(0, 3)),
        arrays.arrays(np.int32, (12, 12), elements=st.integers(0, 6)),
    )
    def test_a_name_is_what_most_known_pixels_of_a_class_are(self, labels: np.ndarray, codes: np.ndarray) -> None:
        found = named_by_overlap(labels, codes, MEANINGS, 3, "reference", "a map")
        for number in range(1, 4):
            known = codes[(labels == number) & (codes >= 1) & (codes <= 5)]
            shares = np.bincount(known, minlength=6) / max(1, known.size)
            if number in found:
                assert shares[int(found[number].code)] == shares.max() >= 0.4
            else:
                assert known.size < 20 or shares.max() < 0.4

    def test_reason_says_share_meaning_and_source(self) -> None:
        labels, codes = np.ones((10, 10), np.uint8), np.full((10, 10), 2)
        codes[:1, :8] = 3
        (found,) = named_by_overlap(labels, codes, MEANINGS, 1, "reference", "a map").values()
        assert (found.name, found.sureness, found.code) == ("Cover 2", "very likely", "2")
        assert found.reason == "92 % of it is cover 2 in a map."
        codes[5:] = 0
        (found,) = named_by_overlap(labels, codes, MEANINGS, 1, "reference", "a map").values()
        assert found.reason == "84 % of it is cover 2 in a map, which covers 50 % of it."

    def test_different_numbers_of_one_name_count_together(self) -> None:
        codes = np.where(np.arange(100) < 50, 1, 2).reshape(10, 10)
        cloud = NamedCode("Cloud", "cloud")
        (found,) = named_by_overlap(
            np.ones((10, 10), np.uint8), codes, {1: cloud, 2: cloud}, 1, "product", "x"
        ).values()
        assert found.reason == "All of it is cloud in x."


def test_the_products_own_classification_is_stronger_than_rules(tmp_path: Path) -> None:
    safe = write_safe(tmp_path / "in", size_m=1200, with_extras=False)
    scene = ingest.ingest(safe, tmp_path / "scene")
    found = suggestions(*fitted_on(scene, k=3))
    assert {"Water", "Plants"} <= {one.name for one in found.values()}
    assert all(one.source == "product" for one in found.values() if one.name in ("Water", "Plants"))
    assert any("in the product's own classification" in one.reason for one in found.values())


def test_classes_without_pixels_get_no_name(tmp_path: Path) -> None:
    fitted, live = fitted_on(make_scene(tmp_path))
    emptied = replace(live, rows=(replace(live.rows[0], count=0), *live.rows[1:]))
    assert set(suggestions(fitted, emptied)) == {2, 3, 4, 5}
