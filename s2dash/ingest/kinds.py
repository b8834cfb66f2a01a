"""What a file is that holds no bands we read, by its first bytes or its name, and the one step that makes it usable."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

WANTED = "Choose a GeoTIFF, a JP2 or a zipped .SAFE with Sentinel-2 bands."

RASTER_ENDINGS = (".tif", ".tiff", ".jp2", ".j2k")
ARCHIVE_ENDINGS = (".zip", ".tar", ".tgz", ".tar.gz")
"""Of archives that are opened."""

SEEN_BYTES = 1_024
"""How much of a file's beginning is looked at."""

_HEADER_PAIRS = (".dat", ".img", ".bsq", ".bil", ".bip", ".raw", ".bin", ".envi")
"""Endings of files of pixels that a header beside them, .hdr, describes."""
HEADER_ENDING = ".hdr"

_TRANSLATE = (
    "Run `gdal_translate {name} {target}`, or in QGIS Raster > Conversion > Translate, and give the GeoTIFF it makes."
)
_SUBDATASETS = (
    "In QGIS add it with Layer > Add Raster Layer, choose the bands in it, and save them with Export > Save As as "
    "GeoTIFF; or run `gdal_translate` with a name that `gdalinfo {name}` lists."
)
_UNPACK = "Unpack it and give the files in it, or pack them as zip."
_AREA = "It can say which area to keep: open a picture first, and give it as the area (`Keep only an area`, `--area`)."
_AREA_SAVED = "It can say which area to keep, beside a picture: save it as GeoPackage, and give it as the area."
_DOWNLOAD = "Download it again, and give it when it is complete."


@dataclass(frozen=True)
class Kind:
    """What a file is, in words that end a sentence which begins with its name."""

    words: str
    """`a photo (JPEG)`"""
    step: str
    """What to do, in sentences of their own; `{name}` stands for the file, `{target}` for a GeoTIFF, as shells take
    them, and `{stem}` for its name without ending."""
    tells: int = 1
    """How much it says of what was brought: 2 for what holds bands, 1 for anything else, 0 for what lies beside."""

    def sentence(self, name: str) -> str:
        """All that is to be said of a file of this kind and name."""
        stem = PurePosixPath(name).stem
        parts = {"name": shlex.quote(name), "stem": stem, "target": shlex.quote(f"{stem}.tif")}
        beyond = "" if self.tells == 2 else ", not satellite bands"
        return f"{name} is {self.words.format(**parts)}{beyond}. {self.step.format(**parts)}"


def _bands(words: str, step: str) -> Kind:
    return Kind(words, step, 2)


def _beside(words: str) -> Kind:
    return Kind(words, WANTED, 0)


ZARR_NAMES = (".zgroup", ".zattrs", ".zarray", ".zmetadata", "zarr.json")
"""Of the metadata of a Zarr store, version 2 or 3."""


_NEITHER = Kind("neither a GeoTIFF nor a JP2", WANTED)
_VRT = _bands(
    "a virtual raster (VRT), a text file in XML which only points to other files",
    "Give those files themselves, or run `gdal_translate {name} {target}` and give the GeoTIFF it makes.",
)
_NETCDF = _bands("a NetCDF file, which is not read here", _SUBDATASETS)
_HDF5 = _bands("an HDF5 file, which is not read here", _SUBDATASETS)
_HDF4 = _bands("an HDF4 file, which is not read here", _SUBDATASETS)
_ERDAS = _bands("an ERDAS Imagine raster (HFA), which is not read here", _TRANSLATE)
_LICENSED = "Open it in a program that may read it, such as ArcGIS or QGIS for Windows, and export it as GeoTIFF."
_ZARR = _bands(
    "a part of a Zarr store, which is a folder of many files",
    "Give the whole folder, or a zip of it: EOPF products of Sentinel-2 are read.",
)
_DIMAP = _bands(
    "the description of a SNAP product (BEAM-DIMAP), whose pixels lie in the folder {stem}.data beside it",
    "Give both together, in one folder or zip, or in SNAP choose File > Export > GeoTIFF.",
)
_PIXELS = _bands(
    "neither a GeoTIFF nor a JP2",
    "If it is an ENVI raster, give its header, {stem}.hdr, together with it; otherwise run "
    "`gdal_translate {name} {target}`, or export it as GeoTIFF.",
)
_HEADER = _bands(
    "the header of a raster (ENVI), whose pixels lie in another file of the same name",
    "Give both together, such as {stem}.hdr and {stem}.dat.",
)
_ESRI_GRID = _bands(
    "a part of an Esri grid (a folder of .adf files), which is not read here",
    "In ArcGIS export the grid as GeoTIFF, or run `gdal_translate` with the folder's name, and give the GeoTIFF.",
)
_SAGA = _bands("a SAGA grid, which is not read here", _TRANSLATE)
_IDRISI = _bands("an Idrisi raster, which is not read here", _TRANSLATE)
_GEOPACKAGE = Kind("a database or GeoPackage", _AREA)
_SHAPEFILE = Kind("a shapefile (points, lines or polygons)", _AREA)
_KML = Kind("a KML file (XML, for Google Earth)", _AREA)
_POINTS = Kind("a point cloud (LAS)", "Give a picture with bands.")
_NAMED_PIECE = Kind("a download that was not finished", _DOWNLOAD)

_BY_BYTES: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\xd8\xff", Kind("a photo (JPEG)", WANTED)),
    (b"\x89PNG", Kind("a PNG picture", WANTED)),
    (b"GIF8", Kind("a GIF picture", WANTED)),
    (b"BM", Kind("a BMP picture", WANTED)),
    (b"RIFF", Kind("a WebP picture or other media", WANTED)),
    (b"%PDF", Kind("a PDF document", WANTED)),
    (b"PK\x03\x04", Kind("a zip archive", _UNPACK)),
    (b"PK\x05\x06", Kind("an empty zip archive", WANTED)),
    (b"\x1f\x8b", _bands("a single file packed by gzip", _UNPACK)),
    (b"BZh", _bands("a file packed by bzip2", _UNPACK)),
    (b"\xfd7zXZ", _bands("a file packed by xz", _UNPACK)),
    (b"\x28\xb5\x2f\xfd", _bands("a file packed by Zstandard", _UNPACK)),
    (b"Rar!", _bands("a RAR archive", _UNPACK)),
    (b"7z\xbc\xaf", _bands("a 7-Zip archive", _UNPACK)),
    (b"GRID1.", _ESRI_GRID),
    (b"CDF\x01", _NETCDF),
    (b"CDF\x02", _NETCDF),
    (b"CDF\x05", _NETCDF),
    (b"\x0e\x03\x13\x01", _HDF4),
    (b"EHFA_HEADER_TAG", _ERDAS),
    (b"msid", _bands("a MrSID picture, which takes a licence to read", _LICENSED)),
    (b"GRIB", _bands("a GRIB file (weather), which is not read here", _TRANSLATE)),
    (b"PCIDSK", _bands("a PCIDSK file, which is not read here", _TRANSLATE)),
    (b"NITF", _bands("a NITF file, which is not read here", _TRANSLATE)),
    (b"DSBB", _bands("a Surfer grid, which is not read here", _TRANSLATE)),
    (b"DSRB", _bands("a Surfer grid, which is not read here", _TRANSLATE)),
    (
        b"\x93NUMPY",
        _bands(
            "an array of NumPy, which says nothing of bands and place",
            "Save it as GeoTIFF; of a tile of TESSERA give the .npy, its _scales.npy and the .tiff together.",
        ),
    ),
    (b"PAR1", Kind("a table (Parquet)", WANTED)),
    (b"LASF", _POINTS),
    (b"SQLite format 3", _GEOPACKAGE),
    (b"\x00\x00\x27\x0a", _SHAPEFILE),
    (b"version https://git-lfs", Kind("the pointer of Git LFS to a file", "Run `git lfs pull`, and give the file.")),
    (b"ENVI\n", _HEADER),
    (b"ENVI\r", _HEADER),
)

_BY_TEXT: tuple[tuple[re.Pattern[bytes], Kind], ...] = (
    (re.compile(rb"<VRTDataset", re.IGNORECASE), _VRT),
    (re.compile(rb"<Dimap_Document", re.IGNORECASE), _DIMAP),
    (
        re.compile(rb"<(!DOCTYPE html|html|head|body)\b", re.IGNORECASE),
        Kind("a web page, perhaps with the words of an error or a login", "Open it in a browser, and download again."),
    ),
    (re.compile(rb"<kml\b", re.IGNORECASE), _KML),
    (re.compile(rb"<Error>"), Kind("an error message of a server in place of the file", "Download it again.")),
    (re.compile(rb"^\s*[{\[]"), _beside("a text file in JSON")),
    (re.compile(rb"^\s*<"), _beside("a text file in XML")),
    (
        re.compile(rb"^\s*ncols\s+\d+\s+nrows\s", re.IGNORECASE),
        _bands("an ASCII grid (Esri), which is not read here", _TRANSLATE),
    ),
)

_BY_ENDING: tuple[tuple[tuple[str, ...], Kind], ...] = (
    ((".crdownload", ".part", ".partial", ".download", ".aria2"), _NAMED_PIECE),
    ((".vrt",), _VRT),
    ((".nc", ".nc4", ".cdf"), _NETCDF),
    ((".h5", ".he5", ".hdf5"), _HDF5),
    ((".hdf", ".hdf4", ".h4"), _HDF4),
    ((".zarr", *ZARR_NAMES), _ZARR),
    ((".gdb",), Kind("a geodatabase (Esri)", _AREA_SAVED)),
    ((".dim",), _DIMAP),
    ((".adf",), _ESRI_GRID),
    ((".sdat", ".sgrd"), _SAGA),
    ((".rst", ".rdc"), _IDRISI),
    ((".ecw",), _bands("an ECW picture, which takes a licence to read", _LICENSED)),
    ((".sid",), _bands("a MrSID picture, which takes a licence to read", _LICENSED)),
    ((".grd", ".gri"), _bands("a grid (R, Surfer or SAGA), which is not read here", _TRANSLATE)),
    ((".rar",), _bands("a RAR archive", _UNPACK)),
    ((".7z",), _bands("a 7-Zip archive", _UNPACK)),
    ((".gz", ".bz2", ".xz", ".zst", ".tbz2", ".txz"), _bands("a packed file", _UNPACK)),
    (ARCHIVE_ENDINGS, _bands("an archive inside another", _UNPACK)),
    ((HEADER_ENDING,), _HEADER),
    (_HEADER_PAIRS, _PIXELS),
    ((".gpkg", ".sqlite", ".db"), _GEOPACKAGE),
    ((".shp",), _SHAPEFILE),
    ((".kml", ".kmz"), _KML),
    ((".las", ".laz"), _POINTS),
    ((".png",), Kind("a PNG picture", WANTED)),
    ((".jpg", ".jpeg"), Kind("a photo (JPEG)", WANTED)),
    ((".pdf",), Kind("a PDF document", WANTED)),
    ((".json", ".geojson"), _beside("a text file in JSON")),
)

_BESIDE = {
    "a world file, which says where a picture lies": (
        *(".tfw", ".tifw", ".tiffw", ".j2w", ".jgw", ".jpgw", ".pgw", ".pngw", ".gfw", ".wld"),
    ),
    "a coordinate system without a picture": (".prj", ".qpj"),
    "overviews or a mask of a picture": (".ovr", ".msk", ".rrd"),
    "metadata of a picture": (".xml", ".aux", ".met", ".imd", ".rpb", ".mtl", ".safe"),
    "a text": (".txt", ".md", ".csv", ".tsv", ".log", ".html", ".htm", ".xsd", ".css", ".js", ".rtf"),
    "a style or project of a GIS": (".qml", ".qmd", ".sld", ".lyr", ".lyrx", ".clr", ".qgs", ".qgz", ".mxd", ".aprx"),
    "a part of a shapefile": (".dbf", ".shx", ".sbn", ".sbx", ".cpg", ".qix"),
    "a file of the operating system": (".ds_store", ".db-journal", ".ini", ".lock", ".lnk", ".tmp", ".bak", ".url"),
    "a document": (".doc", ".docx", ".xls", ".xlsx", ".odt", ".ods", ".ppt", ".pptx"),
    "a script": (".py", ".ipynb", ".r", ".rmd", ".m", ".sh", ".bat"),
}
"""Files that lie beside pictures, which nobody brought for their own sake; by their endings."""
_BESIDE_NAMES = ("thumbs.db", "desktop.ini", "manifest.safe")


def kind_of(name: str, start: bytes = b"") -> Kind:
    """What a file is by its first bytes, and by its ending where these say nothing or are not known."""
    last = PurePosixPath(name.replace("\\", "/").lower()).name
    if start.startswith(b"\x89HDF"):
        return _NETCDF if last.endswith((".nc", ".nc4")) else _HDF5
    if last.endswith(".adf"):
        # They begin as shapefiles do.
        return _ESRI_GRID
    for magic, kind in _BY_BYTES:
        if start.startswith(magic):
            return kind
    if start[257:262] == b"ustar":
        return _bands("a tar archive", _UNPACK)
    beginning = start.removeprefix(b"\xef\xbb\xbf")
    for pattern, kind in _BY_TEXT:
        if beginning and (pattern.match(beginning) or (beginning.lstrip()[:1] == b"<" and pattern.search(beginning))):
            return kind
    if is_beside(last):
        words = next((w for w, endings in _BESIDE.items() if last.endswith(endings)), "a file of the operating system")
        return _beside(words)
    return next((kind for endings, kind in _BY_ENDING if last.endswith(endings)), _NEITHER)


def is_beside(name: str) -> bool:
    """Whether a file of this name lies beside pictures, whatever its bytes: overviews are pictures by theirs."""
    last = PurePosixPath(name.replace("\\", "/").lower()).name
    endings = tuple(ending for group in _BESIDE.values() for ending in group)
    return last.endswith(endings) or last in _BESIDE_NAMES or last.startswith(".")


def zarr_in(names: Sequence[str], around: str) -> str | None:
    """The name of the Zarr store that files are of, or the one around them; None where they are of none."""
    for name in names:
        parts = name.replace("\\", "/").split("/")
        if store := next((part for part in parts if part.lower().endswith(".zarr")), None):
            return store
        if parts[-1] in ZARR_NAMES:
            return around
    return None


def most_telling(kinds: Sequence[tuple[str, Kind]]) -> str | None:
    """The sentence about the one of several files, by name, that says most of what was brought; None without any."""
    if not kinds:
        return None
    name, kind = max(kinds, key=lambda one: one[1].tells)
    return kind.sentence(name)
