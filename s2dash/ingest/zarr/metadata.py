"""What the metadata of a Zarr array say, of version 2 or 3, as one checked value; whatever is unusual is refused.

Zarr v2: https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html, v3: the same place, v3/core and v3/codecs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from s2dash.errors import UnreadableFile
from s2dash.ingest.zarr import documents
from s2dash.ingest.zarr.documents import mapping, shown, whole

PACKINGS = ("blosc", "zstd", "lz4", "zlib", "gzip", "bz2")
"""What chunks may be packed by; others, among them those that run code, are refused."""
CHECKSUM = "crc32c"

_V2_DTYPE = re.compile(r"([<>|])([uif])([1248])")
_V3_DTYPES = {
    **{f"{word}{8 * size}": f"{kind}{size}" for word, kind in (("uint", "u"), ("int", "i")) for size in (1, 2, 4, 8)},
    "float32": "f4",
    "float64": "f8",
}
_FILL_WORDS = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}
_MOST_DIMENSIONS = 2
_LARGEST_SIZE = 10**12
"""Beyond it a number is none that anybody meant."""


@dataclass(frozen=True)
class Packing:
    """How the bytes of a chunk become numbers."""

    chunk_rc: tuple[int, int]
    dtype: np.dtype
    """As stored, with the order of bytes."""
    by: str | None
    """One of PACKINGS; None where numbers lie there as they are."""
    is_columns_first: bool = False
    checksum_bytes: int = 0
    """Behind the packed bytes."""

    @property
    def nbytes(self) -> int:
        """Of a whole chunk, unpacked."""
        return self.chunk_rc[0] * self.chunk_rc[1] * self.dtype.itemsize


@dataclass(frozen=True)
class Shards:
    """Files that hold several chunks each, and a list of where they lie."""

    shape_rc: tuple[int, int]
    is_index_first: bool
    has_checksum: bool
    """Behind the list."""


@dataclass(frozen=True)
class ArrayMetadata:
    """An array of one or two dimensions, the first of which has one row where there is one."""

    shape_rc: tuple[int, int]
    dimensions: int
    packing: Packing
    shards: Shards | None
    fill: float
    """Where nothing is stored."""
    separator: str
    prefix: str
    """Of the names of chunks: `c` in version 3."""
    attributes: Mapping[str, Any]

    @property
    def dtype(self) -> np.dtype:
        """In the order of this machine's bytes."""
        return self.packing.dtype.newbyteorder("=")

    @property
    def file_rc(self) -> tuple[int, int]:
        """Rows and columns of a file: a chunk, or a shard."""
        return self.shards.shape_rc if self.shards else self.packing.chunk_rc

    def key_of(self, row: int, col: int) -> str:
        """The name of a file within the array's folder, by its place among the files."""
        places = [str(place) for place in (row, col)[-self.dimensions :]]
        parts = [self.prefix, *places] if self.prefix else places
        return self.separator.join(parts)


def of_version_2(document: Mapping[str, Any], attributes: Mapping[str, Any], name: str) -> ArrayMetadata:
    """From `.zarray` and `.zattrs`; raises UnreadableFile for what is not read here."""
    if document.get("zarr_format") != 2:
        raise _refused(name, "is not of Zarr version 2")
    found = _V2_DTYPE.fullmatch(documents.text(document.get("dtype")))
    if found is None or (found[2] == "f" and found[3] in "12"):
        raise _refused(name, f"holds numbers of a kind that is not read here ({shown(document.get('dtype'))})")
    dtype = np.dtype("".join(found.groups()))
    if document.get("filters"):
        raise _refused(name, f"is packed by filters, which are not read here{_named(document['filters'])}")
    compressor = document.get("compressor")
    by = None if compressor is None else _packed_by(mapping(compressor).get("id"), name)
    shape = _sizes(document.get("shape"), name, "shape")
    chunks = _sizes(document.get("chunks"), name, "chunks", len(shape))
    order = document.get("order", "C")
    if order not in ("C", "F"):
        raise _refused(name, f"has its numbers in an unknown order ({shown(order)})")
    return ArrayMetadata(
        _rc(shape),
        len(shape),
        Packing(_rc(chunks), dtype, by, order == "F" and len(shape) > 1),
        None,
        _fill(document.get("fill_value"), dtype, name),
        _separator(document.get("dimension_separator", "."), name),
        "",
        attributes,
    )


def of_version_3(document: Mapping[str, Any], name: str) -> ArrayMetadata:
    """From `zarr.json`; raises UnreadableFile for what is not read here."""
    if document.get("zarr_format") != 3 or document.get("node_type") != "array":
        raise _refused(name, "is not of Zarr version 3")
    kind = _V3_DTYPES.get(documents.text(document.get("data_type")))
    if kind is None:
        raise _refused(name, f"holds numbers of a kind that is not read here ({shown(document.get('data_type'))})")
    if document.get("storage_transformers"):
        raise _refused(name, "is stored in a way that is not read here (storage transformers)")
    shape = _sizes(document.get("shape"), name, "shape")
    grid_name, grid = _named_part(document.get("chunk_grid"))
    if grid_name != "regular":
        raise _refused(name, f"has chunks that are not regular ({shown(grid_name)})")
    files = _sizes(grid.get("chunk_shape"), name, "chunks", len(shape))
    packing, shards = _codecs(document.get("codecs"), files, kind, name)
    keys, how = _named_part(document.get("chunk_key_encoding"))
    if keys not in ("default", "v2"):
        raise _refused(name, f"names its chunks in an unknown way ({shown(keys)})")
    return ArrayMetadata(
        _rc(shape),
        len(shape),
        packing,
        shards,
        _fill(document.get("fill_value"), packing.dtype, name),
        _separator(how.get("separator", "/" if keys == "default" else "."), name),
        "c" if keys == "default" else "",
        mapping(document.get("attributes")),
    )


def _codecs(
    codecs: object, files: tuple[int, ...], kind: str, name: str, is_inner: bool = False
) -> tuple[Packing, Shards | None]:
    """How chunks are packed, and the shards that they lie in where they do."""
    parts = [_named_part(one) for one in codecs] if isinstance(codecs, list) else []
    if len(parts) == 1 and parts[0][0] == "sharding_indexed" and not is_inner:
        how = parts[0][1]
        inner = _sizes(how.get("chunk_shape"), name, "chunks", len(files))
        if any(size % part for size, part in zip(files, inner, strict=True)):
            raise _refused(name, "has shards that do not hold whole chunks")
        packing, _ = _codecs(how.get("codecs"), inner, kind, name, is_inner=True)
        place = how.get("index_location", "end")
        if place not in ("start", "end"):
            raise _refused(name, f"has the list of its chunks in an unknown place ({shown(place)})")
        listed = how.get("index_codecs")
        index = [_named_part(one) for one in listed] if isinstance(listed, list) else []
        names = [one for one, _ in index]
        if names not in (["bytes"], ["bytes", CHECKSUM]) or index[0][1].get("endian", "little") != "little":
            raise _refused(name, f"lists its chunks in a way that is not read here{_named(how.get('index_codecs'))}")
        return packing, Shards(_rc(files), place == "start", CHECKSUM in names)
    columns_first = False
    if parts and parts[0][0] == "transpose":
        order = parts.pop(0)[1].get("order")
        axes = list(range(len(files)))
        if order not in (axes, axes[::-1]):
            raise _refused(name, f"has its numbers in an unknown order ({shown(order)})")
        columns_first = order != axes
    if not parts or parts[0][0] != "bytes":
        raise _refused(name, f"is packed in a way that is not read here{_named(codecs)}")
    endian = parts.pop(0)[1].get("endian", "little")
    if endian not in ("little", "big"):
        raise _refused(name, f"has its bytes in an unknown order ({shown(endian)})")
    dtype = np.dtype(("<" if endian == "little" else ">") + kind)
    checksum = 4 if parts and parts[-1][0] == CHECKSUM else 0
    parts = parts[:-1] if checksum else parts
    if len(parts) > 1:
        raise _refused(name, f"is packed in a way that is not read here{_named(codecs)}")
    by = _packed_by(parts[0][0], name) if parts else None
    return Packing(_rc(files), dtype, by, columns_first, checksum), None


def _named_part(part: object) -> tuple[str, Mapping[str, Any]]:
    """Name and configuration of a part of version 3's metadata, which may be a mere name."""
    if isinstance(part, str):
        return part, {}
    return documents.text(mapping(part).get("name")), mapping(mapping(part).get("configuration"))


def _packed_by(name: object, of: str) -> str:
    if name not in PACKINGS:
        raise _refused(of, f"is packed by {shown(name)}, which is not read here")
    return str(name)


def _named(parts: object) -> str:
    """What parts are called, in brackets, where they say so."""
    found = [mapping(one).get("id") or _named_part(one)[0] for one in parts[:4]] if isinstance(parts, list) else []
    return f" ({', '.join(shown(one) for one in found)})" if found else ""


def _sizes(value: object, name: str, what: str, count: int | None = None) -> tuple[int, ...]:
    found = [whole(one) for one in value[:9]] if isinstance(value, list) else []
    sizes = tuple(one for one in found if one is not None and 0 < one <= _LARGEST_SIZE)
    if len(sizes) != len(found) or not 1 <= len(sizes) <= _MOST_DIMENSIONS or count not in (None, len(sizes)):
        raise _refused(name, f"is no picture of rows and columns by its {what}")
    return sizes


def _rc(sizes: tuple[int, ...]) -> tuple[int, int]:
    return (1, sizes[0]) if len(sizes) == 1 else (sizes[0], sizes[1])


def _separator(value: object, name: str) -> str:
    if value not in (".", "/"):
        raise _refused(name, f"names its chunks in an unknown way ({shown(value)})")
    return str(value)


def _fill(value: object, dtype: np.dtype, name: str) -> float:
    """What stands where nothing is stored; 0 where nothing is said, as programs have it."""
    if value is None:
        return 0.0
    found = _FILL_WORDS.get(value) if isinstance(value, str) else documents.number(value)
    if isinstance(value, float) and not np.isfinite(value):
        found = value
    if found is None or not fits(found, dtype):
        raise _refused(name, f"states a fill value that it cannot hold ({shown(value)})")
    return found


def fits(value: float, dtype: np.dtype) -> bool:
    """Whether numbers of this kind can be the value."""
    if dtype.kind == "f":
        return True
    limits = np.iinfo(dtype)
    return bool(np.isfinite(value)) and limits.min <= value <= limits.max and value == int(value)


def _refused(name: str, why: str) -> UnreadableFile:
    return UnreadableFile(f"{name} {why}. Download the product again, or give it as .SAFE.")
