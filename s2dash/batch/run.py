"""The run over many scenes: learn the classes once, label one scene after another, then table and mosaic.

Each scene's outputs are made elsewhere and moved into place, and the manifest is written after each, so
that whatever stops a run, what is finished stays and the next run goes on from there.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

from s2dash import __version__
from s2dash.batch import mosaic
from s2dash.batch import pool as pools
from s2dash.batch.manifest import Finished, Fit, Manifest, MosaicEntry, TableRow, are_there, load_manifest
from s2dash.batch.pool import Pool, Pooling
from s2dash.batch.sources import Source, source_digest
from s2dash.batch.table import write_tables
from s2dash.classify import pipeline
from s2dash.classify.algorithms import load_libraries
from s2dash.classify.pipeline import Fitted
from s2dash.classify.prepare import of_numbers
from s2dash.core import palette
from s2dash.core.classmap import Result
from s2dash.core.legend import Legend, LegendEntry, default_legend
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Scene
from s2dash.core.types import CancelToken, Progress, no_progress
from s2dash.errors import Cancelled, ClusterError, InputError, OutputConflict, S2DashError, UnknownName, UnreadableFile
from s2dash.export.contents import class_facts, one_line, staged
from s2dash.export.geotiff import sidecar_path, write_geotiff_and_sidecar
from s2dash.raster.door import GDAL_ERRORS
from s2dash.raster.location import Location, paths_of, require_unchanged
from s2dash.settings import BATCH_LIMITS

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

FIT_ON_ALL = "all"
MOSAICS = (*mosaic.KINDS, "none")
RECIPE_NAME = "recipe.json"
_SAMPLE_NAME = "batch-sample.npz"
_WORK_NAME = ".s2dash-batch"
_OPENING, _LEARNING = 0.7, 0.9
"""Shares of a scene's step after which it is open, in labelling and in learning."""


@dataclass(frozen=True)
class Opener:
    """How scenes are opened."""

    open: Callable[[Location, Path, Progress, CancelToken], Scene]
    """From the source's location, with a folder for what is rewritten; the folder does not exist yet."""
    key: str = ""
    """Says what the user changed about how files are understood: another key, another scene."""


@dataclass(frozen=True)
class RecipeChoice:
    """Where the recipe comes from."""

    make: Callable[[Scene], Recipe]
    """From the first scene that the classes are learnt from."""
    key: str
    """Of all that it depends on beside that scene."""


@dataclass(frozen=True, eq=False)
class Given:
    """Classes that exist already, to be applied to all scenes."""

    fitted: Fitted
    legend: Legend


@dataclass(frozen=True, eq=False)
class Plan:
    """What a batch is to do."""

    sources: tuple[Source, ...]
    out: Path
    opener: Opener
    recipe: RecipeChoice
    fit_on: Source | None = None
    """The one scene to learn from; None for a pooled sample of all."""
    given: Given | None = None
    """Classes to use instead of learning any."""
    mosaic: str = "vrt"
    """One of MOSAICS."""
    again: bool = False
    """Whether to do again what is finished."""


@dataclass(frozen=True)
class SceneReport:
    """How far a scene is, or how it ended."""

    source: Source
    state: str
    """`waiting`, `learning`, `labelling`, `done`, `unchanged` or `failed`."""
    error: str = ""
    """Why it failed, in plain words."""
    finished: Finished | None = None


Watch = Callable[[SceneReport], None]
"""Told of each change."""


@dataclass(frozen=True)
class Report:
    """How a batch ended."""

    scenes: tuple[SceneReport, ...]
    recipe: Recipe | None
    files: tuple[str, ...]
    """Names of table, recipe and mosaics in the folder."""
    notes: tuple[str, ...]
    was_stopped: bool = False

    @property
    def failed(self) -> tuple[SceneReport, ...]:
        return tuple(one for one in self.scenes if one.state == "failed")

    @property
    def finished(self) -> tuple[Finished, ...]:
        return tuple(one.finished for one in self.scenes if one.finished is not None)


def run_batch(
    plan: Plan,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
    watch: Watch | None = None,
    executor: Executor | None = None,
) -> Report:
    """Label every scene of the plan with the same classes, and write all outputs to its folder.

    A scene that cannot be used is reported and does not stop the others. Where `cancel` asks to stop,
    finished scenes stay, nothing half-made is left, and the report says so.

    Parameters
    ----------
    executor : runs the windows of large scenes, as for `pipeline.run_full`

    Raises OutputConflict where the folder cannot be used, RecipeError or InputError where no scene is left
    to learn the classes from.
    """
    _prepare_folder(plan)
    with _locked(plan.out) as work:
        # Workers of a cluster reach the outputs' folder, but not this machine's folder of temporary files.
        place = None if executor is None else work
        with tempfile.TemporaryDirectory(prefix="s2dash-", dir=place) as scratch:
            return _Run(plan, work, Path(scratch), progress, cancel or CancelToken(), watch, executor).all()


class _Run:
    """One run of a plan."""

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
        self._plan, self._work, self._cancel, self._executor = plan, work, cancel, executor
        self._tell, self._watch = progress, watch
        self._shelf = _Shelf(plan.opener, scratch, cancel)
        self._scratch = scratch
        last = load_manifest(plan.out)
        self._before = dict(last.finished)
        self._manifest = Manifest(mosaic=last.mosaic) if plan.again else last
        self._reports = {source.name: SceneReport(source, "waiting") for source in plan.sources}
        self._digests: dict[str, str] = {}
        self._errors: dict[str, S2DashError] = {}
        self._steps, self._steps_done = 1, 0

    def all(self) -> Report:
        try:
            self._look()
            recipe, legend = self._label_all()
            files, notes = self._conclude(recipe, legend)
        except Cancelled:
            done = [report.finished for report in self._reports.values() if report.finished is not None]
            written = write_tables(done, self._plan.out) if done else ()
            reports = tuple(
                report if report.finished or report.state == "failed" else replace(report, state="waiting")
                for report in self._reports.values()
            )
            return Report(reports, self._manifest.recipe, written, (), was_stopped=True)
        return Report(tuple(self._reports.values()), recipe, files, notes)

    # ---- which scenes

    def _look(self) -> None:
        for source in self._plan.sources:
            with self._failing_alone(source):
                self._digests[source.name] = _digest(source_digest(source), self._plan.opener.key)

    def _left(self) -> list[Source]:
        return [source for source in self._plan.sources if self._reports[source.name].state != "failed"]

    # ---- the classes

    def _label_all(self) -> tuple[Recipe, Legend]:
        given = self._plan.given
        if given is not None:
            recipe = given.fitted.recipe
            names = " ".join(f"{entry.name} {entry.colour}" for entry in given.legend.entries)
            model = _digest(given.fitted.scene.digest, given.fitted.fitted_on, names)
            self._manifest = replace(self._manifest, recipe=recipe, recipe_key="", fit=None)
            self._steps = len(self._left())
            return recipe, self._label_by(lambda: (given.fitted, given.legend), recipe, model)
        recipe, pool = self._learn()
        return recipe, self._label_by(lambda: _fitted(recipe, pool), recipe, pool.scene.digest)

    def _learn(self) -> tuple[Recipe, Pool]:
        """The recipe and the pooled sample; the last run's where nothing that they depend on has changed."""
        learn_from = sorted(self._left(), key=lambda source: source.name)
        if self._plan.fit_on is not None:
            learn_from = [source for source in learn_from if source == self._plan.fit_on]
        self._steps = len(learn_from) + len(self._left())
        recipe = self._recipe(learn_from)
        known = self._manifest.fit.pooled if self._manifest.fit and self._manifest.recipe == recipe else ()
        new = [source for source in learn_from if self._digests[source.name] not in known]
        pooling = Pooling(recipe)
        taken = [source for source in new if self._add(pooling, source, recipe)]
        rest = [source for source in learn_from if source not in new]
        kept = None
        if self._manifest.fit and not taken and {self._digests[source.name] for source in rest} == set(known):
            kept = pools.load(self._plan.out / _SAMPLE_NAME, self._manifest.fit.facts)
        if kept is None:
            taken += [source for source in rest if self._add(pooling, source, recipe)]
            kept = self._pooled(pooling, taken, recipe)
        else:
            self._steps_done += len(rest)
        return recipe, kept

    def _recipe(self, learn_from: Sequence[Source]) -> Recipe:
        """The recipe, from the first of these scenes that can be opened and has what it asks for."""
        for source in learn_from:
            key = _digest(self._plan.recipe.key, self._digests[source.name])
            if self._manifest.recipe is not None and self._manifest.recipe_key == key:
                return self._manifest.recipe
            scene = None
            with self._failing_alone(source):
                self._report(source, "learning")
                scene = self._shelf.get(source, self._progress_of(source, 0.0, _OPENING))
            if scene is None:
                continue
            try:
                recipe = self._plan.recipe.make(scene)
            except UnknownName as error:  # of a band that this scene lacks; the next one may have it
                self._fail(source, error)
                continue
            fit = self._manifest.fit if recipe == self._manifest.recipe else None
            self._manifest = replace(self._manifest, recipe_key=key, recipe=recipe, fit=fit)
            return recipe
        raise self._nothing_left()

    def _add(self, pooling: Pooling, source: Source, recipe: Recipe) -> bool:
        """Take a scene's sample into the pool; False where it has failed."""
        if self._reports[source.name].state == "failed":
            return False
        with self._failing_alone(source):
            self._report(source, "learning")
            progress = self._progress_of(source, 0.0, _LEARNING)
            scene = self._shelf.get(source, progress)
            pipeline.resolve(scene, recipe)
            progress(1.0, "Drawing pixels to learn from")
            prepared = pipeline.prepare(scene, recipe)
            pooling.add(prepared.scene, pipeline.sample_of(prepared))
            self._cancel.check()
            self._shelf.put_back(source)
            self._report(source, "waiting")
            self._steps_done += 1
            return True
        return False

    def _pooled(self, pooling: Pooling, taken: Sequence[Source], recipe: Recipe) -> Pool:
        pool = pooling.pool()
        if pool is None:
            raise self._nothing_left()
        with staged(self._plan.out / _SAMPLE_NAME) as path:
            pool.save(path)
        fit = Fit(tuple(sorted(self._digests[source.name] for source in taken)), pool.facts())
        self._manifest = replace(self._manifest, recipe=recipe, fit=fit)
        self._manifest.save(self._plan.out)
        return pool

    def _nothing_left(self) -> S2DashError:
        """Why there is no scene to learn the classes from."""
        one = self._plan.fit_on
        errors = [error for name, error in self._errors.items() if one is None or name == one.name]
        if not errors:
            return InputError("There is no scene to work on. Give GeoTIFF files, zips or .SAFE folders.")
        return (
            errors[0]
            if len(errors) == 1
            else InputError(f"None of the {len(errors)} scenes can be used. The first one: {errors[0]}")
        )

    # ---- the labels

    def _label_by(self, model: Callable[[], tuple[Fitted, Legend]], recipe: Recipe, model_digest: str) -> Legend:
        wanted = {
            source.name: _digest(self._digests[source.name], recipe.to_json(), model_digest, __version__)
            for source in self._left()
        }
        current = {
            name: done
            for name, done in self._manifest.finished.items()
            if done.digest == wanted.get(name) and are_there(done.files, self._plan.out)
        }
        self._manifest = replace(self._manifest, finished=current)
        todo = [source for source in self._left() if source.name not in current]
        self._steps = self._steps_done + len(todo)
        for source in self._left():
            if source.name in current:
                self._report(source, "unchanged", finished=current[source.name])
        if not todo:
            rows = next(iter(current.values())).rows if current else ()
            return Legend(tuple(LegendEntry(row.id, row.name, row.colour) for row in rows))
        self._say(todo[0], 0.0, "Learning the groups")
        load_libraries()
        fitted, legend = model()
        self._remove_outdated(recipe)
        for source in todo:
            self._cancel.check()
            with self._failing_alone(source):
                self._report(source, "labelling")
                finished = self._label(source, fitted, legend, wanted[source.name])
                self._manifest = self._manifest.with_finished(finished)
                self._manifest.save(self._plan.out)
                self._report(source, "done", finished=finished)
                self._steps_done += 1
        return legend

    def _remove_outdated(self, recipe: Recipe) -> None:
        """Remove what an earlier run made of these scenes by another fit: its numbers would mean something else."""
        names = {source.name for source in self._plan.sources} - set(self._manifest.finished)
        outdated = [finished.files for name, finished in self._before.items() if name in names]
        if not outdated:
            return
        out, mosaic_files = self._plan.out, self._manifest.mosaic.files if self._manifest.mosaic else ()
        self._manifest = replace(self._manifest, mosaic=None)
        self._manifest.save(out)
        for name, _ in (*(file for files in outdated for file in files), *mosaic_files):
            (out / name).unlink(missing_ok=True)
        self._write_recipe(recipe)

    def _write_recipe(self, recipe: Recipe) -> None:
        with staged(self._plan.out / RECIPE_NAME) as path:
            path.write_text(recipe.to_json() + "\n", encoding="utf-8")

    def _labels_of(self, source: Source) -> Path:
        """Where a scene's labels are put together; parts that a lost cluster leaves there are found by the next run."""
        if self._executor is None:
            return self._scratch / "labels.tif"
        return self._plan.out / f".s2dash-{source.name}.labels"

    def _label(self, source: Source, fitted: Fitted, legend: Legend, digest: str) -> Finished:
        labels_path = self._labels_of(source)
        try:
            return self._labelled(source, fitted, legend, digest, labels_path)
        finally:
            labels_path.unlink(missing_ok=True)

    def _labelled(self, source: Source, fitted: Fitted, legend: Legend, digest: str, labels_path: Path) -> Finished:
        is_open = self._shelf.has(source)
        scene = self._shelf.get(source, self._progress_of(source, 0.0, _OPENING))
        own = fitted.on(scene)
        progress = self._progress_of(source, 0.0 if is_open else _OPENING, 1.0)
        progress(0.0, "Grouping pixels")
        result = (
            pipeline.run_live(own)
            if own.scene.live_step == 1
            else pipeline.run_full(own, labels_path, progress, self._cancel, self._executor)
        )
        require_unchanged(own.scene.locations)
        self._cancel.check()
        made = self._work / f"{source.name}-classes.tif"
        write_geotiff_and_sidecar(result, legend, made)
        self._cancel.check()
        files = []
        for path in (made, sidecar_path(made)):
            files.append((path.name, path.stat().st_size))
            os.replace(path, self._plan.out / path.name)
        self._shelf.drop(source)
        rows = _rows(source, result, legend)
        return Finished(source.name, digest, tuple(files), result.scene.attribution, rows, result.warnings)

    # ---- table, recipe and mosaic

    def _conclude(self, recipe: Recipe, legend: Legend) -> tuple[tuple[str, ...], tuple[str, ...]]:
        out = self._plan.out
        done = [report.finished for report in self._reports.values() if report.finished is not None]
        if not done:
            self._manifest.save(out)
            return (), ()
        files = write_tables(done, out)
        self._write_recipe(recipe)
        made = self._mosaic(done, recipe, legend)
        before = self._manifest.mosaic.files if self._manifest.mosaic else ()
        self._manifest = replace(self._manifest, mosaic=made)
        self._manifest.save(out)
        for name, _ in before:
            if name not in dict(made.files):
                (out / name).unlink(missing_ok=True)
        self._tell(1.0, "Done")
        return (*files, RECIPE_NAME, *(name for name, _ in made.files)), made.notes

    def _mosaic(self, done: Sequence[Finished], recipe: Recipe, legend: Legend) -> MosaicEntry:
        kind, out = self._plan.mosaic, self._plan.out
        # By name, so that the order in which scenes are given does not decide where they overlap.
        pieces = sorted(done, key=lambda finished: finished.name)
        key = _digest(kind, *(f"{finished.name} {finished.digest} {finished.files[0][1]}" for finished in pieces))
        last = self._manifest.mosaic
        if last is not None and last.digest == key and are_there(last.files, out):
            return last
        if kind == "none":
            return MosaicEntry(key, (), ())
        self._tell(0.99, "Making the mosaic")
        mosaics, notes = mosaic.plan_mosaics([out / finished.files[0][0] for finished in pieces])
        sources = sorted({finished.attribution for finished in done if finished.attribution})
        tags = {
            **({"ATTRIBUTION": one_line("; ".join(sources))} if sources else {}),
            "S2DASH_VERSION": __version__,
            "S2DASH_RECIPE": recipe.to_json(),
            **{f"CLASS_{entry.id}": entry.name for entry in legend.entries},
        }
        written: list[Path] = []
        ending = ".vrt" if kind == "vrt" else ".tif"
        for one, name in zip(mosaics, mosaic.mosaic_names(mosaics, ending), strict=True):
            written += mosaic.write_mosaic(one, legend, tags, out / name, self._tell_mosaic, self._cancel)
        return MosaicEntry(key, tuple((path.name, path.stat().st_size) for path in written), notes)

    def _tell_mosaic(self, share: float, what: str) -> None:
        self._tell(0.99, what)

    # ---- telling

    @contextlib.contextmanager
    def _failing_alone(self, source: Source) -> Iterator[None]:
        """A block whose errors are this scene's alone; it ends early then, and the scene has failed."""
        try:
            yield
        except (Cancelled, ClusterError, OutputConflict):
            raise
        except S2DashError as error:
            self._fail(source, error)
        except (*GDAL_ERRORS, OSError) as error:
            self._fail(source, UnreadableFile(_broken(source, error)))

    def _fail(self, source: Source, error: S2DashError) -> None:
        self._errors[source.name] = error
        self._shelf.drop(source)
        self._steps_done += 1
        self._report(source, "failed", error=str(error))

    def _report(self, source: Source, state: str, error: str = "", finished: Finished | None = None) -> None:
        report = self._reports[source.name] = SceneReport(source, state, error, finished)
        if self._watch:
            self._watch(report)

    def _progress_of(self, source: Source, start: float, end: float) -> Progress:
        """Progress of a part of one scene's step, as a part of the whole."""
        return lambda share, what: self._say(source, start + (end - start) * min(1.0, share), what)

    def _say(self, source: Source, share: float, what: str) -> None:
        number = 1 + list(self._reports).index(source.name)
        # One percent is left for the mosaic.
        done = 0.99 * min(1.0, (self._steps_done + share) / max(1, self._steps))
        self._tell(done, f"Scene {number} of {len(self._reports)}, {source.name}: {what}")


class _Shelf:
    """Open scenes: those that had to be rewritten are kept until they are dropped, or space runs short."""

    def __init__(self, opener: Opener, scratch: Path, cancel: CancelToken) -> None:
        self._opener, self._scratch, self._cancel = opener, scratch, cancel
        self._open: dict[str, Scene] = {}

    def has(self, source: Source) -> bool:
        return source.name in self._open

    def get(self, source: Source, progress: Progress) -> Scene:
        """The scene, opened now where it is not open; raises what opening it raises."""
        if source.name not in self._open:
            self._open[source.name] = self._opener.open(source.location, self._folder(source), progress, self._cancel)
        return self._open[source.name]

    def put_back(self, source: Source) -> None:
        """Keep the scene for later where that takes no space, or there is enough."""
        if self._folder(source).exists() and shutil.disk_usage(self._scratch).free < BATCH_LIMITS.free_disk_bytes:
            self.drop(source)

    def drop(self, source: Source) -> None:
        """Forget the scene and remove what was rewritten for it."""
        self._open.pop(source.name, None)
        shutil.rmtree(self._folder(source), ignore_errors=True)

    def _folder(self, source: Source) -> Path:
        return self._scratch / f"scene {source.name}"


def _fitted(recipe: Recipe, pool: Pool) -> tuple[Fitted, Legend]:
    fitted = pipeline.fit_sample(of_numbers(pool.scene, recipe), pool.sample)
    standards = [band.standard for band in pool.scene.bands]
    return fitted, default_legend(palette.class_colours(fitted.mean_reflectance, standards))


def _rows(source: Source, result: Result, legend: Legend) -> tuple[TableRow, ...]:
    return tuple(
        TableRow(source.name, c.id, c.name, c.colour, c.row.count, c.row.share, c.row.area_ha)
        for c in class_facts(result, legend)
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _broken(source: Source, error: Exception) -> str:
    """What to say where reading a scene failed in no way that was foreseen; of a web file without the cause's words."""
    location = source.location
    return f"{location.shown} cannot be read to its end, or is damaged: {location.reason(error)}"


def _prepare_folder(plan: Plan) -> None:
    """Make the output folder; raises OutputConflict where it cannot be, or outputs would write over scenes."""
    out = plan.out
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputConflict(f"The folder {out} cannot be made: {error.strerror}. Give another one.") from error
    for given in paths_of(source.location for source in plan.sources):
        path = given.resolve()
        is_taken = path.name.endswith("-classes.tif") or path.name.startswith("mosaic")
        if path == out.resolve() or (path.parent == out.resolve() and is_taken):
            raise OutputConflict(f"{given} could be written over. Give another folder for the outputs.")


@contextlib.contextmanager
def _locked(out: Path) -> Iterator[Path]:
    """An empty folder within the output folder to make files in, for one run at a time.

    Raises OutputConflict where another run works there, or nothing can be written.
    """
    work = out / _WORK_NAME
    try:
        work.mkdir(exist_ok=True)
        lock = (work / "lock").open("w")
    except OSError as error:
        raise OutputConflict(f"Nothing can be written to {out}: {error.strerror}. Give another folder.") from error
    with lock:
        _lock(lock.fileno(), out)
        for left_behind in set(work.iterdir()) - {work / "lock"}:
            shutil.rmtree(left_behind, ignore_errors=True)
        try:
            with tempfile.TemporaryDirectory(dir=work) as folder:
                yield Path(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _lock(handle: int, out: Path) -> None:
    """Hold a file until it is closed; raises OutputConflict where another process holds it."""
    if fcntl is None:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            return  # the file system has no locks
        raise OutputConflict(f"Another batch is writing to {out}. Wait for it, or give another folder.") from error
