"""What the panel on numbers of classes says, and the tree it draws, without a page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scenes import make_scene

from s2dash.classify import pipeline
from s2dash.classify.advice import Advice, Column, advise
from s2dash.classify.evaluate import Scores
from s2dash.core.legend import default_legend
from s2dash.core.recipe import default_recipe
from s2dash.ui.how_many.panel import curves_data
from s2dash.ui.how_many.tree import split_words, tree_data
from s2dash.ui.how_many.words import MEASURES, MORE_MEASURES, NONE_STANDS_OUT, TOO_ALIKE, advice_words

COLUMNS = tuple(Column(k, Scores(0.5, 1.0, 100.0, 1 - 1 / k), stability=0.95) for k in range(2, 9))
K = 5


def test_advice_offers_and_never_claims() -> None:
    one, several = (advice_words(Advice(7, also), COLUMNS, None) for also in ((), (4, 6)))
    assert one.startswith("**7 classes** come out the same")
    assert several.startswith("**4, 6 or 7 classes** come out")
    for word in ("right", "best number", "correct", "optimal"):
        assert word not in one + several


def test_advice_where_none_stands_out_or_nothing_was_tried() -> None:
    assert advice_words(Advice(None), COLUMNS, None) == f"**{NONE_STANDS_OUT}**"
    assert advice_words(advise([]), [], None) == TOO_ALIKE


def test_advice_says_the_elbow_what_differs_and_what_splits() -> None:
    found = Advice(4, elbow=5, favourites=(("separation", 4), ("Davies-Bouldin", 8)))
    words = advice_words(found, COLUMNS, "Marsh *wet*")
    assert "From 5 on, one more class explains little more." in words
    assert "Single measures differ: separation 4, Davies-Bouldin 8." in words
    assert "would split Marsh &#42;wet&#42;" in words


def test_curves_have_a_place_for_each_number_before_it_is_known() -> None:
    data = curves_data(COLUMNS[:3], Advice(None), 4)
    assert data["ks"] == list(range(2, 16))
    assert [curve["name"] for curve in data["measures"]] == [measure.name for measure in MEASURES]
    assert data["measures"][0]["shown"][:4] == ["50 %", "67 %", "75 %", ""]
    assert data["about"][0] == "fit 50 %, separation 0.50, stability 95 %"
    assert data["about"][3] == ""
    assert [curve["name"] for curve in data["more"]] == ["Calinski-Harabasz", "Davies-Bouldin"]


def test_every_measure_is_explained() -> None:
    for measure in (*MEASURES, *MORE_MEASURES):
        assert measure.help.endswith(".")
        assert measure.what


@pytest.fixture(scope="module")
def nested(tmp_path_factory: pytest.TempPathFactory) -> pipeline.Fitted:
    scene = make_scene(tmp_path_factory.mktemp("tree"), (60, 90))
    recipe = replace(pipeline.apply_algorithm(default_recipe(scene).plain(), "nested-groups"), k=K)
    return pipeline.fitted_to(scene, recipe)


@pytest.mark.parametrize("k", [2, K, 14])
def test_the_tree_shows_every_class_once_and_the_cut_crosses_as_many_branches(nested: pipeline.Fitted, k: int) -> None:
    fitted = pipeline.fitted_to(nested.scene, replace(nested.recipe, k=k))
    data = tree_data(fitted, default_legend(tuple(f"#{number:06x}" for number in range(k))))
    rows = sorted(one["rows"] for one in data["classes"])
    assert sorted(one["name"] for one in data["classes"]) == sorted(f"Class {n}" for n in range(1, k + 1))
    assert [row for first, last in rows for row in range(first, last + 1)] == list(range(data["branches"]))
    crossed = [line for line in data["lines"] if line[0] <= k - 1 and line[2] >= k]
    assert len(crossed) == k
    assert all(before == (x1 < k) for x1, _, _, _, before in data["lines"])


def test_what_splits_is_what_the_next_map_splits(nested: pipeline.Fitted) -> None:
    legend = default_legend(tuple("#000000" for _ in range(K)))
    after = pipeline.fitted_to(nested.scene, replace(nested.recipe, k=K + 1)).sample_labels
    split = next(n for n in range(1, K + 1) if len(np.unique(after[nested.sample_labels == n])) == 2)
    assert f"**{K} to {K + 1}:** Class {split} would split" in split_words(nested, legend)
    before = pipeline.fitted_to(nested.scene, replace(nested.recipe, k=K - 1)).sample_labels
    joined = next(n for n in range(1, K) if len(np.unique(nested.sample_labels[before == n])) == 2)
    first, second = np.unique(nested.sample_labels[before == joined])
    assert f"**{K - 1} to {K}:** Class {first} and Class {second} became two" in split_words(nested, legend)
