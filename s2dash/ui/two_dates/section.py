"""What stands beneath the table of many scenes once they are classified: two dates side by side, and what changed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from s2dash.batch import Report
from s2dash.batch.change import Change, flow_svg, flow_words
from s2dash.batch.manifest import Finished
from s2dash.core.sight import ink_on
from s2dash.server.jobs import Job
from s2dash.ui import state, text
from s2dash.ui.charts.series import SeriesPoint, series_alt, series_chart
from s2dash.ui.look import is_dark
from s2dash.ui.messages import words_for
from s2dash.ui.scenes_batch import Batch
from s2dash.ui.two_dates.downloads import change_downloads
from s2dash.ui.two_dates.pictures import change_picture, classes_picture, ground_picture
from s2dash.ui.two_dates.swipe import Side, swipe
from s2dash.ui.two_dates.words import figures_of, lead_words, missing_words, named

_LOOK_SECONDS = 0.5
_MOST_MOVES = 5


def two_dates(batch: Batch, report: Report) -> None:
    """Draw it; nothing where fewer than two scenes are finished."""
    finished = sorted(report.finished, key=lambda one: (one.date or "9999", one.name))
    if len(finished) < 2:
        return
    st.markdown("#### What changed", anchors=False)
    called = named(finished)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        before = _choice("From", state.DATE_BEFORE, finished, 0, called)
        after = _choice("To", state.DATE_AFTER, finished, len(finished) - 1, called)
        view = st.segmented_control(
            "Look at",
            state.DATES_VIEWS,
            required=True,
            default=state.DATES_VIEWS[0],
            key=state.DATES_VIEW,
            help="Classes and pictures lie upon each other with a line to drag; Change is grey where nothing changed, "
            "elsewhere it has the colour of the new class.",
        )
    if before.name == after.name:
        st.caption("Choose two different scenes.")
    else:
        _pair(batch, (before, after), (called[before.name], called[after.name]), view)
    _series(finished, called)


def _choice(label: str, key: str, finished: Sequence[Finished], first: int, called: dict[str, str]) -> Finished:
    by_name = {one.name: one for one in finished}
    name = st.selectbox(
        label,
        list(by_name),
        first,
        key=key,
        format_func=lambda name: called.get(name, name),
        help="Scenes are in the order of their dates, as far as files say them.",
    )
    return by_name[name]


def _pair(batch: Batch, pair: tuple[Finished, Finished], called: tuple[str, str], view: str) -> None:
    job = batch.change(*pair)
    if not job.is_done:
        st.fragment(_comparing, run_every=_LOOK_SECONDS)(job)
        return
    if job.error is not None:
        st.markdown(words_for(job.error))
        return
    change = job.result()
    with st.container(horizontal=True, gap="medium", key="twodates"):
        with st.container(key="twodatespicture"):
            _picture(batch, pair, change, called, view)
        with st.container(key="twodateswords"):
            st.html(_words(change))
    with st.container(key="twodatesflow"):
        st.image(_flow(change), width="stretch", alt=flow_words(change))
    change_downloads(change)


def _comparing(job: Job[Change]) -> None:
    if job.is_done:
        st.rerun()
    st.progress(job.share, text=f"Comparing every pixel …{text.time_left(job.seconds_left)}")


def _picture(batch: Batch, pair: tuple[Finished, Finished], change: Change, called: tuple[str, str], view: str) -> None:
    grid = change.before.grid
    if view == "Change":
        st.image(change_picture(change), width="stretch", alt=f"What changed from {called[0]} to {called[1]}")
        st.caption("Grey: no change. Elsewhere: the colour of what it became.")
        return
    paths = [batch.look_of(one.name) for one in pair]
    if view == "Pictures" and all(path.exists() for path in paths):
        sides = [ground_picture(path, grid) for path in paths]
    else:
        sides = [classes_picture(dated.path, change.before.legend, grid) for dated in (change.before, change.after)]
    left, right = (Side(src, words) for src, words in zip(sides, called, strict=True))
    swipe(left, right, grid, "Where the later date begins", "twodatesswipe")


def _words(change: Change) -> str:
    """The sentence, what moved most, and what each class had and has; all text from outside is escaped."""
    figures = figures_of(change)
    before, after = change.totals()
    names = {entry.id: entry for entry in change.entries}
    moves = "".join(
        f"<li>{escape(names[m.pair[0]].name)} → {escape(names[m.pair[1]].name)}<b>{figures.full(m)}</b></li>"
        for m in change.found.moves[:_MOST_MOVES]
    )
    rows = "".join(
        f'<tr><th scope="row"><span style="background:{e.colour};color:{ink_on(e.colour)}">{e.id}</span>'
        f"{escape(e.name)}</th>"
        f'<td class="figure">{figures.figure(before[e.id])}</td><td class="figure">{figures.figure(after[e.id])}</td>'
        f'<td class="figure">{figures.change(before[e.id], after[e.id])}</td></tr>'
        for e in change.entries
    )
    return (
        f'<div class="dateswords"><p class="lead">{escape(lead_words(change))}</p>'
        + (f"<h5>Largest changes</h5><ol>{moves}</ol>" if moves else "")
        + '<div class="scenes" tabindex="0" role="region" aria-label="Classes on both dates"><table>'
        f'<thead><tr><th scope="col">{escape(figures.heading)}</th><th scope="col" class="figure">before</th>'
        f'<th scope="col" class="figure">after</th><th scope="col" class="figure">change</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div><p class=quiet>{escape(missing_words(change, figures))}</p></div>"
    )


def _flow(change: Change) -> str:
    inks = ("#e8eeeb", "#b4beba") if is_dark() else ("#0b1512", "#4d5a55")
    return flow_svg(change, *inks)


def _series(finished: Sequence[Finished], called: dict[str, str]) -> None:
    has_place = all(row.area_ha is not None for one in finished for row in one.rows)
    unit = "Hectares" if has_place else "Share of the scene (%)"
    points = [
        SeriesPoint(
            one.date if all(other.date for other in finished) else called[one.name],
            row.id,
            row.name,
            row.colour,
            row.area_ha if has_place and row.area_ha is not None else 100 * row.share,
        )
        for one in finished
        for row in one.rows
    ]
    st.markdown("#### Areas over the dates", anchors=False)
    st.caption("Of all that each scene shows. Clouds that are left out of one date take away from its areas.")
    st.vega_lite_chart(series_chart(points, unit, is_dark()), alt=series_alt(points, unit))
