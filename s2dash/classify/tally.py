"""Counting classes: pixels and ground area, window by window, into the table of a result."""

from __future__ import annotations

import hashlib

import numpy as np

from s2dash.classify import parts
from s2dash.classify.fitted import Fitted
from s2dash.core.classmap import ClassMap, ClassRow, Result


class Tally:
    """Counts and areas of classes, added up window by window."""

    def __init__(self, classmap: ClassMap) -> None:
        self._classmap = classmap
        self._counts = np.zeros(classmap.class_count + 1, dtype=np.int64)
        self._area_ha: dict[tuple[int, int], np.ndarray] = {}

    def add(self, labels: np.ndarray, row: int, col: int = 0) -> None:
        self.add_facts(parts.window_facts(self._classmap.grid, self._classmap.class_count, labels, row, col))

    def add_facts(self, facts: parts.WindowFacts) -> None:
        self._counts += np.asarray(facts.counts, dtype=np.int64)
        if facts.area_ha is not None:
            self._area_ha[facts.row, facts.col] = np.asarray(facts.area_ha)

    @property
    def mapped_count(self) -> int:
        """Pixels that belong to a class."""
        return int(self._counts[1:].sum())

    def result(self, fitted: Fitted) -> Result:
        classmap = self._classmap
        # Windows come in any order; a fixed order of the sum gives the same last bits every time.
        area_ha = sum((self._area_ha[key] for key in sorted(self._area_ha)), np.zeros(classmap.class_count + 1))
        mapped = max(1, self.mapped_count)
        rows = tuple(
            ClassRow(
                id=i,
                count=int(self._counts[i]),
                share=float(self._counts[i] / mapped),
                area_ha=float(area_ha[i]) if classmap.grid.has_place else None,
                mean_reflectance=tuple(float(v) for v in fitted.mean_reflectance[i - 1]),
            )
            for i in fitted.numbers
        )
        key = f"{fitted.labels_key} {classmap.step} {fitted.fitted_on}".rstrip()
        digest = hashlib.sha256(key.encode()).hexdigest()
        return Result(fitted.scene, fitted.recipe, classmap, rows, fitted.engine, digest, fitted.warnings, fitted.edits)
