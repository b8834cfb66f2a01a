"""Colours for the classes of a fit: by their mean reflectance, or of an embedding, which has none, by their area."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from s2dash.classify.fitted import Fitted
from s2dash.core import palette

_ALIKE = "Ground that was alike all year"


def colours_of(fitted: Fitted, chosen: str = "character") -> tuple[str, ...]:
    """One colour for each class of `fitted.numbers`, all different; raises UnknownName for another palette."""
    areas = _areas(fitted)
    own = None if areas is None else areas[[number - 1 for number in fitted.numbers]]
    return palette.class_colours(fitted.numbers_mean, _standards(fitted), chosen, own)


def carried_colours(fitted: Fitted, kept: Mapping[int, str], chosen: str = "character") -> tuple[str, ...]:
    """One colour for each number up to `fitted.class_count`, of which some are kept; as `palette.carried_colours`."""
    return palette.carried_colours(kept, fitted.mean_reflectance, _standards(fitted), chosen, _areas(fitted))


def character_words(fitted: Fitted) -> tuple[str, ...]:
    """What each class of `fitted.numbers` looks like, as a hint."""
    if fitted.scene.is_embedding:
        return (_ALIKE,) * len(fitted.numbers)
    families = palette.families(fitted.numbers_mean, _standards(fitted))
    return tuple(palette.FAMILY_WORDS[family] for family in families)


def _standards(fitted: Fitted) -> list[str | None]:
    return [band.standard for band in fitted.scene.bands]


def _areas(fitted: Fitted) -> np.ndarray | None:
    """Pixels of the sample by class number, shape (`class_count`,), where colours go by them; else None."""
    if not fitted.scene.is_embedding:
        return None
    return np.bincount(fitted.sample_labels, minlength=fitted.class_count + 1)[1 : fitted.class_count + 1]
