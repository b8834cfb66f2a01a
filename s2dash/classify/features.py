"""From stored bands to the numbers an algorithm groups: smoothing, spectral indices, clipping, scaling.

Two steps, so that large scenes need no copies: `raw_features` gives stored bands (smoothed where
asked) with indices behind them; `FeatureSpace` holds what clips and scales them, learnt from the
fit sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from s2dash.core import sentinel2
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Band, Pixels, Scene, valid_pixels
from s2dash.core.types import Window, frozen, windows
from s2dash.errors import UnknownName
from s2dash.raster.reading import SceneReader
from s2dash.settings import thread_count

_SMOOTHED_WINDOW_RC = (512, 2048)

_SMOOTHED_NUMBERS = 2**16
"""Numbers smoothed at once, so that they stay in the processor's cache."""

_CATALOGUE_NAMES = {
    "NDVI": "NDVI",
    "NDWI": "NDWI",
    "MNDWI": "MNDWI",
    "NDBI": "NDBI",
    "NDMI": "NDMI",
    "BSI": "BI",
    "NBR": "NBR",
    "NDSI": "NDSI",
    "NDREI": "NDREI",
}
"""Our names and those of the `spyndex` catalogue, which calls the bare soil index BI."""

INDEX_HELP: dict[str, str] = {
    "NDVI": "green plants",
    "NDWI": "open water",
    "MNDWI": "open water, steadier beside buildings",
    "NDBI": "buildings and bare ground",
    "NDMI": "moisture of plants",
    "BSI": "bare soil",
    "NBR": "burnt ground",
    "NDSI": "snow",
    "NDREI": "chlorophyll, from the red edge",
}
"""What each index rises with, in plain words."""


@dataclass(frozen=True)
class SpectralIndex:
    """An index on the bands of one scene."""

    name: str
    """`NDVI`, or with the bands' suffix (`NDVI_2018-04-19`)."""
    code: str
    """What the catalogue calls it."""
    formula: str
    """In the letters of the catalogue."""
    positions: tuple[tuple[str, int], ...]
    """Letter and position in the scene of each band of the formula."""


def available_indices(scene: Scene) -> dict[str, SpectralIndex]:
    """The indices that the scene has the bands for, by name, once for each suffix such as a date, and each mission.

    Where B08 is missing, B8A stands in for the near infrared.
    """
    import spyndex

    found: dict[str, SpectralIndex] = {}
    sets = dict.fromkeys((band.suffix, _mission(band)) for band in scene.bands if band.standard)
    for of_set, mission in sets:
        is_first = mission == next(other for suffix, other in sets if suffix == of_set)
        suffix = of_set if is_first else f"{of_set}_{mission}"
        letters: dict[str, int] = {}
        for position, band in enumerate(scene.bands):
            if band.standard and (band.suffix, _mission(band)) == (of_set, mission):
                code = sentinel2.BANDS[band.standard].spyndex_code
                if code:
                    letters[code] = position
        if "N" not in letters and "N2" in letters:
            letters["N"] = letters["N2"]
        for ours, theirs in _CATALOGUE_NAMES.items():
            entry = spyndex.indices[theirs]
            if all(letter in letters for letter in entry.bands):
                pairs = tuple((letter, letters[letter]) for letter in entry.bands)
                found[ours + suffix] = SpectralIndex(ours + suffix, theirs, entry.formula, pairs)
    return found


def _mission(band: Band) -> str:
    """Whose band it is: indices take all of theirs from one mission."""
    return band.own.mission if band.own is not None else ""


def chosen_indices(scene: Scene, names: Sequence[str]) -> tuple[SpectralIndex, ...]:
    """Indices by name; raises UnknownName where one does not exist or the scene lacks its bands."""
    if not names:
        return ()
    available = available_indices(scene)
    chosen = []
    for name in names:
        match = next((entry for key, entry in available.items() if key.lower() == name.lower()), None)
        if match is None:
            has = ", ".join(available) or "no index, as it lacks the bands"
            raise UnknownName(f"The index {name[:60]!r} is not possible on this scene. It offers {has}.")
        chosen.append(match)
    return tuple(chosen)


def index_values(scene: Scene, index: SpectralIndex, stored: np.ndarray) -> np.ndarray:
    """An index from stored bands in the order of `index.positions`, float32 in [-1, 1]; NaN where it is 0/0.

    Parameters
    ----------
    stored : ndarray of shape (bands of the index, ...), as stored

    The formula is the catalogue's (Montero et al., A standardized catalogue of spectral indices,
    Scientific Data 10, 2023), on reflectance.
    """
    import spyndex

    reflectance = scene.to_reflectance(stored, [p for _, p in index.positions]).astype(np.float64)
    letters = {letter: band for (letter, _), band in zip(index.positions, reflectance, strict=True)}
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.asarray(spyndex.computeIndex(index.code, params=letters), dtype=np.float64)
    return np.clip(values, -1, 1).astype(np.float32)


def needed_positions(scene: Scene, recipe: Recipe) -> tuple[int, ...]:
    """Positions of all bands that the recipe's features are made of: the chosen ones, then those of indices."""
    chosen = scene.positions(recipe.bands)
    extra = [p for index in chosen_indices(scene, recipe.indices) for _, p in index.positions]
    return tuple(dict.fromkeys((*chosen, *extra)))


def smoothed(values: np.ndarray, valid: np.ndarray, step: int = 1, first_rc: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Mean of each pixel's valid 3 x 3 neighbours, float32; masked pixels and beyond the edge count for nothing.

    Parameters
    ----------
    values : ndarray of shape (bands, rows, cols)
    valid : ndarray of shape (rows, cols), bool
    step, first_rc : give the mean of every `step`-th pixel only, from row and column `first_rc` on

    Returns
    -------
    ndarray of shape (bands, rows taken, cols taken), float32; 0 where no neighbour is valid.
    """
    rows, cols = valid.shape
    # Sums of nine short integers are exact in single precision, and so is their mean once rounded to it.
    dtype = np.float32 if values.dtype.kind in "ui" and values.dtype.itemsize <= 2 else np.float64
    taken = range(first_rc[0], rows, step)
    out = np.empty((len(values), len(taken), len(range(first_rc[1], cols, step))), dtype=np.float32)
    length = max(8, _SMOOTHED_NUMBERS // ((cols + 2) * step))
    for start in range(0, len(taken), length):
        some = taken[start : start + length]
        top, bottom = some[0] - 1, some[-1] + 2
        inside = slice(max(top, 0), min(bottom, rows))
        padded = np.zeros((bottom - top, cols + 2), dtype=dtype)
        middle = padded[inside.start - top : inside.stop - top, 1:-1]
        middle[...] = valid[inside]
        counts = np.maximum(_neighbour_sum(padded, step, first_rc[1]), 1)
        hidden = None if valid[inside].all() else ~valid[inside]
        for band, result in zip(values, out, strict=True):
            middle[...] = band[inside]
            if hidden is not None:
                middle[hidden] = 0
            sums = _neighbour_sum(padded, step, first_rc[1])
            np.divide(sums, counts, out=result[start : start + length], casting="unsafe")
    return out


def smoothed_at(pixels: Pixels, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """`smoothed` of some places only: at `rows` and `cols`, shape (n,); shape (bands, n), float32."""
    height, width = pixels.valid.shape
    off = np.arange(-1, 2)
    # Neighbours of a place as three rows and three columns of a picture, those of the next place to its right.
    down, right = rows[:, None] + off[:, None, None], cols[:, None] + off
    inside = (down >= 0) & (down < height) & (right >= 0) & (right < width)
    down, right = np.clip(down, 0, height - 1), np.clip(right, 0, width - 1)
    values = pixels.values[:, down, right].reshape(len(pixels.values), 3, -1)
    valid = (pixels.valid[down, right] & inside).reshape(3, -1)
    return smoothed(values, valid, 3, (1, 1))[:, 0]


def _neighbour_sum(padded: np.ndarray, step: int, first_col: int) -> np.ndarray:
    """Sums of 3 x 3, always added in the same order, so that every way of reading gives the same bits.

    Of every `step`-th place, from the second row and from the second column after `first_col` on.
    """
    if step == 1:
        lines = _three(padded.T[first_col:]).T
        return _three(lines)
    rows, cols = padded.shape[0] - 2, padded.shape[1] - 2

    def across(down: int) -> np.ndarray:
        line = padded[down : rows + down : step]
        left, middle, right = (line[:, first_col + n : cols + n : step] for n in range(3))
        return np.asarray(left + middle + right)

    return across(0) + across(1) + across(2)


def _three(lines: np.ndarray) -> np.ndarray:
    """Each line of an array plus the two after it."""
    sums = lines[:-2] + lines[1:-1]
    sums += lines[2:]
    return np.asarray(sums)


def raw_features(scene: Scene, recipe: Recipe, pixels: Pixels, on_reflectance: bool = False) -> Pixels:
    """Stored bands, then indices, as features; smoothing has been done before.

    Parameters
    ----------
    pixels : Pixels of the bands at `needed_positions(scene, recipe)`

    Returns
    -------
    Pixels whose values have shape (features, rows, cols): the stored dtype without indices, float32
    with them. Where an index is 0/0, or where an algorithm on reflectance meets zero in every band,
    the mask is cleared.
    """
    positions = needed_positions(scene, recipe)
    chosen = len(recipe.bands)
    bands, valid = pixels.values[:chosen], pixels.valid
    if on_reflectance:
        bare = -scene.offsets_of(positions[:chosen])
        return Pixels(bands, valid & (bands != bare[:, None, None]).any(axis=0))
    if not recipe.indices:
        return Pixels(bands, valid)
    out = np.empty((chosen + len(recipe.indices), *valid.shape), dtype=np.float32)
    out[:chosen] = bands
    for row, index in enumerate(chosen_indices(scene, recipe.indices), chosen):
        stored = pixels.values[[positions.index(p) for _, p in index.positions]]
        out[row] = index_values(scene, index, stored)
        valid = valid & np.isfinite(out[row])
    return Pixels(out, valid)


def preview_features(
    scene: Scene,
    recipe: Recipe,
    stack: np.ndarray,
    on_reflectance: bool = False,
    smoothed_pixels: Pixels | None = None,
) -> Pixels:
    """Raw features of the live picture, each as the full resolution has it at that pixel.

    Parameters
    ----------
    stack : the scene's `read_preview_stack`; where `smooths_beyond_preview` says so,
        full-resolution neighbours are needed and the scene itself is read instead
    smoothed_pixels : what `smoothed_preview(scene, recipe)` gives, where the caller has it
    """
    positions = needed_positions(scene, recipe)
    if smooths_beyond_preview(scene, recipe):
        pixels = smoothed_preview(scene, recipe) if smoothed_pixels is None else smoothed_pixels
    else:
        values = stack[list(positions)]
        pixels = Pixels(values, valid_pixels(scene, positions, stack, recipe.masking))
        if recipe.smooth:
            pixels = Pixels(smoothed(values, pixels.valid), pixels.valid)
    return raw_features(scene, recipe, pixels, on_reflectance)


def window_features(reader: SceneReader, recipe: Recipe, window: Window, on_reflectance: bool = False) -> Pixels:
    """Raw features of a window at full resolution; with smoothing, neighbours beyond its edge are read too."""
    scene = reader.scene
    positions = needed_positions(scene, recipe)
    if not recipe.smooth:
        return raw_features(scene, recipe, reader.read(positions, window, recipe.masking), on_reflectance)
    wide = window.grown(1, scene.grid.shape_rc)
    pixels = reader.read(positions, wide, recipe.masking)
    inner = Window(window.row - wide.row, window.col - wide.col, window.height, window.width).slices_rc
    means = smoothed(pixels.values, pixels.valid)[(slice(None), *inner)]
    return raw_features(scene, recipe, Pixels(means, pixels.valid[inner]), on_reflectance)


def run_features(
    reader: SceneReader, recipe: Recipe, run: Sequence[Window], on_reflectance: bool = False
) -> Iterator[Pixels]:
    """What `window_features` gives for each of several windows, with less reading where there is smoothing.

    Parameters
    ----------
    run : with smoothing, windows of the same columns that lie below each other without a gap: rows that two
        of them need are then read once
    """
    if not recipe.smooth:
        for window in run:
            yield window_features(reader, recipe, window, on_reflectance)
        return
    scene, positions = reader.scene, needed_positions(reader.scene, recipe)
    wide = run[0].grown(1, scene.grid.shape_rc)
    inner = slice(run[0].col - wide.col, run[0].col - wide.col + run[0].width)

    def read(row: int, height: int) -> Pixels | None:
        if not 0 <= row < scene.grid.height:
            return None
        return reader.read(positions, Window(row, wide.col, height, wide.width), recipe.masking)

    above, here = read(run[0].row - 1, 1), read(run[0].row, run[0].height)
    for window, following in zip(run, (*run[1:], None), strict=True):
        assert here is not None
        bottom = window.row + window.height
        below = read(bottom, following.height if following else 1)
        means, valid = _smoothed_between(above, here, below), here.valid
        above, here = Pixels(here.values[:, -1:].copy(), valid[-1:].copy()), below
        pixels = Pixels(means[:, :, inner], valid[:, inner])
        del means
        yield raw_features(scene, recipe, pixels, on_reflectance)


def _smoothed_between(above: Pixels | None, here: Pixels, below: Pixels | None) -> np.ndarray:
    """`smoothed` of pixels whose next rows above and below, if the scene goes on there, are in arrays of their own."""
    means = smoothed(here.values, here.valid)
    last = len(here.valid) - 1
    for row in {0, last}:
        near = [Pixels(here.values[:, max(row - 1, 0) : row + 2], here.valid[max(row - 1, 0) : row + 2])]
        if row == 0 and above is not None:
            near.insert(0, Pixels(above.values[:, -1:], above.valid[-1:]))
        if row == last and below is not None:
            near.append(Pixels(below.values[:, :1], below.valid[:1]))
        values = np.concatenate([one.values for one in near], axis=1)
        valid = np.concatenate([one.valid for one in near])
        place = 1 if row > 0 or above is not None else 0
        means[:, row] = smoothed(values, valid)[:, place]
    return means


def smooths_beyond_preview(scene: Scene, recipe: Recipe) -> bool:
    """Whether the live picture's features take neighbours that are not in the preview stack."""
    return bool(recipe.smooth) and scene.live_step > 1


def smoothed_preview(scene: Scene, recipe: Recipe) -> Pixels:
    """Means of full-resolution neighbours at the pixels of the live picture, from a pass over the whole scene.

    The bands are those at `needed_positions(scene, recipe)`; nothing else of the recipe counts but its
    masking.
    """
    step = scene.live_step
    height, width = (max(1, length // step) * step for length in _SMOOTHED_WINDOW_RC)
    # Down each column of windows: what two of them share is then still decoded.
    parts = sorted(windows(scene.grid.shape_rc, (height, width)), key=lambda window: (window.col, window.row))
    length = -(-len(parts) // thread_count())
    shape_rc = scene.grid.decimated(step).shape_rc
    values: np.ndarray = np.empty((len(needed_positions(scene, recipe)), *shape_rc), dtype=np.float32)
    valid = np.empty(shape_rc, dtype=bool)

    def read(stretch: list[Window]) -> None:
        with SceneReader(scene) as reader:
            for window in stretch:
                pixels = smoothed_places(reader, recipe, window, step)
                row, col = window.row // step, window.col // step
                place = (slice(row, row + pixels.valid.shape[0]), slice(col, col + pixels.valid.shape[1]))
                values[:, *place], valid[place] = pixels.values, pixels.valid

    stretches = [parts[start : start + length] for start in range(0, len(parts), length)]
    with ThreadPoolExecutor(len(stretches)) as pool:
        list(pool.map(read, stretches))
    return Pixels(frozen(values), frozen(valid))


def smoothed_places(reader: SceneReader, recipe: Recipe, window: Window, step: int) -> Pixels:
    """Means of full-resolution neighbours at every `step`-th pixel of a window.

    The window starts at multiples of `step`; rows and columns are taken from `step // 2` on, as
    `reading.preview_places` takes them.
    """
    positions = needed_positions(reader.scene, recipe)
    wide = window.grown(1, reader.scene.grid.shape_rc)
    pixels = reader.read(positions, wide, recipe.masking)
    first = step // 2
    start_rc = (window.row - wide.row + first, window.col - wide.col + first)
    rows, cols = (-(-(length - first) // step) for length in (window.height, window.width))
    means = smoothed(pixels.values, pixels.valid, step, start_rc)[:, :rows, :cols]
    return Pixels(means, pixels.valid[start_rc[0] :: step, start_rc[1] :: step][:rows, :cols])


@dataclass(frozen=True, eq=False)
class FeatureSpace:
    """What clips and scales raw features: (clip(x, low, high) - shift) / scale, each of shape (features,), float64."""

    low: np.ndarray
    high: np.ndarray
    shift: np.ndarray
    scale: np.ndarray

    def transform(self, raw: np.ndarray, dtype: type = np.float32) -> np.ndarray:
        """Raw features of shape (features, pixels) as rows to group, shape (pixels, features)."""
        out: np.ndarray = np.empty(raw.shape[::-1], dtype=dtype)
        # One feature at a time: whole arrays in float64 would be the peak of a fit's memory.
        for column, row, *own in zip(out.T, raw, self.low, self.high, self.shift, self.scale, strict=True):
            low, high, shift, scale = own
            column[:] = (np.clip(row.astype(np.float64), low, high) - shift) / scale
        return out


def learn_space(scene: Scene, recipe: Recipe, raw: np.ndarray, on_reflectance: bool = False) -> FeatureSpace:
    """Clip limits and scaling from the fit sample.

    Parameters
    ----------
    raw : ndarray of shape (features, pixels), raw features of the sample, all valid

    A feature that never changes keeps the scale 1. With scaling `none` the features keep their stored numbers,
    put on one scale where bands are stored on several.
    """
    count = len(raw)
    low, high = np.full(count, -np.inf), np.full(count, np.inf)
    if on_reflectance:
        positions = scene.positions(recipe.bands)
        return FeatureSpace(low, high, -scene.offsets_of(positions), scene.quantifications_of(positions))
    rows = raw.astype(np.float64)
    if recipe.clip is not None:
        low, high = np.percentile(rows, recipe.clip, axis=1)
        rows = np.clip(rows, low[:, None], high[:, None])
    shift, scale = np.zeros(count), np.ones(count)
    if scene.reflectance.by_band:
        own = scene.quantifications_of(scene.positions(recipe.bands))
        scale[: len(own)] = own / scene.reflectance.quantification
    if recipe.scale == "standard":
        shift, scale = rows.mean(axis=1), rows.std(axis=1)
    elif recipe.scale == "robust":
        quarter, shift, three_quarters = np.percentile(rows, (25, 50, 75), axis=1)
        scale = three_quarters - quarter
        flat = scale <= 0
        scale[flat] = rows[flat].std(axis=1)
    return FeatureSpace(low, high, shift, np.where(scale > 0, scale, 1.0))
