"""What was brought, sorted out by names: zips unpacked, folders walked, bands chosen, metadata read.

No picture is opened here; `assemble.py` goes on from the files that are chosen.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from affine import Affine
from pyproj import CRS

from s2dash.errors import UnreadableFile
from s2dash.grid import Grid
from s2dash.ingest import archive
from s2dash.ingest.assemble import InputFile, Provenance
from s2dash.ingest.checks import driver_of
from s2dash.ingest.describe import WEB_EXPORT, acquisition_date
from s2dash.ingest.product import (
    Choice,
    ProductMetadata,
    baseline_from_name,
    choose_files,
    file_facts,
    is_outside_series,
    missing_bands_note,
    offset_rule,
    parse_metadata,
)
from s2dash.legend import clean_name
from s2dash.settings import ARCHIVE_LIMITS, thread_count

_SATURATED = 65_535
_WEB_EXPORT = re.compile(r"Sentinel-2_L(1C|2A)_\w+_\(Raw\)")
"""Names that browsers of imagery give; their 16 bits are filled whatever the scene."""
_TILE_M = 109_800
"""Side of a tile."""


@dataclass(frozen=True)
class Given:
    """A file as it was brought."""

    name: str
    """Its path inside a zip or folder, or its bare name: text from outside."""
    path: Path


@dataclass(frozen=True)
class Inputs:
    """The rasters of one scene, and what is known of them beforehand."""

    files: tuple[InputFile, ...]
    provenance: Provenance


def gather(
    given: Sequence[Given], scratch: Path, title: str, tile: str | None, progress: Callable[[float], None]
) -> Inputs:
    """Sort out what was brought: one zip, one folder, the files of one (their names have folders), or loose files.

    Parameters
    ----------
    scratch : a folder for what is unpacked; exists
    title : the scene's where nothing better is found
    tile : which one to take where there are several

    Raises UnreadableFile where there are no bands, or a zip or metadata file is refused; UnknownName
    for a tile that is not there.
    """
    given = _told_apart(given)
    zips = [one for one in given if one.path.is_file() and archive.is_zip(one.path)]
    if zips and len(given) > 1:
        raise UnreadableFile(f"{_shown(zips[0].name)} is a zip beside other files. Give one zip, or files without it.")
    if zips:
        return _from_zip(given[0], scratch, title, tile, progress)
    if len(given) == 1 and given[0].path.is_dir():
        return _from_folder(given[0], title, tile)
    if beside := next((one for one in given if one.path.is_dir()), None):
        raise UnreadableFile(f"{_shown(beside.name)} is a folder beside other files. Give one folder, or files alone.")
    folders = [one.name.replace("\\", "/").split("/")[:-1] for one in given]
    if all(folders):
        return _from_collection(given, folders[0][0], title, tile)
    return _from_files(given, title, tile, is_loose=True)


def gather_one(given: Given, title: str) -> Inputs:
    """What `gather` gives for a raster that is brought by itself, wherever it lies; raises as `gather` does."""
    return _from_files([given], title, None, is_loose=True)


def _told_apart(given: Sequence[Given]) -> list[Given]:
    """The same files with a number before a name that another one has too."""
    names = [one.name for one in given]
    return [
        replace(one, name=f"{number}/{one.name}") if names.count(one.name) > 1 else one
        for number, one in enumerate(given, 1)
    ]


def _from_zip(given: Given, scratch: Path, title: str, tile: str | None, progress: Callable[[float], None]) -> Inputs:
    members = {member.name: member for member in archive.list_members(given.path)}
    # The zip's own name may say the baseline where the folder inside has been renamed.
    prefix = PurePosixPath(given.name.replace("\\", "/")).name.removesuffix(".zip")
    by_name = {f"{prefix}/{name}": member for name, member in members.items()}
    choice = choose_files(list(by_name), tile)
    wanted = _wanted(choice, given.name)
    total = sum(by_name[name].size for name in wanted) or 1
    done = 0

    def unpack(numbered: tuple[int, str]) -> tuple[Given, int]:
        number, name = numbered
        target = scratch / f"unpacked_{number}"
        archive.extract(given.path, by_name[name], target)
        return Given(name, target), by_name[name].size

    files = []
    with ThreadPoolExecutor(thread_count()) as pool:
        for one, size in pool.map(unpack, enumerate(wanted)):
            files.append(one)
            done += size
            progress(done / total)
    return _from_files(files, title, choice.tile, is_loose=False, choice=choice)


def _from_folder(given: Given, title: str, tile: str | None) -> Inputs:
    root = given.path
    files = []
    for folder, _, names in os.walk(root, followlinks=False):
        for name in sorted(names):
            path = Path(folder) / name
            if path.is_file() and not path.is_symlink():
                files.append(Given(str(PurePosixPath(root.name, *path.relative_to(root).parts)), path))
            if len(files) > ARCHIVE_LIMITS.most_members:
                raise UnreadableFile(
                    f"{_shown(root.name)} holds more than {len(files) - 1:,} files. Choose one product."
                )
    return _from_collection(files, given.name, title, tile)


def _from_collection(files: Sequence[Given], name: str, title: str, tile: str | None) -> Inputs:
    """Out of all files of a folder, those that make up one scene."""
    choice = choose_files([one.name for one in files], tile)
    wanted = set(_wanted(choice, name))
    return _from_files([one for one in files if one.name in wanted], title, tile, is_loose=False, choice=choice)


def _wanted(choice: Choice, name: str) -> list[str]:
    """Names of the files to use out of a collection: its bands with their metadata, or else its other rasters."""
    rasters = [facts.name for facts in choice.bands] or list(choice.other_rasters)
    if not rasters:
        raise UnreadableFile(
            f"{_shown(name)} holds no Sentinel-2 bands: no JP2 or GeoTIFF with a band in its name, such as B02. "
            "Choose a product as it was downloaded."
        )
    return [*rasters, *choice.metadata, *choice.tile_metadata]


def _from_files(
    given: Sequence[Given], title: str, tile: str | None, is_loose: bool, choice: Choice | None = None
) -> Inputs:
    by_name = {one.name: one for one in given}
    choice = choice or choose_files(list(by_name), tile)
    banded = {facts.name: facts for facts in choice.bands if facts.name in by_name}
    notes = list(choice.notes)
    others = [name for name in choice.other_rasters if name in by_name and (is_loose or not banded)]
    if is_loose:
        rest = [n for n in by_name if n not in banded and n not in others and not _is_metadata(n)]
        extra = [n for n in rest if file_facts(n) is None]
        if banded or others:
            unknown = [n for n in extra if _is_unlike_a_product(n)]
            others += unknown
            left = [n for n in extra if n not in unknown]
            if left:
                notes.append(f"Left out, as no band: {', '.join(_shown(n) for n in left[:3])}{' …' * (len(left) > 3)}.")
        else:
            others = extra
    files = [_input_file(by_name[n], f.band, f.is_scl, f.date) for n, f in banded.items()]
    dated = len(others) > 1
    files += [_input_file(by_name[n], None, False, acquisition_date({}, n)[0] if dated else None) for n in others]
    if not files:
        raise UnreadableFile(f"{_shown(given[0].name)} holds no bands. Choose a GeoTIFF, a JP2 or a zipped .SAFE.")
    complaints: list[str] = []
    metadata = _readable([by_name[name] for name in choice.metadata if name in by_name], complaints)
    tiles = _readable([by_name[name] for name in choice.tile_metadata if name in by_name], complaints)
    provenance = _provenance(choice, files, metadata, tiles, title, tuple(notes))
    return Inputs(tuple(files), replace(provenance, complaint=complaints[0] if complaints else None))


def _is_metadata(name: str) -> bool:
    return name.lower().endswith(".xml")


def _is_unlike_a_product(name: str) -> bool:
    """Whether a loose file that no rule knows must be tried, so that it is used or refused by what it is."""
    return PurePosixPath(name.lower()).suffix not in (".jp2", ".j2k", ".tif", ".tiff", ".ovr", ".msk", ".tfw")


def _input_file(given: Given, band: str | None, is_scl: bool, date: str | None) -> InputFile:
    return InputFile(given.path, _shown(given.name), None if is_scl else band, is_scl, date)


def _shown(name: str) -> str:
    """The last part of a name as messages quote it."""
    return clean_name(name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1][-80:]) or "The file"


def _readable(files: Sequence[Given], complaints: list[str]) -> list[ProductMetadata]:
    """The metadata that can be read; what is wrong with the others is added to `complaints`."""
    found = []
    for one in files:
        try:
            found.append(_metadata(one))
        except UnreadableFile as error:
            complaints.append(str(error))
    return found


def _metadata(given: Given) -> ProductMetadata:
    try:
        with given.path.open("rb") as file:
            xml = file.read(ARCHIVE_LIMITS.most_metadata_bytes + 1)
    except OSError as error:
        raise UnreadableFile(f"{_shown(given.name)} cannot be read: {error.strerror}.") from error
    return parse_metadata(xml, _shown(given.name))


def _provenance(
    choice: Choice,
    files: Sequence[InputFile],
    metadata: Sequence[ProductMetadata],
    tiles: Sequence[ProductMetadata],
    title: str,
    notes: tuple[str, ...],
) -> Provenance:
    documents = [*metadata, *tiles]
    is_mission = any(facts.tile for facts in choice.bands) and bool(choice.level or documents)
    best = next((m for m in documents if m.states_radiometry), documents[0] if documents else None)
    baselines = (baseline_from_name(facts.name) for facts in choice.bands)
    baseline = next((m.baseline for m in documents if m.baseline), None) or next(filter(None, baselines), None)
    outside = any(is_outside_series(facts.name) for facts in choice.bands)
    level = next((m.level for m in documents), choice.level)
    reflectance, doubt = None, offset_rule(level, None).warning if is_mission else None
    if documents or baseline or outside:
        rule = offset_rule(level, baseline, best)
        reflectance = (rule.quantification, dict(rule.offsets), rule.sentence)
        doubt = rule.warning
    elif choice.bands and all(_WEB_EXPORT.search(facts.name) for facts in choice.bands):
        reflectance = (_SATURATED, {}, WEB_EXPORT)
    from_product = best is not None and best.states_radiometry
    return Provenance(
        title=f"Tile {choice.tile}" if choice.tile and len(files) > 1 else title,
        level=level,
        baseline=baseline,
        date=next((m.date for m in documents if m.date), None) if len({f.date for f in files}) < 2 else None,
        reflectance=reflectance,
        nodata=_first(best.nodata, 0) if best is not None and from_product else None,
        saturated=_saturated(best, from_product or is_mission, files),
        places=_places(documents),
        notes=(*notes, *(missing_bands_note(choice, level) if metadata else ())),
        is_mission=any(facts.tile for facts in choice.bands),
        doubt=doubt,
    )


def _first(value: int | None, otherwise: int) -> float:
    return float(otherwise if value is None else value)


def _saturated(metadata: ProductMetadata | None, is_product: bool, files: Sequence[InputFile]) -> float | None:
    if metadata is not None and metadata.saturated is not None:
        return float(metadata.saturated)
    return float(_SATURATED) if is_product and any(_is_jp2(file.path) for file in files) else None


def _is_jp2(path: Path) -> bool:
    return driver_of(path) == "JP2OpenJPEG"


def _places(documents: Iterable[ProductMetadata]) -> dict[tuple[int, int], Grid]:
    """The grids of a whole tile, by shape."""
    for document in documents:
        if document.geocoding is not None:
            wkt = CRS.from_epsg(document.geocoding.epsg).to_wkt()
            shapes = document.geocoding.shape_rc
            grids = (
                Grid(shapes.get(size, (_TILE_M // size, _TILE_M // size)), Affine(size, 0, x, 0, -size, y), wkt)
                for size, (x, y) in document.geocoding.upper_left_xy.items()
            )
            return {grid.shape_rc: grid for grid in grids}
    return {}
