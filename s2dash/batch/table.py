"""The summary of a batch: one row for each class of each scene, as CSV for spreadsheets and as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from s2dash.batch.manifest import Finished
from s2dash.export.contents import staged
from s2dash.export.table import csv_bytes, text_cell

CSV_NAME, JSON_NAME = "classes.csv", "classes.json"
_COLUMNS = ("scene", "id", "name", "colour", "pixels", "share_percent", "area_ha", "attribution")


def csv_text(scenes: Sequence[Finished]) -> str:
    """The table as text, lines ended by CR LF.

    Columns: scene, id, name, colour (`#rrggbb`), pixels, share_percent (of the scene's pixels that are not
    masked), area_ha (empty without a place), attribution.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for scene in scenes:
        for row in scene.rows:
            area = "" if row.area_ha is None else f"{row.area_ha:.4f}"
            counted = [row.pixels, f"{100 * row.share:.4f}", area]
            writer.writerow(
                [text_cell(row.scene), row.id, text_cell(row.name), row.colour, *counted, text_cell(scene.attribution)]
            )
    return out.getvalue()


def json_text(scenes: Sequence[Finished]) -> str:
    """The same rows as a JSON list of objects; share is 0 to 1, area_ha null without a place."""
    rows = [asdict(row) | {"attribution": scene.attribution} for scene in scenes for row in scene.rows]
    return json.dumps(rows, indent=1, allow_nan=False) + "\n"


def write_tables(scenes: Sequence[Finished], folder: Path) -> tuple[str, ...]:
    """Write both into the folder, each whole or not at all; returns their names.

    Raises OutputConflict where they cannot be written.
    """
    with staged(folder / CSV_NAME) as path:
        path.write_bytes(csv_bytes(csv_text(scenes)))
    with staged(folder / JSON_NAME) as path:
        path.write_text(json_text(scenes), encoding="utf-8")
    return CSV_NAME, JSON_NAME
