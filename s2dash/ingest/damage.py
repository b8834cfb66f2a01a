"""What is wrong with a header that GDAL passes over: found here, and said in notes.

A file whose header is damaged in a part that its pixels do not need is taken in. Nobody should have to
find out later why it has no place or no names.
"""

from __future__ import annotations

import contextlib
import logging
import re
import struct
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import rasterio

from s2dash.errors import UnreadableFile
from s2dash.raster.location import Place, files_only, location_of

_DAMAGE = re.compile(r"corrupt|ignor|bogus|incorrect|IO error|invalid|truncat|damag", re.IGNORECASE)
_COMMON = ("ASCII value for tag",)
"""Complaints about files as people have them, which lose nothing."""

_PARTS = (
    (re.compile(r"Geo|Model|coordinate|projection", re.IGNORECASE), "coordinates"),
    (re.compile(r"GDALNoData", re.IGNORECASE), "nodata value"),
    (re.compile(r"GDALMetadata|Description", re.IGNORECASE), "names and tags"),
    (re.compile(r"ByteCounts|Offsets", re.IGNORECASE), "sizes of its blocks"),
)
"""Which part a complaint is about: GDAL's own words hold paths, and may hold text of the file."""
_OTHER_PART = "details"

_MOST_BOXES = 1_000
_JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  "
_IMAGE_HEADER = struct.Struct(">IIH")


class _Listener(logging.Handler):
    def __init__(self, heard: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._thread = threading.get_ident()
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self._heard.append(record.getMessage())


@contextlib.contextmanager
def listening() -> Iterator[list[str]]:
    """Collects what GDAL complains of on this thread while the block runs; see `complaint_notes`."""
    heard: list[str] = []
    listener = _Listener(heard)
    logger = logging.getLogger("rasterio")
    logger.addHandler(listener)
    try:
        yield heard
    finally:
        logger.removeHandler(listener)


def complaint_notes(complaints: Iterable[str], name: str) -> tuple[str, ...]:
    """One note that says which parts of the header were passed over; none where nothing was lost."""
    damaged = [c for c in complaints if _DAMAGE.search(c) and not any(words in c for words in _COMMON)]
    if not damaged:
        return ()
    parts = dict.fromkeys(_part(complaint.replace(name, "")) for complaint in damaged)
    return (
        f"The header of {name} is damaged in part ({', '.join(parts)}); that part was passed over. "
        "Look at the picture before you trust the groups, or export the file again.",
    )


def size_notes(dataset: rasterio.DatasetReader, place: Place, name: str) -> tuple[str, ...]:
    """A note where a file describes another picture than the one it holds: JPEG 2000 of another size, TIFF cut off.

    Raises UnreadableFile where the file cannot be read.
    """
    if dataset.driver == "GTiff":
        return _cut_off_note(dataset, name) if location_of(place).is_near else ()
    stated = _stated_size(files_only([place])[0])
    held = (dataset.height, dataset.width, dataset.count)
    if stated is None or stated == held:
        return ()
    return (
        f"{name} contradicts itself: its header says {_size(*stated)}, its picture has {_size(*held)}. "
        "The picture counts; export the file again if it looks wrong.",
    )


def _cut_off_note(dataset: rasterio.DatasetReader, name: str) -> tuple[str, ...]:
    """That the last rows of a TIFF are not in it: libtiff reads blocks that are not stored as if they were empty."""
    rows, cols = dataset.block_shapes[0]
    down, across = -(-dataset.height // rows), -(-dataset.width // cols)
    bands = {1, dataset.count}
    stored = (
        row
        for row in reversed(range(down))
        for col in range(across)
        if any(dataset.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=band) for band in bands)
    )
    last = next(stored, None)
    if last is None or last == down - 1:
        return ()
    return (
        f"{name} declares {dataset.height:,} rows, but holds only the first {(last + 1) * rows:,}; the rest has no "
        "data. If that surprises you, it was cut off: download or export it again.",
    )


def _part(complaint: str) -> str:
    return next((part for pattern, part in _PARTS if pattern.search(complaint)), _OTHER_PART)


def _size(height: int, width: int, count: int) -> str:
    return f"{width:,} x {height:,} pixels in {count:,} band{'s' * (count != 1)}"


def _stated_size(path: Path) -> tuple[int, int, int] | None:
    """Rows, columns and bands by the image header box (ISO/IEC 15444-1, I.5.3.1); None for files without one."""
    try:
        with path.open("rb") as file:
            if file.read(8) != _JP2_SIGNATURE:
                return None
            end = file.seek(0, 2)
            start = 0
            for _ in range(_MOST_BOXES):
                file.seek(start)
                head = file.read(16)
                if len(head) < 8:
                    return None
                length, kind = struct.unpack(">I4s", head[:8])
                skip = 8
                if length == 1 and len(head) == 16:
                    (length,), skip = struct.unpack(">Q", head[8:]), 16
                length = length or end - start
                if length < skip:
                    return None
                if kind == b"ihdr":
                    file.seek(start + skip)
                    found = file.read(_IMAGE_HEADER.size)
                    return _IMAGE_HEADER.unpack(found) if len(found) == _IMAGE_HEADER.size else None
                start += skip if kind == b"jp2h" else length
    except OSError as error:
        raise UnreadableFile(f"{path.name} cannot be read: {error.strerror}.") from error
    return None
