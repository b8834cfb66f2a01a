"""Which two dates are compared on the page's map: what begins and ends it, and both scenes as they are read."""

from __future__ import annotations

from s2dash.batch.change import is_later
from s2dash.core.scene import Scene
from s2dash.ui import state, text
from s2dash.ui.as_read import with_numbers_of
from s2dash.ui.compare.sides import stop_comparing
from s2dash.ui.loaded import Loaded
from s2dash.ui.state import dates as held
from s2dash.ui.two_dates.values import OtherDate

_MOST_LETTERS = 28


def begin_dates(loaded: Loaded) -> None:
    """Compare this scene with the page's own; to be called before anything is drawn, or followed by a new run."""
    stop_comparing()
    before = held.OTHER_DATE.get()
    panel_before = state.PANEL.get() if before is None else before.panel_before
    _drop_job()
    held.OTHER_DATE.set(OtherDate(loaded, state.loaded().whole.digest, panel_before))
    state.PUSHED.pop()
    state.PANEL.set("Runs")


def stop_dates() -> None:
    """Show the page's own map again, as it was before."""
    now = held.OTHER_DATE.pop()
    _drop_job()
    if now is not None and state.PANEL.get() == "Runs":
        state.PANEL.set(next(one for one in state.PANELS if one == now.panel_before))


def still_dates(is_other_comparison: bool) -> OtherDate | None:
    """What is compared with the page's scene, unless something has ended it."""
    now = held.OTHER_DATE.get()
    if now is not None and (is_other_comparison or state.loaded().whole.digest != now.ground):
        stop_dates()
        return None
    return now


def other_scene(other: OtherDate) -> Scene:
    """The other date whole, its numbers as its user said; raises RecipeError for numbers that cannot be."""
    return with_numbers_of(other.loaded.whole, other.loaded.reading)


def scenes_in_order(scene: Scene, other: OtherDate) -> tuple[Scene, Scene]:
    """Both dates, the first one first."""
    there = other.loaded.whole
    return (there, scene) if is_later(scene, there) else (scene, there)


def date_names(scene: Scene, other: OtherDate) -> tuple[str, str]:
    """What both dates are called, the first one first: by their days where these differ, else by their titles."""
    pair = scenes_in_order(scene, other)
    days = [text.day(one.date) if one.date else "" for one in pair]
    titles = [one.title[:_MOST_LETTERS] for one in pair]
    if days[0] == days[1]:
        return titles[0], titles[1] if titles[0] != titles[1] else f"{titles[1]} (2)"
    return days[0] or titles[0], days[1] or titles[1]


def _drop_job() -> None:
    job = held.DATES_JOB.pop()
    if job is not None:
        job[1].cancel()
