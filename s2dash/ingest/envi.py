"""ENVI rasters: bare pixels in one file, a text header in another; read by ourselves and rewritten as a GeoTIFF.

GDAL sees neither of the two files. The header is text of `key = value` lines (ENVI's own documentation,
"ENVI Header Files"); only the keys named here count, and each must be what it may be.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS

from s2dash.core.legend import clean_name
from s2dash.core.sentinel2 import BANDS
from s2dash.errors import BrokenResult, UnreadableFile
from s2dash.ingest.places import crs_of_text
from s2dash.raster.door import GDAL_ERRORS, make_geotiff
from s2dash.settings import INGEST_LIMITS, IngestLimits

_PIXEL_ENDINGS = (".dat", ".img", ".bsq", ".bil", ".bip", ".raw", ".bin", ".envi", "")
_MOST_HEADER_BYTES = 1_000_000
_PIECE_BYTES = 32_000_000
_TYPES = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8"}
_COMPLEX = (6, 9)
_INTERLEAVES = ("bsq", "bil", "bip")
_ENTRY = re.compile(
    r"^[ \t]*([A-Za-z][A-Za-z0-9 _]{0,60}?)[ \t]*=[ \t]*(\{[^{}]*\}|[^\r\n{}]*)", re.MULTILINE | re.ASCII
)
_WHOLE = re.compile(r"\+?\d{1,18}", re.ASCII)
_COUNTED = re.compile(r"band[ _]*\d*", re.IGNORECASE | re.ASCII)
_NEAR_NM = 12
_UNITS_NM = {"nanometers": 1.0, "nm": 1.0, "micrometers": 1000.0, "um": 1000.0, "microns": 1000.0}


@dataclass(frozen=True)
class Header:
    """What a header says, checked."""

    shape_rc: tuple[int, int]
    count: int
    dtype: np.dtype
    """In the byte order of the file."""
    interleave: str
    """`bsq`, `bil` or `bip`"""
    offset: int
    """Bytes before the first pixel."""
    transform: Affine | None
    crs_wkt: str | None
    names: tuple[str, ...]
    """Of the bands; empty where it says none."""
    nodata: float | None
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    """Of the bands: value = number x scale + offset; empty where it says nothing."""
    date: str | None

    @property
    def pixel_bytes(self) -> int:
        """All that the file of pixels holds behind its offset."""
        return self.shape_rc[0] * self.shape_rc[1] * self.count * self.dtype.itemsize


def pairs_in(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Names of pixels and header that belong together, by the name of a GeoTIFF that would hold both."""
    known = {name.lower(): name for name in names}
    pairs = {}
    for low, header in known.items():
        if not low.endswith(".hdr"):
            continue
        stem = low.removesuffix(".hdr")
        pixels = next((known[stem + end] for end in _PIXEL_ENDINGS if stem + end in known), None)
        if pixels is None:
            continue
        last = PurePosixPath(pixels).name
        is_pixels = PurePosixPath(pixels).suffix.lower() in _PIXEL_ENDINGS[:-1]
        stem = last.rpartition(".")[0] if is_pixels else last
        pairs[f"{pixels[: len(pixels) - len(last)]}{stem}.tif"] = (pixels, header)
    return {whole: pair for whole, pair in pairs.items() if whole.lower() not in known}


def read_header(path: Path, name: str, limits: IngestLimits = INGEST_LIMITS) -> Header:
    """What the header file says; raises UnreadableFile for what no raster can be, or that passes a limit."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_HEADER_BYTES + 1)
    except OSError as error:
        raise UnreadableFile(f"{name} cannot be read: {error.strerror}.") from error
    if len(data) > _MOST_HEADER_BYTES:
        raise UnreadableFile(f"{name} is far larger than the header of a raster. Export the raster as GeoTIFF.")
    text = data.decode("utf-8", "replace").lstrip("\ufeff")
    if not text.startswith("ENVI"):
        raise UnreadableFile(
            f"{name} is not a header of ENVI, which begins with that word. Export the raster as GeoTIFF, or in QGIS "
            "use Raster > Conversion > Translate."
        )
    return _header(_Entries(text, name), limits)


def rewrite(pixels: Path, name: str, header: Header, out: Path, progress: Callable[[float], None]) -> None:
    """Write the raster to a GeoTIFF, a few rows at a time.

    Raises UnreadableFile where the file of pixels has not the size that the header says, or cannot be read.
    """
    try:
        with pixels.open("rb") as file:
            found, needed = file.seek(0, 2), header.offset + header.pixel_bytes
            if found != needed:
                raise UnreadableFile(
                    f"{name} has {found:,} bytes, but its header says {needed:,}. Choose the header that belongs to "
                    "it, or export it again."
                )
            _write(file, header, out, progress)
    except OSError as error:
        raise UnreadableFile(f"{name} cannot be read: {error.strerror}.") from error
    except GDAL_ERRORS as error:
        raise BrokenResult(f"{name} could not be stored. The disk may be full: try again later.") from error


def _write(file: BinaryIO, header: Header, out: Path, progress: Callable[[float], None]) -> None:
    (height, width), count = header.shape_rc, header.count
    rows_at_once = max(1, _PIECE_BYTES // (width * count * header.dtype.itemsize))
    with _begun(out, header) as whole:
        if header.names:
            whole.descriptions = header.names
        if header.scales:
            whole.scales, whole.offsets = header.scales, header.offsets
        if header.date:
            whole.update_tags(ACQUISITION_DATE=header.date)
        for row in range(0, height, rows_at_once):
            rows = min(rows_at_once, height - row)
            values = _rows(file, header, row, rows)
            whole.write(
                values.astype(header.dtype.newbyteorder("="), copy=False), window=((row, row + rows), (0, width))
            )
            progress((row + rows) / height)


def _begun(path: Path, header: Header) -> rasterio.io.DatasetWriter:
    return make_geotiff(
        path,
        header.shape_rc,
        header.dtype.newbyteorder("=").name,
        count=header.count,
        crs_wkt=header.crs_wkt,
        transform=header.transform,
        nodata=_fitting(header.nodata, header.dtype),
        interleave="band",
        photometric="minisblack",
        alpha="unspecified",
    )


def _fitting(nodata: float | None, dtype: np.dtype) -> float | None:
    """The nodata value where pixels can have it and a tag hold it."""
    if nodata is None or dtype.kind == "f":
        return nodata
    limits = np.iinfo(dtype)
    fits = nodata == math.floor(nodata) and limits.min <= nodata <= limits.max
    return nodata if fits and dtype.itemsize < 8 else None


def _rows(file: BinaryIO, header: Header, row: int, rows: int) -> np.ndarray:
    """Some rows of all bands, shape (bands, rows, columns)."""
    (height, width), count, item = header.shape_rc, header.count, header.dtype.itemsize

    def read(start: int, length: int) -> np.ndarray:
        file.seek(header.offset + start * item)
        data = file.read(length * item)
        if len(data) != length * item:
            raise OSError(0, "it is cut short")
        return np.frombuffer(data, header.dtype)

    if header.interleave == "bsq":
        return np.stack(
            [read((band * height + row) * width, rows * width).reshape(rows, width) for band in range(count)]
        )
    values = read(row * width * count, rows * width * count)
    if header.interleave == "bil":
        return values.reshape(rows, count, width).transpose(1, 0, 2)
    return values.reshape(rows, width, count).transpose(2, 0, 1)


class _Entries:
    """The header's keys, in small letters, and their texts; each is taken out by what it must be."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self._texts: dict[str, str] = {}
        for match in _ENTRY.finditer(text):
            self._texts.setdefault(" ".join(match[1].lower().split()), match[2].strip())

    def wrong(self, key: str) -> UnreadableFile:
        shown = clean_name(self._texts.get(key, ""))[:30]
        return UnreadableFile(
            f"{self.name} says “{key} = {shown}”, which cannot be. Export the raster again, as GeoTIFF if you can."
        )

    def text(self, key: str) -> str:
        return self._texts.get(key, "").strip("{}").strip()

    def has(self, key: str) -> bool:
        return key in self._texts

    def list(self, key: str) -> tuple[str, ...]:
        text = self.text(key)
        return tuple(part.strip() for part in text.split(",")) if text else ()

    def whole(self, key: str, default: int | None = None) -> int:
        text = self.text(key)
        if not text and default is not None:
            return default
        if not _WHOLE.fullmatch(text):
            raise self.wrong(key)
        return int(text)

    def number(self, key: str) -> float | None:
        return None if not self.has(key) else self._finite(key, self.text(key))

    def numbers(self, key: str, count: int) -> tuple[float, ...]:
        """One number for each band, or none where the key is missing or has another number of them."""
        texts = self.list(key)
        return tuple(self._finite(key, text) for text in texts) if len(texts) == count else ()

    def _finite(self, key: str, text: str) -> float:
        try:
            value = float(text)
        except ValueError as error:
            raise self.wrong(key) from error
        if not (math.isfinite(value) or (key == "data ignore value" and math.isnan(value))):
            raise self.wrong(key)
        return value


def _header(entries: _Entries, limits: IngestLimits) -> Header:
    width, height, count = (entries.whole(key) for key in ("samples", "lines", "bands"))
    kind = entries.whole("data type")
    if kind in _COMPLEX:
        raise UnreadableFile(f"{entries.name} describes complex numbers (radar?), not the brightness of optical bands.")
    if kind not in _TYPES:
        raise entries.wrong("data type")
    order = entries.whole("byte order", 0)
    interleave = entries.text("interleave").lower() or "bsq"
    if order not in (0, 1):
        raise entries.wrong("byte order")
    if interleave not in _INTERLEAVES:
        raise entries.wrong("interleave")
    if entries.whole("file compression", 0):
        raise UnreadableFile(f"{entries.name} describes packed pixels. Export the raster as GeoTIFF.")
    dtype = np.dtype(("<", ">")[order] + _TYPES[kind])
    checks = (
        ("rows or columns", max(width, height), limits.most_side),
        ("pixels", width * height, limits.most_pixels),
        ("bands", count, limits.most_bands),
        ("bytes of pixels", width * height * count * dtype.itemsize, limits.most_stored_bytes),
    )
    for what, found, most in checks:
        if found > most:
            raise UnreadableFile(f"{entries.name} declares {found:,} {what}; at most {most:,} are accepted.")
    if not width * height * count:
        raise UnreadableFile(f"{entries.name} declares no pixels. Export the raster again.")
    scales, offsets = _scaling(entries, count)
    transform, crs_wkt = _place(entries)
    return Header(
        shape_rc=(height, width),
        count=count,
        dtype=dtype,
        interleave=interleave,
        offset=entries.whole("header offset", 0),
        transform=transform,
        crs_wkt=crs_wkt,
        names=_names(entries, count),
        nodata=entries.number("data ignore value"),
        scales=scales,
        offsets=offsets,
        date=_date(entries.text("acquisition time")),
    )


def _scaling(entries: _Entries, count: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Scale and offset of each band: its gain, else the factor that all share."""
    gains = entries.numbers("data gain values", count)
    offsets = entries.numbers("data offset values", count)
    factor = entries.number("reflectance scale factor")
    if not gains and factor is not None:
        if factor <= 0:
            raise entries.wrong("reflectance scale factor")
        gains = (1 / factor,) * count
    if not gains or (set(gains) == {1.0} and not any(offsets)):
        return (), ()
    return gains, offsets or (0.0,) * count


def _names(entries: _Entries, count: int) -> tuple[str, ...]:
    """The bands' names; where these only count, those of their wavelengths, else none."""
    names = tuple(clean_name(name) for name in entries.list("band names"))
    if len(names) == count and not all(_COUNTED.fullmatch(name) for name in names):
        return names
    unit = _UNITS_NM.get(entries.text("wavelength units").lower())
    waves = entries.numbers("wavelength", count)
    if not waves:
        return ()
    unit = unit or (1000.0 if max(waves) < 100 else 1.0)
    return tuple(_of_wavelength(wave * unit) for wave in waves)


def _of_wavelength(wave_nm: float) -> str:
    near = min(BANDS.values(), key=lambda facts: abs(facts.wavelength_nm - wave_nm))
    return near.name if abs(near.wavelength_nm - wave_nm) <= _NEAR_NM else f"{wave_nm:.0f} nm"


def _date(text: str) -> str | None:
    found = re.match(r"(\d{4}-\d\d-\d\d)", text, re.ASCII)
    return found[1] if found else None


def _place(entries: _Entries) -> tuple[Affine | None, str | None]:
    """Where the pixels lie; None for what the header does not say or nobody can tell."""
    info = entries.list("map info")
    if len(info) < 7:
        return None, None
    numbers = [entries._finite("map info", text) for text in info[1:7]]
    col, row, x, y, width, height = numbers
    turned = next((text.partition("=")[2] for text in info[7:] if text.lower().startswith("rotation")), "0")
    angle = math.radians(entries._finite("map info", turned.strip() or "0"))
    if width <= 0 or height <= 0:
        raise entries.wrong("map info")
    # The position is that of a pixel's outer corner, and the first pixel is 1, 1.
    steps = Affine(
        math.cos(angle) * width, math.sin(angle) * height, 0, math.sin(angle) * width, -math.cos(angle) * height, 0
    )
    transform = Affine.translation(x, y) @ steps @ Affine.translation(1 - col, 1 - row)
    return transform, _crs_wkt(entries, info)


def _crs_wkt(entries: _Entries, info: Sequence[str]) -> str | None:
    stated = crs_of_text(entries.text("coordinate system string"))
    if stated:
        return stated
    words = [word.lower() for word in info]
    is_wgs84 = any(word.replace("-", "").replace(" ", "") == "wgs84" for word in words)
    if not is_wgs84:
        return None
    if words[0] == "utm" and len(info) > 8 and _WHOLE.fullmatch(info[7]) and 1 <= int(info[7]) <= 60:
        return str(CRS.from_epsg((32700 if words[8].startswith("s") else 32600) + int(info[7])).to_wkt())
    return str(CRS.from_epsg(4326).to_wkt()) if words[0].startswith("geographic") else None
