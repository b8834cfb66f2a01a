"""Makes small but genuine Sentinel-2 products for tests: SAFE folders of L1C and L2A, old and new naming, and zips."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning

from s2dash.core.sentinel2 import BANDS

EPSG = 32632
ORIGIN_XY = (600_000, 5_100_000)
"""Outer corner of the first tile's first pixel, metres; further tiles lie east of it, side by side."""
TILES = ("32TQM", "32TQN", "32TQP", "32TQQ")
SENSED = "2025-06-01"
QUANTIFICATION = 10_000

L2A_BANDS: dict[int, tuple[str, ...]] = {
    10: ("B02", "B03", "B04", "B08"),
    20: ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B8A", "B11", "B12"),
    60: ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B8A", "B09", "B11", "B12"),
}
"""What the folders R10m, R20m and R60m of a Level-2A product hold."""

_LAND = dict(zip(BANDS, (0.09, 0.06, 0.09, 0.07, 0.13, 0.25, 0.30, 0.32, 0.34, 0.36, 0.003, 0.20, 0.11), strict=True))
_WATER = dict(zip(BANDS, (0.10, 0.07, 0.05, 0.03, 0.03, 0.02, 0.02, 0.02, 0.02, 0.02, 0.002, 0.01, 0.01), strict=True))
_SOIL = dict(zip(BANDS, (0.11, 0.12, 0.16, 0.21, 0.24, 0.26, 0.28, 0.29, 0.30, 0.31, 0.004, 0.38, 0.33), strict=True))


@dataclass(frozen=True)
class Names:
    """How one tile of a product and the product itself are called."""

    safe: str
    metadata: str
    granule: str
    tile_metadata: str
    tile_id: str
    image: str
    """With `{kind}` for MSI or SCL, and `{what}` for what stands at the end."""


def reflectance(band: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The pattern's reflectance at places in metres east and north, float64: a plane, a lake and a bare field.

    It is smooth over 60 m, so the mean over a pixel is nearly the value at its centre.
    """
    east, north = (x - ORIGIN_XY[0]) / 1000, (y - ORIGIN_XY[1]) / 1000
    lake = _bump(east, north, 0.35, -0.40, 0.20)
    field = _bump(east, north, 0.85, -0.80, 0.22)
    plane = 1 + 0.15 * east + 0.10 * north
    ground = (1 - lake) * (1 - field) * _LAND[band] + lake * _WATER[band] + field * (1 - lake) * _SOIL[band]
    return np.asarray(ground * plane)


def scl_classes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The pattern's scene classification, uint8: 4 vegetation, 5 bare, 6 water, 9 cloud, 3 its shadow."""
    east, north = (x - ORIGIN_XY[0]) / 1000, (y - ORIGIN_XY[1]) / 1000
    classes = np.full(np.broadcast_shapes(x.shape, y.shape), 4, dtype=np.uint8)
    classes[_bump(east, north, 0.85, -0.80, 0.22) > 0.5] = 5
    classes[_bump(east, north, 0.35, -0.40, 0.20) > 0.5] = 6
    classes[_bump(east, north, 0.95, -0.25, 0.12) > 0.5] = 3
    classes[_bump(east, north, 0.85, -0.20, 0.12) > 0.5] = 9
    return classes


def pixel_centres(origin_xy: tuple[float, float], size_m: int, pixel_m: int) -> tuple[np.ndarray, np.ndarray]:
    """East and north of pixel centres in metres, shapes (1, cols) and (rows, 1)."""
    steps = (np.arange(size_m // pixel_m) + 0.5) * pixel_m
    return origin_xy[0] + steps[None, :], origin_xy[1] - steps[:, None]


def write_safe(
    folder: Path,
    *,
    level: str = "L2A",
    naming: str = "new",
    baseline: str = "05.11",
    offset: float | None = -1000,
    quantification: int = QUANTIFICATION,
    nodata: int = 0,
    saturated: int = 65_535,
    size_m: int = 1200,
    bands: Sequence[str] | None = None,
    all_sizes: bool = True,
    with_scl: bool = True,
    with_metadata: bool = True,
    with_tile_metadata: bool = True,
    with_extras: bool = True,
    with_crs: bool = True,
    tiles: int = 1,
    sensed: str = SENSED,
    empty_m: int = 0,
    jp2: bool = True,
) -> Path:
    """Write a product into `folder` and return the path of its .SAFE folder.

    Parameters
    ----------
    level, naming : `L1C` or `L2A`; `new`, or `old` as until December 2016
    offset : what the metadata say and the stored numbers carry; None for a product without
    size_m : side of a tile in metres, a multiple of 60
    bands : those to write; all of the level by default
    all_sizes : L2A bands at each pixel size that real products have, else at the finest only
    with_extras : a true-colour picture, a mask and a preview page beside the bands
    with_crs : False writes pictures that do not say where they lie
    empty_m : width of a strip at the western edge that has no data
    jp2 : False writes GeoTIFF files instead
    """
    wanted = tuple(BANDS) if bands is None else tuple(bands)
    safe = folder / _names(level, naming, baseline, TILES[0], sensed).safe
    for number, name in enumerate(TILES[:tiles]):
        names = _names(level, naming, baseline, name, sensed)
        granule = safe / "GRANULE" / names.granule
        origin_xy = (ORIGIN_XY[0] + number * size_m, ORIGIN_XY[1])
        tile = _Tile(level, naming, names, granule, origin_xy, size_m, empty_m, with_crs, jp2)
        for band, pixel_m in _band_files(level, wanted, all_sizes):
            stored = reflectance(band, *tile.pixel_centres(pixel_m)) * quantification - (offset or 0)
            most = saturated - 1 if saturated else 65_535
            what = f"_{band}_{pixel_m}m" if level == "L2A" else f"_{band}"
            _write_picture(tile, "MSI", what, np.clip(np.round(stored), nodata + 1, most), "uint16", pixel_m, nodata)
        if with_scl and level == "L2A":
            for pixel_m in (20, 60) if all_sizes else (20,):
                what = f"_SCL_{pixel_m}m" if naming == "new" else f"_{pixel_m}m"
                _write_picture(tile, "SCL", what, scl_classes(*tile.pixel_centres(pixel_m)), "uint8", pixel_m)
        if with_extras:
            _write_extras(tile)
        if with_tile_metadata:
            _write_text(granule / names.tile_metadata, tile_metadata(level, names.tile_id, sensed, origin_xy, size_m))
    if with_metadata:
        text = product_metadata(level, safe.name, baseline, sensed, naming, offset, quantification, nodata, saturated)
        _write_text(safe / names.metadata, text)
    return safe


def product_metadata(
    level: str = "L2A",
    safe: str = "S2B_MSIL2A_20250601T101031_N0511_R022_T32TQM_20250601T133000.SAFE",
    baseline: str = "05.11",
    sensed: str = SENSED,
    naming: str = "new",
    offset: float | None = -1000,
    quantification: float = QUANTIFICATION,
    nodata: int = 0,
    saturated: int = 65_535,
) -> str:
    """The text of a product's metadata file, cut to what says something about its pixels."""
    is_l1c, is_old = level == "L1C", naming == "old"
    number = level[1:]
    prefix = "" if is_l1c or not is_old else "L2A_"
    uri = "PRODUCT_URI" if is_l1c or not is_old else "PRODUCT_URI_2A"
    special = "".join(
        f"<Special_Values><SPECIAL_VALUE_TEXT>{word}</SPECIAL_VALUE_TEXT>"
        f"<SPECIAL_VALUE_INDEX>{value}</SPECIAL_VALUE_INDEX></Special_Values>"
        for word, value in (("NODATA", nodata), ("SATURATED", saturated))
    )
    psd = 13 if is_old else 14
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
        f'<n1:Level-{number}_User_Product xmlns:n1="https://psd-{psd}.sentinel2.eo.esa.int/PSD/'
        f'User_Product_Level-{number}.xsd"><n1:General_Info><{prefix}Product_Info>'
        f"<PRODUCT_START_TIME>{sensed}T10:10:31.024Z</PRODUCT_START_TIME><{uri}>{safe}</{uri}>"
        f"<PROCESSING_LEVEL>Level-{number}</PROCESSING_LEVEL><PRODUCT_TYPE>S2MSI{number}</PRODUCT_TYPE>"
        f"<PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE></{prefix}Product_Info>"
        f"<{prefix}Product_Image_Characteristics>{special}{_scale_xml(level, is_old, quantification)}"
        f"{_offset_xml(level, offset)}</{prefix}Product_Image_Characteristics></n1:General_Info>"
        f"</n1:Level-{number}_User_Product>\n"
    )


def tile_metadata(
    level: str = "L2A",
    tile_id: str = "S2B_OPER_MSI_L2A_TL_2BPS_20250601T133000_A043000_T32TQM_N05.11",
    sensed: str = SENSED,
    origin_xy: tuple[int, int] = ORIGIN_XY,
    size_m: int = 1200,
) -> str:
    """The text of a tile's metadata file: its name and where it lies."""
    number = level[1:]
    sizes = "".join(
        f'<Size resolution="{p}"><NROWS>{size_m // p}</NROWS><NCOLS>{size_m // p}</NCOLS></Size>' for p in (10, 20, 60)
    )
    corners = "".join(
        f'<Geoposition resolution="{p}"><ULX>{origin_xy[0]}</ULX><ULY>{origin_xy[1]}</ULY>'
        f"<XDIM>{p}</XDIM><YDIM>-{p}</YDIM></Geoposition>"
        for p in (10, 20, 60)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
        f'<n1:Level-{number}_Tile_ID xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/'
        f'S2_PDI_Level-{number}_Tile_Metadata.xsd"><n1:General_Info>'
        f'<TILE_ID metadataLevel="Brief">{tile_id}</TILE_ID><SENSING_TIME>{sensed}T10:17:45.000Z</SENSING_TIME>'
        '</n1:General_Info><n1:Geometric_Info><Tile_Geocoding metadataLevel="Brief">'
        f"<HORIZONTAL_CS_NAME>WGS84 / UTM zone {EPSG % 100}N</HORIZONTAL_CS_NAME>"
        f"<HORIZONTAL_CS_CODE>EPSG:{EPSG}</HORIZONTAL_CS_CODE>{sizes}{corners}"
        f"</Tile_Geocoding></n1:Geometric_Info></n1:Level-{number}_Tile_ID>\n"
    )


def cloud_gml(
    clouds: Iterable[tuple[str, Sequence[tuple[float, float]]]],
    origin_xy: tuple[int, int] = ORIGIN_XY,
    size_m: int = 1200,
    epsg: int = EPSG,
    dimension: int = 2,
) -> str:
    """The text of a cloud mask before baseline 04.00: types and closed rings in metres east and north."""
    east, north = origin_xy
    features = "".join(
        f'<eop:MaskFeature gml:id="{kind}.{number}"><eop:maskType codeSpace="urn:gs2:S2PDGS:maskType">{kind}'
        f'</eop:maskType><eop:extentOf><gml:Polygon gml:id="{kind}.{number}_Polygon"><gml:exterior><gml:LinearRing>'
        f'<gml:posList srsDimension="{dimension}">'
        + " ".join(" ".join(f"{v:g}" if v % 1 else f"{v:.0f}" for v in (*xy, 0.0)[:dimension]) for xy in ring)
        + "</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon></eop:extentOf></eop:MaskFeature>"
        for number, (kind, ring) in enumerate(clouds)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<eop:Mask xmlns:eop="http://www.opengis.net/eop/2.0" '
        'xmlns:gml="http://www.opengis.net/gml/3.2" gml:id="S2A_OPER_MSK_CLOUDS"><gml:boundedBy>'
        f'<gml:Envelope srsName="urn:ogc:def:crs:EPSG:8.7:{epsg}">'
        f"<gml:lowerCorner>{east} {north - size_m}</gml:lowerCorner>"
        f"<gml:upperCorner>{east + size_m} {north}</gml:upperCorner></gml:Envelope></gml:boundedBy>"
        f"<eop:maskMembers>{features}</eop:maskMembers></eop:Mask>\n"
    )


def zip_folder(folder: Path, path: Path, *, method: int = zipfile.ZIP_DEFLATED, with_folders: bool = False) -> Path:
    """Zip a folder, under its own name, into `path`; the same folder always gives the same bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for source in sorted(folder.rglob("*")):
            name = source.relative_to(folder.parent).as_posix()
            if source.is_dir() and with_folders:
                archive.writestr(zipfile.ZipInfo(f"{name}/", (2025, 6, 1, 0, 0, 0)), b"")
            elif source.is_file():
                info = zipfile.ZipInfo(name, (2025, 6, 1, 0, 0, 0))
                info.external_attr = 0o100644 << 16
                archive.writestr(info, source.read_bytes(), method)
    return path


@dataclass(frozen=True)
class _Tile:
    level: str
    naming: str
    names: Names
    granule: Path
    origin_xy: tuple[int, int]
    size_m: int
    empty_m: int
    with_crs: bool
    jp2: bool

    def pixel_centres(self, pixel_m: int) -> tuple[np.ndarray, np.ndarray]:
        return pixel_centres(self.origin_xy, self.size_m, pixel_m)

    def image(self, kind: str, what: str, pixel_m: int) -> Path:
        images = self.granule / "IMG_DATA"
        folder = images / f"R{pixel_m}m" if self.level == "L2A" else images
        return folder / (self.names.image.format(kind=kind, what=what) + (".jp2" if self.jp2 else ".tif"))


def _bump(east: np.ndarray, north: np.ndarray, at_east: float, at_north: float, radius: float) -> np.ndarray:
    """1 inside of a disc, 0 outside, with a soft edge; all in kilometres."""
    away = np.hypot(east - at_east, north - at_north)
    return np.asarray(1 / (1 + np.exp((away - radius) / 0.04)))


def _names(level: str, naming: str, baseline: str, tile: str, sensed: str) -> Names:
    day = sensed.replace("-", "")
    if naming == "new":
        safe = f"S2B_MSI{level}_{day}T101031_N{baseline.replace('.', '')}_R022_T{TILES[0]}_{day}T133000.SAFE"
        return Names(
            safe=safe,
            metadata=f"MTD_MSI{level}.xml",
            granule=f"{level}_T{tile}_A043000_{day}T101029",
            tile_metadata="MTD_TL.xml",
            tile_id=f"S2B_OPER_MSI_{level}_TL_2BPS_{day}T133000_A043000_T{tile}_N{baseline}",
            image=f"T{tile}_{day}T101031{{what}}",
        )
    maker = "S2A_OPER" if level == "L1C" else "S2A_USER"
    span = f"PDMC_{day}T151549_R022_V{day}T102251_{day}T102251"
    made = f"{level}_TL_SGS__{day}T124456_A002192_T{tile}"
    return Names(
        safe=f"{maker}_PRD_MSI{level}_{span}.SAFE",
        metadata=f"{maker}_MTD_SAF{level}_{span}.xml",
        granule=f"{maker}_MSI_{made}_N{baseline}",
        tile_metadata=f"{maker}_MTD_{made}.xml",
        tile_id=f"{maker}_MSI_{made}_N{baseline}",
        image=f"{maker}_{{kind}}_{made}{{what}}",
    )


def _band_files(level: str, wanted: Sequence[str], all_sizes: bool) -> Iterator[tuple[str, int]]:
    """Bands with the pixel sizes in metres that they are written at."""
    if level == "L1C":
        yield from ((band, BANDS[band].native_pixel_m) for band in wanted)
        return
    seen: set[str] = set()
    for pixel_m, bands in L2A_BANDS.items():
        for band in bands:
            if band in wanted and (all_sizes or band not in seen):
                seen.add(band)
                yield band, pixel_m


def _write_picture(
    tile: _Tile, kind: str, what: str, values: np.ndarray, dtype: str, pixel_m: int, nodata: int = 0
) -> None:
    """One picture of shape (rows, cols), with the tile's empty strip, under the name that products give it."""
    pixels = values.astype(dtype)
    pixels[:, : tile.empty_m // pixel_m] = nodata
    _write_raster(tile, tile.image(kind, what, pixel_m), pixels[None], pixel_m)


def _write_raster(tile: _Tile, path: Path, pixels: np.ndarray, pixel_m: int) -> None:
    """Values of shape (bands, rows, cols) at the tile's place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    how = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"} if tile.jp2 else {"driver": "GTiff"}
    place = {
        "crs": f"EPSG:{EPSG}",
        "transform": Affine(pixel_m, 0, tile.origin_xy[0], 0, -pixel_m, tile.origin_xy[1]),
    }
    count, height, width = pixels.shape
    shape = {"count": count, "height": height, "width": width, "dtype": pixels.dtype}
    with warnings.catch_warnings(), rasterio.Env(GDAL_PAM_ENABLED="NO"):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **shape, **how, **(place if tile.with_crs else {})) as dataset:
            dataset.write(pixels)


def _write_extras(tile: _Tile) -> None:
    """What lies beside the bands in real products and must not be taken for one."""
    grey = np.full((3, tile.size_m // 60, tile.size_m // 60), 90, dtype=np.uint8)
    what = "_TCI_60m" if tile.level == "L2A" else "_TCI"
    _write_raster(tile, tile.image("TCI", what, 60), grey, 60)
    _write_raster(tile, tile.granule / "QI_DATA" / "MSK_DETFOO_B02.jp2", grey[:1], 60)
    _write_text(tile.granule / "QI_DATA" / "MSK_CLOUDS_B00.gml", cloud_gml((), tile.origin_xy, tile.size_m))
    _write_text(tile.granule.parents[1] / "HTML" / "UserProduct_index.html", "<html></html>\n")


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _scale_xml(level: str, is_old: bool, quantification: float) -> str:
    if level == "L1C":
        return f'<QUANTIFICATION_VALUE unit="none">{quantification}</QUANTIFICATION_VALUE>'
    if is_old:
        return (
            "<L1C_L2A_Quantification_Values_List>"
            '<L1C_TOA_QUANTIFICATION_VALUE unit="none">7</L1C_TOA_QUANTIFICATION_VALUE>'
            f'<L2A_BOA_QUANTIFICATION_VALUE unit="none">{quantification}</L2A_BOA_QUANTIFICATION_VALUE>'
            '<L2A_AOT_QUANTIFICATION_VALUE unit="none">9</L2A_AOT_QUANTIFICATION_VALUE>'
            "</L1C_L2A_Quantification_Values_List>"
        )
    return (
        f'<QUANTIFICATION_VALUES_LIST><BOA_QUANTIFICATION_VALUE unit="none">{quantification}'
        '</BOA_QUANTIFICATION_VALUE><AOT_QUANTIFICATION_VALUE unit="none">9</AOT_QUANTIFICATION_VALUE>'
        "</QUANTIFICATION_VALUES_LIST>"
    )


def _offset_xml(level: str, offset: float | None) -> str:
    if offset is None:
        return ""
    around, tag = (
        ("Radiometric_Offset_List", "RADIO_ADD_OFFSET")
        if level == "L1C"
        else ("BOA_ADD_OFFSET_VALUES_LIST", "BOA_ADD_OFFSET")
    )
    slots = "".join(f'<{tag} band_id="{slot}">{offset:g}</{tag}>' for slot in range(13))
    return f"<{around}>{slots}</{around}>"
