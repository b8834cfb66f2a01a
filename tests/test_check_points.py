"""Check points out and back: the same check, whatever its names; answers typed in meanwhile; hostile files refused."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import msgspec
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from test_known_ground import vectors

from s2dash import ingest
from s2dash.core.accuracy import Check, CheckPlace, Stratum
from s2dash.core.check_rows import check_of, rows_of
from s2dash.core.legend import clean_name
from s2dash.errors import UnreadableFile, UnreadableValue
from s2dash.export.check_points import check_csv_text, write_check_csv, write_check_package
from s2dash.export.table import text_cell
from s2dash.ingest.area.vectors import pyogrio_of_ours, read_layers
from s2dash.settings import AREA_LIMITS

NASTY = ("=1+1", 'a";=cmd|x', "\u202eمستنقع", "🌊, 'Sea'", "-5", "@SUM(1)", "Salt; =marsh", "\uff1dA1")
NAMES = tuple(clean_name(name) for name in NASTY)


def place(number: int, **fields: object) -> CheckPlace:
    usual = {"row": number, "col": 2 * number, "x": 500_005.1 + number, "y": -0.1 * number, "lonlat": (8.1, 54 + 1e-9)}
    return CheckPlace(**(usual | {"stratum": NAMES[number % len(NAMES)]} | fields))  # type: ignore[arg-type]


CHECK = Check(
    seed=7,
    allocation="8 places; =by hand",
    step=5,
    strata=(*(Stratum(name=name, pixels=10) for name in NAMES), Stratum(name="Nothing drawn", pixels=1)),
    places=tuple(place(i, answer=NAMES[-i % len(NAMES)] if i % 3 else None, unsure=i % 4 == 1) for i in range(16)),
)
EMPTY = msgspec.structs.replace(CHECK, places=())
BARE = msgspec.structs.replace(CHECK, places=tuple(msgspec.structs.replace(p, lonlat=None) for p in CHECK.places))


@pytest.mark.usefixtures("door_is_here")
@pytest.mark.parametrize("check", [CHECK, BARE, EMPTY], ids=["place", "bare", "none"])
def test_what_is_saved_comes_back_as_it_was(tmp_path: Path, check: Check) -> None:
    write_check_csv(check, tmp_path / "points.csv")
    assert ingest.read_check(tmp_path / "points.csv", tmp_path / "a", cell=text_cell) == check
    if check.places:
        write_check_package(check, tmp_path / "points.gpkg")
        assert ingest.read_check(tmp_path / "points.gpkg", tmp_path / "b") == check


CLEAN = st.text(min_size=1, max_size=20).map(clean_name).filter(bool).filter(lambda name: not name.startswith("'"))


@given(st.lists(CLEAN, min_size=1, max_size=4, unique=True), st.data())
def test_any_names_come_back(names: list[str], data: st.DataObject) -> None:
    places = tuple(place(i, stratum=names[0], answer=data.draw(st.sampled_from(names))) for i in range(3))
    check = Check(seed=1, allocation="", strata=(Stratum(name=names[0], pixels=5),), places=places)
    rows = [row | {key: text_cell(row[key]) for key in ("map_class", "answer")} for row in rows_of(check)]
    assert check_of(rows, text_cell) == check


def test_no_cell_is_a_formula() -> None:
    rows = list(csv.reader(io.StringIO(check_csv_text(CHECK))))
    names = [rows[0].index(key) for key in ("map_class", "answer", "design")]
    for row in rows[1:]:
        for at in names:
            assert text_cell(row[at][:100]) == row[at][:100], "it would still be changed, so it is not harmless yet"


def test_a_gis_reads_points_where_they_are(tmp_path: Path) -> None:
    write_check_package(CHECK, tmp_path / "points.gpkg")
    [layer] = read_layers(tmp_path / "points.gpkg", AREA_LIMITS, with_columns=True)
    assert layer.crs == "EPSG:4326"
    assert [(p.x, p.y) for p in layer.shapes] == [p.lonlat for p in CHECK.places]
    assert layer.columns["map_class"].tolist() == [p.stratum for p in CHECK.places]
    assert layer.columns["place"].tolist() == list(range(1, 17))
    about = pyogrio_of_ours().read_info(tmp_path / "points.gpkg")
    assert about["geometry_type"] == "Point"


@pytest.mark.usefixtures("door_is_here")
def test_a_spreadsheet_may_sort_rows_type_answers_and_use_semicolons(tmp_path: Path) -> None:
    rows = list(csv.reader(io.StringIO(check_csv_text(CHECK))))
    head, rest = rows[0], rows[1:][::-1]
    rest[0][head.index("answer")] = "  Mudflat "
    for row in rest:
        row[head.index("x")] = row[head.index("x")].replace(".", ",")
    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\n").writerows([head, *rest])
    path = tmp_path / "points.csv"
    path.write_text(out.getvalue(), encoding="utf-8")
    expected = CHECK.answered(15, "Mudflat", unsure=CHECK.places[15].unsure)
    assert ingest.read_check(path, tmp_path / "a", cell=text_cell) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("place,map_class\n1,Sea\n", "no check points"),
        ("Dear all", "no check points"),
        ("", "no check points"),
        (check_csv_text(CHECK).replace('"{', '"['), "design of the check points is damaged"),
        (check_csv_text(CHECK).replace("500005.1", "far"), "row of the check points cannot be read"),
        (check_csv_text(CHECK).replace("500005.1", "nan"), "row of the check points cannot be read"),
        ("place,map_class,answer,x,y,row,col,design\n1,Sea,,1,1,1,1,\n", "do not say how they were drawn"),
        ("place,map_class,answer,x,y,row,col,design\n1,Sea,,1,1,1,1,{}\n", "not a check as s2dash writes it"),
        ("place,map_class,answer,x,y,row,col,design\n" + "1,,,,,,,\n" * 10_001, "10,001 places"),
        ("place,map_class,answer,x,y,row,col,design\n" + "a" * 6_000_000, "larger than"),
    ],
)
@pytest.mark.usefixtures("door_is_here")
def test_what_holds_no_check_is_refused_with_the_reason(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "points.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableFile, match=words) as caught:
        ingest.read_check(path, tmp_path / "a")
    assert str(caught.value).startswith("points.csv ")


def test_a_geopackage_of_something_else_is_refused(tmp_path: Path) -> None:
    path = vectors(tmp_path / "a.gpkg", [shapely.Point(500_000, 5_200_000)], {"class": ["Sea"]})
    with pytest.raises(UnreadableFile, match="no check points"):
        ingest.read_check(path, tmp_path / "a")


@pytest.mark.parametrize("design", ["[]", "{", '{"strata": 5, "answers": {}}', '{"strata": [[]]}', "[" * 100_000])
def test_hostile_designs_are_refused(design: str) -> None:
    with pytest.raises(UnreadableValue):
        check_of([{"design": design}])
