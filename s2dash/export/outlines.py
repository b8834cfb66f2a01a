"""The patches of a class map as polygons: found strip by strip, joined across strips, without gaps or overlaps.

Within a strip every corner of every pixel on a border is a vertex, so that neighbours share all of theirs; GEOS then
thins them for all polygons at once (coverage simplification, https://libgeos.org, of shapely 2.1). It leaves the edges
of the strip as they are, by which a patch is joined to its pieces in other strips.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine

from s2dash.classify.clean_up.patches import patch_numbers, united
from s2dash.core.grid import Grid
from s2dash.core.sureness import UNKNOWN

if TYPE_CHECKING:
    # At run time loaded where polygons are made: few users of a server want any.
    import shapely

STRAIGHT, SMOOTH = 0.1, 1.3
"""Tolerances in pixels: of the first only vertices on straight lines go, of the second the stairs of pixels too."""


@dataclass(frozen=True, eq=False)
class Outlines:
    """Some patches."""

    shapes: np.ndarray
    """(n,) of shapely polygons; x and y are columns and rows of the grid."""
    labels: np.ndarray
    """(n,) uint8, from 1."""
    area_ha: np.ndarray
    """(n,) float64: of a patch's pixels, whatever became of its corners; NaN without a place."""
    percent: np.ndarray
    """(n,) float64: how sure the class is, the mean over the pixels of which that is known; NaN where none is."""


@dataclass(eq=False)
class _Open:
    """A patch that goes on in the next strip."""

    label: int
    area_ha: float = 0.0
    percents: float = 0.0
    """The sum over `known` pixels."""
    known: float = 0.0
    shapes: list[shapely.Polygon] = field(default_factory=list)

    def take(self, other: _Open) -> None:
        self.area_ha += other.area_ha
        self.percents += other.percents
        self.known += other.known
        self.shapes += other.shapes


def outlines(
    strips: Iterable[tuple[int, np.ndarray]],
    grid: Grid,
    tolerance_px: float,
    percents_of: Callable[[int, np.ndarray], np.ndarray] | None = None,
) -> Iterator[Outlines]:
    """The patches of labels, whose pixels hold together by their sides; no data has none.

    Memory holds a strip and the patches that reach its lower edge.

    Parameters
    ----------
    strips : first row and labels, shape (rows, all cols), uint8, from the top down and without gaps
    tolerance_px : `STRAIGHT` or `SMOOTH`
    percents_of : gives, of each strip by its first row and labels, how sure its pixels are, shape (rows, all cols),
        uint8, as `Sureness.read`; no patch knows that where None
    """
    waiting: dict[int, _Open] = {}
    last_ids, last_labels, base = None, None, 0
    for row, labels in strips:
        numbers = patch_numbers(labels, 4)
        shapes = _simplified(numbers, row, tolerance_px)
        label, area_ha = _facts(labels, numbers, grid, row)
        percents, known = _sums(None if percents_of is None else percents_of(row, labels), numbers)
        heads: dict[int, int] = {}
        if last_ids is not None and last_labels is not None:
            same = np.flatnonzero((last_labels == labels[0]) & (labels[0] > 0))
            members, firsts = united(last_ids[same], numbers[0][same].astype(np.int64) + base)
            heads = dict(zip(members.tolist(), firsts.tolist(), strict=True))
        _unite(waiting, heads)
        goes_on = np.unique(numbers[-1][labels[-1] > 0])
        is_within = label > 0
        is_within[goes_on] = False
        is_within[[member - base for member in heads if member >= base]] = False
        yield Outlines(
            shapes[is_within], label[is_within], area_ha[is_within], _means(percents[is_within], known[is_within])
        )
        for number in np.flatnonzero(~is_within & (label > 0)).tolist():
            head = heads.get(base + number, base + number)
            area, sure, count = (float(of[number]) for of in (area_ha, percents, known))
            piece = _Open(int(label[number]), area, sure, count, [shapes[number]])
            waiting.setdefault(head, _Open(piece.label)).take(piece)
        ids = {number: heads.get(base + number, base + number) for number in goes_on.tolist()}
        yield _closed([waiting.pop(head) for head in set(waiting) - set(ids.values())])
        last_ids = np.array([ids.get(number, -1) for number in numbers[-1].tolist()], dtype=np.int64)
        last_labels = labels[-1].copy()
        base += len(label)
    yield _closed(list(waiting.values()))


def _unite(waiting: dict[int, _Open], heads: dict[int, int]) -> None:
    """Put together those that a strip has shown to be one."""
    for member, head in heads.items():
        if member != head and member in waiting:
            waiting[head].take(waiting.pop(member))


def _closed(patches: Sequence[_Open]) -> Outlines:
    """Patches of which all pieces are known."""
    import shapely

    shapes = np.empty(len(patches), dtype=object)
    for place, one in enumerate(patches):
        shapes[place] = one.shapes[0] if len(one.shapes) == 1 else shapely.coverage_union_all(one.shapes)
    labels = np.array([one.label for one in patches], dtype=np.uint8)
    area_ha, percents, known = (
        np.array([getattr(one, of) for one in patches], dtype=np.float64) for of in ("area_ha", "percents", "known")
    )
    return Outlines(shapes, labels, area_ha, _means(percents, known))


def _facts(labels: np.ndarray, numbers: np.ndarray, grid: Grid, row: int) -> tuple[np.ndarray, np.ndarray]:
    """Label and hectares of each patch of a strip."""
    count = int(numbers.max()) + 1
    label = np.zeros(count, dtype=np.uint8)
    label[numbers.ravel()] = labels.ravel()
    area_m2 = grid.pixel_area_m2()
    if area_m2.size == 1:
        return label, np.bincount(numbers.ravel(), minlength=count) * (float(area_m2.ravel()[0]) / 10_000)
    whole = np.broadcast_to(area_m2, grid.shape_rc)[row : row + labels.shape[0]]
    return label, np.bincount(numbers.ravel(), whole.ravel(), minlength=count) / 10_000


def _sums(percents: np.ndarray | None, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each patch of a strip the sum of percents, and over how many pixels; nothing where nobody knows any."""
    count = int(numbers.max()) + 1
    if percents is None:
        return np.zeros(count), np.zeros(count)
    is_known = percents != UNKNOWN
    of_known = numbers[is_known]
    return np.bincount(of_known, percents[is_known], count), np.bincount(of_known, minlength=count).astype(np.float64)


def _means(percents: np.ndarray, known: np.ndarray) -> np.ndarray:
    return np.divide(percents, known, out=np.full(len(known), np.nan), where=known > 0)


def _simplified(numbers: np.ndarray, row: int, tolerance_px: float) -> np.ndarray:
    """The polygon of each patch of a strip by its number, no data too, with which others share their borders."""
    import shapely

    # Whole numbers again: a corner a hair beside its neighbours' would leave a gap.
    noded = shapely.transform(shapely.segmentize(_traced(numbers, row), 1.0), np.rint)
    return np.asarray(shapely.coverage_simplify(noded, tolerance_px, simplify_boundary=False))


def _traced(numbers: np.ndarray, row: int) -> np.ndarray:
    """The polygon of each patch by its number, with corners only."""
    import shapely
    from rasterio.features import shapes

    traced: list[Any] = [None] * (int(numbers.max()) + 1)
    for geometry, number in shapes(numbers, connectivity=4, transform=Affine.translation(0, row)):
        traced[int(number)] = geometry["coordinates"]
    points = list(itertools.chain.from_iterable(itertools.chain.from_iterable(traced)))
    rings = np.cumsum([0, *(len(ring) for polygon in traced for ring in polygon)])
    polygons = np.cumsum([0, *map(len, traced)])
    made = shapely.from_ragged_array(
        shapely.GeometryType.POLYGON, np.array(points, dtype=np.float64), (rings, polygons)
    )
    return np.asarray(made)
