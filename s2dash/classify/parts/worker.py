"""What a worker does by itself, from files to files: label a part, join all."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from affine import Affine

from s2dash.classify.parts.files import LABELS_NAME, checked_labels, job_in, make_labels, part_path, staged, write_facts
from s2dash.classify.parts.job import Job, PartFacts, window_facts
from s2dash.classify.parts.versions import running_versions, version_words
from s2dash.core.grid import Grid
from s2dash.core.types import Window, windows
from s2dash.errors import ClusterError, UnreadableFile
from s2dash.raster.door import GDAL_ERRORS
from s2dash.raster.location import require_unchanged
from s2dash.raster.reading import SceneReader


def label_part(job: Job, part: Window) -> PartFacts:
    """Label one part and write it, with its facts, into the job's folder; runs on a worker.

    Raises ClusterError that names the path where this machine does not see the scene or the folder,
    cannot read or write there, or has other versions.
    """
    started = time.perf_counter()
    _require_same_versions(job)
    _require_visible(job)
    path = part_path(job.folder, part)
    with _named_errors(f"{path} or the scene"):
        found = []
        with staged(path) as temporary:
            with make_labels(temporary, _part_grid(job.scene.grid, part)) as out:
                for window, labels in _labelled(job, part):
                    inner = replace(window, row=window.row - part.row, col=window.col - part.col)
                    out.write(labels, 1, window=inner.ranges_rc)
                    found.append(window_facts(job.scene.grid, job.class_count, labels, window.row, window.col))
            size = temporary.stat().st_size
        facts = PartFacts(part, tuple(found), size, time.perf_counter() - started)
        write_facts(job, facts)
    return facts


def join_parts(job: Job, facts: Sequence[PartFacts]) -> Path:
    """Join all parts into one labels raster in the job's folder; runs on a worker. Returns its path.

    Raises BrokenResult where a part does not hold what was counted when it was made; that part is made
    anew the next time. Raises ClusterError as `label_part` does.
    """
    _require_visible(job)
    out_path = job.folder / LABELS_NAME
    with (
        _named_errors(str(out_path)),
        staged(out_path) as temporary,
        make_labels(temporary, job.scene.grid) as out,
    ):
        for one in sorted(facts, key=lambda one: (one.part.row, one.part.col)):
            out.write(checked_labels(job, one), 1, window=one.part.ranges_rc)
    return out_path


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
    if job_in(job.folder) != job.digest:
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


def _labelled(job: Job, part: Window) -> Iterator[tuple[Window, np.ndarray]]:
    """The windows of a part, by their place in the scene, with their labels."""
    with SceneReader(job.scene) as reader:
        for inner in windows((part.height, part.width), job.window_shape_rc):
            window = replace(inner, row=inner.row + part.row, col=inner.col + part.col)
            yield window, job.label(reader, window)


def _part_grid(grid: Grid, part: Window) -> Grid:
    place = grid.transform @ Affine.translation(part.col, part.row)
    return Grid((part.height, part.width), place, grid.crs_wkt)
