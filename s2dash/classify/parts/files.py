"""The files of parts: rasters of labels with their facts beside them, moved into place whole, in the job's folder."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from s2dash.classify.parts.job import Job, PartFacts, WindowFacts
from s2dash.core.grid import Grid
from s2dash.core.types import Window
from s2dash.errors import BrokenResult, ClusterError
from s2dash.raster.door import GDAL_ERRORS, make_on_grid, open_raster

_PAUSE_SECONDS = 0.2
"""Between two attempts to remove a folder."""
_REMOVE_SECONDS = 60.0
"""For how long parts are removed in the background while workers that were not told in time still write."""
_JOB_NAME, LABELS_NAME = "job.json", "labels.tif"


def make_labels(path: Path | str, grid: Grid) -> rasterio.io.DatasetWriter:
    """Begin a raster of labels on a grid; errors as `door.make_on_grid`."""
    # Read by this program only: zstd is less than half the work of deflate, and smaller.
    return make_on_grid(path, grid, "uint8", block=512, nodata=0, compress="zstd", zstd_level=1)


def finished_parts(job: Job) -> list[PartFacts]:
    """The parts of this very job that are complete in its folder."""
    found = (_read_facts(job, part) for part in job.parts())
    return [facts for facts in found if facts is not None]


def remove_parts(folder: Path) -> None:
    """Remove a folder of parts; a worker that still writes into it must not keep it alive."""
    for _ in range(5):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(_PAUSE_SECONDS / 2)
    threading.Thread(target=_keep_removing, args=(folder,), name="s2dash-parts", daemon=True).start()


def _keep_removing(folder: Path) -> None:
    ends = time.monotonic() + _REMOVE_SECONDS
    while folder.exists() and time.monotonic() < ends:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(_PAUSE_SECONDS)


def prepare_folder(job: Job) -> None:
    """Make the folder, without what another job left in it, and leave the sign by which workers know it."""
    try:
        if job.folder.exists() and job_in(job.folder) != job.digest:
            remove_parts(job.folder)
        job.folder.mkdir(exist_ok=True)
        with staged(job.folder / _JOB_NAME) as temporary:
            temporary.write_text(json.dumps({"digest": job.digest}), encoding="utf-8")
    except OSError as error:
        raise ClusterError(f"{job.folder} cannot be written: {error.strerror}. Write the result elsewhere.") from error


def job_in(folder: Path) -> str | None:
    """The digest of the job whose parts lie in a folder; None where there is none."""
    try:
        return str(json.loads((folder / _JOB_NAME).read_text(encoding="utf-8"))["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def staged(path: Path) -> Iterator[Path]:
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


def checked_labels(job: Job, facts: PartFacts) -> np.ndarray:
    """The labels of a part, shape (rows, cols), uint8.

    Raises BrokenResult where the part does not hold what was counted when it was made; it is made anew the next time.
    """
    path = part_path(job.folder, facts.part)
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


def part_path(folder: Path, part: Window) -> Path:
    """Where the raster of a part's labels lies."""
    return folder / f"r{part.row:06d}-c{part.col:06d}.tif"


def _facts_path(folder: Path, part: Window) -> Path:
    return part_path(folder, part).with_suffix(".json")


def write_facts(job: Job, facts: PartFacts) -> None:
    """Write what is known of a part beside its raster, which is complete from then on."""
    with staged(_facts_path(job.folder, facts.part)) as temporary:
        temporary.write_text(json.dumps(_facts_dict(job.digest, facts)), encoding="utf-8")


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
        is_whole = read["digest"] == job.digest and part_path(job.folder, part).stat().st_size == facts.file_bytes
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return facts if is_whole else None
