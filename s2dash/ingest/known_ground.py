"""A file that knows the ground, for a scene: read in a process of its own, taken in as a value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from s2dash.core.grid import Grid
from s2dash.core.known_ground import KnownColumn, KnownGround
from s2dash.core.reference import Reference
from s2dash.core.types import CancelToken, Progress, frozen, no_progress
from s2dash.ingest.area.labelled import NUMBERS_NAME, feature_columns
from s2dash.ingest.area.sources import named_files
from s2dash.ingest.process import run_in_new_folder
from s2dash.ingest.reference import reference_of
from s2dash.ingest.scene_facts import grid_facts
from s2dash.raster.location import Place

_LIKELY = (
    r"^(class|klasse|classe|clase|lc|lulc|landcover|land_cover|landuse|land_use|label|category|kategorie|cover)$",
    r"class|klass|land.?cover|label|categor|habitat|biotop|lulc",
    r"type|typ|kind|name|code|nutzung|use|crop|kultur",
)
_UNLIKELY = re.compile(r"(^|_)(fid|id|gid|uid|objectid|ogc_fid|area|flaeche|shape_\w+|date|datum|year|jahr)$", re.I)
_FEWEST_EACH = 1.5
"""Features of a class on average, below which a column rather tells features apart."""


def read_known_ground(
    grid: Grid,
    paths: Place | Sequence[Place],
    folder: Path,
    names: Sequence[str] | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> KnownGround | Reference:
    """Polygons or points with columns, or a raster of classes, of any coordinate system, on a scene's grid.

    Parameters
    ----------
    grid : of the scene as it is mapped, of step 1
    paths : a file of polygons or points, the files of a shapefile, an archive with these, or a raster with its
        `.aux.xml` where that is given, too
    folder : made if missing, for what the process writes; needed as long as the value is
    names : what the files were called where they came from; where None, they are the operator's own, and what lies
        beside a shapefile belongs to it

    A raster gives a Reference: codes for every n-th pixel, as there are in live pictures.
    Raises UnreadableFile that says what is wrong, Cancelled on request.
    """
    called, given = named_files(paths, names)
    request = {
        "kind": "known",
        "paths": [str(path.resolve()) for path in given],
        "names": called,
        "folder": str(folder.resolve()),
        "grids": [grid_facts(grid)],
    }
    facts = run_in_new_folder(request, folder, progress, cancel)
    if "codes" in facts:
        return reference_of(facts, [grid], folder, called[0])
    columns = sorted(map(_column, feature_columns(folder)), key=_unlikeliness)
    return KnownGround(
        name=called[0],
        digest=str(facts["digest"]),
        kind="points" if facts["kind"] == "points" else "polygons",
        grid=grid,
        columns=tuple(columns),
        path=folder / NUMBERS_NAME,
        notes=tuple(str(note) for note in facts["notes"]),
    )


def _column(found: tuple[str, tuple[str, ...], np.ndarray]) -> KnownColumn:
    name, classes, class_of = found
    return KnownColumn(name, classes, frozen(np.append(np.int32(-1), class_of)))


def _unlikeliness(column: KnownColumn) -> tuple[int, int, int]:
    """By heading, whether it has several classes of several features, whether they are words."""
    rank = next((i for i, words in enumerate(_LIKELY) if re.search(words, column.name, re.IGNORECASE)), len(_LIKELY))
    known = int((column.class_of >= 0).sum())
    several = len(column.classes) > 1 and known / max(1, len(column.classes)) >= _FEWEST_EACH
    words = any(not text.lstrip("-").isdecimal() for text in column.classes)
    return (rank + 3 * bool(_UNLIKELY.search(column.name)) + 4 * (not several), not words, len(column.classes))
