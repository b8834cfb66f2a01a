"""One picture without clouds of several dates of a tile: of each pixel the median of what SCL does not hide."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from s2dash.core.sentinel2 import SCL_MASKED
from s2dash.core.types import Progress
from s2dash.errors import NotFetched
from s2dash.find.bands import Opening, with_own_numbers
from s2dash.find.cutting import Cut, Renewed, begun, chosen, cut_of, newer, source_tags, strip_of
from s2dash.find.door import Door
from s2dash.find.items import SCL, BandFile, FoundScene
from s2dash.find.places import Box
from s2dash.settings import FETCH_LIMITS

_MOST = np.iinfo(np.uint16).max


def write_median(
    scenes: Sequence[FoundScene],
    names: Sequence[str],
    box: Box,
    pixel_m: int,
    out: Path,
    door: Door,
    progress: Progress,
    renewed: Renewed | None = None,
) -> Cut:
    """Write the medians of bands over some dates of one tile, strip by strip; 0 where every date is hidden.

    Numbers of all dates are brought to scale and offset of the first one's band before. SCL is not written, as what
    it hides is gone.

    Raises as `cutting.write_cut`, and NotFetched for scenes of several tiles.
    """
    _require_one_tile(scenes)
    wanted = [name for name in names if name != SCL]
    files = [chosen(scene, [*wanted, SCL]) for scene in scenes]
    door = door.within(FETCH_LIMITS.most_load_seconds)
    with contextlib.ExitStack() as stack:
        opening = Opening(door, stack)
        rasters = [
            [opening.band(one, newer(scene, one, renewed)) for one in own]
            for scene, own in zip(scenes, files, strict=True)
        ]
        files = [[*map(with_own_numbers, *pair)] for pair in zip(files, rasters, strict=True)]
        cut = cut_of(scenes[0], [one for own in rasters for one in own], box, pixel_m)
        made = stack.enter_context(begun(out, cut, files[0][:-1]))
        made.update_tags(**source_tags(scenes, _title(scenes)))
        strips = cut.strips(len(scenes))
        for done, (start, rows) in enumerate(strips):
            hidden = np.stack([np.isin(strip_of(own[-1], cut, start, rows, True), SCL_MASKED) for own in rasters])
            window = ((start, start + rows), (0, cut.shape_rc[1]))
            for i in range(len(wanted)):
                dates = [strip_of(own[i], cut, start, rows, False) for own in rasters]
                like_first = [_like(files[0][i], own[i], one) for own, one in zip(files, dates, strict=True)]
                made.write(median(np.stack(like_first), hidden), i + 1, window=window)
                progress((done + (i + 1) / len(wanted)) / len(strips), "Loading")
    return cut


def median(values: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Of each pixel the median over the dates that are neither hidden nor 0; 0 where there is none.

    Parameters
    ----------
    values : shape (dates, rows, columns), float32
    hidden : the same shape, bool

    Returns shape (rows, columns), uint16. Of an even number of dates it is between the two in the middle.
    """
    is_out = hidden | (values == 0)
    ordered = np.sort(np.where(is_out, np.inf, values), axis=0)
    count = (~is_out).sum(axis=0)
    middle = [np.maximum(count - 1, 0) // 2, np.minimum(count // 2, len(values) - 1)]
    low, high = (np.take_along_axis(ordered, at[None], axis=0)[0] for at in middle)
    made = np.where(count == 0, 0, (low + np.where(count == 0, low, high)) / 2)
    return np.asarray(np.where(count == 0, 0, np.clip(np.rint(made), 1, _MOST)), dtype=np.uint16)


def _like(first: BandFile, own: BandFile, values: np.ndarray) -> np.ndarray:
    """Stored numbers as they would be under another file's scale and offset, float32; no data stays 0."""
    moved = (values * np.float32(own.scale) + np.float32(own.offset - first.offset)) / np.float32(first.scale)
    plain = values.astype(np.float32) if own.scale == first.scale and own.offset == first.offset else moved
    return np.asarray(np.where(values == 0, 0, np.maximum(plain, 1)), dtype=np.float32)


def _require_one_tile(scenes: Sequence[FoundScene]) -> None:
    tiles = sorted({one.tile or "unknown" for one in scenes})
    if len(tiles) > 1:
        raise NotFetched(f"The scenes are of the tiles {', '.join(tiles)}. A composite takes dates of one tile.")


def _title(scenes: Sequence[FoundScene]) -> str:
    days = sorted(one.date for one in scenes)
    return f"Median of {len(scenes)} scenes from {days[0]} to {days[-1]}, without what SCL hides"
