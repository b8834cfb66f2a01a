"""The file of a full run's labels: written window by window under another name, looked at, and moved into place."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from s2dash.classify import parts
from s2dash.classify.fitted import Fitted
from s2dash.classify.tally import Tally
from s2dash.core.classmap import ClassMap, Result
from s2dash.core.types import CancelToken, Window, windows
from s2dash.errors import OutputConflict
from s2dash.raster.door import GDAL_ERRORS, open_raster

_STRIP_ROWS = 512


def write_labels(
    fitted: Fitted, labels_path: Path, labelled: Iterable[tuple[Window, np.ndarray]], cancel: CancelToken
) -> Result:
    """Write labels of all windows of a scene, shape (rows, cols), uint8, in any order; returns the full result.

    Raises OutputConflict where they cannot be written, Cancelled when `cancel` says so at the end.
    """
    tally = Tally(ClassMap(fitted.scene.grid, fitted.class_count, None, labels_path))
    with _writing_labels():
        handle, name = tempfile.mkstemp(suffix=".tif", prefix=".s2dash-", dir=labels_path.parent)
        os.close(handle)
    try:
        with _writing_labels():
            out = parts.make_labels(name, fitted.scene.grid)
        try:
            for window, labels in labelled:
                with _writing_labels():
                    out.write(labels, 1, window=window.ranges_rc)
                tally.add(labels, window.row, window.col)
        finally:
            with _writing_labels():
                out.close()
        cancel.check()
        with _writing_labels():
            _require_whole(Path(name), tally.mapped_count)
            os.replace(name, labels_path)
    finally:
        Path(name).unlink(missing_ok=True)
    return tally.result(fitted)


@contextmanager
def _writing_labels() -> Iterator[None]:
    try:
        yield
    except (*GDAL_ERRORS, OSError) as error:
        reason = getattr(error, "strerror", None) or "is the disk full?"
        raise OutputConflict(
            f"The labels cannot be written ({reason}). Make room on the disk and try again."
        ) from error


def _require_whole(path: Path, mapped_count: int) -> None:
    """Raise one of GDAL_ERRORS or OSError where labels cannot be read back: a full disk may show only then."""
    mapped = 0
    with open_raster(path) as dataset:
        for strip in windows(dataset.shape, (_STRIP_ROWS, dataset.width)):
            mapped += int(np.count_nonzero(dataset.read(1, window=strip.ranges_rc)))
    if mapped != mapped_count:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
