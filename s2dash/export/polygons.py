"""The patches of a class map as files of polygons: GeoPackage, FlatGeobuf, and Shapefile in a zip."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np

from s2dash.classify.clean_up import StripSieve, least_pixels
from s2dash.core.classmap import ClassMap
from s2dash.core.edits import Sieve
from s2dash.core.sureness import UNKNOWN
from s2dash.core.types import Window
from s2dash.errors import OutputConflict
from s2dash.export.contents import UNDATED, ClassFacts, Export, label_strips, listed_facts, require_full, staged
from s2dash.export.handover import Handover
from s2dash.export.outlines import SMOOTH, STRAIGHT, Outlines, outlines
from s2dash.export.styles import polygon_qml_text

LAYER = "classes"
_FOLDER: ContextVar[Path | None] = ContextVar("folder of patches that are found once", default=None)
_FIELDS = ("class", "name", "code", "colour", "hectares")
_SURE_FIELD = "confidence"
"""At most ten letters each: a shapefile cuts longer ones."""
_MOST_SHAPEFILE_BYTES = 2**31 - 1
_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg", ".qml")
_STYLES_TABLE = """
    CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256),
        f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30),
        styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
        update_time DATETIME DEFAULT CURRENT_TIMESTAMP);
    INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES ('layer_styles', 'attributes', 'layer_styles')
"""
"""As QGIS makes it where it saves a style in a GeoPackage."""


@contextmanager
def made_once(folder: Path) -> Iterator[None]:
    """Find patches once for all files of outlines that are written on this thread in this block, all of one handover.

    They lie in the folder, which whoever calls this empties.
    """
    token = _FOLDER.set(folder)
    try:
        yield
    finally:
        _FOLDER.reset(token)


def write_geopackage(handover: Handover, out: Path) -> None:
    """Write the patches with class, name, code, colour and hectares, and the style in which QGIS opens them.

    Where the map's sureness is known they have `confidence` too: its mean over the patch, percent to one digit, of
    those pixels that the map gives the patch's class.

    Raises RecipeError for a preview, or where so many patches cannot be held; OutputConflict where `out` cannot be
    written.
    """
    with staged(out) as staged_path, _named(staged_path, ".gpkg") as path:
        _write(handover, path)
        style = polygon_qml_text(listed_facts(handover.result, handover.legend), "class")
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executescript(_STYLES_TABLE)
            connection.execute(
                "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName,"
                " styleQML, styleSLD, useAsDefault, update_time) VALUES ('', '', ?, 'geom', 'classes', ?, '', 1, ?)",
                (LAYER, style, UNDATED),
            )
            connection.execute("UPDATE gpkg_contents SET last_change = ?", (UNDATED,))


def write_flatgeobuf(handover: Handover, out: Path) -> None:
    """Write the same as one FlatGeobuf, which holds no style; raises as `write_geopackage`."""
    with staged(out) as staged_path, _named(staged_path, ".fgb") as path:
        _write_from_geopackage(handover, path, "FlatGeobuf")


def write_shapefile(handover: Handover, out: Path) -> None:
    """Write the same as a zip with a shapefile and a style; raises as `write_geopackage`, and beyond 2 GB."""
    with staged(out) as path, tempfile.TemporaryDirectory(dir=path.parent) as folder:
        shp = Path(folder) / f"{LAYER}.shp"
        _write_from_geopackage(handover, shp, "ESRI Shapefile", encoding="UTF-8", DBF_DATE_LAST_UPDATE=UNDATED[:10])
        if any(shp.with_suffix(end).stat().st_size > _MOST_SHAPEFILE_BYTES for end in (".shp", ".dbf")):
            raise OutputConflict("A shapefile holds 2 GB, and these outlines need more. Take the GeoPackage.")
        style = polygon_qml_text(listed_facts(handover.result, handover.legend), "class")
        shp.with_suffix(".qml").write_text(style, encoding="utf-8")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for part in (shp.with_suffix(end) for end in _PARTS):
                if part.exists():  # without a place there is no .prj
                    archive.write(part, part.name)


@contextmanager
def _named(path: Path, ending: str) -> Iterator[Path]:
    """A path beside it with the ending that GDAL insists on; what is there in the end takes the place of `path`."""
    named = path.with_name(f"outlines{ending}")
    yield named
    named.replace(path)


def _write_from_geopackage(handover: Handover, path: Path, driver: str, **options: str) -> None:
    """By way of a GeoPackage, which alone can be added to: GDAL copies it batch by batch."""
    import pyogrio

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        source = Path(folder) / "outlines.gpkg"
        _write(handover, source)
        with (
            warnings.catch_warnings(),
            pyogrio.open_arrow(source, layer=LAYER, use_pyarrow=False) as (meta, stream),
        ):
            warnings.simplefilter("ignore", UserWarning)  # of a CRS that is not there
            pyogrio.write_arrow(
                stream,
                path,
                driver=driver,
                layer=LAYER,
                geometry_name=meta["geometry_name"] or "wkb_geometry",
                geometry_type="Polygon",
                crs=meta["crs"],
                **options,
            )


def _write(handover: Handover, path: Path) -> None:
    """Write all patches to a new GeoPackage; within `made_once` a copy of what the first who asked has got."""
    folder = _FOLDER.get()
    kept = None if folder is None else folder / "patches.gpkg"
    if kept is not None and kept.exists():
        shutil.copyfile(kept, path)
        return
    _write_anew(handover, path)
    if kept is not None:
        shutil.copyfile(path, kept)


def _write_anew(handover: Handover, path: Path) -> None:
    """Find and write them, a strip's at a time."""
    result = handover.result
    require_full(result)
    facts = {c.id: c for c in listed_facts(result, handover.legend)}
    grid, choice = result.classmap.grid, handover.outlines
    crs = None if grid.crs is None else grid.crs.to_wkt()
    strips = _sieved(result.classmap, choice.least_ha) if choice.least_ha else label_strips(result.classmap)
    is_begun = False
    for some in outlines(strips, grid, SMOOTH if choice.is_smooth else STRAIGHT, _percents_of(handover)):
        if len(some.shapes) or not is_begun:
            _append(path, some, handover, facts, crs, is_begun)
            is_begun = True


def _sieved(classmap: ClassMap, least_ha: float) -> Iterator[tuple[int, np.ndarray]]:
    """The strips of labels without patches that are smaller."""
    sieve = StripSieve(least_pixels(Sieve(least=least_ha, neighbours=4), classmap.grid), 4)
    for _, strip in label_strips(classmap):
        sieve.look(strip)
    for row, strip in label_strips(classmap):
        yield row, sieve.sieved(strip)


def _percents_of(handover: Handover) -> Callable[[int, np.ndarray], np.ndarray] | None:
    """How sure the pixels of one strip after the other are, `UNKNOWN` where a least patch gave them another class."""
    sureness = handover.sureness
    if sureness is None:
        return None
    mapped = label_strips(handover.result.classmap)

    def percents(row: int, labels: np.ndarray) -> np.ndarray:
        found = sureness.read(Window(row, 0, *labels.shape))
        return found if not handover.outlines.least_ha else np.where(labels == next(mapped)[1], found, UNKNOWN)

    return percents


def _append(
    path: Path, some: Outlines, handover: Handover, facts: dict[int, ClassFacts], crs: str | None, is_begun: bool
) -> None:
    import pyogrio
    import shapely
    from pyogrio.errors import DataSourceError, FeatureError

    a, b, c, d, e, f = handover.result.classmap.grid.transform[:6]
    placed = shapely.transform(
        some.shapes, lambda at: np.column_stack((at @ np.array([a, b]) + c, at @ np.array([d, e]) + f))
    )
    columns = _columns(some, facts) | ({} if handover.sureness is None else {_SURE_FIELD: np.round(some.percent, 1)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a CRS that is not there
        try:
            pyogrio.raw.write(
                path,
                geometry=shapely.to_wkb(placed),
                field_data=list(columns.values()),
                fields=list(columns),
                geometry_type="Polygon",
                crs=crs,
                driver="GPKG",
                layer=LAYER,
                append=is_begun,
            )
        except (DataSourceError, FeatureError) as error:
            raise OutputConflict(f"The outlines cannot be written: {error}. Is the disk full?") from error


def _columns(some: Outlines, facts: dict[int, ClassFacts]) -> dict[str, Any]:
    """What is told of each patch, by the name of its field."""

    def words(of: str) -> np.ndarray:
        return np.array([getattr(facts[number], of) for number in some.labels.tolist()], dtype=object)

    told = (some.labels.astype(np.int32), words("name"), words("code"), words("colour"), some.area_ha)
    return dict(zip(_FIELDS, told, strict=True))


_HELP = "A polygon for each patch, with class, name, colour, hectares and how sure (confidence)"
GEOPACKAGE = Export(
    key="geopackage",
    card="outlines",
    label="Outlines (GeoPackage)",
    short="GeoPackage",
    suffix="-outlines.gpkg",
    mime="application/geopackage+sqlite3",
    help=f"{_HELP}, which QGIS opens in the map's colours.",
    needs_full=True,
    needs_place=True,
    write=write_geopackage,
)
FLATGEOBUF = Export(
    key="flatgeobuf",
    card="outlines",
    label="Outlines (FlatGeobuf)",
    short="FlatGeobuf",
    suffix="-outlines.fgb",
    mime="application/flatgeobuf",
    help=f"{_HELP}: fast to read over the web; it holds no style.",
    needs_full=True,
    needs_place=True,
    write=write_flatgeobuf,
)
SHAPEFILE = Export(
    key="shapefile",
    card="outlines",
    label="Outlines (Shapefile, zip)",
    short="Shapefile",
    suffix="-outlines.zip",
    mime="application/zip",
    help=f"{_HELP}, for older programs: field names of ten letters, texts of 254 bytes, 2 GB at most.",
    needs_full=True,
    needs_place=True,
    write=write_shapefile,
)
