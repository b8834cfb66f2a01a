"""The scene that a page has in use, and the files it was made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from s2dash import ingest
from s2dash.core.drawn_area import drawn_in
from s2dash.core.scene import Scene
from s2dash.core.scene_reading import AS_FOUND, Ring, SceneReading


@dataclass(frozen=True, eq=False)
class Loaded:
    """A scene, and what keeps its files alive: they go when nobody holds this any more."""

    scene: Scene
    held: tuple[object, ...] = ()
    brought: Brought | None = None
    """The files it was made of, where some were left out that may still be asked for."""
    reading: SceneReading = AS_FOUND
    """How the files are to be understood; numbers and no data are yet to be applied to the scene."""
    files: tuple[str, ...] = ()
    """What the files were called where they came from; none for a scene of the package."""
    before_area: tuple[str, Scene] | None = None
    """Digest of the scene with its area, and the scene as it was before."""
    pack: ingest.OpenedPack | None = None
    """What was opened where a scene was expected, and is still to be taken up."""
    before_clouds: tuple[str, Scene] | None = None
    """Digest of the scene with its guessed clouds, and the scene as it was before."""

    @property
    def unguessed(self) -> Scene:
        """The scene without guessed clouds: the very one that was there before where it is still known."""
        is_known = self.before_clouds is not None and self.before_clouds[0] == self.scene.digest
        return self.before_clouds[1] if is_known and self.before_clouds else ingest.without_guessed_clouds(self.scene)

    @property
    def whole(self) -> Scene:
        """The scene without its area: the very one that was there before where it is still known."""
        is_known = self.before_area is not None and self.before_area[0] == self.scene.digest
        return self.before_area[1] if is_known and self.before_area else ingest.without_area(self.scene)

    @property
    def drawn(self) -> tuple[Ring, ...]:
        """The polygons of its area where they were drawn on the map; none otherwise."""
        return drawn_in(self.reading)


@dataclass(frozen=True, eq=False)
class Brought:
    """Files on disk, ready to be read."""

    paths: tuple[Path, ...]
    names: tuple[str, ...]
    """What they were called where they came from, with folders."""
    held: tuple[object, ...] = ()
    """What keeps them alive until they have been read."""
    drop: Callable[[], None] = lambda: None
    """Removes them."""
    can_stay: bool = False
    """Whether they may be kept for as long as their scene is shown."""
