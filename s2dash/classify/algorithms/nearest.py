"""The inner arithmetic of centre-based algorithms: argmin of a linear score, straight from stored numbers.

Clipping and scaling are folded into the weights, so that a block goes from stored integers to labels
without a scaled copy of the scene. The rule is `assign_exactly`: each pixel's sum runs in the same order
in float64, so labels never depend on windows and threads. BLAS makes the sums much faster, in single
precision twice as fast again, but in an order of its own, so its winner counts where it wins by more than
rounding can do; the few pixels that are closer are summed again by the rule.
"""

from __future__ import annotations

import numpy as np

ENGINE = "numpy"

_BLOCK_NUMBERS = 2**17
"""Numbers worked on at once, half a megabyte, so that they stay in the processor's cache."""
_MOST_MAGNITUDE = {"float32": 1e30, "float64": 1e300}
"""Of scores: beyond it sums might overflow."""


def assign(
    values: np.ndarray,
    valid: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray,
    numbers: np.ndarray | None = None,
) -> np.ndarray:
    """Label every valid pixel with the number of argmin(bias - weights . clip(value, low, high)); 0 where masked.

    Parameters
    ----------
    values : ndarray of shape (features, pixels), any real dtype
    valid : ndarray of shape (pixels,), bool
    low, high : ndarrays of shape (features,), float64
    weights : ndarray of shape (k, features), float64, k at most 65,535
    bias : ndarray of shape (k,), float64
    numbers : ndarray of shape (k,), uint8, above 0, several may be equal; 1 to k where None, and k at most 255

    Returns
    -------
    ndarray of shape (pixels,), uint8; at ties the first of the classes wins.
    """
    numbers = np.arange(1, len(bias) + 1, dtype=np.uint8) if numbers is None else numbers
    fits_single = values.dtype.itemsize <= 2 or values.dtype == np.float32
    labels = np.empty(values.shape[1], dtype=np.uint8)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        dtype = "float32" if fits_single else "float64"
        left = _assign_by_sums(labels, values, valid, _Sums(dtype, low, high, weights, bias, len(labels)), numbers)
        if fits_single and len(left):
            some = np.empty(len(left), dtype=np.uint8)
            sums = _Sums("float64", low, high, weights, bias, len(left))
            still = _assign_by_sums(some, values[:, left], valid[left], sums, numbers)
            labels[left] = some
            left = left[still]
        if len(left):
            own = assign_exactly(values[:, left], valid[left], low, high, weights, bias)
            labels[left] = np.concatenate([np.zeros(1, dtype=np.uint8), numbers])[own]
    labels *= valid
    return labels


def assign_exactly(
    values: np.ndarray, valid: np.ndarray, low: np.ndarray, high: np.ndarray, weights: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    """The rule behind `assign`, several times slower: every score is the same sum in the same order.

    Classes count from 1 as they stand: uint8, or uint16 where they are more than 255.
    """
    best = np.full(values.shape[1], np.inf)
    labels: np.ndarray = np.zeros(values.shape[1], dtype=_count_dtype(len(bias)))
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


def _count_dtype(count: int) -> type:
    """The smallest whole numbers that count so far."""
    return np.uint8 if count <= 255 else np.uint16


def _assign_by_sums(
    labels: np.ndarray, values: np.ndarray, valid: np.ndarray, sums: _Sums, numbers: np.ndarray
) -> np.ndarray:
    """Fill in the labels where rounding cannot matter, and anything elsewhere; returns where that is."""
    doubtful = [np.empty(0, dtype=np.intp)]
    for start in range(0, len(labels), sums.length):
        block = slice(start, start + sums.length)
        near = sums.near(values[:, block], valid[block])
        if near is None:
            doubtful.append(np.arange(start, min(start + sums.length, len(labels))))
            continue
        named = near.view(np.uint8)
        if np.count_nonzero(near) != near.shape[1]:
            counts = np.add.reduce(named, axis=0, dtype=_count_dtype(len(near)))
            doubtful.append(start + np.flatnonzero(counts != 1))
        named *= numbers[:, None]
        np.bitwise_or.reduce(named, axis=0, out=labels[block])
    return np.concatenate(doubtful)


class _Sums:
    """Scores of blocks of pixels by BLAS, in one precision."""

    def __init__(
        self, dtype: str, low: np.ndarray, high: np.ndarray, weights: np.ndarray, bias: np.ndarray, most: int
    ) -> None:
        self.length = max(1, min(most, max(256, _BLOCK_NUMBERS // (len(low) + len(bias)))))
        factors = np.concatenate([-weights, bias[:, None]], axis=1)
        self._factors, self._magnitudes = np.asarray(factors, dtype), np.abs(factors)
        self._clip = bool(np.isfinite(low).any() or np.isfinite(high).any())
        self._low, self._high = np.asarray(low[:, None], dtype), np.asarray(high[:, None], dtype)
        # The last row meets the bias.
        self._terms: np.ndarray = np.ones((len(low) + 1, self.length), dtype=dtype)
        # Made once: asking the system for them at every block takes longer than the sums.
        self._scores: np.ndarray = np.empty((len(bias), self.length), dtype=dtype)
        self._limit: np.ndarray = np.empty(self.length, dtype=dtype)
        self._near = np.empty((len(bias), self.length), dtype=bool)
        self._most = _MOST_MAGNITUDE[dtype]
        self._eps, self._tiny = float(np.finfo(dtype).eps), float(np.finfo(dtype).tiny)

    def near(self, values: np.ndarray, valid: np.ndarray) -> np.ndarray | None:
        """Which classes of each pixel may have the smallest score, shape (k, pixels), bool, at least one each.

        The array is used again for the next block. None where the magnitudes are out of this precision's range.
        """
        terms = self._terms[:, : values.shape[1]]
        pixels = terms[:-1]
        pixels[...] = values
        if values.dtype.kind == "f":
            np.copyto(pixels, 0, where=~valid)
        if self._clip:
            np.clip(pixels, self._low, self._high, out=pixels)
        reach = np.ones(len(terms))
        if values.dtype.kind == "u" and not self._clip:
            reach[:-1] = values.max(axis=1)
        else:
            reach[:-1] = np.maximum(pixels.max(axis=1), -pixels.min(axis=1))
        magnitude = float((self._magnitudes @ reach).max())
        if not magnitude <= self._most:
            return None
        scores, limit = self._scores[:, : terms.shape[1]], self._limit[: terms.shape[1]]
        np.matmul(self._factors, terms, out=scores)
        np.minimum.reduce(scores, axis=0, out=limit)
        limit += self._rounding(magnitude, float(reach.max()))
        return np.less_equal(scores, limit, out=self._near[:, : terms.shape[1]])

    def _rounding(self, magnitude: float, reach: float) -> float:
        """More than two scores of a pixel can come closer or cross by being rounded and summed in another order.

        A sum of n products, in any order, is off by at most n eps/2 times the sum of their magnitudes, to
        first order (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1), and by three
        eps/2 more where factors, values and the comparison were rounded to this precision. Two sums of each
        of two scores make four such errors; this is at least twice as much. Factors and products too small
        for this precision may be lost besides.
        """
        terms = len(self._terms)
        return 4 * (terms + 3) * self._eps * magnitude + 4 * terms * self._tiny * reach
