"""How sure each pixel's class is, as a file beside the class map: written window by window, memory does not grow."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import rasterio.shutil

from s2dash import __version__
from s2dash.classify.fitted import Fitted
from s2dash.classify.sureness import STEPS, UNKNOWN, SureSteps, window_sureness
from s2dash.core.types import CancelToken, Progress, Window, no_progress, windows
from s2dash.errors import OutputConflict
from s2dash.export.contents import STRIP_ROWS, one_line, staged
from s2dash.raster.door import make_on_grid
from s2dash.raster.reading import SceneReader
from s2dash.settings import thread_count

_WINDOW_COLS = 2048


def write_sureness(
    fitted: Fitted,
    limits: SureSteps,
    out: Path,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> None:
    """Write a COG of one uint8 band on the scene's grid: percent, 0 to 100; 255 is nodata.

    Tags: S2DASH_SURENESS says what the numbers are, LIKELY_FROM and CLEAR_FROM at which percent the page's steps
    begin (`limits`), S2DASH_RECIPE, S2DASH_SCENE, S2DASH_VERSION and, where the source is known, ATTRIBUTION.
    Every pixel is read and labelled again.

    Raises Cancelled when `cancel` says so, OutputConflict where `out` is an input or cannot be written; what stood
    under that name stays untouched then.
    """
    scene, cancel = fitted.scene, cancel or CancelToken()
    if out.exists() and any(path.exists() and out.samefile(path) for path in scene.paths):
        raise OutputConflict(f"{out.name} is one of the inputs. Choose another name for the result.")
    rows = list(_rows_of_windows(scene.grid.shape_rc))
    with staged(out) as path:
        plain = path.with_name("sureness.tmp")
        with make_on_grid(plain, scene.grid, "uint8", block=STRIP_ROWS, nodata=UNKNOWN) as dataset:
            dataset.update_tags(**_tags(fitted, limits))
            for done, (window, percent) in enumerate(_in_turn(fitted, rows, cancel), 1):
                dataset.write(percent, 1, window=window.ranges_rc)
                progress(done / sum(map(len, rows)), "Asking how sure each class is")
        cancel.check()
        options = {"driver": "COG", "compress": "deflate", "overview_resampling": "nearest", "bigtiff": "if_safer"}
        rasterio.shutil.copy(plain, path, **options, num_threads=thread_count())


def _rows_of_windows(shape_rc: tuple[int, int]) -> Iterator[list[Window]]:
    for _, row in itertools.groupby(windows(shape_rc, (STRIP_ROWS, _WINDOW_COLS)), key=lambda window: window.row):
        yield list(row)


def _in_turn(fitted: Fitted, rows: list[list[Window]], cancel: CancelToken) -> Iterator[tuple[Window, np.ndarray]]:
    """Each window with its percents, from top to bottom; as many rows of windows at once as there are threads."""

    def one(row: list[Window]) -> list[tuple[Window, np.ndarray]]:
        with SceneReader(fitted.scene) as reader:
            return [(window, _percent(fitted, reader, window, cancel)) for window in row]

    count = thread_count()
    with ThreadPoolExecutor(count) as pool:
        for start in range(0, len(rows), count):
            for row in pool.map(one, rows[start : start + count]):
                yield from row


def _percent(fitted: Fitted, reader: SceneReader, window: Window, cancel: CancelToken) -> np.ndarray:
    cancel.check()
    return window_sureness(fitted, reader, window)


def _tags(fitted: Fitted, limits: SureSteps) -> dict[str, str]:
    attribution = one_line(fitted.scene.attribution)
    steps = f"{STEPS[0]}, {STEPS[1].lower()} from LIKELY_FROM, {STEPS[2].lower()} from CLEAR_FROM"
    return {
        **({"ATTRIBUTION": attribution} if attribution else {}),
        "S2DASH_SURENESS": f"Percent: clearness of the class among equal neighbours. {steps}, relative to this map.",
        "LIKELY_FROM": str(limits.likely_from),
        "CLEAR_FROM": str(limits.clear_from),
        "S2DASH_RECIPE": fitted.recipe.to_json(),
        "S2DASH_SCENE": one_line(fitted.scene.title) or "scene",
        "S2DASH_VERSION": __version__,
    }
