"""What can be said of numbers of classes by a rule: which are stable, which stand apart, and where measures disagree.

On scenes with labels that people drew, no measure finds the number of their labels better than a constant does
(benchmarks/README.md). So nothing here is called right; it is said which numbers come out the same again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from s2dash.classify.advice.columns import Column, elbow

LOWEST_ADVISED = 4
"""Two or three classes nearly always come out the same, and tell little."""
LEAST_STABILITY = 0.9
"""Adjusted Rand index: from 0.9 on recovery is called excellent (Steinley, 2004)."""
NEAR_BEST = 0.01
"""Silhouette below the best that still counts as good."""


@dataclass(frozen=True)
class Advice:
    """What the columns say; all but `elbow` and `disagree` need their stability."""

    use: int | None
    """The number to offer; None where none stands out."""
    also: tuple[int, ...] = ()
    """Further numbers that the same holds for, smallest first."""
    stable: tuple[int, ...] = ()
    """Every number whose classes come out the same again."""
    elbow: int | None = None
    """From here on one more class explains little more."""
    favourites: tuple[tuple[str, int], ...] = ()
    """The number that each single measure favours, by the measure's name."""

    @property
    def disagree(self) -> bool:
        """Whether single measures favour numbers that lie more than one apart."""
        numbers = [k for _, k in self.favourites]
        return len(numbers) > 1 and max(numbers) - min(numbers) > 1


def advise(columns: Sequence[Column]) -> Advice:
    """To use is the largest of the stable numbers from 4 up whose separation is within 0.01 of the best of them."""
    apart = {c.k: c.separation for c in columns if c.k >= LOWEST_ADVISED and _is_stable(c) and c.separation is not None}
    best = max(apart.values(), default=0.0)
    good = sorted(k for k, separation in apart.items() if separation >= best - NEAR_BEST)
    return Advice(
        use=good[-1] if good else None,
        also=tuple(good[:-1]),
        stable=tuple(c.k for c in columns if _is_stable(c)),
        elbow=elbow({c.k: c.fit for c in columns if c.fit is not None}),
        favourites=_favourites(columns),
    )


def _is_stable(column: Column) -> bool:
    return column.stability is not None and column.stability >= LEAST_STABILITY


def _favourites(columns: Sequence[Column]) -> tuple[tuple[str, int], ...]:
    """What each measure alone would choose, from the lowest advised number up; the smaller one at ties."""
    measured = {
        "separation": {c.k: c.separation for c in columns},
        "Calinski-Harabasz": {c.k: c.scores.calinski_harabasz for c in columns},
        "Davies-Bouldin": {c.k: None if (v := c.scores.davies_bouldin) is None else -v for c in columns},
        "BIC": {c.k: None if c.bic is None else -c.bic for c in columns},
    }
    found = []
    for name, values in measured.items():
        known = {k: value for k, value in values.items() if value is not None and k >= LOWEST_ADVISED}
        if known:
            found.append((name, max(known, key=lambda k: (known[k], -k))))
    return tuple(found)
