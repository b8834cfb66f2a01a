"""What one run of a batch knows while it goes on: how far each scene is, why it failed, what is finished."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

from s2dash.batch.manifest import Finished, Manifest, load_manifest
from s2dash.batch.plan import Plan, SceneReport, Watch
from s2dash.batch.shelf import Shelf
from s2dash.batch.sources import Source, source_digest
from s2dash.core.edits import ClassEdits
from s2dash.core.recipe import Recipe
from s2dash.core.types import CancelToken, Progress
from s2dash.errors import Cancelled, ClusterError, OutputConflict, S2DashError, UnreadableFile
from s2dash.export.contents import staged
from s2dash.raster.door import GDAL_ERRORS

RECIPE_NAME = "recipe.json"
EDITS_NAME = "edits.json"
OPENING, LEARNING = 0.7, 0.9
"""Shares of a scene's step after which it is open, in labelling and in learning."""


class Ledger:
    """The state of one run of a plan; its parts (`learning`, `labelling`, `concluding`) read and write it."""

    def __init__(
        self,
        plan: Plan,
        work: Path,
        scratch: Path,
        progress: Progress,
        cancel: CancelToken,
        watch: Watch | None,
        executor: Executor | None,
    ) -> None:
        self.plan, self.tell, self.cancel, self.executor = plan, progress, cancel, executor
        self.work, self.scratch = work, scratch
        """Folders for what is made: within the outputs' folder, to be moved from there; and anywhere."""
        self._watch = watch
        self.shelf = Shelf(plan.opener, scratch, cancel)
        last = load_manifest(plan.out)
        self.before = dict(last.finished)
        """What earlier runs finished, by the scene's name."""
        self.manifest = Manifest(mosaic=last.mosaic) if plan.again else last
        self.reports = {source.name: SceneReport(source, "waiting") for source in plan.sources}
        self.digests: dict[str, str] = {}
        self.errors: dict[str, S2DashError] = {}
        self.steps, self.steps_done = 1, 0

    def look(self) -> None:
        """Take the digest of each scene's files; those that cannot be read have failed."""
        for source in self.plan.sources:
            with self.failing_alone(source):
                self.digests[source.name] = digest(source_digest(source), self.plan.opener.key)

    def left(self) -> list[Source]:
        """Scenes that have not failed."""
        return [source for source in self.plan.sources if not self.has_failed(source)]

    def has_failed(self, source: Source) -> bool:
        """Whether the scene cannot be used."""
        return self.reports[source.name].state == "failed"

    def done(self) -> list[Finished]:
        """What is finished, by this run or an earlier one."""
        return [report.finished for report in self.reports.values() if report.finished is not None]

    def save(self) -> None:
        """Write the manifest."""
        self.manifest.save(self.plan.out)

    def write_recipe(self, recipe: Recipe) -> None:
        """Write the recipe beside the class maps."""
        with staged(self.plan.out / RECIPE_NAME) as path:
            path.write_text(recipe.to_json() + "\n", encoding="utf-8")

    def write_edits(self, edits: ClassEdits) -> bool:
        """Write edits with steps or an order there too, else remove an earlier run's; returns whether there are any."""
        path, before = self.plan.out / EDITS_NAME, self.manifest.edits
        if not (edits.steps or edits.order):
            if before and path.is_file() and digest(path.read_text("utf-8", "replace")) == before:
                path.unlink()
            self.manifest = replace(self.manifest, edits="")
            return False
        text = edits.to_json() + "\n"
        with staged(path) as made:
            made.write_text(text, encoding="utf-8")
        self.manifest = replace(self.manifest, edits=digest(text))
        return True

    @contextlib.contextmanager
    def failing_alone(self, source: Source) -> Iterator[None]:
        """A block whose errors are this scene's alone; it ends early then, and the scene has failed."""
        try:
            yield
        except (Cancelled, ClusterError, OutputConflict):
            raise
        except S2DashError as error:
            self.fail(source, error)
        except (*GDAL_ERRORS, OSError) as error:
            self.fail(source, UnreadableFile(_broken(source, error)))

    def fail(self, source: Source, error: S2DashError) -> None:
        """Go on without the scene."""
        self.errors[source.name] = error
        self.shelf.drop(source)
        self.steps_done += 1
        self.report(source, "failed", error=str(error))

    def report(self, source: Source, state: str, error: str = "", finished: Finished | None = None) -> None:
        """Say how far the scene is."""
        report = self.reports[source.name] = SceneReport(source, state, error, finished)
        if self._watch:
            self._watch(report)

    def progress_of(self, source: Source, start: float, end: float) -> Progress:
        """Progress of a part of one scene's step, as a part of the whole."""
        return lambda share, what: self.say(source, start + (end - start) * min(1.0, share), what)

    def say(self, source: Source, share: float, what: str) -> None:
        """Say how far the run is, from the share of this scene's step that is done."""
        number = 1 + list(self.reports).index(source.name)
        # One percent is left for the mosaic.
        done = 0.99 * min(1.0, (self.steps_done + share) / max(1, self.steps))
        self.tell(done, f"Scene {number} of {len(self.reports)}, {source.name}: {what}")


def digest(*parts: str) -> str:
    """One digest of several texts."""
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _broken(source: Source, error: Exception) -> str:
    """What to say where reading a scene failed in no way that was foreseen; of a web file without the cause's words."""
    location = source.location
    return f"{location.shown} cannot be read to its end, or is damaged: {location.reason(error)}"
