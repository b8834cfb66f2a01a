"""The files given as one area, sorted out by first bytes and laid into a folder of their own under our own names."""

from __future__ import annotations

import re
import shutil
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from s2dash.core.legend import clean_name
from s2dash.ingest import zip_archive
from s2dash.ingest.area.geopackage import leave_tables_only
from s2dash.ingest.area.kinds import FIRST_BYTES, KINDS, ZIP, kind_of_area
from s2dash.ingest.area.shapes import Refusal
from s2dash.ingest.kinds import is_beside
from s2dash.ingest.pile import GivenFile, shown
from s2dash.raster.location import Place, files_only
from s2dash.settings import AreaLimits

SHAPEFILE_PARTS = (".shp", ".shx", ".dbf", ".prj")
"""Endings of the files that make up a shapefile, as far as they say where its polygons lie."""

_LAST = (*SHAPEFILE_PARTS[1:], ".cpg", ".xml")
"""Endings of what goes with another file that has the shapes or pixels."""
_TEXTS = (".geojson", ".json", ".geojsonl", ".ndjson", ".geojsons")
_IN_ARCHIVES = (".shp", ".kml", ".gpkg", ".fgb", *_TEXTS)
_MOST_PARTS = 1_000_000
"""Bytes of a .prj."""


@dataclass(frozen=True)
class VectorFile:
    """One file to read, or one shapefile."""

    kind: str
    """`kinds.GEOJSON`, or an ending of `vectors.DRIVERS`."""
    path: Path
    """Of a file of our own, beside which lies nothing but what belongs to it."""
    notes: tuple[str, ...] = ()


def vector_files(given: Sequence[GivenFile], scratch: Path, limits: AreaLimits) -> list[VectorFile]:
    """What of the given files, or in the given archive, holds polygons; copied below `scratch`, an empty folder.

    Raises Refusal for files of other kinds and those that are too large, UnreadableFile for archives that are
    refused, OSError.
    """
    main = _main(given)
    if len(main) == 1 and not _ends(main[0].name, ".shp") and _kind(main[0]) == ZIP:
        given = _unpacked(main[0], scratch, limits)
        main = _main(given)
    found = []
    for number, one in enumerate(main):
        folder = scratch / f"area_{number}"
        folder.mkdir()
        found.append(_laid(one, given, folder, limits))
    return found


def named_files(paths: Place | Sequence[Place], names: Sequence[str] | None) -> tuple[list[str], list[Path]]:
    """What given files are called, and where they lie: what has shapes or pixels first, which names the whole.

    Parameters
    ----------
    names : what the files were called where they came from; where None, they are the operator's own, and what lies
        beside a shapefile belongs to it
    """
    given = files_only(paths if isinstance(paths, Sequence) else [paths])
    if names is None:
        given += [part for path in given for part in shapefile_parts(path) if part not in given]
    called = [path.name for path in given] if names is None else [clean_name(name) for name in names]
    pairs = sorted(zip(called, given, strict=True), key=lambda one: one[0].lower().endswith(_LAST))
    return [name for name, _ in pairs], [path for _, path in pairs]


def shapefile_parts(path: Path) -> list[Path]:
    """What lies beside the operator's own .shp and belongs to it; nothing for any other file."""
    if not _ends(path.name, ".shp") or not path.is_file():
        return []
    around = sorted(one for one in path.parent.iterdir() if _stem(one.name) == _stem(path.name))
    return [one for one in around if one.suffix.lower() in SHAPEFILE_PARTS[1:] and one.is_file()]


def _main(given: Sequence[GivenFile]) -> list[GivenFile]:
    """The files that hold shapes, without what belongs to them."""
    shapes = [one for one in given if _ends(one.name, ".shp")]
    if shapes:
        others = [one for one in given if one not in shapes and not is_beside(one.name)]
        if others:
            raise Refusal(f"is a shapefile beside {shown(others[0].name)}. Give one of them.")
        return shapes
    main = [one for one in given if not is_beside(one.name)] or list(given[:1])
    if len(main) > 1:
        raise Refusal(f"is given together with {shown(main[1].name)}. Give one file, or the files of one shapefile.")
    return main


def _kind(one: GivenFile) -> str:
    with one.path.open("rb") as file:
        return kind_of_area(shown(one.name), file.read(FIRST_BYTES))


def _unpacked(one: GivenFile, scratch: Path, limits: AreaLimits) -> list[GivenFile]:
    """What an archive holds of polygons; of a KMZ its document, of several kinds the first."""
    members = zip_archive.list_members(one.path)
    chosen: list[zip_archive.Member] = []
    for ending in _IN_ARCHIVES:
        chosen = [member for member in members if _ends(member.name, ending) and not _is_hidden(member.name)]
        if chosen:
            break
    if not chosen:
        raise Refusal(f"is a zip archive without polygons. Give one with a file of {KINDS} in it.")
    if _ends(chosen[0].name, ".kml"):
        # The first in the archive is the one that counts (KML 2.2, annex C).
        chosen = chosen[:1]
    elif _ends(chosen[0].name, ".shp"):
        stems = {_stem(member.name) for member in chosen}
        chosen = [m for m in members if _stem(m.name) in stems and any(_ends(m.name, e) for e in SHAPEFILE_PARTS)]
    elif len(chosen) > 1:
        raise Refusal(f"holds {len(chosen)} files of polygons. Give one of them.")
    if len(chosen) > limits.most_files:
        raise Refusal(f"holds {len(chosen):,} files of polygons; at most {limits.most_files:,} are accepted.")
    unpacked = []
    for number, member in enumerate(chosen):
        if member.size > limits.most_bytes and not _ends(member.name, ".dbf"):
            raise Refusal(_too_large(limits))
        if member.size <= limits.most_bytes:
            target = scratch / f"member_{number}"
            zip_archive.extract(one.path, member, target)
            unpacked.append(GivenFile(member.name, target))
    return unpacked


def _laid(one: GivenFile, given: Sequence[GivenFile], folder: Path, limits: AreaLimits) -> VectorFile:
    if one.path.stat().st_size > limits.most_bytes:
        raise Refusal(_too_large(limits))
    kind = _kind(one)
    if kind == ZIP:
        raise Refusal("is an archive inside another. Unpack it and give what is in it.")
    if _ends(one.name, ".shp") and kind != "shp":
        raise Refusal("is damaged: it does not begin as a shapefile. Export it again.")
    if kind == "shp":
        _require_whole_shapes(one.path)
    path = folder / f"area.{kind}"
    shutil.copyfile(one.path, path)
    source = VectorFile(kind, path)
    if kind == "gpkg":
        leave_tables_only(path, limits)
    elif kind == "kml":
        _check_kml(path)
    elif kind == "shp":
        source = replace(source, notes=_lay_parts(one, given, folder, limits))
    return source


def _require_whole_shapes(path: Path) -> None:
    """Compare the length that a .shp declares, which GDAL passes over, with its own (ESRI 1998, table 1)."""
    with path.open("rb") as file:
        (words,) = struct.unpack_from(">i", file.read(100), 24)
    if 2 * words > path.stat().st_size:
        raise Refusal("is cut short: upload it again, or export it again.")


def _lay_parts(one: GivenFile, given: Sequence[GivenFile], folder: Path, limits: AreaLimits) -> tuple[str, ...]:
    """Copy the parts of a shapefile beside it; notes on those that are missing."""
    notes = []
    for ending in SHAPEFILE_PARTS[1:]:
        parts = [part for part in given if _ends(part.name, ending)]
        same = [part for part in parts if _stem(part.name) == _stem(one.name)]
        shapes = sum(_ends(other.name, ".shp") for other in given)
        part = next(iter(same or (parts if len(parts) == shapes == 1 else [])), None)
        most = _MOST_PARTS if ending == ".prj" else limits.most_bytes
        if part is not None and part.path.stat().st_size <= most:
            shutil.copyfile(part.path, folder / f"area{ending}")
        elif ending == ".shx":
            notes.append("The shapefile came without its .shx, which was made anew.")
    return tuple(notes)


_NO_NUMBER = re.compile(rb"<coordinates[^<>]*>[^<]*[A-DF-Za-df-z]")


def _check_kml(path: Path) -> None:
    """Raise Refusal for a document type, whose entities can grow without end, and for coordinates that are words.

    Real KML has neither; GDAL passes over the second, and leaves points out.
    """
    text = path.read_bytes()
    if b"<!doctype" in text.lower():
        raise Refusal("holds a DOCTYPE, which real KML does not. Leave it out.")
    if _NO_NUMBER.search(text):
        raise Refusal("is damaged: it has coordinates that are not numbers. Export it again.")


def _too_large(limits: AreaLimits) -> str:
    return f"is larger than the {limits.most_bytes:,} bytes accepted for polygons. Simplify them."


def _ends(name: str, ending: str) -> bool:
    return name.lower().endswith(ending)


def _stem(name: str) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    return str(path.with_suffix("")).casefold()


def _is_hidden(name: str) -> bool:
    """Whether it is one that a Mac adds to an archive."""
    return name.startswith("__MACOSX/") or PurePosixPath(name).name.startswith(".")
