"""What a class card tells of its class between its name and its actions, each section of (answer, class number)."""

from __future__ import annotations

import numpy as np
import streamlit as st

from s2dash.core.classmap import ClassRow, Result
from s2dash.core.legend import Legend
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import text


def sections(answer: LiveAnswer, shown: Result, legend: Legend, number: int) -> None:
    """Draw them from top to bottom; `shown` is what is known best of the map."""
    row = next(row for row in shown.rows if row.id == number)
    parts = [f"**{_size(row)}** · {text.share(row.share)}"]
    nearest = closest(answer, number)
    if nearest is not None:
        name = next(entry.name for entry in legend.entries if entry.id == nearest)
        parts.append(f"closest to **{text.plain(name)}**")
    st.markdown(" · ".join(parts), help="Closest is the class whose mean spectrum differs least from that of this one.")


def closest(answer: LiveAnswer, number: int) -> int | None:
    """The class whose mean reflectance lies nearest; None where there is no other that has one."""
    means = dict(zip(answer.fitted.numbers, answer.fitted.numbers_mean, strict=True))
    own = means.pop(number)
    apart = {n: float(np.nanmean((mean - own) ** 2)) for n, mean in means.items() if np.isfinite(mean + own).any()}
    return min(apart, key=lambda other: apart[other], default=None)


def _size(row: ClassRow) -> str:
    return text.pixels(row.count) if row.area_ha is None else text.area(row.area_ha)
