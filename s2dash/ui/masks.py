"""The sidebar's choices of what is left out: no data, saturation, clouds and the like, what lies outside an area."""

from __future__ import annotations

from functools import partial

import streamlit as st

from s2dash.core import missions, sentinel2
from s2dash.core.scene import AREA, SCL, Masking, Scene, masked_shares
from s2dash.ui import services, state, text
from s2dash.ui.drawn_area import ask_to_draw, list_drawn
from s2dash.ui.guessed_clouds import choose_guess, may_be_guessed
from s2dash.ui.loaded import Loaded
from s2dash.ui.uploads import bring, follow, forget, read_area

_AREA_ENDINGS = [
    *("geojson", "json", "geojsonl", "gpkg", "zip", "shp", "shx", "dbf", "prj", "cpg", "kml", "kmz", "fgb"),
    *("tif", "tiff", "jp2"),
]
_EVERYTHING = Masking(True, True, tuple(sentinel2.SCL_CLASSES))
_SORTED_BY = "Level-2A sorts pixels by itself. Leave out:"
_SORTED_BY_BITS = "The picture's quality band tells these apart. Leave out:"
_SORTED_BY_CLOUD_MASK = "The product's own cloud mask tells these apart. Leave out:"
_SORTED_BY_GUESS = "Clouds are guessed by s2cloudless (Sinergise, CC BY-SA 4.0). Leave out:"
_NO_CLOUD_MASK = (
    "Nothing here says where clouds are, so they become classes. Bring the whole product, or its `MSK_CLASSI_B00.jp2` "
    "(before 2022 `MSK_CLOUDS_B00.gml`, both in `QI_DATA`) together with the bands."
)
_HELP_OF_CLOUDS = {
    9: "Thick cloud, through which no ground is seen. Level-1C's mask misses small clouds and knows no cloud shadows.",
    10: "Thin, high cloud: the ground shows through, but its colours are changed.",
    11: "The mask's snow and ice. It is ground, so it stays unless you tick it.",
}
_HELP_OF_GUESS = (
    "A guess from the colours of each pixel, with 120 m around. Thin cloud and cloud shadows are not found."
)
_CLOUD_MASKS = {missions.CLASSI, missions.CLOUDS, missions.S2CLOUDLESS}


def choose_masks(loaded: Loaded) -> None:
    """Draw the choices, each with the share it hides."""
    scene = loaded.scene
    shares = _shares(scene.digest, scene)
    mask = state.MASK.among({True: "auto", False: "none"})
    masked = st.toggle(
        _with_share("Leave out pixels without data", shares.get("no data")),
        key=mask.shown(),
        on_change=mask.take,
        help="What the file marks as no data, and numbers that fill it where nothing was measured, such as zero in "
        "every band. "
        "Off: every pixel counts, of the area where you gave one, and the other choices below do not.",
    )
    if scene.saturated is not None:
        st.toggle(
            _with_share("Leave out saturated pixels", shares.get("saturated")),
            key=state.MASK_SATURATED.shown(),
            on_change=state.MASK_SATURATED.take,
            disabled=not masked,
            help="So bright in a chosen band that the sensor could not measure it.",
        )
    if not scene.has_scl and scene.level == "Level-1C" and scene.origins:
        st.caption(_NO_CLOUD_MASK)
    if may_be_guessed(loaded):
        choose_guess()
    if scene.has_scl:
        _choose_classes(scene, shares, masked)
    _choose_area(loaded, shares)


@st.cache_data(max_entries=64, show_spinner=False)
def _shares(digest: str, _scene: Scene) -> dict[str, float]:
    stack = services.live_engine().stack(_scene)
    return dict(masked_shares(_scene, range(len(_scene.bands)), stack, _EVERYTHING))


def _choose_classes(scene: Scene, shares: dict[str, float], is_on: bool) -> None:
    kinds = {mask.quality for mask in scene.masks if mask.kind == SCL}
    is_cloud_mask = kinds <= _CLOUD_MASKS
    by_bits = _SORTED_BY_CLOUD_MASK if is_cloud_mask else _SORTED_BY_BITS
    is_guess = kinds == {missions.S2CLOUDLESS}
    st.caption(_SORTED_BY if kinds == {None} else _SORTED_BY_GUESS if is_guess else by_bits)
    with st.container(gap=None):
        for code, name in scene.mask_classes.items():
            is_left_out = state.masks_class(code)
            words, share = name[0].upper() + name[1:], shares.get(name)
            # A mask of two or three kinds says as much by what it did not find.
            is_none = is_cloud_mask and not share
            st.checkbox(
                f"{words} · {text.share(0)}" if is_none else _with_share(words, share),
                key=is_left_out.shown(),
                on_change=is_left_out.take,
                disabled=not is_on,
                help=_HELP_OF_GUESS if is_guess else _HELP_OF_CLOUDS.get(code) if is_cloud_mask else None,
            )


def _choose_area(loaded: Loaded, shares: dict[str, float]) -> None:
    has_area = any(mask.kind == AREA for mask in loaded.scene.masks)
    is_wanted = st.toggle(
        "Keep only an area",
        key=state.USE_AREA,
        disabled=has_area,
        help="Groups only the pixels inside of polygons, or of a raster, that you give or draw.",
    )
    if has_area:
        _offer_area(state.loaded(), shares)
        return
    if not is_wanted:
        forget(state.INCOMING_AREA)
        return
    if loaded.scene.grid.has_place:
        ask_to_draw("Draw it on the map", "Rectangles and polygons, drawn with mouse, finger or keys.")
    uploads = st.file_uploader(
        "Area to keep",
        type=_AREA_ENDINGS,
        accept_multiple_files=True,
        key=state.AREA_UPLOADER.key,
        help="Polygons (GeoJSON, GeoPackage, KML, KMZ, FlatGeobuf; a shapefile zipped, or its .shp, .shx, .dbf and "
        ".prj chosen together), or a raster that is 0 outside. Only pixels whose centre lies inside are grouped.",
    )
    if uploads:
        bring(state.INCOMING_AREA, uploads, partial(read_area, state.INCOMING_AREA, state.loaded()))
        state.AREA_UPLOADER.empty()
        st.rerun()
    found = follow(state.INCOMING_AREA)
    if found is not None:
        forget(state.INCOMING_AREA)
        state.use_area(found)
        st.rerun()


def _offer_area(now: Loaded, shares: dict[str, float]) -> None:
    """What there is to do with the area that counts."""
    whose = "you drew on the map" if now.drawn else "you gave"
    st.caption(_with_share(f"Only the area {whose} counts. Outside", shares.get("outside the area")))
    if now.drawn:
        list_drawn(now.drawn)
    if st.button("Use the whole scene again", icon=":material/crop_free:", width="stretch"):
        state.use_whole_scene()
        st.rerun()


def _with_share(words: str, part: float | None) -> str:
    return words if not part else f"{words} · {text.share(part)}"
