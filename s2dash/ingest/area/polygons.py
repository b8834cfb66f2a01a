"""Polygons given as a mask: from a stranger's files of any common kind to pixels of the scene."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from pyproj import CRS
from shapely.errors import GEOSException

from s2dash.errors import UnreadableFile
from s2dash.ingest.area.geojson import read_geojson
from s2dash.ingest.area.kinds import GEOJSON
from s2dash.ingest.area.shapes import (
    POLYGON,
    Area,
    Collected,
    Others,
    Refusal,
    area_of,
    crs_of,
    plain,
    require_few,
)
from s2dash.ingest.area.sources import VectorFile, vector_files
from s2dash.ingest.area.vectors import read_layers
from s2dash.ingest.pile import GivenFile
from s2dash.settings import AREA_LIMITS, AreaLimits

_NAMES_TOLD = 5
_DEGREES = CRS.from_user_input("OGC:CRS84")
_LARGEST_LONGITUDE, _LARGEST_LATITUDE = 180.0, 90.0


def read_area(
    given: Path | Sequence[GivenFile],
    limits: AreaLimits = AREA_LIMITS,
    name: str | None = None,
    scratch: Path | None = None,
    scene_crs: CRS | None = None,
) -> Area:
    """The polygons of files that have one coordinate system: see `read_areas`."""
    [area] = read_areas(given, limits, name, scratch, scene_crs)
    return area


def read_areas(
    given: Path | Sequence[GivenFile],
    limits: AreaLimits = AREA_LIMITS,
    name: str | None = None,
    scratch: Path | None = None,
    scene_crs: CRS | None = None,
) -> list[Area]:
    """The polygons of one file, of the files of a shapefile, or of an archive with these, by coordinate system.

    Points and lines are left out and noted; polygons that cross themselves are repaired (`shapely.make_valid`,
    method "structure") and noted. All layers with polygons count.

    Parameters
    ----------
    name : what messages call it, where that is not the name of the first file
    scratch : the folder for a folder of copies, which is gone afterwards; that of temporary files where None
    scene_crs : what coordinates are in that are not said to be in any, and are no degrees

    Raises UnreadableFile where the file is of another kind, is damaged, holds no polygon or passes a limit.
    """
    files = [GivenFile(given.name, given)] if isinstance(given, Path) else list(given)
    name = name or files[0].name
    try:
        with tempfile.TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True) as folder:
            found = vector_files(files, Path(folder), limits)
            if found[0].kind == GEOJSON:
                return [read_geojson(found[0].path, name, limits)]
            return _read_vectors(found, name, limits, scene_crs)
    except Refusal as refusal:
        raise UnreadableFile(f"{name} {refusal}") from refusal
    except OSError as error:
        raise UnreadableFile(f"{name} cannot be read: {error.strerror}.") from error
    except GEOSException as error:
        raise UnreadableFile(f"{name} holds polygons that cannot be repaired. Simplify them.") from error


@dataclass(frozen=True)
class _LayerPolygons:
    name: str
    polygons: np.ndarray
    crs: str


def _read_vectors(found: Sequence[VectorFile], name: str, limits: AreaLimits, scene_crs: CRS | None) -> list[Area]:
    layers: list[_LayerPolygons] = []
    others = Others()
    polygons = vertices = 0
    for source in found:
        for layer in read_layers(source.path, limits):
            if layer.missing and source.kind == "gpkg":
                # Those that are said to be empty have been taken out.
                raise Refusal("is damaged: a feature's shape breaks off. Export it again.")
            flat, _, beside = flattened(layer.shapes)
            others += beside + Others(unknown=layer.damaged)
            polygons += flat.size
            vertices += int(shapely.get_num_coordinates(flat).sum())
            require_few(polygons, vertices, limits)
            if flat.size:
                layers.append(_LayerPolygons(layer.name, flat, layer.crs))
    notes = (*(note for source in found for note in source.notes), *_layers_note(layers))
    if not layers:
        return [area_of(Collected(np.empty(0, dtype=object), others), _DEGREES, notes, name, limits)]
    areas = []
    for text in dict.fromkeys(layer.crs for layer in layers):
        together = np.concatenate([layer.polygons for layer in layers if layer.crs == text])
        crs, doubt = system_of(text, found[0].kind, shapely.total_bounds(together), scene_crs)
        # What is said of all of them is said once.
        areas.append(area_of(Collected(together, others), crs, (*notes, *doubt), name, limits))
        notes, others = (), Others()
    return areas


def flattened(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray, Others]:
    """Polygons out of multi-polygons and collections, however deep; the place of each among the given; what else is."""
    others = Others()
    polygons, places = [], []
    place = np.flatnonzero(~(shapely.is_missing(shapes) | shapely.is_empty(shapes)))
    waiting = shapes[place]
    while waiting.size:
        kind = shapely.get_type_id(waiting)
        polygons.append(waiting[kind == POLYGON])
        places.append(place[kind == POLYGON])
        others += Others(int(np.isin(kind, (0, 4)).sum()), int(np.isin(kind, (1, 2, 5)).sum()))
        several = np.isin(kind, (6, 7))
        waiting, outer = shapely.get_parts(waiting[several], return_index=True)
        place = place[several][outer]
        there = ~shapely.is_empty(waiting)
        waiting, place = waiting[there], place[there]
    if not polygons:
        return np.empty(0, dtype=object), np.empty(0, dtype=np.int64), others
    return np.concatenate(polygons), np.concatenate(places), others


def system_of(text: str, kind: str, bounds: np.ndarray, scene_crs: CRS | None) -> tuple[CRS, tuple[str, ...]]:
    """What coordinates within these bounds are in, and a note where the file does not say it. Raises Refusal."""
    if text.startswith('GEOGCS["Undefined geographic SRS"'):
        return _DEGREES, ("The file does not say which degrees it uses; taken as WGS 84.",)
    if text:
        return crs_of(text), ()
    west, south, east, north = bounds
    missing = "The shapefile came without its .prj" if kind == "shp" else "The file does not say what it is in"
    if kind != "gpkg" and max(-west, east) <= _LARGEST_LONGITUDE and max(-south, north) <= _LARGEST_LATITUDE:
        return _DEGREES, (f"{missing}; its coordinates are taken as degrees (WGS 84).",)
    if kind != "gpkg" and scene_crs is not None and scene_crs.is_projected:
        return scene_crs, (f"{missing}; its coordinates are taken as those of the scene ({scene_crs.name}).",)
    raise Refusal("does not say which coordinates it uses. Save it with a coordinate system, such as EPSG:4326.")


def _layers_note(layers: Sequence[_LayerPolygons]) -> tuple[str, ...]:
    return (f"Polygons of {len(layers):,} layers are used: {_listed(layers)}.",) if len(layers) > 1 else ()


def _listed(layers: Sequence[_LayerPolygons]) -> str:
    names = ", ".join(plain(layer.name) for layer in layers[:_NAMES_TOLD])
    return names if len(layers) <= _NAMES_TOLD else f"{names} and {len(layers) - _NAMES_TOLD:,} more"
