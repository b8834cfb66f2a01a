"""What is loaded of the scenes that are chosen: pixel size and bands, how much that is, and the button."""

from __future__ import annotations

import streamlit as st

from s2dash.core import sentinel2
from s2dash.find.estimate import Estimate, estimate
from s2dash.find.items import FoundScene
from s2dash.server.uploads import size_words
from s2dash.settings import INGEST_LIMITS
from s2dash.ui import state, text
from s2dash.ui.find.finding import Finding
from s2dash.ui.find.loading import Wanted, load_scene
from s2dash.ui.state import find as held

_SIZES = (10, 20, 60)


def load_controls(finding: Finding) -> None:
    """Draw them for the scenes that are chosen; a line that says what to do where there are none."""
    chosen = [one for one in finding.scenes or () if one.id in held.FOUND_CHOSEN.get()]
    if not chosen:
        st.caption("Choose a day to load.")
        return
    pixel_m = _choose_pixel_size()
    names = _choose_bands(chosen)
    if not names:
        return
    wanted = Wanted(tuple(chosen), tuple(names), finding.ground, pixel_m, finding.catalogue)
    each = [estimate(scene, wanted.bands, finding.ground.box, pixel_m) for scene in chosen]
    _say(each)
    if st.button("Load", type="primary", key="load found", icon=":material/download:", disabled=not _fits(each)):
        load_scene(state.INCOMING_SCENE, wanted)
        st.rerun()


def _choose_pixel_size() -> int:
    st.segmented_control(
        "Size of a pixel",
        _SIZES,
        key=held.FIND_PIXEL.shown(),
        on_change=held.FIND_PIXEL.take,
        format_func=lambda metres: f"{metres} m",
        required=True,
        help="10 m is the finest that Sentinel-2 sees. Larger pixels are averages: loaded faster, with less detail.",
    )
    return held.FIND_PIXEL.get()


def _choose_bands(chosen: list[FoundScene]) -> list[str]:
    """In the order of their wavelengths."""
    offered = [name for name in sentinel2.BANDS if all(_has(scene, name) for scene in chosen)]
    control = held.found_bands(offered)
    st.multiselect(
        "Bands to load",
        offered,
        key=control.shown(*offered),
        on_change=control.take,
        format_func=sentinel2.describe_band,
        placeholder="Choose at least one band",
        wrap=False,
        help="Which colours of light to load. More bands tell more kinds of ground apart, and take longer to load. The "
        "scene classification comes with them, so that clouds can be left out.",
    )
    return [name for name in offered if name in control.get()]


def _say(each: list[Estimate]) -> None:
    if not all(one.pixels for one in each):
        st.markdown(":material/info: A chosen scene does not show this ground. Choose another.")
        return
    rows, columns = each[0].shape_rc
    size = f"{text.number(columns)} × {text.number(rows)} pixels"
    st.caption(f"About {size_words(sum(one.fetched_bytes for one in each))} to fetch · {size}")


def _fits(each: list[Estimate]) -> bool:
    return all(0 < one.pixels <= INGEST_LIMITS.most_pixels for one in each)


def _has(scene: FoundScene, name: str) -> bool:
    return any(band.name == name for band in scene.bands)
