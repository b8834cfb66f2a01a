"""The class map as a cloud-optimised GeoTIFF, and the side-car in which GIS programs find its attribute table.

GDAL keeps category names and attribute tables of a GeoTIFF only in a PAM side-car, `NAME.tif.aux.xml`
(https://gdal.org/en/stable/drivers/raster/gtiff.html). It is written here as XML, because a process that
reads strangers' files runs with GDAL's own side-cars switched off.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from pyproj import CRS as ProjCRS
from rasterio.crs import CRS
from rasterio.errors import CRSError

from s2dash import __version__
from s2dash.core.about import NOTHING_SAID, About
from s2dash.core.classmap import ClassMap, Result
from s2dash.core.edits import ClassEdits
from s2dash.core.grid import Grid
from s2dash.core.legend import Legend
from s2dash.errors import BrokenResult, OutputConflict
from s2dash.export.contents import (
    STRIP_ROWS,
    ClassFacts,
    Export,
    about_facts,
    category_names,
    class_facts,
    file_strips,
    label_strips,
    one_line,
    require_full,
    staged,
)
from s2dash.export.overviews import write_overviews
from s2dash.export.vrt import class_vrt
from s2dash.raster.door import make_geotiff, open_raster
from s2dash.settings import thread_count

_MOST_NOTES_CHARACTERS = 2_000

COG = {
    "driver": "COG",
    "blocksize": STRIP_ROWS,
    "compress": "deflate",
    "level": 1,
    "overviews": "force_use_existing",
    "bigtiff": "if_safer",
}
Column = tuple[str, str, str, list[str]]
"""Of an attribute table: name, type, usage and cells, as `_FIELD_TYPES` and `_FIELD_USAGES` call them."""
_FIELD_TYPES = {"Integer": 0, "Real": 1, "String": 2}
_FIELD_USAGES = {"Generic": 0, "PixelCount": 1, "Name": 2, "MinMax": 5, "Red": 6, "Green": 7, "Blue": 8}
"""Numbers of GDALRATFieldType and GDALRATFieldUsage in gdal.h."""


def write_geotiff(result: Result, legend: Legend, out: Path, about: About = NOTHING_SAID) -> None:
    """Write a full result as a COG: one uint8 band, 0 is nodata, on the scene's grid, with the legend's colours.

    Overviews take the most frequent class. Tags: CLASS_1 to CLASS_k, CODE_1 to CODE_k where names are of a scheme,
    S2DASH_RECIPE, S2DASH_VERSION,
    S2DASH_SCENE, S2DASH_SENSOR, S2DASH_DATE (where it is known), S2DASH_RESULT (its digest), ENGINE,
    TIFFTAG_SOFTWARE and, where the source is known,
    ATTRIBUTION and TIFFTAG_COPYRIGHT; S2DASH_EDITS after steps of edits. What the user says of the map (`about`) is in
    TITLE, PLACE, DATE, AUTHOR and NOTES; title and author also where any reader of TIFF looks for them.
    The file is written under a temporary name and read back before it takes the place of `out`; on
    failure nothing is left and an existing `out` stays. Memory holds one strip of labels.

    Raises RecipeError for a preview, OutputConflict where `out` is an input or cannot be written,
    BrokenResult where the file does not read back as it was written.
    """
    require_full(result)
    classes = class_facts(result, legend)
    _refuse_inputs(result, out)
    tags = geotiff_tags(result, classes) | about_tags(about)
    crs = _raster_crs(result.classmap.grid)
    with rasterio.Env(GDAL_PAM_ENABLED="NO"), staged(out) as path:
        source, sums = _write_source(path.parent, result, crs, classes, tags)
        rasterio.shutil.copy(source, path, **COG, num_threads=thread_count())
        _check_read_back(path, result, crs, classes, tags, sums)


def write_geotiff_and_sidecar(result: Result, legend: Legend, out: Path, about: About = NOTHING_SAID) -> None:
    """Write the GeoTIFF and `NAME.aux.xml` beside it; raises as `write_geotiff` does."""
    with staged(sidecar_path(out)) as sidecar:
        sidecar.write_text(sidecar_xml(result, legend, about), encoding="utf-8")
        write_geotiff(result, legend, out, about)


def sidecar_path(out: Path) -> Path:
    """Where GDAL looks for the side-car of a GeoTIFF."""
    return out.with_name(out.name + ".aux.xml")


def geotiff_tags(result: Result, classes: tuple[ClassFacts, ...]) -> dict[str, str]:
    """The tags of the GeoTIFF, every value one clean line."""
    attribution = one_line(result.scene.attribution)
    notes = one_line(" ".join(result.warnings), _MOST_NOTES_CHARACTERS)
    return {
        **({"TIFFTAG_COPYRIGHT": attribution, "ATTRIBUTION": attribution} if attribution else {}),
        "TIFFTAG_SOFTWARE": f"s2dash {__version__}",
        "ENGINE": one_line(result.engine),
        "S2DASH_VERSION": __version__,
        **({"S2DASH_DATE": one_line(result.scene.date)} if result.scene.date else {}),
        "S2DASH_SENSOR": one_line(result.scene.sensor),
        "S2DASH_SCENE": one_line(result.scene.title) or "scene",
        "S2DASH_RESULT": one_line(result.digest),
        "S2DASH_RECIPE": result.recipe.to_json(),
        **({"S2DASH_EDITS": ClassEdits(steps=result.edits.steps).to_json()} if result.edits.steps else {}),
        **({"S2DASH_NOTES": notes} if notes else {}),
        **{f"CLASS_{c.id}": c.name for c in classes},
        **{f"CODE_{c.id}": c.code for c in classes if c.code},
    }


def about_tags(about: About) -> dict[str, str]:
    """What the user says of the map as tags of a GeoTIFF."""
    said = about_facts(about)
    known = {"TIFFTAG_DOCUMENTNAME": said.get("title"), "TIFFTAG_ARTIST": said.get("author")}
    return {name.upper(): words for name, words in said.items()} | {tag: words for tag, words in known.items() if words}


def sidecar_xml(result: Result, legend: Legend, about: About = NOTHING_SAID) -> str:
    """GDAL's PAM side-car of the GeoTIFF: category names (0 is `No data`) and an attribute table of the classes.

    With what the user says of the map as metadata.

    Columns Value, Class_name, Code (where any class has one), Red, Green, Blue, Count (pixels), Area_ha (where the
    scene has a place) and Share_percent (of the pixels that are not masked). Without an XML declaration, as GDAL writes
    it: its parser takes the first node for the root. Raises RecipeError for a preview.
    """
    require_full(result)
    classes = class_facts(result, legend)
    root = ET.Element("PAMDataset")
    if said := about_facts(about):
        metadata = ET.SubElement(root, "Metadata")
        for name, words in said.items():
            ET.SubElement(metadata, "MDI", key=name.upper()).text = words
    band = ET.SubElement(root, "PAMRasterBand", band="1")
    names = ET.SubElement(band, "CategoryNames")
    for name in category_names({c.id: c.name for c in classes}):
        ET.SubElement(names, "Category").text = name
    band.append(attribute_table(_columns(classes)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _columns(classes: tuple[ClassFacts, ...]) -> list[Column]:
    """Name, type, usage and cells of each column."""
    most = max((c.row.count for c in classes), default=0)
    counts_type = "Integer" if most <= np.iinfo(np.int32).max else "Real"
    columns = [
        ("Value", "Integer", "MinMax", [str(c.id) for c in classes]),
        ("Class_name", "String", "Name", [c.name for c in classes]),
        *([("Code", "String", "Generic", [c.code for c in classes])] if any(c.code for c in classes) else []),
        ("Red", "Integer", "Red", [str(c.rgb[0]) for c in classes]),
        ("Green", "Integer", "Green", [str(c.rgb[1]) for c in classes]),
        ("Blue", "Integer", "Blue", [str(c.rgb[2]) for c in classes]),
        ("Count", counts_type, "PixelCount", [str(c.row.count) for c in classes]),
    ]
    areas = [c.row.area_ha for c in classes]
    if not any(area is None for area in areas):
        columns.append(("Area_ha", "Real", "Generic", [f"{area:.4f}" for area in areas]))
    columns.append(("Share_percent", "Real", "Generic", [f"{100 * c.row.share:.4f}" for c in classes]))
    return columns


def attribute_table(columns: Sequence[Column]) -> ET.Element:
    """GDAL's raster attribute table of a side-car."""
    table = ET.Element("GDALRasterAttributeTable", tableType="thematic")
    for index, (name, kind, usage, _) in enumerate(columns):
        field = ET.SubElement(table, "FieldDefn", index=str(index))
        ET.SubElement(field, "Name").text = name
        ET.SubElement(field, "Type", typeAsString=kind).text = str(_FIELD_TYPES[kind])
        ET.SubElement(field, "Usage", usageAsString=usage).text = str(_FIELD_USAGES[usage])
    for index, cells in enumerate(zip(*(column[3] for column in columns), strict=True)):
        row = ET.SubElement(table, "Row", index=str(index))
        for cell in cells:
            ET.SubElement(row, "F").text = cell
    return table


def _refuse_inputs(result: Result, out: Path) -> None:
    for taken in (*result.scene.paths, result.classmap.path):
        if taken is not None and out.exists() and taken.exists() and out.samefile(taken):
            raise OutputConflict(f"{out.name} is one of the inputs. Choose another name for the result.")


def _raster_crs(grid: Grid) -> CRS | None:
    if not grid.crs_wkt:
        return None
    try:
        return CRS.from_user_input(grid.crs_wkt)
    except CRSError:
        return None


def _write_plain(path: Path, result: Result) -> None:
    """The labels as a file for GDAL's COG driver, which copies only."""
    with make_geotiff(path, result.classmap.grid.shape_rc, "uint8", block=STRIP_ROWS) as dataset:
        for row, strip in label_strips(result.classmap):
            dataset.write(strip, 1, window=((row, row + strip.shape[0]), (0, strip.shape[1])))


def _write_source(
    folder: Path, result: Result, crs: CRS | None, classes: Iterable[ClassFacts], tags: dict[str, str]
) -> tuple[Path, list[int]]:
    """What the COG is copied from, and the checksum of each strip of labels.

    It is a VRT (https://gdal.org/en/stable/drivers/raster/vrt.html) that puts together the labels where they
    lie, overviews, colours and tags: GDAL's own most frequent class takes several times as long.
    """
    sums: list[int] = []

    def strips() -> Iterator[tuple[int, np.ndarray]]:
        for row, strip in label_strips(result.classmap):
            sums.append(_checksum(strip))
            yield row, strip

    labels_path = result.classmap.path
    if labels_path is None:
        labels_path = folder / "labels.tmp"
        _write_plain(labels_path, result)
    overviews = write_overviews(strips(), result.classmap.grid.shape_rc, folder)
    source = folder / "source.vrt"
    paths = [labels_path.absolute(), *(path.absolute() for path in overviews)]
    source.write_text(_vrt_text(result.classmap.grid, crs, classes, tags, paths), encoding="utf-8")
    return source, sums


def _vrt_text(
    grid: Grid, crs: CRS | None, classes: Iterable[ClassFacts], tags: dict[str, str], paths: Sequence[Path]
) -> str:
    """The VRT of a class map; `paths` are those of the labels and their overviews, largest first."""
    of_number = {c.id: (*c.rgb, 255) for c in classes}
    colours = [of_number.get(number, (0, 0, 0, 0)) for number in range(max(of_number, default=0) + 1)]
    root, band = class_vrt(grid, None if crs is None else crs.to_wkt(), tags, colours)
    labels, *smaller = paths
    for kind, path in (("SimpleSource", labels), *(("Overview", path) for path in smaller)):
        source = ET.SubElement(band, kind)
        ET.SubElement(source, "SourceFilename", relativeToVRT="0").text = str(path)
        ET.SubElement(source, "SourceBand").text = "1"
    return ET.tostring(root, encoding="unicode") + "\n"


def _checksum(labels: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(labels).data)


def _check_read_back(
    path: Path,
    result: Result,
    crs: CRS | None,
    classes: Iterable[ClassFacts],
    tags: dict[str, str],
    sums: Sequence[int],
) -> None:
    """Raise BrokenResult where the file is not what was to be written; `sums` are those of `_write_source`."""
    grid = result.classmap.grid
    with open_raster(path) as dataset:
        colours = dataset.colormap(1)
        checks = {
            "shape": dataset.shape == tuple(grid.shape_rc),
            "kind of numbers": dataset.dtypes == ("uint8",) and dataset.nodata == 0,
            "position": dataset.transform.almost_equals(grid.transform, precision=_tolerance(grid)),
            "coordinate system": not grid.has_place or _same_crs(crs, dataset.crs),
            "colours": all(tuple(colours[c.id][:3]) == c.rgb for c in classes),
            "tags": tags.items() <= dataset.tags().items(),
        }
    broken = [what for what, fine in checks.items() if not fine]
    if broken:
        raise BrokenResult(f"The GeoTIFF did not read back as it was written ({', '.join(broken)}). Try again.")
    if not _labels_are_there(path, result.classmap, sums):
        raise BrokenResult("The GeoTIFF did not read back as it was written (labels). Is the disk full?")


def _labels_are_there(path: Path, classmap: ClassMap, sums: Sequence[int]) -> bool:
    """Whether the strips of a file have these checksums; several threads read a stretch each."""
    starts = range(0, len(sums), -(-len(sums) // thread_count()))

    def check(start: int) -> bool:
        stretch = sums[start : start + starts.step]
        found = file_strips(path, classmap, start, start + len(stretch))
        return all(_checksum(strip) == expected for expected, (_, strip) in zip(stretch, found, strict=True))

    with ThreadPoolExecutor(len(starts)) as pool:
        return all(pool.map(check, starts))


def _tolerance(grid: Grid) -> float:
    """A millionth of a pixel, in CRS units."""
    return 1e-6 * min(grid.pixel_size)


def _same_crs(expected: CRS | None, found: CRS | None) -> bool:
    if expected is None or found is None:
        return expected is found
    return bool(expected == found) or ProjCRS.from_wkt(expected.to_wkt()).equals(
        ProjCRS.from_wkt(found.to_wkt()), ignore_axis_order=True
    )


EXPORT = Export(
    key="geotiff",
    card="gis",
    label="Download GeoTIFF",
    short="GeoTIFF",
    suffix="-classes.tif",
    mime="image/tiff",
    help="The class map with its place and colours, for QGIS, ArcGIS and other GIS programs.",
    needs_full=True,
    needs_place=True,
    write=lambda handover, out: write_geotiff(handover.result, handover.legend, out, handover.about),
)
