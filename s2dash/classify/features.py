"""From stored bands to the numbers an algorithm groups: bands, smoothed where asked, with indices behind them.

Large scenes need no copies: what clips and scales these raw features is learnt from a sample (`space`). Smoothing that
keeps edges comes after that: it acts on features in their space (`Prepared.pointwise`), which then are the raw ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from s2dash.classify.edge_smoothing import HALO, edge_smoothed, edge_smoothed_at
from s2dash.classify.indices import index_values
from s2dash.classify.prepare import Prepared
from s2dash.classify.smoothing import smoothed, smoothed_at, smoothed_between
from s2dash.core.recipe import Recipe
from s2dash.core.room import room
from s2dash.core.scene import Pixels, valid_pixels
from s2dash.core.types import Window, cancel_token, frozen, windows
from s2dash.raster.reading import SceneReader
from s2dash.settings import thread_count

_SMOOTHED_WINDOW_RC = (512, 2048)
_PLACE_COST = 100
"""How many pixels of a picture are smoothed, edges kept, in the time of a single place."""
PLACES_AT_ONCE = 256
"""Places that are smoothed at once, so that what lies around them stays in the processor's cache."""
_SIDE = 2 * HALO + 1
_BLOCK_PIXELS = 16_384
"""Brought into the space of features at once, so that they stay in the processor's cache."""
_LOG_START = 0.02
"""Added to reflectance before its logarithm is taken, so that dark water is not spread over the whole scale."""


def raw_features(prepared: Prepared, pixels: Pixels) -> Pixels:
    """Stored bands, then indices, as features; smoothing has been done before.

    Parameters
    ----------
    pixels : Pixels of the bands at `prepared.positions`

    Returns
    -------
    Pixels whose values have shape (features, rows, cols): the stored dtype without indices, float32
    with them. Where an index is 0/0, or where an algorithm on reflectance meets zero in every band,
    the mask is cleared. With `Recipe.transform` bands are what that takes of their reflectance, float32.
    """
    scene, recipe, positions = prepared.scene, prepared.recipe, prepared.positions
    chosen = len(recipe.bands)
    bands, valid = pixels.values[:chosen], pixels.valid
    if prepared.algorithm.on_reflectance:
        bare = -scene.offsets_of(positions[:chosen])
        return Pixels(bands, valid & (bands != bare[:, None, None]).any(axis=0))
    if not prepared.indices and recipe.transform == "none":
        return Pixels(bands, valid)
    out = np.empty((chosen + len(prepared.indices), *valid.shape), dtype=np.float32)
    out[:chosen] = bands
    if recipe.transform != "none":
        _bend(out[:chosen], scene.offsets_of(positions[:chosen]), scene.quantifications_of(positions[:chosen]), recipe)
    for row, index in enumerate(prepared.indices, chosen):
        stored = pixels.values[[positions.index(p) for _, p in index.positions]]
        out[row] = index_values(scene, index, stored)
        valid = valid & np.isfinite(out[row])
    return Pixels(out, valid)


def _bend(bands: np.ndarray, offsets: np.ndarray, quantifications: np.ndarray, recipe: Recipe) -> None:
    """Put what the recipe takes of reflectance in the place of stored numbers, shape (bands, rows, cols), float32."""
    with np.errstate(invalid="ignore"):  # masked pixels may be no numbers
        bands += offsets.astype(np.float32)[:, None, None]
        bands /= quantifications.astype(np.float32)[:, None, None]
        np.maximum(bands, 0, out=bands)
        if recipe.transform == "sqrt":
            np.sqrt(bands, out=bands)
        else:
            bands += np.float32(_LOG_START)
            np.log(bands, out=bands)


def stack_features(prepared: Prepared, stack: np.ndarray) -> Pixels:
    """Raw features of every band and mask of a window; smoothing takes what neighbours there are in it.

    Parameters
    ----------
    stack : ndarray of shape (bands + masks, rows, cols), as `reading.read_preview_stack` gives it
    """
    values = stack[list(prepared.positions)]
    valid = valid_pixels(prepared.scene, prepared.positions, stack, prepared.recipe.masking)
    if prepared.recipe.smooth == 3:
        values = smoothed(values, valid)
    return _smoothed_features(prepared, Pixels(values, valid))


def preview_features(prepared: Prepared) -> Pixels:
    """Raw features of the live picture, each as the full resolution has it at that pixel."""
    if prepared.pointwise is not None:
        return prepared.keep("smoothed", prepared.features_key, lambda: _preview_with_edges(prepared))
    if prepared.smooths_beyond_preview:
        return raw_features(prepared, smoothed_preview(prepared))
    return stack_features(prepared, prepared.stack)


def window_features(prepared: Prepared, reader: SceneReader, window: Window) -> Pixels:
    """Raw features of a window at full resolution; with smoothing, neighbours beyond its edge are read too."""
    masking = prepared.recipe.masking
    if not prepared.halo:
        return raw_features(prepared, reader.read(prepared.positions, window, masking))
    wide = window.grown(prepared.halo, prepared.scene.grid.shape_rc)
    pixels = reader.read(prepared.positions, wide, masking)
    inner = window.within(wide).slices_rc
    if prepared.pointwise is not None:
        found = _smoothed_features(prepared, pixels)
        return Pixels(found.values[(slice(None), *inner)], found.valid[inner])
    means = smoothed(pixels.values, pixels.valid)[(slice(None), *inner)]
    return raw_features(prepared, Pixels(means, pixels.valid[inner]))


def features_at(prepared: Prepared, pixels: Pixels, rows: np.ndarray, cols: np.ndarray) -> Pixels:
    """Raw features of some places of what was read, in one row: values have shape (features, 1, places).

    Parameters
    ----------
    pixels : Pixels of the bands at `prepared.positions`, with `prepared.halo` more around the places, as far as the
        scene goes
    rows, cols : ndarrays of shape (places,), int64, of valid pixels
    """
    if prepared.pointwise is None:
        values = smoothed_at(pixels, rows, cols) if prepared.halo else pixels.values[:, rows, cols]
        return raw_features(prepared, Pixels(values[:, None], np.ones((1, len(rows)), dtype=bool)))
    if len(rows) * _PLACE_COST >= pixels.valid.size:
        whole = _smoothed_features(prepared, pixels)
        return Pixels(whole.values[:, rows, cols][:, None], whole.valid[rows, cols][None])
    pixels = Pixels(np.ascontiguousarray(pixels.values), pixels.valid)
    parts = [slice(start, start + PLACES_AT_ONCE) for start in range(0, len(rows), PLACES_AT_ONCE)]
    found = [_smoothed_at(prepared, pixels, rows[part], cols[part]) for part in parts]
    nothing = [Pixels(np.empty((prepared.pointwise.count, 0), dtype=np.float32), np.empty(0, dtype=bool))]
    values = np.concatenate([one.values for one in nothing + found], axis=1)
    return Pixels(values[:, None], np.concatenate([one.valid for one in nothing + found])[None])


def _in_space(prepared: Prepared, pixels: Pixels) -> Pixels:
    """Raw features brought to where smoothing that keeps edges acts, float32, to be smoothed at once (`room`)."""
    return _all_in_space(prepared, [pixels])


def _all_in_space(prepared: Prepared, stack: Sequence[Pixels]) -> Pixels:
    """`_in_space` of pictures of one width, each below the one before."""
    assert prepared.pointwise is not None
    ends = np.cumsum([part.valid.size for part in stack])
    shape = (prepared.pointwise.count, int(ends[-1]))
    out: np.ndarray = room("planes", shape, lambda: np.empty(shape, dtype=np.float32))
    shown = np.empty(shape[1], dtype=bool)
    for pixels, end in zip(stack, ends.tolist(), strict=True):
        flat, valid = pixels.values.reshape(len(pixels.values), pixels.valid.size), pixels.valid.reshape(1, -1)
        first = end - valid.size
        for start in range(0, valid.size, _BLOCK_PIXELS):
            part = slice(start, min(start + _BLOCK_PIXELS, valid.size))
            raw = raw_features(prepared, Pixels(flat[:, None, part], valid[:, part]))
            there = slice(first + part.start, first + part.stop)
            prepared.pointwise.planes(raw.values[:, 0], out[:, there])
            shown[there] = raw.valid[0]
    width = stack[0].valid.shape[-1]
    return Pixels(out.reshape(len(out), -1, width), shown.reshape(-1, width))


def _smoothed_features(prepared: Prepared, pixels: Pixels) -> Pixels:
    """Raw features of a picture, smoothed with edges kept where that has been learnt."""
    if prepared.pointwise is None:
        return raw_features(prepared, pixels)
    planes = _in_space(prepared, pixels)
    return Pixels(edge_smoothed(planes.values, planes.valid), planes.valid)


def _smoothed_at(prepared: Prepared, pixels: Pixels, rows: np.ndarray, cols: np.ndarray) -> Pixels:
    """`_smoothed_features` of some places only: values have shape (features, places)."""
    return smoothed_around(prepared, around(pixels, rows, cols))


def around(pixels: Pixels, rows: np.ndarray, cols: np.ndarray) -> Pixels:
    """Copies of what smoothing that keeps edges looks at around some places, side by side.

    Values have shape (bands, 13, 13 * places), one place after another the fastest; outside of the picture all is
    masked.
    """
    height, width = pixels.valid.shape
    off = np.arange(-HALO, HALO + 1)
    down, right = rows + off[:, None, None], cols + off[:, None]
    inside = (down >= 0) & (down < height) & (right >= 0) & (right < width)
    down, right = np.clip(down, 0, height - 1), np.clip(right, 0, width - 1)
    places = (down * width + right).reshape(_SIDE, -1)
    values = pixels.values.reshape(len(pixels.values), -1).take(places, axis=1)
    return Pixels(values, pixels.valid.ravel().take(places) & inside.reshape(places.shape))


def smoothed_around(prepared: Prepared, near: Pixels) -> Pixels:
    """Smoothed features of places from what is `around` them: values have shape (features, places)."""
    planes = _in_space(prepared, near)
    shape = (_SIDE, _SIDE, -1)
    values, valid = planes.values.reshape(len(planes.values), *shape), planes.valid.reshape(shape)
    return Pixels(edge_smoothed_at(values, valid), valid[HALO, HALO])


def run_features(prepared: Prepared, reader: SceneReader, run: Sequence[Window]) -> Iterator[Pixels]:
    """What `window_features` gives for each of several windows, with less reading where there is smoothing.

    Parameters
    ----------
    run : with smoothing, windows of the same columns that lie below each other without a gap: rows that two
        of them need are then read once
    """
    halo = prepared.halo
    if not halo:
        for window in run:
            yield window_features(prepared, reader, window)
        return
    grid, positions, masking = prepared.scene.grid, prepared.positions, prepared.recipe.masking
    wide = run[0].grown(halo, grid.shape_rc)
    inner = slice(run[0].col - wide.col, run[0].col - wide.col + run[0].width)

    def read(row: int, height: int) -> Pixels:
        top, bottom = max(0, row), min(row + height, grid.height)
        if top >= bottom:
            nothing = np.empty((len(positions), 0, wide.width), dtype=prepared.scene.dtype)
            return Pixels(nothing, np.empty((0, wide.width), dtype=bool))
        return reader.read(positions, Window(top, wide.col, bottom - top, wide.width), masking)

    above, here = read(run[0].row - halo, halo), read(run[0].row, run[0].height)
    for window, following in zip(run, (*run[1:], None), strict=True):
        bottom = window.row + window.height
        below = read(bottom, max(halo, following.height) if following else halo)
        yield _between(prepared, above, here, below, inner)
        above, here = _last_rows((above, here), halo), below
        if following is not None and len(here.valid) > following.height:
            here = Pixels(here.values[:, : following.height], here.valid[: following.height])


def _last_rows(stack: Sequence[Pixels], count: int) -> Pixels:
    values = np.concatenate([one.values[:, -count:] for one in stack], axis=1)[:, -count:]
    return Pixels(values, np.concatenate([one.valid[-count:] for one in stack])[-count:])


def _between(prepared: Prepared, above: Pixels, here: Pixels, below: Pixels, cols: slice) -> Pixels:
    """Raw features of `here`, whose next rows above and below, where there are any, are in arrays of their own."""
    if prepared.pointwise is None:
        means = smoothed_between(above if len(above.valid) else None, here, below if len(below.valid) else None)
        return raw_features(prepared, Pixels(means[:, :, cols], here.valid[:, cols]))
    first, halo = len(above.valid), prepared.halo
    stack = [part for part in (above, here, _first_rows(below, halo)) if len(part.valid)]
    planes = _all_in_space(prepared, stack)
    rows = slice(first, first + len(here.valid))
    return Pixels(edge_smoothed(planes.values, planes.valid)[:, rows, cols], planes.valid[rows, cols])


def _first_rows(pixels: Pixels, count: int) -> Pixels:
    return Pixels(pixels.values[:, :count], pixels.valid[:count])


def smoothed_preview(prepared: Prepared) -> Pixels:
    """Means of full-resolution neighbours at the pixels of the live picture, from a pass over the whole scene.

    The bands are those at `prepared.positions`; nothing else of the recipe counts but its masking.
    """
    scene = prepared.scene
    key = (scene.digest, scene.locations, prepared.positions, prepared.recipe.masking)
    return prepared.keep("smoothed", key, lambda: _smoothed_preview(prepared))


def _smoothed_preview(prepared: Prepared) -> Pixels:
    return _every_place(prepared, len(prepared.positions), smoothed_places)


def _preview_with_edges(prepared: Prepared) -> Pixels:
    """Features of the live picture smoothed with edges kept; beyond the preview stack from a pass over the scene."""
    assert prepared.pointwise is not None
    if prepared.smooths_beyond_preview:
        return _every_place(prepared, prepared.pointwise.count, places_features)
    values = prepared.stack[list(prepared.positions)]
    valid = valid_pixels(prepared.scene, prepared.positions, prepared.stack, prepared.recipe.masking)
    rows, cols = valid.shape
    out: np.ndarray = np.empty((prepared.pointwise.count, rows, cols), dtype=np.float32)
    shown = np.empty_like(valid)

    def smooth(strip: Window) -> None:
        wide = strip.grown(HALO, valid.shape)
        part, inner = wide.slices_rc[0], strip.within(wide).slices_rc[0]
        found = _smoothed_features(prepared, Pixels(values[:, part], valid[part]))
        out[:, strip.slices_rc[0]], shown[strip.slices_rc[0]] = found.values[:, inner], found.valid[inner]

    with ThreadPoolExecutor(thread_count()) as pool:
        list(pool.map(smooth, windows((rows, cols), (max(64, -(-rows // (2 * thread_count()))), cols))))
    return Pixels(frozen(out), frozen(shown))


_Places = Callable[[Prepared, SceneReader, Window, int], Pixels]


def _every_place(prepared: Prepared, count: int, read_places: _Places) -> Pixels:
    """What `read_places` gives at the pixels of the live picture, `count` numbers each, from a pass over the scene."""
    scene, cancel = prepared.scene, cancel_token()
    step = scene.live_step
    height, width = (max(1, length // step) * step for length in _SMOOTHED_WINDOW_RC)
    # Down each column of windows: what two of them share is then still decoded.
    parts = sorted(windows(scene.grid.shape_rc, (height, width)), key=lambda window: (window.col, window.row))
    length = -(-len(parts) // thread_count())
    shape_rc = scene.grid.decimated(step).shape_rc
    values: np.ndarray = np.empty((count, *shape_rc), dtype=np.float32)
    valid = np.empty(shape_rc, dtype=bool)

    def read(stretch: list[Window]) -> None:
        with SceneReader(scene) as reader:
            for window in stretch:
                cancel.check()
                pixels = read_places(prepared, reader, window, step)
                row, col = window.row // step, window.col // step
                place = (slice(row, row + pixels.valid.shape[0]), slice(col, col + pixels.valid.shape[1]))
                values[:, *place], valid[place] = pixels.values, pixels.valid

    stretches = [parts[start : start + length] for start in range(0, len(parts), length)]
    with ThreadPoolExecutor(len(stretches)) as pool:
        list(pool.map(read, stretches))
    return Pixels(frozen(values), frozen(valid))


def places_features(prepared: Prepared, reader: SceneReader, window: Window, step: int) -> Pixels:
    """Raw features, smoothed by full-resolution neighbours, at every `step`-th pixel of a window.

    Places are those of `smoothed_places`.
    """
    if prepared.pointwise is None:
        return raw_features(prepared, smoothed_places(prepared, reader, window, step))
    found, first = window_features(prepared, reader, window), step // 2
    return Pixels(found.values[:, first::step, first::step], found.valid[first::step, first::step])


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
