"""What is said of two compared maps: sentences at the edges, signs and units, and what only one of them leaves out."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from s2dash.classify.compare import Amount, Comparison, Contingency
from s2dash.core.legend import Legend, LegendEntry
from s2dash.core.recipe import Recipe
from s2dash.ui import text
from s2dash.ui.compare import words
from s2dash.ui.compare.values import Compared, ComparedRun, Comparing

NOTHING = cast(Any, None)
LEFT, RIGHT = ("Water", "Class 2", "Class 3"), ("Water", "Forest")
SAME = {1: 1, 2: 2}


def compared(counts: list[list[int]], move: tuple[int, int] | None = None, hectares: float | None = 0.01) -> Compared:
    """Run 2 with three classes and run 5 with two, of which the first two are the same."""
    table = np.array(counts, dtype=np.int64)
    found = Comparison(Contingency(table, None if hectares is None else table * hectares), SAME)
    left, right = (
        ComparedRun(
            number, NOTHING, NOTHING, Legend(tuple(LegendEntry(i, n, "#3479c7") for i, n in enumerate(names, 1)))
        )
        for number, names in ((2, LEFT), (5, RIGHT))
    )
    beside = ("scene", cast(Recipe, None))
    return Compared(Comparing(2, 5, beside, move=move), left, right, found)


def of_share(moved: int, of: int) -> str:
    found = compared([[0, 0, 0], [0, of - moved, moved], [0, 0, 0], [0, 0, 0]]).found
    assert found is not None
    return words.same_words(found)


@pytest.mark.parametrize(
    ("moved", "of", "expected"),
    [
        (0, 1000, "Every pixel stays in the same class."),
        (1, 1000, "More than 99 of 100 pixels stay in the same class."),
        (90, 1000, "91 of 100 pixels stay in the same class."),
        (999, 1000, "Fewer than 1 of 100 pixels stay in the same class."),
        (0, 0, "No pixel has a class in both."),
    ],
)
def test_how_many_stay(moved: int, of: int, expected: str) -> None:
    assert of_share(moved, of) == expected


def test_the_largest_move_and_classes_without_a_partner() -> None:
    mostly = compared([[0, 0, 0], [0, 90, 0], [0, 1, 50], [0, 2, 9]])
    assert words.move_words(mostly) == "What moved is mostly Class 3 of run 2 that became Forest."
    spread = compared([[0, 0, 0], [0, 90, 5], [0, 4, 50], [0, 4, 4]])
    assert words.move_words(spread) == "The largest part of what moved is Water that became Forest."
    assert words.move_words(compared([[0, 0, 0], [0, 9, 0], [0, 0, 9], [0, 0, 0]])) == ""
    assert [entry.name for entry in words.gone(mostly)] == ["Class 3 of run 2"]


def test_what_only_one_leaves_out_is_said_apart() -> None:
    found = compared([[0, 300, 0], [700, 5000, 0], [0, 0, 50], [0, 2, 9]])
    figures = words.Figures.of([Amount(1, 1.0)])
    assert words.one_sided_words(found, figures) == (
        "3.0 ha left out in run 2 only and 7.0 ha left out in run 5 only: not counted as moved."
    )
    assert words.map_key(found)[-1] == {"kind": "one-sided", "lead": "10.0 ha", "words": "left out in one of them only"}
    assert words.one_sided_words(compared([[5, 0, 0], [0, 5, 1], [0, 0, 5], [0, 0, 0]]), figures) == ""


def test_the_key_of_one_move_says_what_the_paler_pixels_are() -> None:
    key = words.map_key(compared([[0, 0, 0], [0, 9000, 0], [0, 100, 5000], [0, 0, 900]], move=(3, 2)))
    assert [(line["kind"], line["lead"], line["words"]) for line in key] == [
        ("moved", "9.0 ha", "Class 3 of run 2 to Forest"),
        ("other-move", "1.0 ha", "moved otherwise"),
    ]


def test_figures_without_a_place_are_pixels() -> None:
    figures = words.Figures.of([Amount(1200, None), Amount(7, None)])
    assert (figures.heading, figures.full(Amount(1200, None))) == ("in pixels", text.pixels(1200))
    assert figures.change(Amount(7, None), Amount(1200, None)) == "+1,193"
    assert figures.change(Amount(1200, None), Amount(7, None)) == "−1,193"
    assert figures.change(Amount(7, None), Amount(7, None)) == "0"
    found = compared([[0, 0, 0], [0, 90, 0], [0, 1, 50], [0, 2, 9]], hectares=None)
    assert words.map_key(found)[0]["words"] == "in another class · 12 pixels"


def test_large_areas_are_square_kilometres() -> None:
    figures = words.Figures.of([Amount(9, 250_000.0), Amount(1, 100.0)])
    assert (figures.heading, figures.figure(Amount(9, 250_000.0))) == ("in km²", "2,500")
