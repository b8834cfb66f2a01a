"""What a class card holds: sentences, gallery and chart, and the class alone on the map for as long as it is open."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from page_driver import Page, downloads, start
from PIL import Image
from scenes import UTM_10M, make_scene

from s2dash.classify.class_facts import ClassPatches
from s2dash.core.grid import Grid
from s2dash.core.scene import Scene
from s2dash.server.live_answer import LiveAnswer
from s2dash.ui.class_card.outline import outline
from s2dash.ui.class_card.words import borders_words, patches_words
from s2dash.ui.legend_event import LegendEvent

__all__ = ["downloads", "start"]  # fixtures

NOWHERE = Grid((10, 10), UTM_10M, None)


@pytest.fixture
def page(start: Callable[[Scene], Page], tmp_path: Path) -> Page:
    return start(make_scene(tmp_path, (120, 120), names=("B02", "B03", "B04", "B08", "B11", "B12")))


def told(page: Page, name: str) -> list[Any]:
    """What the component that is told something of this name is told."""
    every = [json.loads(component.proto.json) for component in page.test.get("bidi_component")]
    return next((one[name] for one in every if name in one), [])


def answer_of(page: Page) -> LiveAnswer:
    answer = page.test.session_state["answer"]
    assert isinstance(answer, LiveAnswer)
    return answer


def test_a_card_shows_its_class_alone_and_leaving_gives_back_what_was_there(page: Page) -> None:
    every = page.tiles[1]
    two = page.edit_legend(LegendEvent(isolates=True, isolated=2)).tiles[1]
    three = page.edit_legend(LegendEvent(opened=3)).tiles[1]
    assert len({every, two, three}) == 3
    assert page.press("Show all").tiles[1] == every
    assert page.press("Show alone").tiles[1] == three
    page.choose("selectbox", "Merge class 3 into", 4)
    assert page.tiles[1] not in (every, two, three)
    assert page.press("Undo").press("All classes").tiles[1] == two


def test_the_gallery_holds_pixels_of_the_picture_and_pins_where_they_are(page: Page) -> None:
    page.edit_legend(LegendEvent(names={2: "Sea"}, opened=3))
    places = told(page, "places")
    assert [place["kind"] for place in places] == ["typical"] * 6 + ["doubtful"] * 3
    assert all((place["next"] is None) == (place["kind"] == "typical") for place in places)
    assert told(page, "across") == "480 m across"
    assert len({tuple(place["at"]) for place in places}) == len(places)
    for place in places:
        picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(place["picture"].split(",")[1]))))
        assert picture.shape[:2] == (32, 48)
        assert re.fullmatch(r"(M\d+ \d+[HV]\d+)+", place["outline"])  # of a scene as mixed as this one
        assert 0 < place["left"] < 1
        assert 0 < place["top"] < 1
        (north, west), (south, east) = place["bounds"]
        assert south <= place["at"][0] <= north
        assert west <= place["at"][1] <= east
    assert "Borders on" in page.words
    assert "Lies in" in page.words


def test_what_is_said_to_split_next_is_what_a_split_gives(page: Page) -> None:
    page.edit_legend(LegendEvent(opened=3))
    words = next(words for words in page.fragments if words.startswith("Splits next")).replace(
        "\N{NO-BREAK SPACE}", " "
    )
    page.press("Split in two")
    made = answer_of(page)
    before = {row.id for row in made.unedited.result.rows}
    parts = [row.count for row in made.result.rows if row.id == 3 or row.id not in before]
    for part in parts:
        assert f"({100 * part / sum(parts):.0f} %)" in words


def test_patches_and_borders_have_words() -> None:
    ground = Grid((100, 100), UTM_10M, "EPSG:32633")
    assert (
        patches_words(ClassPatches(1, 400, 400, 400), NOWHERE)
        == "Lies in **one patch** of 400\N{NO-BREAK SPACE}pixels."
    )
    words = patches_words(ClassPatches(214, 20_000, 8_200, 300), ground)
    assert words.startswith("Lies in **214 patches**; the largest is 8")
    assert words.endswith("Half of its area is in patches of 3.0\N{NO-BREAK SPACE}ha or less.")
    assert "More than half" in patches_words(ClassPatches(3, 900, 500, 500), NOWHERE)
    assert "patches of 4 pixels or less" in patches_words(ClassPatches(3, 12, 4, 4), NOWHERE).replace(
        "\N{NO-BREAK SPACE}", " "
    )
    names = {1: "A*", 2: "B", 3: "C", 4: "D", 5: "E"}
    shares = {2: 0.61, 1: 0.3, 3: 0.05, 4: 0.035, 5: 0.005}
    assert borders_words(shares, names).split("\N{NO-BREAK SPACE}") == [
        "Borders on B (61",
        "%), A&#42; (30",
        "%), C (5",
        "%).",
    ]
    assert borders_words({}, names) == "Borders on no other class."


@given(arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 7))))
def test_an_outline_lies_between_what_is_inside_and_what_is_not(inside: np.ndarray) -> None:
    below, beside = np.zeros((2, *inside.shape), dtype=bool)
    for x, y, way, end in re.findall(r"M(\d+) (\d+)([HV])(\d+)", outline(inside)):
        if way == "H":
            below[int(y) - 1, int(x) : int(end)] = True
        else:
            beside[int(y) : int(end), int(x) - 1] = True
    assert np.array_equal(below[:-1], inside[1:] != inside[:-1])
    assert np.array_equal(beside[:, :-1], inside[:, 1:] != inside[:, :-1])
    assert not below[-1].any()
    assert not beside[:, -1].any()
