"""The fold "Use a reference file" of the panel: known ground is given, and says how right the map is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from s2dash import ingest
from s2dash.classify.accuracy.reference import Way, reference_accuracy
from s2dash.classify.accuracy.sampling import class_names
from s2dash.classify.accuracy.tallied import known_raster
from s2dash.core.accuracy import Accuracy
from s2dash.core.accuracy_words import overall_words
from s2dash.core.classmap import Result
from s2dash.core.grid import decimation_step
from s2dash.core.known_ground import KnownColumn, KnownGround
from s2dash.core.legend import Legend
from s2dash.core.scene import LIVE_PIXELS
from s2dash.errors import S2DashError
from s2dash.export.confusion import confusion_csv_text, confusion_picture
from s2dash.export.table import csv_bytes
from s2dash.server.folders import ScratchFolder
from s2dash.ui import text
from s2dash.ui.check import words
from s2dash.ui.messages import words_for
from s2dash.ui.state import known_ground as held
from s2dash.ui.uploads import spooled

_VECTORS = ["gpkg", "geojson", "json", "zip", "shp", "shx", "dbf", "prj", "kml", "kmz", "fgb"]
_RASTERS = ["tif", "tiff", "jp2", "xml"]
_WAYS: Mapping[str, Way] = {"Most of it": "majority", "One to one": "one to one", "By hand": "by hand"}
_NONE = "none of these"


def reference_file(shown: Result, legend: Legend) -> None:
    """Draw the fold."""
    with st.expander("Use a reference file", type="compact"):
        known = held.KNOWN_GROUND.get()
        if known is not None and known[0].grid == shown.grid:
            _what_it_says(known[0], shown, legend)
            return
        if known is not None:
            st.caption(f"{text.plain(known[0].name)} was read for other pixels. Give it again.")
        _ask_for_it(shown)


def _ask_for_it(shown: Result) -> None:
    uploads = st.file_uploader(
        "Polygons, points or a map whose classes are known",
        type=[*_VECTORS, *_RASTERS],
        accept_multiple_files=True,
        key=held.KNOWN_UPLOADER.key,
        help="GeoPackage, GeoJSON, Shapefile (all its files, or a zip), KML or FlatGeobuf with a column for the class, "
        "or a raster of classes, in any coordinate system. Half of it tells which class is which, the other half "
        "scores the map.",
    )
    if uploads:
        _take(shown, uploads)
        st.rerun()
    if said := held.KNOWN_WORDS.get():
        st.markdown(said)


def _take(shown: Result, uploads: Sequence[Any]) -> None:
    held.KNOWN_WORDS.pop()
    folder = ScratchFolder("s2dash-known-")
    try:
        brought = spooled(uploads)
        try:
            with st.spinner("Reading the reference …"):
                found = ingest.read_known_ground(shown.grid, brought.paths, folder.path / "read", brought.names)
        finally:
            brought.drop()
    except S2DashError as error:
        folder.remove()
        held.KNOWN_WORDS.set(words_for(error))
    else:
        is_vector = isinstance(found, KnownGround)
        step = decimation_step(shown.grid.shape_rc, LIVE_PIXELS)
        ground = found if isinstance(found, KnownGround) else known_raster(found, shown.grid, step)
        if not is_vector:
            folder.remove()
        held.KNOWN_GROUND.set((ground, folder))
    held.KNOWN_UPLOADER.empty()


def _what_it_says(ground: KnownGround, shown: Result, legend: Legend) -> None:
    st.caption(f"The reference is {text.plain(ground.name)}.")
    column, way = _column(ground), _way()
    try:
        by_hand = _by_hand(ground, column, shown, legend) if way == "by hand" else None
        accuracy = _accuracy(ground, column, shown, legend, way, by_hand)
    except S2DashError as error:
        st.markdown(words_for(error))
    else:
        _show(accuracy, legend)
    if st.button("Take this reference away", icon=":material/close:", width="stretch"):
        held.KNOWN_GROUND.pop()
        st.rerun()


def _column(ground: KnownGround) -> KnownColumn:
    names = [column.name for column in ground.columns]
    chosen = held.KNOWN_COLUMN.within(names, names[0])
    if len(names) > 1:
        st.selectbox(
            "Column with the class",
            names,
            key=chosen.shown(ground.digest),
            on_change=chosen.take,
            help="Chosen by its heading and by how often its values come again; take another if the classes are odd.",
        )
    return ground.column(chosen.get())


def _way() -> Way:
    chosen = held.KNOWN_WAY.within(list(_WAYS), next(iter(_WAYS)))
    st.segmented_control(
        "Which class is which",
        list(_WAYS),
        required=True,
        key=chosen.shown(),
        on_change=chosen.take,
        help="Most of it: each class of the map is what most of its pixels are in the reference. One to one: no two "
        "classes are the same (the Hungarian method). Both are learnt from one half of the reference, and the other "
        "half scores. By hand: you say it, and all of the reference scores.",
    )
    return _WAYS[chosen.get()]


def _by_hand(ground: KnownGround, column: KnownColumn, shown: Result, legend: Legend) -> dict[str, str]:
    """What the user says of each class; what most of it is, until then."""
    learnt = _accuracy(ground, column, shown, legend, "majority", None).mapping
    options = [_NONE, *column.classes]
    meant = {}
    for name in dict.fromkeys(class_names(legend).values()):
        control = held.known_pair(name).within(options, learnt.get(name, _NONE))
        st.selectbox(
            f"“{text.plain(name)}” is",
            options,
            key=control.shown(*options),
            on_change=control.take,
            help="The class of the reference that this class of the map stands for.",
        )
        meant[name] = control.get()
    return {name: known for name, known in meant.items() if known != _NONE}


def _accuracy(
    ground: KnownGround,
    column: KnownColumn,
    shown: Result,
    legend: Legend,
    way: Way,
    by_hand: Mapping[str, str] | None,
) -> Accuracy:
    names = tuple(class_names(legend).items())
    said = None if by_hand is None else tuple(by_hand.items())
    key = (ground.digest, column.name, way, said, shown.digest, shown.is_full, names)
    found = held.KNOWN_ACCURACIES.get().get(key)
    if found is not None:
        return found
    with st.spinner("Comparing pixels …"):
        return held.keep_accuracy(key, reference_accuracy(ground, column, shown, legend, way, by_hand))


def _show(accuracy: Accuracy, legend: Legend) -> None:
    st.markdown(text.plain(overall_words(accuracy)))
    for note in accuracy.notes:
        st.caption(text.plain(note))
    if accuracy.mapping and set(accuracy.mapping) != set(accuracy.mapping.values()):
        pairs = ", ".join(f"{name} is {known}" for name, known in accuracy.mapping.items())
        st.caption(text.plain(f"Taken for the same: {pairs}."))
    if not accuracy.is_too_few:
        st.markdown(words.class_table(accuracy))
    st.caption(text.plain(accuracy.design))
    if accuracy.kappa is not None:
        st.caption(text.plain(f"Kappa {accuracy.kappa.value:.2f}. {accuracy.kappa.caveat}"))
    colours = {accuracy.mapping.get(entry.name, entry.name): entry.colour for entry in legend.entries}
    with st.container(horizontal=True, gap="small", key="known matrix"):
        _download("Matrix (PNG)", "confusion-matrix.png", lambda: confusion_picture(accuracy, colours))
        _download("Matrix (CSV)", "confusion-matrix.csv", lambda: csv_bytes(confusion_csv_text(accuracy)))


def _download(label: str, name: str, make: Callable[[], bytes]) -> None:
    st.download_button(
        label,
        make,
        name,
        "image/png" if name.endswith(".png") else "text/csv",
        key=f"known {name}",
        on_click="ignore",
        icon=":material/download:",
        help="What the map takes for what: rows as mapped, columns as they are, with the accuracy of each class.",
    )
