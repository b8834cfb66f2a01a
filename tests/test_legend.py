"""The Legend value: names and colours that are edited, and names that come from outside."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2dash.core.edits import ClassEdits
from s2dash.core.legend import MOST_NAME_CHARACTERS, clean_name, default_legend
from s2dash.errors import RecipeError

LEGEND = default_legend(("#3479c7", "#00ff00", "#c73434"))


def test_classes_count_from_1() -> None:
    assert [(e.id, e.name) for e in LEGEND.entries] == [(1, "Class 1"), (2, "Class 2"), (3, "Class 3")]


def test_editing_gives_another_legend_and_leaves_the_first() -> None:
    edited = LEGEND.edited({2: "  Forest\n"}, {3: "#ABCDEF"})
    assert [e.name for e in edited.entries] == ["Class 1", "Forest", "Class 3"]
    assert [e.colour for e in edited.entries] == ["#3479c7", "#00ff00", "#abcdef"]
    assert LEGEND.entries[1].name == "Class 2"
    assert LEGEND.edited({}, {}) == LEGEND


@given(st.lists(st.integers(0, 9), max_size=12))
def test_an_order_lists_every_class_once_and_those_that_it_names_first(order: list[int]) -> None:
    ordered = LEGEND.ordered(order)
    listed = [entry.id for entry in ordered.listed]
    assert sorted(listed) == [1, 2, 3]
    named = [number for number in dict.fromkeys(order) if number in (1, 2, 3)]
    assert listed[: len(named)] == named
    assert listed[len(named) :] == sorted(listed[len(named) :])
    assert ordered.entries == LEGEND.entries  # numbers stay
    assert ordered.ordered(listed) == ordered
    assert (ordered == LEGEND) == (listed == [1, 2, 3])
    assert ordered.edited({1: "Sea"}, {}).order == ordered.order
    assert ordered.taking(ClassEdits(names={2: "Sea"})).order == ordered.order
    assert ordered.taking(ClassEdits(order=(3, 2, 1))).arranged("abc") == ("c", "b", "a")


def test_an_empty_name_keeps_the_old_one() -> None:
    assert LEGEND.edited({1: " \u202e\x00 "}, {}) == LEGEND


@pytest.mark.parametrize("colour", ["red", "#fff", "#12345g", "3479c7", "#3479c7;", "#3479c7\n", "", "#" * 500])
def test_refuses_what_is_no_colour(colour: str) -> None:
    with pytest.raises(RecipeError, match="#rrggbb"):
        LEGEND.edited({}, {1: colour})


def test_table_of_colours() -> None:
    table = LEGEND.rgba()
    assert table.shape == (256, 4)
    assert table.dtype == np.uint8
    assert not table[0].any()
    assert not table[4:].any()
    assert list(table[1]) == [0x34, 0x79, 0xC7, 255]


def test_one_class_stands_out() -> None:
    table = LEGEND.rgba(only=2)
    assert list(table[:4, 3]) == [0, 64, 255, 64]
    assert np.array_equal(table[:, :3], LEGEND.rgba()[:, :3])


@given(text=st.text(max_size=200))
def test_clean_names_are_one_short_line_without_hidden_characters(text: str) -> None:
    name = clean_name(text)
    assert len(name) <= MOST_NAME_CHARACTERS
    assert name == name.strip()
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in name)
    assert clean_name(name) == name
    name.encode("utf-8")


def test_clean_name_keeps_what_people_write() -> None:
    assert clean_name(" Wald &  Wiese – früh ") == "Wald & Wiese – früh"
    assert clean_name("森林") == "森林"
