"""The page's session on the server: taken up by the page's address, written beside its work, and forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from s2dash import ingest
from s2dash.core.edits import NO_EDITS
from s2dash.core.run import PLAIN_VIEW
from s2dash.core.run_list import ListedRun, OwnLook, legend_of, looks_of
from s2dash.core.scene_reading import SceneReading
from s2dash.errors import RecipeError, S2DashError
from s2dash.server.live_engine import LiveAnswer
from s2dash.server.session_store import Keeper, SessionUnread, Snapshot, StoredRun, StoredScene, StoredSession
from s2dash.server.session_store.scenes import scene_key
from s2dash.ui import services, session, state, text
from s2dash.ui.as_read import with_numbers_of
from s2dash.ui.loaded import Loaded
from s2dash.ui.runs.values import KeptMap
from s2dash.ui.state import check as held
from s2dash.ui.strip import Strip

PARAMETER = "s"
"""Of the page's address: a secret, as it opens the session to whoever has it."""
_GONE = (
    ":material/link_off: **What this address kept is no longer here.** {time} “Forget everything” removes it at once. "
    "You begin anew; bring your scene again."
)
_FORGOTTEN = ":material/delete_forever: **Everything is forgotten.** Nothing of this session is on the server any more."
_FORGOTTEN_SOON = (
    ":material/delete_forever: **Everything is forgotten.** A copy of your scene that was just being written goes as "
    "soon as it is done."
)
_NOT_FORGOTTEN = (
    ":material/error: **Not forgotten: the server could not remove what it keeps of this session.** "
    "Try again in a moment; if that fails too, tell whoever runs it. {time}"
)
_ELSEWHERE = (
    ":material/link_off: **This session was forgotten in another window, or is past its time.** "
    "What you do here is no longer kept. Reload the page to begin anew."
)
_UNREAD = (
    ":material/sync_problem: **What this address keeps cannot be read just now.** It is still there: reload the page "
    "in a moment. What you do until then is not kept."
)
_NEEDS = ":material/upload_file: **The scene of your last map is not kept any more.** {needs}; then all comes back."


def begin() -> None:
    """At the start of a session, take up what is kept under the page's address."""
    if state.KEEPER.is_set:
        return
    state.KEEPER.set(None)
    address, store = st.query_params.get(PARAMETER), services.session_store()
    if address is None or not store.is_on:
        return
    if not services.writer().settle(address):  # the newest of it is not there yet
        _leave_alone(address)
        return
    try:
        found = store.open(address)
    except SessionUnread:
        _leave_alone(address)
        return
    if found is not None:
        keeper = Keeper(services.writer(), address)
        keeper.came_back(found.runs, found.reference)
        state.KEEPER.set(keeper)
        _take_up(found)
    elif store.trouble is None:
        # Never one that came from outside: whoever made it up could look into it later.
        st.query_params.pop(PARAMETER, None)
        state.SAY_ONCE.set((_GONE.format(time=kept_for()), ""))


def _leave_alone(address: str) -> None:
    """Keep the page's address, and write nothing under it: that would be without what is there."""
    keeper = Keeper(services.writer(), address)
    keeper.close()
    state.KEEPER.set(keeper)
    state.UNREAD.set(True)


def words() -> str:
    """What is kept of the session, and for how long."""
    if not services.session_store().is_on:
        return "Every map you make is kept here, until you close this page."
    days = services.session_store().limits.kept_days
    return (
        "Every map you make is kept here. This page’s address brings your runs and names back, for "
        f"{days:g} day{'' if days == 1 else 's'} after your last visit, and the scene as long as the server has room "
        "for it. Whoever has the address sees it."
    )


def kept_for() -> str:
    """How long it is kept, as a sentence."""
    days = services.session_store().limits.kept_days
    return f"It is kept for {days:g} day{'' if days == 1 else 's'} after the last visit."


def save() -> None:
    """Have what the page shows now written, in its turn; the page's address leads to it from then on."""
    store, maps, keeper = services.session_store(), state.MAPS.get(), state.KEEPER.get()
    if not store.is_on or (keeper is None and not _is_worth_it(maps)):
        return
    if keeper is None:
        keeper = Keeper(services.writer())
        state.KEEPER.set(keeper)
    stored, shown, tracked = _stored_runs(maps), state.MAP_NOW.get(), state.tracked_map()
    tracked.on_move(keeper.moved)
    held.check_book().on_answer(keeper.answered)
    keeper.keep(
        Snapshot(
            runs=stored,
            shown=next((one.key for one in maps if one.number == shown), None),
            made=state.MAPS_MADE.get(),
            scenes={one.scene_key: StoredScene(one.loaded.scene, one.loaded) for one in maps if one.loaded is not None},
            position=tracked.position,
            said=state.SAID.get(),
            reference=state.reference_to_keep(),
        )
    )
    if not keeper.is_gone and store.trouble is None and st.query_params.get(PARAMETER) != keeper.address:
        st.query_params[PARAMETER] = keeper.address


def say(answer: LiveAnswer, strip: Strip) -> None:
    """What there is to know of the keeping: why nothing is kept, or once what is gone."""
    store, keeper = services.session_store(), state.KEEPER.get()
    if store.trouble is not None:
        strip.add(f":material/cloud_off: {store.trouble}")
    elif keeper is not None and keeper.is_gone:
        strip.add(_UNREAD if state.UNREAD.get() else _ELSEWHERE)
    words, beside = state.SAY_ONCE.get() or ("", "")
    if words and beside in ("", answer.result.digest):
        state.SAY_ONCE.set((words, answer.result.digest))
        strip.add(words)
    elif words:
        state.SAY_ONCE.pop()


def reopened(one: KeptMap) -> Loaded | None:
    """The scene of a map from what is kept of this session; None where it is not."""
    keeper = state.KEEPER.get()
    if keeper is None or not one.scene_key:
        return None
    found = services.session_store().scene(keeper.address, one.scene_key)
    return None if found is None else Loaded(found.scene, (found.held,), None, one.run.reading, one.files)


def reopenable() -> frozenset[str]:
    """Keys of the scenes that `reopened` gives."""
    keeper = state.KEEPER.get()
    return frozenset() if keeper is None else services.session_store().scene_keys(keeper.address)


def needs_words(one: KeptMap) -> str:
    """What has to be brought again so that a map can be restored; holds text from outside."""
    names = [*one.files, *(area.name for area in one.run.reading.area if not area.drawn)]
    if not names:
        return f"Needs the scene “{one.run.scene_title}”"
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"Needs {names[0]}{more}"


def match_arrived() -> None:
    """Give maps that miss their scene the one that has just come, where it is theirs."""
    loaded = state.loaded()
    if state.MATCHED_SCENE.get() == (tried := (loaded.scene.digest, len(state.MAPS.get()))):
        return
    state.MATCHED_SCENE.set(tried)
    state.MAPS.set(tuple(one if one.loaded is not None else _matched(one, loaded) for one in state.MAPS.get()))


def _matched(one: KeptMap, loaded: Loaded) -> KeptMap:
    names = one.run.reading.band_names
    for given in (None, names) if names is not None else (None,):
        try:
            base = ingest.read_as(loaded.scene, SceneReading(band_names=given))
            fits = with_numbers_of(base, one.run.reading).digest == one.run.scene_digest
        except S2DashError:
            continue
        if fits:
            found = replace(loaded, scene=base, reading=one.run.reading)
            return replace(one, loaded=found, scene_key=scene_key(base), files=loaded.files or one.files)
    return one


def forget_everything() -> None:
    """Remove all that the server has of this session, and begin anew; to be called before anything is drawn."""
    keeper = state.KEEPER.get()
    words = _FORGOTTEN if keeper is None else _forget(keeper)
    if words is None:
        state.SAY_ONCE.set((_NOT_FORGOTTEN.format(time=kept_for()), ""))
        return
    for token in state.KEPT_TOKENS.get():
        services.kept_runs().drop(token)
    if keeper is not None:
        services.kept_runs().drop_session(keeper.address)
    incoming = (
        *(state.INCOMING_SCENE, state.INCOMING_AREA, state.INCOMING_DRAWN, state.INCOMING_LINKED),
        state.INCOMING_CLOUDS,
    )
    for job in (*state.full_runs().values(), *(one.job.get() for one in incoming)):
        if job is not None:
            job.cancel()
    st.query_params.clear()
    session.forget_values()
    state.KEEPER.set(None)
    state.SAY_ONCE.set((words, ""))


def _forget(keeper: Keeper) -> str | None:
    """Have removed what is kept under the address; returns what there is to say then, None where it is still there."""
    was_gone = keeper.is_gone
    keeper.close()
    is_settled = services.writer().settle(keeper.address)
    if services.session_store().forget(keeper.address) or (is_settled and not keeper.is_written):
        return _FORGOTTEN if is_settled else _FORGOTTEN_SOON
    if not was_gone:
        keeper.go_on()
    return None


def listed(one: KeptMap) -> ListedRun:
    """A map as it leaves the page."""
    key = (one.run.scene_digest, one.run.recipe)
    own = state.own_legends().get((key, state.palette_of(one.run)))
    return ListedRun(
        run=one.run,
        number=one.number,
        legend=one.legend,
        title=one.title,
        star=one.star,
        note=one.note,
        words=one.words[:400],
        thumbnail=one.thumbnail,
        separation=one.separation,
        files=one.files,
        check=one.check,
        is_checking=one.is_checking,
        own=None if own is None else own_look(own),
        edits=None if own is None else state.edits_of(key),
    )


def own_look(own: state.OwnLegend) -> OwnLook:
    """A legend before edits as it leaves the page."""
    return OwnLook(classes=looks_of(own.legend), carried=tuple(sorted(own.carried)), order=own.legend.order)


def of_listed(one: ListedRun, number: int, scene_key: str = "", key: str | None = None) -> KeptMap:
    """A map of the list, without its scene; what was made of its classes is known from then on."""
    of, palette = (one.run.scene_digest, one.run.recipe), state.palette_of(one.run)
    if one.own is not None:
        state.put_own_legend(of, palette, legend_of(one.own.classes).ordered(one.own.order), one.own.carried)
    state.put_edits_of(of, one.run.edits if one.edits is None else one.edits)
    known = {} if key is None else {"key": key}
    return KeptMap(
        number=number,
        run=one.run,
        words=one.words,
        thumbnail=one.thumbnail,
        loaded=None,
        legend=one.legend,
        star=one.star,
        note=one.note,
        separation=one.separation,
        title=one.title,
        files=one.files,
        scene_key=scene_key,
        check=one.check,
        is_checking=one.is_checking,
        **known,
    )


def _take_up(found: StoredSession) -> None:
    runs, maps = found.runs, list[KeptMap]()
    for run in runs:
        # Two pages of one address may have given the same number.
        number = max(run.listed.number, maps[-1].number + 1 if maps else 1)
        maps.append(of_listed(run.listed, number, run.scene_key, run.key))
    state.MAPS.set(tuple(maps))
    state.STORED.set({run.key: (one, run) for one, run in zip(maps, runs, strict=True)})
    state.SAID.set(found.said)
    state.take_up_reference(found.reference)
    state.MAPS_MADE.set(max([found.made, *(one.number for one in maps)]))
    shown = next((one for one in maps if one.key == found.shown), None)
    if shown is None or state.LOADED.is_set:
        return
    loaded = reopened(shown)
    if loaded is None:
        state.SAY_ONCE.set((_NEEDS.format(needs=text.plain(needs_words(shown))), ""))
    elif load(shown, loaded):
        state.MAP_NOW.set(shown.number)
        state.MAP_START.set(found.position)
        if shown.is_checking:
            state.PANEL.set("Check")
        state.MAPS.set(tuple(replace(one, loaded=loaded) if one.scene_key == shown.scene_key else one for one in maps))


def load(one: KeptMap, loaded: Loaded) -> bool:
    """Make a map the page's; returns whether this s2dash knows what it asks for."""
    key = (one.run.scene_digest, one.run.recipe)
    edits = state.edits_of(key) if (key, state.palette_of(one.run)) in state.own_legends() else one.run.edits
    try:
        state.load(one.run, loaded)
    except RecipeError:
        return False
    state.put_look(key, edits, one.run.view.alone)
    return True


def _stored_runs(maps: Sequence[KeptMap]) -> tuple[StoredRun, ...]:
    """Those of maps that have not changed are the same objects as before: only others are written."""
    before = state.STORED.get()
    now = {one.key: (one, _stored(one, before.get(one.key))) for one in maps}
    state.STORED.set(now)
    return tuple(stored for _, stored in now.values())


def _stored(one: KeptMap, before: tuple[KeptMap, StoredRun] | None) -> StoredRun:
    if before is not None and before[0] is one:
        return before[1]
    now = StoredRun(one.key, listed(one), one.scene_key)
    # A map is another object also where only its scene was opened: that must not undo what another page said of it.
    is_same = before is not None and (before[1].listed, before[1].scene_key) == (now.listed, now.scene_key)
    return before[1] if before is not None and is_same else now


def _is_worth_it(maps: Sequence[KeptMap]) -> bool:
    """Whether there is anything that a new page does not have."""
    if len(maps) != 1 or state.SAID.get():
        return bool(maps)
    (one,) = maps
    is_plain = (one.run.edits, one.run.view, one.run.reference) == (NO_EDITS, PLAIN_VIEW, None)
    return not (is_plain and not one.is_marked and not one.files)
