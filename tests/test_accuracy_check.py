"""Places to check a map at, and what their answers say of it: drawn fairly, the same again, honest when few."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import make_scene

from s2dash.classify import pipeline
from s2dash.classify.accuracy import sampling
from s2dash.classify.accuracy.score import check_accuracy
from s2dash.core import accuracy_words as words
from s2dash.core.accuracy import Accuracy, Check, ClassAccuracy, Estimate
from s2dash.core.classmap import ClassMap, Result
from s2dash.core.legend import Legend, default_legend
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene
from s2dash.core.types import frozen
from s2dash.errors import BrokenResult, TooFewPixels

COUNTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 10**6), min_size=1)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    masked = [(slice(20, 40), slice(30, 60))]
    return make_scene(tmp_path_factory.mktemp("scene"), shape_rc=(96, 120), nodata=0, masked=masked)


@pytest.fixture(scope="module")
def result(scene: Scene) -> Result:
    return pipeline.run_live(pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), k=4, sample=2_000)))


@pytest.fixture(scope="module")
def full(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Result:
    fitted = pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), k=4, sample=2_000))
    return pipeline.run_full(fitted, tmp_path_factory.mktemp("full") / "labels.tif")


@pytest.fixture
def legend(result: Result) -> Legend:
    return default_legend(["#aa0000", "#00aa00", "#0000aa", "#aaaa00"][: len(result.rows)])


def answered_by_the_map(check: Check, result: Result, legend: Legend) -> Check:
    names = sampling.class_names(legend)
    for number, label in enumerate(sampling.labels_at(result.classmap, check.places)):
        check = check.answered(number, names[int(label)])
    return check


@given(COUNTS, st.integers(30, 200))
def test_the_allocation_gives_all_places_and_none_twice(sizes: dict[str, int], count: int) -> None:
    given_ = sampling.allocation(sizes, count)
    assert sum(given_.values()) == min(count, sum(sizes.values()))
    least = min(10, count // (2 * len(sizes)))
    assert all(min(least, sizes[name]) <= number <= sizes[name] for name, number in given_.items())


def test_the_allocation_is_neymans_where_no_class_is_small() -> None:
    sizes = {"a": 6000, "b": 4000}
    assert sampling.allocation(sizes, 100) == {"a": 60, "b": 40}
    # Spreads of .5 and .3: 6000 x .5 to 4000 x .3 are 5 to 2.
    assert sampling.allocation(sizes, 70, {"a": 0.5, "b": 0.9}) == {"a": 50, "b": 20}


def test_more_classes_than_places_leave_the_smallest_out() -> None:
    given_ = sampling.allocation({f"{i}": 1000 + i for i in range(60)}, 30)
    assert sum(given_.values()) == 30
    assert given_["0"] == 0
    assert given_["59"] == 1


def test_places_lie_in_their_classes_and_never_where_there_is_no_data(result: Result, legend: Legend) -> None:
    check = sampling.draw(result, legend, 200, seed=3)
    assert len({(place.row, place.col) for place in check.places}) == 200
    labels = sampling.labels_at(result.classmap, check.places)
    names = sampling.class_names(legend)
    assert [names[int(label)] for label in labels] == [place.stratum for place in check.places]
    assert {s.name: s.pixels for s in check.strata} == {names[row.id]: row.count for row in result.rows}


def test_the_same_seed_draws_the_same_and_another_does_not(result: Result, full: Result, legend: Legend) -> None:
    check = sampling.draw(result, legend, 50, seed=7)
    assert sampling.draw(result, legend, 50, seed=7) == check
    assert sampling.draw(full, legend, 50, seed=7) == check, "by windows of a file as by the array"
    assert sampling.draw(result, legend, 50, seed=8).places != check.places


def test_places_of_every_class_come_mixed(result: Result, legend: Legend) -> None:
    """Whoever stops early has seen all classes, and no order tells the class."""
    check = sampling.draw(result, legend, 200)
    assert len({place.stratum for place in check.places[:40]}) == len(check.strata)


def test_every_pixel_of_a_class_is_as_likely(result: Result, legend: Legend) -> None:
    small = small_result(result, np.array([[1, 1, 2, 0], [1, 1, 2, 2], [1, 1, 2, 2]] * 6, dtype=np.uint8))
    seen = Counter(place.row for seed in range(200) for place in sampling.draw(small, legend, 30, seed).places)
    drawn = sum(seen.values())
    pixels = (small.classmap.labels > 0).sum(axis=1)  # type: ignore[operator]
    expected = [drawn * count / pixels.sum() for count in pixels]
    assert [seen[row] for row in range(18)] == pytest.approx(expected, rel=0.25)


def small_result(result: Result, labels: np.ndarray, step: int = 1) -> Result:
    grid = replace(result.scene.grid, shape_rc=labels.shape)
    classmap = ClassMap(grid, 4, frozen(labels), step=step)
    rows = tuple(replace(row, count=int((labels == row.id).sum())) for row in result.rows)
    return replace(result, classmap=classmap, rows=rows)


def test_places_of_a_preview_are_those_of_the_scene(result: Result, legend: Legend) -> None:
    labels = np.ascontiguousarray(result.classmap.labels[2::5, 2::5])  # type: ignore[index]
    preview = small_result(result, labels, step=5)
    preview = replace(preview, classmap=replace(preview.classmap, grid=result.scene.grid.decimated(5)))
    check = sampling.draw(preview, legend, 60)
    assert "every 5th pixel" in check.allocation
    assert {(place.row % 5, place.col % 5) for place in check.places} == {(2, 2)}
    assert sampling.labels_at(preview.classmap, check.places).tolist() == (
        sampling.labels_at(result.classmap, check.places).tolist()
    )


def test_what_cannot_be_drawn_is_refused(result: Result, legend: Legend) -> None:
    with pytest.raises(ValueError, match="29 places, expected 30 to 200"):
        sampling.draw(result, legend, 29)
    with pytest.raises(TooFewPixels, match="nothing to check"):
        sampling.draw(small_result(result, np.zeros((9, 9), dtype=np.uint8)), legend, 30)
    lost = replace(result, rows=tuple(replace(row, count=row.count * 3) for row in result.rows))
    with pytest.raises(BrokenResult, match="fewer than were counted"):
        sampling.draw(lost, legend, 200)


def test_labels_of_a_file_that_went_away(full: Result, legend: Legend) -> None:
    check = sampling.draw(full, legend, 30)
    with pytest.raises(BrokenResult, match="can no longer be read"):
        sampling.labels_at(replace(full.classmap, path=Path("gone.tif")), check.places)


def test_a_map_that_is_right_everywhere(result: Result, legend: Legend) -> None:
    check = answered_by_the_map(sampling.draw(result, legend, 100), result, legend)
    found = check_accuracy(check, result, legend)
    assert found.overall is not None
    assert found.overall.value == 1
    assert 0.9 < found.overall.low < 1
    assert found.answers == 100
    assert Accuracy.from_json(found.to_json()) == found
    assert "Olofsson" in found.design
    for one, row in zip(found.classes, result.rows, strict=True):
        assert one.area_ha is not None
        assert one.area_ha.value == pytest.approx(row.area_ha)
        assert one.mapped_share == pytest.approx(row.share)


def test_answers_of_one_map_score_a_later_one(result: Result, legend: Legend) -> None:
    """Two classes are swapped at half of the pixels: what was right is right half as often."""
    check = answered_by_the_map(sampling.draw(result, legend, 200), result, legend)
    labels = result.classmap.labels
    assert labels is not None
    later = labels.copy()
    swapped = np.array([0, 2, 1, 3, 4], dtype=np.uint8)
    later[:, ::2] = swapped[labels[:, ::2]]
    changed = small_result(result, later)
    found = check_accuracy(check, changed, legend)
    assert "Stehman" in found.design
    counted = {row.id: row.count for row in changed.rows}
    truth = float((later == labels)[labels > 0].mean())
    assert found.overall is not None
    assert found.overall.low < truth < found.overall.high
    assert [one.mapped_share for one in found.classes] == pytest.approx(
        [counted[row.id] / sum(counted.values()) for row in result.rows]
    )


def test_classes_of_one_name_are_one_and_other_names_stay_the_same_classes(result: Result, legend: Legend) -> None:
    legend = legend.edited({1: "Wet", 2: "Wet"}, {})
    check = answered_by_the_map(sampling.draw(result, legend, 80), result, legend)
    assert [stratum.name for stratum in check.strata] == ["Wet", "Class 3", "Class 4"]
    later = legend.edited({1: "Marsh", 2: "Marsh"}, {})
    found = check_accuracy(check.renamed({"Wet": "Marsh"}), result, later)
    assert "Olofsson" in found.design
    assert found.map_names == ("Marsh", "Class 3", "Class 4")
    assert found.overall is not None
    assert found.overall.value == 1


def test_what_is_left_out_is_said(result: Result, legend: Legend) -> None:
    check = sampling.draw(result, legend, 60)
    names = sampling.class_names(legend)
    for number, place in enumerate(check.places):
        if place.stratum != names[2]:
            check = check.answered(number, "Snow" if number % 2 else place.stratum, unsure=number % 7 == 0)
    found = check_accuracy(check, result, legend)
    assert any(note.startswith("Left out") and "Class 2" in note for note in found.notes)
    assert any("could not be told" in note for note in found.notes)
    assert found.reference_names[-1] == "Snow"
    snow = found.classes[-1]
    assert snow.users is None
    assert snow.producers is not None
    assert snow.producers.value == 0
    assert snow.area_ha is not None
    assert snow.area_ha.value > 0


def test_places_without_a_class_on_a_later_map_are_left_out(result: Result, legend: Legend) -> None:
    check = answered_by_the_map(sampling.draw(result, legend, 100), result, legend)
    labels = result.classmap.labels
    assert labels is not None
    later = labels.copy()
    later[:48] = 0
    found = check_accuracy(check, small_result(result, later), legend)
    assert 0 < found.answers < 100
    assert found.overall is not None
    assert found.overall.value == 1
    assert any("no class on this map" in note for note in found.notes)


def test_too_few_answers_are_said_in_a_word(result: Result, legend: Legend) -> None:
    check = sampling.draw(result, legend, 30)
    assert words.sentences(check_accuracy(check, result, legend))[0] == words.TOO_FEW
    for number in range(19):
        check = check.answered(number, "Class 1")
    assert words.overall_words(check_accuracy(check, result, legend)) == words.TOO_FEW
    rough = words.overall_words(check_accuracy(check.answered(19, "Class 1"), result, legend))
    assert rough.startswith("About ")
    assert "20 places give a rough idea" in rough


def test_the_next_place_is_the_first_that_nobody_answered(result: Result, legend: Legend) -> None:
    check = sampling.draw(result, legend, 30)
    assert check.next_place == 0
    assert check.answered(0, "Class 1").answered(1, None, unsure=True).next_place == 2
    assert check.answered(0, "Class 1").answered(0, None).next_place == 0


MARSH = Accuracy(
    how="own places",
    design="",
    answers=100,
    overall=Estimate(0.946, 0.928, 0.965),
    classes=(
        ClassAccuracy(
            name="Salt marsh", area_ha=Estimate(412.4, 380.2, 444.6), mapped_share=0.4, users=Estimate(0.9, 0.7, 1)
        ),
    ),
    map_names=("Salt marsh", "Sea"),
    reference_names=("Salt marsh", "Sea"),
    matrix=((9, 1), (0, 90)),
    mapped_shares=(0.4, 0.6),
)


def test_words_of_a_class() -> None:
    assert words.sentences(MARSH) == (
        "About 95 % of the map is right, between 93 and 96 %.",
        "About 412 ha of Salt marsh, between 380 and 445. Of ten places mapped as Salt marsh, nine are.",
    )


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        (Estimate(21157.76, 15000.2, 27315.3), ("21,200", "15,000", "27,300")),
        (Estimate(3.14159, 3.0, 3.3), ("3.14", "3.00", "3.30")),
        (Estimate(0.0, 0.0, 12.2), ("0.0", "0.0", "12.2")),
        (Estimate(5, 5, 5), ("5.00", "5.00", "5.00")),
    ],
)
def test_figures_claim_no_more_digits_than_they_have(estimate: Estimate, expected: tuple[str, ...]) -> None:
    assert words.figures(estimate) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ((0, 1), "Of one place mapped as Salt marsh, it is not."),
        ((1, 0), "Of one place mapped as Salt marsh, it is."),
        ((2, 0), "Of two places mapped as Salt marsh, both are."),
        ((0, 3), "Of three places mapped as Salt marsh, none is."),
        ((1, 13), "Of 14 places mapped as Salt marsh, one is."),
        ((12, 0), "Of twelve places mapped as Salt marsh, all twelve are."),
        ((0, 0), ""),
    ],
)
def test_counts_in_words(row: tuple[int, int], expected: str) -> None:
    found = msgspec.structs.replace(MARSH, matrix=(row, (0, 90)))
    assert words.places_words(found, "Salt marsh") == expected
