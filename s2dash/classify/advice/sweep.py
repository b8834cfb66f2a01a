"""Trying numbers of classes on a recipe's sample: the same fits as for a map, and refits on other pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TypeVar

import numpy as np

from s2dash.classify import evaluate
from s2dash.classify.advice.columns import Column
from s2dash.classify.algorithms.gaussian_mixture import MixtureModel
from s2dash.classify.algorithms.threads import single_threaded
from s2dash.classify.assign import labels_of_sample
from s2dash.classify.fit import canonical_numbers
from s2dash.classify.grouping import grouped
from s2dash.classify.learn import distinct_rows, learn_space
from s2dash.classify.match import by_overlap
from s2dash.classify.prepare import Prepared
from s2dash.classify.rarity import learnt_from
from s2dash.classify.sampling import Sample
from s2dash.core.recipe import Recipe
from s2dash.core.types import CancelToken, cancellable
from s2dash.settings import ADVICE_LIMITS, AdviceLimits, thread_count

T = TypeVar("T")
_HOLD_OUT = 4_000
"""Pixels that all refits label, to be compared on."""
_FEWEST = 300
"""Of fewer pixels nothing is held out, and stability stays unknown."""

Turn = Callable[[CancelToken], AbstractContextManager[object]]
"""Is held while one piece of a sweep is worked on: it may let others go first, and raise Cancelled."""


def _at_once(cancel: CancelToken) -> AbstractContextManager[object]:
    cancel.check()
    return nullcontext()


def tried_ks(limits: AdviceLimits = ADVICE_LIMITS) -> range:
    """The numbers of classes that are tried where nobody names others."""
    return range(2, limits.highest_k + 1)


def sweep(
    prepared: Prepared,
    sample: Sample,
    ks: Sequence[int] | None = None,
    cancel: CancelToken | None = None,
    turn: Turn = _at_once,
    limits: AdviceLimits = ADVICE_LIMITS,
) -> Iterator[Column]:
    """Each number of classes as soon as it has been tried; all of them once more with their stability.

    Parameters
    ----------
    prepared : says which algorithm, parameters and seed; its own k does not matter
    sample : that it learns from
    ks : numbers to try, rising; by the limits where None. Those beyond the distinct pixels are left out

    Equal arguments give equal columns, in the same order. Raises Cancelled when `cancel` says so between two fits.
    """
    cancel = cancel or CancelToken()
    work = Sweep(prepared, sample, limits)
    wanted = [k for k in (ks or tried_ks(limits)) if k <= work.distinct]

    def piece(make: Callable[[int], T]) -> Callable[[int], T]:
        def one(k: int) -> T:
            with turn(cancel), cancellable(cancel), single_threaded():
                return make(k)

        return one

    pool = ThreadPoolExecutor(thread_count(), thread_name_prefix="s2dash-advice")
    try:
        columns = []
        for column in pool.map(piece(work.column), wanted):
            columns.append(replace(column, splits=work.split_at(column.k)))
            yield columns[-1]
        if work.can_refit:
            for column, stability in zip(columns, pool.map(piece(work.stability), wanted), strict=True):
                yield replace(column, stability=stability)
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, eq=False)
class Refit:
    """Rows to fit once more, the same for every k."""

    rows: np.ndarray
    seed: int


class Sweep:
    """One sample in the space its classes are found in, and what is measured there for any number of classes."""

    def __init__(self, prepared: Prepared, sample: Sample, limits: AdviceLimits = ADVICE_LIMITS) -> None:
        self._prepared, self._sample = prepared, sample
        self._space = learn_space(prepared, sample.raw)
        rows = self._space.transform(sample.raw, np.float64 if prepared.recipe.sample is None else np.float32)
        rows.flags.writeable = False
        self._rows = rows
        self._learnt_from = learnt_from(prepared.recipe, rows)
        self._labels: dict[int, np.ndarray] = {}
        self._held_out, self._refits = drawn(prepared.recipe, rows, limits)
        self.distinct = distinct_rows(rows, limits.highest_k)

    @property
    def can_refit(self) -> bool:
        """Whether there are pixels enough to speak of stability."""
        return bool(self._refits)

    def column(self, k: int) -> Column:
        """The scores of k classes, the same that their map has, without stability."""
        seed = self._prepared.recipe.seed
        model = grouped(self._prepared, self._learnt_from, k, seed)
        own = labels_of_sample(self._prepared, model, self._space, self._sample.raw)
        numbers, _, _ = canonical_numbers(self._prepared.scene, self._sample, own, model.class_count)
        self._labels[k] = numbers[own - 1]
        rows = self._rows
        if self._prepared.algorithm.on_reflectance:
            rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        bic = model.bic(self._rows) if isinstance(model, MixtureModel) else None
        return Column(k, evaluate.scores(rows, self._labels[k], seed), bic=bic)

    def split_at(self, k: int) -> int | None:
        """`Column.splits`, once k and k - 1 have been tried."""
        before, after = self._labels.get(k - 1), self._labels.get(k)
        if before is None or after is None:
            return None
        counts = int(before.max()), int(after.max())
        paired = by_overlap(before, after, *counts)
        new = [number for number in range(1, counts[1] + 1) if number not in paired and (after == number).any()]
        given = np.bincount(before[np.isin(after, new)], minlength=2)
        return int(given.argmax()) if new else None

    def stability(self, k: int) -> float:
        """Mean adjusted Rand index of the refits' labels of the pixels held out, two refits at a time."""
        labels = [grouped(self._prepared, one.rows, k, one.seed).predict(self._held_out) for one in self._refits]
        return float(np.mean([evaluate.adjusted_rand(one, other) for one, other in combinations(labels, 2)]))


def drawn(recipe: Recipe, rows: np.ndarray, limits: AdviceLimits) -> tuple[np.ndarray, list[Refit]]:
    """The pixels held out, and bootstrap samples of all others: drawn one by one, so that some come twice."""
    seed = recipe.seed
    if len(rows) < _FEWEST:
        return rows[:0], []
    rng = np.random.default_rng([seed, len(rows)])
    order = rng.permutation(len(rows))
    aside = min(_HOLD_OUT, len(rows) // 4)
    others = order[aside:]
    size = min(limits.refit_pixels, len(others))
    refits = [Refit(rows[np.sort(rng.choice(others, size))], int(rng.integers(2**31))) for _ in range(limits.refits)]
    refits = [Refit(learnt_from(recipe, one.rows), one.seed) for one in refits]
    return rows[np.sort(order[:aside])], refits
