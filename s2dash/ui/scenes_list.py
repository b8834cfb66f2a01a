"""The table of many scenes once they are finished: a click on a thumbnail shows picture and classes of that scene."""

from __future__ import annotations

from functools import partial

import streamlit as st

from s2dash.batch import Report
from s2dash.batch.change import read_dated_map
from s2dash.errors import S2DashError
from s2dash.ui import state
from s2dash.ui.messages import words_for
from s2dash.ui.scenes_batch import Batch
from s2dash.ui.scenes_table import CSS, scenes_table
from s2dash.ui.session import sent
from s2dash.ui.two_dates.pictures import classes_picture, ground_picture
from s2dash.ui.two_dates.swipe import Side, swipe

_JS = """
export default ({ data, parentElement, setTriggerValue }) => {
  const place = parentElement.querySelector(".place");
  if (place.shown !== data.table) {
    const focused = parentElement.getRootNode().activeElement?.dataset?.look;
    place.innerHTML = place.shown = data.table;
    const buttons = [...place.querySelectorAll("[data-look]")];
    buttons.find((one) => one.dataset.look === focused)?.focus({ preventScroll: true });
  }
  place.onclick = (event) => {
    const button = event.target.closest("[data-look]");
    if (button) setTriggerValue("look", button.dataset.look);
  };
};
"""
_component = st.components.v2.component(
    "s2dash_scenes", html='<div class="place"></div>', css=f".place{{font-family:var(--st-font)}}{CSS}", js=_JS
)


def scenes_list(batch: Batch, report: Report) -> None:
    """The table, and beneath it the scene that is looked at."""
    looked_at = state.LOOKED_AT.get()
    _component(
        data={"table": scenes_table(report.scenes, batch.thumbnails, looked_at, can_look=True)},
        key=state.SCENES_LIST,
        on_look_change=partial(_receive, frozenset(batch.thumbnails)),
    )
    finished = next((one for one in report.finished if one.name == looked_at), None)
    if finished is None:
        return
    path, look = batch.classes_of(finished), batch.look_of(finished.name)
    try:
        dated = read_dated_map(path)
        classes = Side(classes_picture(path, dated.legend, dated.grid), "Classes")
        picture = Side(ground_picture(look, dated.grid), finished.name) if look.exists() else classes
    except S2DashError as error:
        st.markdown(words_for(error))
        return
    swipe(picture, classes, dated.grid, "Where the classes begin", "sceneswipe")


def _receive(names: frozenset[str]) -> None:
    """Look at a scene, or no more where it is looked at already; what is no scene is skipped."""
    name = sent(state.SCENES_LIST, "look")
    if isinstance(name, str) and name in names:
        state.LOOKED_AT.set(None if state.LOOKED_AT.get() == name else name)
