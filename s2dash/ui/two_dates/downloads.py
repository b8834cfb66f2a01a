"""The files of what changed between two dates, as buttons."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import streamlit as st

from s2dash.batch.change import Change, csv_text, flow_svg, write_change_map, write_excel
from s2dash.export.contents import file_stem
from s2dash.export.table import csv_bytes


@dataclass(frozen=True)
class ChangeFile:
    """One kind of file."""

    label: str
    ending: str
    mime: str
    make: Callable[[Change], bytes]
    help: str


def change_map_bytes(change: Change) -> bytes:
    """The change map as a GeoTIFF; raises what `write_change_map` raises."""
    with tempfile.TemporaryDirectory(prefix="s2dash-") as folder:
        path = Path(folder) / "change.tif"
        write_change_map(change, path)
        return path.read_bytes()


def _excel_bytes(change: Change) -> bytes:
    with tempfile.TemporaryDirectory(prefix="s2dash-") as folder:
        path = Path(folder) / "transitions.xlsx"
        write_excel(change, path)
        return path.read_bytes()


CHANGE_MAP = ChangeFile(
    "Change map (GeoTIFF)",
    "-change.tif",
    "image/tiff",
    change_map_bytes,
    "For a GIS: 0 no data, 1 no change, then a value for each pair of classes, named in the file.",
)
_FILES = (
    CHANGE_MAP,
    ChangeFile(
        "Transitions (CSV)",
        "-transitions.csv",
        "text/csv",
        lambda change: csv_bytes(csv_text(change)),
        "Pixels and hectares of each pair of classes, and of what is no data on either date.",
    ),
    ChangeFile(
        "Transitions (Excel)",
        "-transitions.xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _excel_bytes,
        "Classes of both dates as rows and columns, in hectares and in pixels, and the list of pairs.",
    ),
    ChangeFile(
        "Flow picture (SVG)",
        "-flow.svg",
        "image/svg+xml",
        lambda change: flow_svg(change).encode(),
        "How much of each class became which, as a picture for a report.",
    ),
)


def change_downloads(change: Change, place: str = "") -> None:
    """The buttons, side by side; `place` tells their keys from those of others on the page."""
    stem = change_stem(change)
    with st.container(horizontal=True, gap="small"):
        for one in _FILES:
            st.download_button(
                one.label,
                partial(one.make, change),
                stem + one.ending,
                one.mime,
                key=f"{place}{one.label}",
                on_click="ignore",
                icon=":material/download:",
                help=one.help,
            )


def change_stem(change: Change) -> str:
    """What names of the files begin with."""
    return file_stem(f"{change.before.name} to {change.after.name}")
