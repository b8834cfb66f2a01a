"""One search of a catalogue as the window holds it: scenes first, then pictures and clouds over the ground."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from s2dash.core.types import CancelToken, Progress
from s2dash.errors import InputError, UnreadableValue
from s2dash.find.catalogue import Catalogue
from s2dash.find.items import FoundScene
from s2dash.find.places import Box
from s2dash.find.towns import towns_within
from s2dash.server.jobs import Job
from s2dash.server.turns import Turns
from s2dash.ui.find.small_map import MOST_TOWNS, extent_of, small_map
from s2dash.ui.session import page_is_open

if TYPE_CHECKING:
    from s2dash.find.door import Door

MOST_SCENES = 30
_MOST_FAULTS = 3
"""So many small pictures may fail; a server that gives none is not asked for all of them."""
SEARCH_TURNS = Turns(4)
"""Of searches, for all sessions of this process."""


@dataclass(frozen=True)
class Ground:
    """Where somebody looks."""

    box: Box
    name: str
    """As scenes of it are called; empty where nobody has named it."""


@dataclass
class _Known:
    """What the thread has found so far."""

    scenes: tuple[FoundScene, ...] | None = None
    thumbnails: dict[str, str] = field(default_factory=dict)
    map: str = ""


class Finding:
    """One search; it is cancelled when nobody holds this any more."""

    def __init__(
        self, ground: Ground, days: tuple[date | None, date | None], most_cloud: float, catalogue: Catalogue
    ) -> None:
        """Begin.

        Parameters
        ----------
        days : the first and the last; None for any
        most_cloud : percent of a tile
        """
        self.ground, self.catalogue = ground, catalogue
        known = _Known()
        self._known = known

        def work(folder: Path, progress: Progress, cancel: CancelToken) -> None:
            # Here, as what asks catalogues takes a second to load.
            from s2dash.find.door import door_to
            from s2dash.find.search import Query, search

            query = Query(ground.box, *days, most_cloud, MOST_SCENES)
            with door_to(catalogue.hosts) as door:
                progress(0.2, "Asking the catalogue")
                found = search(query, catalogue, door)
                known.map = _map_of(found, ground)
                known.scenes = found
                _see(known, door, progress, cancel)
                _look_at_clouds(known, ground, catalogue, door, progress)

        self.job: Job[None] = Job(work, "s2dash-find-", SEARCH_TURNS).start(page_is_open())
        weakref.finalize(self, self.job.cancel)

    @property
    def scenes(self) -> tuple[FoundScene, ...] | None:
        """What there is, the newest first; None until it is known."""
        return self._known.scenes

    @property
    def map(self) -> str:
        """Where they lie, as SVG; empty where there is none."""
        return self._known.map

    @property
    def thumbnails(self) -> Mapping[str, str]:
        """Addresses of small pictures by the id of their scene, as far as they have come."""
        return dict(self._known.thumbnails)

    @property
    def error(self) -> BaseException | None:
        """What stopped the search before it found anything."""
        return self.job.error if self.job.is_done and self.scenes is None else None


def _map_of(scenes: tuple[FoundScene, ...], ground: Ground) -> str:
    """Empty where somewhere on the way it leaves the map, such as across the antimeridian."""
    with suppress(UnreadableValue):
        return small_map(scenes, ground.box, towns_within(extent_of(scenes, ground.box), MOST_TOWNS))
    return ""


def _see(known: _Known, door: Door, progress: Progress, cancel: CancelToken) -> None:
    """Fetch the small pictures; a scene without one is none the worse."""
    from s2dash.find.thumbnails import thumbnail

    scenes, faults = known.scenes or (), 0
    for number, scene in enumerate(scenes, 1):
        cancel.check()
        try:
            found = thumbnail(scene, door)
        except InputError:
            found, faults = None, faults + 1
        if found is not None:
            known.thumbnails[scene.id] = found
        if faults == _MOST_FAULTS:
            return
        progress(0.2 + 0.6 * number / len(scenes), "Fetching small pictures")


def _look_at_clouds(known: _Known, ground: Ground, catalogue: Catalogue, door: Door, progress: Progress) -> None:
    """Say how much of the ground itself is cloud; where that cannot be read, what is said of the tile stays."""
    from s2dash.find.clouds import with_area_clouds
    from s2dash.find.search import renewal

    progress(0.8, "Looking at the clouds over your ground")
    with suppress(InputError):
        known.scenes = with_area_clouds(known.scenes or (), ground.box, door, renewal(catalogue, door))
