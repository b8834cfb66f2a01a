"""ISODATA: k-means that also splits wide groups, merges near ones and drops small ones; k is the most there can be.

Ball and Hall, ISODATA, a novel method of data analysis and pattern classification, 1965; the rules are those of
Tou and Gonzalez, Pattern Recognition Principles, 1974, under the names of ERDAS, ENVI and ArcGIS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from s2dash.classify.algorithms.base import Algorithm, LinearModel, Param
from s2dash.core.recipe import ParamValue
from s2dash.core.types import cancel_token

_START_PIXELS = 10_000
_HALVES_APART = 0.5
"""How many standard deviations from the mean the two halves of a split group begin."""


@dataclass(frozen=True)
class _Rules:
    """The parameters, in numbers of this fit."""

    most: int
    fewest: int
    least_rows: float
    widest: float
    nearest: float
    most_pairs: int
    spread: np.ndarray
    """Standard deviation of each feature over all rows, which widths and distances are shares of; 1 where it is 0."""


@dataclass(frozen=True, eq=False)
class _Groups:
    """What one round knows of its groups."""

    sizes: np.ndarray
    """Shape (groups,), float64."""
    means: np.ndarray
    """Shape (groups, features), float64; NaN where a group is empty."""
    variances: np.ndarray
    """Shape (groups, features), float64, in shares of the whole spread's square."""
    distance: np.ndarray
    """Mean distance of each group's rows from its mean, shape (groups,), float64."""


def fit(features: np.ndarray, k: int, params: Mapping[str, ParamValue], seed: int) -> LinearModel:
    """From k centres far apart (k-means++), rounds of assigning and averaging, of which some split and some merge.

    The rows of a group that is dropped shape no other: they get the label of the nearest when all is done. In the
    second half of the rounds nothing is split, so that what splits and merges in turn comes to rest.
    """
    middle = features.mean(axis=0, dtype=np.float64)
    rows = features - middle.astype(features.dtype)
    rules = _rules(rows, k, params)
    done: Counter[str] = Counter()
    centres = _far_apart(rows, k, seed)
    own = _assigned(rows, centres)
    calm, rounds = 0, int(params["max_iter"])
    for number in range(rounds):
        cancel_token().check()
        before = done.total()
        groups = _groups_of(rows, own, len(centres), rules)
        stays = _large_enough(groups, rules)
        if not stays.all():
            done["dropped"] += int((~stays).sum())
            rows, own, centres = rows[stays[own]], own[stays[own]], groups.means[stays]
        else:
            may_split = number % 2 == 0 and number < rounds / 2
            centres = _split(groups, rules, done) if may_split else _merged(groups, rules, done)
        last, own = own, _assigned(rows, centres)
        calm = calm + 1 if done.total() == before else 0
        # Two rounds: one that would have split, and one that would have merged.
        if calm >= 2 and np.count_nonzero(own != last) <= float(params["change"]) / 100 * len(rows):
            break
    centres = _settled(rows, own, centres, rules, done)
    words = [_words(len(centres), k, done)]
    if calm < 2:
        words.append(f"ISODATA was still splitting or merging after {rounds} rounds. Allow more under Advanced.")
    return LinearModel.nearest_centre(centres + middle).noting(*words)


def _rules(rows: np.ndarray, k: int, params: Mapping[str, ParamValue]) -> _Rules:
    spread = rows.std(axis=0, dtype=np.float64)
    return _Rules(
        most=k,
        fewest=min(k, int(params["min_classes"])),
        least_rows=float(params["min_size"]) / 100 * len(rows),
        widest=float(params["max_std"]),
        nearest=float(params["min_distance"]),
        most_pairs=int(params["max_merges"]),
        spread=np.where(spread > 0, spread, 1.0),
    )


def _far_apart(rows: np.ndarray, k: int, seed: int) -> np.ndarray:
    """K rows far apart, of some evenly spaced ones where those have as many that differ."""
    from sklearn.cluster import kmeans_plusplus

    some = rows[:: -(-len(rows) // _START_PIXELS)]
    if len(some) < len(rows) and len(np.unique(some, axis=0)) < k:
        some = rows
    return np.asarray(kmeans_plusplus(some, k, random_state=seed)[0], dtype=np.float64)


def _assigned(rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The nearest centre of each row."""
    scores = rows @ -centres.T.astype(rows.dtype)
    scores += (0.5 * (centres**2).sum(axis=1)).astype(rows.dtype)
    return np.asarray(scores.argmin(axis=1))


def _groups_of(rows: np.ndarray, own: np.ndarray, count: int, rules: _Rules) -> _Groups:
    belongs = np.zeros((len(rows), count), dtype=rows.dtype)
    belongs[np.arange(len(rows)), own] = 1
    sizes = np.bincount(own, minlength=count).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = (belongs.T @ rows).astype(np.float64) / sizes[:, None]
        off = rows - means[own].astype(rows.dtype)
        off /= rules.spread.astype(rows.dtype)
        off *= off
        variances = (belongs.T @ off).astype(np.float64) / sizes[:, None]
        distance = np.bincount(own, np.sqrt(off.sum(axis=1)), minlength=count) / sizes
    return _Groups(sizes, means, variances, distance)


def _large_enough(groups: _Groups, rules: _Rules) -> np.ndarray:
    """Which groups have as many rows as asked for, or are among the largest that the fewest groups need."""
    by_size = np.argsort(-groups.sizes, kind="stable")
    stays = groups.sizes >= rules.least_rows
    stays[by_size[: rules.fewest]] = True
    return np.asarray(stays & (groups.sizes > 0))


def _split(groups: _Groups, rules: _Rules, done: Counter[str]) -> np.ndarray:
    """Centres after splits: the widest groups first, in two along the feature in which each is widest.

    Split is what is wider than allowed, lies looser than all do on average and is large enough for two; where
    there are at most half of the most classes, what is wider than allowed; below the fewest, the widest.
    """
    width = np.sqrt(groups.variances.max(axis=1))
    looser = groups.distance > np.average(groups.distance, weights=groups.sizes)
    large = groups.sizes > 2 * (rules.least_rows + 1)
    few = len(width) <= rules.most // 2
    wants = (width > rules.widest) & ((looser & large) | few)
    order = np.argsort(-width, kind="stable")
    missing = max(0, rules.fewest - len(width))
    chosen = [one for one in order if wants[one]][: rules.most - len(width)]
    chosen = chosen if len(chosen) >= missing else order[width[order] > 0][:missing].tolist()
    done["split"] += len(chosen)
    centres, halves = groups.means.copy(), []
    for one in chosen:
        feature = int(groups.variances[one].argmax())
        shift = _HALVES_APART * width[one] * rules.spread[feature]
        halves.append(centres[one].copy())
        centres[one, feature] -= shift
        halves[-1][feature] += shift
    return np.concatenate([centres, np.array(halves).reshape(-1, centres.shape[1])])


def _merged(groups: _Groups, rules: _Rules, done: Counter[str]) -> np.ndarray:
    """Centres after merges: the nearest pairs first, each group once, none that would have to be split again."""
    scaled = groups.means / rules.spread
    first, second = np.triu_indices(len(scaled), 1)
    apart = scaled[first] - scaled[second]
    distance = np.sqrt((apart**2).mean(axis=1))
    weight = groups.sizes[first] / (groups.sizes[first] + groups.sizes[second])
    within = weight[:, None] * groups.variances[first] + (1 - weight)[:, None] * groups.variances[second]
    together = within + (weight * (1 - weight))[:, None] * apart**2
    wants = (distance < rules.nearest) & (np.sqrt(together.max(axis=1)) <= rules.widest)
    means, gone = groups.means.copy(), set[int]()
    pairs = [pair for pair in np.argsort(distance, kind="stable") if wants[pair]]
    room = min(rules.most_pairs, len(means) - rules.fewest)
    taken = set[int]()
    for pair in pairs:
        one, other = int(first[pair]), int(second[pair])
        if len(gone) >= room or taken & {one, other}:
            continue
        means[one] = weight[pair] * means[one] + (1 - weight[pair]) * means[other]
        gone.add(other)
        taken |= {one, other}
    done["merged"] += len(gone)
    return np.asarray(means[[number for number in range(len(means)) if number not in gone]])


def _settled(rows: np.ndarray, own: np.ndarray, centres: np.ndarray, rules: _Rules, done: Counter[str]) -> np.ndarray:
    """Centres as the means of their rows, none of which is smaller than allowed."""
    while True:
        groups = _groups_of(rows, own, len(centres), rules)
        stays = _large_enough(groups, rules)
        if stays.all():
            return groups.means
        done["dropped"] += int((~stays).sum())
        rows, centres = rows[stays[own]], groups.means[stays]
        own = _assigned(rows, centres)


def _words(count: int, k: int, done: Counter[str]) -> str:
    split = _times(done["split"], "class was", "classes were")
    merged = _times(done["merged"], "pair", "pairs")
    dropped = _times(done["dropped"], "class", "classes")
    found = f"{count} class{'es' if count != 1 else ''} of at most {k}"
    return f"ISODATA found {found}: {split} split, {merged} merged and {dropped} dropped as too small."


def _times(count: int, one: str, several: str) -> str:
    return f"{count or 'no'} {one if count == 1 else several}"


ALGORITHM = Algorithm(
    name="isodata",
    label="ISODATA",
    help="K-means that splits wide groups, merges near ones and drops small ones. k is the most classes there can be.",
    params=(
        Param("min_classes", "Minimum number of classes", "Fewer are never left; k where that is lower.", 2, 2, 255),
        Param("min_size", "Minimum class size (%)", "Smaller classes are dropped; % of all pixels.", 0.05, 0.0, 25.0),
        Param(
            "max_std",
            "Maximum standard deviation",
            "A class that varies more in a band is split while k allows; 1 is as much as the whole scene does.",
            0.6,
            0.01,
            5.0,
        ),
        Param(
            "min_distance",
            "Minimum distance between class means",
            "Nearer classes are merged, unless the two together would vary too much; 1 is the scene's own deviation.",
            0.6,
            0.0,
            5.0,
        ),
        Param("max_merges", "Maximum merge pairs", "How many pairs a round merges at most.", 2, 1, 50),
        Param(
            "max_iter", "Maximum iterations", "When to stop at the latest; the second half only merges.", 40, 1, 1000
        ),
        Param("change", "Change threshold (%)", "Stop when fewer pixels still change class.", 1.0, 0.0, 100.0),
    ),
    fit=fit,
    k_is="most",
)
