"""Makes what a catalogue must not hurt by: items whose JSON lies, and files on servers that are no good COGs."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import from_origin
from stac_server import item

LEFT, TOP, SIDE = 300_000, 5_500_020, 96
ID = "S2A_T33UUU_20240730T101031_L2A"
TEN_METRES = from_origin(LEFT, TOP, 10, 10)
SECRET = "hunter2"

Item = dict[str, Any]


def good_item(address: str) -> Item:
    """An item whose red band is a file at an address."""
    return item(ID, "2024-07-30", 0.5, {"red": address})


def changed(where: str, value: object) -> Callable[[Item], Item]:
    """A change of one value of an item; `where` has its keys with `/` between them."""

    def change(one: Item) -> Item:
        *above, last = where.split("/")
        place: Any = one
        for key in above:
            place = place[int(key)] if isinstance(place, list) else place[key]
        place[last] = value
        return one

    return change


def _deep(levels: int) -> Any:
    found: Any = []
    for _ in range(levels):
        found = [found]
    return found


UNKNOWN = "form that is not known"
NO_SCENE = "no scene"
NO_BAND = "has no band B04"
FINE = ""
ITEMS: Mapping[str, tuple[Callable[[Item], Any], str]] = {
    "a number": (lambda one: 7, UNKNOWN),
    "nothing": (lambda one: None, UNKNOWN),
    "a text": (lambda one: "item", UNKNOWN),
    "no properties": (changed("properties", None), UNKNOWN),
    "properties a list": (changed("properties", [1]), UNKNOWN),
    "no day": (changed("properties/datetime", None), UNKNOWN),
    "a day that is none": (changed("properties/datetime", "2024-13-45T00:00:00Z"), UNKNOWN),
    "a day in other digits": (changed("properties/datetime", "٢٠٢٤-٠٧-٣٠T00:00:00Z"), UNKNOWN),
    "a day in a list": (changed("properties/datetime", ["2024-07-30"]), UNKNOWN),
    "clouds not a number": (changed("properties/eo:cloud_cover", float("nan")), FINE),
    "clouds a truth": (changed("properties/eo:cloud_cover", True), FINE),
    "clouds without end": (changed("properties/eo:cloud_cover", 10**400), FINE),
    "a name of escapes": (changed("id", "\x1b[2J\u202e"), UNKNOWN),
    "a name without end": (changed("id", "S" * 100_000), UNKNOWN),
    "a name of folders": (changed("id", "../../etc/passwd"), NO_SCENE),
    "assets a list": (changed("assets", []), UNKNOWN),
    "an asset a text": (changed("assets/red", "https://x/"), UNKNOWN),
    "an address a number": (changed("assets/red/href", 8), NO_BAND),
    "an address with lines": (changed("assets/red/href", "https://x/\r\nHost: y"), NO_BAND),
    "an address without end": (changed("assets/red/href", "https://x/" + "a" * 100_000), NO_BAND),
    "scale not a number": (changed("assets/red/raster:bands/0/scale", float("nan")), UNKNOWN),
    "scale without end": (changed("assets/red/raster:bands/0/scale", 10**400), UNKNOWN),
    "scale below zero": (changed("assets/red/raster:bands/0/scale", -1), UNKNOWN),
    "offset without end": (changed("assets/red/raster:bands/0/offset", float("inf")), UNKNOWN),
    "bands an object": (changed("assets/red/raster:bands", {"scale": 1}), UNKNOWN),
    "a corner not a number": (changed("geometry/coordinates", [[[float("nan"), 0]]]), FINE),
    "a corner without end": (changed("geometry/coordinates", [[[10**400, 0]]]), UNKNOWN),
    "a corner of nothing": (changed("geometry/coordinates", [[[]]]), UNKNOWN),
    "far too many corners": (changed("geometry/coordinates", [[[12.0, 48.0]] * 100_000]), FINE),
    "a geometry a text": (changed("geometry", "POINT (1 1)"), UNKNOWN),
    "deep within itself": (changed("geometry/coordinates", _deep(400)), UNKNOWN),
    "far deeper": (lambda one: RAW_DEEP, "not one of a STAC API"),
}
"""A change of a good item, and what is then said; nothing where it may be looked at all the same."""

RAW_DEEP = object()
"""Stands for JSON that no writer of JSON makes."""

ADDRESSES: Mapping[str, str] = {
    "file:///etc/passwd": "none of a server",
    "/etc/passwd": "none of a server",
    "/vsicurl/https://evil.example/a.tif": "none of a server",
    "s3://bucket/B04.tif": "none of a server",
    "gopher://evil.example/a": "none of a server",
    "https://evil.example/B04.tif": "evil.example is not asked",
    "https://169.254.169.254/latest/meta-data": "169.254.169.254 is not asked",
    "https://[::ffff:169.254.169.254]/latest": "169.254.169.254 is not asked|is not asked",
    "https://2130706433/": "2130706433 is not asked",
    "https://0x7f.1/": "0x7f.1 is not asked",
    "https://localhost/": "localhost is not asked",
    f"https://me:{SECRET}@files.example/B04.tif": "none of a server",
    f"https://evil.example/B04.tif?sig={SECRET}": "evil.example is not asked",
    "https://files.example@evil.example/B04.tif": "none of a server",
    "https://files.example\\@evil.example/B04.tif": "none of a server|is not asked",
    "https://evil.example#files.example/B04.tif": "evil.example is not asked",
    "https://files.example:99999/B04.tif": "none of a server",
    "https:///B04.tif": "none of a server",
    "HTTPS://ＥVIL.example/B04.tif": "none of a server",
}
"""Addresses of an asset, none of which may be asked, and what is said."""


def good_cog(path: Path, **how: Any) -> bytes:
    """A band of 96 x 96 pixels in blocks of 32."""
    values = np.random.default_rng(3).integers(1_000, 9_000, (SIDE, SIDE)).astype("uint16")
    profile = {"tiled": True, "blockxsize": 32, "blockysize": 32, "compress": "deflate", "nodata": 0}
    profile |= {"crs": "EPSG:32633", "transform": TEN_METRES, "dtype": "uint16", "count": 1}
    with rasterio.open(path, "w", driver="GTiff", height=SIDE, width=SIDE, **(profile | how)) as made:
        made.write(np.broadcast_to(values.astype(made.dtypes[0]), (made.count, SIDE, SIDE)))
    return path.read_bytes()


_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 12: 8, 16: 8}
WIDTH, HEIGHT, PACKING, TILE_WIDTH, TILE_HEIGHT, OFFSETS, COUNTS = 256, 257, 259, 322, 323, 324, 325
PIXEL_SCALE = 33550


def entries(content: bytes) -> dict[int, tuple[int, int, int]]:
    """Where the first directory of a little-endian TIFF has each tag's entry, its values, and how many (TIFF 6.0)."""
    start = struct.unpack_from("<I", content, 4)[0]
    found = {}
    for at in range(start + 2, start + 2 + 12 * struct.unpack_from("<H", content, start)[0], 12):
        tag, kind, count = struct.unpack_from("<HHI", content, at)
        is_inside = _TYPE_BYTES[kind] * count <= 4
        found[tag] = (at, at + 8 if is_inside else struct.unpack_from("<I", content, at + 8)[0], count)
    return found


def with_value(content: bytes, tag: int, value: int, which: int = 0, form: str = "<I") -> bytes:
    """The file with one value of a tag replaced."""
    changed = bytearray(content)
    struct.pack_into(form, changed, entries(content)[tag][1] + which * struct.calcsize(form), value)
    return bytes(changed)


def with_count(content: bytes, tag: int, count: int) -> bytes:
    """The file with a tag that says it has another number of values."""
    changed = bytearray(content)
    struct.pack_into("<I", changed, entries(content)[tag][0] + 4, count)
    return bytes(changed)


def with_overlap(content: bytes) -> bytes:
    """All blocks where the first one lies."""
    first = struct.unpack_from("<I", content, entries(content)[OFFSETS][1])[0]
    for which in range(9):
        content = with_value(content, OFFSETS, first, which)
    return content


def bomb(folder: Path) -> bytes:
    """A kilobyte that says it is a tile's band of 200,000 by 200,000 pixels, of which none is stored."""
    path = folder / "bomb.tif"
    profile = {"tiled": True, "blockxsize": 16_384, "blockysize": 16_384, "SPARSE_OK": True, "BIGTIFF": "NO"}
    place = {"crs": "EPSG:32633", "transform": TEN_METRES, "dtype": "uint16", "count": 1}
    with rasterio.open(path, "w", driver="GTiff", height=32_768, width=32_768, **profile, **place):
        pass
    return path.read_bytes()


DAMAGED, LARGE, UNLIKE = "is damaged", "larger parts", "not stored as those of Sentinel-2"
EITHER = ""
COGS: Mapping[str, tuple[Callable[[Path], bytes], str]] = {
    "nothing": (lambda folder: b"", "cannot be read"),
    "a text": (lambda folder: b"<html>Not here</html>", DAMAGED),
    "a VRT": (lambda folder: b'<VRTDataset rasterXSize="1" rasterYSize="1"/>', DAMAGED),
    "cut in its head": (lambda folder: good_cog(folder / "a.tif")[:100], DAMAGED),
    "cut in its blocks": (lambda folder: good_cog(folder / "a.tif")[:-9_000], DAMAGED),
    "a block that is none": (lambda folder: _scribbled(good_cog(folder / "a.tif")), DAMAGED),
    "blocks that overlap": (lambda folder: with_overlap(good_cog(folder / "a.tif")), EITHER),
    "a block beyond the end": (lambda folder: with_value(good_cog(folder / "a.tif"), OFFSETS, 2**32 - 9), DAMAGED),
    "a block of 4 GB": (lambda folder: with_value(good_cog(folder / "a.tif"), COUNTS, 2**32 - 1), EITHER),
    "a list of blocks without end": (lambda folder: with_count(good_cog(folder / "a.tif"), OFFSETS, 2**32 - 1), EITHER),
    "wider than it is": (lambda folder: with_value(good_cog(folder / "a.tif"), WIDTH, 60_000, form="<H"), EITHER),
    "blocks of 60,000 pixels": (lambda folder: _huge_blocks(good_cog(folder / "a.tif")), f"{LARGE}|{DAMAGED}"),
    "a gigapixel of nothing": (bomb, LARGE),
    "pixels not a number": (
        lambda folder: with_value(good_cog(folder / "a.tif"), PIXEL_SCALE, 0x7FF8 << 48, form="<Q"),
        f"{UNLIKE}|{DAMAGED}",
    ),
    "packed as a photo": (lambda folder: good_cog(folder / "a.tif", dtype="uint8", compress="jpeg"), "packed by jpeg"),
    "packed by LERC": (lambda folder: good_cog(folder / "a.tif", compress="lerc"), "packed by lerc"),
    "fractions": (lambda folder: good_cog(folder / "a.tif", dtype="float32"), UNLIKE),
    "several bands": (lambda folder: good_cog(folder / "a.tif", count=3), UNLIKE),
    "no place": (lambda folder: good_cog(folder / "a.tif", crs=None), UNLIKE),
    "degrees": (lambda folder: good_cog(folder / "a.tif", crs="EPSG:4326"), UNLIKE),
    "turned": (lambda folder: good_cog(folder / "a.tif", transform=TEN_METRES @ TEN_METRES.rotation(30)), UNLIKE),
    "a system of another planet": (lambda folder: good_cog(folder / "a.tif", crs=_MARS), f"{UNLIKE}|outside"),
}
"""A file in the place of a band, and what is said of it; nothing where it may be read all the same."""

_MARS = (
    'PROJCS["Mars",GEOGCS["Mars",DATUM["Mars",SPHEROID["Mars",3396190,169.89]],PRIMEM["0",0],'
    'UNIT["degree",0.0174532925]],PROJECTION["Transverse_Mercator"],PARAMETER["central_meridian",15],'
    'PARAMETER["scale_factor",0.9996],PARAMETER["false_easting",500000],UNIT["metre",1]]'
)


def _scribbled(content: bytes) -> bytes:
    changed = bytearray(content)
    offset = struct.unpack_from("<I", content, entries(content)[OFFSETS][1])[0]
    changed[offset : offset + 200] = b"\xff" * 200
    return bytes(changed)


def _huge_blocks(content: bytes) -> bytes:
    return with_value(with_value(content, TILE_WIDTH, 60_000, form="<H"), TILE_HEIGHT, 60_000, form="<H")


def page_of(value: object) -> bytes:
    """A page of a search with one item, as text; Python's own NaN and infinity stay."""
    text = json.dumps({"type": "FeatureCollection", "features": ["@" if value is RAW_DEEP else value], "links": []})
    return text.replace('"@"', "[" * 200_000 + "]" * 200_000).encode()
