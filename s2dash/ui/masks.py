"""The sidebar's choices of what is left out: no data, saturation, clouds and the like, what lies outside an area."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from s2dash import ingest
from s2dash.core import sentinel2
from s2dash.core.scene import AREA, Masking, Scene, masked_shares
from s2dash.ui import services, text
from s2dash.ui.uploads import Loaded, bring, follow, forget, read_area

READING_AREA = "reading an area"
_AREA_ENDINGS = [
    *("geojson", "json", "geojsonl", "gpkg", "zip", "shp", "shx", "dbf", "prj", "cpg", "kml", "kmz", "fgb"),
    *("tif", "tiff", "jp2"),
]
_EVERYTHING = Masking(True, True, tuple(sentinel2.SCL_CLASSES))
_SORTED_BY = "Level-2A sorts pixels by itself. Leave out:"
_SORTED_BY_BITS = "The picture's quality band tells these apart. Leave out:"


def choose_masks(loaded: Loaded) -> dict[str, Any]:
    """Draw the choices, each with the share it hides; returns the mask fields of a recipe."""
    scene = loaded.scene
    shares = _shares(scene.digest, scene)
    masked = st.toggle(
        _with_share("Leave out pixels without data", shares.get("no data")),
        value=True,
        key="mask",
        help="What the file marks as no data, and numbers that fill it where nothing was measured, such as zero in "
        "every band. "
        "Off: every pixel counts, of the area where you gave one, and the other choices below do not.",
    )
    saturated = False
    if scene.saturated is not None:
        saturated = st.toggle(
            _with_share("Leave out saturated pixels", shares.get("saturated")),
            value=True,
            key="mask saturated",
            disabled=not masked,
            help="So bright in a chosen band that the sensor could not measure it.",
        )
    codes = _choose_classes(scene, shares, masked) if scene.has_scl else ()
    _choose_area(loaded, shares)
    return {"mask": "auto" if masked else "none", "mask_saturated": saturated, "mask_scl": codes}


@st.cache_data(max_entries=64, show_spinner=False)
def _shares(digest: str, _scene: Scene) -> dict[str, float]:
    stack = services.live_engine().stack(_scene)
    return dict(masked_shares(_scene, range(len(_scene.bands)), stack, _EVERYTHING))


def _choose_classes(scene: Scene, shares: dict[str, float], is_on: bool) -> tuple[int, ...]:
    is_by_bits = any(mask.quality is not None for mask in scene.masks)
    st.caption(_SORTED_BY_BITS if is_by_bits else _SORTED_BY)
    with st.container(gap=None):
        return tuple(
            code
            for code, name in scene.mask_classes.items()
            if st.checkbox(
                _with_share(name[0].upper() + name[1:], shares.get(name)),
                value=code in sentinel2.SCL_MASKED,
                key=f"scl {code}",
                disabled=not is_on,
            )
        )


def _choose_area(loaded: Loaded, shares: dict[str, float]) -> None:
    state = st.session_state
    has_area = any(mask.kind == AREA for mask in loaded.scene.masks)
    is_wanted = st.toggle(
        "Keep only an area",
        key="use area",
        disabled=has_area,
        help="Groups only the pixels inside of polygons, or of a raster, that you give.",
    )
    if has_area:
        st.caption(_with_share("Only the area you gave counts. Outside", shares.get("outside the area")))
        if st.button("Use the whole scene again", icon=":material/crop_free:", width="stretch"):
            state.loaded = replace(state.loaded, scene=ingest.without_area(state.loaded.scene))
            st.rerun()
        return
    if not is_wanted:
        forget(READING_AREA)
        return
    uploads = st.file_uploader(
        "Area to keep",
        type=_AREA_ENDINGS,
        accept_multiple_files=True,
        key=f"area {state.get('area number', 0)}",
        help="Polygons (GeoJSON, GeoPackage, KML, KMZ, FlatGeobuf; a shapefile zipped, or its .shp, .shx, .dbf and "
        ".prj chosen together), or a raster that is 0 outside. Only pixels whose centre lies inside are grouped.",
    )
    if uploads:
        bring(READING_AREA, uploads, partial(read_area, READING_AREA, state.loaded))
        state["area number"] = state.get("area number", 0) + 1
        st.rerun()
    found = follow(READING_AREA)
    if found is not None:
        forget(READING_AREA)
        state.loaded = found
        st.rerun()


def _with_share(words: str, part: float | None) -> str:
    return words if not part else f"{words} · {text.share(part)}"
