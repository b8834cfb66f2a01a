"""What a catalogue says of a scene, as one value: made of a STAC item of which nothing is taken on trust."""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Any

import msgspec

from s2dash.core.sentinel2 import BANDS
from s2dash.errors import UnreadableValue

SCL = "SCL"
ATTRIBUTION = "Contains modified Copernicus Sentinel data"
_SCALE = 0.0001
_BASELINE_WITH_OFFSET = (4, 0)
"""From 04.00 on stored numbers are 1,000 higher, so that none is below zero:
https://sentinels.copernicus.eu/web/sentinel/-/copernicus-sentinel-2-major-products-upgrade-upcoming"""
_OFFSET = -0.1
_KEYS = {
    "coastal": "B01",
    "blue": "B02",
    "green": "B03",
    "red": "B04",
    "rededge1": "B05",
    "rededge2": "B06",
    "rededge3": "B07",
    "nir": "B08",
    "nir08": "B8A",
    "nir09": "B09",
    "swir16": "B11",
    "swir22": "B12",
    "scl": SCL,
}
"""Earth Search's names of assets."""
_BAND_KEY = re.compile(r"(B\d[\dA]|SCL)(_\d\dm)?", re.IGNORECASE)
_TILE = re.compile(r"(?:MGRS-)?T?(\d\d?[C-HJ-NP-X][A-HJ-NP-Z]{2})")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?=T|$)", re.ASCII)
_OLD_FLAG = "earthsearch:boa_offset_applied"
_MOST_CHARACTERS = 300
_LONGEST_ADDRESS = 8_000
_MOST_CORNERS = 10_000
"""Of a footprint; one of a tile has some tens at most."""


class BandFile(msgspec.Struct, frozen=True):
    """One band of a scene: reflectance is its stored number times `scale`, plus `offset`."""

    name: str
    """`B02`, or `SCL` for the scene classification."""
    address: str
    scale: float
    offset: float


class FoundScene(msgspec.Struct, frozen=True):
    """A scene of a catalogue."""

    id: str
    date: str
    """`2024-07-30`."""
    tile: str | None
    cloud: float | None
    """Percent of the whole tile."""
    footprint: tuple[tuple[tuple[float, float], ...], ...]
    """Outer rings, longitude and latitude."""
    bands: tuple[BandFile, ...]
    thumbnail: str | None
    baseline: str | None
    has_doubtful_offset: bool = False
    """Of a collection that says of its offset what is often wrong."""
    area_cloud: float | None = None
    """Percent of what the scene shows of the ground that was looked for; None where nobody has looked."""
    area_missing: float | None = None
    """Percent of that ground which the scene does not show."""


def scene_from(item: dict[str, Any]) -> FoundScene:
    """The scene of a STAC item.

    Raises UnreadableValue where name, time or bands are missing or of another kind.
    """
    try:
        return _scene(item)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise UnreadableValue("The catalogue gives a scene in a form that is not known here.") from error


def _scene(item: dict[str, Any]) -> FoundScene:
    said, assets = item["properties"], item["assets"]
    baseline = _text(said.get("s2:processing_baseline") or said.get("processing:version"))
    written, name = _DATE.match(said["datetime"]), _text(item["id"])
    if written is None or not name:
        raise ValueError("no time or name")
    thumbnail = assets.get("thumbnail") or {}
    return FoundScene(
        id=name,
        date=date.fromisoformat(written[0]).isoformat(),
        tile=_tile(said, name),
        cloud=_percent(said.get("eo:cloud_cover")),
        footprint=_rings(item.get("geometry") or {}),
        bands=_band_files(assets, baseline),
        thumbnail=_text(thumbnail.get("href")),
        baseline=baseline,
        has_doubtful_offset=_OLD_FLAG in said and not str(item.get("collection", "")).startswith("sentinel-2-c1"),
    )


def _band_files(assets: dict[str, Any], baseline: str | None) -> tuple[BandFile, ...]:
    """By band in their usual order; of a band in several sizes the finest, which is the first by name."""
    found: dict[str, BandFile] = {}
    for key in sorted(assets):
        name = _band_name(key)
        if name is not None and name not in found and (address := _address(assets[key].get("href"))):
            scale, offset = _numbers(assets[key], baseline) if name != SCL else (1.0, 0.0)
            found[name] = BandFile(name, address, scale, offset)
    for name, address in _of_whole_product(assets).items():
        found.setdefault(name, BandFile(name, address, *((1.0, 0.0) if name == SCL else _numbers({}, baseline))))
    return tuple(found[name] for name in (*BANDS, SCL) if name in found)


def is_of_zarr(address: str) -> bool:
    """Whether a file is one of an EOPF product's store."""
    return ".zarr/" in address.partition("?")[0]


def _of_whole_product(assets: dict[str, Any]) -> dict[str, str]:
    """Addresses of bands by name in an asset that is all of an EOPF product of Level-2A; none without such an asset."""
    addresses = (_address(one.get("href")) for one in assets.values())
    whole = next((one for one in addresses if one and one.partition("?")[0].rstrip("/").endswith(".zarr")), None)
    if whole is None:
        return {}
    root, mark, query = whole.partition("?")
    metres = {name: band.native_pixel_m for name, band in BANDS.items() if name != "B10"} | {"B01": 20}
    places = {name: f"measurements/reflectance/r{size}m/{name.lower()}" for name, size in metres.items()}
    places[SCL] = "conditions/mask/l2a_classification/r20m/scl"
    return {name: f"{root.rstrip('/')}/{place}{mark}{query}" for name, place in places.items()}


def _band_name(key: str) -> str | None:
    told = _BAND_KEY.fullmatch(key)
    name = _KEYS.get(key, told[1].upper() if told else None)
    return name if name in (*BANDS, SCL) else None


def _numbers(asset: dict[str, Any], baseline: str | None) -> tuple[float, float]:
    """Scale and offset as the item states them, in STAC 1.0's way or 1.1's; else what the baseline means."""
    old, new = asset.get("raster:bands") or [{}], asset.get("bands") or [{}]
    for stated, prefix in ((old[0], ""), (new[0], "raster:"), (asset, "raster:")):
        if f"{prefix}scale" in stated:
            scale, offset = float(stated[f"{prefix}scale"]), float(stated.get(f"{prefix}offset", 0))
            if not (math.isfinite(offset) and math.isfinite(scale) and scale > 0):
                raise ValueError("no scale")
            return scale, offset
    version = tuple(int(part) for part in (baseline or "0").split(".")[:2])
    return _SCALE, _OFFSET if version >= _BASELINE_WITH_OFFSET else 0.0


def _tile(said: dict[str, Any], name: str) -> str | None:
    """`33UUU`, from what the item says or its name."""
    whole = _TILE.fullmatch(str(said.get("grid:code") or said.get("s2:mgrs_tile") or ""))
    found = whole or _TILE.search(name)
    return found[1].zfill(5) if found else None


def _rings(geometry: dict[str, Any]) -> tuple[tuple[tuple[float, float], ...], ...]:
    """Outer rings of positions on the Earth; none where one of them is not, or there are far too many."""
    kind, places = geometry.get("type"), geometry.get("coordinates") or []
    polygons = places if kind == "MultiPolygon" else [places] if kind == "Polygon" else []
    outer = [polygon[0] for polygon in polygons if polygon]
    if sum(map(len, outer)) > _MOST_CORNERS:
        return ()
    rings = tuple(tuple((float(x), float(y)) for x, y, *_ in ring) for ring in outer)
    is_on_earth = all(abs(x) <= 360 and abs(y) <= 90 for ring in rings for x, y in ring)
    return rings if is_on_earth else ()


def _percent(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= 100 else None


def _text(value: object) -> str | None:
    """A short text without what a screen obeys; None for anything else."""
    return value if isinstance(value, str) and value.isprintable() and 0 < len(value) <= _MOST_CHARACTERS else None


def _address(value: object) -> str | None:
    """As long as signed addresses are."""
    return value if isinstance(value, str) and value.isprintable() and 0 < len(value) <= _LONGEST_ADDRESS else None
