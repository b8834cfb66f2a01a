"""Labels in parts: the tasks that any executor's workers run by themselves, from files to files, and their joining.

A task gets a few kilobytes, reads its own windows from the scene's rasters, writes its labels beside the
others' and hands back counts: no pixel travels between processes. A part is a small GeoTIFF with its facts
in a JSON file beside it. Both are moved into place whole, the facts last, so a part that has facts is complete.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import rasterio
from affine import Affine

import s2dash
from s2dash import __version__
from s2dash.core.grid import Grid, class_counts
from s2dash.core.scene import Layer, Scene
from s2dash.core.types import CancelToken, Progress, Window, no_progress, windows
from s2dash.errors import BrokenResult, ClusterError, ClusterLost, UnreadableFile
from s2dash.raster.door import GDAL_ERRORS, make_on_grid, open_raster
from s2dash.raster.location import require_unchanged
from s2dash.raster.reading import SceneReader

T = TypeVar("T")

LabelWindow = Callable[[SceneReader, Window], np.ndarray]
"""Labels of a window, shape (rows, cols), uint8. Picklable: a function of a module, or a `partial` of one."""

WINDOWS_IN_PART = 4
"""Windows below each other that make up a part: fewer files and tasks, and memory still of one window."""

_LOOK_SECONDS = 0.2
"""How often a run looks whether it should stop."""
_STOP_SECONDS, _CANCEL_SECONDS = 5.0, 0.4
"""How long parts that were under way may take to end, after an error and where somebody waits for the cancellation."""
_REMOVE_SECONDS = 60.0
"""For how long parts are removed in the background while workers that were not told in time still write."""
_JOIN_SHARE = 0.05
"""Of a run's progress, for joining the parts."""
_JOB_NAME, _LABELS_NAME = "job.json", "labels.tif"


@runtime_checkable
class Cluster(Protocol):
    """What an executor of several machines offers on top."""

    def share(self, value: T) -> T:
        """Something to give to `submit` in place of the value, which then travels to each worker once."""
        ...

    def check(self) -> None:
        """Raise ClusterLost where nothing that was submitted will come back."""
        ...


@dataclass(frozen=True)
class WindowFacts:
    """What was counted in one window of labels."""

    row: int
    col: int
    counts: tuple[int, ...]
    """Pixels of no data and of each class."""
    area_ha: tuple[float, ...] | None
    """Their true ground area, hectares; None without a place."""


@dataclass(frozen=True)
class PartFacts:
    """A finished part."""

    part: Window
    windows: tuple[WindowFacts, ...]
    file_bytes: int
    seconds: float
    """That reading, labelling and writing took on the worker."""


@dataclass(frozen=True, eq=False, repr=False)
class Job:
    """What all parts of one run share; it goes to each worker once.

    Without a text of its own, as workers log what they were given, and an address may hold a password.
    """

    scene: Scene
    """With absolute paths."""
    class_count: int
    label: LabelWindow
    window_shape_rc: tuple[int, int]
    digest: str
    """Equal digests give equal labels: parts are taken over from an earlier run by it."""
    folder: Path
    """Where the parts are written; the workers and who started the run must all reach it."""
    sizes: tuple[tuple[Path, int], ...]
    """The scene's files and their bytes, as seen by who started the run; without those on web servers, whose paths
    say their version."""
    versions: tuple[tuple[str, str], ...]

    def parts(self) -> list[Window]:
        """The parts that tile the scene's grid, row by row."""
        rows, cols = self.window_shape_rc
        return list(windows(self.scene.grid.shape_rc, (WINDOWS_IN_PART * rows, cols)))


def folder_of(labels_path: Path) -> Path:
    """Where the parts of the labels raster at this path are kept until they are joined."""
    return labels_path.with_name(labels_path.name + ".parts")


def make_job(
    scene: Scene,
    class_count: int,
    label: LabelWindow,
    window_shape_rc: tuple[int, int],
    labels_key: str,
    labels_path: Path,
) -> Job:
    """The job that labels a scene in parts.

    Parameters
    ----------
    scene : as `travelling` gives it
    labels_key : of all that decides the labels, the scene's content included

    Raises ClusterError where a file of the scene is gone.
    """
    key = f"{labels_key} {__version__} {scene.grid.shape_rc} {tuple(window_shape_rc)} {WINDOWS_IN_PART}"
    try:
        sizes = tuple((path, path.stat().st_size) for path in scene.paths)
    except OSError as error:
        raise ClusterError(f"{error.filename} can no longer be read. Open the scene again.") from error
    return Job(
        scene,
        class_count,
        label,
        (int(window_shape_rc[0]), int(window_shape_rc[1])),
        hashlib.sha256(key.encode()).hexdigest(),
        folder_of(labels_path.absolute()),
        sizes,
        running_versions(),
    )


def travelling(scene: Scene) -> Scene:
    """The scene as another process finds it: absolute paths, and nothing that only the live picture needs."""

    def travels(layer: Layer) -> Layer:
        return replace(layer, location=layer.location.absolute())

    layers = tuple(map(travels, scene.layers))
    masks = tuple(replace(mask, layer=travels(mask.layer)) for mask in scene.masks)
    return replace(scene, layers=layers, masks=masks, previews=())


@lru_cache(maxsize=1)
def running_versions() -> tuple[tuple[str, str], ...]:
    """What decides whether two processes understand each other and give the same labels; `none` where absent."""

    def version(package: str) -> str:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            return "none"

    python = ".".join(platform.python_version_tuple()[:2])
    packages = ("distributed", "numpy", "scikit-learn")
    ours = f"{__version__} (code {_code_digest()})"
    return (("s2dash", ours), ("Python", python), *((package, version(package)) for package in packages))


def _code_digest() -> str:
    """Of this package's modules: a checkout moves on while its version stays."""
    folder = Path(s2dash.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        source = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path.relative_to(folder).as_posix()} {len(source)} ".encode() + source)
    return digest.hexdigest()[:8]


def version_words(here: Sequence[tuple[str, str]], there: Sequence[tuple[str, str]]) -> str:
    """How two answers of `running_versions` differ, such as `numpy 2.4.6 here, 2.3.0 there`; empty where equal."""
    found = dict(there)
    unlike = [(name, mine, found.get(name, "none")) for name, mine in here if found.get(name, "none") != mine]
    return "; ".join(f"{name} {mine} here, {theirs} there" for name, mine, theirs in unlike)


def window_facts(grid: Grid, class_count: int, labels: np.ndarray, row: int, col: int) -> WindowFacts:
    """Counts and areas of a window of labels, shape (rows, cols), whose first pixel stands at `row`, `col`."""
    counts = class_counts(labels, class_count)
    area_ha = grid.class_area_ha(labels, class_count, row, col, counts) if grid.has_place else None
    return WindowFacts(
        row, col, tuple(map(int, counts)), None if area_ha is None else tuple(float(area) for area in area_ha)
    )


def make_labels(path: Path | str, grid: Grid) -> rasterio.io.DatasetWriter:
    """Begin a raster of labels on a grid; errors as `door.make_on_grid`."""
    # Read by this program only: zstd is less than half the work of deflate, and smaller.
    return make_on_grid(path, grid, "uint8", block=512, nodata=0, compress="zstd", zstd_level=1)


def label_part(job: Job, part: Window) -> PartFacts:
    """Label one part and write it, with its facts, into the job's folder; runs on a worker.

    Raises ClusterError that names the path where this machine does not see the scene or the folder,
    cannot read or write there, or has other versions.
    """
    started = time.perf_counter()
    _require_same_versions(job)
    _require_visible(job)
    path = _part_path(job.folder, part)
    with _named_errors(f"{path} or the scene"):
        found = []
        with _staged(path) as temporary:
            with make_labels(temporary, _part_grid(job.scene.grid, part)) as out:
                for window, labels in _labelled(job, part):
                    inner = replace(window, row=window.row - part.row, col=window.col - part.col)
                    out.write(labels, 1, window=inner.ranges_rc)
                    found.append(window_facts(job.scene.grid, job.class_count, labels, window.row, window.col))
            size = temporary.stat().st_size
        facts = PartFacts(part, tuple(found), size, time.perf_counter() - started)
        with _staged(_facts_path(job.folder, part)) as temporary:
            temporary.write_text(json.dumps(_facts_dict(job.digest, facts)), encoding="utf-8")
    return facts


def join_parts(job: Job, facts: Sequence[PartFacts]) -> Path:
    """Join all parts into one labels raster in the job's folder; runs on a worker. Returns its path.

    Raises BrokenResult where a part does not hold what was counted when it was made; that part is made
    anew the next time. Raises ClusterError as `label_part` does.
    """
    _require_visible(job)
    out_path = job.folder / _LABELS_NAME
    with (
        _named_errors(str(out_path)),
        _staged(out_path) as temporary,
        make_labels(temporary, job.scene.grid) as out,
    ):
        for one in sorted(facts, key=lambda one: (one.part.row, one.part.col)):
            out.write(_checked_labels(job, one), 1, window=one.part.ranges_rc)
    return out_path


def finished_parts(job: Job) -> list[PartFacts]:
    """The parts of this very job that are complete in its folder."""
    found = (_read_facts(job, part) for part in job.parts())
    return [facts for facts in found if facts is not None]


def run(
    job: Job, labels_path: Path, executor: Executor, progress: Progress = no_progress, cancel: CancelToken | None = None
) -> list[WindowFacts]:
    """Label all parts on the executor's workers and join them at `labels_path`; returns what was counted.

    Parts that an earlier run of the same job left are taken over. The folder of parts goes at the end
    and on a cancellation; after an error it stays for the next run.

    Raises ClusterLost where the workers can no longer be reached, Cancelled, and what `label_part` and
    `join_parts` raise.
    """
    cancel = cancel or CancelToken()
    cancel.check()
    _prepare_folder(job)
    done = finished_parts(job)
    made = {facts.part for facts in done}
    todo = [part for part in job.parts() if part not in made]
    total = len(done) + len(todo)
    try:
        shared = executor.share(job) if isinstance(executor, Cluster) else job
        futures = [executor.submit(label_part, shared, part) for part in todo]
        for facts in _results(futures, executor, cancel):
            done.append(facts)
            progress((1 - _JOIN_SHARE) * len(done) / total, "Grouping pixels")
        for joined in _results([executor.submit(join_parts, shared, done)], executor, cancel):
            os.replace(joined, labels_path)
    except ClusterLost as error:
        kept = len(finished_parts(job))
        raise ClusterLost(f"{error}. Run it again to go on from {kept} of {total} parts.") from error
    except BaseException:
        if cancel.is_cancelled:
            remove_parts(job.folder)
        raise
    remove_parts(job.folder)
    progress(1.0, "Grouping pixels")
    return [window for facts in done for window in facts.windows]


def remove_parts(folder: Path) -> None:
    """Remove a folder of parts; a worker that still writes into it must not keep it alive."""
    for _ in range(5):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(_LOOK_SECONDS / 2)
    threading.Thread(target=_keep_removing, args=(folder,), name="s2dash-parts", daemon=True).start()


def _keep_removing(folder: Path) -> None:
    ends = time.monotonic() + _REMOVE_SECONDS
    while folder.exists() and time.monotonic() < ends:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(_LOOK_SECONDS)


def result_of(future: Future[T], executor: Executor) -> T:
    """The result of one task; raises ClusterLost in good time, and what the task raises."""
    return next(_results([future], executor, CancelToken()))


def _results(futures: list[Future[T]], executor: Executor, cancel: CancelToken) -> Iterator[T]:
    """Results as they come; raises ClusterLost or Cancelled in good time, and then calls off what still waits."""
    waiting = set(futures)
    try:
        while waiting:
            finished, waiting = wait(waiting, _LOOK_SECONDS, FIRST_COMPLETED)
            cancel.check()
            for future in finished:
                try:
                    result = future.result()
                except (CancelledError, BrokenExecutor) as error:
                    raise ClusterLost("The workers were lost") from error
                yield result
            if isinstance(executor, Cluster):
                executor.check()
    finally:
        for future in waiting:
            future.cancel()
        wait(waiting, _CANCEL_SECONDS if cancel.is_cancelled else _STOP_SECONDS)


def _prepare_folder(job: Job) -> None:
    """Make the folder, without what another job left in it, and leave the sign by which workers know it."""
    try:
        if job.folder.exists() and _job_in(job.folder) != job.digest:
            remove_parts(job.folder)
        job.folder.mkdir(exist_ok=True)
        with _staged(job.folder / _JOB_NAME) as temporary:
            temporary.write_text(json.dumps({"digest": job.digest}), encoding="utf-8")
    except OSError as error:
        raise ClusterError(f"{job.folder} cannot be written: {error.strerror}. Write the result elsewhere.") from error


def _job_in(folder: Path) -> str | None:
    """The digest of the job whose parts lie in a folder; None where there is none."""
    try:
        return str(json.loads((folder / _JOB_NAME).read_text(encoding="utf-8"))["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _require_same_versions(job: Job) -> None:
    differ = version_words(job.versions, running_versions())
    if differ:
        host = socket.gethostname()
        raise ClusterError(f"The worker on {host} has other versions: {differ}. Install the same there.")


def _require_visible(job: Job) -> None:
    """Raise ClusterError that names the first path which this machine does not see as the run's start saw it."""
    host = socket.gethostname()
    remedy = "Keep it on storage that every worker reaches under this path"
    for path, size in job.sizes:
        try:
            found = path.stat().st_size
        except OSError as error:
            raise ClusterError(f"The worker on {host} cannot see {path}: {error.strerror}. {remedy}.") from error
        if found != size:
            raise ClusterError(
                f"The worker on {host} sees another file at {path}: {found:,} bytes, not {size:,}. {remedy}."
            )
    try:
        require_unchanged(job.scene.locations)
    except UnreadableFile as error:
        raise ClusterError(f"On the worker {host}: {error} Every worker must reach this address.") from error
    if _job_in(job.folder) != job.digest:
        raise ClusterError(f"The worker on {host} cannot see the folder {job.folder} of this run. {remedy}.")


@contextmanager
def _named_errors(what: str) -> Iterator[None]:
    """Says which machine failed on which path."""
    try:
        yield
    except (OSError, *GDAL_ERRORS) as error:
        reason = getattr(error, "strerror", None) or str(error)
        host = socket.gethostname()
        raise ClusterError(
            f"The worker on {host} could not read or write {what}: {reason}. Check rights and space there."
        ) from error


@contextmanager
def _staged(path: Path) -> Iterator[Path]:
    """A new name beside `path`, moved there when the block ends well and removed otherwise."""
    handle, name = tempfile.mkstemp(suffix=path.suffix, prefix=".s2dash-", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        # mkstemp is for the owner only, but workers and the run's start may be different users.
        temporary.chmod(0o644)
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _labelled(job: Job, part: Window) -> Iterator[tuple[Window, np.ndarray]]:
    """The windows of a part, by their place in the scene, with their labels."""
    with SceneReader(job.scene) as reader:
        for inner in windows((part.height, part.width), job.window_shape_rc):
            window = replace(inner, row=inner.row + part.row, col=inner.col + part.col)
            yield window, job.label(reader, window)


def _checked_labels(job: Job, facts: PartFacts) -> np.ndarray:
    path = _part_path(job.folder, facts.part)
    expected = np.sum([window.counts for window in facts.windows], axis=0)
    try:
        with open_raster(path) as dataset:
            labels = np.asarray(dataset.read(1))
        counts = np.bincount(labels.ravel(), minlength=len(expected))
        intact = labels.shape == (facts.part.height, facts.part.width) and np.array_equal(counts, expected)
    except GDAL_ERRORS:
        intact = False
    if not intact:
        _facts_path(job.folder, facts.part).unlink(missing_ok=True)
        raise BrokenResult(f"{path.name} does not hold what was written. Run it again: only this part is made anew.")
    return labels


def _part_grid(grid: Grid, part: Window) -> Grid:
    place = grid.transform @ Affine.translation(part.col, part.row)
    return Grid((part.height, part.width), place, grid.crs_wkt)


def _part_path(folder: Path, part: Window) -> Path:
    return folder / f"r{part.row:06d}-c{part.col:06d}.tif"


def _facts_path(folder: Path, part: Window) -> Path:
    return _part_path(folder, part).with_suffix(".json")


def _facts_dict(digest: str, facts: PartFacts) -> dict[str, Any]:
    return {
        "digest": digest,
        "file_bytes": facts.file_bytes,
        "seconds": facts.seconds,
        "windows": [[one.row, one.col, one.counts, one.area_ha] for one in facts.windows],
    }


def _read_facts(job: Job, part: Window) -> PartFacts | None:
    """The facts of a part of this job; None unless it is complete."""
    try:
        read = json.loads(_facts_path(job.folder, part).read_text(encoding="utf-8"))
        found = tuple(
            WindowFacts(int(row), int(col), tuple(map(int, counts)), None if area is None else tuple(map(float, area)))
            for row, col, counts, area in read["windows"]
        )
        facts = PartFacts(part, found, int(read["file_bytes"]), float(read["seconds"]))
        is_whole = read["digest"] == job.digest and _part_path(job.folder, part).stat().st_size == facts.file_bytes
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return facts if is_whole else None
