"""Estimates from a stratified random sample: shares and ratios with standard errors and 95 % intervals.

Stehman (2014, doi 10.1080/01431161.2014.930207) writes overall, user's and producer's accuracy and the area of a
class all as one ratio of two totals, whatever the strata are. Where strata are the classes of the map his estimators
are those of Olofsson et al. (2014, doi 10.1016/j.rse.2014.02.015), equations 1 to 11, but for the finite population.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from s2dash.core.accuracy import Estimate

OUTSIDE = ""
"""Stands for the class of a place where the map has none, as it was made after the places were drawn."""
Z95 = 1.959963984540054
"""Of the normal distribution: 95 % lie within so many standard errors."""
_WIDEST_VARIANCE = 0.25
"""The largest that values have which lie within one of each other; stands where one answer shows none."""


@dataclass(frozen=True, eq=False)
class Ratio:
    """An estimated share with its standard error."""

    value: float
    error: float
    weight: float
    """How many answers of equal weight would say as much (Kish, Survey Sampling, 1965, section 11.7)."""
    reach: float = Z95
    """Standard errors to either side that make the interval."""

    @property
    def estimate(self) -> Estimate:
        """With its 95 % interval, within 0 to 1.

        Where all answers agree their variance is 0, which no sample can show: then it is Wilson's interval (1927,
        doi 10.1080/01621459.1927.10502953) of as many answers as there are.
        """
        if self.error == 0 and self.value in (0.0, 1.0):
            far = Z95**2 / (self.weight + Z95**2)
            return Estimate(self.value, 1 - far, 1.0) if self.value else Estimate(0.0, 0.0, far)
        far = self.reach * self.error
        return Estimate(self.value, max(0.0, self.value - far), min(1.0, self.value + far))


@dataclass(frozen=True, eq=False)
class Sample:
    """Answers of a stratified random sample, all arrays of shape (answers,)."""

    strata: np.ndarray
    """Of each answer, text."""
    mapped: np.ndarray
    """Class of the map at each, text, or `OUTSIDE`; any map, also one made after the places were drawn."""
    found: np.ndarray
    """Class that is there, text."""
    sizes: Mapping[str, float]
    """Pixels of each stratum, also of those without an answer."""
    finite: bool = True
    """Whether a stratum that was seen in whole has no error left (Stehman 2014, equation 25: 1 - n_h / N_h)."""

    @cached_property
    def answered(self) -> tuple[str, ...]:
        """Strata that have both pixels and answers; nothing is said of the others."""
        there = set(self.strata.tolist())
        return tuple(name for name, size in self.sizes.items() if size > 0 and name in there)

    @property
    def unanswered_share(self) -> float:
        """Share of all pixels in strata without an answer."""
        total = sum(self.sizes.values())
        return 1 - sum(self.sizes[name] for name in self.answered) / total if total else 0.0

    @cached_property
    def _inside(self) -> np.ndarray:
        return np.asarray(self.mapped != OUTSIDE, dtype=bool)

    def overall(self) -> Ratio | None:
        """Share of the ground that is mapped as what it is (Olofsson et al. equations 1 and 5)."""
        return self.ratio((self.mapped == self.found) & self._inside, self._inside)

    def users(self, name: str) -> Ratio | None:
        """Of what is mapped as this class, the share that is of it (Olofsson et al. equations 2 and 6)."""
        return self.ratio((self.mapped == name) & (self.found == name), self.mapped == name)

    def producers(self, name: str) -> Ratio | None:
        """Of what is of this class, the share that is mapped so (Olofsson et al. equations 3 and 7)."""
        return self.ratio((self.mapped == name) & (self.found == name), (self.found == name) & self._inside)

    def area(self, name: str) -> Ratio | None:
        """Share of the ground that is of this class (Olofsson et al. equations 9 and 10)."""
        return self.ratio((self.found == name) & self._inside, self._inside)

    def ratio(self, y: np.ndarray, x: np.ndarray) -> Ratio | None:
        """Total of y over total of x (Stehman 2014, equations 27 and 28); None where no answer is of x.

        Parameters
        ----------
        y, x : ndarray of shape (answers,), bool; y holds only where x does
        """
        parts = [(self.sizes[name], self.strata == name) for name in self.answered]
        weighted = [(size / int(here.sum()), here) for size, here in parts]
        total = sum(weight * float(x[here].sum()) for weight, here in weighted)
        if total == 0:
            return None
        value = min(1.0, sum(weight * float(y[here].sum()) for weight, here in weighted) / total)
        residual = y - value * x.astype(np.float64)
        variance = sum(self._variance(size, residual[here]) for size, here in parts)
        squares = sum(weight**2 * float(x[here].sum()) for weight, here in weighted)
        return Ratio(value, math.sqrt(variance) / total, total**2 / squares)

    def _variance(self, size: float, residual: np.ndarray) -> float:
        """Of the total of a stratum; rests of rounding are none."""
        count = residual.size
        spread = float(residual.var(ddof=1)) if count > 1 else _WIDEST_VARIANCE
        unseen = max(0.0, 1 - count / size) if self.finite else 1.0
        return size**2 * unseen * spread / count if spread > 1e-15 else 0.0


def sample_of(
    strata: Sequence[str], mapped: Sequence[str], found: Sequence[str], sizes: Mapping[str, float], finite: bool = True
) -> Sample:
    """A sample from sequences of names of equal length.

    Raises ValueError where lengths differ or an answer is of a stratum without size.
    """
    if not len(strata) == len(mapped) == len(found):
        raise ValueError(f"{len(strata)} strata, {len(mapped)} mapped and {len(found)} found classes")
    if unknown := set(strata) - set(sizes):
        raise ValueError(f"no size of the strata {sorted(unknown)}")
    one, other, third = (np.array(words, dtype=object) for words in (strata, mapped, found))
    return Sample(one, other, third, sizes, finite)
