"""Suggestions for all classes of a map, each from the strongest source that has one."""

from __future__ import annotations

import numpy as np

from s2dash import ingest
from s2dash.classify.fitted import Fitted
from s2dash.classify.naming.legends import likely_legend, meanings_of
from s2dash.classify.naming.overlap import named_by_overlap
from s2dash.classify.naming.product import classification_of, names_of
from s2dash.classify.naming.rules import named_by_rule
from s2dash.classify.naming.suggestion import Suggestion
from s2dash.core.band_means import band_means
from s2dash.core.classmap import Result
from s2dash.core.reference import Reference


def suggestions(
    fitted: Fitted, live: Result, reference: Reference | None = None, legend: str | None = None
) -> dict[int, Suggestion]:
    """A name for each class that has one suggested, by class number; classes without pixels have none.

    Parameters
    ----------
    live : what `run_live` gave of this fit, whose labels are compared with the product's own classification
    reference : a map that the user gives, of the scene's grids; another says nothing
    legend : what its codes mean, one of `legends.LEGENDS`; the likely one where None
    """
    found = _by_rule(fitted) | _by_product(fitted, live)
    if reference is not None:
        found |= _by_reference(fitted, live, reference, legend or likely_legend(reference))
    held = {row.id for row in live.rows if row.count}
    return {number: one for number, one in sorted(found.items()) if number in held}


def _by_rule(fitted: Fitted) -> dict[int, Suggestion]:
    """By rules, where numbers are known to be reflectance."""
    if not ingest.is_calibrated(fitted.scene):
        return {}
    means = band_means(fitted.mean_reflectance, [band.standard for band in fitted.scene.bands])
    of_rows = ((i, named_by_rule(means, i)) for i in range(means.count) if _is_known(fitted.mean_reflectance[i]))
    return {i + 1: one for i, one in of_rows if one is not None}


def _is_known(row: np.ndarray) -> bool:
    return bool(np.isfinite(row).any())


def _by_product(fitted: Fitted, live: Result) -> dict[int, Suggestion]:
    found, labels = classification_of(fitted.scene), live.classmap.labels
    if found is None or labels is None:
        return {}
    place, mask = found
    meanings, where = names_of(mask)
    codes = fitted.prepared.stack[len(fitted.scene.bands) + place]
    return named_by_overlap(labels, codes, meanings, fitted.class_count, "product", where)


def _by_reference(fitted: Fitted, live: Result, reference: Reference, legend: str) -> dict[int, Suggestion]:
    codes, labels = reference.codes.get(fitted.scene.grid), live.classmap.labels
    if codes is None or labels is None or codes.shape != labels.shape:
        return {}
    meanings = meanings_of(reference, legend)
    return named_by_overlap(labels, codes, meanings, fitted.class_count, "reference", reference.name)
