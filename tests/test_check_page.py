"""The check on the page: places are asked about, and answers are kept with the run; they score it and later ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from page_driver import Downloads, InPage, Page, actor, downloads, start
from scenes import make_scene

from s2dash.classify.accuracy.sampling import class_names, labels_at
from s2dash.core.accuracy import Check
from s2dash.core.check_answers import Answered
from s2dash.core.scene import Scene
from s2dash.ui import services, state
from s2dash.ui.check import actions
from s2dash.ui.check.scores import accuracy_of
from s2dash.ui.identity import effective_legend
from s2dash.ui.legend_event import LegendEvent
from s2dash.ui.runs import kept
from s2dash.ui.runs.values import KeptMap

__all__ = ["downloads", "start"]  # fixtures
PANEL = ("segmented_control", "Panel")
K = ("slider", "Number of classes (k)")
NAMES = {1: "Sea", 2: "Sea", 3: "Marsh", 4: "Fields"}


@pytest.fixture(autouse=True)
def _nothing_is_passed_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "STAYS", timedelta(0))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("check"), (60, 80))


@pytest.fixture
def page(start: Callable[[Scene], Page], scene: Scene) -> Page:
    """With four classes, of which two have one name."""
    return start(scene).choose(*K, 4).edit_legend(LegendEvent(names=NAMES))


@pytest.fixture
def in_page(page: Page, monkeypatch: pytest.MonkeyPatch) -> InPage:
    return actor(page, monkeypatch)


def told(page: Page, name: str) -> dict[str, Any] | None:
    """What the component is told that is told this; None where there is none."""
    components = [json.loads(component.proto.json) for component in page.test.get("bidi_component")]
    return next((one for one in components if name in one), None)


def begin(page: Page) -> dict[str, Any]:
    page.choose(*PANEL, "Check").press("Start")
    page.run()
    asked = told(page, "places")
    assert asked is not None
    return asked


def now(page: Page) -> KeptMap:
    maps: tuple[KeptMap, ...] = page.test.session_state["maps"]
    return next(one for one in maps if one.number == page.test.session_state["map now"])


def the_map_says(page: Page, check: Check) -> list[str]:
    """What the map shows at each place, by the names of its classes."""
    answer = page.test.session_state["answer"]
    names = class_names(now(page).legend)
    return [names[int(number)] for number in labels_at(answer.result.classmap, check.places)]


def answer_all(page: Page, wrong: int = 0, count: int | None = None) -> None:
    """As a browser does it: what the map says but for the first so many."""
    check = now(page).check
    assert check is not None
    book = page.test.session_state["check book"]
    right = the_map_says(page, check)[:count]
    other = {"Sea": "Fields", "Marsh": "Sea", "Fields": "Marsh"}
    for number, name in enumerate(right):
        assert book.answer(told(page, "places")["of"], {number: Answered(other[name] if number < wrong else name)})  # type: ignore[index]


def stop(page: Page, in_page: InPage) -> None:
    in_page(actions.stop)
    page.run()


def test_places_are_asked_about_and_nothing_tells_the_class(page: Page) -> None:
    asked = begin(page)
    assert [one["name"] for one in asked["names"]] == ["Sea", "Marsh", "Fields"]
    assert len(asked["places"]) == 50
    assert asked["answers"] == {}
    assert {key for place in asked["places"] for key in place} == {"at", "corners", "left", "top"}
    assert len(page.tiles) == 1  # the picture's
    assert page.rows == []
    assert "Paused while you check" in page.words
    assert page._found("button", "Undo") is None


def test_each_place_lies_in_the_middle_of_its_corners(page: Page) -> None:
    for place in begin(page)["places"]:
        for axis in (0, 1):
            middle = sum(corner[axis] for corner in place["corners"]) / 4
            assert place["at"][axis] == pytest.approx(middle, abs=1e-6)


def test_answers_say_how_right_the_map_is(page: Page, in_page: InPage) -> None:
    begin(page)
    answer_all(page)
    stop(page, in_page)
    result = told(page, "marks")
    assert result is not None
    assert result["lead"] == "100 %"
    assert [mark["kind"] for mark in result["marks"]] == ["right"] * 50
    assert result["mixed"] == []
    assert result["unit"] == "yours, ha"
    assert [row["name"] for row in result["rows"]] == ["Sea", "Marsh", "Fields"]
    assert len(page.tiles) == 2


def test_without_a_place_shares_stand_for_hectares(
    start: Callable[[Scene], Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = start(make_scene(tmp_path, (60, 80), crs=None)).choose(*K, 4).edit_legend(LegendEvent(names=NAMES))
    asked = begin(page)
    at = [place["at"] for place in asked["places"]]
    assert all(-60 < row < 0 < col < 80 for row, col in at)
    answer_all(page, wrong=2)
    stop(page, actor(page, monkeypatch))
    result = told(page, "marks")
    assert result is not None
    assert result["unit"] == "share"
    assert all(row["amount"].endswith(" %") for row in result["rows"])


def test_below_twenty_answers_nothing_is_said_and_they_go_on(page: Page, in_page: InPage) -> None:
    begin(page)
    answer_all(page, count=12)
    stop(page, in_page)
    assert "20 give a rough idea, 50 a fair one." in page.words
    result = told(page, "marks")
    assert result is not None
    assert (result["lead"], result["rows"], result["mixed"]) == ("", [], [])
    page.press("Go on (38 left)")
    page.run()
    asked = told(page, "places")
    assert asked is not None
    assert sorted(map(int, asked["answers"])) == list(range(12))


def test_what_is_wrong_is_shown_with_its_places(page: Page, in_page: InPage) -> None:
    begin(page)
    answer_all(page, wrong=9)
    stop(page, in_page)
    result = told(page, "marks")
    assert result is not None
    wrong = [number for number, mark in enumerate(result["marks"]) if mark["kind"] == "wrong"]
    assert wrong == list(range(9))
    mixed = [number for one in result["mixed"] for number in one["places"]]
    assert set(mixed) <= set(wrong)
    assert all(one["count"].split(" of ")[0] == str(len(one["places"])) for one in result["mixed"])


def test_another_panel_keeps_the_answers_and_asks_no_more(page: Page) -> None:
    begin(page)
    answer_all(page, count=7)
    page.choose(*PANEL, "Classes")
    one = now(page)
    assert one.check is not None
    assert (one.check.answered_count, one.is_checking) == (7, False)
    assert len(page.rows) == 4


def test_a_new_name_of_a_class_is_that_of_its_answers(page: Page, in_page: InPage) -> None:
    begin(page)
    answer_all(page)
    stop(page, in_page)
    page.choose(*PANEL, "Classes").edit_legend(LegendEvent(names={3: "Salt marsh"}))
    page.choose(*PANEL, "Check")
    result = told(page, "marks")
    assert result is not None
    assert {mark["kind"] for mark in result["marks"]} == {"right"}
    assert page._found("button", "Use these") is None


def test_answers_score_a_later_run_whose_names_are_paired_where_they_are_strange(page: Page, in_page: InPage) -> None:
    begin(page)
    answer_all(page)
    stop(page, in_page)
    first = now(page)
    page.choose(*K, 3)
    page.edit_legend(LegendEvent(names={1: "Water", 2: "Sand", 3: "Fields"}))
    assert now(page).check is None
    assert told(page, "marks") is not None
    page.choose("selectbox", "“Sea” is", "Water").press("Use these")
    page.run()
    one = now(page)
    assert one.check is not None
    assert {place.answer for place in one.check.places} <= {"Water", "Marsh", "Fields"}
    assert page._found("button", "Use these") is None
    kept_first = next(other for other in page.test.session_state["maps"] if other.key == first.key)
    assert kept_first.check == first.check


def test_more_places_and_another_beginning_that_can_be_taken_back(page: Page, in_page: InPage) -> None:
    begin(page)
    answer_all(page)
    stop(page, in_page)
    page.press("Check 30 more")
    page.run()
    check = now(page).check
    assert check is not None
    assert 50 < len(check.places) <= 80
    assert check.answered_count == 50
    stop(page, in_page)
    page.press("Start over")
    page.run()
    assert now(page).check is None
    page.press("Bring back 50 answers")
    page.run()
    assert now(page).check == check


def test_the_accuracy_of_the_present_map_is_there_for_whoever_hands_it_over(page: Page, in_page: InPage) -> None:
    def found() -> Any:
        answer = state.ANSWER.get()
        assert answer is not None
        return accuracy_of(answer.result, effective_legend(answer, state.PALETTE.get()))

    assert in_page(found) is None
    begin(page)
    answer_all(page, wrong=5)
    stop(page, in_page)
    accuracy = in_page(found)
    assert accuracy.answers == 50
    assert sum(map(sum, accuracy.matrix)) == 50
    assert in_page(found) is accuracy


def test_a_reload_goes_on_at_the_same_place(page: Page, downloads: Downloads) -> None:
    begin(page)
    answer_all(page, count=5)
    page.run()
    address = page.test.query_params["s"]
    services.writer().settle()
    again = Page(downloads, s=address[0] if isinstance(address, list) else address)
    asked = told(again, "places")
    assert asked is not None
    assert sorted(asked["answers"]) == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(("label", "suffix"), [("GeoPackage", ".gpkg"), ("CSV", ".csv")])
def test_check_points_leave_and_come_back(
    page: Page, in_page: InPage, downloads: Downloads, label: str, suffix: str
) -> None:
    begin(page)
    answer_all(page, wrong=3, count=30)
    stop(page, in_page)
    check = now(page).check
    made = downloads[label]
    assert made.file_name.endswith(f"check-points{suffix}")
    content = made.content()
    page.press("Start over")
    page.run()
    page.upload_together((f"points{suffix}", content), label="Bring in check points")
    page.run()
    assert now(page).check == check
    assert "30 answers at 50 places" in page.words
    page.upload_together((f"points{suffix}", b"place,answer\n1,Sea\n"), label="Bring in check points")
    assert "holds no check points" in page.words
    assert now(page).check == check
