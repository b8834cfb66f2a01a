"""The border of a class in a small picture, as a path that a browser draws: along the sides of pixels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def outline(inside: np.ndarray) -> str:
    """An SVG path, in pixels, of where a class ends; nothing along the picture's own edges, as it may go on there.

    inside : shape (rows, cols), bool
    """
    below, beside = inside[1:] != inside[:-1], inside[:, 1:] != inside[:, :-1]
    lines = [f"M{start} {row + 1}H{end}" for row, start, end in _runs(below)]
    lines += [f"M{col + 1} {start}V{end}" for col, start, end in _runs(beside.T)]
    return "".join(lines)


def _runs(marked: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Each line's unbroken runs: number of the line, first and past the last."""
    changes = np.diff(np.pad(marked.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    lines, starts = np.nonzero(changes == 1)
    ends = np.nonzero(changes == -1)[1]
    yield from zip(lines.tolist(), starts.tolist(), ends.tolist(), strict=True)
