"""From raw features to labels: each pixel's class by the fitted model, for any pixels at all."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from hashlib import blake2b
from typing import TypeGuard

import numpy as np

from s2dash.classify.algorithms import LinearModel, Model, nearest
from s2dash.classify.algorithms.threads import single_threaded
from s2dash.classify.edit import Ask
from s2dash.classify.fitted import Fitted
from s2dash.classify.prepare import Prepared
from s2dash.classify.space import FeatureSpace
from s2dash.core.scene import Pixels
from s2dash.core.types import CancelToken

_PREDICT_PIXELS = 65_536
"""Pixels given to scikit-learn at once, so that memory is bounded whatever the window."""
_ASSIGNED_PIXELS = 262_144
_MOST_CENTRES = 255


def has_many_centres(model: Model) -> TypeGuard[LinearModel]:
    """Whether classes have several centres each, no more than labels can count."""
    return isinstance(model, LinearModel) and model.class_of is not None and len(model.bias) <= _MOST_CENTRES


def centres_key(prepared: Prepared, model: LinearModel, space: FeatureSpace) -> tuple[Hashable, ...]:
    """Of pixels and centres, whatever classes these make: equal keys mean equal nearest centres."""
    held = _digest(space.folded(model.weights), model.bias, space.low, space.high, space.shift, space.scale)
    return (*prepared.features_key, held)


def _digest(*arrays: np.ndarray) -> bytes:
    return blake2b(b"".join(one.tobytes() for one in arrays), digest_size=16).digest()


def assign(fitted: Fitted, features: Pixels, cancel: CancelToken | None = None) -> np.ndarray:
    """Labels of raw features, shape (rows, cols), uint8: 0 where masked, else the canonical class number.

    Each pixel's label depends on that pixel alone. Raises Cancelled when `cancel` says so between some of them.
    """
    cancel = cancel or CancelToken()
    labels = np.empty(features.valid.shape, dtype=np.uint8)
    length = max(1, len(labels))
    if not features.values.flags.c_contiguous:
        # The rows of a part of a larger window have to be copied together: some at a time.
        length = max(1, _ASSIGNED_PIXELS // max(1, features.valid.shape[1]))
    for start in range(0, len(labels), length):
        cancel.check()
        rows = slice(start, start + length)
        flat = features.values[:, rows].reshape(len(features.values), -1)
        valid = features.valid[rows]
        numbers = own_labels(fitted.model, fitted.space, flat, valid.ravel(), fitted.number_of, cancel)
        labels[rows] = numbers.reshape(valid.shape)
    return labels


def asking(fitted: Fitted, features: Pixels, cancel: CancelToken | None = None) -> Ask:
    """Lets steps of edits ask another model about pixels, by what the fit's own model is asked with."""

    def ask(model: Model, number_of: np.ndarray, where: np.ndarray) -> np.ndarray:
        some = Pixels(features.values[:, where][:, None], features.valid[where][None])
        return assign(replace(fitted, model=model, number_of=number_of), some, cancel)[0]

    return ask


def assign_edited(fitted: Fitted, features: Pixels, cancel: CancelToken | None = None) -> np.ndarray:
    """Labels of raw features after the fit's edits, shape (rows, cols), uint8.

    Steps that look at neighbours find those that are given: give the stage's halo more than is wanted.
    Those that name an area ask for where the pixels lie: give a fit that knows (`Fitted.at`).
    """
    return fitted.stage(assign(fitted, features, cancel), asking(fitted, features, cancel))


def labels_of_sample(prepared: Prepared, model: Model, space: FeatureSpace, raw: np.ndarray) -> np.ndarray:
    """1 + the model's own class of each pixel of a sample, uint8, from raw features of shape (features, pixels).

    Where a class has several centres, the nearest of them is found once for all ways of putting them together.
    """
    valid = np.ones(raw.shape[1], dtype=bool)
    if not has_many_centres(model):
        return own_labels(model, space, raw, valid)
    alone = replace(model, class_of=None)
    key = (*centres_key(prepared, model, space), _digest(raw))
    nearest_centres = prepared.keep("nearest", key, lambda: own_labels(alone, space, raw, valid))
    return model.centre_table(np.arange(1, model.class_count + 1))[nearest_centres]


def own_labels(
    model: Model,
    space: FeatureSpace,
    raw: np.ndarray,
    valid: np.ndarray,
    number_of: np.ndarray | None = None,
    cancel: CancelToken | None = None,
) -> np.ndarray:
    """The number of each pixel's class, 0 where masked; raw features of shape (features, pixels).

    Without `number_of`, shape (k,), uint8, it is 1 + the model's own class.
    """
    if isinstance(model, LinearModel):
        of_scaled = space.folded(model.weights)
        weights = of_scaled / space.scale
        bias = model.bias + of_scaled @ (space.shift / space.scale)
        return nearest.assign(raw, valid, space.low, space.high, weights, bias, _of_centres(model, number_of))
    labels = np.zeros(raw.shape[1], dtype=np.uint8)
    where = np.flatnonzero(valid)
    with single_threaded():
        for start in range(0, len(where), _PREDICT_PIXELS):
            if cancel is not None:
                cancel.check()
            some = where[start : start + _PREDICT_PIXELS]
            own = model.predict(space.transform(raw[:, some]))
            labels[some] = 1 + own if number_of is None else number_of[own]
    return labels


def _of_centres(model: LinearModel, number_of: np.ndarray | None) -> np.ndarray | None:
    """The number of each centre's class, uint8; None where they count from 1 as the centres do."""
    if model.class_of is None:
        return number_of
    return (model.class_of + 1).astype(np.uint8) if number_of is None else number_of[model.class_of]
