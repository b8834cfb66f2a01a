"""Where a picture lies, when its own header does not say: world files and the like beside it, points, names of tiles.

Side-cars are texts of strangers, read by ourselves: GDAL sees none, and none can refer to another file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError

from s2dash.core.grid import Grid
from s2dash.errors import UnreadableFile
from s2dash.ingest.safe_xml import parsed_xml

WORLD_ENDINGS = (".tfw", ".tifw", ".tiffw", ".j2w", ".jp2w", ".wld")
_MOST_BYTES = 1_000_000
_MOST_WORLD_BYTES = 2_000
_MOST_WKT_CHARACTERS = 20_000
_REFERRING = re.compile(r"EXTENSION|BOUNDCRS|PARAMETERFILE|GRIDS?\b|ABRIDGEDTRANSFORMATION", re.IGNORECASE)
"""Words by which the text of a coordinate system can name files."""
_STRAIGHT_PX = 0.5
"""Points that lie within so much of a straight grid are taken for one."""
_FIRST_NORTHERN = "N"
_EASTING_M, _NORTHING_M = (0.0, 1_000_000.0), (0.0, 10_000_000.0)
_UTM_PIXEL_M = (0.1, 10_000.0)


@dataclass(frozen=True)
class Place:
    """What side-cars say; None where they say nothing."""

    transform: Affine | None
    crs_wkt: str | None
    sources: tuple[str, ...]
    """Names of the side-cars."""


def side_cars(raster: str, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the names that say where a raster lies: of the same stem in the same folder."""
    stem, dot, ending = raster.lower().rpartition(".")
    stem = stem if dot and "/" not in ending else raster.lower()
    wanted = {f"{stem}{end}" for end in (*WORLD_ENDINGS, ".prj", ".qpj", ".aux.xml")}
    wanted |= {f"{raster.lower()}{end}" for end in ("w", ".aux.xml", ".prj")}
    return tuple(sorted(name for name in names if name.lower() in wanted))


def read_place(cars: Mapping[str, Path]) -> Place | None:
    """What the side-cars of one raster say, by what errors call them; None where that is nothing usable.

    Raises UnreadableFile for one that cannot be read, or with XML that is refused.
    """
    transform, crs_wkt = None, None
    for name, path in cars.items():
        low = name.lower()
        if low.endswith(".xml"):
            of_xml = _of_pam(_read(path, name, _MOST_BYTES), name)
            transform, crs_wkt = transform or of_xml[0], crs_wkt or of_xml[1]
        elif low.endswith((".prj", ".qpj")):
            crs_wkt = crs_of_text(_read(path, name, _MOST_BYTES).decode("utf-8", "replace")) or crs_wkt
        else:
            transform = _of_world_file(_read(path, name, _MOST_WORLD_BYTES)) or transform
    return Place(transform, crs_wkt, tuple(cars)) if transform or crs_wkt else None


def crs_of_text(text: str) -> str | None:
    """A coordinate system from its well-known text, as WKT of our own; None for none, or one that names files."""
    text = text.strip()
    if not text or len(text) > _MOST_WKT_CHARACTERS or _REFERRING.search(text):
        return None
    try:
        crs = CRS.from_wkt(text)
        code = crs.to_epsg()
        return str((CRS.from_epsg(code) if code else crs).to_wkt())
    except CRSError:
        return None


def with_place(transform: Affine, crs_wkt: str | None, place: Place) -> tuple[Affine, str | None, tuple[str, ...]]:
    """What a header says, completed by its side-cars; and the names of those that were needed."""
    needs_transform = transform.is_identity and place.transform is not None
    needs_crs = crs_wkt is None and place.crs_wkt is not None
    if not needs_transform and not needs_crs:
        return transform, crs_wkt, ()
    completed = place.transform if needs_transform and place.transform is not None else transform
    return completed, place.crs_wkt if needs_crs else crs_wkt, place.sources


def of_points(dataset: rasterio.DatasetReader, name: str) -> tuple[Affine | None, str | None, str | None]:
    """The grid that a file's ground control points lie on, its CRS, and what is to be noted; None where they say none.

    A grid is fitted by least squares. Points that do not lie on a straight one are not used, and said.
    """
    points, crs = dataset.gcps
    if len(points) < 3 or not crs:
        return None, None, _of_coefficients(dataset, name)
    pixels = np.array([[point.col, point.row, 1] for point in points], dtype=np.float64)
    ground = np.array([[point.x, point.y] for point in points], dtype=np.float64)
    if not (np.isfinite(pixels).all() and np.isfinite(ground).all()):
        return None, None, None
    centre = ground.mean(axis=0)
    fitted, _, rank, _ = np.linalg.lstsq(pixels, ground - centre, rcond=None)
    if rank < 3:
        return None, None, None
    (a, d), (b, e), (c, f) = fitted
    transform = Affine(a, b, c + centre[0], d, e, f + centre[1])
    size = math.sqrt(abs(transform.determinant))
    off = float(np.hypot(*(pixels @ fitted + centre - ground).T).max()) / size if size else math.inf
    if off > _STRAIGHT_PX:
        return (
            None,
            None,
            f"{name} holds its place as {len(points)} ground control points, which do not lie on a straight grid "
            f"(up to {off:,.1f} pixels beside it), so it is shown without a place. Straighten it first: in QGIS "
            "Raster > Projections > Warp, or run `gdalwarp -r near`.",
        )
    return transform, str(crs.to_wkt()), f"The place of {name} follows from its {len(points)} ground control points."


def _of_coefficients(dataset: rasterio.DatasetReader, name: str) -> str | None:
    if "RPC" not in dataset.tag_namespaces():
        return None
    return (
        f"{name} holds its place as rational polynomials (RPC), which need heights of the ground, so it is shown "
        "without a place. Orthorectify it first: in QGIS Raster > Projections > Warp, or run `gdalwarp -rpc`."
    )


def in_zone_of_tile(grid: Grid, tile: str) -> Grid | None:
    """A grid without a coordinate system in the UTM zone of its tile, `50HMK`; None where its numbers fit no zone."""
    t = grid.transform
    xs = (t.c, t.c + t.a * grid.width + t.b * grid.height)
    ys = (t.f, t.f + t.d * grid.width + t.e * grid.height)
    fits = (
        not t.is_identity
        and all(_EASTING_M[0] <= x <= _EASTING_M[1] for x in xs)
        and all(_NORTHING_M[0] <= y <= _NORTHING_M[1] for y in ys)
        and all(_UTM_PIXEL_M[0] <= size <= _UTM_PIXEL_M[1] for size in (abs(t.a) + abs(t.b), abs(t.d) + abs(t.e)))
    )
    return Grid(grid.shape_rc, t, str(CRS.from_epsg(zone_of_tile(tile)).to_wkt())) if fits else None


def zone_of_tile(tile: str) -> int:
    """EPSG code of the UTM zone of a tile: the letter tells the hemisphere."""
    return (32600 if tile[2] >= _FIRST_NORTHERN else 32700) + int(tile[:2])


def _read(path: Path, name: str, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise UnreadableFile(f"{name} cannot be read: {error.strerror}.") from error
    return data if len(data) <= most else b""


def _of_world_file(data: bytes) -> Affine | None:
    """Six numbers, one a line: steps east and north by column, then by row, and the centre of the first pixel."""
    numbers = _numbers(data.decode("ascii", "replace").replace(",", ".").split())
    if len(numbers) != 6:
        return None
    a, d, b, e, c, f = numbers
    transform = Affine(a, b, c, d, e, f) @ Affine.translation(-0.5, -0.5)
    return transform if transform.determinant else None


def _of_pam(xml: bytes, name: str) -> tuple[Affine | None, str | None]:
    """Of GDAL's side-car: the coordinate system and the six numbers of a place."""
    if not xml.strip():
        return None, None
    root = parsed_xml(xml, name)
    if root.tag != "PAMDataset":
        return None, None
    numbers = _numbers((root.findtext("GeoTransform") or "").split(","))
    transform = Affine.from_gdal(*numbers) if len(numbers) == 6 else None
    return transform if transform and transform.determinant else None, crs_of_text(root.findtext("SRS") or "")


def _numbers(texts: Sequence[str]) -> list[float]:
    """The numbers that texts stand for; empty where one stands for none."""
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        return []
    return numbers if all(map(math.isfinite, numbers)) else []
