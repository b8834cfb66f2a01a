"""What a class card tells of its class between its name and its actions, each section of (answer, class number)."""

from __future__ import annotations

import numpy as np
import streamlit as st

from s2dash.core.classmap import ClassRow, Result
from s2dash.core.edits import Split
from s2dash.core.legend import Legend, LegendEntry
from s2dash.errors import S2DashError
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import look, services, state, text
from s2dash.ui.charts import class_spectrum_alt, class_spectrum_chart
from s2dash.ui.class_card.gallery import gallery
from s2dash.ui.class_card.words import borders_words, patches_words, split_words


def sections(answer: LiveAnswer, shown: Result, legend: Legend, number: int) -> None:
    """Draw them from top to bottom; `shown` is what is known best of the map."""
    row = next(row for row in shown.rows if row.id == number)
    parts = [f"**{_size(row)}** · {text.share(row.share)}"]
    nearest = closest(answer, number)
    if nearest is not None:
        name = next(entry.name for entry in legend.entries if entry.id == nearest)
        parts.append(f"closest to **{text.plain(name)}**")
    st.markdown(" · ".join(parts), help="Closest is the class whose mean spectrum differs least from that of this one.")
    _spectrum(answer, shown, next(entry for entry in legend.entries if entry.id == number), row)
    gallery(answer, legend, number)
    _extent(answer, legend, number)


def closest(answer: LiveAnswer, number: int) -> int | None:
    """The class whose mean reflectance lies nearest; None where there is no other that has one."""
    means = dict(zip(answer.fitted.numbers, answer.fitted.numbers_mean, strict=True))
    own = means.pop(number)
    apart = {n: float(np.nanmean((mean - own) ** 2)) for n, mean in means.items() if np.isfinite(mean + own).any()}
    return min(apart, key=lambda other: apart[other], default=None)


def splits_next(answer: LiveAnswer, number: int) -> None:
    """Say into what a class splits next; the split is kept, so that to make it costs no more. Nothing where it cannot.

    A second of work at most, so the last that is drawn.
    """
    of = answer.result.recipe
    try:
        made = services.live_engine().edited(answer, state.edits(of).then(Split(number, 2, of.seed)))
    except S2DashError:
        return
    fresh = [one for one in made.fitted.numbers if one not in answer.fitted.numbers]
    words = split_words(made.result, (number, fresh[0])) if len(fresh) == 1 else None
    if words is not None:
        st.markdown(words, help="What the pixels of this class come apart into when they are grouped anew in two.")


def _spectrum(answer: LiveAnswer, shown: Result, entry: LegendEntry, row: ClassRow) -> None:
    spread, dark = answer.class_facts(entry.id).spread, look.is_dark()
    spec = class_spectrum_chart(shown, entry, row, spread, dark)
    if spec is not None:
        st.vega_lite_chart(spec, alt=class_spectrum_alt(shown, entry, row, spread))


def _extent(answer: LiveAnswer, legend: Legend, number: int) -> None:
    """Patches and borders, by the pixels of the live picture."""
    facts, live = answer.class_facts(number), answer.result.classmap
    if facts.patches is None:
        return
    names = {entry.id: entry.name for entry in legend.entries}
    words = f"{patches_words(facts.patches, live.grid)} {borders_words(facts.borders, names)}"
    seen = f" Counted on one pixel of each {live.step} × {live.step}." if live.step > 1 else ""
    with st.container(key="classextent"):
        st.markdown(
            words,
            help="Pixels of a patch touch by their sides or corners; shares of the border count sides of pixels."
            + seen,
        )


def _size(row: ClassRow) -> str:
    return text.pixels(row.count) if row.area_ha is None else text.area(row.area_ha)
