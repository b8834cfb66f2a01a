"""Everything that belongs to a class map in one zip: GeoTIFF, side-car, table, recipe and a README."""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path

from s2dash import __version__
from s2dash.core.about import About
from s2dash.core.accuracy import Accuracy
from s2dash.core.accuracy_words import overall_words
from s2dash.core.classmap import Result
from s2dash.core.scene import SCL
from s2dash.export import geotiff, styles, table
from s2dash.export.contents import (
    Export,
    about_facts,
    edits_with_looks,
    file_stem,
    listed_facts,
    one_line,
    require_full,
    staged,
)
from s2dash.export.handover import Handover

_MOST_NOTE_CHARACTERS = 500


SURENESS_SUFFIX = "-how-sure.tif"
_STYLES = geotiff.EXPORT.suffix.removesuffix(".tif")
"""Styles are found by the map's own name."""
_SURE_LINE = "how clearly each pixel belongs to its class, 0 to 100 percent; a close call need not be a mistake"
_EDITS_LINE = "edits.json  which classes were then merged, split, left out or moved: s2dash takes it with --edits"


def write_bundle(handover: Handover, out: Path) -> None:
    """Write the zip, with how sure each pixel is where that is known; raises as `geotiff.write_geotiff` does."""
    result, legend, about = handover.result, handover.legend, handover.about
    require_full(result)
    stem, edits = file_stem(handover.title), edits_with_looks(result, legend)
    tif_name = stem + geotiff.EXPORT.suffix
    classes, title = listed_facts(result, legend), one_line(handover.title) or "Class map"
    texts = {
        f"{stem}{_STYLES}.qml": styles.qml_text(classes).encode(),
        f"{stem}{_STYLES}.sld": styles.sld_text(classes, title).encode(),
        f"{stem}{_STYLES}.clr": styles.clr_text(classes).encode(),
        f"{tif_name}.aux.xml": geotiff.sidecar_xml(result, legend, about).encode(),
        stem + table.EXPORT.suffix: table.csv_bytes(table.csv_text(result, legend)),
        "recipe.json": (json.dumps(result.recipe.to_dict(), indent=2, allow_nan=False) + "\n").encode(),
        **({"edits.json": (edits.to_json() + "\n").encode()} if edits else {}),
        "README.txt": readme(handover, tif_name, edits is not None).encode(),
    }
    with staged(out) as path, tempfile.TemporaryDirectory(dir=path.parent) as folder:
        tif = Path(folder) / tif_name
        geotiff.write_geotiff(result, legend, tif, about)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(tif, tif_name, compress_type=zipfile.ZIP_STORED)
            if handover.sureness is not None:
                sure = Path(folder) / f"{stem}{SURENESS_SUFFIX}"
                handover.sureness.write(sure)
                archive.write(sure, sure.name, compress_type=zipfile.ZIP_STORED)
            for name, content in texts.items():
                archive.writestr(name, content)


def readme(handover: Handover, tif_name: str, has_edits: bool = False) -> str:
    """What the files are and how to open them, plain text."""
    result = handover.result
    stem = tif_name.removesuffix(geotiff.EXPORT.suffix)
    attribution = one_line(result.scene.attribution)
    source = [f"{attribution}. Keep this sentence with anything you make from the map.", ""] if attribution else []
    notes = [f"- {one_line(words, _MOST_NOTE_CHARACTERS)}" for words in result.warnings]
    left_out = _left_out(result)
    lines = [
        one_line(handover.about.title) or f"Class map of {one_line(result.scene.title) or 'a scene'}",
        *_said(handover.about),
        "",
        *source,
        f"QGIS: unpack the zip into one folder and drag {tif_name} into the map window.",
        f"ArcGIS and others: add {tif_name} as a raster layer; leave the .aux.xml beside it, it holds the class names.",
        "",
        f"{tif_name}  the map: each pixel holds the number of its class, 0 is no data",
        f"{tif_name}.aux.xml  names, colours, pixels and areas of the classes, for GIS programs",
        *([f"{stem}{SURENESS_SUFFIX}  {_SURE_LINE}"] if handover.sureness is not None else []),
        f"{stem}{_STYLES}.qml  names and colours for QGIS, which takes them by itself; .sld for other programs",
        f"{stem}{_STYLES}.clr  colours for ArcGIS (Symbology, Colormap), where it does not take them from the map",
        f"{stem}{table.EXPORT.suffix}  the same for a spreadsheet, with the mean of each band",
        "recipe.json  the choices that made the map; s2dash repeats the run with them",
        *([_EDITS_LINE] if has_edits else []),
        "",
        *([left_out, ""] if left_out else []),
        *([_checked(handover.accuracy), ""] if handover.accuracy is not None else []),
        *(["Notes on this map:", *notes, ""] if notes else []),
        f"Classes are groups of pixels that look alike; their names are the user's. Made with s2dash {__version__}.",
    ]
    return "\r\n".join(lines) + "\r\n"


def _said(about: About) -> list[str]:
    """A line for each further field that the user filled in."""
    named = {"place": "Place", "date": "Picture of", "author": "By", "notes": "Notes"}
    return [f"{named[name]}: {words}" for name, words in about_facts(about).items() if name in named]


def _checked(accuracy: Accuracy) -> str:
    """How much of the map is right, in a sentence, and by what."""
    return f"Checked by {accuracy.answers:,} {accuracy.unit}: {overall_words(accuracy)}"


def _left_out(result: Result) -> str:
    """Which clouds and the like are no data by choice, and who says where they are; empty where nothing is."""
    scene, codes = result.scene, result.recipe.masking.scl
    words = [name for code, name in scene.mask_classes.items() if code in codes]
    by = dict.fromkeys(mask.quality or "SCL" for mask in scene.masks if mask.kind == SCL)
    return f"Left out as no data, by {' and '.join(by)}: {'; '.join(words)}." if words else ""


EXPORT = Export(
    key="bundle",
    card="gis",
    label="GIS bundle (zip)",
    short="GIS bundle",
    suffix="-classes.zip",
    mime="application/zip",
    help="The GeoTIFF with class names and areas for GIS programs, how sure each pixel is where that is there, the "
    "class table, and the recipe that made them.",
    needs_full=True,
    needs_place=True,
    write=write_bundle,
)
