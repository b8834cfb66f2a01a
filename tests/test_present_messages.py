"""Wishes of a map that is presented: messages from outside, of which only what makes sense is taken, once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from s2dash.ui import present


class Held:
    """A value of the session."""

    def __init__(self, value: Any = None) -> None:
        self.value = value

    def get(self) -> Any:
        return self.value

    def set(self, value: Any) -> None:
        self.value = value

    def pop(self) -> None:
        self.value = None


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    last = Held(0)
    answer = SimpleNamespace(result=SimpleNamespace(recipe="recipe", rows=[SimpleNamespace(id=n) for n in (1, 2, 3)]))
    page = SimpleNamespace(
        SIDES=("Swipe", "Classes", "Picture"),
        SIDE=Held("Swipe"),
        PANELS=("Classes", "Runs"),
        PANEL=Held("Runs"),
        PUSHED=Held("how many"),
        K=Held(8),
        ANSWER=Held(answer),
        alone=Held(2),
        last_wish=lambda key: last,
    )
    page.opened = Held()
    monkeypatch.setattr(present, "open_card", page.opened.set)
    monkeypatch.setattr(present, "show_alone", lambda of, number: page.alone.set(number))
    monkeypatch.setattr(present, "state", page)
    return page


def receive(monkeypatch: pytest.MonkeyPatch, wish: object) -> None:
    monkeypatch.setattr(present, "sent", lambda key, name: wish)
    present._receive("present", 2, 20)


def shown(page: SimpleNamespace) -> tuple[Any, ...]:
    return page.K.value, page.SIDE.value, page.alone.value


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"k": 9}, (9, "Swipe", 2)),
        ({"view": "Picture"}, (8, "Picture", 2)),
        ({"alone": 3}, (8, "Swipe", 3)),
        ({"k": 20, "view": "Classes", "alone": None}, (20, "Classes", None)),
        ({"k": 21}, (8, "Swipe", 2)),
        ({"k": 1}, (8, "Swipe", 2)),
        ({"k": True, "view": ["Classes"], "alone": 99}, (8, "Swipe", 2)),
        ({"k": "9", "view": None, "alone": {}}, (8, "Swipe", 2)),
        ({}, (8, "Swipe", 2)),
    ],
)
def test_only_what_makes_sense_is_taken(
    monkeypatch: pytest.MonkeyPatch, page: SimpleNamespace, wish: dict[str, object], expected: tuple[Any, ...]
) -> None:
    receive(monkeypatch, {**wish, "number": 1})
    assert shown(page) == expected


def test_a_wish_is_taken_once(monkeypatch: pytest.MonkeyPatch, page: SimpleNamespace) -> None:
    receive(monkeypatch, {"number": 2, "k": 9})
    for late in ({"number": 2, "k": 5}, {"number": 1, "k": 5}, {"k": 5}, {"number": "3", "k": 5}, None, []):
        receive(monkeypatch, late)
    assert page.K.value == 9
    receive(monkeypatch, {"number": 3, "k": 5})
    assert page.K.value == 5


def test_the_legend_is_brought_where_it_is_wished_for(monkeypatch: pytest.MonkeyPatch, page: SimpleNamespace) -> None:
    receive(monkeypatch, {"number": 1, "panel": ["Classes"]})
    assert (page.PANEL.value, page.PUSHED.value) == ("Runs", "how many")
    receive(monkeypatch, {"number": 2, "panel": "Classes"})
    assert (page.PANEL.value, page.PUSHED.value) == ("Classes", None)


def test_a_class_that_is_there_is_opened(monkeypatch: pytest.MonkeyPatch, page: SimpleNamespace) -> None:
    for number, wished in enumerate((None, 9, "3", True), 1):
        receive(monkeypatch, {"number": number, "open": wished})
        assert page.opened.value is None
    receive(monkeypatch, {"number": 5, "open": 3})
    assert (page.opened.value, page.PANEL.value) == (3, "Classes")
