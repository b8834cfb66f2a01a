"""Several class maps with the same classes as one: a VRT that refers to their files, or a GeoTIFF of its own.

Maps are put together where they share a coordinate system and a lattice of pixels, so that nothing is
resampled; where they do not, each group gets a mosaic of its own.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine

from s2dash.core.grid import Grid
from s2dash.core.legend import Legend
from s2dash.core.types import CancelToken, Progress, no_progress, windows
from s2dash.errors import BrokenResult
from s2dash.export.contents import STRIP_ROWS, category_names, staged
from s2dash.export.vrt import class_vrt
from s2dash.raster.door import GDAL_ERRORS, open_raster

KINDS = ("vrt", "cog")


@dataclass(frozen=True, eq=False)
class Piece:
    """A class map in a file, and its place in the mosaic."""

    path: Path
    grid: Grid
    block_shape_rc: tuple[int, int]
    at_rc: tuple[int, int] = (0, 0)
    """Row and column of its first pixel in the mosaic."""


@dataclass(frozen=True, eq=False)
class Mosaic:
    """Class maps on one lattice."""

    grid: Grid
    pieces: tuple[Piece, ...]
    """Where they overlap, the first that has data counts."""


def plan_mosaics(paths: Sequence[Path]) -> tuple[tuple[Mosaic, ...], tuple[str, ...]]:
    """Which class maps go together, and in plain words what cannot be.

    Parameters
    ----------
    paths : one-band GeoTIFF files of labels; where two overlap, the earlier counts

    Raises BrokenResult where one cannot be read.
    """
    groups: list[list[Piece]] = []
    notes = []
    for piece in map(_piece, paths):
        if not piece.grid.has_place:
            notes.append(f"{piece.path.name} has no place on the Earth and is in no mosaic.")
            continue
        group = next((group for group in groups if group[0].grid.lattice_shift(piece.grid) is not None), None)
        if group is None:
            groups.append([piece])
        else:
            group.append(piece)
    if len(groups) > 1:
        notes.append(
            f"The scenes lie on {len(groups)} different grids (coordinate system or pixel size), so there is a "
            "mosaic for each."
        )
    return tuple(_mosaic(group) for group in groups), tuple(notes)


def mosaic_names(mosaics: Sequence[Mosaic], ending: str) -> tuple[str, ...]:
    """File names: `mosaic` where there is one, otherwise with its coordinate system and, if need be, a number."""
    if len(mosaics) == 1:
        return (f"mosaic{ending}",)
    labels = [re.sub(r"[^A-Za-z0-9]+", "", mosaic.grid.crs_label or "")[:20] for mosaic in mosaics]
    numbers = [f"-{1 + labels[:i].count(label)}" if labels.count(label) > 1 else "" for i, label in enumerate(labels)]
    return tuple(f"mosaic-{label}{number}{ending}" for label, number in zip(labels, numbers, strict=True))


def write_mosaic(
    mosaic: Mosaic,
    legend: Legend,
    tags: Mapping[str, str],
    out: Path,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> tuple[Path, ...]:
    """Write a mosaic to `out`: a VRT where it ends so, otherwise a COG and its side-car with the classes' names.

    The VRT refers to the pieces by paths relative to its folder, so they are moved together. Returns
    what was written. Each file is whole or not there.

    Raises OutputConflict where it cannot be written, BrokenResult where it does not read back, Cancelled.
    """
    if out.suffix == ".vrt":
        with staged(out) as path:
            path.write_text(vrt_text(mosaic, legend, tags, out.parent), encoding="utf-8")
        return (out,)
    sidecar = out.with_name(f"{out.name}.aux.xml")
    with rasterio.Env(GDAL_PAM_ENABLED="NO"), staged(sidecar) as words, staged(out) as path:
        words.write_text(_sidecar_text(legend), encoding="utf-8")
        source = path.with_name("source.vrt")
        source.write_text(vrt_text(mosaic, legend, tags, None), encoding="utf-8")
        progress(0.0, "Making the mosaic")
        rasterio.shutil.copy(
            source,
            path,
            driver="COG",
            blocksize=STRIP_ROWS,
            level=1,
            overview_resampling="mode",
            compress="deflate",
            num_threads=2,
            bigtiff="if_safer",
        )
        _check_read_back(path, source, mosaic, progress, cancel or CancelToken())
        source.unlink()
    return out, sidecar


def vrt_text(mosaic: Mosaic, legend: Legend, tags: Mapping[str, str], folder: Path | None) -> str:
    """A VRT of the mosaic (https://gdal.org/en/stable/drivers/raster/vrt.html).

    Parameters
    ----------
    folder : where it will stand, which holds the pieces too; None for absolute paths
    """
    rgba = legend.rgba()[: max((entry.id for entry in legend.entries), default=0) + 1].tolist()
    colours = ((red, green, blue, opacity if label else 0) for label, (red, green, blue, opacity) in enumerate(rgba))
    root, band = class_vrt(mosaic.grid, mosaic.grid.crs_wkt, tags, colours)
    _add_names(band, legend)
    # A later source covers earlier ones wherever it has data.
    for piece in reversed(mosaic.pieces):
        _add_piece(band, piece, folder)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _add_names(band: ET.Element, legend: Legend) -> None:
    names = ET.SubElement(band, "CategoryNames")
    for name in category_names({entry.id: entry.name for entry in legend.entries}):
        ET.SubElement(names, "Category").text = name


def _add_piece(band: ET.Element, piece: Piece, folder: Path | None) -> None:
    height, width = piece.grid.shape_rc
    source = ET.SubElement(band, "ComplexSource")
    is_beside = folder is not None
    shown = piece.path.resolve().relative_to(folder.resolve()).as_posix() if folder else str(piece.path.resolve())
    ET.SubElement(source, "SourceFilename", relativeToVRT=str(int(is_beside))).text = shown
    ET.SubElement(source, "SourceBand").text = "1"
    block_height, block_width = piece.block_shape_rc
    ET.SubElement(
        source,
        "SourceProperties",
        RasterXSize=str(width),
        RasterYSize=str(height),
        DataType="Byte",
        BlockXSize=str(block_width),
        BlockYSize=str(block_height),
    )
    for rect, (row, col) in {"SrcRect": (0, 0), "DstRect": piece.at_rc}.items():
        ET.SubElement(source, rect, xOff=str(col), yOff=str(row), xSize=str(width), ySize=str(height))
    ET.SubElement(source, "NODATA").text = "0"


def _sidecar_text(legend: Legend) -> str:
    root = ET.Element("PAMDataset")
    _add_names(ET.SubElement(root, "PAMRasterBand", band="1"), legend)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _piece(path: Path) -> Piece:
    try:
        with open_raster(path) as dataset:
            crs = dataset.crs.to_wkt() if dataset.crs else None
            return Piece(path, Grid(dataset.shape, dataset.transform, crs), dataset.block_shapes[0])
    except GDAL_ERRORS as error:
        raise BrokenResult(f"{path.name} can no longer be read. Run its scene again.") from error


def _mosaic(pieces: Sequence[Piece]) -> Mosaic:
    first = pieces[0].grid
    shifts = [first.lattice_shift(piece.grid) or (0, 0) for piece in pieces]
    top, left = (min(shift[axis] for shift in shifts) for axis in (0, 1))
    placed = tuple(
        Piece(piece.path, piece.grid, piece.block_shape_rc, (row - top, col - left))
        for piece, (row, col) in zip(pieces, shifts, strict=True)
    )
    shape_rc = tuple(max(piece.at_rc[axis] + piece.grid.shape_rc[axis] for piece in placed) for axis in (0, 1))
    return Mosaic(
        Grid((shape_rc[0], shape_rc[1]), first.transform @ Affine.translation(left, top), first.crs_wkt), placed
    )


def _check_read_back(path: Path, source: Path, mosaic: Mosaic, progress: Progress, cancel: CancelToken) -> None:
    grid = mosaic.grid
    with open_raster(path) as written, open_raster(source, driver="VRT") as expected:
        fine = written.shape == grid.shape_rc and written.nodata == 0 and written.crs == expected.crs
        for strip in windows(grid.shape_rc, (STRIP_ROWS, grid.width)):
            cancel.check()
            progress((strip.row + strip.height) / grid.height, "Checking the mosaic")
            where = strip.ranges_rc
            fine = fine and np.array_equal(written.read(1, window=where), expected.read(1, window=where))
    if not fine:
        raise BrokenResult("The mosaic did not read back as it was written. Is the disk full?")
