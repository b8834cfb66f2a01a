"""From stored bands to the numbers an algorithm groups: bands, smoothed where asked, with indices behind them.

Large scenes need no copies: what clips and scales these raw features is learnt from a sample (`space`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from s2dash.classify.indices import index_values
from s2dash.classify.prepare import Prepared
from s2dash.classify.smoothing import smoothed, smoothed_between
from s2dash.core.scene import Pixels, valid_pixels
from s2dash.core.types import Window, frozen, windows
from s2dash.raster.reading import SceneReader
from s2dash.settings import thread_count

_SMOOTHED_WINDOW_RC = (512, 2048)


def raw_features(prepared: Prepared, pixels: Pixels) -> Pixels:
    """Stored bands, then indices, as features; smoothing has been done before.

    Parameters
    ----------
    pixels : Pixels of the bands at `prepared.positions`

    Returns
    -------
    Pixels whose values have shape (features, rows, cols): the stored dtype without indices, float32
    with them. Where an index is 0/0, or where an algorithm on reflectance meets zero in every band,
    the mask is cleared.
    """
    scene, positions = prepared.scene, prepared.positions
    chosen = len(prepared.recipe.bands)
    bands, valid = pixels.values[:chosen], pixels.valid
    if prepared.algorithm.on_reflectance:
        bare = -scene.offsets_of(positions[:chosen])
        return Pixels(bands, valid & (bands != bare[:, None, None]).any(axis=0))
    if not prepared.indices:
        return Pixels(bands, valid)
    out = np.empty((chosen + len(prepared.indices), *valid.shape), dtype=np.float32)
    out[:chosen] = bands
    for row, index in enumerate(prepared.indices, chosen):
        stored = pixels.values[[positions.index(p) for _, p in index.positions]]
        out[row] = index_values(scene, index, stored)
        valid = valid & np.isfinite(out[row])
    return Pixels(out, valid)


def stack_features(prepared: Prepared, stack: np.ndarray) -> Pixels:
    """Raw features of every band and mask of a window; smoothing takes what neighbours there are in it.

    Parameters
    ----------
    stack : ndarray of shape (bands + masks, rows, cols), as `reading.read_preview_stack` gives it
    """
    values = stack[list(prepared.positions)]
    valid = valid_pixels(prepared.scene, prepared.positions, stack, prepared.recipe.masking)
    if prepared.recipe.smooth:
        values = smoothed(values, valid)
    return raw_features(prepared, Pixels(values, valid))


def preview_features(prepared: Prepared) -> Pixels:
    """Raw features of the live picture, each as the full resolution has it at that pixel."""
    if prepared.smooths_beyond_preview:
        return raw_features(prepared, smoothed_preview(prepared))
    return stack_features(prepared, prepared.stack)


def window_features(prepared: Prepared, reader: SceneReader, window: Window) -> Pixels:
    """Raw features of a window at full resolution; with smoothing, neighbours beyond its edge are read too."""
    masking = prepared.recipe.masking
    if not prepared.recipe.smooth:
        return raw_features(prepared, reader.read(prepared.positions, window, masking))
    wide = window.grown(1, prepared.scene.grid.shape_rc)
    pixels = reader.read(prepared.positions, wide, masking)
    inner = window.within(wide).slices_rc
    means = smoothed(pixels.values, pixels.valid)[(slice(None), *inner)]
    return raw_features(prepared, Pixels(means, pixels.valid[inner]))


def run_features(prepared: Prepared, reader: SceneReader, run: Sequence[Window]) -> Iterator[Pixels]:
    """What `window_features` gives for each of several windows, with less reading where there is smoothing.

    Parameters
    ----------
    run : with smoothing, windows of the same columns that lie below each other without a gap: rows that two
        of them need are then read once
    """
    if not prepared.recipe.smooth:
        for window in run:
            yield window_features(prepared, reader, window)
        return
    grid, positions, masking = prepared.scene.grid, prepared.positions, prepared.recipe.masking
    wide = run[0].grown(1, grid.shape_rc)
    inner = slice(run[0].col - wide.col, run[0].col - wide.col + run[0].width)

    def read(row: int, height: int) -> Pixels | None:
        if not 0 <= row < grid.height:
            return None
        return reader.read(positions, Window(row, wide.col, height, wide.width), masking)

    above, here = read(run[0].row - 1, 1), read(run[0].row, run[0].height)
    for window, following in zip(run, (*run[1:], None), strict=True):
        assert here is not None
        bottom = window.row + window.height
        below = read(bottom, following.height if following else 1)
        means, valid = smoothed_between(above, here, below), here.valid
        above, here = Pixels(here.values[:, -1:].copy(), valid[-1:].copy()), below
        pixels = Pixels(means[:, :, inner], valid[:, inner])
        del means
        yield raw_features(prepared, pixels)


def smoothed_preview(prepared: Prepared) -> Pixels:
    """Means of full-resolution neighbours at the pixels of the live picture, from a pass over the whole scene.

    The bands are those at `prepared.positions`; nothing else of the recipe counts but its masking.
    """
    scene = prepared.scene
    key = (scene.digest, scene.locations, prepared.positions, prepared.recipe.masking)
    return prepared.keep("smoothed", key, lambda: _smoothed_preview(prepared))


def _smoothed_preview(prepared: Prepared) -> Pixels:
    scene = prepared.scene
    step = scene.live_step
    height, width = (max(1, length // step) * step for length in _SMOOTHED_WINDOW_RC)
    # Down each column of windows: what two of them share is then still decoded.
    parts = sorted(windows(scene.grid.shape_rc, (height, width)), key=lambda window: (window.col, window.row))
    length = -(-len(parts) // thread_count())
    shape_rc = scene.grid.decimated(step).shape_rc
    values: np.ndarray = np.empty((len(prepared.positions), *shape_rc), dtype=np.float32)
    valid = np.empty(shape_rc, dtype=bool)

    def read(stretch: list[Window]) -> None:
        with SceneReader(scene) as reader:
            for window in stretch:
                pixels = smoothed_places(prepared, reader, window, step)
                row, col = window.row // step, window.col // step
                place = (slice(row, row + pixels.valid.shape[0]), slice(col, col + pixels.valid.shape[1]))
                values[:, *place], valid[place] = pixels.values, pixels.valid

    stretches = [parts[start : start + length] for start in range(0, len(parts), length)]
    with ThreadPoolExecutor(len(stretches)) as pool:
        list(pool.map(read, stretches))
    return Pixels(frozen(values), frozen(valid))


def smoothed_places(prepared: Prepared, reader: SceneReader, window: Window, step: int) -> Pixels:
    """Means of full-resolution neighbours at every `step`-th pixel of a window.

    The window starts at multiples of `step`; rows and columns are taken from `step // 2` on, as
    `reading.preview_places` takes them.
    """
    wide = window.grown(1, prepared.scene.grid.shape_rc)
    pixels = reader.read(prepared.positions, wide, prepared.recipe.masking)
    first = step // 2
    start_rc = (window.row - wide.row + first, window.col - wide.col + first)
    rows, cols = (-(-(length - first) // step) for length in (window.height, window.width))
    means = smoothed(pixels.values, pixels.valid, step, start_rc)[:, :rows, :cols]
    return Pixels(means, pixels.valid[start_rc[0] :: step, start_rc[1] :: step][:rows, :cols])
