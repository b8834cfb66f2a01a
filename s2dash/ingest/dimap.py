"""SNAP's own products (BEAM-DIMAP): a description in XML, and beside it a folder of ENVI rasters, one a band.

Paths in the description are never followed; its bands are matched to the files by name.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element

from affine import Affine

from s2dash.core.legend import clean_name
from s2dash.errors import UnreadableFile
from s2dash.ingest.places import crs_of_text
from s2dash.ingest.safe_xml import parsed_xml
from s2dash.settings import ARCHIVE_LIMITS

_CLASSIFICATION = "scl"


@dataclass(frozen=True)
class BandFacts:
    """What the description says of one band."""

    name: str
    is_helper: bool
    """Whether it is flags, a mask, an angle or the like, beside bands that were measured."""
    header: Mapping[str, Any]
    """Fields of the ENVI header that it knows better."""


def read_description(path: Path, name: str) -> dict[str, BandFacts]:
    """The bands by the name of their file without ending, in small letters.

    Raises UnreadableFile for what is no such description, holds a DOCTYPE, or is too large.
    """
    try:
        with path.open("rb") as file:
            xml = file.read(ARCHIVE_LIMITS.most_metadata_bytes + 1)
    except OSError as error:
        raise UnreadableFile(f"{name} cannot be read: {error.strerror}.") from error
    root = parsed_xml(xml, name)
    if root.tag != "Dimap_Document":
        raise UnreadableFile(f"{name} is not the description of a SNAP product (BEAM-DIMAP). Save it again in SNAP.")
    files = {
        _text(one, "BAND_INDEX"): PurePosixPath(href.replace("\\", "/")).stem.lower()
        for one in root.iter("Data_File")
        for path_ in one.iter("DATA_FILE_PATH")
        if (href := path_.get("href", ""))
    }
    bands = list(root.iter("Spectral_Band_Info"))
    has_waves = any(_number(_text(one, "BAND_WAVELENGTH")) for one in bands)
    place = _place(root)
    found = {}
    for one in bands:
        title = clean_name(_text(one, "BAND_NAME"))
        key = files.get(_text(one, "BAND_INDEX"), title.lower())
        facts = BandFacts(title, _is_helper(one, title, has_waves), _facts(one, title) | place | _own_place(one))
        found[key] = facts
        found.setdefault(title.lower(), facts)
    return found


def _is_helper(one: Element, name: str, has_waves: bool) -> bool:
    coded = bool(_text(one, "FLAG_CODING_NAME") or _text(one, "INDEX_CODING_NAME"))
    if _CLASSIFICATION in name.lower() or "scene_classification" in name.lower():
        return False
    return coded or (has_waves and not _number(_text(one, "BAND_WAVELENGTH")))


def _facts(one: Element, name: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"names": (name,)} if name else {}
    scale, offset = _number(_text(one, "SCALING_FACTOR")), _number(_text(one, "SCALING_OFFSET")) or 0.0
    if scale and scale > 0 and (scale, offset) != (1.0, 0.0) and _text(one, "LOG10_SCALED") != "true":
        facts |= {"scales": (scale,), "offsets": (offset,)}
    nodata = _number(_text(one, "NO_DATA_VALUE"), may_be_nan=True)
    if nodata is not None and _text(one, "NO_DATA_VALUE_USED") == "true":
        facts["nodata"] = nodata
    return facts


def _place(root: Element) -> dict[str, Any]:
    """The place of all bands, and the day of the picture."""
    facts: dict[str, Any] = {}
    wkt = next((one.text or "" for one in root.iter("WKT")), "").strip()
    transform = next((_transform(one.text) for one in root.findall("Geoposition/IMAGE_TO_MODEL_TRANSFORM")), None)
    crs_wkt = crs_of_text(wkt)
    if transform is not None and crs_wkt is not None:
        facts |= {"crs_wkt": crs_wkt, "transform": transform}
    started = next((one.text or "" for one in root.iter("PRODUCT_SCENE_RASTER_START_TIME")), "")
    try:
        day = datetime.datetime.strptime(started.strip()[:11].title(), "%d-%b-%Y").replace(tzinfo=datetime.UTC)
    except ValueError:
        return facts
    return facts | {"date": day.date().isoformat()}


def _own_place(one: Element) -> dict[str, Any]:
    """The transform of a band whose pixels have another size than others'."""
    transform = _transform(_text(one, "IMAGE_TO_MODEL_TRANSFORM"))
    return {} if transform is None else {"transform": transform}


def _transform(text: str | None) -> Affine | None:
    """From Java's order (m00, m10, m01, m11, m02, m12)."""
    numbers = [_number(part.strip()) for part in (text or "").split(",")]
    if len(numbers) != 6 or None in numbers:
        return None
    a, d, b, e, c, f = (float(n) for n in numbers if n is not None)
    return Affine(a, b, c, d, e, f)


def _text(one: Element, tag: str) -> str:
    found = one.find(tag)
    return (found.text or "").strip() if found is not None else ""


def _number(text: str, may_be_nan: bool = False) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) or (may_be_nan and math.isnan(value)) else None
