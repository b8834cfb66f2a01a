"""The sieve of a raster of labels too large for memory: two passes over strips of whole blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from s2dash.classify.clean_up.sieve import StripSieve
from s2dash.core.types import Window, windows

_STRIP_ROWS = 512
"""Whole blocks of our rasters; of a full tile 5.6 million pixels, which take 150 MB while patches are found."""


def sieved_strips(
    read: Callable[[Window], np.ndarray],
    shape_rc: tuple[int, int],
    least: int,
    neighbours: int,
    look: Callable[[float], None],
) -> Iterator[tuple[Window, np.ndarray]]:
    """Strips of labels from the top down, sieved as the whole raster would be.

    Memory grows with the number of patches, about 100 bytes for each that is small, and not with pixels.

    Parameters
    ----------
    read : labels of a window, shape (rows, cols), uint8; each strip is asked for twice
    look : told the share that is done, 0 to 1, before each strip; what it raises ends the work
    """
    strips = list(windows(shape_rc, (_STRIP_ROWS, shape_rc[1])))
    sieve = StripSieve(least, neighbours)
    for done, strip in enumerate(strips):
        look(done / (2 * len(strips)))
        sieve.look(read(strip))
    for done, strip in enumerate(strips):
        look((len(strips) + done) / (2 * len(strips)))
        yield strip, sieve.sieved(read(strip))
