"""The window `Hand over`: what is said of the map, a card for each thing people do with it, a link, and all in one.

What needs all pixels of a large scene offers to make them first, and then itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from s2dash.classify.learnt_numbers import learnt_numbers
from s2dash.core.accuracy import Accuracy
from s2dash.core.classmap import Result
from s2dash.core.legend import Legend
from s2dash.core.sureness import Sureness
from s2dash.errors import BrokenResult
from s2dash.export import EXPORTS, Export, Handover, bundle, export_bytes
from s2dash.export.cards import CARDS
from s2dash.export.contents import Card, file_stem
from s2dash.server.jobs import FullJob, Job
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import state, text
from s2dash.ui.check.scores import accuracy_of
from s2dash.ui.full_run import LOOK_SECONDS, cancel, running, running_words, start, usual_seconds
from s2dash.ui.hand_over import sureness
from s2dash.ui.hand_over.fields import about_fields, hold_downloads
from s2dash.ui.hand_over.previews import previews
from s2dash.ui.lent_picture import lender_now
from s2dash.ui.packs.making import pack_row
from s2dash.ui.share import share_link
from s2dash.ui.state.about import OUTLINE_LEAST, OUTLINE_SMOOTH, outline_choice
from s2dash.ui.two_dates.downloads import CHANGE_MAP, change_stem
from s2dash.ui.two_dates.told import told_change
from s2dash.ui.two_dates.values import TwoDates

_BEING_MADE = "It is being made. The button works as soon as it is there."
_SURE_WORDS = ("How sure (GeoTIFF)", "How sure")
_SURE_HELP = (
    "How clearly each pixel belongs to its class, 0 to 100, for a GIS: a second file beside the map. Once it is there, "
    "the bundle has it too, and the outlines their confidence."
)
_LACKS: Mapping[Card, str] = {
    "gis": "Press “How sure” first, and the bundle has it too.",
    "outlines": "Without confidence, until “How sure” is there, on the card of the GIS map.",
}
"""What is said on a card of a full map of which nobody has asked how sure it is."""
_NO_PLACE = "This file has no place, which a GIS needs. Bring one with coordinates."
_LEAST_HA = (0.0, 0.1, 0.5, 1.0, 5.0)
_FIRST = "picture"
"""Key of the one that most people want."""


@dataclass(frozen=True, eq=False)
class _Window:
    """What all cards of it are drawn from."""

    answer: LiveAnswer
    handover: Handover
    job: FullJob | None
    """That makes the full map now."""
    asked: Job[Sureness] | None
    """That works out how sure all its pixels are."""
    dates: TwoDates | None
    """Two dates that are compared meanwhile."""


def hand_over_button() -> None:
    """The button that opens the window."""
    st.button(
        "Hand over",
        type="primary",
        icon=":material/ios_share:",
        key="handover",
        on_click=state.WINDOW.set,
        args=("hand over",),
        help="Save the map as a picture, for a GIS, as a table, or to make it again.",
    )


@st.dialog("Hand over", width="large", on_dismiss=state.close_window)
def hand_over(
    answer: LiveAnswer, result: Result, legend: Legend, trouble: str | None, dates: TwoDates | None = None
) -> None:
    """The window.

    Parameters
    ----------
    trouble : why the full map that was asked for could not be made
    dates : two dates that are compared meanwhile
    """
    sureness.go_on(answer)
    trouble = trouble or sureness.trouble_once(answer)
    alone = state.shown_alone(result.recipe)
    alone = alone if any(row.id == alone for row in result.rows) else None
    handover = Handover(
        result,
        legend,
        state.about(),
        outline_choice(),
        alone,
        learnt=learnt_numbers(answer.fitted),
        accuracy=_accuracy(result, legend),
        change=None if dates is None else told_change(dates),
        sureness=sureness.sureness_of(answer, result),
        spreads=answer.spreads,
        lender=lender_now(),
    )
    window = _Window(answer, handover, running(answer), sureness.being_asked(answer), dates)
    with st.container(key="handing"):
        with st.container(key="about", gap="small"):
            about_fields(bool(result.scene.attribution))
        with st.container(key="given", gap="small"):
            _say_of_full(window, trouble)
            _cards(window)
        pack_row(answer, handover, window.job is not None, _effort(answer))
        with st.container(key="handfoot", horizontal=True, vertical_alignment="center"):
            with st.container(key="sharing"):
                share_link(answer)
            _buttons(window, _offered(window, "all"))
    hold_downloads()


def _accuracy(result: Result, legend: Legend) -> Accuracy | None:
    """None too where labels cannot be read, which each file says by itself."""
    try:
        return accuracy_of(result, legend)
    except BrokenResult:
        return None


def _say_of_full(window: _Window, trouble: str | None) -> None:
    job = window.job or window.asked
    if job is not None:
        with st.container(key="makingfull"):
            st.fragment(_being_made, run_every=LOOK_SECONDS)(job)
    elif trouble:
        st.markdown(trouble)


def _cards(window: _Window) -> None:
    """A card for all that there is any file of."""
    seen = previews(window.answer.result, window.handover)
    with st.container(key="cards"):
        for card, words in CARDS.items():
            exports = _offered(window, card)
            if not exports:
                continue
            with st.container(key=f"card {card}", gap=None):
                if card in seen:
                    st.html(seen[card])
                st.markdown(f"##### {words.title}", anchors=False)
                st.caption(words.good_for)
                _say_why_not(window, exports)
                _say_how_sure(window, card)
                if card == "outlines":
                    _outline_choices(window)
                with st.container(key=f"files {card}", horizontal=True, gap="small"):
                    _buttons(window, exports)
                    if card == "gis":
                        _sureness(window)
                        _change_map(window)


def _outline_choices(window: _Window) -> None:
    has_place = window.handover.result.scene.grid.has_place
    with st.container(key="outlinechoices", horizontal=True, gap="small", vertical_alignment="center"):
        st.selectbox(
            "Least patch",
            dict.fromkeys((*_LEAST_HA, OUTLINE_LEAST.get())),
            format_func=lambda least: f"From {least:g} ha" if least else "Every patch",
            key=OUTLINE_LEAST.shown(),
            on_change=OUTLINE_LEAST.take,
            disabled=not has_place,
            label_visibility="collapsed",
            help="Smaller patches go to the neighbour with the longest border.",
        )
        st.checkbox(
            "Smooth",
            key=OUTLINE_SMOOTH.shown(),
            on_change=OUTLINE_SMOOTH.take,
            disabled=not has_place,
            help="Takes the stairs of pixels away. Neighbours keep one border, without gaps; hectares stay as counted.",
        )


def _offered(window: _Window, card: Card) -> list[Export]:
    return [one for one in EXPORTS.values() if one.card == card and one.is_of(window.handover)]


def _say_why_not(window: _Window, exports: Sequence[Export]) -> None:
    """What stands between a card and its files, once for all of them."""
    has_place = window.handover.result.scene.grid.has_place
    if not has_place and all(one.needs_place for one in exports):
        st.markdown(f":material/info: {_NO_PLACE}")
    elif all(_needs_making(window, one) for one in exports) and window.job is None:
        st.markdown(f":material/info: Makes the full map first, {_effort(window.answer)}.")


def _buttons(window: _Window, exports: Sequence[Export]) -> None:
    for export in exports:
        (_make_full if _needs_making(window, export) else _download)(window, export)


def _needs_making(window: _Window, export: Export) -> bool:
    """Whether the full map, which this needs, is not there and can be made."""
    return export.needs_full and not window.handover.result.is_full and _why_not(window, export) is None


def _why_not(window: _Window, export: Export) -> str | None:
    """Why this cannot be had of the scene."""
    return _NO_PLACE if export.needs_place and not window.handover.result.scene.grid.has_place else None


def _download(window: _Window, export: Export) -> None:
    reason, handover = _why_not(window, export), window.handover

    def make() -> bytes:
        return export_bytes(export.key, handover)

    _download_button(
        export.key, export.label, export.short, export.file_name(handover), export.mime, make, export.help, reason
    )


def _download_button(
    key: str,
    label: str,
    short: str,
    file_name: str,
    mime: str,
    make: Callable[[], bytes],
    help_words: str,
    reason: str | None,
) -> None:
    st.download_button(
        shown_label(label, short),
        b"" if reason else make,
        file_name,
        mime,
        key=f"download {key}",
        on_click="ignore",
        type="primary" if key == _FIRST else "secondary",
        icon=":material/download:",
        width="stretch",
        disabled=reason is not None,
        help=reason or help_words,
    )


def _make_full(window: _Window, export: Export) -> None:
    """The button of what needs the full map: it makes that, and is then the download."""
    pressed = st.button(
        shown_label(export.label, export.short),
        key=f"make full for {export.key}",
        icon=":material/download:",
        width="stretch",
        disabled=window.job is not None,
        help=_BEING_MADE
        if window.job
        else f"Makes the full map first, {_effort(window.answer)}; then press again. {export.help}",
    )
    if pressed:
        start(window.answer)
        st.rerun()


def shown_label(label: str, short: str) -> str:
    """A button's whole name, of which only `short` is seen: what is around it, coloured, the page's rules hide."""
    before, _, after = label.partition(short)
    # A space at the end of what is coloured would be lost, and two words be read as one.
    seen = " " * before.endswith(" ") + short
    return "".join((f":gray[{before.rstrip()}]" if before else "", seen, f":gray[{after}]" if after else ""))


def _effort(answer: LiveAnswer) -> str:
    """How much it is to make the full map: in time where one was made before, else in pixels."""
    seconds = usual_seconds(answer)
    if seconds is None:
        return f"of {text.pixels(answer.result.scene.grid.pixel_count)}"
    return f"about {max(1, round(seconds))} s" if seconds < 59 else text.duration(seconds)


def _being_made(job: FullJob | Job[Sureness]) -> None:
    """How far the full map is, or how sure it is; the page is drawn anew once that is there."""
    if job.is_done:
        st.rerun()
    is_map = isinstance(job, FullJob)
    stays = "the preview stays" if is_map else "the map stays"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.progress(job.share, text=running_words(job) if isinstance(job, FullJob) else sureness.asked_words(job))
        if st.button("Cancel", key="cancel full map", width=84, help=f"Stops at once; {stays}."):
            state.SURENESS_WANTED.pop()
            cancel(job) if isinstance(job, FullJob) else job.cancel()


def _sureness(window: _Window) -> None:
    """The button of the second file; of a large scene it first works that out, and the full map before it."""
    found = window.handover.sureness
    if found is None:
        _ask_how_sure(window)
        return

    def make() -> bytes:
        with tempfile.TemporaryDirectory(prefix="s2dash-") as folder:
            path = Path(folder) / "sureness.tif"
            found.write(path)
            return path.read_bytes()

    name = f"{file_stem(window.handover.title)}{bundle.SURENESS_SUFFIX}"
    _download_button("sureness", *_SURE_WORDS, name, "image/tiff", make, _SURE_HELP, None)


def _ask_how_sure(window: _Window) -> None:
    is_busy = window.job is not None or window.asked is not None
    first = "how sure it is" if window.handover.result.is_full else "the full map and how sure it is"
    if st.button(
        shown_label(*_SURE_WORDS),
        key="make how sure",
        icon=":material/download:",
        width="stretch",
        disabled=is_busy,
        help=_BEING_MADE if is_busy else f"Works out {first} first; then press again. {_SURE_HELP}",
    ):
        sureness.ask(window.answer)
        st.rerun()


def _say_how_sure(window: _Window, card: Card) -> None:
    """What a card's files lack until somebody asks for it."""
    result, lacks = window.handover.result, _LACKS.get(card)
    if lacks and result.is_full and window.handover.sureness is None and window.asked is None:
        st.markdown(f":material/info: {lacks}")


def _change_map(window: _Window) -> None:
    dates = window.dates
    if dates is None:
        return
    one, change = CHANGE_MAP, dates.change
    name = f"{change_stem(change)}{one.ending}"
    reason = None if change.before.grid.has_place else _NO_PLACE
    _download_button("change map", one.label, "Change", name, one.mime, lambda: one.make(change), one.help, reason)
