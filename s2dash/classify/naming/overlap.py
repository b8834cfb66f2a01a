"""Names by overlap: what most of a class is in another map of the same pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from s2dash.classify.naming.suggestion import Source, Suggestion, Sureness, percent

_VERY_LIKELY_FROM, _LIKELY_FROM, _PERHAPS_FROM = 0.8, 0.6, 0.4
"""Shares of a class that are the same in the other map."""
_LEAST_PIXELS = 20
_LEAST_COVERED = 0.1
"""Of a class: what covers less says nothing of it."""


@dataclass(frozen=True)
class NamedCode:
    """What a number means in another map."""

    name: str
    """As a class may be called."""
    meaning: str
    """As it is said of pixels: `82 % of it is water`."""
    code: str = ""


def named_by_overlap(
    labels: np.ndarray,
    codes: np.ndarray,
    meanings: Mapping[int, NamedCode],
    class_count: int,
    source: Source,
    where: str,
) -> dict[int, Suggestion]:
    """The name that most pixels of each class have in another map, by class number, where they are enough.

    Parameters
    ----------
    labels : ndarray of shape (rows, cols), uint8, 0 is no data
    codes : ndarray of the same shape, whole numbers; those without meaning tell nothing
    where : what the other map is, as in `82 % of it is water in the product's own classification`
    """
    names, table = _table(labels, codes, meanings, class_count)
    sizes = np.bincount(labels.ravel(), minlength=class_count + 1)
    found = {}
    for number in range(1, class_count + 1):
        known = int(table[number].sum())
        if known >= max(_LEAST_PIXELS, _LEAST_COVERED * sizes[number]):
            most = int(table[number].argmax())
            share, covered = table[number, most] / known, known / sizes[number]
            suggestion = _named(names[most], float(share), float(covered), source, where)
            if suggestion is not None:
                found[number] = suggestion
    return found


def _table(
    labels: np.ndarray, codes: np.ndarray, meanings: Mapping[int, NamedCode], class_count: int
) -> tuple[list[NamedCode], np.ndarray]:
    """The names that occur, and the pixels of each class that have them, shape (class_count + 1, names)."""
    values, places = np.unique(codes, return_inverse=True)
    names = list(dict.fromkeys(meanings[value] for value in values.tolist() if value in meanings))
    column = np.array([names.index(meanings[v]) if v in meanings else len(names) for v in values.tolist()])
    joined = labels.ravel().astype(np.intp) * (len(names) + 1) + column[places.ravel()]
    counts = np.bincount(joined, minlength=(class_count + 1) * (len(names) + 1))
    return names, counts.reshape(-1, len(names) + 1)[:, : len(names)] if names else np.zeros((class_count + 1, 0), int)


def _named(one: NamedCode, share: float, covered: float, source: Source, where: str) -> Suggestion | None:
    sureness = _sureness(share)
    if sureness is None:
        return None
    part = "" if covered >= 0.995 else f", which covers {percent(covered)} of it"
    reason = f"{'All' if share == 1 else percent(share)} of it is {one.meaning} in {where}{part}."
    return Suggestion(one.name, source, reason, sureness, one.code)


def _sureness(share: float) -> Sureness | None:
    if share >= _VERY_LIKELY_FROM:
        return "very likely"
    if share >= _LIKELY_FROM:
        return "likely"
    return "perhaps" if share >= _PERHAPS_FROM else None
