"""The legend as a control: what its rows say, and which edits of the browser are believed."""

from __future__ import annotations

from pathlib import Path

import pytest
from affine import Affine

from s2dash.classify.naming import Suggestion
from s2dash.core.classmap import ClassMap, ClassRow, Result
from s2dash.core.grid import Grid
from s2dash.core.legend import default_legend
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Band, Layer, Reflectance, Scene
from s2dash.errors import RecipeError
from s2dash.raster.location import FileLocation
from s2dash.ui.legend_event import LegendEvent
from s2dash.ui.legend_table import read_edits, table_data

LEGEND = default_legend(("#3479c7", "#F9EED0"))
WORDS = ("Looks like water", "Looks like sand or cloud")


def make_result(areas_ha: tuple[float | None, float | None] = (4.0, 1.0), step: int = 1) -> Result:
    grid = Grid((10, 100), Affine(10, 0, 0, 0, -10, 0), "EPSG:32618" if areas_ha[0] else None)
    layers = (Layer(FileLocation(Path("t.tif")), 1, grid),)
    scene = Scene("t", grid, (Band("B02", "B02"),), layers, "uint16", (None,), Reflectance(1e4, (0,), ""), "d")
    rows = tuple(
        ClassRow(i, count, count / 500, area, (0.1,))
        for i, (count, area) in enumerate(zip((400, 100), areas_ha, strict=True), 1)
    )
    return Result(scene, Recipe(bands=("B02",), k=2), ClassMap(grid, 2, None, step=step), rows, "numpy", "r")


def test_rows_say_name_colour_share_and_area() -> None:
    data = table_data(make_result((1814.2, 88.5)), LEGEND, WORDS, None)
    assert [(r["id"], r["name"], r["colour"], r["share"], r["amount"]) for r in data["rows"]] == [
        (1, "Class 1", "#3479c7", "80.0 %", "1,814"),
        (2, "Class 2", "#f9eed0", "20.0 %", "88.5"),
    ]
    assert (data["unit"], data["symbol"]) == ("Hectares", "ha")
    assert (data["total"], data["unmapped"]) == ("1,903", "unmapped 50.0 %")


def test_bars_are_relative_to_the_largest_class() -> None:
    assert [row["part"] for row in table_data(make_result(), LEGEND, WORDS, None)["rows"]] == [1, 0.25]


def test_large_areas_share_one_unit() -> None:
    data = table_data(make_result((900_000.0, 4_000.0)), LEGEND, WORDS, None)
    assert (data["unit"], [row["amount"] for row in data["rows"]]) == ("km²", ["9,000", "40.0"])


def test_pixels_stand_in_where_there_is_no_place() -> None:
    data = table_data(make_result((None, None)), LEGEND, WORDS, None)
    assert (data["unit"], data["total"], data["rows"][0]["amount"]) == ("Pixels", "500", "400")


@pytest.mark.parametrize(("step", "words"), [(1, "400 pixels."), (3, "400 pixels of the preview.")])
def test_hover_explains(step: int, words: str) -> None:
    about = table_data(make_result(step=step), LEGEND, WORDS, None)["rows"][0]["about"]
    assert about.startswith("Looks like water")
    assert words in about


def test_words_must_fit_the_classes() -> None:
    with pytest.raises(ValueError, match="shorter"):
        table_data(make_result(), LEGEND, WORDS[:1], None)


def test_a_suggestion_stands_in_the_place_of_the_second_line() -> None:
    one = Suggestion("Water", "rule", "MNDWI 0.50: open water.", "very likely")
    carried = dict.fromkeys((1, 2), "carried over")
    first, other = table_data(make_result(), LEGEND, WORDS, None, carried, suggestions={1: one})["rows"]
    assert first["suggestion"] == {"name": "Water", "sureness": "very likely", "why": "MNDWI 0.50: open water."}
    assert (first["second"], other["second"], other["suggestion"]) == ("", "carried over", None)
    assert "carried over" in first["about"]


def test_several_names_at_once_are_cleaned_and_what_is_no_class_is_skipped() -> None:
    value = {"1": " Wet\nmeadow ", "2": "\u202e", "0": "x", "256": "x", "a": "x", "3": 7, "9999999": "x", "-1": "x"}
    event, handled = read_edits([{"number": 4, "kind": "names", "id": None, "value": value}], 3)
    assert (event, handled) == (LegendEvent(names={1: "Wet meadow"}), 4)
    assert read_edits([{"number": 5, "kind": "names", "id": None, "value": {}}], 4) == (None, 5)


def test_rows_stand_as_they_are_listed() -> None:
    ordered = table_data(make_result(), LEGEND.ordered((2,)), ("wet", "dry"), None)
    assert [(row["id"], row["about"][:3]) for row in ordered["rows"]] == [(2, "dry"), (1, "wet")]
    assert (ordered["ordered"], table_data(make_result(), LEGEND, WORDS, None)["ordered"]) == (True, False)


def test_an_order_is_believed_where_it_names_classes_once() -> None:
    def read(value: object) -> LegendEvent | None:
        return read_edits([{"number": 1, "kind": "order", "id": 2, "value": value}], 0)[0]

    assert read([2, 1]) == LegendEvent(order=(2, 1))
    assert LegendEvent(order=(2, 1)).legend(LEGEND).order == (2, 1)
    for wrong in ([], [1, 1], [0, 1], ["1"], [True], [1.0], "12", None, {"1": 1}, [[1]], [*range(1, 256), 300]):
        assert read(wrong) is None


def test_edits_are_read_once_by_their_number() -> None:
    first = {"number": 1, "kind": "name", "id": 1, "value": "Sea"}
    second = {"number": 2, "kind": "colour", "id": 2, "value": "#FF0000"}
    event, handled = read_edits([first], 0)
    assert (event, handled) == (LegendEvent(names={1: "Sea"}), 1)
    event, handled = read_edits([first, second], handled)
    assert (event, handled) == (LegendEvent(colours={2: "#ff0000"}), 2)
    assert read_edits([first, second], handled) == (None, 2)


def test_edits_of_one_message_add_up() -> None:
    message = [
        {"number": 1, "kind": "isolate", "id": 2},
        {"number": 2, "kind": "name", "id": 1, "value": "Sea"},
        {"number": 3, "kind": "isolate", "id": None},
        {"number": 4, "kind": "name", "id": 1, "value": "Open sea"},
    ]
    event, handled = read_edits(message, 0)
    assert handled == 4
    assert event == LegendEvent(names={1: "Open sea"}, isolates=True, isolated=None)
    assert event.isolation(2) is None
    assert event.legend(LEGEND).entries[0].name == "Open sea"


def test_an_event_without_isolation_leaves_it() -> None:
    assert LegendEvent(names={1: "x"}).isolation(2) == 2
    assert LegendEvent(isolates=True, isolated=2).then(LegendEvent(names={1: "x"})).isolation(None) == 2


@pytest.mark.parametrize(
    "payload",
    [
        None,
        "text",
        {"number": 1},
        [None, 3, "x"],
        [{"kind": "name", "id": 1, "value": "no number"}],
        [{"number": True, "kind": "name", "id": 1, "value": "x"}],
        [{"number": 1, "kind": "name", "id": "1", "value": "x"}],
        [{"number": 1, "kind": "name", "id": 1, "value": " \u202e\n "}],
        [{"number": 1, "kind": "name", "id": 1, "value": 5}],
        [{"number": 1, "kind": "colour", "id": 1, "value": "red"}],
        [{"number": 1, "kind": "colour", "id": 1, "value": "#ff0000;background:url(x)"}],
        [{"number": 1, "kind": "shares", "id": 1, "value": "x"}],
    ],
)
def test_what_is_no_edit_is_skipped(payload: object) -> None:
    event, _ = read_edits(payload, 0)
    assert event is None


def test_names_are_cleaned_and_short() -> None:
    event, _ = read_edits([{"number": 1, "kind": "name", "id": 1, "value": " a\nb\u202e " + "x" * 500}], 0)
    assert event is not None
    assert event.names[1].startswith("a b x")
    assert len(event.names[1]) <= 60


def test_edits_of_classes_that_are_gone_change_nothing() -> None:
    assert LegendEvent(names={9: "x"}, colours={9: "#000000"}).legend(LEGEND) == LEGEND.edited({}, {})


def test_a_colour_from_elsewhere_is_still_checked() -> None:
    with pytest.raises(RecipeError, match="not a colour"):
        LegendEvent(colours={1: "red"}).legend(LEGEND)


def test_outside_text_never_becomes_markup() -> None:
    folder = Path(__file__).resolve().parents[1] / "s2dash" / "ui"
    names = ("legend_table.js", "legend_order.js", "legend_asked.js", "map_point.js", "map_spectrum.js")
    script = "".join((folder / name).read_text("utf-8") for name in names)
    assert not any(way in script for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"))
