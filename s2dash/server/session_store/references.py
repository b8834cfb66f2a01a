"""Kept references: the map that a session names classes by, as codes that are aligned already, within a budget."""

from __future__ import annotations

import json
import logging
import sqlite3
import zlib

import numpy as np

from s2dash.core.grid import Grid, decimated_shape, decimation_step
from s2dash.core.reference import Reference
from s2dash.core.scene import LIVE_PIXELS
from s2dash.core.types import frozen
from s2dash.ingest.scene_facts import grid_facts, grid_of
from s2dash.server.session_store.values import StoredReference

_log = logging.getLogger(__name__)

_BEYOND = """
    DELETE FROM reference WHERE session IN (SELECT session FROM (
        SELECT session, sum(length(told) + length(codes)) OVER (ORDER BY used DESC, session DESC) AS bytes
        FROM reference JOIN session ON id = session
    ) WHERE bytes > ?)
"""
"""Those used longest ago, as far as the ones used after them leave no room."""


def packed(stored: StoredReference | None) -> tuple[str, bytes] | None:
    """A reference as it lies in the file: its words as JSON, and its codes, of all grids in turn, packed.

    Not the file that was given: that may be large, and would be a stranger's again at each reading.
    """
    if stored is None:
        return None
    of = stored.reference
    told = {
        "name": of.name,
        "digest": of.digest,
        "grids": [grid_facts(grid) for grid in of.codes],
        "names": [*of.names.items()],
        "colours": [*of.colours.items()],
        "legend": stored.legend,
        "takes_colours": stored.takes_colours,
    }
    codes = [np.ascontiguousarray(one, dtype="<i4").tobytes() for one in of.codes.values()]
    return json.dumps(told), zlib.compress(b"".join(codes))


def unpacked(told: str, codes: bytes) -> StoredReference | None:
    """What `packed` gave; None for one that this s2dash cannot read."""
    try:
        facts = json.loads(told)
        grids = [grid_of(one) for one in facts["grids"]]
        all_codes = np.frombuffer(zlib.decompress(codes), dtype="<i4").astype(np.int32, copy=False)
        of = Reference(
            str(facts["name"]),
            str(facts["digest"]),
            _by_grid(grids, all_codes),
            {int(code): str(name) for code, name in facts["names"]},
            {int(code): str(colour) for code, colour in facts["colours"]},
        )
        return StoredReference(of, str(facts["legend"]), bool(facts["takes_colours"]))
    except (ValueError, KeyError, TypeError, zlib.error):
        _log.warning("a kept reference cannot be read")
        return None


def _by_grid(grids: list[Grid], codes: np.ndarray) -> dict[Grid, np.ndarray]:
    """Codes of all grids in turn as those of each, by the shapes of their live pictures."""
    shapes = [decimated_shape(grid.shape_rc, decimation_step(grid.shape_rc, LIVE_PIXELS)) for grid in grids]
    ends = np.cumsum([rows * cols for rows, cols in shapes]).tolist()
    if codes.size != ends[-1]:
        raise ValueError(f"{codes.size} codes, expected {ends[-1]}")
    parts = np.split(codes, ends[:-1])
    return {grid: frozen(part.reshape(shape)) for grid, part, shape in zip(grids, parts, shapes, strict=True)}


def read(connection: sqlite3.Connection, session: int) -> tuple[str, bytes] | None:
    """What is kept for a session, packed."""
    found = connection.execute("SELECT told, codes FROM reference WHERE session = ?", (session,)).fetchone()
    return None if found is None else (found[0], found[1])


def write(connection: sqlite3.Connection, session: int, content: tuple[str, bytes] | None, most_bytes: int) -> None:
    """Keep this for a session in the place of what was there, and of all together no more than `most_bytes`."""
    connection.execute("DELETE FROM reference WHERE session = ?", (session,))
    if content is not None:
        connection.execute("INSERT INTO reference VALUES (?, ?, ?)", (session, *content))
        connection.execute(_BEYOND, (most_bytes,))
