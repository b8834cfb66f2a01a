"""The Excel workbook, opened as its users open it: real numbers, colours, and names that stay words."""

from __future__ import annotations

import dataclasses
import io
import math
import re
import zipfile

import numpy as np
import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet
from test_confusion import accuracy
from test_export import GRIDS, HOSTILE, make_legend, make_result

from s2dash.core.about import About
from s2dash.core.accuracy import Accuracy
from s2dash.core.classmap import Result
from s2dash.core.edits import ClassEdits, LeaveOut, Majority, Merge, Sieve, Split
from s2dash.core.legend import Legend
from s2dash.core.recipe import Recipe
from s2dash.export import Handover, export_bytes
from s2dash.export.bundle import readme
from s2dash.export.contents import class_facts
from s2dash.export.digits import hectare_decimals


def opened(
    result: Result, legend: Legend, about: About | None = None, accuracy: Accuracy | None = None
) -> openpyxl.Workbook:
    handover = Handover(result, legend, about or About(), accuracy=accuracy)
    return openpyxl.load_workbook(io.BytesIO(export_bytes("workbook", handover)))


def cells(sheet: Worksheet) -> list[list[object]]:
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


def test_numbers_are_numbers_with_their_formats_and_add_up() -> None:
    result, legend = make_result(), make_legend()
    sheet = opened(result, legend)["Areas"]
    assert [cell.value for cell in sheet[1]][:2] == ["Class", "Name"]
    assert sheet.freeze_panes == "C2"
    for row, known, entry in zip(sheet.iter_rows(2, 6), result.rows, legend.entries, strict=True):
        number, name, _, colour, pixels, share, hectares = row
        assert (number.value, name.value, pixels.value) == (known.id, entry.name, known.count)
        assert share.value == pytest.approx(known.share)
        assert "%" in share.number_format
        assert hectares.value == pytest.approx(known.area_ha)
        assert hectares.number_format == "#,##0.00"
        assert colour.fill.fgColor.rgb == "FF" + entry.colour[1:].upper()
    assert sheet["E7"].value == sum(row.count for row in result.rows)
    assert sheet["E7"].value + sheet["E8"].value == result.classmap.grid.pixel_count
    assert sheet["G7"].value == pytest.approx(result.mapped_ha)


def test_spectra_have_a_number_for_each_band_and_nothing_where_nothing_is_known() -> None:
    sheet = opened(make_result(), make_legend())["Spectra"]
    assert [cell.value for cell in sheet[1]][2:] == ["B02", "B03", "B04"]
    assert [cell.value for cell in sheet[2]][2:] == [490, 560, 665]
    assert [cell.value for cell in sheet[5]][2:] == [0.03, 0.06, None]
    assert sheet["C5"].number_format == "0.0000"


def test_the_spread_stands_under_the_means() -> None:
    spreads = {number: np.array([[0.01, 0.02, math.nan], [0.03, 0.04, math.nan]]) * number for number in range(1, 6)}
    handover = Handover(make_result(), make_legend(), spreads=spreads)
    sheet = openpyxl.load_workbook(io.BytesIO(export_bytes("workbook", handover)))["Spectra"]
    rows = cells(sheet)
    for words, end in (("10th percentile", 0), ("90th percentile", 1)):
        [first] = [i for i, row in enumerate(rows) if str(row[1]).startswith(words)]
        for number, row in enumerate(rows[first + 1 : first + 6], 1):
            assert row[:2] == [number, f"Class {number}"]
            assert row[2:] == [*(pytest.approx(value) for value in spreads[number][end, :2]), None]


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_stays_text(name: str) -> None:
    result, legend = make_result(k=2), make_legend(2, (name, "Plain"))
    book = opened(dataclasses.replace(result, scene=dataclasses.replace(result.scene, title=name)), legend)
    assert book["Areas"]["B2"].value == class_facts(result, legend)[0].name
    for sheet in book:
        for row in sheet.iter_rows():
            assert all(cell.data_type != "f" and cell.hyperlink is None for cell in row)


def test_says_what_the_map_is() -> None:
    steps = (
        Merge(classes=(2, 3), into=2),
        LeaveOut(number=1),
        Split(number=2),
        Majority(size=5),
        Sieve(least=0.5),
    )
    result = dataclasses.replace(
        make_result(),
        recipe=Recipe(bands=("B02", "B03"), k=5, seed=7).with_edges_kept(),
        edits=ClassEdits(steps=steps),
        warnings=("A note",),
    )
    said = About(title="Marsh", place="Cádiz", author="A. Author", notes="=1+1")
    rows = cells(opened(result, make_legend(), said)["About"])
    facts = {str(name): words for name, words in rows}
    assert rows[0][1] == "Marsh"
    assert (facts["Place"], facts["Author"], facts["Notes"], facts["Seed"]) == ("Cádiz", "A. Author", "=1+1", "7")
    assert "edges kept" in str(facts["Smoothing"])
    assert facts["Source"] == result.scene.attribution
    assert "merged into class 2" in str(facts["Edit 1"])
    assert {f"Edit {number}" for number in range(1, 6)} <= set(facts)
    assert "s2dash" in str(facts["Made with"])


def test_the_same_map_gives_the_same_bytes() -> None:
    handover = Handover(make_result(), make_legend())
    content = export_bytes("workbook", handover)
    assert content == export_bytes("workbook", handover)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert b"1980-01-01" in archive.read("docProps/core.xml")


@pytest.mark.parametrize("kind", GRIDS)
def test_a_pixel_shows_in_the_hectares_and_no_digit_more(kind: str) -> None:
    decimals = hectare_decimals(GRIDS[kind])
    assert 0 <= decimals <= 6
    if GRIDS[kind].has_place:
        pixel_ha = float(GRIDS[kind].pixel_area_m2().mean()) / 1e4
        assert round(pixel_ha, decimals) > 0 or decimals == 6
        assert decimals == 0 or pixel_ha < 10 ** (1 - decimals) * (1 + 1e-9)
    else:
        assert decimals == 2


def test_the_csv_has_as_many_digits_as_are_worth_something() -> None:
    lines = export_bytes("table", Handover(make_result(), make_legend())).decode("utf-8-sig").splitlines()
    _, _, _, _, share, hectares, blue, _, none, _ = lines[3].split(",")
    assert re.fullmatch(r"\d+\.\d\d", share)
    assert re.fullmatch(r"\d+\.\d\d", hectares)
    assert blue == "0.0300"
    assert none == ""
    assert not math.isnan(float(share))


def test_a_checked_map_has_its_accuracy_and_matrix() -> None:
    checked = accuracy(("Sea", "=1+1", "Wood"), ("Bog",))
    book = opened(make_result(), make_legend(), accuracy=checked)
    assert book.sheetnames == ["Areas", "Spectra", "Accuracy", "Confusion", "About"]
    rows = cells(book["Accuracy"])
    heads = [str(head) for head in rows[0]]
    by_name = {row[0]: dict(zip(heads, row, strict=True)) for row in rows[1:]}
    assert by_name["All classes"]["Overall accuracy"] == pytest.approx(0.9)
    assert by_name["=1+1"]["User's accuracy, low"] == pytest.approx(0.7)
    assert by_name["=1+1"]["Estimated hectares, high"] == pytest.approx(100)
    assert by_name["=1+1"]["Producer's accuracy"] is None
    matrix = cells(book["Confusion"])
    assert matrix[0] == ["Mapped as", *checked.reference_names, "Total"]
    assert [tuple(row[1:-1]) for row in matrix[1:-1]] == list(checked.matrix)
    assert matrix[-1][-1] == sum(map(sum, checked.matrix))
    assert all(cell.data_type != "f" for sheet in book for row in sheet.iter_rows() for cell in row)


def test_too_few_answers_give_no_figures() -> None:
    rows = cells(opened(make_result(), make_legend(), accuracy=accuracy(("Sea",)))["Accuracy"])
    assert "Too few to say" in str(rows[1][0])
    assert not [value for row in rows[1:] for value in row if isinstance(value, float)]


def test_the_readme_says_how_much_is_right() -> None:
    handover = Handover(make_result(), make_legend(), accuracy=accuracy(("Sea", "Wood", "Bog", "Sand", "Town")))
    said = [line for line in readme(handover, "x-classes.tif").splitlines() if line.startswith("Checked by")]
    assert said == ["Checked by 50 places: About 90 % of the map is right, between 70 and 100 %."]
    assert "Checked by" not in readme(Handover(make_result(), make_legend()), "x-classes.tif")
