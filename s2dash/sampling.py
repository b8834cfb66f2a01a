"""Which pixels the fit sees: one seeded sample of full-resolution pixels, the same for every way of running.

Scenes up to 67 million pixels are sampled pixel by pixel from all that are valid: any spread of small
windows would decode nearly every block of them anyway, and neighbouring pixels, being alike, tell
less. Larger ones are read in about 256 small windows, one at a random place in each cell of an even
lattice, so that a full tile needs no full read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from s2dash.errors import TooFewPixels
from s2dash.features import preview_features, window_features
from s2dash.reading import SceneReader, read_preview_stack
from s2dash.recipe import Recipe
from s2dash.scene import NO_MASKING, Pixels, Scene
from s2dash.settings import thread_count
from s2dash.types import Window, frozen, windows

_LATTICE = 16
_WHOLE_UP_TO_PIXELS = 2**26
_STRIP_ROWS = 512
_SURPLUS = 1.3
"""How many times the sample is looked at, to make up for masked pixels."""
_ENOUGH = 0.25
"""Below this share of the sample, small windows have mostly met masked pixels, and the whole scene is read."""


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
        return _choose(pixels, stack[: len(scene.bands)], recipe)
    if recipe.sample is None:
        return _choose(*_from_strips(scene, recipe, 1.0, on_reflectance), recipe)
    if scene.grid.pixel_count > _WHOLE_UP_TO_PIXELS:
        parts = _spread_windows(scene.grid.shape_rc, recipe.sample, recipe.seed)
        pixels, bands = _read_parts(scene, parts, partial(_all_of, recipe=recipe, on_reflectance=on_reflectance))
        if pixels.valid.size >= recipe.sample * _ENOUGH:
            return _choose(pixels, bands, recipe)
    share = min(1.0, _SURPLUS * recipe.sample / scene.grid.pixel_count)
    pixels, bands = _from_strips(scene, recipe, share, on_reflectance)
    found = pixels.valid.size
    if found < recipe.sample and share < 1:
        wider = min(1.0, _SURPLUS * recipe.sample * share / found) if found else 1.0
        pixels, bands = _from_strips(scene, recipe, wider, on_reflectance)
    return _choose(pixels, bands, recipe)


def _from_strips(scene: Scene, recipe: Recipe, share: float, on_reflectance: bool) -> tuple[Pixels, np.ndarray]:
    """About this share of all valid pixels, each as likely as any other, from a pass over the whole scene."""
    parts = list(windows(scene.grid.shape_rc, (_STRIP_ROWS, scene.grid.width)))
    return _read_parts(scene, parts, partial(_some_of, recipe=recipe, share=share, on_reflectance=on_reflectance))


def _read_parts(
    scene: Scene, parts: list[Window], read: Callable[[SceneReader, Window], tuple[np.ndarray, np.ndarray]]
) -> tuple[Pixels, np.ndarray]:
    """What `read` takes from each window, in the order of `parts`, as one row of pixels."""

    def read_stretch(stretch: list[Window]) -> list[tuple[np.ndarray, np.ndarray]]:
        with SceneReader(scene) as reader:
            return [read(reader, part) for part in stretch]

    length = -(-len(parts) // thread_count())
    stretches = [parts[start : start + length] for start in range(0, len(parts), length)]
    with ThreadPoolExecutor(len(stretches)) as pool:
        taken = [one for stretch in pool.map(read_stretch, stretches) for one in stretch]
    raw = np.concatenate([raw for raw, _ in taken], axis=1)[:, None, :]
    bands = np.concatenate([bands for _, bands in taken], axis=1)[:, None, :]
    return Pixels(raw, np.ones(raw.shape[1:], dtype=bool)), bands


def _all_of(reader: SceneReader, window: Window, recipe: Recipe, on_reflectance: bool) -> tuple[np.ndarray, np.ndarray]:
    """Raw features and all bands of a window's valid pixels."""
    pixels, bands = _read_window(reader, window, recipe, on_reflectance)
    return pixels.values[:, pixels.valid], bands[:, pixels.valid]


def _some_of(
    reader: SceneReader, window: Window, recipe: Recipe, share: float, on_reflectance: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Raw features and all bands of a share of a window's valid pixels, drawn by the recipe's seed."""
    pixels, bands = _read_window(reader, window, recipe, on_reflectance)
    drawn = np.random.default_rng([recipe.seed, window.row]).random(pixels.valid.shape, dtype=np.float32) < share
    chosen = drawn & pixels.valid if share < 1 else pixels.valid
    return pixels.values[:, chosen], bands[:, chosen]


def _read_window(
    reader: SceneReader, window: Window, recipe: Recipe, on_reflectance: bool
) -> tuple[Pixels, np.ndarray]:
    pixels = window_features(reader, recipe, window, on_reflectance)
    return pixels, reader.read(range(len(reader.scene.bands)), window, NO_MASKING).values


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
    edges = [np.linspace(0, n, min(_LATTICE, n) + 1).astype(int) for n in shape_rc]
    side = math.ceil(math.sqrt(_SURPLUS * sample / ((len(edges[0]) - 1) * (len(edges[1]) - 1))))
    out = []
    for top, bottom in zip(edges[0][:-1], edges[0][1:], strict=True):
        for left, right in zip(edges[1][:-1], edges[1][1:], strict=True):
            height, width = min(side, bottom - top), min(side, right - left)
            row = int(rng.integers(top, bottom - height + 1))
            col = int(rng.integers(left, right - width + 1))
            out.append(Window(row, col, int(height), int(width)))
    return out
