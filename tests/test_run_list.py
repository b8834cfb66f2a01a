"""Listed runs go to JSON and back without loss; nothing else is taken for one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_values import COLOURS, EDITS, RUNS

from s2dash.core.accuracy import Check, CheckPlace, Stratum
from s2dash.core.legend import clean_name, default_legend
from s2dash.core.recipe import Recipe
from s2dash.core.run import Run
from s2dash.core.run_list import ClassLook, ListedRun, OwnLook, from_file, to_file
from s2dash.errors import UnreadableValue

LINES = st.text(max_size=60).map(clean_name)
LOOKS = st.builds(ClassLook, LINES, COLOURS)
CHECKS = st.lists(st.sampled_from((None, "Water", "Sand, wet")), max_size=4).map(
    lambda answers: Check(
        seed=7,
        allocation="By the rule.",
        strata=(Stratum(name="Class 1", pixels=9),),
        places=tuple(
            CheckPlace(row=n, col=2, x=0.5, y=-3e6, stratum="Class 1", answer=answer, unsure=answer is None)
            for n, answer in enumerate(answers)
        ),
    )
)
ORDERS = st.lists(st.integers(1, 12), max_size=3).map(tuple)
LISTED = st.builds(
    ListedRun,
    run=RUNS.map(lambda run: replace(run, scene_title=clean_name(run.scene_title))),
    number=st.integers(1, 10**9),
    legend=st.builds(
        lambda colours, order: default_legend([colours[n] for n in sorted(colours)], sorted(colours)).ordered(order),
        st.dictionaries(st.integers(1, 12), COLOURS, max_size=6),
        st.lists(st.integers(1, 12), max_size=6),
    ),
    title=LINES,
    star=st.booleans(),
    note=LINES,
    words=st.text(max_size=100),
    thumbnail=st.binary(min_size=3, max_size=30).map(lambda b: f"data:image/png;base64,{b.hex()}") | st.just(""),
    separation=st.none() | st.floats(-1, 1),
    files=st.lists(st.text(max_size=20), max_size=3).map(tuple),
    own=st.none() | st.builds(OwnLook, classes=st.lists(LOOKS, max_size=3).map(tuple), order=ORDERS),
    edits=st.none() | EDITS,
    check=st.none() | CHECKS,
    is_checking=st.booleans(),
)
PLAIN = ListedRun(Run("d", Recipe(("B02", "B03"))), 1, default_legend(("#111111",)))


@given(st.lists(LISTED, max_size=3))
def test_a_file_of_runs_comes_back_equal(runs: list[ListedRun]) -> None:
    assert from_file(to_file(runs)) == tuple(runs)


@given(LISTED)
def test_one_run_comes_back_equal(one: ListedRun) -> None:
    assert ListedRun.from_json(one.to_json()) == one


@given(LISTED, st.text(min_size=1, max_size=10))
def test_unknown_fields_are_refused(one: ListedRun, name: str) -> None:
    held = one.to_dict()
    if name in held:
        return
    with pytest.raises(UnreadableValue):
        from_file(json.dumps({"version": 1, "runs": [held | {name: 1}]}))


@pytest.mark.parametrize(
    "picture",
    [
        "https://example.org/a.png",
        "data:image/svg+xml;base64,AAAA",
        "data:image/png;base64,AA\nAA",
        "javascript:1",
        "A" * 50,
    ],
)
@given(one=LISTED)
def test_pictures_are_nothing_but_pictures(one: ListedRun, picture: str) -> None:
    with pytest.raises(UnreadableValue, match="thumbnail"):
        ListedRun.from_dict(one.to_dict() | {"thumbnail": picture})


@given(LISTED)
def test_halves_of_characters_are_refused(one: ListedRun) -> None:
    text = to_file([replace(one, run=replace(one.run, scene_title="HERE"))])
    with pytest.raises(UnreadableValue, match="characters that do not exist"):
        from_file(text.replace("HERE", "\\ud800"))


@pytest.mark.parametrize("change", [{"scene_title": "A" * 1_000_001}, {"edits": {"names": {"1": "A" * 1_000_001}}}])
def test_a_run_beyond_all_measure_is_refused(change: dict[str, object]) -> None:
    held = PLAIN.to_dict()
    with pytest.raises(UnreadableValue, match=r"Run 2 of the file has 1,00\d,\d+ characters"):
        from_file(json.dumps({"version": 1, "runs": [held, held | {"run": held["run"] | change}]}))


def test_titles_from_elsewhere_are_one_short_line() -> None:
    words = "A\u202e\n" + 100 * "B"
    given = replace(PLAIN, run=replace(PLAIN.run, scene_title=words), title=words[:50], note=words[:50])
    (found,) = from_file(to_file([given]))
    assert (found.run.scene_title, found.title, found.note) == tuple(map(clean_name, (words, words[:50], words[:50])))
