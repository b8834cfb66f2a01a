"""The accuracy of a map by known ground: which class is which, learnt from one half and scored by the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import stdtrit

from s2dash.classify.accuracy.estimators import Ratio
from s2dash.classify.accuracy.sampling import pixels_by_name
from s2dash.classify.accuracy.tallied import Tallied, tally
from s2dash.core.accuracy import FEW_ANSWERS, Accuracy, ClassAccuracy, Estimate, Kappa
from s2dash.core.classmap import Mapped
from s2dash.core.known_ground import Kind, KnownColumn, KnownGround
from s2dash.core.legend import Legend

Way = Literal["majority", "one to one", "by hand"]
"""How classes of the map are given to known ones: each to the one it mostly is; each to another (the Hungarian
method); as the user says."""
FEW_UNITS = 5
"""Of one class: fewer say little of it."""

KAPPA_CAVEAT = (
    "Kappa is given as others ask for it. It compares a map with one made by chance, which nobody makes, and says "
    "nothing that overall, user's and producer's accuracy do not say better (Pontius and Millones, 2011, doi "
    "10.1080/01431161.2011.552923)."
)


def reference_accuracy(
    ground: KnownGround,
    column: KnownColumn,
    result: Mapped,
    legend: Legend,
    way: Way = "majority",
    by_hand: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Accuracy:
    """How far a map agrees with known ground.

    Half of the units learn which class is which and the other half scores it, drawn by class with `seed`; where the
    user says it, all of them score.

    Parameters
    ----------
    column : of `ground`, which holds the class
    by_hand : names of known classes by names of classes of the map; `names_that_fit` where None

    Raises ValueError where map and ground are not of the same grid, BrokenResult where either cannot be read.
    """
    found = tally(ground, column, result, legend)
    unit_class = _class_of_units(found)
    notes: list[str] = []
    if way == "by hand":
        mapping = names_that_fit(found.map_names, column.classes) if by_hand is None else by_hand
        scoring = np.array(sorted(unit_class), dtype=np.int64)
    else:
        learning, scoring, lone = halves(unit_class, seed)
        mapping = mapping_of(found, learning, way)
        if lone:
            listed = ", ".join(found.known_names[i] for i in lone)
            notes.append(f"Left out, as one of the {ground.kind} cannot both learn and score: {listed}.")
    score = _Score(ground.kind, found, unit_class, scoring, dict(mapping))
    design = _design(ground.kind, len(unit_class), len(scoring), way, seed)
    return score.accuracy(design, result, legend, (*ground.notes, *notes, *score.notes()))


def names_that_fit(map_names: Sequence[str], known_names: Sequence[str]) -> dict[str, str]:
    """Classes of the map that are called as known ones are, whatever the case of their letters."""
    same = {name.casefold(): name for name in known_names}
    return {name: same[name.casefold()] for name in map_names if name.casefold() in same}


def _class_of_units(found: Tallied) -> dict[int, int]:
    """The known class of each unit: of a square the one that most of its pixels have."""
    size = len(found.known_names)
    keys, back = np.unique(found.unit * size + found.known, return_inverse=True)
    pixels = np.bincount(back.ravel(), found.pixels, minlength=len(keys))
    best: dict[int, int] = {}
    # The last of a unit is its largest, the first known class of equal ones.
    for i in np.lexsort((-keys, pixels)).tolist():
        best[int(keys[i]) // size] = int(keys[i]) % size
    return best


def halves(unit_class: Mapping[int, int], seed: int) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Units that learn, units that score, and classes of a single unit, which does neither; drawn class by class."""
    rng = np.random.default_rng(seed)
    learning: list[int] = []
    scoring: list[int] = []
    lone = []
    for known in sorted(set(unit_class.values())):
        units = np.array(sorted(unit for unit, one in unit_class.items() if one == known))
        if len(units) == 1:
            lone.append(known)
            continue
        drawn = rng.permutation(units).tolist()
        learning += drawn[: len(drawn) // 2]
        scoring += drawn[len(drawn) // 2 :]
    return np.array(sorted(learning), dtype=np.int64), np.array(sorted(scoring), dtype=np.int64), lone


def mapping_of(found: Tallied, learning: np.ndarray, way: Way) -> dict[str, str]:
    """The known class that each class of the map stands for, by the units that learn; without those none of them saw.

    `one to one` gives each known class to one class of the map at most, so that most pixels agree (the Hungarian
    method, Kuhn 1955, doi 10.1002/nav.3800020109).
    """
    table = found.table(learning)
    if way == "one to one":
        rows, cols = linear_sum_assignment(table, maximize=True)
    else:
        rows, cols = np.arange(len(table)), table.argmax(axis=1) if table.size else np.empty(0, dtype=np.int64)
    pairs = zip(rows.tolist(), cols.tolist(), strict=True)
    return {found.map_names[row]: found.known_names[col] for row, col in pairs if table[row, col]}


@dataclass(frozen=True, eq=False)
class _Score:
    """What the units that score say of a map whose classes stand for known ones."""

    kind: Kind
    found: Tallied
    unit_class: Mapping[int, int]
    scoring: np.ndarray
    mapping: dict[str, str]

    @cached_property
    def called(self) -> list[str]:
        """What each class of the map stands for; those that stand for none are themselves, and never right."""
        return [self.mapping.get(name, name) for name in self.found.map_names]

    @cached_property
    def row_names(self) -> tuple[str, ...]:
        """What the map may be, known classes first."""
        return tuple(dict.fromkeys([*(n for n in self.found.known_names if n in self.called), *self.called]))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Those, and known classes beyond them that occur."""
        occur = zip(self.found.known_names, self.counted.sum(axis=0).tolist(), strict=True)
        return tuple(dict.fromkeys([*self.row_names, *(name for name, there in occur if there)]))

    @cached_property
    def counted(self) -> np.ndarray:
        return self.found.table(self.scoring)

    def matrix(self) -> np.ndarray:
        """Pixels that are mapped as (row) and known as (column), shape (row_names, names), int64."""
        held = np.zeros((len(self.row_names), len(self.names)), dtype=np.int64)
        for i, j in np.argwhere(self.counted):
            row, col = self.row_names.index(self.called[i]), self.names.index(self.found.known_names[j])
            held[row, col] += self.counted[i, j]
        return held

    def accuracy(self, design: str, result: Mapped, legend: Legend, notes: tuple[str, ...]) -> Accuracy:
        """All figures."""
        place = np.array([self.names.index(name) for name in self.called])
        clusters = _Clusters(self.found, self.scoring, place, self.names)
        shares, matrix = self._shares(result, legend), self.matrix()
        classes = tuple(
            ClassAccuracy(
                name=name,
                users=clusters.users(i),
                producers=clusters.producers(i),
                mapped_share=shares.get(name, 0.0),
                mapped_ha=None if result.mapped_ha is None else shares.get(name, 0.0) * result.mapped_ha,
            )
            for i, name in enumerate(self.names)
        )
        return Accuracy(
            how="reference",
            unit=self.kind,
            design=design,
            answers=len(self.scoring),
            overall=clusters.overall(),
            classes=classes,
            map_names=self.row_names,
            reference_names=self.names,
            matrix=tuple(tuple(row) for row in matrix.tolist()),
            mapped_shares=tuple(shares[name] for name in self.row_names),
            mapping=self.mapping,
            kappa=kappa_of(matrix),
            notes=notes,
        )

    def _shares(self, result: Mapped, legend: Legend) -> dict[str, float]:
        """Share of the map of each of `row_names`."""
        pixels = pixels_by_name(result, legend)
        total = max(1, sum(pixels.values()))
        held = dict.fromkeys(self.row_names, 0)
        for name, called in zip(self.found.map_names, self.called, strict=True):
            held[called] += pixels.get(name, 0)
        return {name: count / total for name, count in held.items()}

    def notes(self) -> list[str]:
        """What is to be known beside the figures."""
        found, notes = self.found, []
        there = zip(self.called, found.map_names, self.counted.sum(axis=1).tolist(), strict=True)
        lost = [name for called, name, occurs in there if occurs and called not in found.known_names]
        if lost:
            notes.append(f"Counted as wrong, as no class of the reference is given to them: {', '.join(lost)}.")
        if found.unmapped_pixels:
            what = f"{found.unmapped_pixels:,} pixels of the reference"
            notes.append(f"{what} have no class on the map and are left out.")
        scores = Counter(found.known_names[self.unit_class[unit]] for unit in self.scoring.tolist())
        few = [f"{name} ({count})" for name, count in scores.items() if count < FEW_UNITS]
        if few and len(self.scoring) >= FEW_ANSWERS:
            listed = ", ".join(sorted(few))
            notes.append(f"Few {self.kind} score these classes, so their figures say little: {listed}.")
        return notes


class _Clusters:
    """Shares of pixels, each unit one draw: ratios of totals of units (Cochran, Sampling Techniques, 1977, chapter 6).

    Student's t of one less than the units that say something, as they may be few.
    """

    def __init__(self, found: Tallied, scoring: np.ndarray, place: np.ndarray, names: Sequence[str]) -> None:
        some = np.isin(found.unit, scoring)
        self._unit = np.searchsorted(scoring, found.unit[some])
        self._count = len(scoring)
        self._pixels = found.pixels[some].astype(np.float64)
        self._mapped = place[found.mapped[some]]
        known_place = np.array([names.index(name) if name in names else -1 for name in found.known_names])
        self._known = known_place[found.known[some]] if some.any() else np.empty(0, dtype=np.int64)

    def overall(self) -> Estimate | None:
        return self._ratio(self._mapped == self._known, np.ones(self._known.shape, dtype=bool))

    def users(self, name: int) -> Estimate | None:
        return self._ratio((self._mapped == name) & (self._known == name), self._mapped == name)

    def producers(self, name: int) -> Estimate | None:
        return self._ratio((self._mapped == name) & (self._known == name), self._known == name)

    def _ratio(self, y: np.ndarray, x: np.ndarray) -> Estimate | None:
        right, all_ = (np.bincount(self._unit, self._pixels * one, minlength=self._count) for one in (y, x))
        right, all_ = right[all_ > 0], all_[all_ > 0]
        if not all_.size:
            return None
        count, total = len(all_), float(all_.sum())
        value = float(right.sum()) / total
        weight = total**2 / float((all_**2).sum())
        if count == 1:
            # One unit shows no spread: as wide as a share can be.
            return Estimate(value, 0.0, 1.0)
        error = float(np.sqrt(count / (count - 1) * ((right - value * all_) ** 2).sum())) / total
        return Ratio(value, error, weight, float(stdtrit(count - 1, 0.975))).estimate


def kappa_of(matrix: np.ndarray) -> Kappa | None:
    """Cohen's kappa (1960) of a matrix whose rows begin the order of its columns; None where chance is all there is."""
    total = float(matrix.sum())
    if not total:
        return None
    agreed = float(np.trace(matrix)) / total
    rows = np.zeros(matrix.shape[1])
    rows[: len(matrix)] = matrix.sum(axis=1)
    by_chance = float(rows @ matrix.sum(axis=0)) / total**2
    return Kappa(value=(agreed - by_chance) / (1 - by_chance), caveat=KAPPA_CAVEAT) if by_chance < 1 else None


_WAYS: Mapping[Way, str] = {
    "majority": "each class of the map is what most of its pixels are",
    "one to one": "each class of the map is another, so that most pixels agree (the Hungarian method)",
    "by hand": "as given by hand",
}


def _design(kind: Kind, count: int, scoring: int, way: Way, seed: int) -> str:
    units = "squares of pixels" if kind == "squares" else kind
    if way == "by hand":
        how = f"All {count:,} {units} score; which class is which is {_WAYS[way]}."
    else:
        how = (
            f"Of {count:,} {units}, drawn class by class with seed {seed}, one half learnt which class is which "
            f"({_WAYS[way]}) and the other half, {scoring:,}, scored it."
        )
    return (
        f"{how} The reference is no random sample of the scene: figures hold for ground like that which it covers, "
        f"and say nothing of how much there is of a class. Intervals (95 %) tell how far {units} differ from each "
        "other; each counts as one, however many pixels it has."
    )
