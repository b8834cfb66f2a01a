"""Windows of a whole scene in an order that reads little twice, worked on by threads a few ahead of who takes them."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeAlias

import numpy as np

from s2dash.core.room import keep_rooms
from s2dash.core.scene import Scene
from s2dash.core.types import Window
from s2dash.raster.reading import SceneReader
from s2dash.settings import thread_count

Made: TypeAlias = Generator[tuple[Window, np.ndarray], None, None]
"""Windows one after the other, each with what was made of it, shape (rows, cols)."""

_WINDOW_SHAPE_RC = (512, 2048)
_MOST_WINDOW_GROWTH = 4
"""How many times larger windows may become so that they hold whole blocks."""
_RUN_WINDOWS = 11
"""Windows below each other that one thread goes down, where what two of them share would be read twice."""


def whole_blocks(scene: Scene) -> tuple[int, int]:
    """Rows and columns of windows that are decoded once: whole blocks, about as large as `_WINDOW_SHAPE_RC`."""
    with SceneReader(scene) as reader:
        block_rows, block_cols = reader.block_shape_rc
    height, width = _WINDOW_SHAPE_RC
    rows = block_rows * max(1, height // block_rows)
    cols = block_cols * max(1, height * width // (rows * block_cols))
    return (rows, cols) if rows * cols <= _MOST_WINDOW_GROWTH * height * width else _WINDOW_SHAPE_RC


def runs_of(todo: list[Window], smooth: bool) -> list[list[Window]]:
    """Windows that one reader goes through in order: along the rows as they are stored, or down where smoothing."""
    if not smooth:
        return [list(row) for _, row in itertools.groupby(todo, key=lambda window: window.row)]
    down = sorted(todo, key=lambda window: (window.col, window.row))
    columns = [list(column) for _, column in itertools.groupby(down, key=lambda window: window.col)]
    return [column[i : i + _RUN_WINDOWS] for column in columns for i in range(0, len(column), _RUN_WINDOWS)]


def in_turns(runs: Iterator[Made]) -> Made:
    """What several runs make, as it comes: each goes on by itself, and no more wait than there are threads for."""
    pool = ThreadPoolExecutor(thread_count(), initializer=keep_rooms)
    going: dict[Future[tuple[Window, np.ndarray] | None], Made] = {}

    def go_on(some: Iterable[Made]) -> None:
        going.update((pool.submit(next, run, None), run) for run in some)

    try:
        go_on(itertools.islice(runs, 2 * thread_count()))
        while going:
            for future in wait(going, return_when=FIRST_COMPLETED).done:
                run, made = going.pop(future), future.result()
                go_on(itertools.islice(runs, 1) if made is None else (run,))
                if made is not None:
                    yield made
    finally:
        for future in going:
            future.cancel()
        wait(going)
        pool.shutdown()
        for run in going.values():
            run.close()
