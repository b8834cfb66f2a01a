"""Nested groups: a Ward tree over a few hundred small groups, cut where it has k branches.

The tree does not depend on k, so that each class of k + 1 lies within one class of k: another number of classes
splits one class, or closes two to one, and leaves all others as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from s2dash.classify.algorithms.base import Algorithm, LinearModel, Param
from s2dash.classify.algorithms.kmeans import small_groups
from s2dash.classify.algorithms.ward import Tree, ward_tree
from s2dash.core.byte_cache import ByteCache, held_by_arrays
from s2dash.core.recipe import ParamValue
from s2dash.core.types import cancel_token
from s2dash.settings import LIVE_LIMITS

_COUNTED_ROWS = 16_384
"""Rows whose nearest small group is looked for at once."""


@dataclass(frozen=True, eq=False)
class _Grown:
    """Small groups and the tree over them."""

    centres: np.ndarray
    """Shape (small groups, features), float64, by the sum of their features."""
    tree: Tree


@dataclass(frozen=True, eq=False, kw_only=True)
class NestedModel(LinearModel):
    """The nearest small group, and the class that it belongs to at this cut of the tree."""

    tree: Tree


kept_trees: ByteCache[tuple[object, ...], _Grown] = ByteCache(
    LIVE_LIMITS.most_tree_bytes,
    lambda grown: held_by_arrays(grown.centres, grown.tree.merges, grown.tree.heights, grown.tree.weights),
)
"""Of this process: another k cuts the same tree."""


def fit(features: np.ndarray, k: int, params: Mapping[str, ParamValue], seed: int) -> NestedModel:
    """The tree over `small_groups` groups of the rows, cut into k classes; it has k leaves where that is more."""
    wanted = max(int(params["small_groups"]), k)
    rows = np.ascontiguousarray(features)
    key = (blake2b(rows.data, digest_size=16).digest(), rows.shape, wanted, seed)
    grown = kept_trees.get(key, lambda: _grown(rows, wanted, seed))
    plain = LinearModel.nearest_centre(grown.centres)
    return NestedModel(plain.weights, plain.bias, class_of=grown.tree.cut(k), tree=grown.tree)


def _grown(rows: np.ndarray, wanted: int, seed: int) -> _Grown:
    centres = small_groups(rows, wanted, seed)
    cancel_token().check()
    counts = _counts(LinearModel.nearest_centre(centres), rows)
    centres, counts = centres[counts > 0], counts[counts > 0]
    return _Grown(centres, ward_tree(centres, counts))


def _counts(model: LinearModel, rows: np.ndarray) -> np.ndarray:
    """How many rows lie nearest to each centre, shape (centres,), float64."""
    parts = (rows[start : start + _COUNTED_ROWS] for start in range(0, len(rows), _COUNTED_ROWS))
    counted = [np.bincount(model.predict(part), minlength=len(model.bias)) for part in parts]
    return np.sum(counted, axis=0).astype(np.float64)


ALGORITHM = Algorithm(
    name="nested-groups",
    label="Nested groups",
    help="Each step of k splits one class in two. The others keep their pixels, names and colours.",
    params=(
        Param(
            "small_groups",
            "Small groups",
            "How many small groups the tree begins with. More follow the data more closely, slower.",
            240,
            20,
            255,
        ),
    ),
    fit=fit,
)
