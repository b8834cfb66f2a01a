"""Metadata that other missions lay beside their pictures: Landsat's MTL (text, JSON, XML), PlanetScope's XML and JSON.

Texts of strangers, read by ourselves; what they do not say, or cannot mean, counts as not said.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from s2dash.core import missions
from s2dash.core.missions import Said
from s2dash.errors import UnreadableFile
from s2dash.ingest.safe_xml import local_name, parsed_xml, text_of

_MOST_BYTES = 2_000_000
_MOST_DEPTH = 12
_LINE = re.compile(r'\s*(\w+)\s*=\s*"?([^"\r\n]*?)"?\s*')
_FACTOR = re.compile(r"REFLECTANCE_(MULT|ADD)_BAND_(\d{1,2})")
_PLANET_BAND = re.compile(r".*bandSpecificMetadata")


@dataclass(frozen=True)
class MissionMetadata:
    """What one metadata file says."""

    said: Said
    scales: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Reflectance is stored times the first plus the second, by the code of the band (`missions.code_of`), or by the
    number of the band in the file, from 1, for PlanetScope."""
    sentence: str = ""
    """Where these are from, in plain words."""


def read_metadata(path: Path, name: str) -> MissionMetadata | None:
    """What a metadata file says; None where it is none of these, or says nothing usable.

    Raises UnreadableFile for XML that is refused.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UnreadableFile(f"{name} cannot be read: {error.strerror}.") from error
    if len(content) > _MOST_BYTES:
        return None
    low = name.lower()
    if low.endswith(".xml"):
        root = parsed_xml(content, name)
        return _of_landsat(list(_of_xml(root))) or _of_planet_xml(root)
    text = content.decode("utf-8", "replace")
    if low.endswith(".json"):
        try:
            tree = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return _of_landsat(list(_of_json(tree))) or _of_planet_json(tree)
    return _of_landsat(list(_of_lines(text)))


_Fact = tuple[str, str, str]
"""Group, key and value."""


def _of_lines(text: str) -> Iterator[_Fact]:
    groups: list[str] = []
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        key, value = match[1].upper(), match[2]
        if key == "GROUP":
            groups.append(value.upper())
        elif key == "END_GROUP":
            groups = groups[:-1]
        else:
            yield (groups[-1] if groups else "", key, value)


def _of_json(tree: Any, group: str = "", depth: int = 0) -> Iterator[_Fact]:
    if isinstance(tree, dict) and depth < _MOST_DEPTH:
        for key, value in tree.items():
            if isinstance(value, dict):
                yield from _of_json(value, str(key).upper(), depth + 1)
            elif isinstance(value, (str, int, float)):
                yield (group, str(key).upper(), str(value))


def _of_xml(root: Element) -> Iterator[_Fact]:
    for parent in root.iter():
        for child in parent:
            if len(child) == 0:
                yield (local_name(parent).upper(), local_name(child).upper(), text_of(child))


def _of_landsat(facts: Iterable[_Fact]) -> MissionMetadata | None:
    facts = list(facts)
    values: dict[str, str] = {}
    for _, key, value in facts:
        values.setdefault(key, value)
    craft = re.fullmatch(r"(?i)landsat[ _-]?([1-9])", values.get("SPACECRAFT_ID", ""))
    if craft is None:
        return None
    mission = missions.landsat(craft[1], "M" if values.get("SENSOR_ID", "").upper() == "MSS" else "")
    levels = [value for _, key, value in facts if key in ("PROCESSING_LEVEL", "DATA_TYPE")]
    of_surface = [one for one in facts if "SURFACE_REFLECTANCE" in one[0]]
    is_surface = bool(of_surface) and not (levels and levels[0].upper().startswith("L1"))
    path, row = (_whole(values.get(f"WRS_{which}")) for which in ("PATH", "ROW"))
    place = f"{path:03}{row:03}" if path is not None and row is not None else None
    day = values.get("DATE_ACQUIRED", "")
    date = day if re.fullmatch(r"(?:19|20)\d\d-[01]\d-[0-3]\d", day) else None
    product = missions.C2_LEVEL_2 if is_surface else missions.LEVEL_1
    said = Said(mission, product, place, date)
    if is_surface:
        scales = _factors(of_surface, 1.0)
        return MissionMetadata(said, scales, f"{mission.title}, Level-2: {_scale_words(scales)} by its MTL file.")
    scaling = [one for one in facts if "RESCALING" in one[0]]
    height = _number(values.get("SUN_ELEVATION"))
    sun = math.sin(math.radians(height)) if height is not None and 0 < height <= 90 else 1.0
    scales = _factors(scaling, sun)
    under = f", the sun {height:.1f}° high" if sun != 1 else ", the height of the sun not known"
    sentence = f"{mission.title}, Level-1: reflectance at the top of the atmosphere by its MTL file{under}."
    return MissionMetadata(said, scales, sentence)


def _factors(facts: Iterable[_Fact], sun: float) -> dict[str, tuple[float, float]]:
    """Scale and offset by the band's number; both divided by the sine of the sun's height."""
    found: dict[str, dict[str, float]] = {}
    for _, key, value in facts:
        match, number = _FACTOR.fullmatch(key), _number(value)
        if match and number is not None and abs(number) < 1:
            found.setdefault(str(int(match[2])), {})[match[1]] = number / sun
    return {band: (both["MULT"], both.get("ADD", 0.0)) for band, both in found.items() if both.get("MULT", 0) > 0}


def _scale_words(scales: dict[str, tuple[float, float]]) -> str:
    pairs = set(scales.values())
    if len(pairs) != 1:
        return "its own scale for each band"
    ((scale, offset),) = pairs
    return f"times {scale:g}, {'plus' if offset >= 0 else 'minus'} {abs(offset):g}"


def _of_planet_xml(root: Element) -> MissionMetadata | None:
    if "planet" not in root.tag.lower() and "EarthObservation" not in root.tag:
        return None
    coefficients: dict[str, tuple[float, float]] = {}
    for element in root.iter():
        if not _PLANET_BAND.fullmatch(local_name(element)):
            continue
        fields = {local_name(child): (child.text or "").strip() for child in element}
        number, value = _whole(fields.get("bandNumber")), _number(fields.get("reflectanceCoefficient"))
        if number is not None and value is not None and 0 < value < 1:
            coefficients[str(number)] = (value, 0.0)
    words = "PlanetScope, radiance: times the reflectance coefficient of each band, by its metadata file."
    return MissionMetadata(Said(missions.PLANETSCOPE), coefficients, words)


def _of_planet_json(tree: Any) -> MissionMetadata | None:
    properties = tree.get("properties") if isinstance(tree, dict) else None
    if not isinstance(properties, dict):
        return None
    words = " ".join(str(value) for value in properties.values() if isinstance(value, str))[:5_000].lower()
    if "planetscope" not in words and not str(properties.get("item_type", "")).startswith("PS"):
        return None
    return MissionMetadata(Said(missions.PLANETSCOPE))


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _whole(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"\d{1,3}", text, re.ASCII) else None
