"""The row of `Hand over` that puts everything into one zip: a button, how far it is, and then the way to the file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import streamlit as st

from s2dash import __version__
from s2dash.classify.packing import packed_scene, write_whole_pack
from s2dash.core.pack import Manifest
from s2dash.core.run import PLAIN_VIEW
from s2dash.core.run_list import ListedRun
from s2dash.core.types import CancelToken, Progress
from s2dash.errors import Cancelled
from s2dash.export import Handover
from s2dash.export.pack import Pack, pack_name
from s2dash.server.jobs import Job
from s2dash.server.live_engine import LiveAnswer
from s2dash.server.packs import MadePack
from s2dash.server.routes.packs import pack_url
from s2dash.server.uploads import size_words
from s2dash.settings import PACK_LIMITS
from s2dash.ui import services, state, text
from s2dash.ui.check.scores import check_for, map_of_result
from s2dash.ui.full_run import LOOK_SECONDS, full_key, start
from s2dash.ui.link import example_of
from s2dash.ui.messages import words_for
from s2dash.ui.runs import keeping
from s2dash.ui.runs.values import KeptMap
from s2dash.ui.session import page_is_open
from s2dash.ui.state import packs as held

_HERE = Path(__file__).parent
_link = st.components.v2.component(
    "s2dash_pack",
    html='<a download><svg viewBox="0 0 18 18" width="16" height="16" fill="none" stroke="currentColor" '
    'stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">'
    '<path d="M9 2v9M5 7.5 9 11.5l4-4M3 15h12"/></svg><span></span></a>',
    css=(_HERE / "pack_link.css").read_text("utf-8"),
    js=(_HERE / "pack_link.js").read_text("utf-8"),
)
LABEL = "Everything (zip)"
_WHAT = "**Everything in one zip:** all files above, in folders, with checksums. Opened here again, the map comes back."
_HELP = "Pictures, report, tables, map, outlines, recipe, how sure each pixel is, and the check where there is one."
_MOST_FILES = 200
_MOST_MAPS = 50
"""Of a scene; the newest."""


def pack_row(answer: LiveAnswer, handover: Handover, is_making_full: bool, effort: str) -> None:
    """Draw it.

    Parameters
    ----------
    is_making_full : whether the full map, which a pack is of, is just being made
    effort : how much that is
    """
    shown = map_of_result(handover.result)
    if shown is None:
        return
    with st.container(key="packing", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(_WHAT, width="stretch")
        if handover.result.is_full:
            _made(answer, handover, shown)
        else:
            _make_full(answer, is_making_full, effort)


def _make_full(answer: LiveAnswer, is_making_full: bool, effort: str) -> None:
    words = f"Makes the full map first, {effort}; then press again. {_HELP}"
    if _button("make full for pack", is_making_full, words):
        start(answer)
        st.rerun()


def _button(key: str, disabled: bool, words: str) -> bool:
    return st.button(LABEL, key=key, icon=":material/folder_zip:", disabled=disabled, help=words)


def _made(answer: LiveAnswer, handover: Handover, shown: KeptMap) -> None:
    """The pack of what the window shows: to be made, in the making, or ready."""
    offered = _picture_files()
    if offered:
        _offer_picture(offered)
    within = offered if held.PACK_PICTURE.get() else ()
    manifest = _manifest(handover, shown, within)
    key = _key(manifest, handover)
    _take_made(key)
    job, made, trouble = held.PACK_JOB.get(), held.PACK_MADE.get(), held.PACK_TROUBLE.get()
    if job is not None and job[0] == key:
        st.fragment(_line, run_every=LOOK_SECONDS)(job[1])
    elif made is not None and made[0] == key:
        _ready(made[1])
    else:
        if trouble is not None and trouble[0] == key:
            st.markdown(trouble[1])
        if _button("make pack", False, _HELP):
            _begin(key, answer, Pack(handover, manifest, check_for(shown), tuple(path for path, _ in within)))
            st.rerun()


def _picture_files() -> tuple[tuple[Path, str], ...]:
    """The picture's own files, each with what it was called, where they are still at hand and not too large."""
    brought = state.loaded().brought
    if brought is None or not all(path.is_file() for path in brought.paths):
        return ()
    pairs = tuple(zip(brought.paths, brought.names, strict=True))
    return pairs if _size(pairs) <= PACK_LIMITS.most_scene_bytes and len(pairs) <= _MOST_FILES else ()


def _size(files: Sequence[tuple[Path, str]]) -> int:
    return sum(path.stat().st_size for path, _ in files)


def _offer_picture(files: Sequence[tuple[Path, str]]) -> None:
    st.checkbox(
        f"With the picture ({size_words(_size(files))})",
        key=held.PACK_PICTURE.shown(),
        on_change=held.PACK_PICTURE.take,
        help="The file that you brought goes in too, so that the map comes back from the pack alone. "
        "Otherwise whoever opens it is asked for the file.",
    )


def _manifest(handover: Handover, shown: KeptMap, within: Sequence[tuple[Path, str]]) -> Manifest:
    """What brings back all maps of the scene as it is read, and the view of the one that is shown."""
    maps = [one for one in state.MAPS.get() if one.scene_key == shown.scene_key and one.number != shown.number]
    listed = [*map(keeping.listed, maps[1 - _MOST_MAPS :]), _as_seen(keeping.listed(shown))]
    reading = shown.run.reading
    areas = [area.name for area in reading.area if not area.drawn]
    example = example_of(state.loaded()) if all(area.drawn for area in reading.area) else ""
    return Manifest(
        runs=tuple(sorted(listed, key=lambda one: one.number)),
        shown=shown.number,
        about=handover.about,
        scene=packed_scene(handover.result.scene, [*shown.files, *areas], example, within),
        made_with=f"s2dash {__version__}",
    )


def _as_seen(listed: ListedRun) -> ListedRun:
    """With where the map looks."""
    position = state.tracked_map().position
    if position is None:
        return listed
    return replace(listed, run=replace(listed.run, view=position.in_view(listed.run.view)))


def _key(manifest: Manifest, handover: Handover) -> str:
    """Another where anything of the pack that its user has made would be another.

    What arrives by itself, such as scores or where the map looks, makes no other pack of one that is being made.
    """
    runs = tuple(
        replace(one, separation=None, thumbnail="", run=replace(one.run, view=PLAIN_VIEW, scores=None))
        for one in manifest.runs
    )
    told = f"{replace(manifest, runs=runs).to_json()} {handover.outlines} {handover.alone} {handover.result.digest}"
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()


def _begin(key: str, answer: LiveAnswer, pack: Pack) -> None:
    name = pack_name(pack.handover)
    # Whoever holds these keeps the files of labels and pixels.
    needed = (state.full_runs().get(full_key(answer.fitted)), state.loaded())
    job = Job(partial(_work, pack, answer, name, needed), "s2dash-pack-")
    _stop()
    held.PACK_MADE.pop()
    held.PACK_TROUBLE.pop()
    held.PACK_JOB.set((key, job.start(page_is_open())))


def _work(
    pack: Pack, answer: LiveAnswer, name: str, needed: object, folder: Path, progress: Progress, cancel: CancelToken
) -> MadePack:
    left_out = write_whole_pack(pack, answer.fitted, answer.sureness.limits, folder / name, progress, cancel)
    return MadePack(folder / name, name, left_out)


def _stop() -> None:
    job = held.PACK_JOB.pop()
    if job is not None:
        job[1].cancel()


def _take_made(key: str) -> None:
    """Where the job has ended, have its pack offered, or say why there is none; one of something else is stopped."""
    found = held.PACK_JOB.get()
    if found is None:
        return
    of, job = found
    if of != key:
        _stop()
    elif job.is_done:
        held.PACK_JOB.pop()
        if job.error is None:
            held.PACK_MADE.set((key, services.made_packs().offer(replace(job.result(), held=job.folder))))
        elif not isinstance(job.error, Cancelled):
            held.PACK_TROUBLE.set((key, words_for(job.error)))


def _line(job: Job[MadePack]) -> None:
    """How far the pack is; the window is drawn anew once it is there."""
    if job.is_done:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content", key="packingline"):
        st.progress(job.share, text=f"{job.what or 'Packing'} …", width=220)
        if st.button("Cancel", key="cancel pack", width=84, help="Stops at once; nothing is kept of it."):
            _stop()
            st.rerun()


def _ready(made: MadePack) -> None:
    if made.left_out:
        st.caption(f":material/info: Left out: {text.plain('; '.join(made.left_out))}")
    _link(
        data={
            "url": pack_url(made.token, str(st.get_option("server.baseUrlPath"))),
            "name": made.file_name,
            "label": f"Download the pack · {size_words(made.size_bytes)}",
        },
        key="pack link",
        width=250,
    )
