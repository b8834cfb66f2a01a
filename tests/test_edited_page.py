"""Classes merged, split and left out on the page: legend, hectares, downloads and undo, and what another k keeps."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_driver import Page, downloads, start
from scenes import make_scene

from s2dash.core.edits import ClassEdits, Merge, Split
from s2dash.core.legend import Legend, LegendEntry
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Scene
from s2dash.ui.class_card.actions import same_names
from s2dash.ui.legend_event import LegendEvent
from s2dash.ui.runs.words import step_words

__all__ = ["downloads", "start"]  # fixtures


@pytest.fixture
def page(start: Callable[[Scene], Page], tmp_path: Path) -> Page:
    return start(make_scene(tmp_path, (120, 120), names=("B02", "B03", "B04", "B08", "B11", "B12")))


def sizes(page: Page) -> dict[int, float]:
    return {row["id"]: float(str(row["amount"]).replace(",", "")) for row in page.rows}


def looks(page: Page) -> list[dict[str, Any]]:
    return [{name: row[name] for name in ("id", "name", "colour", "amount")} for row in page.rows]


def test_a_card_edits_the_map_and_undo_brings_back_what_was_there(page: Page) -> None:
    before, labels = looks(page), page.geotiff
    areas = sizes(page)
    page.test.session_state["window"] = None
    page.edit_legend(LegendEvent(names={3: "Sea"}, opened=3))
    assert page.rows == []
    page.choose("selectbox", "Merge class 3 into", 5)
    assert "Edits: merge 3 and 5" in page.words
    page.press("All classes")
    assert sizes(page) == pytest.approx(
        {n: area for n, area in areas.items() if n not in (3, 5)} | {5: areas[3] + areas[5]}, abs=0.11
    )
    merged = page.geotiff
    assert np.array_equal(merged, np.where(labels == 3, 5, labels))
    edits = ClassEdits.from_json(page.downloads["Edits (JSON)"].content().decode())
    assert (edits.steps, edits.names[5]) == ((Merge((3,), 5),), "Class 5")
    with zipfile.ZipFile(io.BytesIO(page.downloads["GIS bundle (zip)"].content())) as archive:
        assert ClassEdits.from_json(archive.read("edits.json").decode()) == edits
    page.test.session_state["window"] = None
    page.edit_legend(LegendEvent(opened=5))
    page.press("Split in two")
    page.press("All classes")
    row = next(row for row in page.rows if row["id"] == 3)
    assert row["name"] == "Class 3"  # a new class has no name yet
    assert len({row["colour"] for row in page.rows}) == len(page.rows) == len(before)
    assert np.array_equal(page.geotiff[labels == 1], labels[labels == 1])
    page.test.session_state["window"] = None
    page.press("Undo").press("Undo").press("Undo")
    assert looks(page) == before
    assert np.array_equal(page.geotiff, labels)


def test_two_classes_of_one_name_are_offered_to_be_one(page: Page) -> None:
    page.edit_legend(LegendEvent(names={2: "Sea", 4: "sea"}))
    assert {row["id"]: row["same"] for row in page.rows if row["same"]} == {4: 2}
    page.edit_legend(LegendEvent(kept_both=frozenset(["sea"])))
    assert not any(row["same"] for row in page.rows)
    page.edit_legend(LegendEvent(merges=((4, 2), (4, 2))))  # pressed twice
    assert "does not have" not in page.words
    assert 4 not in sizes(page)
    page.press("Remove all edits")
    assert 4 in sizes(page)


def test_another_k_keeps_the_steps_whose_classes_are_found_again(page: Page) -> None:
    page.edit_legend(LegendEvent(merges=((1, 2),)))
    count = len(page.rows)
    page.choose("slider", "Number of classes (k)", count + 2)
    words = page.words
    assert ("Edits: merge" in words) != ("Not carried over" in words)
    assert len(page.rows) == (count + 1 if "Edits: merge" in words else count + 2)
    assert json.loads(page.downloads["Recipe (JSON)"].content())["k"] == count + 2
    page.test.session_state["window"] = None
    page.press("Undo").press("Undo")
    page.choose("slider", "Number of classes (k)", count + 2)
    assert len(page.rows) == (count + 1 if "Edits: merge" in words else count + 2)


def test_classes_are_put_in_another_order_which_files_and_the_next_map_have(page: Page) -> None:
    def listed() -> list[int]:
        return [row["id"] for row in page.rows]

    labels, numbers = page.geotiff, sorted(listed())
    page.test.session_state["window"] = None
    page.edit_legend(LegendEvent(names={5: "Sea"}, order=(5, *(n for n in numbers if n != 5))))
    page.edit_legend(LegendEvent(opened=5))
    page.press("Move down").press("All classes")
    order = [numbers[0], 5, *(n for n in numbers[1:] if n != 5)]
    assert listed() == order
    edits = ClassEdits.from_json(page.downloads["Edits (JSON)"].content().decode())
    assert (list(edits.order), edits.steps) == (order, ())
    table = page.downloads["Class table (CSV)"].content().decode("utf-8-sig")
    assert [int(line.split(",")[0]) for line in table.splitlines()[1:]] == order
    assert np.array_equal(page.geotiff, labels)
    page.test.session_state["window"] = None
    page.choose("slider", "Number of classes (k)", len(numbers) + 1)
    carried = ["carried over" in row["about"] for row in page.rows]
    assert 2 <= sum(carried) == carried.index(False)  # those that are new come last
    assert next(row["id"] for row in page.rows if row["name"] == "Sea") == listed()[1] != 2
    page.press("Undo").press("Undo").press("Undo")
    assert listed() == numbers


def test_edits_come_as_a_file_and_are_undone(page: Page) -> None:
    labels, edits = page.geotiff, ClassEdits(names={2: "Sea"}, steps=(Merge((1,), 2),))
    page.test.session_state["window"] = "runs"

    def bring(content: bytes) -> None:
        page.run().upload_together(("e.json", content), label="Bring in edits")

    bring(b'{"steps": [{"step": "melt"}]}')
    assert "This is not a set of edits" in page.words
    bring(ClassEdits(steps=(Merge((99,), 1),)).to_json().encode())
    assert "class 99" in page.words
    assert "Edits: " not in page.words
    bring(edits.to_json().encode())
    assert "1 edit, names and colours" in page.words
    page.test.session_state["window"] = None
    assert page.run().rows[0]["name"] == "Sea"
    assert np.array_equal(page.geotiff, np.where(labels == 1, 2, labels))
    page.test.session_state["window"] = None
    page.press("Undo")
    assert np.array_equal(page.geotiff, labels)


def test_steps_have_words() -> None:
    recipe = Recipe(bands=("B02",))
    one, two = ClassEdits(steps=(Merge((3,), 4),)), ClassEdits(steps=(Merge((3,), 4), Split(2, 3)))
    assert step_words(recipe, recipe, ClassEdits(), one) == "merge 3 and 4"
    assert step_words(recipe, recipe, one, two) == "split 2 in 3"
    assert step_words(recipe, recipe, two, ClassEdits()) == "remove 2 edits"
    assert step_words(recipe, recipe, one, one.ordered((2, 1))) == "order of classes"


def test_a_name_of_three_classes_points_to_the_first() -> None:
    legend = Legend(
        tuple(LegendEntry(n, name, "#000000") for n, name in ((1, "Sea"), (4, "SEA"), (7, "Sea"), (8, "b")))
    )
    assert same_names(legend, ()) == {4: 1, 7: 1}
    assert same_names(legend, {"Sea", "SEA"}) == {}
