"""Answers of a check go from a browser into its page's check and nowhere else; places can be added, never mixed."""

from __future__ import annotations

import gc
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.testclient import TestClient

from s2dash.core.accuracy import Check, CheckPlace, Stratum
from s2dash.core.check_answers import joined, read_answers
from s2dash.errors import UnreadableValue
from s2dash.server.checks import CheckBooks
from s2dash.server.routes.checks import check_routes, check_url

NAMES = ("Water", "Forest")


def check_of(count: int, sizes: tuple[int, ...] = (70, 30), names: tuple[str, ...] = NAMES, first: int = 0) -> Check:
    places = (
        CheckPlace(row=n, col=n, x=n + 0.5, y=n + 0.5, stratum=names[n % len(names)])
        for n in range(first, first + count)
    )
    strata = tuple(Stratum(name=name, pixels=size) for name, size in zip(names, sizes, strict=True))
    return Check(seed=1, allocation="So many in each.", strata=strata, places=tuple(places))


SAID: st.SearchStrategy[Any] = st.dictionaries(st.integers(0, 9), st.sampled_from(NAMES) | st.none() | st.just(False))


@given(st.lists(SAID, max_size=5), st.booleans())
def test_the_last_word_on_a_place_counts_however_often_it_is_said(messages: list[dict[int, Any]], twice: bool) -> None:
    book = CheckBooks().new()
    book.open("run", "a", check_of(10), frozenset(NAMES))
    last: dict[int, Any] = {}
    for message in messages:
        last |= message
        of, answers = read_answers(json.dumps({"of": "a", "answers": message}).encode())
        assert all(book.answer(of, answers) for _ in range(1 + twice))
    check = book.check_of("run")
    assert check is not None
    for number, place in enumerate(check.places):
        said = last.get(number, False)
        assert (place.answer, place.unsure) == (said or None, said is None)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"null",
        b"{}",
        b'{"of": "a", "answers": {"1": true}}',
        b'{"of": "a", "answers": {"1": 4}}',
        b'{"of": "a", "answers": {"one": "Water"}}',
        b'{"of": "a", "answers": {}, "more": 1}',
        b"\xff",
    ],
)
def test_what_is_no_answer_is_refused(said: bytes) -> None:
    with pytest.raises(UnreadableValue):
        read_answers(said)


class TestTheRoute:
    @pytest.fixture
    def books(self) -> CheckBooks:
        return CheckBooks()

    @pytest.fixture
    def client(self, books: CheckBooks) -> TestClient:
        return TestClient(Starlette(routes=check_routes(books, "base")))

    def test_a_browser_answers_its_own_check_while_it_is_open(self, books: CheckBooks, client: TestClient) -> None:
        one, other = books.new(), books.new()
        told: list[tuple[str, int]] = []
        one.on_answer(lambda run, check: told.append((run, check.answered_count)))
        for book in (one, other):
            book.open("run", "a", check_of(4), frozenset(NAMES))

        def say(of: str, answers: dict[str, Any]) -> int:
            return client.post(check_url(one.token, "base"), json={"of": of, "answers": answers}).status_code

        assert say("a", {"0": "Water", "3": None}) == 204
        assert (told, one.check_of("run").answered_count) == ([("run", 1)], 1)  # type: ignore[union-attr]
        assert other.check_of("run") == check_of(4)
        for of, answers in (
            ("b", {"0": "Forest"}),
            ("a", {"4": "Water"}),
            ("a", {"-1": "Water"}),
            ("a", {"1": "Water", "2": "Sand"}),
        ):
            assert say(of, answers) == 409
        one.open("run", "a", check_of(4), frozenset(NAMES))  # as the page looked a moment ago
        assert one.check_of("run").answered_count == 1  # type: ignore[union-attr]
        one.close()
        assert say("a", {"0": "Forest"}) == 409
        assert told == [("run", 1)]

    def test_nothing_is_taken_of_strangers_or_in_heaps(self, books: CheckBooks, client: TestClient) -> None:
        url = check_url(books.new().token, "base")  # of a page that is gone
        gc.collect()
        assert client.post(url, content=b'{"of": "a", "answers": {}}').status_code == 404
        assert client.post(url, content=b" " * 300_000).status_code == 413
        assert client.post(url, content=b"[]").status_code == 400
        assert client.get(url).status_code == 405


def test_further_places_join_and_none_is_there_twice() -> None:
    check = check_of(6).answered(0, "Water")
    both = joined(check, check_of(6, names=("Sea", "Forest"), first=4))
    assert [place.row for place in both.places] == list(range(10))
    assert both.strata == check.strata
    assert {place.stratum for place in both.places} == set(NAMES)
    assert (both.answered_count, both.next_place) == (1, 1)


def test_places_of_another_map_do_not_join() -> None:
    with pytest.raises(ValueError, match="another map"):
        joined(check_of(4), check_of(4, sizes=(60, 40)))
