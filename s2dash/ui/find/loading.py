"""Loading what was found: fetched by the door, then read as any file that somebody brings, by the confined process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from s2dash.core.scene_reading import SceneReading
from s2dash.core.types import CancelToken, Progress
from s2dash.errors import UnreadableFile
from s2dash.find.catalogue import Catalogue
from s2dash.find.items import SCL, FoundScene
from s2dash.raster.door import GDAL_ERRORS
from s2dash.server.jobs import Job
from s2dash.server.turns import Turns
from s2dash.ui.find.finding import Ground
from s2dash.ui.loaded import Brought, Loaded
from s2dash.ui.session import page_is_open
from s2dash.ui.state import Incoming
from s2dash.ui.uploads import begin, ingested, is_small, safe_file_name

if TYPE_CHECKING:
    from s2dash.find.cutting import Renewed
    from s2dash.find.door import Door

LOAD_TURNS = Turns(2)
"""Of loading, for all sessions of this process."""
_FETCHED_SHARE = 0.8


@dataclass(frozen=True)
class Wanted:
    """What is loaded, and from where."""

    scenes: tuple[FoundScene, ...]
    names: tuple[str, ...]
    """Of bands; the scene classification comes with them where every scene has it."""
    ground: Ground
    pixel_m: int
    catalogue: Catalogue

    @property
    def bands(self) -> tuple[str, ...]:
        """With the scene classification."""
        has_classes = all(any(band.name == SCL for band in scene.bands) for scene in self.scenes)
        return (*self.names, SCL) if has_classes else self.names


def load_scene(incoming: Incoming, wanted: Wanted) -> None:
    """Begin to load the one scene that is wanted; `follow(incoming)` gives it."""

    def work(folder: Path, progress: Progress, cancel: CancelToken) -> Loaded:
        scene = wanted.scenes[0]
        path = folder / file_name(scene, wanted.ground)
        with _writing():
            fetch_cut(scene, wanted, path, _part(progress, cancel, 0.0, _FETCHED_SHARE), cancel)
        return _read(path, title_of(scene, wanted.ground), folder, progress, cancel)

    begin(incoming, work, "s2dash-found-")


def load_composite(incoming: Incoming, wanted: Wanted) -> None:
    """Begin to load one picture without clouds of the dates that are wanted; `follow(incoming)` gives it."""

    def work(folder: Path, progress: Progress, cancel: CancelToken) -> Loaded:
        from s2dash.find.composite import write_median

        title = f"{title_of(wanted.scenes[0], wanted.ground)}, {len(wanted.scenes)} dates"
        path = folder / safe_file_name(f"{title}.tif".replace("/", " "))
        tell = _part(progress, cancel, 0.0, _FETCHED_SHARE)
        with _writing(), _asking(wanted, tell, cancel) as (door, renewed):
            ground = wanted.ground.box
            write_median(wanted.scenes, wanted.names, ground, wanted.pixel_m, path, door, tell, renewed)
        return _read(path, title, folder, progress, cancel)

    begin(incoming, work, "s2dash-found-")


def files_job(wanted: Wanted) -> Job[tuple[Path, ...]]:
    """A job, begun, that loads each of the scenes that are wanted into a file of its own."""

    def work(folder: Path, progress: Progress, cancel: CancelToken) -> tuple[Path, ...]:
        paths = tuple(folder / file_name(scene, wanted.ground, with_tile=True) for scene in wanted.scenes)
        for number, (scene, path) in enumerate(zip(wanted.scenes, paths, strict=True)):
            start, end = (n / len(paths) for n in (number, number + 1))
            with _writing():
                fetch_cut(scene, wanted, path, _part(progress, cancel, start, end), cancel)
        return paths

    return Job(work, "s2dash-found-").start(page_is_open())


def fetch_cut(scene: FoundScene, wanted: Wanted, out: Path, progress: Progress, cancel: CancelToken) -> None:
    """Write the ground and bands of a scene; raises as `find.cutting.write_cut`, and Cancelled."""
    from s2dash.find.cutting import write_cut

    with _asking(wanted, progress, cancel) as (door, renewed):
        write_cut(scene, wanted.bands, wanted.ground.box, wanted.pixel_m, out, door, progress, renewed)


@contextlib.contextmanager
def _asking(wanted: Wanted, progress: Progress, cancel: CancelToken) -> Iterator[tuple[Door, Renewed]]:
    """A door to the servers, once few enough others are loading, and what says new addresses of a scene."""
    from s2dash.find.door import door_to
    from s2dash.find.search import renewal

    progress(0.0, "Waiting for the server of the pictures")
    with LOAD_TURNS(cancel), door_to(wanted.catalogue.hosts) as door:
        yield door, renewal(wanted.catalogue, door)


def title_of(scene: FoundScene, ground: Ground) -> str:
    """What a scene is called on the page, which says the day beside it."""
    return ground.name or (f"Tile {scene.tile}" if scene.tile else "Your scene")


def file_name(scene: FoundScene, ground: Ground, with_tile: bool = False) -> str:
    """`Ulm-2024-07-30.tif`, or `Ulm-2024-07-30-32UNU.tif`, with plain characters only."""
    tile = f"-{scene.tile}" if with_tile and ground.name and scene.tile else ""
    return safe_file_name(f"{title_of(scene, ground)}-{scene.date}{tile}.tif".replace("/", " "))


def _read(path: Path, title: str, folder: Path, progress: Progress, cancel: CancelToken) -> Loaded:
    """The file as a scene, which keeps it where it is small enough for a pack."""
    brought = Brought((path,), (path.name,), can_stay=True)
    found = ingested(brought, SceneReading(), folder, _part(progress, cancel, _FETCHED_SHARE, 1.0), cancel, title)
    if is_small(brought):
        return replace(found, brought=brought)
    path.unlink()
    return found


def _part(progress: Progress, cancel: CancelToken, start: float, end: float) -> Progress:
    """Tells how far a part of the work is, and stops it where that is asked for."""

    def tell(share: float, what: str) -> None:
        cancel.check()
        progress(start + share * (end - start), what)

    return tell


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    """Says in words that a file of ours could not be written."""
    try:
        yield
    except (OSError, *GDAL_ERRORS) as error:
        raise UnreadableFile("The server has no room for this picture. Tell whoever runs it.") from error
