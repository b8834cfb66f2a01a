"""How good a classification is: scores that need no reference, and agreement with labels that people drew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_SILHOUETTE_PIXELS = 2_000
_SCORE_PIXELS = 20_000
_DISTANCES_MIB = 4
"""Of the silhouette's distances at a time: all at once take 32 MB, and no less time."""


@dataclass(frozen=True)
class Scores:
    """Scores of classes on the fit sample, in the space the algorithm worked in. None with fewer than two classes."""

    silhouette: float | None
    """-1 to 1, higher is better: how much closer a pixel is to its own class than to the next (Rousseeuw, 1987)."""
    davies_bouldin: float | None
    """0 and up, lower is better: spread of classes against the distance between them (Davies and Bouldin, 1979)."""
    calinski_harabasz: float | None
    """Higher is better: variance between classes against that within (Calinski and Harabasz, 1974)."""
    explained_variance: float | None
    """0 to 1: the share of all variance that lies between classes."""

    def to_dict(self) -> dict[str, float | None]:
        return {name: None if value is None else round(value, 6) for name, value in vars(self).items()}


def scores(features: np.ndarray, labels: np.ndarray, seed: int = 0) -> Scores:
    """Scores of labels on features.

    Parameters
    ----------
    features : ndarray of shape (pixels, features)
    labels : ndarray of shape (pixels,), whole numbers

    At most 20,000 pixels are looked at, 2,000 for the silhouette, chosen by the seed.
    """
    from sklearn import config_context, metrics

    rng = np.random.default_rng(seed)
    if len(features) > _SCORE_PIXELS:
        some = np.sort(rng.choice(len(features), _SCORE_PIXELS, replace=False))
        features, labels = features[some], labels[some]
    classes = np.unique(labels)
    if not 2 <= len(classes) < len(features):
        return Scores(None, None, None, None)
    few = np.sort(rng.choice(len(features), min(_SILHOUETTE_PIXELS, len(features)), replace=False))
    few_classes = len(np.unique(labels[few]))
    silhouette = None
    if 2 <= few_classes < len(few):
        with config_context(working_memory=_DISTANCES_MIB):
            silhouette = float(metrics.silhouette_score(features[few], labels[few]))
    total = float(((features - features.mean(axis=0)) ** 2).sum())
    within = sum(float(((features[labels == c] - features[labels == c].mean(axis=0)) ** 2).sum()) for c in classes)
    return Scores(
        silhouette,
        float(metrics.davies_bouldin_score(features, labels)),
        float(metrics.calinski_harabasz_score(features, labels)),
        1 - within / total if total > 0 else None,
    )


def adjusted_rand(labels: np.ndarray, others: np.ndarray) -> float:
    """How much two groupings of the same pixels agree: 1 is the same, 0 is chance (Hubert and Arabie, 1985)."""
    from sklearn import metrics

    return float(metrics.adjusted_rand_score(labels, others))


@dataclass(frozen=True)
class Agreement:
    """Agreement of classes with labels that people drew, on the labelled pixels."""

    adjusted_rand: float
    """1 is the same partition, 0 is chance (Hubert and Arabie, 1985)."""
    normalised_mutual_information: float
    mapped_accuracy: float
    """Share of pixels that are right when each class is given its most frequent label."""
    pixel_count: int


def agreement(labels: np.ndarray, reference: np.ndarray) -> Agreement:
    """Compare labels with reference labels of the same shape; 0 in either is left out.

    Numbers of classes need not match: the scores tolerate any renaming.
    """
    from sklearn import metrics

    both = (labels != 0) & (reference != 0)
    ours, theirs = labels[both].ravel(), reference[both].ravel()
    table = metrics.cluster.contingency_matrix(theirs, ours)
    return Agreement(
        adjusted_rand(theirs, ours),
        float(metrics.normalized_mutual_info_score(theirs, ours)),
        float(table.max(axis=0).sum() / max(1, len(ours))),
        len(ours),
    )
