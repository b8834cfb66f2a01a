"""What is told of one class: patches, borders, typical and doubtful places, and how its parts differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scenes import make_scene

from s2dash.classify import pipeline
from s2dash.classify.class_facts import Difference, border_shares, class_patches, difference
from s2dash.classify.class_facts.places import DOUBTFUL, TYPICAL
from s2dash.classify.clean_up.patches import patch_numbers
from s2dash.core.edits import ClassEdits, Merge
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene
from s2dash.server.live_answer import LiveAnswer, after_steps

labels_of = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 3))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    masked = [(slice(20, 40), slice(30, 60))]
    return make_scene(tmp_path_factory.mktemp("scene"), shape_rc=(96, 120), nodata=0, masked=masked)


@pytest.fixture(scope="module")
def answer(scene: Scene) -> LiveAnswer:
    fitted = pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), k=4, sample=2_000))
    return LiveAnswer(pipeline.run_live(fitted), fitted, 0.1)


def test_patches_and_borders_of_a_small_map_by_hand() -> None:
    labels = np.array([[1, 1, 2, 2], [1, 3, 1, 0], [2, 2, 2, 1]], dtype=np.uint8)
    patches = class_patches(labels, 1)
    assert patches is not None
    assert (patches.count, patches.pixels, patches.largest, patches.half_below) == (
        1,
        5,
        5,
        5,
    )  # all hold together by corners
    # 1 | 2: two in the first row, one below (0, 2), one above and one below in the last; 1 | 3: three.
    assert border_shares(labels, 1) == pytest.approx({2: 5 / 8, 3: 3 / 8})
    assert class_patches(labels, 4) is None
    assert border_shares(labels, 4) == {}


def test_half_of_a_class_lies_in_patches_up_to_the_median_size() -> None:
    labels = np.zeros((9, 9), dtype=np.uint8)
    labels[0, :4], labels[2, :3], labels[4, 0], labels[6, 0] = 1, 1, 1, 1
    patches = class_patches(labels, 1)
    assert patches is not None
    assert (patches.count, patches.pixels, patches.largest, patches.half_below) == (4, 9, 4, 3)


@given(labels_of, st.integers(1, 3))
def test_patches_are_those_that_the_clean_up_finds(labels: np.ndarray, number: int) -> None:
    found = class_patches(labels, number)
    sizes = np.bincount(patch_numbers(labels, 8)[labels == number]) if (labels == number).any() else np.zeros(0)
    sizes = np.sort(sizes[sizes > 0])
    assert (found is None) == (not sizes.size)
    if found is not None:
        assert (found.count, found.largest) == (len(sizes), sizes[-1])
        assert 2 * sizes[sizes <= found.half_below].sum() >= sizes.sum() >= 2 * sizes[sizes < found.half_below].sum()


@given(labels_of)
def test_a_border_is_the_same_from_both_sides_and_shares_add_up(labels: np.ndarray) -> None:
    for number in (1, 2, 3):
        shares = border_shares(labels, number)
        assert sum(shares.values()) == pytest.approx(1 if shares else 0)
        assert not {0, number} & set(shares)
        assert list(shares.values()) == sorted(shares.values(), reverse=True)
        assert all(number in border_shares(labels, other) for other in shares)
        assert border_shares(labels.T, number) == shares


def test_places_are_of_the_class_and_doubtful_ones_less_sure(answer: LiveAnswer) -> None:
    labels, percent = answer.result.classmap.labels, answer.sureness.percent
    assert labels is not None
    for number in answer.fitted.numbers:
        places = answer.class_facts(number).places
        assert (len(places.typical), len(places.doubtful)) == (TYPICAL, DOUBTFUL)
        at = [(place.row, place.col) for place in (*places.typical, *places.doubtful)]
        assert len(set(at)) == len(at)
        assert all(labels[where] == number for where in at)
        assert all(place.next_label is None for place in places.typical)
        assert all(place.next_label not in (None, 0, number) for place in places.doubtful)
        sure = [[percent[place.row, place.col] for place in some] for some in (places.typical, places.doubtful)]
        assert max(sure[1]) <= min(sure[0])


def test_places_lie_far_from_each_other(answer: LiveAnswer) -> None:
    for number in answer.fitted.numbers:
        at = np.array([(place.row, place.col) for place in answer.class_facts(number).places.typical])
        apart = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1))
        assert apart[~np.eye(len(at), dtype=bool)].min() >= 4


def test_facts_are_made_once_for_an_answer_and_follow_its_edits(answer: LiveAnswer) -> None:
    assert answer.class_facts(1) is answer.class_facts(1)
    merged = after_steps(answer, ClassEdits(steps=(Merge((2,), 3),)))
    labels = merged.result.classmap.labels
    assert labels is not None
    facts = merged.class_facts(3)
    assert 2 not in facts.borders
    assert all(labels[place.row, place.col] == 3 for place in facts.places.typical)
    gone = merged.class_facts(2)
    assert (gone.patches, gone.borders, gone.places.typical, gone.places.doubtful) == (None, {}, (), ())


@given(st.floats(0, 0.5), st.floats(0, 0.5))
def test_parts_that_differ_in_light_alone_are_brighter_and_darker(scene: Scene, one: float, other: float) -> None:
    found = difference(scene, np.array([[one], [other]]) * np.ones((2, len(scene.bands))))
    assert found is not None
    assert (found.kind, found.more) == ("bright", 1 if other > one else 0)


def test_parts_differ_in_plants_or_in_water_where_there_is_any(scene: Scene) -> None:
    assert scene.band_names == ("B02", "B03", "B04", "B08")
    bare, plants = [0.08, 0.1, 0.12, 0.18], [0.04, 0.06, 0.05, 0.4]
    water, mud = [0.09, 0.08, 0.05, 0.02], [0.09, 0.08, 0.05, 0.045]
    assert difference(scene, np.array([bare, plants])) == Difference("green", 1, 3)
    assert difference(scene, np.array([water, mud])) == Difference("wet", 0, 3)
    assert difference(scene, np.full((2, 4), np.nan)) is None
