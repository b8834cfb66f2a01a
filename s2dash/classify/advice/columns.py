"""What is measured of one number of classes, and the elbow of the curve that all of them make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from s2dash.classify.evaluate import Scores


@dataclass(frozen=True)
class Column:
    """One number of classes as it was tried."""

    k: int
    scores: Scores
    """Of the very classes that a map of k classes has; 1 - `explained_variance` is the inertia, as a share."""
    splits: int | None = None
    """Class of k - 1 that gives most pixels to the class which is new at k; None without k - 1, or a new class."""
    bic: float | None = None
    """Bayesian information criterion (Schwarz, 1978) of a Gaussian mixture, lower is better; None for others."""
    stability: float | None = None
    """Mean adjusted Rand index between refits on other pixels; None until it is known, or where pixels are few."""

    @property
    def fit(self) -> float | None:
        """Share of all variety that lies between classes."""
        return self.scores.explained_variance

    @property
    def separation(self) -> float | None:
        """How unlike the classes are: the silhouette."""
        return self.scores.silhouette


def elbow(curve: Mapping[int, float]) -> int | None:
    """Where one more class begins to explain little more; None for fewer than three numbers, or a straight line.

    The point of the curve, scaled to 0 to 1 along both axes, that lies farthest above the chord from its first
    to its last point: the largest y - x (Satopää et al., Finding a "Kneedle" in a Haystack, 2011).

    Parameters
    ----------
    curve : explained variance by number of classes; it is 1 less the inertia's share, so both have one elbow
    """
    ks = sorted(curve)
    if len(ks) < 3 or curve[ks[-1]] <= curve[ks[0]]:
        return None
    wide, high = ks[-1] - ks[0], curve[ks[-1]] - curve[ks[0]]
    above = {k: (curve[k] - curve[ks[0]]) / high - (k - ks[0]) / wide for k in ks}
    best = max(ks, key=lambda k: above[k])
    return best if above[best] > 0 else None
