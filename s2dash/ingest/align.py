"""Bringing files on several grids together: places borrowed from siblings, and the grids that a scene can be put on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from affine import Affine

from s2dash.core.grid import Grid
from s2dash.errors import InputError, UnreadableFile
from s2dash.raster.resample import Relation, relation

MANY_SCENES = "use `Many scenes` on the page (`batch` on the command line) for several scenes"
"""The end of a sentence that says what to do."""

_APART = f"The files do not overlap: they show different places. Give files of one area, or {MANY_SCENES}."
_SIDE_BY_SIDE = 0.5
"""Of the largest file's ground: files that share less are rather neighbours than one scene."""
_SAME_SIZE = 1e-3
_RATIO_TOLERANCE = 0.02
_WHOLE_PX = 0.01
_OVERHANG = 0.5
"""Part of the larger pixel by which grids may stick out over each other: crops at 10 and 20 m rarely end together."""


@dataclass(frozen=True)
class Placed:
    """Files' grids in one coordinate system, and what had to be assumed for it."""

    grids: tuple[Grid, ...]
    """One for each file, in their order."""
    notes: tuple[str, ...]


def in_one_place(grids: Sequence[Grid], names: Sequence[str]) -> Placed:
    """Give files without coordinates those of their siblings; without any, the largest one's pixels.

    A file of the same shape as a sibling has its place; one of another shape is taken to cover the
    same ground. Raises UnreadableFile where the coordinate systems differ or shapes cannot cover the
    same ground.
    """
    located = [grid for grid in grids if grid.has_place]
    for grid, name in zip(grids, names, strict=True):
        if located and grid.has_place and not same_crs(grid, located[0]):
            first = names[grids.index(located[0])]
            raise UnreadableFile(
                f"{name} is in {_label(grid)} but {first} in {_label(located[0])}. "
                f"Give files of one coordinate system, reproject them first, or {MANY_SCENES}."
            )
    if len(located) == len(grids):
        return Placed(tuple(grids), ())
    if not located and (len({(g.shape_rc, g.transform) for g in grids}) == 1 or _all_placed_alike(grids)):
        return Placed(tuple(grids), ())
    references = located or [Grid(g.shape_rc, Affine.identity(), None) for g in _largest_first(grids)[:1]]
    placed = tuple(
        grid if grid.has_place else _borrowed(grid, references, name) for grid, name in zip(grids, names, strict=True)
    )
    missing = [name for grid, name in zip(grids, names, strict=True) if not grid.has_place]
    if not located:
        return Placed(placed, ("No file has coordinates; all are taken to cover the same ground.",))
    lender = names[grids.index(located[0])]
    some = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    has = "has" if len(missing) == 1 else "have"
    return Placed(placed, (f"{some} {has} no coordinates; those of {lender} are taken.",))


def scene_grids(grids: Sequence[Grid]) -> tuple[tuple[Grid, ...], tuple[str, ...]]:
    """The grids that a scene can be put on, finest first, cut to the ground that all files share; and notes.

    Raises UnreadableFile where there is no such ground, or a file's grid is turned against the others.
    """
    found: list[Grid] = []
    for grid in sorted(grids, key=lambda g: math.prod(g.pixel_size)):
        if all(not _same_size(grid, other) for other in found):
            found.append(grid)
    cut = tuple(_cut(grid, grids) for grid in found)
    share = min(
        c.pixel_count * math.prod(c.pixel_size) / (g.pixel_count * math.prod(g.pixel_size))
        for g in grids
        for c in cut[:1]
    )
    if share > 0.98:
        return cut, ()
    advice = f" If they are neighbours, {MANY_SCENES}." if share < _SIDE_BY_SIDE else ""
    return cut, (f"The files cover different areas; only what all share is used ({share:.0%} of the largest).{advice}",)


def _largest_first(grids: Sequence[Grid]) -> list[Grid]:
    return sorted(grids, key=lambda g: -g.pixel_count)


def _label(grid: Grid) -> str:
    label = grid.crs_label or "no coordinate system"
    return label if len(label) < 30 else "another one"


def same_crs(one: Grid, other: Grid) -> bool:
    """Whether two grids with a place share their coordinate system, however each file words it."""
    assert one.crs is not None
    assert other.crs is not None
    code = one.crs.to_epsg()
    return one.crs.equals(other.crs, ignore_axis_order=True) or (code is not None and code == other.crs.to_epsg())


def _all_placed_alike(grids: Sequence[Grid]) -> bool:
    """Whether files without a coordinate system still have coordinates, and those lie together."""
    return all(not g.transform.is_identity and _meet(g, grids[0]) for g in grids)


def _meet(one: Grid, other: Grid) -> bool:
    """Whether two grids have ground in common, taken in the same coordinates."""
    try:
        _cut(one, (other,))
    except UnreadableFile:
        return False
    return True


def _same_size(one: Grid, other: Grid) -> bool:
    return all(math.isclose(a, b, rel_tol=_SAME_SIZE) for a, b in zip(one.pixel_size, other.pixel_size, strict=True))


def _borrowed(grid: Grid, references: Sequence[Grid], name: str) -> Grid:
    """The grid at the place of a reference: where its own numbers put it, else at that of its shape or ground."""
    own = Grid(grid.shape_rc, grid.transform, references[0].crs_wkt)
    if not grid.transform.is_identity and _meet(own, references[0]):
        return own
    for reference in references:
        if reference.shape_rc == grid.shape_rc:
            return reference
    reference = references[0]
    down, right = (theirs / ours for theirs, ours in zip(reference.shape_rc, grid.shape_rc, strict=True))
    if abs(down / right - 1) > _RATIO_TOLERANCE:
        raise UnreadableFile(
            f"{name} has {grid.height:,} x {grid.width:,} pixels and no coordinates, which does not fit "
            f"{reference.height:,} x {reference.width:,} of the other files. Give files of the same area."
        )
    return Grid(grid.shape_rc, reference.transform @ Affine.scale(right, down), reference.crs_wkt)


def _require_overlap(grid: Grid, other: Grid, found: Relation) -> None:
    for start, scale, length, whole in zip(found.shift_rc, found.scale_rc, other.shape_rc, grid.shape_rc, strict=True):
        if start + scale * length <= _WHOLE_PX or start >= whole - _WHOLE_PX:
            raise UnreadableFile(_APART)


def _cut(grid: Grid, others: Sequence[Grid]) -> Grid:
    """The part of a grid that lies within all others, in whole pixels; half of the larger pixel may stick out."""
    top, left, bottom, right = 0.0, 0.0, float(grid.height), float(grid.width)
    for other in others:
        try:
            found = relation(other, grid)
        except InputError as error:
            raise UnreadableFile(str(error)) from error
        (row_scale, col_scale), (row_shift, col_shift) = found.scale_rc, found.shift_rc
        _require_overlap(grid, other, found)
        row_over, col_over = (_OVERHANG * max(1, scale) for scale in (row_scale, col_scale))
        top, left = max(top, row_shift - row_over), max(left, col_shift - col_over)
        bottom = min(bottom, row_shift + row_scale * other.height + row_over)
        right = min(right, col_shift + col_scale * other.width + col_over)
    row, col = math.ceil(top - _WHOLE_PX), math.ceil(left - _WHOLE_PX)
    height, width = math.floor(bottom + _WHOLE_PX) - row, math.floor(right + _WHOLE_PX) - col
    if height < 1 or width < 1:
        raise UnreadableFile(_APART)
    if (row, col, (height, width)) == (0, 0, grid.shape_rc):
        return grid
    return Grid((height, width), grid.transform @ Affine.translation(col, row), grid.crs_wkt)
