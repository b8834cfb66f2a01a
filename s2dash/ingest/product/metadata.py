"""What a product's or a tile's metadata file says: level, baseline, date, numbers and place.

The XML is read by local names in any namespace.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from s2dash.core.legend import clean_name
from s2dash.core.sentinel2 import BANDS
from s2dash.errors import UnreadableFile
from s2dash.ingest.product.names import L2A, baseline_in, date_in, iso_day, tile_in
from s2dash.ingest.safe_xml import local_name, parsed_xml, text_of

_LEVEL_OF_ROOT = re.compile(r"Level-(1C|2A)p?_(User_Product|Tile_ID)")

_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{0,20})?([eE][+-]?\d{1,2})?", re.ASCII)
_QUANTIFICATIONS = ("BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE", "QUANTIFICATION_VALUE")
_MOST_QUANTIFICATION = 1e6
_LARGEST_STORED = 65_535
_LARGEST_COORDINATE_M = 2e7
_LARGEST_SIDE = 1_000_000


@dataclass(frozen=True)
class TileGeocoding:
    """Where a whole tile lies."""

    epsg: int
    """Code of its UTM zone on WGS 84."""
    upper_left_xy: Mapping[int, tuple[float, float]]
    """Outer corner of the first pixel in metres east and north, by pixel size in metres."""
    shape_rc: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """Rows and columns of the whole tile, by pixel size: a picture of another shape is a cut of unknown place."""


@dataclass(frozen=True)
class ProductMetadata:
    """What a metadata file says; None or empty where it says nothing."""

    level: str
    baseline: str | None
    """`05.11`"""
    date: str | None
    """The day of sensing, `2025-06-01`."""
    title: str | None
    """The product's or tile's name on one line of at most 60 characters; still a stranger's text."""
    tile: str | None
    quantification: float | None
    """Reflectance is (stored number + offset) / quantification."""
    offsets: Mapping[str, float]
    """By band, for all 13 slots, in stored numbers; empty where the file has none."""
    nodata: int | None
    saturated: int | None
    geocoding: TileGeocoding | None

    @property
    def states_radiometry(self) -> bool:
        """Whether offsets, or their absence, can be taken from this file: those of tiles do not speak of it."""
        return self.quantification is not None or bool(self.offsets)


def parse_metadata(xml: bytes, name: str = "The metadata file") -> ProductMetadata:
    """Read a product's metadata (MTD_MSIL1C.xml, MTD_MSIL2A.xml) or a tile's (MTD_TL.xml), of old or new make.

    Parameters
    ----------
    name : what error messages call the file

    Raises UnreadableFile for what is no such document, holds a DOCTYPE, is too large, or has numbers
    that cannot be meant.
    """
    name = clean_name(name) or "The metadata file"
    root = parsed_xml(xml, name)
    kind = _LEVEL_OF_ROOT.fullmatch(local_name(root))
    if not kind:
        raise UnreadableFile(f"{name} is not the metadata of a Level-1C or Level-2A product of Sentinel-2.")
    document = _Document(root, name)
    level = f"Level-{kind[1]}"
    return _tile_document(document, level) if kind[2] == "Tile_ID" else _product_document(document, level)


class _Document:
    """A parsed metadata file: elements by local name, and values that are checked on the way out."""

    def __init__(self, root: Element, name: str) -> None:
        self.name = name
        self._elements: dict[str, list[Element]] = {}
        for element in root.iter():
            self._elements.setdefault(local_name(element), []).append(element)

    def all(self, *tags: str) -> list[Element]:
        """Elements of the first of these tags that there is."""
        return next((self._elements[tag] for tag in tags if tag in self._elements), [])

    def text(self, *tags: str) -> str | None:
        """The cut text of the first element of the first of these tags; None where it is missing or empty."""
        found = self.all(*tags)
        return (text_of(found[0]) or None) if found else None

    def number(self, text: str | None, what: str, least: float, most: float) -> float:
        """Raises UnreadableFile for what is not a number between two bounds."""
        value = float(text) if text and _NUMBER.fullmatch(text) else None
        if value is None or not least <= value <= most:
            shown = clean_name(text or "")[:20]
            raise UnreadableFile(
                f"{self.name} gives {what} as “{shown}”, which cannot be. Download the product again, "
                "or leave this file out."
            )
        return value

    def integer(self, text: str | None, what: str, most: int) -> int:
        """Raises UnreadableFile for what is not a whole number from 0 to `most`."""
        value = self.number(text, what, 0, most)
        return int(value) if value.is_integer() else int(self.number(None, what, 0, most))


def _product_document(document: _Document, level: str) -> ProductMetadata:
    uri = document.text("PRODUCT_URI", "PRODUCT_URI_2A" if level == L2A else "PRODUCT_URI_1C") or ""
    started = document.text("PRODUCT_START_TIME", "DATATAKE_SENSING_START")
    special = _special_values(document)
    return ProductMetadata(
        level=level,
        baseline=_checked_baseline(document.text("PROCESSING_BASELINE")) or baseline_in(uri),
        date=_day_of(started) or date_in([uri]),
        title=clean_name(uri.removesuffix(".SAFE")) or None,
        tile=tile_in([uri]),
        quantification=_quantification(document),
        offsets=_offsets(document, "BOA_ADD_OFFSET" if level == L2A else "RADIO_ADD_OFFSET"),
        nodata=special.get("NODATA"),
        saturated=special.get("SATURATED"),
        geocoding=None,
    )


def _tile_document(document: _Document, level: str) -> ProductMetadata:
    title = document.text("TILE_ID", "TILE_ID_2A") or ""
    return ProductMetadata(
        level=level,
        baseline=baseline_in(title),
        date=_day_of(document.text("SENSING_TIME")),
        title=clean_name(title) or None,
        tile=tile_in([title]),
        quantification=None,
        offsets={},
        nodata=None,
        saturated=None,
        geocoding=_geocoding(document),
    )


def _checked_baseline(text: str | None) -> str | None:
    return text if text and re.fullmatch(r"\d\d\.\d\d", text, re.ASCII) else None


def _day_of(text: str | None) -> str | None:
    found = re.match(r"(20\d\d)-(\d\d)-(\d\d)(?!\d)", text or "", re.ASCII)
    return iso_day(found[1], found[2], found[3]) if found else None


def _quantification(document: _Document) -> float | None:
    text = document.text(*_QUANTIFICATIONS)
    return None if text is None else document.number(text, "the quantification value", 1, _MOST_QUANTIFICATION)


def _offsets(document: _Document, tag: str) -> dict[str, float]:
    names = tuple(BANDS)
    offsets: dict[str, float] = {}
    for element in document.all(tag):
        # L2A keeps a slot for B10, so an index always means the same band.
        band = document.integer(element.get("band_id"), "the number of a band", len(names) - 1)
        offsets[names[band]] = document.number(text_of(element), "an offset", -_LARGEST_STORED, _LARGEST_STORED)
    return offsets


def _special_values(document: _Document) -> dict[str, int]:
    """`NODATA` and `SATURATED` with the numbers that stand for them."""
    values: dict[str, int] = {}
    for element in document.all("Special_Values"):
        fields = _fields(element)
        word = fields.get("SPECIAL_VALUE_TEXT", "").upper()
        if word in ("NODATA", "SATURATED"):
            values[word] = document.integer(fields.get("SPECIAL_VALUE_INDEX"), "a special value", _LARGEST_STORED)
    return values


def _geocoding(document: _Document) -> TileGeocoding | None:
    code = re.fullmatch(r"(?:EPSG:)?(32[67]\d\d)", document.text("HORIZONTAL_CS_CODE") or "", re.ASCII)
    if not code or not 1 <= int(code[1]) % 100 <= 60:
        return None
    corners = {size: _corner(document, fields) for size, fields in _by_pixel_size(document, "Geoposition")}
    shapes = {size: _shape(document, fields) for size, fields in _by_pixel_size(document, "Size")}
    return TileGeocoding(int(code[1]), corners, shapes) if corners else None


def _corner(document: _Document, fields: Mapping[str, str]) -> tuple[float, float]:
    most = _LARGEST_COORDINATE_M
    x, y = (document.number(fields.get(axis), "the tile's place", -most, most) for axis in ("ULX", "ULY"))
    return x, y


def _shape(document: _Document, fields: Mapping[str, str]) -> tuple[int, int]:
    rows, cols = (document.integer(fields.get(side), "the tile's size", _LARGEST_SIDE) for side in ("NROWS", "NCOLS"))
    return rows, cols


def _by_pixel_size(document: _Document, tag: str) -> Iterable[tuple[int, dict[str, str]]]:
    """The pixel size in metres and the fields of each element that is given for 10, 20 and 60 m."""
    for element in document.all(tag):
        pixel_m = element.get("resolution")
        if pixel_m in ("10", "20", "60"):
            yield int(pixel_m), _fields(element)


def _fields(element: Element) -> dict[str, str]:
    return {local_name(child): text_of(child) for child in element}
