"""Check points that somebody brings back, as CSV or GeoPackage: read in a process of its own, taken in as a value."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from s2dash.core.accuracy import MOST_PLACES, Check
from s2dash.core.check_rows import COLUMNS, check_of, header_fits
from s2dash.core.legend import clean_name
from s2dash.core.types import CancelToken
from s2dash.errors import UnreadableFile, UnreadableValue
from s2dash.ingest.area.kinds import FIRST_BYTES, kind_of_area
from s2dash.ingest.area.shapes import Refusal
from s2dash.ingest.area.sources import vector_files
from s2dash.ingest.area.vectors import VectorLayer, read_layers
from s2dash.ingest.pile import GivenFile
from s2dash.ingest.process import run_in_new_folder
from s2dash.settings import AREA_LIMITS

_MOST_BYTES = 5_000_000
"""Of a CSV, and of the texts of a GeoPackage: 10,000 places have about two million."""
_NO_POINTS = "holds no check points as s2dash writes them. Choose a file that was saved as check points."


def read_check(
    path: Path,
    folder: Path,
    name: str | None = None,
    cell: Callable[[str], str] = str,
    cancel: CancelToken | None = None,
) -> Check:
    """The check that a CSV or GeoPackage of check points holds, with whatever was answered meanwhile.

    Parameters
    ----------
    folder : made if missing, for the process; nothing of it is needed afterwards
    name : what the file was called where it came from
    cell : see `check_rows.check_of`; `export.table.text_cell` for what was saved as CSV

    Raises UnreadableFile that says what is wrong, Cancelled on request.
    """
    called = clean_name(name or path.name) or "check points"
    request = {
        "kind": "check points",
        "paths": [str(path.resolve())],
        "names": [called],
        "folder": str(folder.resolve()),
    }
    facts = run_in_new_folder(request, folder, lambda share, what: None, cancel)
    rows = [{str(key): str(value) for key, value in row.items()} for row in facts["rows"]]
    try:
        return check_of(rows, cell)
    except UnreadableValue as error:
        raise UnreadableFile(f"{called} cannot be read as check points. {error}") from error


def rows_in(given: Sequence[GivenFile], folder: Path) -> dict[str, Any]:
    """What the process of its own does: the rows of the file, texts by `check_rows.COLUMNS`.

    Raises UnreadableFile for what holds no check points, and where limits are passed.
    """
    one = given[0]
    try:
        with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as scratch:
            rows = _rows_of_package(one, Path(scratch)) if _is_package(one) else _rows_of_csv(one.path)
    except Refusal as refusal:
        raise UnreadableFile(f"{one.name} {refusal}") from refusal
    except OSError as error:
        raise UnreadableFile(f"{one.name} cannot be read: {error.strerror}.") from error
    return {"rows": rows}


def _is_package(one: GivenFile) -> bool:
    with one.path.open("rb") as file:
        start = file.read(FIRST_BYTES)
    if start.lstrip(b"\xef\xbb\xbf\"'").lower().startswith(b"place"):
        return False
    try:
        return kind_of_area(one.name, start) == "gpkg"
    except Refusal:
        raise Refusal(_NO_POINTS) from None


def _rows_of_csv(path: Path) -> list[dict[str, str]]:
    if path.stat().st_size > _MOST_BYTES:
        raise Refusal(f"is larger than the {_MOST_BYTES:,} bytes accepted for check points.")
    text = path.read_bytes().decode("utf-8-sig", "replace")
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    try:
        lines = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error as error:
        raise Refusal("is damaged: it is no table. Save it as CSV again.") from error
    headings = [heading.strip() for heading in lines[0]] if lines else []
    if not header_fits(headings):
        raise Refusal(_NO_POINTS)
    _require_few(len(lines) - 1)
    return [_known(dict(zip(headings, line, strict=False))) for line in lines[1:] if any(line)]


def _rows_of_package(one: GivenFile, scratch: Path) -> list[dict[str, str]]:
    [source, *_] = vector_files([one], scratch, AREA_LIMITS)
    if source.kind != "gpkg":
        raise Refusal(_NO_POINTS)
    for layer in read_layers(source.path, AREA_LIMITS, with_columns=True):
        if header_fits(layer.columns):
            return _rows_of_layer(layer)
    raise Refusal(_NO_POINTS)


def _rows_of_layer(layer: VectorLayer) -> list[dict[str, str]]:
    _require_few(len(layer.shapes))
    columns = {key: [_text(value) for value in layer.columns[key].tolist()] for key in COLUMNS if key in layer.columns}
    if sum(len(text) for texts in columns.values() for text in texts) > _MOST_BYTES:
        raise Refusal(f"holds more than the {_MOST_BYTES:,} characters accepted for check points.")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _text(value: object) -> str:
    if value is None or value != value:
        return ""
    return repr(value) if isinstance(value, float | int) else str(value)


def _known(row: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in row.items() if key in COLUMNS}


def _require_few(count: int) -> None:
    if count > MOST_PLACES:
        raise Refusal(f"holds {count:,} places; at most {MOST_PLACES:,} are read.")
