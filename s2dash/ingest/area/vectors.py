"""The one door to GDAL's vector drivers: shapes of a file whose kind is known, in layers, by pyogrio.

Only the drivers named here stay registered: others open files, addresses and databases that a text inside names,
and the name and the first bytes of a file are not enough to keep them out.
"""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from s2dash.ingest.area.shapes import Refusal, plain
from s2dash.settings import AreaLimits

DRIVERS = {"gpkg": "GPKG", "shp": "ESRI Shapefile", "kml": "KML", "fgb": "FlatGeobuf"}
"""GDAL's driver by the ending that our own copy of a file gets."""

_OPTIONS: dict[str, dict[str, Any]] = {"gpkg": {"LIST_ALL_TABLES": "NO"}, "fgb": {"VERIFY_BUFFERS": "YES"}}
_CONFIGURATION = {
    "SHAPE_RESTORE_SHX": "YES",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}",
    "OGR_SQLITE_JOURNAL": "OFF",
}


@dataclass(frozen=True)
class VectorLayer:
    """What one layer holds."""

    name: str
    shapes: np.ndarray
    """(n,) of shapely geometries of any kind, in two dimensions; None where there is none or it is damaged."""
    missing: int
    """Features of which GDAL gives no shape: they have none, or it cannot be read."""
    damaged: int
    """Features whose shape is none that can be, such as rings of three points."""
    crs: str
    """EPSG:… or WKT; empty where the file does not say."""
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    """(n,) each, of any kind, by heading, where they were asked for."""


def read_layers(path: Path, limits: AreaLimits, with_columns: bool = False) -> Iterator[VectorLayer]:
    """Each layer with geometries of one of our own copies, whose ending is one of `DRIVERS`.

    Curves are brought to lines. Attributes are read where `with_columns` says so.

    Raises Refusal where the file is damaged or has too many shapes.
    """
    kind = path.suffix[1:]
    options = _OPTIONS.get(kind, {})
    ogr = pyogrio_of_ours()
    try:
        with warnings.catch_warnings():
            # GDAL's words about small faults, which would go to the log.
            warnings.simplefilter("ignore")
            layers = ogr.list_layers(path)
            if not len(layers) and kind != "kml":
                raise Refusal("is damaged: its header cannot be read. Export it again.")
            for number, (name, geometry_type) in enumerate(layers):
                if geometry_type is None:
                    continue
                about = ogr.read_info(path, layer=number, **options)
                if about["driver"] != DRIVERS[kind]:
                    raise Refusal("is not what its first bytes say. Export it again.")
                found = _layer(ogr, path, number, str(name), limits, options, with_columns)
                if kind == "fgb" and len(found.shapes) < about["features"]:
                    raise Refusal(f"is cut short: {len(found.shapes):,} of {about['features']:,} features are there.")
                yield found
    except ogr.errors.CRSError as error:
        raise Refusal("uses a coordinate system that we do not read. Save it in WGS 84 (EPSG:4326).") from error
    except (RuntimeError, ValueError) as error:
        raise Refusal("is damaged: its shapes cannot be read. Export it again.") from error


def _layer(
    ogr: Any,
    path: Path,
    number: int,
    name: str,
    limits: AreaLimits,
    options: dict[str, Any],
    with_columns: bool,
) -> VectorLayer:
    most = limits.most_polygons
    asked = {"layer": number, "columns": None if with_columns else [], "max_features": most + 1, **options}
    about, _, stored, fields = ogr.raw.read(path, force_2d=True, **asked)
    if len(stored) > most:
        raise Refusal(
            f"has more than {most:,} features in the layer {plain(name)}, which are too many. "
            "Keep only the polygons that are needed."
        )
    shapes = shapely.from_wkb(stored, on_invalid="fix")
    missing = sum(one is None for one in stored)
    damaged = int(shapely.is_missing(shapes).sum()) - missing
    columns = {str(heading): one for heading, one in zip(about["fields"], fields, strict=True)}
    return VectorLayer(name, shapes, missing, damaged, about["crs"] or "", columns)


@cache
def pyogrio_of_ours() -> Any:
    """The module pyogrio, with all drivers gone but ours. Raises Refusal where they cannot be taken away."""
    import pyogrio
    import pyogrio._ogr

    try:
        _keep_drivers(ctypes.CDLL(pyogrio._ogr.__file__), frozenset(DRIVERS.values()))
    except (OSError, AttributeError) as error:
        raise Refusal("cannot be read on this system. Save the polygons as GeoJSON.") from error
    pyogrio.set_gdal_config_options(_CONFIGURATION)
    return pyogrio


def _keep_drivers(gdal: ctypes.CDLL, wanted: frozenset[str]) -> None:
    """Take all other drivers out of the registry of the GDAL that pyogrio brings; rasterio has one of its own."""
    gdal.GDALGetDriver.restype = ctypes.c_void_p
    gdal.GDALGetDriver.argtypes = [ctypes.c_int]
    gdal.GDALGetDriverShortName.restype = ctypes.c_char_p
    gdal.GDALGetDriverShortName.argtypes = [ctypes.c_void_p]
    gdal.GDALDeregisterDriver.restype = None
    gdal.GDALDeregisterDriver.argtypes = [ctypes.c_void_p]
    for driver in [gdal.GDALGetDriver(number) for number in range(gdal.GDALGetDriverCount())]:
        if gdal.GDALGetDriverShortName(driver).decode() not in wanted:
            gdal.GDALDeregisterDriver(driver)
