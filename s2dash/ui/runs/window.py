"""The window `All runs`: the table that shows and sorts every run of the session, and the file they travel in."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from s2dash.core.run_list import ListedRun, from_file, to_file
from s2dash.errors import S2DashError, UnreadableValue
from s2dash.server.uploads import size_words
from s2dash.ui import services, state
from s2dash.ui.messages import words_for
from s2dash.ui.runs import keeping, kept
from s2dash.ui.runs.actions import receiver
from s2dash.ui.runs.edits_file import bring_in_edits
from s2dash.ui.runs.panel import panel_data
from s2dash.ui.session import draw_again
from s2dash.ui.uploads import free

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "s2dash_all_runs",
    html=(_HERE / "all_runs.html").read_text("utf-8"),
    css=(_HERE / "all_runs.css").read_text("utf-8"),
    js=(_HERE / "all_runs.js").read_text("utf-8"),
)


def _closed() -> None:
    state.close_window()
    state.BROUGHT_RUNS.pop()
    state.BROUGHT_EDITS.pop()


@st.dialog("All runs", width="large", on_dismiss=_closed)
def all_runs() -> None:
    """The window over a page that shows one of them."""
    if state.WINDOW.get() != "runs":  # a run was restored
        _closed()
        st.rerun()
    with st.container(key="allruns", gap="small"):
        _component(
            data=panel_data() | {"handled": state.last_edit(state.MAPS_TABLE).get()},
            key=state.MAPS_TABLE,
            on_actions_change=receiver(state.MAPS_TABLE),
        )
        with st.container(horizontal=True, vertical_alignment="top", key="runsfile"):
            _export()
            _bring_in()
            bring_in_edits()
    keeping.save()


def _export() -> None:
    runs = [keeping.listed(one) for one in kept.maps()]
    st.download_button(
        "Export all runs",
        lambda: to_file(runs),
        "s2dash-runs.json",
        "application/json",
        key="export runs",
        on_click="ignore",
        icon=":material/download:",
        help="One file with every run, its names and colours, notes and stars, and a small picture of its map; "
        "not the scene. Brought in here or elsewhere, a run is restored as soon as its scene is there.",
    )


def _bring_in() -> None:
    with st.container(gap="small"):
        given = st.file_uploader(
            "Bring in runs",
            ["json"],
            key=state.RUNS_UPLOADER.key,
            max_upload_size=max(1, services.session_store().limits.most_import_bytes // 1_000_000),
            help="A file that “Export all runs” made. Nothing of what is listed is changed.",
        )
        if words := state.BROUGHT_RUNS.get():
            st.markdown(words)
    if given is not None:
        try:
            state.BROUGHT_RUNS.set(_words(*kept.bring_in(_read(given.getvalue()))))
        except S2DashError as error:
            state.BROUGHT_RUNS.set(words_for(error))
        finally:
            free([given])
        state.RUNS_UPLOADER.empty()
        draw_again()


def _read(content: bytes) -> tuple[ListedRun, ...]:
    most = services.session_store().limits.most_import_bytes
    if len(content) > most:
        raise UnreadableValue(
            f"This file has {size_words(len(content))}; files of runs have at most {size_words(most)}."
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableValue("This is not a list of runs: it is no text (JSON, in UTF-8).") from None
    return from_file(text)


def _words(brought: int, known: int, left: int) -> str:
    parts = [f":material/check: **{brought} run{'' if brought == 1 else 's'} brought in.**"]
    parts += [f"{known} {'was' if known == 1 else 'were'} listed already."] if known else []
    parts += [f"{left} did not fit: at most {kept.MOST_KEPT} are listed. Delete some first."] if left else []
    missing = sum(one.loaded is None and not one.scene_key for one in kept.maps())
    parts += [f"{missing} wait{'s' if missing == 1 else ''} for a scene."] if missing else []
    return " ".join(parts)
