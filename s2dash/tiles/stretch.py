"""Stretching: how the stored numbers of three bands become the colours of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from s2dash.core import sentinel2
from s2dash.core.missions import ALPHAEARTH, ALPHAEARTH_PICTURE, PICTURE_REACH
from s2dash.core.scene import Masking, Scene, valid_pixels
from s2dash.core.types import frozen

_DARK_PERCENTILE, _BRIGHT_PERCENTILE = 2.0, 98.0
_GAMMA = 1.5
_EMBEDDING_WORDS = "Three axes of the embedding: ground that was alike all year has the same colour"
_VISIBLE_BANDS = frozenset({"B02", "B03", "B04"})

PICTURE_MASKING = Masking(area=False)
"""What a picture leaves out: it goes on beyond a drawn area."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """How the stored numbers of three bands become red, green and blue."""

    positions: tuple[int, int, int]
    """Of the bands in the scene."""
    dark: tuple[float, float, float]
    """The stored number of each band that is shown black."""
    extent: tuple[float, float, float]
    """How much larger that shown brightest is."""
    gamma: float = _GAMMA
    """Lifts the dark parts; 1 leaves values as far apart as they are."""

    def rgba(self, values: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Colours of stored numbers, shape (..., 4), uint8; transparent where not valid.

        Parameters
        ----------
        values : ndarray of shape (3, ...), the bands at `positions`
        valid : ndarray of shape (...), bool
        """
        rgba = np.empty((*valid.shape, 4), dtype=np.uint8)
        dtype = values.dtype
        for index, (channel, dark, extent) in enumerate(zip(values, self.dark, self.extent, strict=True)):
            if dtype.kind in "iu" and dtype.itemsize <= 2:
                table = _stretch_table(dtype, dark, extent, self.gamma)
                rgba[..., index] = table[np.ascontiguousarray(channel).view(f"u{dtype.itemsize}")]
            else:
                known = np.where(valid, channel, 0).astype(np.float32)
                rgba[..., index] = _stretched(known, dark, extent, self.gamma)
        rgba[..., 3] = 255
        if not valid.all():
            rgba[~valid] = 0
        return rgba


def stretch_of(scene: Scene, stack: np.ndarray, band_names: Sequence[str]) -> Stretch:
    """The stretch that suits a scene, from its preview; a picture keeps it at any zoom, so that colours never jump.

    `stack` is `read_preview_stack(scene)`, shape (bands and masks, rows, cols). Each channel is
    stretched from its own dark end (percentile 2 of the valid pixels), so that haze goes, up to its own
    bright end (percentile 98). Where all three bands are visible light, the range is the geometric mean
    of its own and the widest of the three: hues stay as the eye knows them, and water does not turn
    brown. A gamma of 1.5 lifts the dark parts. Embeddings are shown from -0.3 to 0.3, whatever is in the picture: the
    same vector has the same colour in each. The same band three times gives grey. Raises
    UnknownName for a band the scene lacks, ValueError unless there are three names.
    """
    if len(band_names) != 3:
        raise ValueError(f"a picture needs 3 band names, not {len(band_names)}")
    red, green, blue = positions = scene.positions(band_names)
    if ALPHAEARTH in scene.missions:
        return _within_reach(scene, (red, green, blue))
    valid = valid_pixels(scene, positions, stack, PICTURE_MASKING)
    if not valid.any():
        return Stretch((red, green, blue), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    is_true_colour = {scene.bands[i].standard for i in positions} == _VISIBLE_BANDS
    channels = [stack[i][valid].astype(np.float32) for i in positions]
    dark, bright = np.array([np.percentile(c, (_DARK_PERCENTILE, _BRIGHT_PERCENTILE)) for c in channels]).T
    own = bright - dark
    ranges = np.sqrt(own * own.max()) if is_true_colour else own
    lows, extents = (tuple(map(float, numbers)) for numbers in (dark, ranges))
    return Stretch((red, green, blue), lows, extents)  # type: ignore[arg-type]


def _within_reach(scene: Scene, positions: tuple[int, int, int]) -> Stretch:
    units = scene.quantifications_of(positions)
    lows, extents = (tuple(map(float, PICTURE_REACH * units * times)) for times in (-1, 2))
    return Stretch(positions, lows, extents, gamma=1.0)  # type: ignore[arg-type]


def usual_pictures(scene: Scene) -> dict[str, tuple[tuple[str, str, str], str]]:
    """The usual three bands that this scene has, and what their colours mean, by what their menu calls them."""
    if ALPHAEARTH in scene.missions:
        has_all = set(ALPHAEARTH_PICTURE) <= set(scene.band_names)
        return {"Embedding": (ALPHAEARTH_PICTURE, _EMBEDDING_WORDS)} if has_all else {}
    if scene.is_embedding:
        red, green, blue = (*scene.band_names[:3], *scene.band_names[:1] * 2)[:3]
        return {"Embedding": ((red, green, blue), _EMBEDDING_WORDS)}
    by_standard = {band.standard: band.name for band in reversed(scene.bands) if band.standard}
    if "B08" in by_standard and any(band.own for band in scene.bands):
        # Other missions have one near infrared, which stands for both.
        by_standard.setdefault("B8A", by_standard["B08"])
    return {
        name: ((by_standard[bands[0]], by_standard[bands[1]], by_standard[bands[2]]), label)
        for name, (bands, label) in sentinel2.LAYERS.items()
        if all(b in by_standard for b in bands)
    }


def usual_bands(scene: Scene) -> tuple[str, str, str] | None:
    """The bands of the first of the usual pictures that a scene has; None where it has none of them."""
    return next((bands for bands, _ in usual_pictures(scene).values()), None)


def picture_rgba(
    scene: Scene, stack: np.ndarray, band_names: Sequence[str], stretch: Stretch | None = None
) -> np.ndarray:
    """Three bands as red, green and blue, shape (rows, cols, 4), uint8, read-only; pixels without data are transparent.

    Parameters
    ----------
    stack : `read_preview_stack(scene)`, shape (bands and masks, rows, cols)
    stretch : `stretch_of(scene, stack, band_names)` where the caller has it

    Raises as `stretch_of`.
    """
    stretch = stretch_of(scene, stack, band_names) if stretch is None else stretch
    valid = valid_pixels(scene, stretch.positions, stack, PICTURE_MASKING)
    return frozen(stretch.rgba(stack[list(stretch.positions)], valid))


@lru_cache(maxsize=16)
def _stretch_table(dtype: np.dtype, dark: float, extent: float, gamma: float) -> np.ndarray:
    """`_stretched` of every number of a short whole-number type, shape (256,) or (65536,), by its bits without sign."""
    numbers = np.arange(2 ** (8 * dtype.itemsize), dtype=np.uint32).astype(f"u{dtype.itemsize}").view(dtype)
    return frozen(_stretched(numbers.astype(np.float32), dark, extent, gamma))


def _stretched(values: np.ndarray, dark: float, extent: float, gamma: float) -> np.ndarray:
    if extent <= 0:
        return np.full(values.shape, 128, dtype=np.uint8)
    share = np.clip((values - np.float32(dark)) / np.float32(extent), 0, 1)
    return np.asarray(np.rint(share ** np.float32(1 / gamma) * 255).astype(np.uint8))
