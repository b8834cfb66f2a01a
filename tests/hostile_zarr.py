"""Makes Zarr stores that must not hurt: JSON, chunks and shards that lie, by hand, as no program would write them."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numcodecs import Blosc, Zstd
from scenes import land_cover

ROOT = "S2B_MSIL2A_20250601T101031_N0511_R022_T32TQM_20250601T133000.zarr"
BANDS = ("B02", "B03", "B04", "B08")
B03 = "measurements/reflectance/r10m/b03"
_SHAPE, _SIDE = (40, 48), 24
_BLOSC = Blosc("zstd", 1, Blosc.SHUFFLE)
_PLACE = {"proj:epsg": 32632, "proj:transform": [10, 0, 600_000, 0, -10, 5_100_000]}
_NUMBERS = {"scale_factor": 0.0001, "add_offset": -0.1}

Store = dict[str, bytes]
"""Files by their names from the root."""


def store(array: Mapping[str, Any] | None = None, attributes: Mapping[str, Any] | None = None) -> Store:
    """A good product of four bands, version 2; with changes to the metadata and attributes of B03.

    Its chunks are stored as they are where it is to have no compressor.
    """
    files = {".zgroup": _text({"zarr_format": 2}), ".zattrs": _text({"stac_discovery": {"properties": {}}})}
    for name, values in zip(BANDS, land_cover(_SHAPE, BANDS).astype("<u2"), strict=True):
        path = f"measurements/reflectance/r10m/{name.lower()}"
        files[f"{path}/.zarray"] = _text(array_document() | dict((array or {}) if path == B03 else {}))
        files[f"{path}/.zattrs"] = _text(_PLACE | _NUMBERS | dict((attributes or {}) if path == B03 else {}))
        is_plain = path == B03 and (array or {}).get("compressor", _BLOSC) is None
        chunks = _chunks(values).items()
        files |= {
            f"{path}/{key}": chunk.tobytes() if is_plain else bytes(_BLOSC.encode(chunk)) for key, chunk in chunks
        }
    return files


def zipped_store(files: Mapping[str, bytes], root: str = ROOT, link: str = "") -> bytes:
    """The store as `.zarr.zip`, its members stored as they are; `link` names one that is a link."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(f"{root}/{name}")
            info.external_attr = (0o120777 if name == link else 0o100644) << 16
            archive.writestr(info, content)
    return out.getvalue()


def with_chunk(content: bytes, packer: Mapping[str, Any] | None = None) -> bytes:
    """The product with a chunk of its B03 replaced; all of B03 packed by another packer where one is given."""
    changed = store() if packer is None else store({"compressor": dict(packer)})
    return zipped_store(changed | {f"{B03}/0.0": content})


def with_metadata(content: bytes, name: str = f"{B03}/.zattrs") -> bytes:
    """The product with a file of metadata replaced."""
    return zipped_store(store() | {name: content})


def blosc_header(unpacked: int | None = None, packed: int | None = None) -> bytes:
    """A good chunk whose header says another size."""
    chunk = bytearray(_BLOSC.encode(np.ones((_SIDE, _SIDE), "<u2")))
    for place, value in ((4, unpacked), (12, packed)):
        if value is not None:
            struct.pack_into("<I", chunk, place, value)
    return bytes(chunk)


def zlib_bomb(size: int = 60_000_000) -> bytes:
    """Zeros, packed to a thousandth."""
    packer = zlib.compressobj(9)
    piece = bytes(1 << 20)
    return b"".join(packer.compress(piece) for _ in range(size >> 20)) + packer.flush()


def zstd_bomb(states_size: bool) -> bytes:
    """A frame of many zeros, or the head of one that says nothing of its size."""
    if states_size:
        return bytes(Zstd(1).encode(np.zeros(100_000_000, "u1")))
    # A frame that does not state its size, of blocks that each repeat one byte 128 KiB long (RFC 8878, 3.1.1.2).
    block = struct.pack("<I", (1 << 17) << 3 | 1 << 1)[:3] + b"\0"
    return b"\x28\xb5\x2f\xfd\x00\x58" + block * 800 + struct.pack("<I", 1)[:3]


def pickled() -> bytes:
    """A pickle that would leave a trace."""

    class Trace:
        def __reduce__(self) -> Any:
            return Path.touch, (Path("/tmp/PWNED_BY_ZARR"),)

    return pickle.dumps(Trace())


def mostly_nothing(side: int = 20_000, chunk: int = 10_000) -> bytes:
    """Bands whose chunks unpack to zeros, thousands for each byte."""
    zeros = bytes(Blosc("zstd", 9, Blosc.NOSHUFFLE).encode(np.zeros((chunk, chunk), "<u2")))
    files = store({"shape": [side, side], "chunks": [chunk, chunk]})
    return zipped_store(files | {f"{B03}/{row}.{col}": zeros for row in range(2) for col in range(2)})


def sharded(index: bytes | None = None, **changes: Any) -> bytes:
    """The product with its B03 as one shard of version 3; its list of chunks, or its metadata, replaced."""
    values = np.zeros((2 * _SIDE, 2 * _SIDE), "<u2")
    values[: _SHAPE[0]] = land_cover(_SHAPE, ("B03",)).astype("<u2")[0]
    chunks = [values[row : row + _SIDE, col : col + _SIDE].tobytes() for row in (0, _SIDE) for col in (0, _SIDE)]
    places = [(number * len(chunk), len(chunk)) for number, chunk in enumerate(chunks)]
    listed = b"".join(struct.pack("<QQ", *place) for place in places) if index is None else index
    document = shard_document(**changes)
    kept = {name: content for name, content in store().items() if not name.startswith(B03)}
    return zipped_store(kept | {f"{B03}/zarr.json": _text(document), f"{B03}/c/0/0": b"".join(chunks) + listed})


def shard_document(**changes: Any) -> dict[str, Any]:
    """A `zarr.json` of version 3 with one shard, whose configuration may be changed."""
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    shards = {"chunk_shape": [_SIDE, _SIDE], "codecs": [little], "index_codecs": [little]} | changes
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(_SHAPE),
        "data_type": "uint16",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2 * _SIDE, 2 * _SIDE]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": [{"name": "sharding_indexed", "configuration": shards}],
        "attributes": _PLACE | _NUMBERS,
    }


def index_of(start: int, length: int) -> bytes:
    """A list of four chunks of the same place."""
    return struct.pack("<QQ", start, length) * 4


def array_document() -> dict[str, Any]:
    """A `.zarray` of version 2."""
    return {
        "zarr_format": 2,
        "shape": list(_SHAPE),
        "chunks": [_SIDE, _SIDE],
        "dtype": "<u2",
        "compressor": {"id": "blosc", "cname": "zstd", "clevel": 1, "shuffle": 1, "blocksize": 0},
        "fill_value": 0,
        "order": "C",
        "filters": None,
    }


def _chunks(values: np.ndarray) -> dict[str, np.ndarray]:
    padded = np.zeros([-(-length // _SIDE) * _SIDE for length in values.shape], values.dtype)
    padded[: values.shape[0], : values.shape[1]] = values
    return {
        f"{row}.{col}": np.ascontiguousarray(padded[row * _SIDE :, col * _SIDE :][:_SIDE, :_SIDE])
        for row in range(padded.shape[0] // _SIDE)
        for col in range(padded.shape[1] // _SIDE)
    }


def _text(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode()


def _wrong_types() -> bytes:
    """A product in whose metadata nothing is of the type that it should be."""
    told = {"proj:transform": {"a": 1}, "proj:epsg": [32632], "proj:shape": "40x48", "scale_factor": "0.0001"}
    told |= {"add_offset": True, "_eopf_attrs": [], "_FillValue": {}}
    root = {"stac_discovery": {"id": 5, "properties": [{"platform": {}}]}}
    root |= {"other_metadata": [1, {"horizontal_CRS_code": {}}]}
    return zipped_store(store(attributes=told) | {".zattrs": _text(root)})


def _bad_mask() -> bytes:
    """A product whose cloud mask is refused, which is no reason to refuse its bands."""
    mask = "conditions/mask/l1c_classification/r60m/b00"
    return zipped_store(store() | {f"{mask}/.zarray": _text(array_document() | {"compressor": {"id": "pickle"}})})


def _without_chunks() -> bytes:
    return zipped_store({name: content for name, content in store().items() if "/.z" in f"/{name}"})


def _changed(**array: Any) -> Callable[[], bytes]:
    return lambda: zipped_store(store(array))


def _told(**attributes: Any) -> Callable[[], bytes]:
    return lambda: zipped_store(store(attributes={key.replace("__", ":"): value for key, value in attributes.items()}))


@dataclass(frozen=True)
class Hostile:
    """How a store is made and answered."""

    words: str | None
    """What the refusal says, as a pattern; None where it is read."""
    make: Callable[[], bytes]
    note: str | None = None
    """What a note says, where one is due."""


_DAMAGED = "r10m/b03 is damaged: it cannot be unpacked"
_PARTLY = "r10m/b03 is damaged: not all of it is there"
_KIND = "r10m/b03 holds numbers of a kind that is not read here"
_PACKED = "r10m/b03 is packed by"
_NO_JSON = "b03/.zattrs is damaged: it is not well-formed JSON"

STORES: dict[str, Hostile] = {
    "ctl_eopf.zarr.zip": Hostile(None, lambda: zipped_store(store())),
    "ctl_shards.zarr.zip": Hostile(None, sharded),
    # sizes
    "shape_1e9.zarr.zip": Hostile("declares .* chunks; at most", _changed(shape=[10**9, 10**9])),
    "shape_1e9_whole.zarr.zip": Hostile(
        "declares 1,000,000,000 rows or columns", _changed(shape=[10**9, 10**9], chunks=[10**9, 10**9])
    ),
    "shape_1e299.zarr.zip": Hostile("no picture of rows", _changed(shape=[1e299, 1e299])),
    "chunks_1e9.zarr.zip": Hostile("bytes in one block", _changed(chunks=[10**9, 10**9])),
    "chunks_of_1px.zarr.zip": Hostile("120,560,400 chunks; at most", _changed(shape=[10_980] * 2, chunks=[1, 1])),
    "shape_negative.zarr.zip": Hostile("no picture of rows and columns by its shape", _changed(shape=[-1, 48])),
    "shape_nan.zarr.zip": Hostile("no picture of rows", _changed(shape=[float("nan"), 48])),
    "shape_words.zarr.zip": Hostile("no picture of rows", _changed(shape=["40", "48"])),
    "shape_9d.zarr.zip": Hostile("no picture of rows", _changed(shape=[1] * 9, chunks=[1] * 9)),
    "shape_4000.zarr.zip": Hostile(None, _changed(shape=[4_000, 48])),
    "no_chunks.zarr.zip": Hostile("fewer than 2 pixels with data", _without_chunks),
    "mostly_nothing.zarr.zip": Hostile("declares 800,000,000 bytes of pixels but holds only", mostly_nothing),
    # what chunks are packed by
    "dtype_object.zarr.zip": Hostile(_KIND, _changed(dtype="|O", filters=[{"id": "pickle"}])),
    "dtype_structured.zarr.zip": Hostile(_KIND, _changed(dtype=[["a", "<u2"], ["b", "<u2"]])),
    "filters_pickle.zarr.zip": Hostile(r"packed by filters.*\(pickle\)", _changed(filters=[{"id": "pickle"}])),
    "compressor_pickle.zarr.zip": Hostile("is packed by pickle", lambda: with_chunk(pickled(), {"id": "pickle"})),
    "compressor_list.zarr.zip": Hostile("is packed by something else", _changed(compressor={"id": [1]})),
    "codec_pickle.zarr.zip": Hostile(
        r"not read here \(numcodecs.pickle\)", lambda: sharded(codecs=[{"name": "numcodecs.pickle"}])
    ),
    "codecs_5.zarr.zip": Hostile("packed in a way that is not read here", lambda: sharded(codecs=5)),
    "index_pickle.zarr.zip": Hostile("lists its chunks in a way", lambda: sharded(index_codecs=[{"name": "pickle"}])),
    "fill_list.zarr.zip": Hostile("states a fill value", _changed(fill_value=[0])),
    "fill_infinite.zarr.zip": Hostile("states a fill value", _changed(fill_value=float("inf"))),
    "fill_70000.zarr.zip": Hostile("states a fill value", _changed(fill_value=70_000)),
    "order_x.zarr.zip": Hostile("in an unknown order", _changed(order="X")),
    "separator_up.zarr.zip": Hostile("names its chunks in an unknown way", _changed(dimension_separator="/../")),
    # chunks that lie
    "blosc_unpacks_to_2e31.zarr.zip": Hostile(_DAMAGED, lambda: with_chunk(blosc_header(unpacked=2**31 - 1))),
    "blosc_unpacks_to_less.zarr.zip": Hostile(_DAMAGED, lambda: with_chunk(blosc_header(unpacked=100))),
    "blosc_packed_2e31.zarr.zip": Hostile(_DAMAGED, lambda: with_chunk(blosc_header(packed=2**31 - 1))),
    "chunk_empty.zarr.zip": Hostile(_DAMAGED, lambda: with_chunk(b"")),
    "chunk_noise.zarr.zip": Hostile(_DAMAGED, lambda: with_chunk(np.random.default_rng(0).bytes(900))),
    "chunk_too_long.zarr.zip": Hostile("bytes in a chunk that declares 1,152", lambda: with_chunk(bytes(10_000_000))),
    "zlib_bomb.zarr.zip": Hostile(_DAMAGED, lambda: with_chunk(zlib_bomb(), {"id": "zlib"})),
    "zstd_bomb.zarr.zip": Hostile(_DAMAGED, lambda: with_chunk(zstd_bomb(states_size=True), {"id": "zstd"})),
    "zstd_bomb_unsaid.zarr.zip": Hostile(_DAMAGED, lambda: with_chunk(zstd_bomb(states_size=False), {"id": "zstd"})),
    "lz4_negative.zarr.zip": Hostile(_DAMAGED, lambda: with_chunk(b"\xff" * 40, {"id": "lz4"})),
    # shards that lie
    "shard_beyond.zarr.zip": Hostile(_PARTLY, lambda: sharded(index_of(2**40, 1_152))),
    "shard_2e63.zarr.zip": Hostile("bytes in a chunk that declares", lambda: sharded(index_of(0, 2**63))),
    "shard_wraps.zarr.zip": Hostile(_PARTLY, lambda: sharded(index_of(2**64 - 100, 1_152))),
    "shard_cut.zarr.zip": Hostile(_PARTLY, lambda: sharded(index_of(5_000, 1_152))),
    "shard_of_0.zarr.zip": Hostile("no picture of rows and columns", lambda: sharded(chunk_shape=[0, 0])),
    "shard_of_7.zarr.zip": Hostile("do not hold whole chunks", lambda: sharded(chunk_shape=[7, 7])),
    "shard_in_shard.zarr.zip": Hostile(
        "packed in a way that is not read here", lambda: sharded(codecs=[{"name": "sharding_indexed"}])
    ),
    # JSON
    "json_deep.zarr.zip": Hostile(_NO_JSON, lambda: with_metadata(b'{"a":' * 200_000)),
    "json_large.zarr.zip": Hostile(None, lambda: with_metadata(b'{"a":[' + b"[]," * 2_000_000 + b"0]}", ".zattrs")),
    "json_too_large.zarr.zip": Hostile("has 11,000,000 bytes", lambda: with_metadata(b" " * 11_000_000, ".zattrs")),
    "json_list.zarr.zip": Hostile("it holds no JSON object", lambda: with_metadata(b"[1, 2]")),
    "json_utf16.zarr.zip": Hostile(_NO_JSON, lambda: with_metadata("{}".encode("utf-16"))),
    "json_digits.zarr.zip": Hostile(_NO_JSON, lambda: with_metadata(b'{"proj:epsg": 1' + b"0" * 5_000 + b"}")),
    "told_fill_70000.zarr.zip": Hostile(None, _told(_FillValue=70_000, fill_value=-1)),
    "mask_pickle.zarr.zip": Hostile(None, _bad_mask, "mask is not used: l1c_classification_b00 is packed by pickle"),
    "json_types.zarr.zip": Hostile(None, _wrong_types),
    "json_nan.zarr.zip": Hostile(None, _told(scale_factor=float("nan"), proj__transform=[float("nan")] * 6)),
    # places
    "place_lat_500.zarr.zip": Hostile(
        "lie nowhere on the Earth", _told(proj__epsg=4326, proj__transform=[1e-4, 0, 12, 0, -1e-4, 500])
    ),
    "place_1e290.zarr.zip": Hostile(
        "lie nowhere on the Earth", _told(proj__transform=[1e290, 0, 1e290, 0, -1e290, 1e290])
    ),
    "place_of_a_file.zarr.zip": Hostile(
        None,
        _told(proj__epsg=None, proj__wkt2='GEOGCS["a",EXTENSION["PROJ4","+proj=longlat +nadgrids=/etc/passwd"]]'),
    ),
    # the zip
    "slip.zarr.zip": Hostile("leads outside the folder", lambda: zipped_store(store() | {f"{B03}/../../x": b"x"})),
    "symlink.zarr.zip": Hostile(
        "is a link to somewhere else", lambda: zipped_store(store() | {f"{B03}/0.0": b"/etc/passwd"}, link=f"{B03}/0.0")
    ),
    "html_names.zarr.zip": Hostile(None, lambda: zipped_store(store(), "<img src=x onerror=hacked=1>.zarr")),
    "cut_half.zarr.zip": Hostile("is cut short", lambda: zipped_store(store())[:2_000]),
}
"""By name."""
