"""The ground and bands of a found scene as one GeoTIFF, on the scene's own grid: only what is wanted is fetched."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.warp import transform_bounds

from s2dash.core.types import Progress
from s2dash.errors import NotFetched, UnknownName, UnreadableFile
from s2dash.find.bands import Opening, RemoteBand, with_own_numbers
from s2dash.find.door import Door
from s2dash.find.items import ATTRIBUTION, SCL, BandFile, FoundScene
from s2dash.find.places import Box
from s2dash.find.ranges import Renew
from s2dash.raster.door import GDAL_ERRORS, make_geotiff
from s2dash.settings import FETCH_LIMITS, INGEST_LIMITS

USUAL_BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12", SCL)
Renewed = Callable[[FoundScene], FoundScene]
"""What the catalogue says of a scene now."""
_UNLIKE = "A band of the scene is not stored as those of Sentinel-2 are. Choose another scene."
_STRIP_ROWS = 512
_TILE = 512


@dataclass(frozen=True)
class Cut:
    """A rectangle of a scene's own grid, in pixels of the wanted size, that cuts no pixel of any band."""

    crs_wkt: str
    transform: Affine
    shape_rc: tuple[int, int]
    pixel_m: int
    unit: int
    """Rows, or columns, after which pixels of all bands end."""
    share: float = 1.0
    """Of the ground that is wanted, as far as the scene has it."""

    def strips(self, parts: int) -> list[tuple[int, int]]:
        """First row and number of rows of what is read at once, where memory holds so many bands of it."""
        rows = self.unit * max(1, _STRIP_ROWS // parts // self.unit)
        return [(start, min(rows, self.shape_rc[0] - start)) for start in range(0, self.shape_rc[0], rows)]


def chosen(scene: FoundScene, names: Sequence[str]) -> list[BandFile]:
    """The files of bands, in the order of the names.

    Raises UnknownName for a band that the scene does not have, NotFetched where its numbers cannot be trusted.
    """
    if scene.has_doubtful_offset:
        raise NotFetched(
            f"{scene.id} is of a collection that often says wrongly whether 1,000 is still to be subtracted. Take the "
            "scene of the same day from sentinel-2-c1-l2a."
        )
    files = {one.name: one for one in scene.bands}
    for name in names:
        if name not in files:
            raise UnknownName(f"{scene.id} has no band {name[:20]}. It has {', '.join(files)}.")
    if not set(names) - {SCL}:
        raise UnknownName("No band is chosen. Name some, such as B02,B03,B04,B08.")
    return [files[name] for name in dict.fromkeys(names)]


def write_cut(
    scene: FoundScene,
    names: Sequence[str],
    box: Box,
    pixel_m: int,
    out: Path,
    door: Door,
    progress: Progress,
    renewed: Renewed | None = None,
) -> Cut:
    """Write bands of the ground in a box, as stored numbers with their scale, offset, names, date and source.

    Finer bands are averaged over each pixel (by overviews where the file has them), coarser ones repeated; SCL keeps
    its classes, of the pixel in the middle. Where an address is not good any more, the one that `renewed` knows is
    asked.

    Raises NotFetched, UnreadableFile and UnknownName as `ranges.opened` and `chosen`, and NotFetched for ground that
    lies outside of the scene.
    """
    files = chosen(scene, names)
    door = door.within(FETCH_LIMITS.most_load_seconds)
    with contextlib.ExitStack() as stack:
        opening = Opening(door, stack)
        rasters = [opening.band(one, newer(scene, one, renewed)) for one in files]
        files = [with_own_numbers(one, raster) for one, raster in zip(files, rasters, strict=True)]
        cut = cut_of(scene, rasters, box, pixel_m)
        made = stack.enter_context(begun(out, cut, files))
        made.update_tags(ACQUISITION_DATE=scene.date, **source_tags([scene], scene.id))
        parts = list(itertools.product(enumerate(zip(files, rasters, strict=True), 1), cut.strips(1)))
        for done, ((number, (file, raster)), (start, rows)) in enumerate(parts, 1):
            window = ((start, start + rows), (0, cut.shape_rc[1]))
            made.write(strip_of(raster, cut, start, rows, file.name == SCL), number, window=window)
            progress(done / len(parts), "Loading")
    return cut


def newer(scene: FoundScene, file: BandFile, renewed: Renewed | None) -> Renew | None:
    """How the address that a band's file has now is found."""
    if renewed is None:
        return None
    return lambda: next((one.address for one in renewed(scene).bands if one.name == file.name), None)


def begun(out: Path, cut: Cut, files: Sequence[BandFile]) -> rasterio.io.DatasetWriter:
    """A GeoTIFF of a cut, without its pixels: names, scale and offset of the bands are those of the files.

    Raises one of GDAL_ERRORS or OSError where it cannot be written.
    """
    profile = {"compress": "deflate", "predictor": 2, "nodata": 0, "interleave": "band"}
    made = make_geotiff(
        out,
        cut.shape_rc,
        "uint16",
        count=len(files),
        crs_wkt=cut.crs_wkt,
        transform=cut.transform,
        block=_TILE,
        **profile,
    )
    made.descriptions = tuple(one.name for one in files)
    made.scales, made.offsets = tuple(one.scale for one in files), tuple(one.offset for one in files)
    return made


def source_tags(scenes: Sequence[FoundScene], title: str) -> dict[str, str]:
    """Title, and whose pictures these are, with their years."""
    years = ", ".join(sorted({one.date[:4] for one in scenes}))
    return {"TIFFTAG_COPYRIGHT": f"{ATTRIBUTION} {years}", "TIFFTAG_IMAGEDESCRIPTION": title}


def cut_of(scene: FoundScene, rasters: Sequence[RemoteBand], box: Box, pixel_m: int) -> Cut:
    """The pixels that a box touches, as far as the scene has them.

    Raises NotFetched where it has none or too many, UnreadableFile for rasters that are not on one grid of UTM.
    """
    first, crs = rasters[0], rasters[0].crs
    sizes = [_pixel_size(raster, first) for raster in rasters]
    assert crs is not None
    step = math.lcm(pixel_m, *sizes)
    left, top = first.transform.c, first.transform.f
    extent_y, extent_x = (count * sizes[0] for count in first.shape)
    west, south, east, north = _bounds_on(crs, box)
    x = _snapped(west - left, east - left, extent_x, step)
    y = _snapped(top - north, top - south, extent_y, step)
    if x is None or y is None:
        raise NotFetched(f"The ground lies outside of the tile of {scene.id}. Search for scenes of this ground.")
    shape = ((y[1] - y[0]) // pixel_m, (x[1] - x[0]) // pixel_m)
    if shape[0] * shape[1] > INGEST_LIMITS.most_pixels or max(shape) > INGEST_LIMITS.most_side:
        raise NotFetched("The ground has more pixels than a scene may have. Take larger pixels, or less ground.")
    transform = Affine(pixel_m, 0, left + x[0], 0, -pixel_m, top - y[0])
    share = _within(west - left, east - left, extent_x) * _within(top - north, top - south, extent_y)
    return Cut(crs.to_wkt(), transform, shape, pixel_m, step // pixel_m, share)


def _pixel_size(raster: RemoteBand, first: RemoteBand) -> int:
    """Metres; raises UnreadableFile for what is no band of a Sentinel-2 tile in UTM, on the ground of the first."""
    place, crs = raster.transform, raster.crs
    size = round(place.a) if all(map(math.isfinite, place)) else 0
    is_plain = (place.a, place.b, place.d, place.e) == (size, 0, 0, -size) and size > 0
    is_beside = (place.c, place.f) == (first.transform.c, first.transform.f) and crs == first.crs
    has_kind = raster.kind in ("uint8", "uint16")
    if not (is_plain and is_beside and has_kind and crs is not None and crs.is_projected):
        raise UnreadableFile(_UNLIKE)
    return size


def _bounds_on(crs: CRS, box: Box) -> tuple[float, float, float, float]:
    """West, south, east, north of a box in a scene's own system; raises UnreadableFile where it has none there."""
    found: list[tuple[float, float, float, float]] = []
    with contextlib.suppress(*GDAL_ERRORS):
        found = [transform_bounds("EPSG:4326", crs, *one.bounds, densify_pts=21) for one in box.parts]
    if not found or not np.isfinite(found).all():
        raise UnreadableFile(_UNLIKE)
    west, south, east, north = zip(*found, strict=True)
    return min(west), min(south), max(east), max(north)


def _snapped(low: float, high: float, extent: int, step: int) -> tuple[int, int] | None:
    """From and to, in metres from the scene's corner; None where nothing is between."""
    first, beyond = math.floor(max(low, 0) / step) * step, math.ceil(min(high, extent) / step) * step
    beyond = min(beyond, extent // step * step)
    return (first, beyond) if first < beyond else None


def _within(low: float, high: float, extent: int) -> float:
    """Share of what is wanted that the scene has, from 0 to 1."""
    return max(0.0, min(high, extent) - max(low, 0)) / (high - low)


def strip_of(raster: RemoteBand, cut: Cut, start: int, rows: int, is_classes: bool) -> np.ndarray:
    """Some rows of the cut, shape (rows, columns), uint16; classes are those of the pixel in the middle.

    Raises NotFetched and UnreadableFile.
    """
    place, pixel_m = raster.transform, cut.pixel_m
    size = round(place.a)
    top = round((place.f - cut.transform.f) / size) + start * pixel_m // size
    left = round((cut.transform.c - place.c) / size)
    shape = (rows, cut.shape_rc[1])
    height, width = (count * pixel_m // size for count in shape)
    window = ((top, top + height), (left, left + width))
    if pixel_m > size and not is_classes:
        made = raster.read(window=window, out_shape=shape, resampling=Resampling.average)
        return np.asarray(made, dtype=np.uint16)
    found = raster.read(window=window)
    at_row, at_column = ((np.arange(count) * 2 + 1) * pixel_m // (2 * size) for count in shape)
    return np.asarray(found[np.ix_(at_row, at_column)], dtype=np.uint16)
