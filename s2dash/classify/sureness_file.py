"""How sure each pixel's class is, as a file beside the class map: written window by window, memory does not grow."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import rasterio.shutil

from s2dash import __version__
from s2dash.classify.features import run_features
from s2dash.classify.fitted import Fitted
from s2dash.classify.sureness import HALO, STEPS, SureSteps, sureness
from s2dash.classify.turns import Made, in_turns, runs_of, whole_blocks
from s2dash.core.classmap import ClassMap
from s2dash.core.sureness import UNKNOWN, Sureness
from s2dash.core.types import CancelToken, Progress, Window, no_progress, windows
from s2dash.errors import BrokenResult, OutputConflict
from s2dash.export.contents import STRIP_ROWS, one_line, staged
from s2dash.raster.door import GDAL_ERRORS, make_on_grid, open_raster
from s2dash.raster.reading import SceneReader
from s2dash.settings import thread_count


def write_sureness(
    fitted: Fitted,
    classmap: ClassMap,
    limits: SureSteps,
    out: Path,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
    window_shape_rc: tuple[int, int] | None = None,
) -> None:
    """Write a COG of one uint8 band on the scene's grid: percent, 0 to 100; 255 is nodata.

    Tags: S2DASH_SURENESS says what the numbers are, LIKELY_FROM and CLEAR_FROM at which percent the page's steps
    begin (`limits`), S2DASH_RECIPE, S2DASH_SCENE, S2DASH_VERSION and, where the source is known, ATTRIBUTION.
    Every pixel of the scene is read again; its label is not asked for anew.

    Parameters
    ----------
    classmap : every pixel's class by this very fit, after all edits
    window_shape_rc : rows and columns worked on at once; whole blocks of the scene's file where None

    Raises Cancelled when `cancel` says so, OutputConflict where `out` is an input or cannot be written; what stood
    under that name stays untouched then. Raises BrokenResult where the labels can no longer be read.
    """
    scene, cancel = fitted.scene, cancel or CancelToken()
    if out.exists() and any(path.exists() and out.samefile(path) for path in scene.paths):
        raise OutputConflict(f"{out.name} is one of the inputs. Choose another name for the result.")
    todo = list(windows(scene.grid.shape_rc, window_shape_rc or whole_blocks(scene)))
    runs = (_sure_run(fitted, classmap, run, cancel) for run in runs_of(todo, fitted.prepared.halo > 0))
    with staged(out) as path, closing(in_turns(runs)) as made:
        plain = path.with_name("sureness.tmp")
        # Read by this program only, and once.
        options = {"block": STRIP_ROWS, "nodata": UNKNOWN, "compress": "zstd", "zstd_level": 1}
        with make_on_grid(plain, scene.grid, "uint8", **options) as dataset:
            dataset.update_tags(**_tags(fitted, limits))
            for done, (window, percent) in enumerate(made, 1):
                dataset.write(percent, 1, window=window.ranges_rc)
                progress(done / len(todo), "Asking how sure each class is")
        cancel.check()
        cog = {"driver": "COG", "compress": "deflate", "overview_resampling": "nearest", "bigtiff": "if_safer"}
        rasterio.shutil.copy(plain, path, **cog, num_threads=thread_count())


def sureness_in(path: Path) -> Sureness:
    """What `write_sureness` wrote, for as long as the file is there; reading raises BrokenResult where it is not."""

    def read(window: Window) -> np.ndarray:
        with _reading(path) as percents:
            return percents(window)

    return Sureness(read, partial(_copied, path))


def _copied(path: Path, out: Path) -> None:
    with _reading(path), staged(out) as copy:
        shutil.copyfile(path, copy)


def _sure_run(fitted: Fitted, classmap: ClassMap, run: list[Window], cancel: CancelToken) -> Made:
    """How sure each label of some windows is."""
    with SceneReader(fitted.scene) as reader, _labels_of(classmap) as labels:
        features = run_features(fitted.prepared, reader, run)
        for window in run:
            cancel.check()
            near = window.grown(HALO, fitted.scene.grid.shape_rc)
            # Not by a name: a run that waits for its turn would hold on to the features of its last window.
            yield window, sureness(fitted, next(features), labels(near), window.within(near))


@contextmanager
def _labels_of(classmap: ClassMap) -> Iterator[Callable[[Window], np.ndarray]]:
    """What reads the labels of a window."""
    labels = classmap.labels
    if labels is not None:
        yield lambda window: labels[window.slices_rc]
    elif classmap.path is not None:
        with _reading(classmap.path) as read:
            yield read
    else:
        raise BrokenResult("This result has no labels. Run it again.")


@contextmanager
def _reading(path: Path) -> Iterator[Callable[[Window], np.ndarray]]:
    with _named_errors(path):
        dataset = open_raster(path)

    def read(window: Window) -> np.ndarray:
        with _named_errors(path):
            return np.asarray(dataset.read(1, window=window.ranges_rc))

    with closing(dataset):  # rasterio's own `with` must end on the thread where it began
        yield read


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except GDAL_ERRORS as error:
        raise BrokenResult(f"{path.name} of this result can no longer be read. Run it again.") from error


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
