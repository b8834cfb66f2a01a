"""The panel "Check": how to begin, what is asked about places, and what the answers say of the map."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from s2dash.classify.accuracy.sampling import class_names
from s2dash.classify.colours import character_words
from s2dash.core.accuracy import Accuracy, Check
from s2dash.core.accuracy_words import TOO_FEW
from s2dash.core.classmap import Result
from s2dash.core.legend import Legend
from s2dash.errors import S2DashError
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import state, text
from s2dash.ui.check import actions, words
from s2dash.ui.check.asking import asking
from s2dash.ui.check.known import reference_file
from s2dash.ui.check.points_file import points_file
from s2dash.ui.check.scores import accuracy_of, check_for, map_of_result, strange_names
from s2dash.ui.identity import is_named
from s2dash.ui.messages import words_for
from s2dash.ui.runs.values import KeptMap
from s2dash.ui.state import check as held
from s2dash.ui.suggested_names import shown_suggestions

_HERE = Path(__file__).parent
_result = st.components.v2.component(
    "s2dash_check_result",
    html=(_HERE / "result.html").read_text("utf-8"),
    css=(_HERE / "result.css").read_text("utf-8"),
    js=(_HERE / "result.js").read_text("utf-8"),
)
_ABOUT = "You say what you see; the page works out how right the map is."
_NONE = "none of these"


def check_panel(answer: LiveAnswer, shown: Result, legend: Legend, is_checking: bool) -> None:
    """Draw the panel, full width of its container.

    Parameters
    ----------
    is_checking : whether the map is ready for places to be asked about; with its classes on it none are
    """
    one = map_of_result(answer.result)
    check = check_for(one)
    if one is None:
        st.caption("The map is not there yet.")
    elif is_checking and one.is_checking and one.check is not None:
        asking(one, one.check, answer.result.scene, legend, _looks_like(answer, legend))
    elif check is None:
        _start(one, shown, legend)
        reference_file(shown, legend)
    else:
        _what_came_of_it(one, check, shown, legend)
        reference_file(shown, legend)


def _looks_like(answer: LiveAnswer, legend: Legend) -> dict[int, str]:
    """What classes without a name might be: the name that is suggested, else what their colours hint at."""
    hints = {entry.id: words for entry, words in zip(legend.entries, character_words(answer.fitted), strict=True)}
    suggested = {number: f"{one.name}? {one.sureness}" for number, one in shown_suggestions(answer, legend).items()}
    return {**hints, **suggested}


def _start(one: KeptMap, shown: Result, legend: Legend) -> None:
    count = held.CHECK_COUNT
    unnamed = words.unnamed_words([name for name in dict.fromkeys(class_names(legend).values()) if not is_named(name)])
    with st.container(key="checkstart", gap="small"):
        st.markdown("#### Check it yourself", anchors=False)
        st.markdown(f"{words.minutes_words(count.get())}. {_ABOUT}")
        st.slider(
            "Number of places",
            actions.FEWEST,
            actions.MOST,
            step=5,
            key=count.shown(),
            on_change=count.take,
            help="Places are drawn at random within the classes, with a least number for small ones. More of them "
            "make the range narrower: four times as many halve it. 50 give a fair idea.",
        )
        if unnamed:
            st.markdown(f":material/edit: {text.plain(unnamed)}")
            st.button(
                "Name classes first",
                key="name first",
                type="primary",
                on_click=state.PANEL.set,
                args=("Classes",),
                help="Opens the list of classes, where a click on a suggested name takes it.",
            )
        st.button(
            "Start",
            key="start check",
            type="secondary" if unnamed else "primary",
            icon=":material/play_arrow:",
            on_click=actions.begin,
            args=(one, shown, legend),
            help="Shows one place after another on the picture, without the map’s classes. Answer by the buttons or "
            "the keys 1 to 9. Answers are kept as you go, and you can stop whenever you want.",
        )
        _trouble()
        _offer_bring_back(one)
    points_file(one, None, shown)


def _offer_bring_back(one: KeptMap) -> None:
    dropped = actions.set_aside(one)
    if dropped is not None:
        st.button(
            f"Bring back {dropped.answered_count} answers",
            key="bring back check",
            icon=":material/undo:",
            type="tertiary",
            on_click=actions.bring_back,
            args=(one,),
            help="Those that were set aside. What is there now is set aside instead.",
        )


def _what_came_of_it(one: KeptMap, check: Check, shown: Result, legend: Legend) -> None:
    try:
        accuracy = accuracy_of(shown, legend)
        data = words.result_data(check, shown, legend, accuracy)
    except S2DashError as error:
        st.markdown(words_for(error))
        return
    if not data["lead"]:
        st.markdown(f"#### {TOO_FEW.split('.')[0]}", anchors=False)
        st.markdown(TOO_FEW.split(". ", 1)[1])
    _pairing(one, check, legend)
    _result(data=data, key=held.CHECK_RESULT)
    st.caption(words.kept_words(check) + ("" if one.check else " The answers are of an earlier map of this scene."))
    _trouble()
    _ways_on(one, check, shown, legend, accuracy)
    _offer_bring_back(one)
    if accuracy is not None and data["lead"]:
        _class_by_class(accuracy)
    points_file(one, check, shown)


def _class_by_class(accuracy: Accuracy) -> None:
    for note in accuracy.notes:
        st.caption(text.plain(note))
    with st.expander("Class by class", type="compact"):
        st.markdown(words.class_table(accuracy))
        st.caption(text.plain(accuracy.design))


def _ways_on(one: KeptMap, check: Check, shown: Result, legend: Legend, accuracy: Accuracy | None) -> None:
    left = len(check.places) - check.answered_count - check.unsure_count
    with st.container(horizontal=True, gap="small", key="checkways"):
        if one.check is None:
            st.button(
                "Check this map",
                key="check this map",
                on_click=actions.begin,
                args=(one, shown, legend),
                help="Draws new places for this very map: that says more of it than answers for an earlier one.",
            )
            return
        if left:
            st.button(
                f"Go on ({left} left)",
                key="go on checking",
                type="primary",
                on_click=actions.go_on,
                args=(one,),
                help="Asks about the places that have no answer yet.",
            )
        elif actions.can_grow(check):
            st.button(
                f"Check {actions.MORE} more",
                key="check more",
                on_click=actions.add_places,
                args=(one, shown, legend, accuracy),
                help="Draws further places, more of them where the map was often wrong. The range becomes narrower.",
            )
        st.button(
            "Start over",
            key="start over",
            type="tertiary",
            on_click=actions.begin_anew,
            args=(one,),
            help="Sets these answers aside and draws other places. They can be brought back.",
        )


def _pairing(one: KeptMap, check: Check, legend: Legend) -> None:
    """Ask which class of this map is meant by answers that were given for another, or before classes were merged."""
    offered = list(dict.fromkeys(class_names(legend).values()))
    key = (one.run.scene_digest, one.run.recipe)
    strange = [name for name in strange_names(check, offered) if (key, name) not in held.CHECK_UNPAIRED.get()]
    if not strange:
        return
    with st.container(key="checkpairs", gap="small", border=True):
        st.markdown("**Which class do these answers mean?** They name classes that this map does not have.")
        for name in strange:
            control = held.check_pair(name).within([_NONE, *offered], _NONE)
            st.selectbox(
                f"“{text.plain(name)}” is",
                [_NONE, *offered],
                key=control.shown(*offered),
                on_change=control.take,
                help="The class of this map that you would call so.",
            )
        st.button(
            "Use these",
            key="use pairs",
            on_click=_use_pairs,
            args=(one, check, strange, offered),
            help="The answers count for this map by these names; those of the earlier map stay as they are.",
        )


def _use_pairs(one: KeptMap, check: Check, strange: list[str], offered: list[str]) -> None:
    meant = {name: held.check_pair(name).get() for name in strange}
    actions.pair(one, check, {name: to if to in offered else "" for name, to in meant.items()})


def _trouble() -> None:
    if (trouble := held.CHECK_TROUBLE.get()) is not None:
        st.markdown(trouble)
