"""Where the ground changed, as a cloud-optimised GeoTIFF: no change, and one value for each pair of classes."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil

from s2dash import __version__
from s2dash.batch.change.transitions import Change, paired_strips
from s2dash.classify.compare import Amount, Move, together
from s2dash.core.types import CancelToken, Progress, no_progress
from s2dash.export.contents import STRIP_ROWS, category_names, staged
from s2dash.export.geotiff import COG, Column, attribute_table, sidecar_path
from s2dash.export.overviews import write_overviews
from s2dash.export.vrt import class_vrt
from s2dash.raster.door import make_geotiff
from s2dash.settings import thread_count

NO_CHANGE, OTHER_CHANGE = 1, 255
_FIRST_MOVE = 2
MOST_MOVES = OTHER_CHANGE - _FIRST_MOVE
"""Pairs of classes with a value of their own; the smallest of any others share OTHER_CHANGE."""
_NO_CHANGE_RGB, _OTHER_RGB = (0xC9, 0xD1, 0xCE), (0xD4, 0x26, 0x70)


@dataclass(frozen=True)
class Value:
    """What a value of the change map means, and its colour: that of the new class."""

    number: int
    name: str
    rgb: tuple[int, int, int]


def values(change: Change) -> tuple[Value, ...]:
    """All values that occur: no change, then the moves, the largest first."""
    names = {entry.id: entry.name for entry in change.entries}
    colours = {entry.id: entry.colour for entry in change.entries}
    moves = [
        Value(number, f"{names[move.pair[0]]} to {names[move.pair[1]]}", _rgb(colours[move.pair[1]]))
        for number, move in enumerate(_own(change), _FIRST_MOVE)
    ]
    others = [Value(OTHER_CHANGE, "Other change", _OTHER_RGB)] if len(change.found.moves) > MOST_MOVES else []
    return (Value(NO_CHANGE, "No change", _NO_CHANGE_RGB), *moves, *others)


def value_table(change: Change) -> np.ndarray:
    """The value of each pair of classes, shape (classes + 1, classes + 1), uint8; 0 where either is no data."""
    table = np.full(change.found.table.counts.shape, OTHER_CHANGE, dtype=np.uint8)
    np.fill_diagonal(table, NO_CHANGE)
    for number, move in enumerate(_own(change), _FIRST_MOVE):
        table[move.pair] = number
    table[0, :] = table[:, 0] = 0
    return table


def _own(change: Change) -> tuple[Move, ...]:
    return change.found.moves[:MOST_MOVES]


def write_change_map(
    change: Change, out: Path, progress: Progress = no_progress, cancel: CancelToken | None = None
) -> tuple[Path, ...]:
    """Write the map on the first date's grid and its side-car with names; returns both paths.

    One uint8 band: 0 is no data on either date, 1 no change, then the pairs of classes. Tags VALUE_1 and on have their
    names, S2DASH_BEFORE and S2DASH_AFTER what the dates are called. Each file is whole or not there.

    Raises OutputConflict where it cannot be written, BrokenResult where a map can no longer be read, Cancelled.
    """
    meant = values(change)
    sidecar = sidecar_path(out)
    with rasterio.Env(GDAL_PAM_ENABLED="NO"), staged(sidecar) as words, staged(out) as path:
        words.write_text(sidecar_xml(change), encoding="utf-8")
        source = _write_source(change, meant, path.parent, progress, cancel or CancelToken())
        rasterio.shutil.copy(source, path, **COG, num_threads=thread_count())
    return out, sidecar


def _write_source(
    change: Change, meant: tuple[Value, ...], folder: Path, progress: Progress, cancel: CancelToken
) -> Path:
    """What the COG is copied from: the values, their overviews, and a VRT that puts both together."""
    grid, labels = change.before.grid, folder / "values.tmp"
    with make_geotiff(labels, grid.shape_rc, "uint8", block=STRIP_ROWS) as dataset:

        def strips() -> Iterator[tuple[int, np.ndarray]]:
            for row, strip in _value_strips(change, progress, cancel):
                dataset.write(strip, 1, window=((row, row + len(strip)), (0, strip.shape[1])))
                yield row, strip

        overviews = write_overviews(strips(), grid.shape_rc, folder)
    rgb = {value.number: value.rgb for value in meant}
    colours = [(*rgb[n], 255) if n in rgb else (0, 0, 0, 0) for n in range(max(rgb) + 1)]
    root, band = class_vrt(grid, grid.crs_wkt, _tags(change, meant), colours)
    for kind, path in (("SimpleSource", labels), *(("Overview", path) for path in overviews)):
        part = ET.SubElement(band, kind)
        ET.SubElement(part, "SourceFilename", relativeToVRT="0").text = str(path.absolute())
        ET.SubElement(part, "SourceBand").text = "1"
    source = folder / "source.vrt"
    source.write_text(ET.tostring(root, encoding="unicode") + "\n", encoding="utf-8")
    return source


def _value_strips(change: Change, progress: Progress, cancel: CancelToken) -> Iterator[tuple[int, np.ndarray]]:
    table = value_table(change)
    for row, before, after in paired_strips(change.before, change.after):
        cancel.check()
        yield row, table[before, after]
        progress((row + len(before)) / change.before.grid.height, "Writing the change map")


def _tags(change: Change, meant: tuple[Value, ...]) -> dict[str, str]:
    credits = "; ".join(dict.fromkeys(filter(None, (change.before.attribution, change.after.attribution))))
    return {
        **({"ATTRIBUTION": credits, "TIFFTAG_COPYRIGHT": credits} if credits else {}),
        "TIFFTAG_SOFTWARE": f"s2dash {__version__}",
        "S2DASH_BEFORE": change.before.name,
        "S2DASH_AFTER": change.after.name,
        **{f"VALUE_{value.number}": value.name for value in meant},
    }


def sidecar_xml(change: Change) -> str:
    """GDAL's side-car of the map: what each value is called, and a table with pixels and hectares of each."""
    root = ET.Element("PAMDataset")
    band = ET.SubElement(root, "PAMRasterBand", band="1")
    meant = values(change)
    names = {value.number: value.name for value in meant}
    categories = ET.SubElement(band, "CategoryNames")
    for name in category_names(names):
        ET.SubElement(categories, "Category").text = name
    band.append(attribute_table(_columns(change, meant)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _columns(change: Change, meant: tuple[Value, ...]) -> list[Column]:
    amounts = [_amount(change, value) for value in meant]
    columns = [
        ("Value", "Integer", "MinMax", [str(value.number) for value in meant]),
        ("Class_name", "String", "Name", [value.name for value in meant]),
        *(
            (name, "Integer", name, [str(value.rgb[place]) for value in meant])
            for place, name in enumerate(("Red", "Green", "Blue"))
        ),
        ("Count", "Real", "PixelCount", [str(amount.count) for amount in amounts]),
    ]
    if change.before.grid.has_place:
        columns.append(("Area_ha", "Real", "Generic", [f"{amount.area_ha:.4f}" for amount in amounts]))
    return columns


def _amount(change: Change, value: Value) -> Amount:
    if value.number == NO_CHANGE:
        return change.stayed
    if value.number == OTHER_CHANGE:
        return together(change.found.moves[MOST_MOVES:])
    return change.found.moves[value.number - _FIRST_MOVE]


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue
