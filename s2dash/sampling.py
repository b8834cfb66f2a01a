"""Which pixels the fit sees: one seeded sample of full-resolution pixels, the same for every way of running.

Small scenes are sampled pixel by pixel from all their valid pixels. Larger ones are read in small
windows spread over the scene, one at a random place in each cell of an even lattice: about 256 in a
full tile, so that it needs no full read, and about 2,300 in one that any spread of windows would
decode whole anyway, as neighbouring pixels are alike and more places tell more.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from s2dash.errors import TooFewPixels
from s2dash.features import preview_features, window_features
from s2dash.recipe import Recipe
from s2dash.scene import Pixels, Scene, SceneReader, read_preview_stack
from s2dash.settings import thread_count
from s2dash.types import Window, frozen, windows

_LATTICE = 16
_FINE_LATTICE = 48
_FINE_BELOW_PIXELS = 2**26
_STRIP_ROWS = 256


@dataclass(frozen=True, eq=False)
class Sample:
    """Pixels to fit on."""

    raw: np.ndarray
    """Raw features, shape (features, pixels)."""
    bands: np.ndarray
    """Every band of the scene at the same pixels as stored, unsmoothed, shape (bands, pixels)."""

    @property
    def pixel_count(self) -> int:
        return int(self.raw.shape[1])


def draw_sample(scene: Scene, recipe: Recipe, stack: np.ndarray | None = None, on_reflectance: bool = False) -> Sample:
    """The recipe's sample of the scene; the same pixels for the same scene, recipe and seed.

    Parameters
    ----------
    stack : the scene's preview stack where the caller has it; only used when it is the whole scene

    Raises TooFewPixels where the mask leaves no pixel.
    """
    if scene.live_step == 1:
        stack = read_preview_stack(scene) if stack is None else stack
        pixels = preview_features(scene, recipe, stack, on_reflectance)
        return _choose(pixels, stack[[n - 1 for n in scene.band_indexes]], recipe)
    if recipe.sample is None:
        parts = list(windows(scene.grid.shape_rc, (_STRIP_ROWS, scene.grid.width)))
    else:
        parts = _spread_windows(scene.grid.shape_rc, recipe.sample, recipe.seed)
    taken = _read_parts(scene, recipe, parts, on_reflectance)
    raw = np.concatenate([pixels.values[:, pixels.valid] for pixels, _ in taken], axis=1)
    bands = np.concatenate([bands[:, pixels.valid] for pixels, bands in taken], axis=1)
    whole = Pixels(raw[:, None, :], np.ones((1, raw.shape[1]), dtype=bool))
    return _choose(whole, bands[:, None, :], recipe)


def _read_parts(
    scene: Scene, recipe: Recipe, parts: list[Window], on_reflectance: bool
) -> list[tuple[Pixels, np.ndarray]]:
    """Raw features and all bands of each window, in the order of `parts`; each thread reads a stretch of them."""

    def read_stretch(stretch: list[Window]) -> list[tuple[Pixels, np.ndarray]]:
        with SceneReader(scene) as reader:
            return [_read_part(reader, recipe, part, on_reflectance) for part in stretch]

    length = -(-len(parts) // thread_count())
    stretches = [parts[start : start + length] for start in range(0, len(parts), length)]
    with ThreadPoolExecutor(len(stretches)) as pool:
        return [taken for stretch in pool.map(read_stretch, stretches) for taken in stretch]


def _read_part(reader: SceneReader, recipe: Recipe, window: Window, on_reflectance: bool) -> tuple[Pixels, np.ndarray]:
    every_band = range(len(reader.scene.bands))
    return (
        window_features(reader, recipe, window, on_reflectance),
        reader.read(every_band, window, "none").values,
    )


def _choose(pixels: Pixels, bands: np.ndarray, recipe: Recipe) -> Sample:
    """At most `recipe.sample` of the valid pixels, in row order."""
    where = np.flatnonzero(pixels.valid)
    if not len(where):
        total = pixels.valid.size
        raise TooFewPixels(
            f"The mask leaves none of the {total:,} pixels looked at, so there is nothing to group. "
            "Choose other bands, or switch the mask off (mask none)."
        )
    if recipe.sample is not None and len(where) > recipe.sample:
        rng = np.random.default_rng([recipe.seed, recipe.sample])
        where = where[np.sort(rng.choice(len(where), recipe.sample, replace=False))]
    raw = pixels.values.reshape(len(pixels.values), -1)[:, where]
    return Sample(frozen(raw), frozen(bands.reshape(len(bands), -1)[:, where]))


def _spread_windows(shape_rc: tuple[int, int], sample: int, seed: int) -> list[Window]:
    """One window at a random place in each cell of an even lattice, together about 1.3 x `sample` pixels.

    The surplus makes up for masked pixels; where many are masked the sample is smaller.
    """
    rng = np.random.default_rng([seed, *shape_rc])
    lattice = _FINE_LATTICE if shape_rc[0] * shape_rc[1] <= _FINE_BELOW_PIXELS else _LATTICE
    edges = [np.linspace(0, n, min(lattice, n) + 1).astype(int) for n in shape_rc]
    side = math.ceil(math.sqrt(1.3 * sample / ((len(edges[0]) - 1) * (len(edges[1]) - 1))))
    out = []
    for top, bottom in zip(edges[0][:-1], edges[0][1:], strict=True):
        for left, right in zip(edges[1][:-1], edges[1][1:], strict=True):
            height, width = min(side, bottom - top), min(side, right - left)
            row = int(rng.integers(top, bottom - height + 1))
            col = int(rng.integers(left, right - width + 1))
            out.append(Window(row, col, int(height), int(width)))
    return out
