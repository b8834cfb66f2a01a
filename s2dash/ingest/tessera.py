"""TESSERA's tiles as arrays of NumPy: which files belong together, and the GeoTIFF that is made of them.

A tile is `grid_LON_LAT.npy` with 8-bit codes, `grid_LON_LAT_scales.npy`, and `grid_LON_LAT.tiff`, a mask of land that
has its place. A vector is its codes times the scale. Source: GeoTESSERA's `tiles.py` and `registry.py`; it keeps the
year in the folders' names, and version and variant in `tessera_metadata.json`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s2dash.core import strict_json
from s2dash.core.grid import Grid
from s2dash.core.missions import TESSERA_AXES
from s2dash.errors import BrokenResult, UnreadableFile, UnreadableValue
from s2dash.ingest.checks import open_checked, read_grid, require_limits, translated_header_errors
from s2dash.ingest.npy import Array, open_npy
from s2dash.ingest.pile import shown
from s2dash.ingest.split import Tile, put_together
from s2dash.raster.door import GDAL_ERRORS, make_on_grid

METADATA = "tessera_metadata.json"
LAYOUT = ("global_0.1_degree_representation", "global_0.1_degree_tiff_all")
"""Folders of a download: of the arrays, below which years lie, and of the masks of land."""
_MOST_METADATA_BYTES = 100_000
_PIECE_BYTES = 32_000_000
_ARRAY = re.compile(r"(?P<stem>.+?)(?P<scales>_scales)?\.npy", re.IGNORECASE)
_TILE_NAME = re.compile(r"grid_-?\d{1,3}\.\d\d_-?\d{1,2}\.\d\d(?:_(?P<year>20\d\d))?", re.IGNORECASE | re.ASCII)
_YEAR = re.compile(r"20\d\d", re.ASCII)
_VERSION = re.compile(r"v(\d{1,2})(?:\.(\d{1,2}))?(?:-([\w.~-]{1,20}))?", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class TileFiles:
    """Names of the files of one tile; None for one that is not there."""

    stem: str
    """The tile's name, with folders."""
    codes: str | None
    scales: str | None
    place: str | None
    metadata: str | None

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(one for one in (self.codes, self.scales, self.place, self.metadata) if one is not None)

    @property
    def year(self) -> str | None:
        """By the folders, else by the name itself."""
        *folders, last = self.stem.split("/")
        found = next((folder for folder in reversed(folders) if _YEAR.fullmatch(folder)), None)
        named = _TILE_NAME.fullmatch(last)
        return found or (named["year"] if named else None)

    @property
    def version(self) -> tuple[str, str] | None:
        """Version and variant by the folders of the publisher's server: `v1.1-cam/2024/…`."""
        folders = [one for one in self.stem.split("/")[:-1] if one not in LAYOUT]
        pairs = itertools.pairwise(folders)
        found = next((_VERSION.fullmatch(one) for one, below in pairs if _YEAR.fullmatch(below)), None)
        return (f"{found[1]}.{found[2] or '0'}", found[3] or "") if found else None


def tiles_in(names: Sequence[str]) -> list[TileFiles]:
    """The tiles among files of these names, some of whose files may be missing; sorted."""
    arrays: dict[str, dict[str, str]] = {}
    for name in sorted(names):
        if found := _ARRAY.fullmatch(name):
            arrays.setdefault(found["stem"], {})["scales" if found["scales"] else "codes"] = name
    return [
        TileFiles(stem, held.get("codes"), held.get("scales"), _place_of(stem, names), _metadata_of(stem, names))
        for stem, held in arrays.items()
        if len(held) == 2 or _TILE_NAME.fullmatch(stem.rpartition("/")[2])
    ]


def composed_tiles(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The names of files that make up one embedding, by a name for it; those of several years or versions apart."""
    groups: dict[tuple[object, ...], list[TileFiles]] = {}
    for tile in tiles_in(names):
        groups.setdefault((tile.year, tile.version, tile.metadata), []).append(tile)
    found: dict[str, tuple[str, ...]] = {}
    for number, ((year, *_), tiles) in enumerate(groups.items(), 1):
        folder, slash, last = tiles[0].stem.rpartition("/")
        stem = last if len(tiles) == 1 else "tessera"
        whole = "_".join([stem, *([str(year)] if year and not stem.endswith(str(year)) else [])])
        name = f"{folder}{slash}{whole}.tif"
        name = name if name not in found else f"{folder}{slash}{number}_{whole}.tif"
        found[name] = tuple(dict.fromkeys(part for tile in tiles for part in tile.parts))
    return found


def _place_of(stem: str, names: Sequence[str]) -> str | None:
    """The mask of land of a tile: in its own folder, else the one whose folders are most alike."""
    last = stem.rpartition("/")[2].lower()
    wanted = {f"{last}{ending}" for ending in (".tiff", ".tif")}
    if named := _TILE_NAME.fullmatch(last):
        bare = last.removesuffix(f"_{named['year']}")
        wanted |= {f"{bare}{ending}" for ending in (".tiff", ".tif")}
    fitting = [name for name in sorted(names) if name.rpartition("/")[2].lower() in wanted]
    return max(fitting, key=lambda name: _shared(stem, name), default=None)


def _metadata_of(stem: str, names: Sequence[str]) -> str | None:
    """The nearest description of a download in a folder around a tile."""
    found = [name for name in names if name.rpartition("/")[2].lower() == METADATA]
    around = [name for name in found if stem.startswith(name[: -len(METADATA)])]
    return max(around, key=len, default=None)


def _shared(one: str, other: str) -> int:
    """How many folders two names have in common from the top."""
    pairs = zip(one.split("/")[:-1], other.split("/")[:-1], strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(one.count("/"), other.count("/")))


def beside_tile(path: Path) -> list[Path]:
    """What belongs to a tile's array on the disk: its other files, beside it or as a download lays them out."""
    found = _ARRAY.fullmatch(path.name)
    if found is None:
        return []
    stem, folders = found["stem"], (path.parent, *path.parents[1:5])
    top = next((folder.parent for folder in folders if folder.name == LAYOUT[0]), None)
    places = [path.parent, *([top / LAYOUT[1]] if top else [])]
    masks = (folder / f"{stem}{ending}" for folder in places for ending in (".tiff", ".tif"))
    mask = next((one for one in masks if one.is_file()), None)
    metadata = next((one for folder in folders if (one := folder / METADATA).is_file()), None)
    arrays = (path.with_name(f"{stem}.npy"), path.with_name(f"{stem}_scales.npy"))
    return [one for one in (*arrays, mask, metadata) if one is not None and one.is_file() and one != path]


def is_tile(path: Path) -> bool:
    """Whether a file on the disk is the array of a tile, whose scales lie beside it."""
    found = _ARRAY.fullmatch(path.name)
    return found is not None and not found["scales"] and path.with_name(f"{found['stem']}_scales.npy").is_file()


def is_beside_tile(path: Path) -> bool:
    """Whether a file on the disk is the mask of land of a tile's array beside it."""
    return path.suffix.lower() in (".tif", ".tiff") and is_tile(path.with_suffix(".npy"))


def make_embedding(
    parts: Sequence[str], paths: Mapping[str, Path], name: str, out: Path, progress: Callable[[float], None]
) -> tuple[str, ...]:
    """Write the tiles of one version and year to one GeoTIFF, a few rows at a time; returns what is to be noted.

    Its bands are those of GeoTESSERA's own GeoTIFFs; scales of pixels, which change no direction, leave codes.

    Raises UnreadableFile where a file is missing, damaged or does not fit the others, or tiles do not share a grid.
    """
    tiles = [_opened(files, paths) for files in tiles_in(parts)]
    dtype = "int8" if all(len(tile.scales.shape) == 2 for tile in tiles) else "float32"
    if len(tiles) == 1:
        _write(tiles[0], dtype, out, progress)
        return ()
    share = 0.5 / len(tiles)
    made = []
    for number, tile in enumerate(tiles):
        path = out.with_name(f"{out.stem}_{number}.tif")
        _write(tile, dtype, path, lambda done, before=number: progress(share * (before + done)))  # type: ignore[misc]
        made.append(Tile(tile.codes.name, path))
    notes = put_together(made, shown(name), out, lambda done: progress(0.5 + 0.5 * done))
    for one in made:
        one.path.unlink()
    return notes


@dataclass(frozen=True, eq=False)
class _Opened:
    codes: Array
    scales: Array
    grid: Grid
    tags: Mapping[str, str]


def _opened(files: TileFiles, paths: Mapping[str, Path]) -> _Opened:
    """A tile's files by their headers; raises UnreadableFile where they are not those of one."""
    codes_name, scales_name, place_name = _all_of(files)
    codes = open_npy(paths[codes_name], shown(codes_name))
    scales = open_npy(paths[scales_name], shown(scales_name))
    if codes.dtype != np.int8 or len(codes.shape) != 3 or codes.shape[2] != TESSERA_AXES or 0 in codes.shape:
        raise UnreadableFile(
            f"{codes.name} holds {_words(codes)}, but a tile of TESSERA has rows x columns x {TESSERA_AXES} "
            "8-bit codes. Give the files of one tile."
        )
    if scales.dtype.kind != "f" or scales.shape not in (codes.shape[:2], codes.shape):
        raise UnreadableFile(
            f"{scales.name} holds {_words(scales)}, which are no scales for {_words(codes)}. Give the files of "
            "one tile."
        )
    height, width = codes.shape[:2]
    stored = height * width * TESSERA_AXES * 2
    require_limits(codes.name, (height, width), TESSERA_AXES, stored, 0, stored, stored)
    with (
        translated_header_errors(shown(place_name)),
        open_checked(paths[place_name], name=shown(place_name)) as dataset,
    ):
        grid = read_grid(dataset, shown(place_name))
    if grid.shape_rc != (height, width):
        raise UnreadableFile(
            f"{shown(place_name)} has {grid.height:,} x {grid.width:,} pixels and {codes.name} {height:,} x {width:,}: "
            "they are not of one tile, or of two versions. Give the files of one tile."
        )
    return _Opened(codes, scales, grid, _tags(files, paths))


def _all_of(files: TileFiles) -> tuple[str, str, str]:
    last = files.stem.rpartition("/")[2]
    wanted = {f"{last}.npy": files.codes, f"{last}_scales.npy": files.scales, f"{last}.tiff": files.place}
    missing = [name for name, found in wanted.items() if found is None]
    if files.codes is None or files.scales is None or files.place is None:
        have = next(name for name, found in wanted.items() if found is not None)
        raise UnreadableFile(
            f"{have} is of a tile of TESSERA, which lies in three files: {', '.join(wanted)} (its place). "
            f"Give {' and '.join(missing)} together with it."
        )
    return files.codes, files.scales, files.place


def _words(array: Array) -> str:
    return f"{' x '.join(f'{side:,}' for side in array.shape) or 'no'} numbers of kind {array.dtype.name}"


def _tags(files: TileFiles, paths: Mapping[str, Path]) -> dict[str, str]:
    """Version, variant and year in GeoTESSERA's own tags, as far as they are known."""
    version, variant = files.version or ("", "")
    if files.metadata is not None:
        version, variant = _of_metadata(paths[files.metadata], shown(files.metadata))
    known = {"DATASET_VERSION": version, "DATASET_VARIANT": variant, "YEAR": files.year or ""}
    return {f"TESSERA_{key}": text for key, text in known.items() if text}


def _of_metadata(path: Path, name: str) -> tuple[str, str]:
    """Version and variant in the description of a download; raises UnreadableFile for one that says none."""
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_METADATA_BYTES).decode("utf-8", "replace")
        said = strict_json.parse(text, "a description of TESSERA")
    except (OSError, UnreadableValue) as error:
        raise UnreadableFile(
            f"{name} should say which version of TESSERA the tiles are, but cannot be read. Download it again, or "
            "leave it out."
        ) from error
    version, variant = (str(said.get(key, ""))[:20] for key in ("dataset_version", "dataset_variant"))
    return version, variant


def _write(tile: _Opened, dtype: str, out: Path, progress: Callable[[float], None]) -> None:
    height, width = tile.grid.shape_rc
    # Held as it is stored, as fractions and turned about.
    rows_at_once = max(1, _PIECE_BYTES // (width * TESSERA_AXES * 4))
    nodata = 0 if dtype == "int8" else float("nan")
    try:
        with make_on_grid(
            out,
            tile.grid,
            dtype,
            count=TESSERA_AXES,
            nodata=nodata,
            interleave="band",
            photometric="minisblack",
            alpha="unspecified",
        ) as whole:
            whole.descriptions = [f"Tessera_Band_{axis}" for axis in range(TESSERA_AXES)]
            whole.update_tags(**tile.tags)
            for row in range(0, height, rows_at_once):
                count = min(rows_at_once, height - row)
                values = _vectors(tile.codes.rows(row, count), tile.scales.rows(row, count), dtype)
                whole.write(values.transpose(2, 0, 1), window=((row, row + count), (0, width)))
                progress((row + count) / height)
    except GDAL_ERRORS as error:
        raise BrokenResult(f"{tile.codes.name} could not be stored. The disk may be full: try again later.") from error


def _vectors(codes: np.ndarray, scales: np.ndarray, dtype: str) -> np.ndarray:
    """Vectors of a few rows, shape (rows, cols, axes): codes where each pixel has one scale, else fractions.

    Pixels whose scale is no number above zero have no data: zeros among codes, NaN among fractions.
    """
    if scales.ndim == 2:
        scales = scales[:, :, None]
    known = (np.isfinite(scales) & (scales > 0)).all(axis=2, keepdims=True)
    if dtype == "int8":
        return np.where(known, codes, np.int8(0))
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(known, codes * scales.astype(np.float32), np.float32("nan"))
