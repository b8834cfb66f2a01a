"""What an algorithm is: typed parameters, a fit, and a model that labels pixels.

Adding one: write a module here that defines an `Algorithm`, and add it to the tuple in
`algorithms/__init__.py`. Widgets, command-line checks and contract tests are made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np

from s2dash.core.recipe import ParamValue
from s2dash.errors import RecipeError, UnknownName


@dataclass(frozen=True)
class Param:
    """One typed setting of an algorithm."""

    name: str
    label: str
    help: str
    """One line for people who don't program."""
    default: ParamValue
    low: float = 0
    high: float = 0
    choices: tuple[str, ...] = ()
    """The words it can be; empty for numbers."""

    def checked(self, value: ParamValue) -> ParamValue:
        """The value in the parameter's own type; raises RecipeError outside its range or choices."""
        if self.choices:
            if value not in self.choices:
                raise RecipeError(f"{self.name} = {str(value)[:60]}, but it can be {', '.join(self.choices)}.")
            return value
        if isinstance(value, str):
            raise RecipeError(f"{self.name} = {value[:60]}, but it must be a number.")
        if not self.low <= value <= self.high:
            raise RecipeError(f"{self.name} = {str(value)[:60]}, but it can be {self.low:g} to {self.high:g}.")
        if isinstance(self.default, int) and value != int(value):
            raise RecipeError(f"{self.name} = {value:g}, but it must be a whole number.")
        return int(value) if isinstance(self.default, int) else float(value)


_MOST_DISTANCES = 2_000_000
"""From pixels to centres, held at once."""


class Model(Protocol):
    """A fitted algorithm."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the fit, in plain words."""
        ...

    @property
    def class_count(self) -> int:
        """How many classes it tells apart."""
        ...

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Class of each row of `features`, shape (pixels, features), as whole numbers from 0."""
        ...

    def clearness(self, features: np.ndarray, group_of: np.ndarray) -> np.ndarray:
        """How clearly each row belongs to its group rather than to the next, shape (pixels,), 0 to 1.

        `group_of`, shape (classes of `predict`,), are whole numbers: classes of one number are one group. With one
        group alone it is 1.
        """
        ...


def margin(distances: np.ndarray, own: np.ndarray, group_of: np.ndarray) -> np.ndarray:
    """1 - d1 / d2, shape (pixels,), 0 to 1: d1 is the distance to the own group, d2 to the nearest other one.

    Parameters
    ----------
    distances : ndarray of shape (pixels, classes), 0 and up; of a group its nearest class counts
    own : ndarray of shape (pixels,), the class of each pixel, from 0
    group_of : ndarray of shape (classes,), the number of each class's group

    A pixel as far from another group as from its own has 0.
    """
    is_own = group_of[None, :] == group_of[own][:, None]
    nearest = np.where(is_own, distances, np.inf).min(axis=1)
    other = np.where(is_own, np.inf, distances).min(axis=1)
    return _margin(nearest, other)


def _margin(nearest: np.ndarray, other: np.ndarray) -> np.ndarray:
    ratio = np.divide(nearest, other, out=np.ones_like(nearest), where=other > nearest)
    return np.asarray(1 - ratio)


def _two_least(scores: np.ndarray, group_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least score of each row, and the least of its other groups, shape (pixels,); inf where there is no other."""
    columns = np.ascontiguousarray(scores.T)
    first, second = np.full(len(scores), np.inf), np.full(len(scores), np.inf)
    for group in np.unique(group_of):
        own = columns[group_of == group].min(axis=0)
        np.minimum(second, np.maximum(first, own), out=second)
        np.minimum(first, own, out=first)
    return first, second


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A model whose class is that of the smallest of `bias - weights . x`, lowest number first at ties.

    With centres c as weights and half their squared length as bias this is the nearest centre in
    Euclidean distance: argmin |x - c|^2 = argmin (|c|^2 / 2 - c . x). A class may have several centres.
    """

    weights: np.ndarray
    """Shape (centres, features), float64."""
    bias: np.ndarray
    """Shape (centres,), float64."""
    notes: tuple[str, ...] = ()
    class_of: np.ndarray | None = None
    """Class of each centre, from 0 on, shape (centres,), whole numbers; None where each is its own."""
    by_angle: bool = False
    """Whether the weights are directions, and the angle to them is what counts."""
    whitening: np.ndarray | None = None
    """What features are multiplied by to come to where distances are counted, shape (features, features), float64;
    None where that is among the features themselves."""

    @staticmethod
    def nearest_centre(centres: np.ndarray) -> LinearModel:
        """The nearest of `centres`, shape (k, features)."""
        centres = np.asarray(centres, dtype=np.float64)
        return LinearModel(centres, 0.5 * (centres**2).sum(axis=1))

    def centre_table(self, number_of: np.ndarray) -> np.ndarray:
        """Class number of each centre by the centres' own numbers from 1, shape (centres + 1,), uint8; 0 for 0.

        `number_of`, shape (k,), are the numbers of the classes.
        """
        own = number_of if self.class_of is None else number_of[self.class_of]
        return np.concatenate([[0], own]).astype(np.uint8)

    @property
    def class_count(self) -> int:
        return len(self.bias) if self.class_of is None else int(self.class_of.max()) + 1

    def noting(self, *notes: str) -> LinearModel:
        """The same with these notes."""
        return replace(self, notes=notes)

    def predict(self, features: np.ndarray) -> np.ndarray:
        nearest = np.asarray(self._scores(np.asarray(features, dtype=np.float64)).argmin(axis=1))
        return nearest if self.class_of is None else self.class_of[nearest]

    def clearness(self, features: np.ndarray, group_of: np.ndarray) -> np.ndarray:
        of_centres = group_of if self.class_of is None else group_of[self.class_of]
        at_once = max(1, _MOST_DISTANCES // len(self.weights))
        parts = [features[start : start + at_once] for start in range(0, len(features), at_once)]
        return np.concatenate([np.empty(0), *(self._clearness(part, of_centres) for part in parts)])

    def _clearness(self, features: np.ndarray, group_of: np.ndarray) -> np.ndarray:
        rows = np.asarray(features, dtype=np.float64)
        there = rows if self.whitening is None else rows @ self.whitening
        scores, squares = self._scores(rows), (there**2).sum(axis=1)
        if self.by_angle:
            lengths = np.sqrt(squares)[:, None] * np.linalg.norm(self.weights, axis=1)
            distances = np.arccos(np.clip(-scores / np.maximum(lengths, 1e-300), -1, 1))
            return margin(distances, scores.argmin(axis=1), group_of)
        # What is nearest by score is so by distance, and only two of these are wanted.
        nearest, other = (np.sqrt(np.maximum(squares + 2 * score, 0)) for score in _two_least(scores, group_of))
        return _margin(nearest, other)

    def _scores(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(self.bias - rows @ self.weights.T)


@dataclass(frozen=True, eq=False)
class SklearnModel:
    """A fitted scikit-learn estimator that keeps its own rule of prediction."""

    estimator: Any
    class_count: int
    dtype: type = np.float32
    notes: tuple[str, ...] = ()

    def predict(self, features: np.ndarray) -> np.ndarray:
        return np.asarray(self.estimator.predict(self._rows(features)))

    def clearness(self, features: np.ndarray, group_of: np.ndarray) -> np.ndarray:
        """The posterior of the own group where the estimator has one, else the margin between its centres."""
        rows = self._rows(features)
        own = np.asarray(self.estimator.predict(rows))
        if hasattr(self.estimator, "predict_proba"):
            posterior = self.estimator.predict_proba(rows)
            is_own = group_of[None, :] == group_of[own][:, None]
            return np.asarray(np.where(is_own, posterior, 0).sum(axis=1)).clip(0, 1)
        centres = np.asarray(self.estimator.cluster_centers_, dtype=np.float64)
        squares = (rows**2).sum(axis=1, keepdims=True) + (centres**2).sum(axis=1) - 2 * rows @ centres.T
        return margin(np.sqrt(np.maximum(squares, 0)), own, group_of)

    def _rows(self, features: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(features, dtype=self.dtype)


@dataclass(frozen=True)
class Algorithm:
    """A way of grouping pixels."""

    name: str
    """As recipes and the command line call it."""
    label: str
    """As the page calls it."""
    help: str
    params: tuple[Param, ...]
    fit: Callable[[np.ndarray, int, Mapping[str, ParamValue], int], Model]
    """`fit(features, k, params, seed)`: features of shape (pixels, features), float32 or float64;
    params checked and complete. The same arguments give the same model."""
    on_reflectance: bool = False
    """Whether it takes bands as reflectance and nothing else: no indices, scaling or clipping, and
    pixels that are zero in every chosen band are masked, as they have no direction."""
    has_centres: bool = False
    """Whether each class is the nearest of one centre each, a `LinearModel`: then `Recipe.distance` is free."""
    k_is: Literal["number", "most"] = "number"
    """What k says: the number of classes, or the most that there can be, of which the notes say what came of it."""

    def complete_params(self, given: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
        """Every parameter with its value, checked.

        Raises UnknownName for a parameter that this algorithm does not have, RecipeError for a
        value out of range.
        """
        known = {param.name: param for param in self.params}
        for name in given:
            if name not in known:
                raise UnknownName(f"{self.label} has no parameter {name[:60]!r}. It has {', '.join(known) or 'none'}.")
        return {name: param.checked(given.get(name, param.default)) for name, param in known.items()}
