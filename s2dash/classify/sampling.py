"""Which pixels the fit sees: one seeded sample of full-resolution pixels, the same for every way of running.

Scenes up to 67 million pixels are sampled pixel by pixel from all that are valid: any spread of small
windows would decode nearly every block of them anyway, and neighbouring pixels, being alike, tell
less. Of larger ones up to half of the file's blocks is read, one at a random place in each cell of
an even division, and an even lattice of pixels taken from each: a block is decoded whole or not at all.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np

from s2dash.classify.edge_smoothing import HALO
from s2dash.classify.features import features_at, preview_features
from s2dash.classify.prepare import WHOLE_UP_TO_PIXELS, Prepared
from s2dash.classify.surroundings import Held, held, room_for, smoothed_features
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Pixels, Scene
from s2dash.core.types import Window, frozen, windows
from s2dash.errors import TooFewPixels
from s2dash.raster.reading import SceneReader
from s2dash.settings import thread_count

_FEWEST_CELLS, _MOST_CELLS = 16, 32
"""Cells along each axis, of which each gives one block, as far as there are as many blocks."""
_LEAST_UNIT = 256
"""Rows or columns: smaller blocks are taken together."""
_MARGIN = 8
"""Pixels left out at the edges of a block where smoothing, or bands of coarser pixels, would reach beyond it."""
_SPARSE = 40
"""Samples of more than one pixel in so many are drawn from all blocks."""
_STRIP_ROWS = 512
_SURPLUS = 1.3
"""How many times the sample is looked at, to make up for masked pixels."""
_ENOUGH = 0.25
"""Below this share of the sample, blocks have mostly met masked pixels, and the whole scene is read."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Pixels to fit on."""

    raw: np.ndarray
    """Raw features, shape (features, pixels)."""
    bands: np.ndarray
    """Every band of the scene at the same pixels as stored, unsmoothed, shape (bands, pixels)."""
    population: float
    """About how many valid pixels it was drawn from."""

    @property
    def pixel_count(self) -> int:
        return int(self.raw.shape[1])


@dataclass(frozen=True, eq=False)
class _Lattice:
    """Evenly spaced pixels of a window."""

    window: Window
    rows: np.ndarray
    """Those of the window that are taken, shape (n,), int64."""
    cols: np.ndarray


_Part = TypeVar("_Part")


@dataclass(frozen=True, eq=False)
class _Taken:
    """Valid pixels of a part of a scene: raw features and all bands, each of shape (features or bands, pixels)."""

    raw: np.ndarray
    bands: np.ndarray
    held: Held | None
    """What lies around them, where that is wanted."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """A sample with what lies around its pixels."""

    sample: Sample
    parts: tuple[Held, ...]
    """In order; empty where nothing is held."""
    chosen: np.ndarray
    """Which of the places of all parts the sample has, ascending, shape (pixels,), int64."""

    def smoothed(self, prepared: Prepared) -> Sample:
        """The same pixels as `draw_sample` gives them, once the space is known that smoothing acts in."""
        raw = smoothed_features(prepared, self.parts, self.chosen)
        return replace(self.sample, raw=frozen(raw))


def sample_of(prepared: Prepared) -> Sample:
    """The pixels that a fit learns from; what is prepared with an equal `sample_key` shares them.

    Raises TooFewPixels where the mask leaves no pixel.
    """
    return prepared.keep("sample", prepared.sample_key, lambda: draw_sample(prepared))


def draw_sample(prepared: Prepared) -> Sample:
    """The recipe's sample of the scene; the same pixels for the same scene, recipe and seed.

    Raises TooFewPixels where the mask leaves no pixel.
    """
    return _drawn(prepared, holds=False).sample


@contextmanager
def drawn_to_smooth(prepared: Prepared) -> Iterator[Drawn]:
    """`draw_sample` of features that are yet to be smoothed, with what lies around them if there is room for it."""
    scene, recipe = prepared.scene, prepared.recipe
    if scene.live_step == 1 or recipe.sample is None:
        yield _drawn(prepared, holds=False)
        return
    with room_for(prepared, _SURPLUS * recipe.sample) as is_room:
        yield _drawn(prepared, holds=is_room)


def _drawn(prepared: Prepared, holds: bool) -> Drawn:
    scene, recipe = prepared.scene, prepared.recipe
    if scene.live_step == 1:
        pixels = preview_features(prepared)
        sample, chosen = _choose(pixels, prepared.stack[: len(scene.bands)], recipe, 1.0)
        return Drawn(sample, (), chosen)
    if recipe.sample is None:
        return _chosen(_from_strips(prepared, 1.0, holds), recipe, 1.0)
    if scene.grid.pixel_count > max(WHOLE_UP_TO_PIXELS, _SPARSE * recipe.sample):
        with SceneReader(scene) as reader:
            block_rc = reader.block_shape_rc
        reaches_beyond = recipe.smooth != 0 or len({layer.grid for layer in scene.layers}) > 1
        margin = _MARGIN if reaches_beyond else 0
        parts = _spread_blocks(scene.grid.shape_rc, block_rc, recipe.sample, recipe.seed, margin)
        taken = _read_parts(scene, parts, partial(_of_block, prepared, holds))
        if _count(taken) >= recipe.sample * _ENOUGH:
            looked_at = sum(len(part.rows) * len(part.cols) for part in parts)
            return _chosen(taken, recipe, looked_at / scene.grid.pixel_count)
        del taken
    share = min(1.0, _SURPLUS * recipe.sample / scene.grid.pixel_count)
    taken = _from_strips(prepared, share, holds)
    found = _count(taken)
    if found < recipe.sample and share < 1:
        share = min(1.0, _SURPLUS * recipe.sample * share / found) if found else 1.0
        del taken
        taken = _from_strips(prepared, share, holds)
    return _chosen(taken, recipe, share)


def _count(taken: Sequence[_Taken]) -> int:
    return sum(one.raw.shape[1] for one in taken)


def _chosen(taken: Sequence[_Taken], recipe: Recipe, looked_at: float) -> Drawn:
    raw = np.concatenate([one.raw for one in taken], axis=1)[:, None, :]
    bands = np.concatenate([one.bands for one in taken], axis=1)[:, None, :]
    pixels = Pixels(raw, np.ones(raw.shape[1:], dtype=bool))
    sample, chosen = _choose(pixels, bands, recipe, looked_at)
    return Drawn(sample, tuple(one.held for one in taken if one.held is not None), chosen)


def _from_strips(prepared: Prepared, share: float, holds: bool) -> list[_Taken]:
    """About this share of all valid pixels, each as likely as any other, from a pass over the whole scene."""
    grid = prepared.scene.grid
    parts = list(windows(grid.shape_rc, (_STRIP_ROWS, grid.width)))
    return _read_parts(prepared.scene, parts, partial(_of_strip, prepared, holds, share))


def _read_parts(scene: Scene, parts: list[_Part], read: Callable[[SceneReader, _Part], _Taken]) -> list[_Taken]:
    """What `read` takes from each part, in the order of `parts`."""

    def read_stretch(stretch: list[_Part]) -> list[_Taken]:
        with SceneReader(scene) as reader:
            return [read(reader, part) for part in stretch]

    length = -(-len(parts) // thread_count())
    stretches = [parts[start : start + length] for start in range(0, len(parts), length)]
    with ThreadPoolExecutor(len(stretches)) as pool:
        return [one for stretch in pool.map(read_stretch, stretches) for one in stretch]


def _of_block(prepared: Prepared, holds: bool, reader: SceneReader, lattice: _Lattice) -> _Taken:
    """A lattice's valid pixels."""

    def choose(valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows, cols = np.nonzero(valid[np.ix_(lattice.rows, lattice.cols)])
        return lattice.rows[rows], lattice.cols[cols]

    return _taken(prepared, holds, reader, lattice.window, choose)


def _of_strip(prepared: Prepared, holds: bool, share: float, reader: SceneReader, window: Window) -> _Taken:
    """A share of a window's valid pixels, drawn by the recipe's seed."""

    def choose(valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([prepared.recipe.seed, window.row])
        drawn = rng.random(valid.shape, dtype=np.float32) < share
        rows, cols = np.nonzero(drawn & valid if share < 1 else valid)
        return rows, cols

    return _taken(prepared, holds, reader, window, choose)


def _taken(
    prepared: Prepared,
    holds: bool,
    reader: SceneReader,
    window: Window,
    choose: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> _Taken:
    """Some of a window's pixels.

    `choose` gets the mask of the window and gives the rows and columns in it of pixels that are valid. Only
    these are smoothed and made into indices.
    """
    recipe = prepared.recipe
    wide = window.grown(HALO if holds else prepared.halo, prepared.scene.grid.shape_rc)
    pixels, every = reader.read_all(prepared.positions, wide, recipe.masking)
    down, right = window.row - wide.row, window.col - wide.col
    rows, cols = choose(pixels.valid[down : down + window.height, right : right + window.width])
    rows, cols = rows + down, cols + right
    features = features_at(prepared, pixels, rows, cols)
    kept = features.valid[0]
    rows, cols = rows[kept], cols[kept]
    return _Taken(features.values[:, 0, kept], every[:, rows, cols], held(pixels, rows, cols) if holds else None)


def _choose(pixels: Pixels, bands: np.ndarray, recipe: Recipe, looked_at: float) -> tuple[Sample, np.ndarray]:
    """At most `recipe.sample` of the valid pixels, in row order, and their places; `looked_at` is their share."""
    where = np.flatnonzero(pixels.valid)
    population = len(where) / looked_at
    if not len(where):
        of_how_many = f" of the {pixels.valid.size:,} pixels looked at" if pixels.valid.size else " of the pixels"
        raise TooFewPixels(
            f"The mask leaves none{of_how_many}, so there is nothing to group. "
            "Choose other bands, or switch the mask off (mask none)."
        )
    if recipe.sample is not None and len(where) > recipe.sample:
        rng = np.random.default_rng([recipe.seed, recipe.sample])
        where = where[np.sort(rng.choice(len(where), recipe.sample, replace=False))]
    raw = pixels.values.reshape(len(pixels.values), -1)[:, where]
    return Sample(frozen(raw), frozen(bands.reshape(len(bands), -1)[:, where]), population), where


def _spread_blocks(
    shape_rc: tuple[int, int], block_rc: tuple[int, int], sample: int, seed: int, margin: int = 0
) -> list[_Lattice]:
    """A lattice of pixels in one block of each cell of an even division, together about 1.3 x `sample` pixels.

    The surplus makes up for masked pixels; where many are masked the sample is smaller. A block is as likely
    as it fills its cell, so that every pixel of the scene is about equally likely.
    """
    rng = np.random.default_rng([seed, *shape_rc])
    units = [block * -(-_LEAST_UNIT // block) for block in block_rc]
    edges = [_cell_edges(length, unit) for length, unit in zip(shape_rc, units, strict=True)]
    side = math.ceil(math.sqrt(_SURPLUS * sample / ((len(edges[0]) - 1) * (len(edges[1]) - 1))))
    out = []
    for cell in itertools.product(*(itertools.pairwise(axis) for axis in edges)):
        axes = [_block_at(rng, *place, margin) for place in zip(cell, shape_rc, units, strict=True)]
        (row, height), (col, width) = axes
        taken = [_evenly(rng, length, side) for _, length in axes]
        out.append(_Lattice(Window(row, col, height, width), *taken))
    return out


def _cell_edges(length: int, unit: int) -> list[int]:
    """Where cells begin and end along an axis: about every second block has one of its own."""
    units = -(-length // unit)
    cells = min(max(units // 2, min(units, _FEWEST_CELLS)), _MOST_CELLS)
    return [round(edge) for edge in np.linspace(0, length, cells + 1).tolist()]


def _block_at(rng: np.random.Generator, cell: tuple[int, int], length: int, unit: int, margin: int) -> tuple[int, int]:
    """First place and length, along an axis, of the inside of the block at a random place of a cell."""
    start = int(rng.integers(*cell)) // unit * unit
    if length - start <= 4 * _MARGIN and start >= unit:
        start -= unit
    end = min(start + unit, length)
    margin = margin if end - start > 4 * margin else 0
    return start + margin, end - start - 2 * margin


def _evenly(rng: np.random.Generator, length: int, count: int) -> np.ndarray:
    """At most `count` places of 0 to `length`, as evenly spaced as can be, from a random one; shape (n,), int64."""
    count = min(count, length)
    return np.floor((np.arange(count) + rng.random()) * (length / count)).astype(np.int64)
