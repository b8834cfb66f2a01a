"""The inner arithmetic of centre-based algorithms: argmin of a linear score, straight from stored numbers.

Clipping and scaling are folded into the weights, so that a block goes from stored integers to labels
without a scaled copy of the scene. The rule is `assign_exactly`: each pixel's sum runs in the same order
in float64, so labels never depend on windows and threads. BLAS makes the sums much faster but in
an order of its own, so its winner counts where it wins by more than rounding can do; the few pixels
that are closer are summed again by the rule.
"""

from __future__ import annotations

import numpy as np

ENGINE = "numpy"

_BLOCK_NUMBERS = 2**17
"""Numbers worked on at once, a megabyte, so that they stay in the processor's cache."""


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
    labels = np.empty(values.shape[1], dtype=np.uint8)
    length = max(256, _BLOCK_NUMBERS // (len(low) + len(bias)))
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(labels), length):
            block = slice(start, start + length)
            labels[block] = _assign_block(values[:, block], valid[block], low, high, weights, bias)
    return labels


def _assign_block(
    values: np.ndarray, valid: np.ndarray, low: np.ndarray, high: np.ndarray, weights: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    pixels = values.astype(np.float64)
    if np.issubdtype(values.dtype, np.floating):
        np.copyto(pixels, 0, where=~valid)
    if np.isfinite(low).any() or np.isfinite(high).any():
        np.clip(pixels, low[:, None], high[:, None], out=pixels)
    rounding = _rounding(pixels, weights, bias)
    if not np.isfinite(rounding):
        return assign_exactly(values, valid, low, high, weights, bias)
    scores = bias[:, None] - weights @ pixels
    near = scores <= scores.min(axis=0) + rounding
    numbers = np.arange(1, len(bias) + 1, dtype=np.uint8)
    labels = np.asarray(np.bitwise_or.reduce(near.view(np.uint8) * numbers[:, None], axis=0))
    if np.count_nonzero(near) != len(labels):
        close = near.sum(axis=0) != 1
        labels[close] = assign_exactly(values[:, close], valid[close], low, high, weights, bias)
    labels *= valid
    return labels


def _rounding(pixels: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> float:
    """More than two scores of a pixel can come closer or cross by being summed in another order.

    A sum of n products, in any order, is off by at most n eps/2 times the sum of their magnitudes, to first
    order (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1). Two sums of each of
    two scores make four such errors; this is four times as much. Not finite where numbers overflow.
    """
    reach = np.maximum(pixels.max(axis=1), -pixels.min(axis=1))
    magnitude = (np.abs(bias) + np.abs(weights) @ reach).max()
    return float(8 * (len(pixels) + 2) * np.finfo(np.float64).eps * magnitude)


def assign_exactly(
    values: np.ndarray, valid: np.ndarray, low: np.ndarray, high: np.ndarray, weights: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    """The rule behind `assign`, several times slower: every score is the same sum in the same order."""
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
