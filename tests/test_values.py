"""Values that leave the program: to JSON and back without loss, and a sentence for all that they do not know."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2dash.core import sentinel2
from s2dash.core.accuracy import Accuracy, Check, CheckPlace, ClassAccuracy, Estimate, Kappa, Stratum
from s2dash.core.edits import MOST_CLEAN_UPS, MOST_STEPS, ClassEdits, LeaveOut, Majority, Merge, Sieve
from s2dash.core.recipe import ATMOSPHERES, DISTANCES, MASKS, SCALES, Recipe
from s2dash.core.run import Run, RunScores, UsedReference, View
from s2dash.core.scene_reading import AreaFile, SceneReading
from s2dash.errors import UnreadableValue

WORDS = st.text(max_size=40)
NUMBERS = st.floats(-1e300, 1e300)
CLASSES = st.integers(1, 255)
COLOURS = st.from_regex("#[0-9a-f]{6}", fullmatch=True)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def several(strategy: st.SearchStrategy[Any], most: int = 4) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=most).map(tuple)


READINGS = st.builds(
    SceneReading,
    tile=maybe(WORDS),
    also=several(WORDS),
    band_names=maybe(several(WORDS)),
    quantification=maybe(NUMBERS),
    offset=maybe(NUMBERS),
    nodata=several(NUMBERS),
    area=several(st.builds(AreaFile, WORDS, WORDS)),
)
STEPS = st.one_of(
    st.builds(Merge, st.lists(CLASSES, min_size=1, max_size=4).map(tuple), CLASSES),
    st.builds(LeaveOut, CLASSES),
    st.builds(Majority, st.sampled_from((3, 5))),
    st.builds(Sieve, st.floats(0, 1e9, exclude_min=True), st.sampled_from(("ha", "pixels")), st.sampled_from((4, 8))),
)
EDITS = st.builds(
    ClassEdits,
    names=st.dictionaries(CLASSES, WORDS, max_size=4),
    colours=st.dictionaries(CLASSES, COLOURS, max_size=4),
    steps=several(STEPS),
    order=st.lists(CLASSES, max_size=6, unique=True).map(tuple),
)
PERCENTILES = st.tuples(st.floats(0, 49), st.floats(50, 100))
NAMES = st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=5, unique=True).map(tuple)
RECIPES = st.builds(
    Recipe,
    bands=NAMES,
    indices=NAMES | st.just(()),
    scale=st.sampled_from(SCALES),
    clip=maybe(PERCENTILES),
    smooth=st.sampled_from((0, 3)),
    mask=st.sampled_from(MASKS),
    mask_scl=st.sets(st.sampled_from(sorted(sentinel2.SCL_CLASSES))).map(lambda codes: tuple(sorted(codes))),
    mask_saturated=st.booleans(),
    pixel_size=maybe(st.floats(1e-6, 1e6)),
    atmosphere=st.sampled_from(ATMOSPHERES),
    algorithm=WORDS,
    k=st.integers(2, 255),
    params=st.dictionaries(WORDS, st.integers() | NUMBERS | WORDS, max_size=3).map(lambda p: tuple(sorted(p.items()))),
    seed=st.integers(0, 2**32 - 1),
    sample=maybe(st.integers(100, 100_000_000)),
    distance=st.sampled_from(DISTANCES),
    pca=maybe(st.integers(1, 1000) | st.floats(0, 1, exclude_min=True, exclude_max=True)),
)
VIEWS = st.builds(
    View,
    side=WORDS,
    picture=maybe(WORDS),
    shown_bands=several(WORDS),
    alone=maybe(CLASSES),
    palette=WORDS,
    centre_lonlat=maybe(st.tuples(NUMBERS, NUMBERS)),
    zoom=maybe(NUMBERS),
)
TIMES = st.datetimes(
    datetime(1970, 1, 1),
    datetime(9998, 12, 31),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=-30)), timezone(timedelta(hours=14))]),
)
RUNS = st.builds(
    Run,
    scene_digest=WORDS,
    recipe=RECIPES,
    reading=READINGS,
    edits=EDITS,
    view=VIEWS,
    scene_title=WORDS,
    scores=maybe(st.builds(RunScores, silhouette=maybe(NUMBERS), shares=several(st.floats(0, 1)))),
    made=maybe(TIMES),
    seconds=maybe(st.floats(0, 1e300)),
    versions=st.dictionaries(WORDS, WORDS, max_size=3),
    reference=maybe(st.builds(UsedReference, name=WORDS, digest=WORDS)),
)
CLASS_NAMES = st.text(min_size=1, max_size=40)
PLACES = st.builds(
    CheckPlace,
    row=st.integers(0, 10**6),
    col=st.integers(0, 10**6),
    x=NUMBERS,
    y=NUMBERS,
    lonlat=maybe(st.tuples(NUMBERS, NUMBERS)),
    stratum=st.just("Sea"),
    answer=maybe(CLASS_NAMES),
    unsure=st.booleans(),
)
CHECKS = st.builds(
    Check,
    seed=st.integers(0, 2**32 - 1),
    allocation=WORDS,
    step=st.integers(1, 100),
    strata=st.just((Stratum(name="Sea", pixels=5),)),
    places=several(PLACES),
)
ESTIMATES = st.builds(Estimate, *[st.floats(0, 1e300)] * 3)
ACCURACIES = st.builds(
    Accuracy,
    how=st.sampled_from(("own places", "reference")),
    design=WORDS,
    answers=st.integers(0, 10_000),
    overall=maybe(ESTIMATES),
    classes=several(st.builds(ClassAccuracy, name=CLASS_NAMES, users=maybe(ESTIMATES), mapped_share=st.floats(0, 1))),
    map_names=st.just(("Sea", "Land")),
    reference_names=st.just(("Sea",)),
    matrix=st.tuples(*[st.tuples(st.integers(0, 2**53))] * 2),
    mapped_shares=st.tuples(*[st.floats(0, 1)] * 2),
    mapping=st.dictionaries(WORDS, WORDS, max_size=3),
    kappa=maybe(st.builds(Kappa, value=st.floats(-1, 1), caveat=WORDS)),
    notes=several(WORDS),
)
SEEN = CheckPlace(row=1, col=2, x=3.5, y=4.5, lonlat=(8.0, 54.0), stratum="Sea", answer="Sea")
RECIPE = Recipe(("B02", "B03"))
WHOLE = {
    SceneReading: SceneReading(tile="33TWM", nodata=(0.0,), area=(AreaFile("a.gpkg"),)),
    ClassEdits: ClassEdits(names={1: "Sea"}, colours={2: "#aabbcc"}, steps=(Merge((2, 3), 2), LeaveOut(4))),
    Run: Run("d", RECIPE),
    Check: Check(seed=1, allocation="", strata=(Stratum(name="Sea", pixels=5),), places=(SEEN,)),
    Accuracy: Accuracy(
        how="own places",
        design="",
        answers=1,
        overall=Estimate(1.0, 0.2, 1.0),
        classes=(ClassAccuracy(name="Sea", mapped_share=1.0),),
        map_names=("Sea",),
        reference_names=("Sea",),
        matrix=((1,),),
        mapped_shares=(1.0,),
    ),
}


@given(READINGS)
def test_a_reading_comes_back_whatever_is_in_it(reading: SceneReading) -> None:
    assert SceneReading.from_json(reading.to_json()) == reading


@given(EDITS)
def test_edits_come_back_whatever_is_in_them(edits: ClassEdits) -> None:
    assert ClassEdits.from_json(edits.to_json()) == edits


@given(RUNS)
def test_a_run_comes_back_whatever_is_in_it(run: Run) -> None:
    back = Run.from_json(run.to_json())
    assert back == run
    assert back.to_json() == run.to_json()


@given(CHECKS)
def test_a_check_comes_back_whatever_is_in_it(check: Check) -> None:
    assert Check.from_json(check.to_json()) == check


@given(ACCURACIES)
def test_an_accuracy_comes_back_whatever_is_in_it(accuracy: Accuracy) -> None:
    assert Accuracy.from_json(accuracy.to_json()) == accuracy


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (Check, {"strata": []}),
        (Check, {"strata": [{"name": "Sea", "pixels": 5}] * 2}),
        (Check, {"strata": [{"name": "Land", "pixels": 5}]}),
        (Check, {"places": [{}]}),
        (Check, {"places": [SEEN] * 10_001}),
        (Accuracy, {"map_names": ["Sea", "Land"]}),
        (Accuracy, {"reference_names": []}),
        (Accuracy, {"mapped_shares": []}),
        (Accuracy, {"how": "by chance"}),
    ],
)
def test_refuses_checks_and_accuracies_that_cannot_be(kind: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(UnreadableValue, match=r"This is not an? \w+ as s2dash writes it: .*\."):
        kind.from_dict(WHOLE[kind].to_dict() | wrong)


@pytest.mark.parametrize("made", ["2026-05-04T10:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-09:30"])
def test_a_time_that_cannot_be_compared_or_told_is_refused(made: str) -> None:
    with pytest.raises(UnreadableValue, match=r"timezone|year"):
        Run.from_dict(WHOLE[Run].to_dict() | {"made": made})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_does_not_have_is_not_lost_in_silence(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        SceneReading(offset=value).to_json()
    with pytest.raises(UnreadableValue, match="not valid JSON"):
        SceneReading.from_json(json.dumps({"offset": value}))


@pytest.mark.parametrize("kind", WHOLE)
def test_says_its_version_and_refuses_a_newer_one(kind: Any) -> None:
    given_ = WHOLE[kind].to_dict()
    assert given_["version"] == 1
    with pytest.raises(UnreadableValue, match=r"form 2.*newer s2dash"):
        kind.from_dict(given_ | {"version": 2})
    with pytest.raises(UnreadableValue):
        kind.from_dict(given_ | {"version": "1"})


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("wrong", ["[]", "nothing", "", "{", "3", '{"a": 1, "a": 1}', "null", "[" * 100_000])
def test_refuses_what_is_no_object(kind: Any, wrong: str) -> None:
    with pytest.raises(UnreadableValue, match=r"This is not an? .*\."):
        kind.from_json(wrong)


@pytest.mark.parametrize("kind", WHOLE)
def test_refuses_a_field_it_does_not_know_and_names_it(kind: Any) -> None:
    with pytest.raises(UnreadableValue, match="surprise"):
        kind.from_dict(WHOLE[kind].to_dict() | {"surprise": 1})


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("wrong", [object(), [[]], {"x": {"y": 1}}, True])
def test_refuses_a_wrong_type_in_any_field(kind: Any, wrong: object) -> None:
    for name in WHOLE[kind].to_dict():
        with pytest.raises(UnreadableValue):
            kind.from_dict(WHOLE[kind].to_dict() | {name: wrong})


@pytest.mark.parametrize(
    "wrong",
    [
        {"names": {"0": "Sea"}},
        {"names": {"256": "Sea"}},
        {"names": {"one": "Sea"}},
        {"names": {"1": 5}},
        {"colours": {"1": "red"}},
        {"colours": {"1": "#ABCDEF0"}},
        {"order": [0, 1]},
        {"order": [1, 256]},
        {"order": [3, 1, 3]},
        {"order": ["1"]},
        {"order": 3},
        {"order": [*range(1, 256), 1]},
        {"steps": [{"step": "explode"}]},
        {"steps": [{"step": "merge", "classes": [], "into": 1}]},
        {"steps": [{"step": "leave out", "number": 3, "more": 1}]},
        {"steps": [{"step": "split", "number": 3, "k": 2}] * (MOST_STEPS + 1)},
        {"steps": [{"step": "majority"}] * (MOST_CLEAN_UPS + 1)},
        {"steps": [{"step": "sieve", "least": 0}]},
        {"steps": [{"step": "sieve", "least": math.nan}]},
        {"steps": [{"step": "sieve", "least": 1e300}]},
        {"steps": [{"step": "sieve", "least": 5, "neighbours": 6}]},
    ],
)
def test_refuses_edits_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(UnreadableValue, match=r"This is not a set of edits as s2dash writes it: .*\."):
        ClassEdits.from_dict(wrong)


def test_a_run_without_its_recipe_is_none() -> None:
    without = {name: value for name, value in WHOLE[Run].to_dict().items() if name != "recipe"}
    with pytest.raises(UnreadableValue, match="no recipe"):
        Run.from_dict(without)
    with pytest.raises(UnreadableValue, match=r"recipe of this run.*k = 1"):
        Run.from_dict(WHOLE[Run].to_dict() | {"recipe": {"bands": ["B02"], "k": 1}})


def test_edits_are_added_without_changing_what_was() -> None:
    first = ClassEdits(names={1: "Sea"})
    second = first.named({2: "Marsh"}, {1: "#AABBCC"}).then(LeaveOut(3))
    assert first == ClassEdits(names={1: "Sea"})
    assert second.names == {1: "Sea", 2: "Marsh"}
    assert second.colours == {1: "#aabbcc"}
    assert second.ordered((3, 1)).order == (3, 1)
    assert second.steps == (LeaveOut(3),)


def test_a_run_says_what_made_it() -> None:
    assert {"s2dash", "numpy", "scikit-learn", "rasterio", "python"} <= set(WHOLE[Run].versions)
