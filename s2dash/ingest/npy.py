"""Arrays of NumPy (`.npy`), read by ourselves: a short header of one form, then nothing but numbers.

Nothing of a header is evaluated and no object is ever made of one. Source of the format: `numpy.lib.format`.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s2dash.errors import UnreadableFile

_MAGIC = b"\x93NUMPY"
_MOST_HEADER_BYTES = 10_000
_FORM = re.compile(
    r"\{'descr': '([<>|=]?[A-Za-z]\d{0,3})', 'fortran_order': (True|False), 'shape': \(([\d, ]{0,60})\),? ?\}\s*",
    re.ASCII,
)
_OBJECTS = re.compile(r"'descr': '\|?O")
_NUMBERS = ("|i1", "<f2", "<f4", "<f8")
"""Kinds of numbers that embeddings and their scales have."""


@dataclass(frozen=True)
class Array:
    """An array in a file, checked: as many bytes lie behind its header as it says."""

    path: Path
    name: str
    """What errors call it."""
    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int
    """Bytes before the first number."""

    def rows(self, first: int, count: int) -> np.ndarray:
        """Some of the first axis, shape (count, ...); raises UnreadableFile where they cannot be read."""
        each = math.prod(self.shape[1:])
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset + first * each * self.dtype.itemsize)
                data = file.read(count * each * self.dtype.itemsize)
        except OSError as error:
            raise UnreadableFile(f"{self.name} cannot be read: {error.strerror}.") from error
        if len(data) != count * each * self.dtype.itemsize:
            raise UnreadableFile(f"{self.name} is cut short. Download it again.")
        return np.frombuffer(data, self.dtype).reshape(count, *self.shape[1:])


def open_npy(path: Path, name: str) -> Array:
    """An array by its header, with no number read.

    Raises UnreadableFile for what is no array of plain numbers, row after row, of the size that its header says.
    """
    try:
        with path.open("rb") as file:
            text, offset = _header(file.read(_MOST_HEADER_BYTES), name)
            held = file.seek(0, 2) - offset
    except OSError as error:
        raise UnreadableFile(f"{name} cannot be read: {error.strerror}.") from error
    dtype, shape = _parsed(text, name)
    needed = math.prod(shape) * dtype.itemsize
    if held != needed:
        raise UnreadableFile(
            f"{name} holds {held:,} bytes of numbers, but its header says {needed:,}. Download it again, whole."
        )
    return Array(path, name, dtype, shape, offset)


def _header(start: bytes, name: str) -> tuple[str, int]:
    """The header's text, and where the numbers begin."""
    if not start.startswith(_MAGIC) or len(start) < 12:
        raise UnreadableFile(f"{name} is not an array of NumPy, which its ending says. Download it again.")
    is_short = start[6] == 1
    (length,) = struct.unpack("<H" if is_short else "<I", start[8 : 10 if is_short else 12])
    offset = (10 if is_short else 12) + length
    if start[6] not in (1, 2, 3) or offset > len(start):
        raise UnreadableFile(
            f"{name} has a header of {length:,} bytes in form {start[6]}, which an embedding does not need. "
            "Download it again."
        )
    return start[offset - length : offset].decode("latin-1"), offset


def _parsed(text: str, name: str) -> tuple[np.dtype, tuple[int, ...]]:
    """Kind of numbers and shape; raises UnreadableFile for any other form than numpy's for plain numbers."""
    if _OBJECTS.search(text):
        raise UnreadableFile(f"{name} holds objects of Python, which are never opened here. Save plain numbers.")
    found = _FORM.fullmatch(text)
    if found is None:
        raise UnreadableFile(f"{name} has a header that NumPy does not write for plain numbers. Download it again.")
    kind, is_turned, sides = found.groups()
    if kind not in _NUMBERS:
        raise UnreadableFile(
            f"{name} holds numbers of kind {kind}; an embedding has 8-bit codes (|i1), its scales fractions (<f4)."
        )
    if is_turned == "True":
        raise UnreadableFile(
            f"{name} is stored column by column (Fortran order), which TESSERA's files are not. Save it row by row."
        )
    return np.dtype(kind), tuple(int(side) for side in sides.split(",") if side.strip())
