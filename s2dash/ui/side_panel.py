"""Which of the panels stands beside the map, and that one drawn."""

from __future__ import annotations

import streamlit as st

from s2dash.core.classmap import Result
from s2dash.core.legend import Legend
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import state
from s2dash.ui.check import actions as check_actions
from s2dash.ui.check.panel import check_panel
from s2dash.ui.check.scores import answered_count
from s2dash.ui.class_card.card import class_card
from s2dash.ui.compare.panel import compare_panel
from s2dash.ui.compare.sides import stop_comparing
from s2dash.ui.compare.values import Compared
from s2dash.ui.how_many.panel import how_many_panel
from s2dash.ui.identity import found_legend
from s2dash.ui.legend_and_charts import legend_panel
from s2dash.ui.runs import kept
from s2dash.ui.runs.panel import runs_panel
from s2dash.ui.state import dates as held
from s2dash.ui.two_dates.panel import dates_panel
from s2dash.ui.two_dates.scenes import stop_dates
from s2dash.ui.two_dates.values import TwoDates


def side_panel(
    answer: LiveAnswer,
    shown: Result,
    legend: Legend,
    isolated: int | None,
    chosen_palette: str,
    beside: Compared | None,
    is_checking: bool,
    dates: TwoDates | None,
) -> None:
    """The choice of a panel, and the panel, or what is pushed over it.

    Parameters
    ----------
    isolated : the class that is shown alone
    beside : two maps that are compared, where there are any
    is_checking : whether places are asked about
    dates : two dates that are compared, once that is done
    """
    panel, pushed = _panel(), state.PUSHED.get()
    if pushed == "how many":
        how_many_panel(answer.unedited, found_legend(answer, chosen_palette))
    elif panel == "Check":
        check_panel(answer, shown, legend, is_checking)
    elif panel == "Runs" and beside is not None:
        compare_panel(beside)
    elif panel == "Runs" and held.OTHER_DATE.get() is not None:
        dates_panel(dates)
    elif panel == "Runs":
        runs_panel(answer)
    elif pushed == "class card" and beside is None:
        class_card(answer, shown, legend, isolated)
    else:
        legend_panel(answer, shown, legend, isolated, chosen_palette)


def _panel() -> state.Panel:
    """Which of the panels stands beside the map."""
    counts = {"Runs": len(kept.maps()), "Check": answered_count(kept.now())}
    words = {name: f"{name} {count}" for name, count in counts.items() if count}
    if held.OTHER_DATE.get() is not None:
        words["Runs"] = "Change"
    panel = st.segmented_control(
        "Panel",
        state.PANELS,
        format_func=lambda name: words.get(name, name),
        required=True,
        key=state.PANEL.shown(),
        on_change=_change_panel,
        label_visibility="collapsed",
        width="stretch",
    )
    return panel or "Classes"


def _change_panel() -> None:
    state.PANEL.take()
    state.PUSHED.pop()
    check_actions.stop()
    if state.PANEL.get() == "Check":
        stop_dates()
        stop_comparing()  # its marks are of the page's own map
