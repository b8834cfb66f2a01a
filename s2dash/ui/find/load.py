"""What is loaded of the scenes that are chosen: pixel size and bands, how much that is, and the button."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from s2dash.core import sentinel2
from s2dash.errors import Cancelled
from s2dash.find.estimate import Estimate, estimate
from s2dash.find.items import SCL, FoundScene
from s2dash.server.jobs import Job
from s2dash.server.uploads import size_words
from s2dash.settings import INGEST_LIMITS
from s2dash.ui import state, text
from s2dash.ui.find.finding import Finding
from s2dash.ui.find.loading import Wanted, files_job, load_composite, load_scene
from s2dash.ui.messages import words_for
from s2dash.ui.state import find as held

_SIZES = (10, 20, 60)
_LOOK_SECONDS = 0.5


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
    if len(chosen) == 1:
        if st.button("Load", type="primary", key="load found", icon=":material/download:", disabled=not _fits(each)):
            load_scene(state.INCOMING_SCENE, wanted)
            st.rerun()
    else:
        _several(wanted, _fits(each))


def _several(wanted: Wanted, fits: bool) -> None:
    """The two ways to go on with several scenes."""
    tiles = sorted({one.tile or "unknown" for one in wanted.scenes})
    can_hide = SCL in wanted.bands
    with st.container(horizontal=True, gap="small", key="findseveral"):
        if st.button(
            "Cloud-free picture of these",
            type="primary",
            key="load composite",
            icon=":material/filter_drama:",
            disabled=not fits or len(tiles) > 1 or not can_hide,
            help="One picture of all days: of each pixel the median of what no cloud or shadow hides. "
            + ("Takes days of one tile." if len(tiles) > 1 else "What every day hides stays empty."),
        ):
            load_composite(state.INCOMING_SCENE, wanted)
            st.rerun()
        if st.button(
            "Many scenes of these",
            key="load several",
            icon=":material/stacks:",
            disabled=not fits,
            help="Loads each day as a scene, to classify them together so that a class means the same in all.",
        ):
            forget_files()
            held.FOUND_FILES_JOB.set(files_job(wanted))
            st.rerun()
    if len(tiles) > 1:
        st.caption(
            f"They are of the tiles {text.plain(', '.join(tiles))}; a cloud-free picture takes days of one tile."
        )


def follow_files() -> None:
    """Show how far the loading of several scenes is; once they are there, they go to the window `Many scenes`."""
    job = held.FOUND_FILES_JOB.get()
    if job is not None and not job.is_done:
        st.fragment(_line, run_every=_LOOK_SECONDS)(job)
    elif job is not None:
        held.FOUND_FILES_JOB.pop()
        if job.error is None:
            state.BATCH_FOUND.set(job)
            state.WINDOW.set("many scenes")
            st.rerun()
        if not isinstance(job.error, Cancelled):
            held.FOUND_FILES_WORDS.set(words_for(job.error))
    if words := held.FOUND_FILES_WORDS.get():
        st.markdown(words)


def _line(job: Job[tuple[Path, ...]]) -> None:
    if job.is_done:
        st.rerun()
    st.progress(job.share, text=f"{job.what or 'Loading'} …{text.time_left(job.seconds_left)}")
    if st.button("Cancel", key="cancel several", help="Stops loading; nothing is kept."):
        forget_files()
        st.rerun()


def forget_files() -> None:
    """Stop loading several scenes, and take back what was said of it."""
    job = held.FOUND_FILES_JOB.pop()
    if job is not None:
        job.cancel()
    held.FOUND_FILES_WORDS.pop()


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
