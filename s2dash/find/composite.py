"""One picture without clouds of several dates of a tile: of each pixel the median of what SCL does not hide."""

from __future__ import annotations

import contextlib
import itertools
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from s2dash.core.sentinel2 import SCL_MASKED
from s2dash.core.types import Progress
from s2dash.errors import NotFetched
from s2dash.find.bands import Opening, RemoteBand, with_own_numbers
from s2dash.find.catalogue import Catalogue
from s2dash.find.cutting import Cut, Renewed, begun, chosen, cut_of, newer, source_tags, strip_of
from s2dash.find.door import Door, door_to
from s2dash.find.items import SCL, BandFile, FoundScene
from s2dash.find.places import Box
from s2dash.find.search import renewal
from s2dash.settings import FETCH_LIMITS

_MOST = np.iinfo(np.uint16).max
_ROWS_AT_ONCE = 2_048
"""Of one band, that a worker computes as one task."""
_MOST_AT_ONCE = 16
_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Workers:
    """Who computes elsewhere."""

    executor: Executor
    catalogue: Catalogue
    """Says which servers they may ask, and knows newer addresses."""
    check: Callable[[], None] = lambda: None
    """Raises where they are gone."""


def write_median(
    scenes: Sequence[FoundScene],
    names: Sequence[str],
    box: Box,
    pixel_m: int,
    out: Path,
    door: Door,
    progress: Progress,
    renewed: Renewed | None = None,
    workers: Workers | None = None,
) -> Cut:
    """Write the medians of bands over some dates of one tile, strip by strip; 0 where every date is hidden.

    Numbers of all dates are brought to scale and offset of the first one's band before. SCL is not written, as what
    it hides is gone. Where there are workers, they fetch and compute, and only headers are read here.

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
        strips = _here(files, rasters, cut) if workers is None else _by_workers(workers, scenes, files, cut, progress)
        with contextlib.closing(strips):
            for number, start, values, share in strips:
                made.write(values, number, window=((start, start + len(values)), (0, cut.shape_rc[1])))
                progress(share, "Loading")
    return cut


Strip = tuple[int, int, np.ndarray, float]
"""Number of a band, first row, medians, and the share of all work that is done then."""
Strips = Generator[Strip, None, None]


def _here(files: Sequence[Sequence[BandFile]], rasters: Sequence[Sequence[RemoteBand]], cut: Cut) -> Strips:
    strips, count = cut.strips(len(files)), len(files[0]) - 1
    for done, (start, rows) in enumerate(strips):
        hidden = _hidden(rasters, cut, start, rows)
        for i in range(count):
            own, bands = [one[i] for one in files], [one[i] for one in rasters]
            share = (done + (i + 1) / count) / len(strips)
            yield i + 1, start, _strip(own[0], own, bands, hidden, cut, start, rows), share


def _by_workers(
    workers: Workers,
    scenes: Sequence[FoundScene],
    files: Sequence[Sequence[BandFile]],
    cut: Cut,
    progress: Progress,
) -> Strips:
    """As they come; few are on their way at once, as all of them are held here until they are written."""
    rows = max(cut.unit, _ROWS_AT_ONCE // cut.unit * cut.unit)
    starts = range(0, cut.shape_rc[0], rows)
    todo = deque(itertools.product(range(len(files[0]) - 1), starts))
    total, done = len(todo), 0
    pending: dict[Future[np.ndarray], tuple[int, int]] = {}
    try:
        while todo or pending:
            while todo and len(pending) < _MOST_AT_ONCE:
                i, start = todo.popleft()
                asked = (scenes, files[0][i], cut, start, min(rows, cut.shape_rc[0] - start), workers.catalogue)
                pending[workers.executor.submit(median_rows, *asked)] = i + 1, start
            finished, _ = wait(pending, _LOOK_SECONDS, FIRST_COMPLETED)
            workers.check()
            progress(done / total, "Loading")
            for one in finished:
                done += 1
                yield *pending.pop(one), one.result(), done / total
    finally:
        for one in pending:
            one.cancel()


def median_rows(
    scenes: Sequence[FoundScene], like: BandFile, cut: Cut, start: int, rows: int, catalogue: Catalogue
) -> np.ndarray:
    """On a worker: the medians of one band in some rows of a cut, shape (rows, columns), uint16.

    Only servers that the catalogue's settings list are asked, as they were where the work was given out.

    Raises as `write_median`.
    """
    with contextlib.ExitStack() as stack:
        door = stack.enter_context(door_to(catalogue.hosts)).within(FETCH_LIMITS.most_load_seconds)
        renewed, opening = renewal(catalogue, door), Opening(door, stack)
        own, bands, classes = [], [], []
        for scene in scenes:
            file, scl = chosen(scene, [like.name, SCL])
            bands.append(opening.band(file, newer(scene, file, renewed)))
            classes.append([opening.band(scl, newer(scene, scl, renewed))])
            own.append(with_own_numbers(file, bands[-1]))
        made = np.empty((rows, cut.shape_rc[1]), dtype=np.uint16)
        for first, count in replace(cut, shape_rc=made.shape).strips(len(scenes)):
            hidden = _hidden(classes, cut, start + first, count)
            made[first : first + count] = _strip(like, own, bands, hidden, cut, start + first, count)
        return made


def _hidden(rasters: Sequence[Sequence[RemoteBand]], cut: Cut, start: int, rows: int) -> np.ndarray:
    """Where SCL, the last of each date's bands, hides a pixel; shape (dates, rows, columns)."""
    return np.stack([np.isin(strip_of(own[-1], cut, start, rows, True), SCL_MASKED) for own in rasters])


def _strip(
    like: BandFile,
    own: Sequence[BandFile],
    bands: Sequence[RemoteBand],
    hidden: np.ndarray,
    cut: Cut,
    start: int,
    rows: int,
) -> np.ndarray:
    """The medians of one band in some rows, as stored numbers of `like`."""
    dates = [strip_of(one, cut, start, rows, False) for one in bands]
    return median(np.stack([_like(like, *pair) for pair in zip(own, dates, strict=True)]), hidden)


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
