"""Clouds on Level-1C as s2cloudless guesses them, where that is installed and the product brings no mask of its own.

The model is a file of the package s2cloudless (Sinergise, CC BY-SA 4.0), which lightgbm alone can ask: the package
itself, and all that it needs for downloads, is never imported. What is done with its probabilities is what the package
does: a mean over a disk, a threshold, and a margin around what is above it.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine

from s2dash.core.grid import Grid, decimation_step
from s2dash.core.missions import S2CLOUDLESS
from s2dash.core.scene import AREA, LIVE_PIXELS, SCL, Layer, Masking, MaskLayer, Scene
from s2dash.core.types import CancelToken, Progress, no_progress, windows
from s2dash.errors import RecipeError
from s2dash.ingest.cloud_polygons import CLEAR, OPAQUE
from s2dash.ingest.doubts import is_calibrated
from s2dash.ingest.process import removed_on_error
from s2dash.ingest.scene_facts import PREVIEW_NAME
from s2dash.raster.door import make_on_grid
from s2dash.raster.location import FileLocation
from s2dash.raster.reading import SceneReader, preview_places
from s2dash.settings import thread_count

NOTE = (
    "Clouds are guessed by s2cloudless (Sinergise, CC BY-SA 4.0): it misses thin cloud and every cloud's shadow, and "
    "may take bright ground, snow or surf for cloud."
)
_BANDS = ("B01", "B02", "B04", "B05", "B08", "B8A", "B09", "B10", "B11", "B12")
"""In the order of the model's columns."""
_MODEL = Path("models", "pixel_s2_cloud_detector_lightGBM_v0.1.txt")
_PIXEL_M = 60
_THRESHOLD = 0.4
_MEAN_M, _MARGIN_M = 240, 120
"""Radius of the mean and width of the margin: 4 and 2 pixels of 60 m, as the package's authors advise."""
_ROWS_AT_ONCE = 64
_UNSAID = 0


def can_guess_clouds() -> bool:
    """Whether what that takes is installed."""
    return _model_path() is not None


def may_guess_clouds(scene: Scene) -> bool:
    """Whether the model can be asked about a scene: all its bands are there once, as only Level-1C has, and no mask."""
    names = [band.standard for band in scene.bands]
    is_whole = scene.level in (None, "Level-1C") and all(names.count(name) == 1 for name in _BANDS)
    has_own = any(mask.kind == SCL and mask.quality != S2CLOUDLESS for mask in scene.masks)
    return is_whole and not has_own and scene.grid.has_place and is_calibrated(scene)


def has_guessed_clouds(scene: Scene) -> bool:
    """Whether clouds are guessed in it."""
    return any(mask.quality == S2CLOUDLESS for mask in scene.masks)


def with_guessed_clouds(
    scene: Scene, folder: Path, progress: Progress = no_progress, cancel: CancelToken | None = None
) -> Scene:
    """The scene with a classification of opaque cloud, made once for all of it, on a grid of about 60 m.

    Parameters
    ----------
    folder : made if missing, for the mask; removed again after an error or a cancellation

    Raises RecipeError where `may_guess_clouds` or `can_guess_clouds` says no, Cancelled on request.
    """
    if not may_guess_clouds(scene):
        raise RecipeError(
            "Clouds cannot be guessed here: that takes Level-1C with all of "
            f"{', '.join(_BANDS)}, coordinates, and no cloud mask of its own."
        )
    step = max(1, round(_PIXEL_M / max(scene.grids[0].pixel_size_m or (_PIXEL_M, _PIXEL_M))))
    grid = _coarse(scene.grids[0], step)
    folder.mkdir(parents=True, exist_ok=True)
    with removed_on_error(folder):
        probability, known = _probabilities(scene, grid, progress, cancel or CancelToken())
        classes = np.where(known, np.where(cloudy(probability, grid), OPAQUE, CLEAR), _UNSAID).astype(np.uint8)
        with make_on_grid(folder / "clouds.tif", grid, "uint8") as out:
            out.write(classes, 1)
        return _with_mask(without_guessed_clouds(scene), classes, step, grid, folder)


def without_guessed_clouds(scene: Scene) -> Scene:
    """The scene as it was before clouds were guessed."""
    if not has_guessed_clouds(scene):
        return scene
    kept = tuple(mask for mask in scene.masks if mask.quality != S2CLOUDLESS)
    marked = hashlib.sha256(f"{scene.digest} without guessed clouds".encode()).hexdigest()
    notes = tuple(note for note in scene.notes if note != NOTE)
    # Behind it may lie an area in the decimated copy.
    return replace(scene, masks=kept, notes=notes, digest=marked, previews=())


def cloudy(probability: np.ndarray, grid: Grid) -> np.ndarray:
    """Where clouds are by their probability, shape (rows, cols): as s2cloudless.S2PixelCloudDetector has it."""
    from scipy import ndimage  # a third of what the process that reads files would import

    size = max(grid.pixel_size_m or (_PIXEL_M, _PIXEL_M))
    near, margin = (_disk(max(1, round(metres / size))) for metres in (_MEAN_M, _MARGIN_M))
    mean = ndimage.correlate(probability, (near / near.sum()).astype(np.float32), mode="reflect")
    return np.asarray(ndimage.binary_dilation(mean > _THRESHOLD, margin))


def _disk(radius: int) -> np.ndarray:
    down, across = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(down**2 + across**2 <= radius**2)


def _coarse(grid: Grid, step: int) -> Grid:
    rows, cols = (-(-length // step) for length in grid.shape_rc)
    return Grid((rows, cols), grid.transform @ Affine.scale(step), grid.crs_wkt)


def _probabilities(scene: Scene, grid: Grid, progress: Progress, cancel: CancelToken) -> tuple[np.ndarray, np.ndarray]:
    """The probability of cloud, float32, 0 where nothing was measured, and where something was, shape (rows, cols)."""
    model = _model()
    positions = [next(i for i, band in enumerate(scene.bands) if band.standard == name) for name in _BANDS]
    coarse = replace(scene, grid=grid, masks=tuple(mask for mask in scene.masks if mask.kind not in (AREA, SCL)))
    out, known = np.zeros(grid.shape_rc, dtype=np.float32), np.zeros(grid.shape_rc, dtype=bool)
    with SceneReader(coarse) as reader:
        for strip in windows(grid.shape_rc, (_ROWS_AT_ONCE, grid.width)):
            cancel.check()
            progress(strip.row / grid.height, "Guessing clouds")
            pixels = reader.read(positions, strip, Masking())
            rows = scene.to_reflectance(pixels.values[:, pixels.valid], positions).T
            if len(rows):
                found = model.predict(np.ascontiguousarray(rows), num_threads=thread_count())
                out[strip.slices_rc][pixels.valid] = found
            known[strip.slices_rc] = pixels.valid
    return out, known


def _with_mask(scene: Scene, classes: np.ndarray, step: int, grid: Grid, folder: Path) -> Scene:
    mask = MaskLayer(SCL, Layer(FileLocation(folder / "clouds.tif"), 1, grid), notes=(NOTE,), quality=S2CLOUDLESS)
    # An area is always the last: whoever takes it off finds the decimated copy of the others as it was.
    first = tuple(one for one in scene.masks if one.kind != AREA)
    areas = tuple(one for one in scene.masks if one.kind == AREA)
    marked = hashlib.sha256(f"{scene.digest} s2cloudless {hashlib.sha256(classes.tobytes()).hexdigest()}".encode())
    changed = replace(
        scene,
        masks=(*first, mask, *areas),
        digest=marked.hexdigest(),
        previews=(),
        notes=(*scene.notes, NOTE),
    )
    if not scene.previews or scene.previews[0] is None:
        return changed
    before, count = np.load(scene.previews[0], allow_pickle=False), len(scene.bands) + len(first)
    full = scene.grids[0]
    rows, cols = preview_places(full, decimation_step(full.shape_rc, LIVE_PIXELS))
    own = classes[np.ix_(rows // step, cols // step)][None].astype(before.dtype)
    behind = before[count : count + len(areas)]
    np.save(folder / PREVIEW_NAME, np.concatenate([before[:count], own, behind]), allow_pickle=False)
    return replace(changed, previews=(folder / PREVIEW_NAME,))


@cache
def _model_path() -> Path | None:
    package, has_lightgbm = find_spec("s2cloudless"), find_spec("lightgbm") is not None
    path = None if package is None or package.origin is None else Path(package.origin).parent / _MODEL
    return path if has_lightgbm and path is not None and path.is_file() else None


def _model() -> Any:
    path = _model_path()
    if path is None:
        raise RecipeError(
            "Clouds cannot be guessed, as that is not installed here: "
            'python -m pip install "s2dash[clouds]", or what the guide says under “Clouds”.'
        )
    try:
        import lightgbm
    except OSError as error:
        raise RecipeError(
            f"Clouds cannot be guessed, as a library of the system is missing here ({error}): on Debian and Ubuntu, "
            "apt install libgomp1."
        ) from error

    return lightgbm.Booster(model_file=str(path))
