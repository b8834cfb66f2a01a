"""Makes the files that must not hurt: what a stranger could upload to read, crash, fill or deceive the server.

One of each kind that is known, with the answer that is due. Each maker gives a file's bytes.
"""

from __future__ import annotations

import io
import json
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from embeddings import packed, spoilt, tile_files
from hostile_zarr import STORES
from PIL import Image
from products import write_safe, zip_folder
from rasterio.errors import NotGeoreferencedWarning
from scenes import DEGREES, UTM, UTM_10M, land_cover, write_raster, write_scene

from s2dash.core.sentinel2 import BANDS

WORKS, WARNS, REFUSED = "works", "works, warns", "clear error"
EITHER = "works, warns or clear error"

PORT = 18_077
"""Of this machine, which files that would make the reader call somebody name."""
BAIT = "/tmp/PWNED"
"""How the paths begin that files would write to."""
_SMALL = (40, 48)
_SAFE = "S2B_MSIL2A_20250601T101031_N0511_R022_T32TQM_20250601T133000.SAFE"
_INNER = f"{_SAFE}/GRANULE/L2A_T32TQM_A043000_20250601T101029/IMG_DATA"
_B02 = f"{_INNER}/R10m/T32TQM_20250601T101031_B02_10m.jp2"
_LINK = 0o120777 << 16


def raw_vrt(path: str) -> bytes:
    """A VRT whose one band is the bytes of another file."""
    return (
        '<VRTDataset rasterXSize="64" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1" '
        f'subClass="VRTRawRasterBand"><SourceFilename relativetoVRT="0">{path}</SourceFilename><ImageOffset>0'
        "</ImageOffset><PixelOffset>1</PixelOffset><LineOffset>64</LineOffset></VRTRasterBand></VRTDataset>"
    ).encode()


def calling_vrt() -> bytes:
    """A VRT that makes its reader fetch an address."""
    return (
        '<VRTDataset rasterXSize="48" rasterYSize="48"><VRTRasterBand dataType="UInt16" band="1"><SimpleSource>'
        f'<SourceFilename relativeToVRT="0">/vsicurl/http://127.0.0.1:{PORT}/leak.tif</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    ).encode()


def entity_bomb() -> bytes:
    """XML that grows a billionfold when its entities are put in."""
    entities = '<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefghi", "bcdefghij", strict=True)
    )
    return (
        f'<?xml version="1.0"?><!DOCTYPE l [{entities}]><VRTDataset rasterXSize="8" rasterYSize="8">'
        '<Metadata><MDI key="x">&j;</MDI></Metadata></VRTDataset>'
    ).encode()


# --------------------------------------------------------------------------------------------- good files to spoil


@dataclass
class Goods:
    """Good files, which makers spoil; each is written once, in `folder`."""

    folder: Path

    def raster(self, values: np.ndarray, **how: Any) -> bytes:
        """The bytes of a GeoTIFF with values of shape (bands, rows, cols)."""
        return write_raster(self.folder / "made.tif", values, **how).read_bytes()

    def scene(self, **how: Any) -> bytes:
        """The bytes of a GeoTIFF with land cover in the mission's bands."""
        return write_scene(self.folder / "made.tif", _SMALL, tuple(BANDS), **how).read_bytes()

    @cached_property
    def tiff(self) -> bytes:
        return self.scene(compress="deflate")

    def jp2(self, **how: str) -> bytes:
        """The bytes of a lossless JPEG 2000 of one band, 96 x 96 pixels."""
        path = self.folder / "made.jp2"
        profile = {"height": 96, "width": 96, "count": 1, "dtype": "uint16", "crs": UTM, "transform": UTM_10M}
        lossless = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"}
        with rasterio.Env(GDAL_PAM_ENABLED="NO"), rasterio.open(path, "w", **profile, **lossless, **how) as dataset:
            dataset.write(land_cover((96, 96), ("B08",)).astype("uint16"))
        return path.read_bytes()

    def with_overviews(self) -> bytes:
        """The bytes of a GeoTIFF with overviews inside."""
        path = self.folder / "made.tif"
        path.write_bytes(self.tiff)
        with rasterio.open(path, "r+") as dataset:
            dataset.build_overviews([2, 4])
        return path.read_bytes()

    @cached_property
    def tiled_jp2(self) -> bytes:
        return self.jp2(BLOCKXSIZE="32", BLOCKYSIZE="32")

    def with_tags(self, namespace: str, **tags: str) -> bytes:
        """The bytes of a genuine GeoTIFF with metadata that point elsewhere."""
        path = self.folder / "made.tif"
        path.write_bytes(self.tiff)
        with rasterio.open(path, "r+") as dataset:
            dataset.update_tags(ns=namespace, **tags)
        return path.read_bytes()

    @cached_property
    def product(self) -> dict[str, bytes]:
        """The files of a small Level-2A product, by their names in its zip."""
        path = self.folder / "product.zip"
        zip_folder(write_safe(self.folder, size_m=480, all_sizes=False, with_extras=False), path)
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    @property
    def metadata_name(self) -> str:
        return f"{_SAFE}/MTD_MSIL2A.xml"

    def metadata(self, before: str, after: str) -> dict[str, bytes]:
        """The product with one text of its metadata replaced by another."""
        text = self.product[self.metadata_name].decode()
        assert before in text
        return self.product | {self.metadata_name: text.replace(before, after).encode()}


def zipped(entries: Mapping[str, bytes], links: Sequence[str] = ()) -> bytes:
    """The bytes of a zip; those of `links` are symbolic links."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = _LINK if name in links else 0o100644 << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def encrypted(archive: bytes) -> bytes:
    """A zip whose members all say that they are encrypted."""
    out = bytearray(archive)
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = out.find(mark)
        while at >= 0:
            out[at + place] |= 1
            at = out.find(mark, at + 4)
    return bytes(out)


def lying_size() -> bytes:
    """A zip that promises 10 bytes of what grows to 30 MB."""
    archive = bytearray(zipped({"a.bin": bytes(30_000_000)}))
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = archive.index(mark)
        archive[at + place : at + place + 4] = struct.pack("<I", 10)
    return bytes(archive)


# --------------------------------------------------------------------------------------------------- TIFF by hand

_SHORT, _LONG, _DOUBLE, _LONG8 = 3, 4, 12, 16
_TYPES = {_SHORT: "H", _LONG: "I", _DOUBLE: "d", _LONG8: "Q"}
_KEYS = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32632)
"""GeoTIFF's keys: UTM zone 32 north."""


def tiff(pixels: bytes | None = None, *, is_big: bool = False, **tags: tuple[int, Sequence[float]] | None) -> bytes:
    """A TIFF of 16 x 16 pixels of one byte in one strip, with some entries given otherwise, or None to leave out.

    `tags` are named `t256` and so on, each a type with values; those that need a place get one.
    """
    noise = np.random.default_rng(5).integers(1, 200, 256, dtype=np.uint8).tobytes()
    pixels = noise if pixels is None else pixels
    head = 16 if is_big else 8
    entries: dict[int, tuple[int, Sequence[float]]] = {
        256: (_LONG, [16]),
        257: (_LONG, [16]),
        258: (_SHORT, [8]),
        259: (_SHORT, [1]),
        262: (_SHORT, [1]),
        273: (_LONG, [head]),
        277: (_SHORT, [1]),
        278: (_LONG, [16]),
        279: (_LONG, [len(pixels)]),
        33550: (_DOUBLE, [10, 10, 0]),
        33922: (_DOUBLE, [0, 0, 0, 600_000, 5_100_000, 0]),
        34735: (_SHORT, _KEYS),
    }
    for name, given in tags.items():
        entries.pop(int(name[1:]), None)
        if given is not None:
            entries[int(name[1:])] = given
    return _tiff_bytes(pixels, entries, is_big)


def _tiff_bytes(pixels: bytes, entries: Mapping[int, tuple[int, Sequence[float]]], is_big: bool) -> bytes:
    word, room = ("Q", 8) if is_big else ("I", 4)
    pixels += bytes(-len(pixels) % 8)
    start = (16 if is_big else 8) + len(pixels)
    directory_bytes = (8 if is_big else 2) + len(entries) * (20 if is_big else 12) + room
    values_at = start + directory_bytes
    head = struct.pack("<2sHHHQ", b"II", 43, 8, 0, start) if is_big else struct.pack("<2sHI", b"II", 42, start)
    directory, values = struct.pack("<Q" if is_big else "<H", len(entries)), b""
    for tag, (kind, numbers) in sorted(entries.items()):
        packed = struct.pack(f"<{len(numbers)}{_TYPES[kind]}", *numbers)
        held = packed.ljust(room, b"\0") if len(packed) <= room else struct.pack(f"<{word}", values_at + len(values))
        values += packed if len(packed) > room else b""
        directory += struct.pack(f"<HH{word}", tag, kind, len(numbers)) + held
    return head + pixels + directory + bytes(room) + values


def with_tag_count(content: bytes, tag: int, count: int) -> bytes:
    """A big TIFF whose entry of this tag claims so many values."""
    at = content.index(struct.pack("<HH", tag, _SHORT)) + 4
    return content[:at] + struct.pack("<Q", count) + content[at + 8 :]


def chained_directories(count: int) -> bytes:
    """A TIFF with so many pages, each one pixel."""
    entry = struct.Struct("<HHII")
    tags = ((256, 1), (257, 1), (258, 8), (262, 1), (273, 8), (277, 1), (278, 1), (279, 1))
    size = 2 + 12 * len(tags) + 4
    body = struct.pack("<H", len(tags)) + b"".join(entry.pack(tag, _LONG, 1, value) for tag, value in tags)
    pages = (body + struct.pack("<I", 16 + (n + 1) * size if n + 1 < count else 0) for n in range(count))
    return struct.pack("<2sHI", b"II", 42, 16) + bytes(8) + b"".join(pages)


def one_tile_many_times() -> bytes:
    """100,000 x 100,000 x 13 pixels of which each tile is the same few bytes."""
    side, tile = 100_000, 4_000
    count = 13 * (side // tile) ** 2
    return tiff(
        b"\x78\x9c" + bytes(30),
        t256=(_LONG, [side]),
        t257=(_LONG, [side]),
        t258=(_SHORT, [16] * 13),
        t259=(_SHORT, [8]),
        t277=(_SHORT, [13]),
        t284=(_SHORT, [2]),
        t322=(_LONG, [tile]),
        t323=(_LONG, [tile]),
        t324=(_LONG, [8] * count),
        t325=(_LONG, [32] * count),
        t273=None,
        t278=None,
        t279=None,
    )


def one_huge_tile(side: int, picture: int) -> bytes:
    """A small picture in one tile that is declared huge."""
    tile = {"t322": (_LONG, [side]), "t323": (_LONG, [side]), "t324": (_LONG, [8]), "t325": (_LONG, [256])}
    size = {"t256": (_LONG, [picture]), "t257": (_LONG, [picture])}
    return tiff(**tile, **size, t273=None, t278=None, t279=None)


def flipped(content: bytes, seed: int, flips: int = 12) -> bytes:
    """The bytes with some bits turned over."""
    rng = np.random.default_rng(seed)
    out = np.frombuffer(content, np.uint8).copy()
    for place in rng.integers(8, len(out), flips):
        out[place] ^= 1 << rng.integers(8)
    return out.tobytes()


# ------------------------------------------------------------------------------------------------ JPEG 2000 by hand


def with_header_size(jp2: bytes, side: int) -> bytes:
    """A JPEG 2000 whose container says another size than its picture."""
    at = jp2.index(b"ihdr") + 4
    return jp2[:at] + struct.pack(">II", side, side) + jp2[at + 8 :]


def with_picture_size(jp2: bytes, side: int, tile: int) -> bytes:
    """A JPEG 2000 that declares another size and tiles, with nothing behind them."""
    at = jp2.index(b"\xff\x51") + 6
    return with_header_size(jp2[:at] + struct.pack(">8I", side, side, 0, 0, tile, tile, 0, 0) + jp2[at + 32 :], side)


def with_noise_for_picture(jp2: bytes) -> bytes:
    """A JPEG 2000 with noise in place of its code."""
    at = jp2.index(b"\xff\x51") + 45
    return jp2[:at] + np.random.default_rng(0).bytes(len(jp2) - at)


def with_overview_elsewhere(jp2: bytes) -> bytes:
    """A genuine JPEG 2000 with a box of GDAL's own metadata that names another file as its overview."""
    inner = raw_vrt("/etc/passwd").decode().replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    text = (
        '<GDALMultiDomainMetadata><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">'
        f"{inner}</MDI></Metadata></GDALMultiDomainMetadata>"
    ).encode()
    box = struct.pack(">I4s", 8 + len(text), b"xml ") + text
    at = jp2.index(b"jp2c") - 4
    return jp2[:at] + box + jp2[at:]


# ------------------------------------------------------------------------------------------------------ the table

CLASS_NAMES = "\n".join(
    (
        '<script>document.title="pwned"</script><img src=x onerror="document.title=\'pwned\'">',
        "`${document.title='pwned'}`{{hacked=1}}",
        "=1+1",
        "+cmd|' /C calc'!A0",
        "@SUM(1)",
        "-2+3",
        "\t=1",
        '"quoted",comma',
        "line\\nbreak",
        "\u202eRTL \u200bzero",
        "x" * 100_000,
        "\x00\x07\x1b[31mcontrol",
        "\U0001f30a\U0001f332",
        "![a](https://foreign.example/a.png) :red[red] $x$",
    )
)
"""One name of a class a line: markup, formulas, control characters, far too long, emoji."""

RECIPES: dict[str, bytes] = {
    "recipe_deep.json": b"[" * 100_000 + b"]" * 100_000,
    "recipe_evil.pkl": f"cos\nsystem\n(S'touch {BAIT}_BY_PICKLE'\ntR.".encode(),
    "recipe_k_1e9.json": json.dumps({"k": 1_000_000_000, "bands": [1, 2, 3], "n_init": 1_000_000}).encode(),
    "recipe_infinite.json": b'{"bands": ["B02"], "k": 1e999}',
}
"""Given as recipes; all are refused."""


@dataclass(frozen=True)
class Hostile:
    """How a file is made and answered."""

    expected: str
    make: Callable[[Goods], bytes]
    warning: str | None = None
    """What a note must be about, where one is due."""


def _pixels(dtype: str, shape: tuple[int, int] = _SMALL, count: int = 4) -> np.ndarray:
    names = tuple(BANDS)[:count]
    values = land_cover(shape, names)
    return (values / 60 if dtype in ("uint8", "int8") else values).astype(dtype)


def _infinite(goods: Goods) -> bytes:
    values = _pixels("float32") / 10_000
    values[0, 3, 4], values[1, 5, 6], values[2, 7, 8] = np.inf, -np.inf, 3e38
    return goods.raster(values)


def _holes(goods: Goods) -> bytes:
    values = _pixels("float32", count=13) / 10_000
    values[np.random.default_rng(0).random(values.shape) < 0.1] = np.nan
    return goods.raster(values, nodata=float("nan"), descriptions=tuple(BANDS))


def _one_valid(goods: Goods) -> bytes:
    values = np.zeros((4, *_SMALL), "uint16")
    values[:, 7, 9] = 1_000
    return goods.raster(values, nodata=0)


def _placeless(goods: Goods) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return goods.raster(_pixels("uint16"), crs=None)


def _picture(kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((16, 16, 3), 90, np.uint8)).save(out, kind)
    return out.getvalue()


def _slip(goods: Goods) -> bytes:
    outside = (
        "../" * 8 + f"tmp/{BAIT.rpartition('/')[2]}_BY_ZIPSLIP.txt",
        f"{BAIT}_ABS.txt",
        f"{_SAFE}/..\\..\\evil.txt",
    )
    return zipped(goods.product | dict.fromkeys(outside, b"x"))


def _linked_folder(goods: Goods) -> bytes:
    link = f"{_SAFE}/d"
    return zipped(goods.product | {link: b"/tmp", f"{link}/{BAIT.rpartition('/')[2]}_VIA_LINK.txt": b"x"}, [link])


def _with_sidecars(goods: Goods) -> bytes:
    beside = {
        f"{_B02}.ovr": raw_vrt("/etc/passwd"),
        f"{_B02}.msk": calling_vrt(),
        f"{_B02.replace('B02', 'B03')}.aux.xml": b"<PAMDataset><SRS>EPSG:4326</SRS></PAMDataset>",
    }
    return zipped(goods.product | beside)


def _without(goods: Goods, name: str) -> dict[str, bytes]:
    return {key: content for key, content in goods.product.items() if key != name}


FILES: dict[str, Hostile] = {
    # good ones, so that a door that refuses everything is not taken for a safe one
    "ctl_13band.tif": Hostile(WORKS, lambda goods: goods.tiff),
    "ctl_overviews.tif": Hostile(WORKS, lambda goods: goods.with_overviews()),
    "ctl_13band_float_nan.tif": Hostile(WORKS, _holes),
    "ctl_3band_4326.tif": Hostile(
        WORKS, lambda goods: goods.raster(_pixels("uint16", count=3), crs="EPSG:4326", transform=DEGREES)
    ),
    "ctl_int16_neg.tif": Hostile(WORKS, lambda goods: goods.raster(_pixels("int16") - 500)),
    "ctl_bigtiff_zstd.tif": Hostile(
        WORKS, lambda goods: goods.scene(BIGTIFF="YES", compress="zstd", predictor=2, blockxsize=16)
    ),
    "ctl_whole.jp2": Hostile(WORKS, lambda goods: goods.jp2()),
    "ctl_tiled.jp2": Hostile(WORKS, lambda goods: goods.tiled_jp2),
    "ctl_safe.zip": Hostile(WORKS, lambda goods: zipped(goods.product)),
    # numbers
    "px_1bit.tif": Hostile(
        WORKS, lambda goods: goods.raster((_pixels("uint16", count=1) > 1_500).astype("uint8"), nbits=1)
    ),
    "px_int8.tif": Hostile(WORKS, lambda goods: goods.raster(_pixels("int8"))),
    "px_embedding_beyond_codes.tif": Hostile(
        REFUSED,
        lambda goods: goods.raster(
            _pixels("int16", count=1).repeat(64, 0), descriptions=[f"A{n:02}" for n in range(64)]
        ),
    ),
    "px_tessera_whole_numbers.tif": Hostile(
        REFUSED,
        lambda goods: goods.raster(
            _pixels("int16", count=1).repeat(128, 0), descriptions=[f"Tessera_Band_{n}" for n in range(128)]
        ),
    ),
    "px_tessera_of_zeros.tif": Hostile(
        REFUSED,
        lambda goods: goods.raster(
            _pixels("float32", count=1).repeat(128, 0) * 0, descriptions=[f"Tessera_Band_{n}" for n in range(128)]
        ),
    ),
    "px_embedding_of_nan.tif": Hostile(
        REFUSED,
        lambda goods: goods.raster(
            _pixels("float32", count=1).repeat(64, 0) * np.nan, descriptions=[f"A{n:02}" for n in range(64)]
        ),
    ),
    "px_1xN.tif": Hostile(WORKS, lambda goods: goods.raster(_pixels("uint16", (1, 300)), tiled=False)),
    "px_1x1.tif": Hostile(REFUSED, lambda goods: goods.raster(_pixels("uint16", (1, 1)), tiled=False)),
    "px_all_nan.tif": Hostile(REFUSED, lambda goods: goods.raster(_pixels("float32") * np.nan)),
    "px_all_nodata.tif": Hostile(REFUSED, lambda goods: goods.raster(_pixels("uint16") * 0, nodata=0)),
    "px_one_valid.tif": Hostile(REFUSED, _one_valid),
    "px_inf.tif": Hostile(WARNS, _infinite, "infinite or too large"),
    "px_float64_1e303.tif": Hostile(
        WARNS, lambda goods: goods.raster(_pixels("float64") * 1e300), "far too large for reflectance"
    ),
    # far more than the file has
    "bomb_20000_ifds.tif": Hostile(REFUSED, lambda goods: chained_directories(20_000)),
    "bomb_bands_65535_1x1.tif": Hostile(
        REFUSED,
        lambda goods: tiff(
            bytes(65_535),
            t256=(_LONG, [1]),
            t257=(_LONG, [1]),
            t258=(_SHORT, [8] * 65_535),
            t277=(_SHORT, [65_535]),
            t278=(_LONG, [1]),
        ),
    ),
    "bomb_one_tile_many_times.tif": Hostile(REFUSED, lambda goods: one_tile_many_times()),
    "bomb_tile_0x7ffffff0.tif": Hostile(REFUSED, lambda goods: one_huge_tile(0x7FFFFFF0, 16)),
    "bomb_tile_65536_in_100.tif": Hostile(REFUSED, lambda goods: one_huge_tile(65_536, 100)),
    # another format under a picture's name
    "vrt_1e18_pixels.tif": Hostile(
        REFUSED,
        lambda goods: (
            b'<VRTDataset rasterXSize="1000000000" rasterYSize="1000000000">'
            b'<VRTRasterBand dataType="Float64" band="1"/></VRTDataset>'
        ),
    ),
    "vrt_billion_laughs.tif": Hostile(REFUSED, lambda goods: entity_bomb()),
    "vrt_raw_etc_passwd.tif": Hostile(REFUSED, lambda goods: raw_vrt("/etc/passwd")),
    "vrt_raw_proc_environ.jp2": Hostile(REFUSED, lambda goods: raw_vrt("/proc/self/environ")),
    "vrt_vsicurl.tif": Hostile(REFUSED, lambda goods: calling_vrt()),
    "envi_hdr.tif": Hostile(REFUSED, lambda goods: b"ENVI\nsamples = 4\nlines = 4\nbands = 1\n"),
    "hdf5.tif": Hostile(REFUSED, lambda goods: b"\x89HDF\r\n\x1a\n" + bytes(512)),
    "pdf.tif": Hostile(REFUSED, lambda goods: b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n"),
    "png_named.tif": Hostile(REFUSED, lambda goods: _picture("PNG")),
    "text_xyz.tif": Hostile(REFUSED, lambda goods: b"0 0 1\n1 0 2\n0 1 3\n1 1 4\n"),
    # places that are none
    "geo_1e308.tif": Hostile(REFUSED, lambda goods: tiff(t33550=(_DOUBLE, [1e308, 1e308, 0]))),
    "geo_nan_scale.tif": Hostile(REFUSED, lambda goods: tiff(t33550=(_DOUBLE, [float("nan")] * 3))),
    "geo_inf_origin.tif": Hostile(
        REFUSED, lambda goods: tiff(t33922=(_DOUBLE, [0, 0, 0, float("inf"), float("inf"), 0]))
    ),
    "geo_zero_scale.tif": Hostile(EITHER, lambda goods: tiff(t33550=(_DOUBLE, [0, 0, 0]))),
    "geo_4326_lat_500.tif": Hostile(
        REFUSED,
        lambda goods: goods.raster(_pixels("uint16"), crs="EPSG:4326", transform=Affine(1e-4, 0, 12, 0, -1e-4, 500)),
    ),
    "geo_geocentric_4978.tif": Hostile(REFUSED, lambda goods: goods.raster(_pixels("uint16"), crs="EPSG:4978")),
    "geo_corrupt_keys.tif": Hostile(
        WARNS, lambda goods: tiff(t34735=(_SHORT, [1, 1, 0, 60_000, *_KEYS[4:]])), r"damaged in part \(coordinates\)"
    ),
    "geo_nothing.tif": Hostile(WARNS, _placeless, "No place in this file"),
    # headers that lie
    "lie_bigtiff_directory_2e62.tif": Hostile(
        REFUSED, lambda goods: struct.pack("<2sHHHQ", b"II", 43, 8, 0, 2**62) + bytes(256)
    ),
    "lie_bps_255.tif": Hostile(REFUSED, lambda goods: tiff(t258=(_SHORT, [255]))),
    "lie_bytecount_huge.tif": Hostile(REFUSED, lambda goods: tiff(t279=(_LONG, [0xFFFFFFF0]), t259=(_SHORT, [8]))),
    "lie_deflate_garbage.tif": Hostile(REFUSED, lambda goods: tiff(t259=(_SHORT, [8]))),
    "lie_dims_7fffffff_x_1.tif": Hostile(
        REFUSED, lambda goods: tiff(t256=(_LONG, [0x7FFFFFFF]), t257=(_LONG, [1]), t278=(_LONG, [1]))
    ),
    "lie_dims_ffffffff.tif": Hostile(
        REFUSED, lambda goods: tiff(t256=(_LONG, [0xFFFFFFFF]), t257=(_LONG, [0xFFFFFFFF]))
    ),
    "lie_more_rows_than_data.tif": Hostile(REFUSED, lambda goods: tiff(t257=(_LONG, [5_000]), t278=(_LONG, [5_000]))),
    "lie_strip_beyond_eof.tif": Hostile(REFUSED, lambda goods: tiff(t273=(_LONG, [1_000_000]))),
    "lie_tag_count_2e60.tif": Hostile(
        WARNS, lambda goods: with_tag_count(tiff(is_big=True), 34735, 2**60), r"damaged in part \(coordinates\)"
    ),
    # JPEG 2000
    "jp2_tiles_of_1px.jp2": Hostile(REFUSED, lambda goods: with_picture_size(goods.jp2(), 100_000, 1)),
    "jp2_30000_in_one_tile.jp2": Hostile(REFUSED, lambda goods: with_picture_size(goods.jp2(), 30_000, 30_000)),
    "jp2_noise.jp2": Hostile(REFUSED, lambda goods: with_noise_for_picture(goods.jp2())),
    "jp2_two_sizes.jp2": Hostile(
        WARNS,
        lambda goods: with_header_size(goods.jp2(), 50_000),
        "contradicts itself: its header says 50,000 x 50,000",
    ),
    "jp2_overview_passwd.jp2": Hostile(REFUSED, lambda goods: with_overview_elsewhere(goods.jp2())),
    "jp2_cut_half.jp2": Hostile(REFUSED, lambda goods: goods.jp2()[: len(goods.jp2()) // 2]),
    "jp2_cut_in_header.jp2": Hostile(REFUSED, lambda goods: goods.jp2()[:60]),
    "jp2_tiled_cut_half.jp2": Hostile(REFUSED, lambda goods: goods.tiled_jp2[: len(goods.tiled_jp2) // 2]),
    "jp2_tiled_cut_99.jp2": Hostile(REFUSED, lambda goods: goods.tiled_jp2[: len(goods.tiled_jp2) * 99 // 100]),
    # texts
    "text_description_1MB.tif": Hostile(
        WARNS,
        lambda goods: goods.raster(_pixels("uint16", count=3), descriptions=("<b>" * 350_000, "B03", "B04")),
        "cut to 60 characters",
    ),
    "text_description_ctrl.tif": Hostile(
        WORKS,
        lambda goods: goods.raster(
            _pixels("uint16", count=3),
            descriptions=("<img src=x onerror=hacked=1>\x07\x1b[31m", "\u202eDROB\u200b", "`${hacked=1}`{{hacked=1}}"),
        ),
    ),
    # metadata that point elsewhere
    "md_geolocation_vsicurl.tif": Hostile(
        REFUSED,
        lambda goods: goods.with_tags(
            "GEOLOCATION",
            X_DATASET=f"/vsicurl/http://127.0.0.1:{PORT}/x.tif",
            Y_DATASET=f"/vsicurl/http://127.0.0.1:{PORT}/y.tif",
            X_BAND="1",
            Y_BAND="1",
            SRS="EPSG:4326",
        ),
    ),
    "md_overview_raw_passwd.tif": Hostile(
        REFUSED, lambda goods: goods.with_tags("OVERVIEWS", OVERVIEW_FILE=raw_vrt("/etc/passwd").decode())
    ),
    "md_overview_vsicurl.tif": Hostile(
        REFUSED, lambda goods: goods.with_tags("OVERVIEWS", OVERVIEW_FILE=f"/vsicurl/http://127.0.0.1:{PORT}/o.tif")
    ),
    # cuts and turned bits
    "cut_8_bytes.tif": Hostile(REFUSED, lambda goods: goods.tiff[:8]),
    "cut_99pct.tif": Hostile(EITHER, lambda goods: goods.tiff[: len(goods.tiff) * 99 // 100]),
    **{
        f"flipped_{seed}.tif": Hostile(EITHER, lambda goods, seed=seed: flipped(goods.tiff, seed))  # type: ignore[misc]
        for seed in range(4)
    },
    "flipped.jp2": Hostile(EITHER, lambda goods: flipped(goods.jp2(), 4)),
    # archives
    "zip_band_is_vrt.zip": Hostile(
        REFUSED, lambda goods: zipped(goods.product | {_B02.replace("B02", "B03"): raw_vrt("/etc/passwd")})
    ),
    "zip_encrypted.zip": Hostile(REFUSED, lambda goods: encrypted(zipped(goods.product))),
    "zip_lying_size.zip": Hostile(REFUSED, lambda goods: lying_size()),
    "zip_no_metadata.zip": Hostile(WARNS, lambda goods: zipped(_without(goods, goods.metadata_name)), "offset"),
    "zip_of_tif.zip": Hostile(EITHER, lambda goods: zipped({"scene.tif": goods.tiff})),
    "zip_sidecars.zip": Hostile(WORKS, _with_sidecars),
    "zip_slip.zip": Hostile(REFUSED, _slip),
    "zip_symlink.zip": Hostile(REFUSED, lambda goods: zipped(_without(goods, _B02) | {_B02: b"/etc/passwd"}, [_B02])),
    "zip_symlink_folder.zip": Hostile(REFUSED, _linked_folder),
    "zip_cut_half.zip": Hostile(REFUSED, lambda goods: zipped(goods.product)[: len(zipped(goods.product)) // 2]),
    "zip_two_granules.zip": Hostile(
        WARNS,
        lambda goods: zipped(goods.product | {_B02.replace("32TQM_", "32TQN_"): goods.product[_B02]}),
        "more than one tile",
    ),
    "zip_html_names.zip": Hostile(
        WORKS, lambda goods: zipped(goods.metadata(f">{_SAFE}<", "><![CDATA[<img src=x onerror=hacked=1>]]><"))
    ),
    "zip_xml_entity.zip": Hostile(
        REFUSED,
        lambda goods: zipped(
            goods.metadata(
                'standalone="no"?>',
                'standalone="no"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
            )
        ),
    ),
    # Zarr; `test_eopf_hostile.py` has the rest
    **{
        name: Hostile(expected, lambda goods, name=name: STORES[name].make())  # type: ignore[misc]
        for name, expected in {
            "ctl_eopf.zarr.zip": WORKS,
            "blosc_unpacks_to_2e31.zarr.zip": REFUSED,
            "blosc_packed_2e31.zarr.zip": REFUSED,
            "zlib_bomb.zarr.zip": REFUSED,
            "zstd_bomb_unsaid.zarr.zip": REFUSED,
            "mostly_nothing.zarr.zip": REFUSED,
            "compressor_pickle.zarr.zip": REFUSED,
            "shard_wraps.zarr.zip": REFUSED,
            "json_deep.zarr.zip": REFUSED,
            "json_large.zarr.zip": WORKS,
            "symlink.zarr.zip": REFUSED,
        }.items()
    },
    # arrays of TESSERA; `test_tessera_arrays.py` has the rest
    "ctl_tessera.npy.zip": Hostile(WORKS, lambda goods: packed(tile_files(goods.folder))),
    **{
        f"npy_{name.replace(' ', '_')}.npy.zip": Hostile(
            REFUSED,
            lambda goods, name=name: packed(tile_files(goods.folder) | dict([spoilt(name)])),  # type: ignore[misc]
        )
        for name in ("objects", "fortran", "cut", "lying shape", "huge header", "code", "scales of another tile")
    },
}
"""By name; the names' endings are what a stranger would give them."""


def write_file(folder: Path, name: str) -> Path:
    """Write one of them into a folder that is there; returns its path."""
    workshop = folder / f"goods of {name}"
    workshop.mkdir()
    path = folder / name
    path.write_bytes(FILES[name].make(Goods(workshop)))
    return path


def write_files(folder: Path) -> None:
    """Write all of them into a folder: pictures and archives, recipes, names of classes."""
    workshop = folder.with_name(f"{folder.name}-goods")
    workshop.mkdir()
    goods = Goods(workshop)
    folder.mkdir()
    for name, hostile in FILES.items():
        (folder / name).write_bytes(hostile.make(goods))
    for name, content in RECIPES.items():
        (folder / name).write_bytes(content)
    (folder / "classnames_hostile.txt").write_text(CLASS_NAMES, encoding="utf-8")
