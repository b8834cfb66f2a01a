"""How steady each class is: whether it comes out again where the same recipe learns from other pixels."""

from __future__ import annotations

import numpy as np

from s2dash.classify.advice.sweep import drawn
from s2dash.classify.algorithms.threads import single_threaded
from s2dash.classify.fitted import Fitted
from s2dash.classify.grouping import grouped
from s2dash.classify.match import pair_counts, pair_numbers
from s2dash.core.types import cancel_token
from s2dash.settings import ADVICE_LIMITS, AdviceLimits


def steadiness(fitted: Fitted, limits: AdviceLimits = ADVICE_LIMITS) -> np.ndarray:
    """How much of each class comes out again, before edits, shape (classes,), 0 to 1; NaN where too few pixels say.

    The mean over refits, each on pixels drawn anew and with a seed of its own, of the largest Jaccard index that the
    class has with any class of the refit, on pixels that none of them has seen (Hennig, Cluster-wise assessment of
    cluster stability, Computational Statistics and Data Analysis 52, 2007; there 0.75 and more is a stable class, and
    below 0.6 one is not to be trusted).

    Raises Cancelled where this thread's work is to stop (`types.cancel_token`).
    """
    recipe = fitted.recipe
    rows = fitted.space.transform(fitted.sample.raw, np.float64 if recipe.sample is None else np.float32)
    held_out, refits = drawn(recipe, rows, limits)
    found = np.full((max(1, len(refits)), len(fitted.number_of)), np.nan)
    with single_threaded():
        own = fitted.number_of[fitted.model.predict(held_out)]
        for row, refit in zip(found, refits, strict=False):
            cancel_token().check()
            model = grouped(fitted.prepared, refit.rows, recipe.k, refit.seed)
            others = (model.predict(held_out) + 1).astype(np.uint8)
            row[:] = _best_overlaps(own, others, len(fitted.number_of), model.class_count)
    return np.asarray(found.mean(axis=0))


def _best_overlaps(own: np.ndarray, others: np.ndarray, count: int, other_count: int) -> np.ndarray:
    """The largest Jaccard index of each class with any of the other labels, shape (count,); NaN without a pixel."""
    shared = pair_counts(pair_numbers(own, others, other_count), count, other_count)[1:, 1:]
    of_class, of_other = shared.sum(axis=1)[:, None], shared.sum(axis=0)[None]
    best = (shared / np.maximum(1, of_class + of_other - shared)).max(axis=1)
    return np.where(of_class[:, 0] > 0, best, np.nan)
