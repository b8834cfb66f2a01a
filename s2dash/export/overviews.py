"""Smaller copies of class maps, each pixel the most frequent class of the four below it, made strip by strip."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from s2dash.raster.door import make_geotiff

SMALLEST_SIDE = 512
"""Halving goes on until both sides are at most this long: one tile."""


def level_shapes(shape_rc: tuple[int, int]) -> list[tuple[int, int]]:
    """Rows and columns of each overview of a map, largest first; none where the map is one tile."""
    shapes = []
    rows, cols = shape_rc
    while max(rows, cols) > SMALLEST_SIDE:
        rows, cols = -(-rows // 2), -(-cols // 2)
        shapes.append((rows, cols))
    return shapes


def write_overviews(strips: Iterable[tuple[int, np.ndarray]], shape_rc: tuple[int, int], folder: Path) -> list[Path]:
    """Write the overviews of a map, one file each; returns their paths, largest first.

    Parameters
    ----------
    strips : first row and labels, shape (rows, cols), uint8, from top to bottom; all but the last have the same
        number of rows, which halves as often as there are overviews
    """
    shapes = level_shapes(shape_rc)
    paths = [folder / f"overview-{number}.tmp" for number in range(len(shapes))]
    with ExitStack() as stack:
        levels = [
            stack.enter_context(make_geotiff(path, shape, "uint8")) for path, shape in zip(paths, shapes, strict=True)
        ]
        for row, strip in strips:
            labels = strip
            for number, level in enumerate(levels, 1):
                labels = halved(labels)
                first = row >> number
                level.write(labels, 1, window=((first, first + len(labels)), (0, labels.shape[1])))
    return paths


def halved(labels: np.ndarray) -> np.ndarray:
    """Every 2 x 2 pixels as one: their most frequent class, the first of them in reading order at ties.

    Parameters
    ----------
    labels : ndarray of shape (rows, cols), uint8; 0 is no data and only wins where there is nothing else

    Returns
    -------
    ndarray of shape (half the rows, half the cols), uint8; an odd last row or column stands for its neighbour too.
    """
    rows, cols = labels.shape
    if rows % 2 or cols % 2:
        labels = np.pad(labels, ((0, rows % 2), (0, cols % 2)), mode="edge")
    # Copies, as comparing every second number takes longer than bringing them together first.
    a, b, c, d = (np.ascontiguousarray(labels[i::2, j::2]) for i in (0, 1) for j in (0, 1))
    out = a.copy()
    for other in (b, c, d):
        np.copyto(out, other, where=out == 0)
    # Later ones overrule: whichever is in a pair first in reading order.
    np.copyto(out, c, where=(c == d) & (c != 0))
    np.copyto(out, b, where=((b == c) | (b == d)) & (b != 0))
    np.copyto(out, a, where=((a == b) | (a == c) | (a == d)) & (a != 0))
    return out
