"""Two dates: what changed, by hand-counted maps and by the tables that any two maps give, and the files made of it."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import openpyxl
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rio_cogeo.cogeo import cog_validate
from scenes import UTM_10M

from s2dash.batch.change import (
    Change,
    csv_text,
    find_change,
    flow_svg,
    read_dated_map,
    write_change_map,
    write_excel,
)
from s2dash.batch.change.change_map import NO_CHANGE, value_table, values
from s2dash.cli.main import main
from s2dash.core.types import CancelToken
from s2dash.errors import Cancelled, RecipeError, UnreadableFile

NAMES = ("Sea", "Forest", "Bare")
HOSTILE = ('=1+1"<script>', "مرحبا", "🌲" * 30)
COLOURS = {1: (0, 0, 200), 2: (0, 120, 0), 3: (200, 160, 90)}
BEFORE = np.array([[1, 1, 2, 2], [2, 2, 3, 0], [3, 3, 0, 1]], dtype=np.uint8)
AFTER = np.array([[1, 2, 2, 3], [2, 3, 3, 1], [3, 0, 0, 1]], dtype=np.uint8)


def write_map(
    path: Path,
    labels: np.ndarray,
    names: tuple[str, ...] = NAMES,
    transform: Affine = UTM_10M,
    crs: str | None = "EPSG:32629",
    date: str = "",
) -> Path:
    """A class map as s2dash writes it, without its overviews."""
    height, width = labels.shape
    place = {} if crs is None else {"crs": crs, "transform": transform}
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=1, dtype="uint8", nodata=0, **place
    ) as dataset:
        dataset.write(labels, 1)
        dataset.write_colormap(1, COLOURS)
        tags = {f"CLASS_{number}": name for number, name in enumerate(names, 1)}
        dataset.update_tags(**tags, S2DASH_SCENE=path.stem, S2DASH_DATE=date, ATTRIBUTION="Copernicus")
    return path


@pytest.fixture
def maps(tmp_path: Path) -> tuple[Path, Path]:
    return (
        write_map(tmp_path / "before.tif", BEFORE, date="2016-01-12"),
        write_map(tmp_path / "after.tif", AFTER, date="2020-01-12"),
    )


def change_of(one: Path, other: Path) -> Change:
    return find_change(read_dated_map(one), read_dated_map(other))


class TestCounts:
    def test_each_pixel_is_counted_once(self, maps: tuple[Path, Path]) -> None:
        change = change_of(*maps)
        assert change.stayed.count == 6
        assert {move.pair: move.count for move in change.found.moves} == {(1, 2): 1, (2, 3): 2}
        assert [amount.count for amount in change.found.one_sided] == [1, 1]
        assert change.neither.count == 1
        assert change.stayed.area_ha == pytest.approx(0.06)
        assert change.before.name == "2016-01-12"
        assert not change.is_resampled

    @settings(max_examples=25, deadline=None)
    @given(data=st.data())
    def test_whatever_the_maps_all_pixels_add_up(
        self, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        folder = tmp_path_factory.mktemp("maps")
        shape = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
        seed = data.draw(st.integers(0, 2**32 - 1))
        one, other = np.random.default_rng(seed).integers(0, 4, (2, *shape)).astype(np.uint8)
        if not (other > 0).any():
            return
        change = change_of(write_map(folder / "a.tif", one), write_map(folder / "b.tif", other))
        assert change.found.table.counts.sum() == one.size
        parts = (change.stayed, change.found.moved, *change.found.one_sided, change.neither)
        assert sum(part.count for part in parts) == one.size
        before, after = change.totals()
        both = (one > 0) & (other > 0)
        assert [before[n].count for n in (1, 2, 3)] == [np.count_nonzero(one[both] == n) for n in (1, 2, 3)]
        assert [after[n].count for n in (1, 2, 3)] == [np.count_nonzero(other[both] == n) for n in (1, 2, 3)]
        backwards = change_of(folder / "b.tif", folder / "a.tif") if (one > 0).any() else None
        if backwards is not None:
            assert np.array_equal(backwards.found.table.counts, change.found.table.counts.T)

    def test_a_shifted_map_is_counted_where_both_lie(self, tmp_path: Path) -> None:
        one = write_map(tmp_path / "one.tif", BEFORE)
        other = write_map(tmp_path / "other.tif", BEFORE[1:, 2:], transform=UTM_10M @ Affine.translation(2, 1))
        change = change_of(one, other)
        assert change.found.moved.count == 0
        assert not change.is_resampled
        assert change.stayed.count == np.count_nonzero(BEFORE[1:, 2:])
        assert change.found.one_sided[0].count == np.count_nonzero(BEFORE) - change.stayed.count

    def test_other_pixels_are_taken_by_the_nearest(self, tmp_path: Path) -> None:
        one = write_map(tmp_path / "one.tif", np.kron(BEFORE, np.ones((2, 2), np.uint8)))
        other = write_map(tmp_path / "other.tif", BEFORE, transform=UTM_10M @ Affine.scale(2))
        change = change_of(one, other)
        assert change.is_resampled
        assert change.found.moved.count == 0
        assert change.stayed.count == 4 * np.count_nonzero(BEFORE)

    def test_without_a_place_the_same_rows_and_columns_are_compared(self, tmp_path: Path) -> None:
        one, other = (
            write_map(tmp_path / f"{name}.tif", labels, crs=None)
            for name, labels in (("one", BEFORE), ("other", AFTER))
        )
        change = change_of(one, other)
        assert change.stayed.count == 6
        assert change.stayed.area_ha is None


class TestRefusals:
    def test_other_classes(self, maps: tuple[Path, Path], tmp_path: Path) -> None:
        other = write_map(tmp_path / "other.tif", AFTER, ("Sea", "Marsh", "Bare"))
        with pytest.raises(RecipeError, match=r"number 2 is Forest in before\.tif and Marsh in other\.tif"):
            change_of(maps[0], other)

    def test_other_ground(self, maps: tuple[Path, Path], tmp_path: Path) -> None:
        other = write_map(tmp_path / "other.tif", AFTER, transform=UTM_10M @ Affine.translation(900, 0))
        with pytest.raises(RecipeError, match="share no ground"):
            change_of(maps[0], other)

    def test_one_without_a_place(self, maps: tuple[Path, Path], tmp_path: Path) -> None:
        with pytest.raises(RecipeError, match="without a place"):
            change_of(maps[0], write_map(tmp_path / "other.tif", AFTER, crs=None))

    def test_a_picture_is_no_class_map(self, tmp_path: Path) -> None:
        path = tmp_path / "picture.tif"
        with rasterio.open(path, "w", driver="GTiff", height=2, width=2, count=3, dtype="uint8") as dataset:
            dataset.write(np.ones((3, 2, 2), np.uint8))
        with pytest.raises(UnreadableFile, match="no class map of s2dash"):
            read_dated_map(path)
        path.write_bytes(b"nothing")
        with pytest.raises(UnreadableFile, match="cannot be read"):
            read_dated_map(path)

    def test_stopping_leaves_nothing(self, maps: tuple[Path, Path], tmp_path: Path) -> None:
        cancel, out = CancelToken(), tmp_path / "out"
        out.mkdir()
        change = change_of(*maps)
        cancel.cancel()
        with pytest.raises(Cancelled):
            write_change_map(change, out / "change.tif", cancel=cancel)
        assert list(out.iterdir()) == []


class TestFiles:
    def test_the_change_map_says_what_the_counts_say(self, maps: tuple[Path, Path], tmp_path: Path) -> None:
        change = change_of(*maps)
        out, sidecar = write_change_map(change, tmp_path / "change.tif")
        assert cog_validate(out)[0]
        with rasterio.open(out) as dataset:
            found, tags, colours = dataset.read(1), dataset.tags(), dataset.colormap(1)
            assert dataset.transform == UTM_10M
        assert np.array_equal(found, value_table(change)[BEFORE, AFTER])
        assert np.count_nonzero(found == NO_CHANGE) == change.stayed.count
        for value, move in zip(values(change)[1:], change.found.moves, strict=True):
            assert np.count_nonzero(found == value.number) == move.count
            assert tuple(colours[value.number][:3]) == COLOURS[move.pair[1]]
            assert tags[f"VALUE_{value.number}"] == value.name
        assert tags["S2DASH_AFTER"] == "2020-01-12"
        cells = [cell.text for cell in ET.parse(sidecar).iter("F")]
        assert "Forest to Bare" in cells

    def test_the_table_has_every_pair_and_what_is_missing(self, maps: tuple[Path, Path]) -> None:
        rows = list(csv.DictReader(io.StringIO(csv_text(change_of(*maps)))))
        assert sum(int(row["pixels"]) for row in rows) == BEFORE.size
        assert sum(float(row["share_percent"] or 0) for row in rows) == pytest.approx(100, abs=0.1)
        assert {row["from_name"] for row in rows} == {"No data", *NAMES}

    def test_the_excel_file_says_what_the_counts_say(self, maps: tuple[Path, Path], tmp_path: Path) -> None:
        change = change_of(*maps)
        write_excel(change, tmp_path / "moves.xlsx")
        book = openpyxl.load_workbook(tmp_path / "moves.xlsx")
        assert book.sheetnames == ["Hectares", "Pixels", "Pairs", "About"]
        order = [*NAMES, "No data"]
        for sheet, factor in ((book["Pixels"], 1), (book["Hectares"], 0.01)):
            head, *rows, total = sheet.iter_rows(values_only=True)
            assert list(head[1:]) == [*order, "Total"]
            assert [row[0] for row in rows] == order
            for first, row in zip((1, 2, 3, 0), rows, strict=True):
                expected = [np.count_nonzero((first == BEFORE) & (second == AFTER)) for second in (1, 2, 3, 0)]
                assert row[1:] == pytest.approx([factor * count for count in (*expected, sum(expected))])
            assert total[-1] == pytest.approx(factor * BEFORE.size)
        head, *pairs = book["Pairs"].iter_rows(values_only=True)
        assert head[:2] == ("2016-01-12", "2020-01-12")
        assert sum(pair[2] for pair in pairs) == BEFORE.size
        assert sum(pair[4] or 0 for pair in pairs) == pytest.approx(1)

    def test_the_excel_file_without_a_place_has_pixels_alone(self, tmp_path: Path) -> None:
        one = write_map(tmp_path / "one.tif", BEFORE, HOSTILE, crs=None)
        write_excel(change_of(one, write_map(tmp_path / "other.tif", AFTER, HOSTILE, crs=None)), tmp_path / "x.xlsx")
        book = openpyxl.load_workbook(tmp_path / "x.xlsx")
        assert book.sheetnames == ["Pixels", "Pairs", "About"]
        assert book["Pixels"]["B1"].value == HOSTILE[0]
        assert all(cell.data_type != "f" for sheet in book for row in sheet.iter_rows() for cell in row)

    def test_hostile_names_stay_harmless(self, tmp_path: Path) -> None:
        change = change_of(
            write_map(tmp_path / "one.tif", BEFORE, HOSTILE), write_map(tmp_path / "other.tif", AFTER, HOSTILE)
        )
        svg = flow_svg(change)
        root = ET.fromstring(svg)
        assert not [one for one in root.iter() if one.tag.endswith("script")]
        assert "'=1+1" in csv_text(change)
        out, sidecar = write_change_map(change, tmp_path / "change.tif")
        ET.parse(sidecar)
        assert out.exists()

    def test_the_flow_has_a_band_for_each_pair(self, maps: tuple[Path, Path]) -> None:
        change = change_of(*maps)
        root = ET.fromstring(flow_svg(change))
        bands = [one for one in root.iter() if one.tag.endswith("path")]
        assert len(bands) == np.count_nonzero(change.found.table.counts[1:, 1:])

    def test_many_pairs_share_the_last_value(self, tmp_path: Path) -> None:
        names = tuple(f"Class {number}" for number in range(1, 41))
        one, other = np.random.default_rng(0).integers(1, 41, (2, 60, 60)).astype(np.uint8)
        change = change_of(write_map(tmp_path / "one.tif", one, names), write_map(tmp_path / "other.tif", other, names))
        assert len(change.found.moves) > 254
        out, _ = write_change_map(change, tmp_path / "change.tif")
        with rasterio.open(out) as dataset:
            assert np.count_nonzero(dataset.read(1) == 255) == sum(move.count for move in change.found.moves[253:])


def test_the_command_writes_all_three(
    maps: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = [tmp_path / name for name in ("change.tif", "moves.csv", "flow.svg")]
    flags = ["-o", str(out[0]), "--table", str(out[1]), "--flow", str(out[2])]
    assert main(["change", *map(str, maps), *flags]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["changed"] == {"pixels": 3, "area_ha": 0.03}
    assert said["transitions"][0] == {"from": "Forest", "to": "Bare", "pixels": 2, "area_ha": 0.02}
    assert all(path.exists() for path in out)
    assert main(["change", *map(str, maps), "--table", str(tmp_path / "moves.XLSX")]) == 0
    capsys.readouterr()
    assert "Pairs" in openpyxl.load_workbook(tmp_path / "moves.XLSX").sheetnames
    assert main(["change", *map(str, maps), "-o", str(maps[0])]) == 2
    assert "before.tif" in capsys.readouterr().err
