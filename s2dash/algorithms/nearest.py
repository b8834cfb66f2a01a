"""The inner arithmetic of centre-based algorithms: argmin of a linear score, straight from stored numbers.

Clipping and scaling are folded into the weights, so that a window goes from stored integers to
labels in one pass. Each pixel's sum runs in the same order in float64, whatever the window and
the thread, so labels never depend on either. numba compiles the pass; without numba the same
sums are made by numpy, more slowly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

try:
    import numba
except ImportError:
    ENGINE = "numpy"
else:
    ENGINE = "numba"


def assign(
    values: np.ndarray, valid: np.ndarray, low: np.ndarray, high: np.ndarray, weights: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    """Label every valid pixel with 1 + argmin(bias - weights . clip(value, low, high)); 0 where masked.

    Parameters
    ----------
    values : ndarray of shape (features, pixels), any real dtype
    valid : ndarray of shape (pixels,), bool
    low, high : ndarrays of shape (features,), float64
    weights : ndarray of shape (k, features), float64, k at most 255
    bias : ndarray of shape (k,), float64

    Returns
    -------
    ndarray of shape (pixels,), uint8; at ties the lowest number wins.
    """
    kernel = _compiled if ENGINE == "numba" else assign_numpy
    return np.asarray(kernel(*map(_read_only, (values, valid, low, high, weights, bias))))


def load() -> None:
    """Load numba's compiler and the machine code for uint16, as satellites' numbers are stored, or make it."""
    none = np.zeros(0)
    assign(np.zeros((0, 0), dtype=np.uint16), none.astype(bool), none, none, np.zeros((0, 0)), none)


def _read_only(array: np.ndarray) -> np.ndarray:
    """The array as contiguous and read-only, so that the kernel is compiled once for each dtype and no more."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def assign_numpy(
    values: np.ndarray, valid: np.ndarray, low: np.ndarray, high: np.ndarray, weights: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    """`assign` by numpy: the same sums in the same order."""
    best = np.full(values.shape[1], np.inf)
    labels = np.zeros(values.shape[1], dtype=np.uint8)
    clipped = [
        np.clip(np.where(valid, row, 0).astype(np.float64), lo, hi)
        for row, lo, hi in zip(values, low, high, strict=True)
    ]
    for number, (row_weights, row_bias) in enumerate(zip(weights, bias, strict=True), 1):
        score = np.full(values.shape[1], row_bias)
        for weight, row in zip(row_weights, clipped, strict=True):
            score -= weight * row
        closer = score < best
        best[closer] = score[closer]
        labels[closer] = number
    labels[~valid] = 0
    return labels


if ENGINE == "numba":

    def _compile(function: Callable[..., Any]) -> Callable[..., Any]:
        """The machine code of a function, kept on disk for the next process where any folder can be written."""
        try:
            return numba.njit(nogil=True, cache=True)(function)
        except RuntimeError:
            return numba.njit(nogil=True)(function)

    @_compile
    def _compiled(values, valid, low, high, weights, bias):  # type: ignore[no-untyped-def]  # pragma: no cover
        features, pixels = values.shape
        k = bias.shape[0]
        labels = np.zeros(pixels, dtype=np.uint8)
        pixel = np.empty(features, dtype=np.float64)
        for i in range(pixels):
            if not valid[i]:
                continue
            for j in range(features):
                v = np.float64(values[j, i])
                pixel[j] = min(max(v, low[j]), high[j])
            best = np.inf
            label = 0
            for c in range(k):
                score = bias[c]
                for j in range(features):
                    score -= weights[c, j] * pixel[j]
                if score < best:
                    best = score
                    label = c + 1
            labels[i] = label
        return labels
