"""The one door for files: whatever a user brings goes in here and a Scene comes out."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine

from s2dash.errors import UnknownName, UnreadableFile
from s2dash.grid import Grid
from s2dash.ingest.canonical import PREVIEW_NAME, RASTER_NAME
from s2dash.ingest.checks import open_checked, read_grid
from s2dash.ingest.describe import (
    acquisition_date,
    band_layout,
    guess_reflectance,
    has_internal_mask,
    named_bands,
    title_from,
)
from s2dash.scene import Band, Reflectance, Scene
from s2dash.settings import GDAL_ENVIRONMENT, INGEST_LIMITS
from s2dash.types import CancelToken, Progress, no_progress

SAMPLE_PATH = Path(__file__).parents[1] / "data" / "coast.tif"
_POLL_SECONDS = 0.1


def sample_scene() -> Scene:
    """The scene that comes with the package: the coast of Virginia on 12 January 2016, Level-1C."""
    scene = open_in_place(SAMPLE_PATH)
    assert scene is not None
    return replace(scene, title="Virginia coast")


def open_in_place(path: Path) -> Scene | None:
    """A scene that reads the operator's own GeoTIFF where it lies; None where it must be rewritten to read well.

    For the command line only: a stranger's file goes through `ingest`. Raises UnreadableFile as
    the checks do.
    """
    with open_checked(path) as dataset:
        blocks = set(dataset.block_shapes)
        tiled = len(blocks) == 1 and dataset.profile.get("tiled", False)
        if not tiled or has_internal_mask(dataset) or len(set(dataset.dtypes)) > 1:
            return None
        grid, notes = read_grid(dataset)
        title = title_from(path)
        layout = band_layout(dataset, title)
        tags = dataset.tags()
        nodata = tuple(dataset.nodatavals[i - 1] for i in layout.indexes)
        sampled = _typical_values(dataset)
        date, year = acquisition_date(tags, title)
        return Scene(
            title=title,
            grid=grid,
            bands=layout.bands,
            path=path,
            band_indexes=layout.indexes,
            dtype=dataset.dtypes[0],
            nodata=nodata,
            mask_index=layout.mask_index,
            reflectance=guess_reflectance(dataset.dtypes[0], sampled, tags),
            digest=_identity(path),
            level=tags.get("PROCESSING_LEVEL", "")[:20] or None,
            year=year,
            date=date,
            notes=(*notes, *layout.notes),
            names_are_guessed=layout.names_are_guessed,
        )


def ingest(
    path: Path,
    folder: Path,
    title: str | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> Scene:
    """Open a file in a process of its own, with limits, and rewrite it into `folder` as a raster of our own.

    Parameters
    ----------
    folder : made if missing; receives the raster and its decimated copy, and is removed again
        after an error or a cancellation

    Raises UnreadableFile that says what is wrong, Cancelled on request.
    """
    title = title or title_from(path)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        facts = _run_child(path, folder, title, progress, cancel or CancelToken())
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return _scene_from(facts, folder, title)


def rename_bands(scene: Scene, names: list[str]) -> Scene:
    """The scene with other band names, in the order of its bands; raises UnknownName for a wrong number of them."""
    if len(names) != len(scene.bands):
        raise UnknownName(f"{len(names)} names are given for {len(scene.bands)} bands. Give one name for each band.")
    bands = named_bands(names)
    marked = hashlib.sha256("\n".join([scene.digest, *(b.name for b in bands)]).encode()).hexdigest()
    return replace(scene, bands=bands, digest=marked, names_are_guessed=False)


def _typical_values(dataset: Any) -> np.ndarray:
    """Stored values of the file's central block, to tell the numbers' scale by."""
    rows, cols = dataset.block_shapes[0]
    row = (dataset.height // 2) // rows * rows
    col = (dataset.width // 2) // cols * cols
    window = ((row, min(row + rows, dataset.height)), (col, min(col + cols, dataset.width)))
    values = dataset.read(window=window)
    return np.asarray(values[np.isfinite(values) & (values != 0)])


def _identity(path: Path) -> str:
    """A digest of which file this is and when it changed: reading a large one whole would take longer than its use."""
    found = path.resolve()
    state = found.stat()
    return hashlib.sha256(f"{found}\n{state.st_size}\n{state.st_mtime_ns}".encode()).hexdigest()


def _run_child(path: Path, folder: Path, title: str, progress: Progress, cancel: CancelToken) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GDAL_", "CPL_", "VSI_"))}
    environment |= GDAL_ENVIRONMENT | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    with tempfile.TemporaryFile() as complaints:
        child = subprocess.Popen(
            [sys.executable, "-m", "s2dash.ingest.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=environment,
            cwd=folder,
            text=True,
        )
        watch = threading.Thread(target=_watch, args=(child, cancel), daemon=True)
        watch.start()
        try:
            facts = _converse(
                child, {"path": str(path.resolve()), "folder": str(folder.resolve()), "title": title}, progress
            )
        finally:
            child.kill()
            child.wait()
            watch.join()
            _close_pipes(child)
    cancel.check()
    if facts is None:
        raise UnreadableFile(f"{path.name} could not be read: it is damaged or asks for more than one file may take.")
    return facts


def _close_pipes(child: subprocess.Popen[str]) -> None:
    for pipe in (child.stdout, child.stdin):
        # Closing flushes what an ended child no longer reads.
        with contextlib.suppress(BrokenPipeError):
            if pipe is not None:
                pipe.close()


def _watch(child: subprocess.Popen[str], cancel: CancelToken) -> None:
    """End the child when it is cancelled or takes too long."""
    waited = 0.0
    while child.poll() is None:
        if cancel.is_cancelled or waited > INGEST_LIMITS.wall_seconds:
            child.kill()
        try:
            child.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            waited += _POLL_SECONDS


def _converse(child: subprocess.Popen[str], request: dict[str, str], progress: Progress) -> dict[str, Any] | None:
    """Send the request and follow the answers; None where the child died without one."""
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(json.dumps(request) + "\n")
        child.stdin.close()
    except BrokenPipeError:
        return None
    for line in child.stdout:
        message = json.loads(line)
        if "progress" in message:
            progress(float(message["progress"]), "Reading the file")
        elif "error" in message:
            raise UnreadableFile(str(message["error"]))
        else:
            scene: dict[str, Any] = message["scene"]
            return scene
    return None


def _scene_from(facts: dict[str, Any], folder: Path, title: str) -> Scene:
    return Scene(
        title=title,
        grid=Grid(tuple(facts["shape_rc"]), Affine(*facts["transform"]), facts["crs_wkt"]),
        bands=tuple(Band(name, standard) for name, standard in facts["bands"]),
        path=folder / RASTER_NAME,
        band_indexes=tuple(range(1, len(facts["bands"]) + 1)),
        dtype=facts["dtype"],
        nodata=tuple(None if n is None else float(n) for n in facts["nodata"]),
        mask_index=facts["mask_index"],
        reflectance=Reflectance(*facts["reflectance"]),
        digest=facts["digest"],
        level=facts["level"],
        year=facts["year"],
        date=facts["date"],
        notes=tuple(facts["notes"]),
        names_are_guessed=facts["names_are_guessed"],
        preview_path=folder / PREVIEW_NAME,
    )
