"""A run over many scenes on a thread, as the dialog `Many scenes` holds it."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from s2dash import ingest
from s2dash.batch import Given, Opener, Plan, RecipeChoice, Report, SceneReport, gather_sources, run_batch, write_zip
from s2dash.batch.change import Change, find_change, read_dated_map
from s2dash.batch.manifest import Finished
from s2dash.core.scene import Scene
from s2dash.core.types import CancelToken, Progress
from s2dash.errors import S2DashError
from s2dash.raster.location import Location
from s2dash.server.jobs import Job
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui.session import page_is_open
from s2dash.ui.two_dates.looks import write_look
from s2dash.ui.two_dates.pictures import Thumbnails, thumbnails

_MOST_THUMBNAIL_BYTES = 500_000
"""Of all scenes together: they go to the browser with the table."""


class Batch:
    """One run over many scenes, on a thread; it is cancelled when nobody holds this any more."""

    def __init__(
        self,
        paths: Sequence[Path],
        answer: LiveAnswer,
        given: Given | None,
        mosaic: str,
        held: object,
        names: Mapping[Path, str] | None = None,
    ) -> None:
        """Begin; `names` are what files were called where they came from."""
        sources = gather_sources(paths)
        recipe = answer.result.recipe
        states = {source.name: SceneReport(source, "waiting") for source in sources}
        self.states = states
        """How far each scene is, by name."""
        seen: dict[str, Thumbnails] = {}
        self.thumbnails: Mapping[str, Thumbnails] = seen
        """Of the scenes that are finished, by name, as long as there is room."""

        def work(folder: Path, progress: Progress, cancel: CancelToken) -> Report:
            def note(report: SceneReport) -> None:
                states[report.source.name] = report
                _look(report, folder, seen)

            choice = RecipeChoice(lambda scene: recipe, recipe.to_json())
            opener = Opener(partial(_opened, names or {}, {one.location: look_of(folder, one.name) for one in sources}))
            plan = Plan(sources, folder / "out", opener, choice, given=given, mosaic=mosaic)
            return run_batch(plan, progress, cancel, note)

        self.job: Job[Report] = Job(work, "s2dash-batch-").start(page_is_open())
        self._held = held
        self._changes: dict[tuple[str, str], Job[Change]] = {}
        weakref.finalize(self, self.job.cancel)

    def zip_bytes(self) -> bytes:
        """All outputs of a finished run."""
        path = self.job.folder.path / "classes.zip"
        write_zip(self.job.result(), self.job.folder.path / "out", path)
        return path.read_bytes()

    def look_of(self, name: str) -> Path:
        """Where the picture of a scene lies, if it has one."""
        return look_of(self.job.folder.path, name)

    def classes_of(self, finished: Finished) -> Path:
        """Where the class map of a finished scene lies."""
        return _classes_of(self.job.folder.path, finished)

    def change(self, before: Finished, after: Finished) -> Job[Change]:
        """What changed from one finished scene to another, on a thread; begun where nobody has asked yet."""
        pair = before.name, after.name
        if pair not in self._changes:
            first, second = (read_dated_map(self.classes_of(one), one.title, one.date) for one in (before, after))
            job = Job(lambda _, progress, cancel: find_change(first, second, progress, cancel), "s2dash-change-")
            self._changes[pair] = job.start(page_is_open())
        return self._changes[pair]


def _look(report: SceneReport, folder: Path, seen: dict[str, Thumbnails]) -> None:
    """Make the thumbnails of a scene that has just been finished; a scene without them is none the worse."""
    finished = report.finished
    if finished is None or sum(len(one) for pair in seen.values() for one in pair) > _MOST_THUMBNAIL_BYTES:
        return
    with suppress(S2DashError):
        seen[finished.name] = thumbnails(look_of(folder, finished.name), _classes_of(folder, finished))


def _classes_of(folder: Path, finished: Finished) -> Path:
    return folder / "out" / finished.files[0][0]


def look_of(folder: Path, name: str) -> Path:
    """Where in a batch's folder the picture of a scene is kept."""
    return folder / "looks" / f"{name}.tif"


def _opened(
    names: Mapping[Path, str],
    looks: Mapping[Location, Path],
    given: Location,
    folder: Path,
    progress: Progress,
    cancel: CancelToken,
) -> Scene:
    """A stranger's file, rewritten like any upload, its picture kept; errors call it as its user does."""
    called = [name for path, name in names.items() if path == given.path]
    scene = ingest.ingest(given, folder, progress=progress, cancel=cancel, names=called or None)
    if given in looks:
        looks[given].parent.mkdir(exist_ok=True)
        write_look(scene, looks[given])
    return scene
