"""GeoJSON of a stranger, read by Python's own parser within limits: its polygons and its coordinates.

Not by GDAL, which takes each of these files with another meaning: rings that are not closed, values given twice,
numbers that are none, coordinate systems behind links.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import CRS

from s2dash.ingest.area.shapes import Area, Collected, Refusal, area_of, collect, epsg
from s2dash.settings import AreaLimits

_MEMBERS = frozenset(("type", "features", "geometry", "geometries", "coordinates", "crs", "properties", "name"))
_NESTS = ("FeatureCollection", "Feature", "GeometryCollection")
_OTHERS = {"Point": "points", "MultiPoint": "points", "LineString": "lines", "MultiLineString": "lines"}
_EPSG_NAME = re.compile(
    r"(?:EPSG:|urn:(?:x-)?ogc:def:crs:EPSG:[\d.]*:|https?://www\.opengis\.net/def/crs/EPSG/[\d.]+/)(\d{1,6})", re.I
)
_ELSE = re.compile(r'"esriGeometry|"spatialReference"|"type"\s*:\s*"Topology"')
_SEEN = 4_000
"""Characters in which another kind of JSON shows: that of Esri, TopoJSON."""
_SEPARATORS = {0x1E: "\n"}
_LINE = re.compile(r"\s*\{.*\}\s*")
_CRS84_NAME = re.compile(
    r"(?:OGC:CRS84|CRS84|urn:ogc:def:crs:OGC:[\d.]*:CRS84|https?://www\.opengis\.net/def/crs/OGC/[\d.]+/CRS84)", re.I
)


def read_geojson(path: Path, name: str, limits: AreaLimits) -> Area:
    """The polygons of a GeoJSON (RFC 7946, its sequences of RFC 8142; of GeoJSON 2008 the member `crs`).

    Raises Refusal and OSError.
    """
    document = _document(_geojson_text(path, name, limits), _known_members)
    crs = _named_crs(document)
    found = collect(_shapes(document), limits)
    # Lists of lists take ten times the memory of the arrays made of them.
    del document
    return area_of(found, crs, (), name, limits)


@dataclass(frozen=True)
class JsonFeatures:
    """What a GeoJSON holds, with what it says of each feature."""

    polygons: Collected
    """With the feature that each is of."""
    points: list[tuple[int, float, float]]
    """Feature, x and y."""
    properties: list[dict[str, Any]]
    """Of each feature: what its file says, of any kind."""
    crs: CRS


def read_geojson_features(path: Path, name: str, limits: AreaLimits) -> JsonFeatures:
    """Polygons and points of a GeoJSON with their properties. Raises Refusal and OSError as `read_geojson` does."""
    document = _document(_geojson_text(path, name, limits), _all_members)
    crs = _named_crs(document)
    given = document.get("features")
    features = given if isinstance(given, list) else [document]
    owners: list[int] = []
    points: list[tuple[int, float, float]] = []

    def shapes() -> Iterator[list[np.ndarray] | str]:
        for number, feature in enumerate(features):
            for shape in _shapes(feature):
                # Those without a ring are no polygons to `collect` either.
                owners.extend([number] * bool(not isinstance(shape, str) and shape and len(shape[0])))
                yield shape
            points.extend((number, x, y) for x, y in _points(feature))

    found = collect(shapes(), limits)
    known = [one.get("properties") if isinstance(one, dict) else None for one in features]
    properties = [one if isinstance(one, dict) else {} for one in known]
    return JsonFeatures(replace(found, owners=np.array(owners, dtype=np.int64)), points, properties, crs)


def _points(feature: Any) -> Iterator[tuple[float, float]]:
    """Positions of a feature's points; `_shapes` has looked at its form."""
    shape = feature.get("geometry") if feature.get("type") == "Feature" else feature
    kind = shape.get("type") if isinstance(shape, dict) else None
    if kind in ("Point", "MultiPoint"):
        given = _list(shape.get("coordinates"))
        for ring in [_ring([given])] if kind == "Point" and given else [_ring(given)]:
            yield from ((float(x), float(y)) for x, y in ring)


def _geojson_text(path: Path, name: str, limits: AreaLimits) -> str:
    text = _checked_text(path, limits)
    if _ELSE.search(text, 0, _SEEN):
        raise Refusal(f"is JSON, but not GeoJSON. Run `ogr2ogr area.gpkg {shlex.quote(name)}`, and give area.gpkg.")
    return text


def _checked_text(path: Path, limits: AreaLimits) -> str:
    data = path.read_bytes()
    for what, found, most in (
        ("lists and objects", data.count(b"[") + data.count(b"{"), limits.most_json_lists),
        ("named values", data.count(b":"), limits.most_json_members),
        ("values", data.count(b","), limits.most_json_values),
    ):
        if found > most:
            raise Refusal(f"holds {found:,} {what}; at most {most:,} are accepted. Simplify the polygons.")
    return data.decode("utf-8", "replace").removeprefix("\ufeff")


_Hook = Callable[[list[tuple[str, Any]]], dict[str, Any]]


def _document(text: str, hook: _Hook) -> dict[str, Any]:
    """The document; where each line is one, all of them together."""
    lines = [line for line in text.translate(_SEPARATORS).splitlines() if line.strip()]
    if len(lines) > 1 and all(_LINE.fullmatch(line) for line in (*lines[:2], lines[-1])):
        return {"type": "FeatureCollection", "features": [_parsed(line, hook) for line in lines]}
    return _parsed(text, hook)


def _parsed(text: str, hook: _Hook) -> dict[str, Any]:
    """The document, all numbers as float: integers of any length would cost more than their text."""
    try:
        document = json.loads(text, parse_int=float, parse_constant=_refuse_constant, object_pairs_hook=hook)
    except RecursionError as error:
        raise Refusal("is nested too deeply for a file of polygons. Export it again.") from error
    except ValueError as error:
        raise Refusal("is damaged: it is not valid JSON. Export it again as GeoJSON.") from error
    if not isinstance(document, dict):
        raise Refusal("is JSON, but not GeoJSON. Save the polygons as GeoJSON.")
    return document


def _refuse_constant(text: str) -> float:
    raise Refusal(f"holds {text} where a number belongs. Export it again.")


def _known_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What GeoJSON means by an object; attributes are let go at once."""
    known = [pair for pair in pairs if pair[0] in _MEMBERS]
    members = dict(known)
    if len(members) != len(known):
        raise Refusal("says the same thing twice in one object, so it has two meanings. Export it again.")
    return members


def _all_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object with its attributes; refused where it says what GeoJSON means by it twice."""
    _known_members(pairs)
    return dict(pairs)


def _named_crs(document: dict[str, Any]) -> CRS:
    """CRS84 (RFC 7946, section 4), or what the member `crs` of GeoJSON 2008 names."""
    member = document.get("crs")
    if member is None:
        return CRS.from_user_input("OGC:CRS84")
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    text = name.strip() if isinstance(name, str) else ""
    if _CRS84_NAME.fullmatch(text):
        return CRS.from_user_input("OGC:CRS84")
    code = _EPSG_NAME.fullmatch(text)
    if code is None:
        raise Refusal("names a coordinate system that is not an EPSG code. Save it in WGS 84 (EPSG:4326).")
    return epsg(int(code[1]))


def _shapes(document: dict[str, Any]) -> Iterator[list[np.ndarray] | str]:
    """Rings of each polygon, none for an empty one; for a shape that is no polygon, what it is."""
    waiting: list[Any] = [document]
    while waiting:
        item = waiting.pop()
        if item is None:
            continue
        kind = item.get("type") if isinstance(item, dict) else None
        if kind in _NESTS:
            member = {"FeatureCollection": "features", "Feature": "geometry"}.get(kind, "geometries")
            inner = item.get(member)
            waiting += reversed(inner) if isinstance(inner, list) and kind != "Feature" else [inner]
        elif kind == "Polygon":
            yield _rings(item.get("coordinates"))
        elif kind == "MultiPolygon":
            yield from (_rings(rings) for rings in _list(item.get("coordinates")))
        elif isinstance(kind, str) and kind in _OTHERS:
            yield _OTHERS[kind]
        else:
            raise Refusal("is JSON, but not GeoJSON. Save the polygons as GeoJSON.")


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Refusal("is damaged: a polygon has no list of coordinates. Export it again.")
    return value


def _rings(coordinates: Any) -> list[np.ndarray]:
    return [_ring(_list(ring)) for ring in _list(coordinates)]


def _ring(positions: list[Any]) -> np.ndarray:
    """Longitudes and latitudes, or x and y, (n, 2) float64."""
    if not positions:
        return np.empty((0, 2))
    if set(map(type, positions)) != {list} or set(map(type, chain.from_iterable(positions))) != {float}:
        raise Refusal("is damaged: a polygon's coordinates are not numbers. Export it again.")
    lengths = set(map(len, positions))
    if min(lengths) < 2:
        raise Refusal("is damaged: a polygon has a point with a single coordinate. Export it again.")
    return np.array([position[:2] for position in positions] if lengths != {2} else positions)
