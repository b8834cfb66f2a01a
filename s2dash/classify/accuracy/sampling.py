"""Places to check a map at: drawn at random, so many from each class, and the class that any map has there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pyproj import Transformer

from s2dash.core.accuracy import Check, CheckPlace, Stratum
from s2dash.core.classmap import ClassMap, Mapped
from s2dash.core.grid import Grid
from s2dash.core.legend import Legend, clean_name
from s2dash.errors import BrokenResult, TooFewPixels
from s2dash.export.contents import label_strips, ordinal
from s2dash.raster.door import GDAL_ERRORS, open_raster

FEWEST_PLACES, MOST_DRAWN_PLACES = 30, 200
LEAST_OF_A_CLASS = 10
"""Places that a class gets however small it is, where there are enough of them."""
_SUPPOSED_USERS = 0.8
"""What is supposed of a class's user's accuracy where nothing is known of it."""


def class_names(legend: Legend) -> dict[int, str]:
    """What each class is called, by its number; classes of one name are one class to whoever looks at places."""
    return {entry.id: clean_name(entry.name) or f"Class {entry.id}" for entry in legend.entries}


def pixels_by_name(result: Mapped, legend: Legend) -> dict[str, int]:
    """Pixels of each class that has any, by name, in the order of the legend."""
    counts = {row.id: row.count for row in result.rows}
    found: dict[str, int] = {}
    for number, name in class_names(legend).items():
        if counts.get(number, 0):
            found[name] = found.get(name, 0) + counts[number]
    return found


def allocation(sizes: Mapping[str, int], count: int, users: Mapping[str, float] | None = None) -> dict[str, int]:
    """How many of `count` places each class gets: near Neyman's allocation, with a least number for each.

    Neyman (1934): n_h proportional to N_h sqrt(U_h (1 - U_h)), U_h being the user's accuracy that is supposed
    (Olofsson et al. 2014, section 5.1.1, Cochran's equation 5.60); equal for all where nothing is known. No class
    gets less than `LEAST_OF_A_CLASS`, or than half of an equal share where that is less, and none more than it has
    pixels.

    Parameters
    ----------
    sizes : pixels of each class, each at least 1
    users : supposed user's accuracies, 0 to 1, such as of an earlier check
    """
    count = min(count, sum(sizes.values()))
    least = max(1, min(LEAST_OF_A_CLASS, count // (2 * len(sizes))))
    floors = {name: min(least, size) for name, size in sizes.items()}
    if sum(floors.values()) > count:
        largest = sorted(sizes, key=lambda name: -sizes[name])[:count]
        return {name: int(name in largest) for name in sizes}
    weights = {name: size * _spread((users or {}).get(name, _SUPPOSED_USERS)) for name, size in sizes.items()}
    given = dict(floors)
    # One at a time to whoever is furthest below its share, so that whole numbers add up and limits hold.
    for _ in range(count - sum(floors.values())):
        open_ = [name for name in sizes if given[name] < sizes[name]]
        furthest = max(open_, key=lambda name: weights[name] / (given[name] + 0.5))
        given[furthest] += 1
    return given


def _spread(users: float) -> float:
    """Of right and wrong; never 0, as no class is known to be right everywhere."""
    return math.sqrt(max(0.01, users * (1 - users)))


def draw(result: Mapped, legend: Legend, count: int, seed: int = 0, users: Mapping[str, float] | None = None) -> Check:
    """Draw places at random within the classes of a map, the same for the same seed; in the order to look at them.

    A map of every n-th pixel gives places among those pixels. Labels are read strip by strip: memory does not grow.

    Parameters
    ----------
    count : from `FEWEST_PLACES` to `MOST_DRAWN_PLACES`
    users : see `allocation`

    Raises ValueError for another count, TooFewPixels where no pixel has a class, BrokenResult where labels and counts
    contradict each other.
    """
    if not FEWEST_PLACES <= count <= MOST_DRAWN_PLACES:
        raise ValueError(f"{count} places, expected {FEWEST_PLACES} to {MOST_DRAWN_PLACES}")
    sizes = pixels_by_name(result, legend)
    if not sizes:
        raise TooFewPixels("The map has no pixel with a class, so there is nothing to check. Take off the mask.")
    given = allocation(sizes, count, users)
    rng = np.random.default_rng(seed)
    ranks = {name: np.sort(rng.choice(sizes[name], given[name], replace=False)) for name in sizes}
    found = _pixels_of_ranks(result.classmap, class_names(legend), ranks)
    order = rng.permutation(len(found))
    at = [found[i] for i in order]
    places = _places(result, np.array([[p.row, p.col] for p in at]), [p.name for p in at])
    strata = tuple(Stratum(name=name, pixels=size) for name, size in sizes.items())
    step = result.classmap.step
    return Check(seed=seed, allocation=_allocation_words(given, users, step), step=step, strata=strata, places=places)


@dataclass(frozen=True)
class _Pixel:
    name: str
    row: int
    col: int


def _pixels_of_ranks(classmap: ClassMap, names: Mapping[int, str], ranks: Mapping[str, np.ndarray]) -> list[_Pixel]:
    """The pixels of each class that stand at these ranks, counted row by row; rows and columns of the class map."""
    seen = dict.fromkeys(ranks, 0)
    found: list[_Pixel] = []
    for first, strip in label_strips(classmap):
        counts = np.bincount(strip.ravel(), minlength=256)
        for name, wanted in ranks.items():
            numbers = [number for number, called in names.items() if called == name]
            here = int(counts[numbers].sum())
            some = wanted[(wanted >= seen[name]) & (wanted < seen[name] + here)] - seen[name]
            seen[name] += here
            if some.size:
                flat = np.flatnonzero(np.isin(strip, numbers))[some]
                found += [_Pixel(name, first + int(i) // strip.shape[1], int(i) % strip.shape[1]) for i in flat]
    if len(found) < sum(map(len, ranks.values())):
        raise BrokenResult("The labels of this map are fewer than were counted. Run it again.")
    return found


def _places(result: Mapped, at: np.ndarray, names: Sequence[str]) -> tuple[CheckPlace, ...]:
    """Places at rows and columns of the class map, shape (places, 2)."""
    step, grid = result.classmap.step, result.grid
    rows, cols = (at * step + step // 2).T
    t = grid.transform
    x = t.a * (cols + 0.5) + t.b * (rows + 0.5) + t.c
    y = t.d * (cols + 0.5) + t.e * (rows + 0.5) + t.f
    lonlat = _lonlat(grid, x, y)
    return tuple(
        CheckPlace(row=int(r), col=int(c), x=float(px), y=float(py), lonlat=ll, stratum=name)
        for r, c, px, py, ll, name in zip(rows, cols, x, y, lonlat, names, strict=True)
    )


def _lonlat(grid: Grid, x: np.ndarray, y: np.ndarray) -> list[tuple[float, float] | None]:
    if grid.crs is None:
        return [None] * len(x)
    longitude, latitude = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(x, y)
    known = np.isfinite(longitude) & np.isfinite(latitude)
    return [(float(a), float(b)) if ok else None for a, b, ok in zip(longitude, latitude, known, strict=True)]


def _allocation_words(given: Mapping[str, int], users: Mapping[str, float] | None, step: int) -> str:
    supposed = "as supposed of each class" if users else f"supposed {_SUPPOSED_USERS:.0%} for all".replace("%", " %")
    preview = f" Drawn from the preview, every {ordinal(step)} pixel." if step > 1 else ""
    return (
        f"{sum(given.values())} places at random within the classes: from {min(given.values())} to "
        f"{max(given.values())} in each, by Neyman's rule (pixels times the spread of right and wrong, user's accuracy "
        f"{supposed}) with a least number for small classes.{preview}"
    )


def labels_at(classmap: ClassMap, places: Sequence[CheckPlace]) -> np.ndarray:
    """The class number that a map has at each place, shape (places,), uint8; 0 where it has none or lies elsewhere.

    The map may be of any grid: places are found by longitude and latitude where they have them, else by coordinates.

    Raises BrokenResult where labels cannot be read.
    """
    rows, cols = _pixels_under(classmap.grid, places)
    inside = (rows >= 0) & (rows < classmap.grid.height) & (cols >= 0) & (cols < classmap.grid.width)
    found = np.zeros(len(places), dtype=np.uint8)
    found[inside] = _read_at(classmap, rows[inside], cols[inside])
    return found


def _pixels_under(grid: Grid, places: Sequence[CheckPlace]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of a grid, int64, outside of it where it lies elsewhere."""
    x, y = (np.array([getattr(place, name) for place in places]) for name in "xy")
    if grid.crs is not None and all(place.lonlat for place in places):
        lonlat = np.array([place.lonlat for place in places], dtype=np.float64).reshape(-1, 2)
        x, y = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True).transform(*lonlat.T)
    back = ~grid.transform
    rows, cols = back.d * x + back.e * y + back.f, back.a * x + back.b * y + back.c
    whole = [np.where(np.isfinite(p), np.clip(np.floor(p), -1, 2**31), -1).astype(np.int64) for p in (rows, cols)]
    return whole[0], whole[1]


def _read_at(classmap: ClassMap, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    if classmap.labels is not None:
        return classmap.labels[rows, cols]
    if classmap.path is None:
        raise BrokenResult("This result has no labels. Run it again.")
    try:
        with open_raster(classmap.path) as dataset:
            at = zip(rows.tolist(), cols.tolist(), strict=True)
            return np.array([dataset.read(1, window=((r, r + 1), (c, c + 1))).item() for r, c in at], dtype=np.uint8)
    except GDAL_ERRORS as error:
        raise BrokenResult("The labels of this result can no longer be read. Run it again.") from error
