"""A run over many scenes on a thread, as the dialog `Many scenes` holds it."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from s2dash import ingest
from s2dash.batch import Given, Opener, Plan, RecipeChoice, Report, SceneReport, gather_sources, run_batch, write_zip
from s2dash.core.scene import Scene
from s2dash.core.types import CancelToken, Progress
from s2dash.raster.location import Location
from s2dash.server.jobs import Job
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui.session import page_is_open


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

        def note(report: SceneReport) -> None:
            states[report.source.name] = report

        def work(folder: Path, progress: Progress, cancel: CancelToken) -> Report:
            choice = RecipeChoice(lambda scene: recipe, recipe.to_json())
            plan = Plan(
                sources, folder / "out", Opener(partial(_opened, names or {})), choice, given=given, mosaic=mosaic
            )
            return run_batch(plan, progress, cancel, note)

        self.job: Job[Report] = Job(work, "s2dash-batch-").start(page_is_open())
        self._held = held
        weakref.finalize(self, self.job.cancel)

    def zip_bytes(self) -> bytes:
        """All outputs of a finished run."""
        path = self.job.folder.path / "classes.zip"
        write_zip(self.job.result(), self.job.folder.path / "out", path)
        return path.read_bytes()


def _opened(names: Mapping[Path, str], given: Location, folder: Path, progress: Progress, cancel: CancelToken) -> Scene:
    """A stranger's file, rewritten like any upload; errors call it as its user does."""
    called = [name for path, name in names.items() if path == given.path]
    return ingest.ingest(given, folder, progress=progress, cancel=cancel, names=called or None)
