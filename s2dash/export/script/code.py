"""Functions whose source text goes into the scripts that are handed over: plain numpy, rasterio and scikit-learn.

They lean on nothing but the imports of `PREAMBLE` and on each other. Each does in few lines what the program does
fast, and gives the same bits; the tests hold them equal.
"""

from __future__ import annotations

import heapq
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.windows import Window

from s2dash.raster.resample import nearest, relation, resampled


def find_bands(files: list[str], numbers: dict[str, int], origins: dict[str, str]) -> dict[str, tuple[str, int]]:
    """The file and the number of each band: by description, by the name of a file, else by number in the only file."""
    described: dict[str, tuple[str, int]] = {}
    counts = {}
    for path in files:
        with rasterio.open(path) as file:
            counts[path] = file.count
            for number, words in enumerate(file.descriptions, 1):
                described.setdefault((words or "").strip().lower(), (path, number))
    found = {}
    for name, number in numbers.items():
        called = origins.get(name, "").lower()
        same = [path for path in files if Path(path).name.lower() == called]
        part = re.compile(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", re.IGNORECASE)
        named = [path for path in files if part.search(Path(path).stem)]
        if name.lower() in described:
            found[name] = described[name.lower()]
        elif same or named:
            path = (same or named)[0]
            found[name] = (path, min(max(number, 1), counts[path]))
        elif len(files) == 1 and 1 <= number <= counts[files[0]]:
            found[name] = (files[0], number)
    return found


def read_rows(place: tuple[str, int], top: int, bottom: int) -> np.ndarray:
    """Stored numbers of one band in some rows."""
    with rasterio.open(place[0]) as file:
        return file.read(place[1], window=Window(0, top, file.width, bottom - top))


def shown_in(place: tuple[str, int], rows: tuple[int, int]) -> np.ndarray | None:
    """Where a file's own mask or alpha band shows something, in some of its rows; None if it has neither."""
    with rasterio.open(place[0]) as file:
        window = Window(0, rows[0], file.width, rows[1] - rows[0])
        if ColorInterp.alpha in file.colorinterp:
            # As it is stored: GDAL's own mask takes small numbers of a 16-bit alpha band for 0.
            return file.read(file.colorinterp.index(ColorInterp.alpha) + 1, window=window) != 0
        if MaskFlags.per_dataset in file.mask_flag_enums[place[1] - 1]:
            return file.dataset_mask(window=window) != 0
    return None


def shown_rows(place: tuple[str, int], top: int, bottom: int) -> np.ndarray | bool:
    """Which pixels of some rows the band's file shows; True where it hides none."""
    shown = shown_in(place, (top, bottom))
    return True if shown is None else shown


def shown_on_grid(place: tuple[str, int], grid: Any, top: int, bottom: int) -> np.ndarray | bool:
    """Which pixels of some rows of the map's grid the band's file shows; True where it hides none."""
    with rasterio.open(place[0]) as file:
        own: Any = SimpleNamespace(transform=file.transform, shape_rc=file.shape, height=file.height, width=file.width)
    rows, cols = relation(grid, own).axes(np.arange(top, bottom), np.arange(grid.width))
    shown = shown_in(place, rows.span)
    return True if shown is None else nearest(shown, rows, cols, (rows.span[0], 0))


def read_on_grid(
    place: tuple[str, int],
    grid: Any,
    top: int,
    bottom: int,
    missing: tuple[float, ...] | None,
    saturated: float | None,
) -> np.ndarray:
    """One band in some rows of the map's grid: as it is, or a mean; codes where no `missing`."""
    with rasterio.open(place[0]) as file:
        own: Any = SimpleNamespace(transform=file.transform, shape_rc=file.shape, height=file.height, width=file.width)
        rows, cols = relation(grid, own).axes(np.arange(top, bottom), np.arange(grid.width))
        (first, last), (left, right) = rows.span, cols.span
        values = file.read(place[1], window=Window(left, first, right - left, last - first))
    if missing is None:
        return nearest(values, rows, cols, (first, left))
    if relation(grid, own).is_copy:
        return nearest(values, rows, cols, (first, left))
    return resampled(values, rows, cols, (first, left), missing, saturated)


def mean_of_3x3(band: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """The mean of each pixel's neighbours that count, itself among them."""
    rows, cols = valid.shape
    exact = np.float32 if band.dtype.kind in "ui" and band.dtype.itemsize <= 2 else np.float64

    def summed(values: np.ndarray) -> np.ndarray:
        padded = np.pad(values.astype(exact), 1)
        lines = padded[:, :cols] + padded[:, 1 : cols + 1] + padded[:, 2:]
        return lines[:rows] + lines[1 : rows + 1] + lines[2:]

    return (summed(np.where(valid, band, 0)) / np.maximum(summed(valid), 1)).astype(np.float32)


def to_components(
    raw: np.ndarray, low: np.ndarray, high: np.ndarray, shift: np.ndarray, scale: np.ndarray, axes: np.ndarray
) -> np.ndarray:
    """Features scaled and projected on principal axes, in single precision: shape (components, rows, cols)."""
    weights = (axes / scale).astype(np.float32)
    start = -(axes @ (shift / scale)).astype(np.float32)
    planes = np.empty((len(axes), *raw.shape[1:]), dtype=np.float32)
    planes[...] = start[:, None, None]
    with np.errstate(invalid="ignore", over="ignore"):
        for column, band, least, most in zip(weights.T, raw, low, high, strict=True):
            limited = np.clip(band.astype(np.float32), np.float32(least), np.float32(most))
            planes += column[:, None, None] * limited
        return np.clip(planes, -1e6, 1e6)


def smooth_keeping_edges(planes: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Means of neighbours that are alike, in three passes 1, 2 and 3 pixels wide (Dammertz et al., 2010)."""
    far = np.float32(1e15)  # so unlike all else that it weighs nothing
    values = np.where(valid, planes, far)
    rows, cols = valid.shape
    sharpness = np.float32(-1 / (2 * 0.4**2 * len(planes)))
    for step in (1, 2, 3):
        padded = np.pad(values, ((0, 0), (step, step), (step, step)), constant_values=far)
        sums, total = np.zeros_like(values), np.ones((rows, cols), dtype=np.float32)
        for down, right, nearness in (
            (0, step, 0.8825),
            (step, 0, 0.8825),
            (step, step, 0.7788),
            (step, -step, 0.7788),
        ):
            for sign in (1, -1):
                first_row, first_col = step + sign * down, step + sign * right
                towards = padded[:, first_row : first_row + rows, first_col : first_col + cols] - values
                squares = towards[0] * towards[0]
                for plane in towards[1:]:
                    squares += plane * plane
                weight = np.exp(squares * sharpness) * np.float32(nearness)
                sums += towards * weight
                total += weight
        values = values + sums / total
    return np.where(valid, values, np.float32(0))


def scaled_rows(
    raw: np.ndarray, low: np.ndarray, high: np.ndarray, shift: np.ndarray, scale: np.ndarray, axes: np.ndarray | None
) -> np.ndarray:
    """Features as rows to group, shape (pixels, features or components), float32."""
    scaled = [
        (np.clip(row.astype(np.float64), *of) - own_shift) / own_scale
        for row, of, own_shift, own_scale in zip(raw, zip(low, high, strict=True), shift, scale, strict=True)
    ]
    if axes is not None:
        scaled = [sum(weight * row for weight, row in zip(axis, scaled, strict=True)) for axis in axes]
    return np.stack(scaled, axis=1).astype(np.float32)


def nearest_centre(
    raw: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    shift: np.ndarray,
    scale: np.ndarray,
    axes: np.ndarray | None,
    centres: np.ndarray,
    by_angle: bool,
    bias: np.ndarray | None = None,
) -> np.ndarray:
    """The place of the nearest centre of each pixel, from features of shape (features, pixels).

    |x - c|^2 is smallest where |c|^2 / 2 - c . x is; scaling is folded into the weights of stored numbers. With one
    covariance S for all classes, (x - c)' S^-1 (x - c) is smallest where bias - (S^-1 c) . x is: then `centres` are
    S^-1 c, and the bias holds the share of each class too.
    """
    weights = centres if axes is None else centres @ axes
    if bias is None:
        bias = np.zeros(len(centres)) if by_angle else 0.5 * (centres**2).sum(axis=1)
    bias = bias + weights @ (shift / scale)
    weights = weights / scale
    limited = [np.clip(row.astype(np.float64), *of) for row, of in zip(raw, zip(low, high, strict=True), strict=True)]
    best, place = np.full(raw.shape[1], np.inf), np.zeros(raw.shape[1], dtype=np.int64)
    for number in range(len(centres)):
        score = np.full(raw.shape[1], bias[number])
        for weight, row in zip(weights[number], limited, strict=True):
            score -= weight * row
        closer = score < best
        best[closer], place[closer] = score[closer], number
    return place


def most_likely_cloud(rows: np.ndarray, kind: str, found: dict[str, np.ndarray]) -> np.ndarray:
    """The most likely cloud of a Gaussian mixture for each row."""
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(len(found["means_"]), covariance_type=kind)
    for name, numbers in found.items():
        setattr(mixture, name, numbers)
    return mixture.predict(rows.astype(np.float64))


def down_the_tree(rows: np.ndarray, fork: Any) -> np.ndarray:
    """The class that each row comes to, walking down a tree of (two centres, left, right): the nearer one leads on."""
    from sklearn.cluster import KMeans

    if isinstance(fork, int):
        return np.full(len(rows), fork, dtype=np.uint8)
    out = np.zeros(len(rows), dtype=np.uint8)
    if len(rows):
        centres = np.array(fork[0], dtype=rows.dtype)
        two = KMeans(2, init=centres, n_init=1, max_iter=1).fit(centres)
        two.cluster_centers_ = centres
        goes_left = two.predict(rows) == 0
        out[goes_left] = down_the_tree(rows[goes_left], fork[1])
        out[~goes_left] = down_the_tree(rows[~goes_left], fork[2])
    return out


def majority(labels: np.ndarray, size: int) -> np.ndarray:
    """The class that most of each pixel's neighbourhood has; of equally frequent ones its own, else the lowest."""
    rows, cols = labels.shape
    padded = np.pad(labels, size // 2)
    best, winner = np.zeros(labels.shape, dtype=np.int16), np.zeros_like(labels)
    for number in np.unique(labels[labels > 0]):
        is_class = (padded == number).astype(np.int16)
        count = sum(is_class[down : down + rows, right : right + cols] for down in range(size) for right in range(size))
        score = 2 * count + (labels == number)
        winner = np.where(score > best, number, winner)
        best = np.maximum(score, best)
    return np.where(labels > 0, winner, 0).astype(np.uint8)


def patches_of(labels: np.ndarray, neighbours: int) -> np.ndarray:
    """The number of each pixel's patch, in the order of first pixels; they hold together by sides, or corners too."""
    from scipy import ndimage

    patch, count = np.zeros(labels.shape, dtype=np.int64), 0
    for number in np.unique(labels):
        found, more = ndimage.label(labels == number, np.ones((3, 3)) if neighbours == 8 else None)
        patch += np.where(found > 0, found + count, 0)
        count += more
    _, first, place = np.unique(patch, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))
    return order[place].reshape(labels.shape)


def borders_of(patch: np.ndarray, labels: np.ndarray, count: int) -> list[dict[int, int]]:
    """For each patch, how many sides of pixels it shares with each of its neighbours; no data is nobody's."""
    pairs = [
        (patch[:, :-1], patch[:, 1:], labels[:, :-1], labels[:, 1:]),
        (patch[:-1], patch[1:], labels[:-1], labels[1:]),
    ]
    borders: list[dict[int, int]] = [{} for _ in range(count)]
    for one, other, of_one, of_other in pairs:
        meets = (one != other) & (of_one > 0) & (of_other > 0)
        both = np.sort(np.stack([one[meets], other[meets]]), axis=0)
        found, lengths = np.unique(both, axis=1, return_counts=True)
        for a, b, length in zip(*found.tolist(), lengths.tolist(), strict=True):
            borders[a][b] = borders[a].get(b, 0) + length
            borders[b][a] = borders[b].get(a, 0) + length
    return borders


def sieve(labels: np.ndarray, least: int, neighbours: int) -> np.ndarray:
    """Patches smaller than `least` pixels go to the neighbour with the longest border, the smallest first."""
    patch = patches_of(labels, neighbours)
    _, first = np.unique(patch, return_index=True)
    size, label = np.bincount(patch.ravel()).tolist(), labels.ravel()[first].tolist()
    borders = borders_of(patch, labels, len(size))
    now = list(range(len(size)))  # the patch that each one has become part of
    waiting = [(size[one], one) for one in now if size[one] < least and borders[one]]
    heapq.heapify(waiting)
    while waiting:
        smallest, goes = waiting[0][0], {}
        while waiting and waiting[0][0] == smallest:
            one = heapq.heappop(waiting)[1]
            if now[one] == one and size[one] == smallest:
                # The longest border; of equal ones the larger neighbour, then the one that begins first.
                goes[one] = max(borders[one], key=lambda other: (borders[one][other], size[other], -other))
        ends = {}
        for one in goes:
            end = one
            while end in goes and not (goes.get(goes[end]) == end and end < goes[end]):
                end = goes[end]
            ends[one] = end
        for one, new in {one: label[end] for one, end in ends.items()}.items():
            label[one] = new
        for one in goes:
            join_equal(find(now, one), now, size, label, borders)
        for one in {find(now, one) for one in goes}:
            if size[one] < least and borders[one]:
                heapq.heappush(waiting, (size[one], one))
    final = np.array([label[find(now, one)] for one in now], dtype=np.uint8)
    return final[patch]


def find(now: list[int], one: int) -> int:
    """The patch that this one is part of by now."""
    while now[one] != one:
        now[one] = now[now[one]]
        one = now[one]
    return one


def join_equal(one: int, now: list[int], size: list[int], label: list[int], borders: list[dict[int, int]]) -> None:
    """Make one patch of this one and its neighbours of the same class, under the number that begins first."""
    while same := [other for other in borders[one] if label[other] == label[one]]:
        head, joins = sorted((one, same[0]))
        now[joins], size[head] = head, size[head] + size[joins]
        for other, length in borders[joins].items():
            del borders[other][joins]
            if other != head:
                borders[other][head] = borders[other].get(head, 0) + length
                borders[head][other] = borders[head].get(other, 0) + length
        borders[joins], one = {}, head


def agreement(labels: np.ndarray, others: np.ndarray) -> float:
    """The share of pixels that two groupings have alike, each class paired with the one that fits it best."""
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics.cluster import contingency_matrix

    together = contingency_matrix(labels, others)
    return float(together[linear_sum_assignment(-together)].sum() / len(labels))


def write_map(path: str, labels: np.ndarray, like: dict[str, Any], classes: dict[int, tuple[str, str]]) -> None:
    """Write the classes as a GeoTIFF with their colours and names."""
    height, width = labels.shape
    shape = {"height": height, "width": width, "count": 1, "dtype": "uint8", "nodata": 0}
    with rasterio.open(path, "w", driver="GTiff", compress="deflate", **shape, **like) as file:
        file.write(labels, 1)
        file.write_colormap(1, {0: (0, 0, 0, 0)} | {n: (*bytes.fromhex(c[1:]), 255) for n, (_, c) in classes.items()})
        file.update_tags(**{f"CLASS_{number}": name for number, (name, _) in classes.items()})
