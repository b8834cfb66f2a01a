"""Which scenes a batch has: what the given paths stand for, a name for each, and a digest that tells a change."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from s2dash.errors import OutputConflict, UnknownName, UnreadableFile
from s2dash.ingest import tessera
from s2dash.ingest.product.choose import named_left_out
from s2dash.ingest.product.names import file_facts
from s2dash.raster.location import FileLocation, Location, Place, location_of, parse, paths_of

_PRODUCT_ENDINGS = (".safe", ".zarr")
_PRODUCT_FOLDERS = ("GRANULE", "measurements", tessera.LAYOUT[0])
_PRODUCT_METADATA = re.compile(r"MTD_MSIL(1C|2A)\.xml|S2._.*_MTD_SAFL(1C|2A)_.*\.xml|L\w+_MTL\.(txt|json|xml)")
_RASTER_ENDINGS = (".tif", ".tiff")
_ARCHIVE_ENDINGS = (".zip", ".tar.gz", ".tgz", ".tar")
_SCENE_ENDINGS = (*_RASTER_ENDINGS, *_ARCHIVE_ENDINGS, ".dim")
_NAME_ENDINGS = (
    *(*_ARCHIVE_ENDINGS, *_PRODUCT_ENDINGS, *_RASTER_ENDINGS),
    *(".jp2", ".dim", ".npy", ".dat", ".img", ".bsq", ".bil", ".bip"),
)


@dataclass(frozen=True)
class Source:
    """One scene of a batch."""

    location: Location
    """Of a file, which may be on a web server, or of the folder of a product."""
    name: str
    """Unique in the batch; its files' names begin with it. Plain letters, digits, dots, dashes, underscores."""


def gather_sources(places: Sequence[Place], out: Path | None = None) -> tuple[Source, ...]:
    """The scenes that places stand for, in their order: each is one, but a folder that is no product is all in it.

    Of such a folder count products (`.SAFE`, `.zarr`, `.dim`), archives, GeoTIFFs and arrays of TESSERA, by name;
    files that hold a single band by their name, or belong to an array, do not, and a folder with nothing else is one
    scene, of its bands. What is given twice counts once. A path that leads nowhere stays: opening it says so.

    Raises UnreadableFile where a folder cannot be read, OutputConflict where one of them is `out`, the
    folder for the outputs: they would be scenes the next time.
    """
    locations = [location_of(place) for place in places]
    for path in paths_of(locations):
        if out is not None and path.resolve() == out.resolve():
            raise OutputConflict(
                f"{path} holds the scenes. Give another folder for the outputs, such as {path}-classes."
            )
    found = dict.fromkeys(_absolute(one) for location in locations for one in _scenes_of(location))
    return tuple(Source(location, name) for location, name in zip(found, _names(list(found)), strict=True))


def source_named(sources: Iterable[Source], wanted: str) -> Source:
    """The scene of this name, path or address.

    Raises UnknownName where there is none, listing the names.
    """
    sources = tuple(sources)
    location = _absolute(parse(wanted))
    for source in sources:
        if wanted in (source.name, source.location.file_name) or location == source.location:
            return source
    listed = ", ".join(source.name for source in sources[:12]) + (" …" if len(sources) > 12 else "")
    asked = location.shown if location.path is None else wanted[:100]
    raise UnknownName(f"{asked} is none of the scenes. They are {listed}.")


def source_digest(source: Source) -> str:
    """A digest of which files these are and when they changed: reading them whole would take longer than their use.

    Raises UnreadableFile where there is nothing, or it cannot be read.
    """
    return hashlib.sha256(source.location.state().encode("utf-8", "surrogateescape")).hexdigest()


def _scenes_of(location: Location) -> list[Location]:
    """What a location stands for: the scenes in a folder that is none, otherwise itself."""
    path = location.path
    if path is None or not path.is_dir() or _is_product(path):
        return [location]
    return [FileLocation(one) for one in _inside(path)] or [location]


def _inside(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: (entry.name.casefold(), entry.name))
    except OSError as error:
        raise UnreadableFile(f"The folder {folder} cannot be read: {error.strerror}.") from error
    return [entry for entry in entries if not entry.name.startswith(".") and _is_scene(entry)]


def _is_scene(entry: Path) -> bool:
    if entry.is_dir():
        return _is_product(entry)
    name = entry.name.lower()
    is_part = name.endswith(_RASTER_ENDINGS) and (file_facts(entry.name) or named_left_out([entry.name], None))
    is_raster = name.endswith(_SCENE_ENDINGS) and not is_part and not tessera.is_beside_tile(entry)
    return is_raster or tessera.is_tile(entry)


def _is_product(folder: Path) -> bool:
    parts = (folder / name for name in _PRODUCT_FOLDERS)
    if folder.name.lower().endswith(_PRODUCT_ENDINGS) or any(part.is_dir() for part in parts):
        return True
    return any(_PRODUCT_METADATA.fullmatch(entry.name) for entry in folder.iterdir())


def _absolute(location: Location) -> Location:
    if location.path is None:
        return location
    absolute = os.path.abspath(location.path)  # noqa: PTH100 - `resolve` would follow links, whose names people chose
    return FileLocation(Path(absolute))


def _names(locations: Sequence[Location]) -> list[str]:
    """A name for each: the file's; with its folder or server where others have it too; with a digest if need be."""
    names = [_plain(_stem(one.file_name)) for one in locations]
    with_folder = [_plain(f"{one.folder_name}-{_stem(one.file_name)}") for one in locations]
    names = [longer if taken else name for name, longer, taken in zip(names, with_folder, _taken(names), strict=True)]
    marks = [hashlib.sha256(os.fsencode(one.gdal_name)).hexdigest()[:8] for one in locations]
    return [f"{name}-{mark}" if taken else name for name, mark, taken in zip(names, marks, _taken(names), strict=True)]


def _taken(names: Sequence[str]) -> list[bool]:
    """Whether another one has the same name, on file systems that do not tell capitals apart too."""
    counts = Counter(name.casefold() for name in names)
    return [counts[name.casefold()] > 1 for name in names]


def _stem(name: str) -> str:
    ending = next((e for e in _NAME_ENDINGS if name.lower().endswith(e)), "")
    stem = name[: len(name) - len(ending)]
    return _stem(stem) if ending in _ARCHIVE_ENDINGS else stem


def _plain(text: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_.]+", "-", ascii_only)[:100].strip("-._") or "scene"
