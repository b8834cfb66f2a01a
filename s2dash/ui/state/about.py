"""What a page's session holds of what its user says of maps, once for all that is handed over of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Literal

from s2dash.core.about import About
from s2dash.core.scene import Scene
from s2dash.export.handover import OutlineChoice
from s2dash.ingest import proposed_about
from s2dash.ui.session import Control, Field, kept_control
from s2dash.ui.state.scene import loaded

AboutField = Literal["title", "place", "date", "author", "notes"]
SAID: Field[Mapping[str, About]] = Field("said of maps", {})
"""By what tells their scenes apart whatever is left out of them; what was said last at the end."""
_MOST_SCENES = 100


def about() -> About:
    """What is said of maps of the scene in use; what is known of it, and who spoke last, where nothing is yet."""
    said, scene = SAID.get(), loaded().scene
    found = said.get(_key(scene))
    if found is not None:
        return found
    author = next((one.author for one in reversed(tuple(said.values()))), "")
    return proposed_about(scene).saying(author=author)


def put_about(said: About) -> None:
    """Have this said of maps of the scene in use."""
    key = _key(loaded().scene)
    others = [(one, words) for one, words in SAID.get().items() if one != key]
    SAID.set(dict([*others[1 - _MOST_SCENES :], (key, said)]))


def about_control(field: AboutField) -> Control[str]:
    """One of its fields."""

    def put(words: str) -> None:
        put_about(about().saying(**{field: words}))

    return Control(f"about {field}", lambda: getattr(about(), field), put)


def outline_choice() -> OutlineChoice:
    """How patches of maps of the scene in use become polygons."""
    return OutlineChoice(OUTLINE_LEAST.get(), OUTLINE_SMOOTH.get())


def _least_ha() -> float:
    chosen = _LEAST_CHOSEN.get()
    return chosen if chosen is not None else _LEAST_OF_LARGE_HA if loaded().scene.live_step > 1 else 0.0


_LEAST_CHOSEN: Field[float | None] = Field("outlines: least patch chosen", None)
_LEAST_OF_LARGE_HA = 0.5
"""A full tile falls into a million patches, of which most are specks."""
OUTLINE_LEAST = Control[float]("outlines: least patch", _least_ha, _LEAST_CHOSEN.set)
OUTLINE_SMOOTH = kept_control("outlines: smooth", False)


def _key(scene: Scene) -> str:
    facts = (scene.title, scene.date, tuple(scene.grid.transform), tuple(scene.grid.shape_rc))
    return hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
