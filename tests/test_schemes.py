"""Lists of names to choose from, and that the codes of chosen names reach what is kept and what is handed over."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from scenes import make_scene

from s2dash.classify import pipeline
from s2dash.core.edits import NO_EDITS, ClassEdits
from s2dash.core.legend import MOST_NAME_CHARACTERS, clean_name, default_legend
from s2dash.core.recipe import default_recipe
from s2dash.core.run_list import legend_of, looks_of
from s2dash.core.scheme_file import scheme_from_csv
from s2dash.core.schemes import CORINE_1, CORINE_2, CORINE_3, SCHEMES, WORLDCOVER, SchemeEntry
from s2dash.errors import UnreadableValue
from s2dash.export.geotiff import sidecar_xml, write_geotiff
from s2dash.export.table import csv_text


@pytest.mark.parametrize("scheme", [*SCHEMES, CORINE_3], ids=lambda scheme: scheme.title)
def test_lists_have_clean_names_that_fit_and_colours_that_differ(scheme) -> None:  # type: ignore[no-untyped-def]
    names = [entry.name for entry in scheme.entries]
    assert [clean_name(name) for name in names] == names
    assert len({name.casefold() for name in names}) == len(names)
    assert len({entry.colour for entry in scheme.entries}) == len(names)
    codes = [entry.code for entry in scheme.entries if entry.code]
    assert len(set(codes)) == len(codes)
    assert scheme.entry_named(names[0].upper()) == scheme.entries[0]


def test_levels_of_corine_lie_within_each_other() -> None:
    assert {entry.code[:2] for entry in CORINE_3.entries} == {entry.code for entry in CORINE_2.entries}
    assert {entry.code[:1] for entry in CORINE_2.entries} == {entry.code for entry in CORINE_1.entries}
    assert (len(CORINE_3.entries), len(WORLDCOVER.entries)) == (44, 11)


class TestOwnList:
    def test_columns_in_any_order_some_left_out(self) -> None:
        found = scheme_from_csv("\ufeffCode;Name;Color\r\nW1;Sea;#3479C7\r\n\r\n;Marsh;\r\n".encode(), "mine")
        assert found.entries == (SchemeEntry("W1", "Sea", "#3479c7"), SchemeEntry("", "Marsh", ""))
        assert scheme_from_csv(b"name\nSea\n", "mine").entries == (SchemeEntry("", "Sea", ""),)

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "is no list of names"),
            (b"label,colour\nSea,#3479c7\n", "is no list of names"),
            (b"name,name\nSea,Sea\n", "is no list of names"),
            (b"name\n", "has 0 names"),
            (b"name\n" + b"\n".join(b"n%d" % n for n in range(256)), "has 256 names"),
            (b"name,colour\nSea,blue\n", "Line 2 of mine has the colour 'blue'"),
            (b"name,code\nSea\n", "Line 2 of mine has 1 cells"),
            (b"name,code\n ,4\n", "Line 2 of mine has no name"),
            (b"name,code\nSea," + b"9" * 21 + b"\n", "a code of 21 characters"),
            (b"name\nSea\nsea\n", "the name sea twice"),
            (b"name\n\xff\xfe\n", "is not a CSV file in UTF-8"),
            (b'name\n"Sea\n', "is not a CSV file in UTF-8"),
            (b"name\n" + b"x" * 200_000, "bytes; a list of names has at most"),
        ],
    )
    def test_what_is_wrong_is_said(self, content: bytes, words: str) -> None:
        with pytest.raises(UnreadableValue, match=words):
            scheme_from_csv(content, "mine")

    @given(st.binary(max_size=300), st.text(max_size=20))
    def test_any_bytes_are_a_clean_list_or_refused(self, content: bytes, title: str) -> None:
        try:
            found = scheme_from_csv(b"name,code\n" + content, title)
        except UnreadableValue:
            return
        for entry in found.entries:
            assert entry.name == clean_name(entry.name) != ""
            assert len(entry.name) <= MOST_NAME_CHARACTERS
            assert entry.code == clean_name(entry.code)


class TestCodes:
    def test_a_name_brings_its_code_and_another_takes_it_away(self) -> None:
        named = NO_EDITS.named({1: "Sea", 2: "Marsh"}, {}, {1: "523", 2: ""})
        assert named.codes == {1: "523"}
        assert ClassEdits.from_json(named.to_json()) == named
        assert named.named({}, {1: "#112233"}).codes == {1: "523"}
        assert named.named({1: "Bay"}, {}).codes == {}
        assert "codes" not in NO_EDITS.to_dict()

    def test_legends_hold_them_and_runs_keep_them(self) -> None:
        legend = default_legend(("#111111", "#222222")).edited({1: "Sea"}, {}, {1: "523"})
        assert [entry.code for entry in legend.entries] == ["523", ""]
        assert [entry.code for entry in legend.edited({}, {2: "#333333"}).entries] == ["523", ""]
        assert [entry.code for entry in legend.edited({1: "Bay"}, {}).entries] == ["", ""]
        assert legend_of(looks_of(legend)) == legend

    def test_they_are_in_table_geotiff_and_side_car_where_there_are_any(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path)
        result = pipeline.run_live(pipeline.fit(pipeline.prepare(scene, replace(default_recipe(scene).plain(), k=2))))
        plain = default_legend(("#111111", "#222222"))
        coded = plain.edited({1: "Sea"}, {}, {1: "=1+1"})
        rows = list(csv.DictReader(io.StringIO(csv_text(result, coded))))
        assert [row["code"] for row in rows] == ["'=1+1", ""]
        assert "code" not in csv_text(result, plain).splitlines()[0].split(",")
        assert "<Name>Code</Name>" in sidecar_xml(result, coded)
        assert "<Name>Code</Name>" not in sidecar_xml(result, plain)
        write_geotiff(result, coded, tmp_path / "map.tif")
        with rasterio.open(tmp_path / "map.tif") as dataset:
            assert {key: value for key, value in dataset.tags().items() if key.startswith("CODE_")} == {
                "CODE_1": "=1+1"
            }
