"""The fold by which places of a check leave the page as files, and come back with what was answered elsewhere."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from s2dash import ingest
from s2dash.classify.accuracy.sampling import labels_at
from s2dash.core.accuracy import Check
from s2dash.core.classmap import Result
from s2dash.errors import S2DashError, UnreadableFile
from s2dash.export.check_points import write_check_csv, write_check_package
from s2dash.export.contents import file_stem
from s2dash.export.table import text_cell
from s2dash.server.folders import ScratchFolder
from s2dash.ui import text
from s2dash.ui.check import actions
from s2dash.ui.messages import words_for
from s2dash.ui.runs.values import KeptMap
from s2dash.ui.state import check as held
from s2dash.ui.uploads import spooled

_MOST_MB = 20
"""Of a file: one of so many places has a twentieth."""
MOST_BROUGHT = 2_000
"""Places of a file: the page draws a mark for each."""


def points_file(one: KeptMap, check: Check | None, shown: Result) -> None:
    """Draw the fold; without a check there is only the way in."""
    with st.expander("Check points as a file", type="compact"):
        if check is not None:
            _downloads(check, file_stem(shown.scene.title))
        given = st.file_uploader(
            "Bring in check points",
            ["gpkg", "csv"],
            max_upload_size=_MOST_MB,
            key=held.CHECK_UPLOADER.key,
            help="A file that was saved here, in which answers may have been filled in meanwhile, in a GIS or a table. "
            "It takes the place of the answers of this map, which can be brought back.",
        )
        if words := held.CHECK_BROUGHT.get():
            st.markdown(words)
    if given is not None:
        _take(one, shown, given)
        st.rerun()


def _downloads(check: Check, stem: str) -> None:
    st.caption("Look at the places in a GIS or on the ground, and type what is there into the column answer.")
    with st.container(horizontal=True, gap="small", key="checkfiles"):
        for label, suffix, mime, write, words in (
            ("GeoPackage", ".gpkg", "application/geopackage+sqlite3", write_check_package, "Points for any GIS."),
            ("CSV", ".csv", "text/csv", write_check_csv, "A table for a spreadsheet, one row a place."),
        ):
            st.download_button(
                label,
                partial(_content, write, check, suffix),
                f"{stem}-check-points{suffix}",
                mime,
                key=f"check points {suffix}",
                on_click="ignore",
                icon=":material/download:",
                help=f"{words} With the answers so far, and how the places were drawn.",
            )


def _content(write: Callable[[Check, Path], None], check: Check, suffix: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="s2dash-") as folder:
        path = Path(folder) / f"points{suffix}"
        write(check, path)
        return path.read_bytes()


def _take(one: KeptMap, shown: Result, given: Any) -> None:
    folder = ScratchFolder("s2dash-check-")
    try:
        brought = spooled([given])
        try:
            (path,), (name,) = brought.paths, brought.names
            cell = text_cell if path.suffix.lower() == ".csv" or name.lower().endswith(".csv") else str
            with st.spinner("Reading the check points …"):
                found = ingest.read_check(path, folder.path / "read", name, cell)
        finally:
            brought.drop()
        _require_fitting(found, shown, name)
    except S2DashError as error:
        held.CHECK_BROUGHT.set(words_for(error))
    else:
        actions.replace_check(one, found)
        held.CHECK_BROUGHT.set(
            f":material/check: **{found.answered_count} answers at {len(found.places)} places**, {text.plain(name)}."
        )
    finally:
        folder.remove()
    held.CHECK_UPLOADER.empty()


def _require_fitting(check: Check, shown: Result, name: str) -> None:
    """Raise UnreadableFile where a check is none of this map, or more than the page can show."""
    if not check.places or not labels_at(shown.classmap, check.places).any():
        raise UnreadableFile(f"No place of {name} lies on this map. Open the scene that they were drawn from.")
    if len(check.places) > MOST_BROUGHT:
        raise UnreadableFile(
            f"{name} has {len(check.places):,} places; the page takes {MOST_BROUGHT:,}. The command `s2dash check` "
            "takes more."
        )
