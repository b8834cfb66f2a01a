"""What was brought, sorted out by names: bands chosen, metadata read, and what belongs to none left out.

No picture is opened here; `assemble` goes on from the files that are chosen.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from affine import Affine
from pyproj import CRS

from s2dash.core.grid import Grid
from s2dash.core.missions import title_of
from s2dash.core.sentinel2 import guess_band_names
from s2dash.errors import UnreadableFile
from s2dash.ingest.align import MANY_SCENES
from s2dash.ingest.assemble.values import InputFile, Provenance
from s2dash.ingest.checks import driver_of, first_bytes
from s2dash.ingest.composed import Composed, choosable, composed_of, made
from s2dash.ingest.describe import WEB_EXPORT, acquisition_date
from s2dash.ingest.kinds import (
    ARCHIVE_ENDINGS,
    RASTER_ENDINGS,
    WANTED,
    is_beside,
    kind_of,
    most_telling,
    zarr_in,
)
from s2dash.ingest.mission_metadata import MissionMetadata, read_metadata
from s2dash.ingest.pile import GivenFile, Pile, is_archive, pile_of_archive, pile_of_files, pile_of_folder, shown
from s2dash.ingest.places import side_cars
from s2dash.ingest.product.choose import Choice, choose_files, missing_bands_note, named_left_out, only_counted
from s2dash.ingest.product.metadata import ProductMetadata, parse_metadata
from s2dash.ingest.product.names import baseline_from_name, file_facts, is_outside_series, said_of, tile_from_name
from s2dash.ingest.product.radiometry import offset_rule
from s2dash.raster.location import Location, location_of
from s2dash.settings import ARCHIVE_LIMITS

_SATURATED = 65_535
_WEB_EXPORT = re.compile(r"Sentinel-2_L(1C|2A)_\w+_\(Raw\)")
"""Names that browsers of imagery give; their 16 bits are filled whatever the scene."""
_MOST_NAMED = 3
"""Files that a note names before it only counts."""
_TILE_M = 109_800
"""Side of a tile."""


@dataclass(frozen=True)
class Inputs:
    """The rasters of one scene, and what is known of them beforehand."""

    files: tuple[InputFile, ...]
    provenance: Provenance


def gather(
    given: Sequence[GivenFile],
    scratch: Path,
    title: str,
    tile: str | None,
    progress: Callable[[float], None],
    also: Sequence[str] = (),
) -> Inputs:
    """Sort out what was brought: one archive, one folder, the files of one (their names have folders), or loose files.

    What lies beside pictures (texts, styles, quick-looks) is left out and noted.

    Parameters
    ----------
    scratch : a folder for what is unpacked; exists
    title : the scene's where nothing better is found
    tile : which one to take where there are several
    also : names of pictures to use as bands though they would be left out

    Raises UnreadableFile where there are no bands, or an archive or metadata file is refused; UnknownName
    for a tile that is not there.
    """
    given = _with_pixels_of_products(_with_unique_names(given))
    work = _Work(scratch, progress, tuple(also))
    container = _the_container(given, scratch, progress)
    if container is not None:
        beside = [one.name for one in given if one.name != container.name]
        return _from_collection(container, title, tile, beside, work)
    files = [one for one in given if not one.path.is_dir()]
    beside = [one.name for one in given if one.path.is_dir()]
    product = next((one.name for one in files if one.name.lower().endswith(".dim")), None)
    if product is not None and composed_of([one.name for one in files]):
        return _from_collection(pile_of_files(files, product, is_loose=False), title, tile, beside, work)
    folders = [one.name.replace("\\", "/").split("/")[:-1] for one in files]
    if all(folders):
        return _from_collection(pile_of_files(files, folders[0][0], is_loose=False), title, tile, beside, work)
    return _from_loose(files, title, tile, beside, work)


def gather_one(given: GivenFile, title: str) -> Inputs:
    """What `gather` gives for a raster that is brought by itself, wherever it lies; raises as `gather` does."""
    return _from_files([given], Findings(), title, choose_files([given.name]), is_loose=True)


def _with_unique_names(given: Sequence[GivenFile]) -> list[GivenFile]:
    """The same files with a number before a name that another one has too."""
    names = [one.name for one in given]
    return [
        replace(one, name=f"{number}/{one.name}") if names.count(one.name) > 1 else one
        for number, one in enumerate(given, 1)
    ]


def _with_pixels_of_products(given: Sequence[GivenFile]) -> list[GivenFile]:
    """The same, with the files of a folder `x.data` in place of it where its description, `x.dim`, is there too."""
    descriptions = {one.name[: -len(".dim")].lower() for one in given if one.name.lower().endswith(".dim")}
    found: list[GivenFile] = []
    for one in given:
        is_data = one.name.lower().endswith(".data") and one.name[: -len(".data")].lower() in descriptions
        if is_data and one.path.is_dir():
            files = pile_of_folder(one.path, one.name)
            found += [GivenFile(name, path) for name, path in files.fetch(files.names).items()]
        else:
            found.append(one)
    return found


def _the_container(given: Sequence[GivenFile], scratch: Path, progress: Callable[[float], None]) -> Pile | None:
    """The one archive or folder that holds the scene; None where loose files do.

    Raises UnreadableFile where several things hold pictures, of which nobody said that they are one scene.
    """
    folders = [one for one in given if one.path.is_dir()]
    archives = [one for one in given if one not in folders and not is_beside(one.name) and is_archive(one.path)]
    piles = [
        *(pile_of_archive(one, scratch, progress) for one in archives),
        *(pile_of_folder(one.path, one.name) for one in folders),
    ]
    if len(given) == 1:
        return piles[0] if piles else None
    full = [pile for pile in piles if _holds_pictures(pile.names)]
    parts = {part for one in composed_of([one.name for one in given]) for part in one.parts}
    rest = [one for one in given if one not in folders and one not in archives]
    loose = [one for one in rest if one.name in parts or _is_picture(one)]
    if full and (loose or len(full) > 1):
        name = full[0].name
        if any(one.name == name for one in folders):
            raise UnreadableFile(
                f"{shown(name)} is a folder beside other files. Give one folder, files alone, or {MANY_SCENES}."
            )
        raise UnreadableFile(
            f"{shown(name)} is {'a zip' if name.lower().endswith('.zip') else 'an archive'} beside other files. "
            f"Give one archive, files without it, or {MANY_SCENES}."
        )
    if loose or not piles:
        return None
    return full[0] if full else piles[0]


def _holds_pictures(names: Iterable[str]) -> bool:
    names = list(names)
    return any(name.lower().endswith((*RASTER_ENDINGS, *ARCHIVE_ENDINGS)) for name in names) or bool(composed_of(names))


def _is_picture(given: GivenFile) -> bool:
    """Whether a loose file is one that is read, or claims to be by its ending, so that it must not be passed over."""
    if is_beside(given.name):
        return False
    if given.name.lower().endswith(RASTER_ENDINGS):
        return True
    return given.path.stat().st_size > 0 and driver_of(given.path) is not None


def _from_loose(given: Sequence[GivenFile], title: str, tile: str | None, beside: Sequence[str], work: _Work) -> Inputs:
    """The pictures among loose files; raises UnreadableFile that says most of what else was brought."""
    composed = composed_of([one.name for one in given])
    parts = {part for one in composed for part in one.parts}
    pictures = [one for one in given if one.name in parts or _is_picture(one)]
    if not pictures:
        told = [(shown(one.name), kind_of(one.name, first_bytes(one.path))) for one in given]
        raise UnreadableFile(most_telling(told) or f"There are no files. {WANTED}")
    names = choosable([one.name for one in given], composed)
    choice = choose_files(names, tile, work.also)
    used = {*(one.name for one in pictures), *choice.metadata, *choice.tile_metadata, *choice.other_metadata}
    paths = {one.name: one.path for one in given}
    wanted = [name for name in names if name in used or name not in paths]
    cars = {car for name in wanted for car in side_cars(name, paths)}
    left = [one.name for one in given if one.name not in used and one.name not in cars]
    if len(composed) == 1 and wanted == [composed[0].name]:
        title = composed[0].title
    return _from_files(*work.made(wanted, composed, paths), title, choice, is_loose=True, left=[*left, *beside])


def _from_collection(pile: Pile, title: str, tile: str | None, beside: Sequence[str], work: _Work) -> Inputs:
    """Out of all files of a folder or archive, those that make up one scene."""
    composed = composed_of(pile.names)
    choice = choose_files(choosable(pile.names, composed), tile, work.also)
    inner = None if choice.bands or choice.other_rasters else _archive_inside(pile, work)
    if inner is not None:
        return _from_collection(inner, title, tile, beside, work)
    wanted = _wanted(choice, pile)
    parts = {one.name: one.parts for one in composed}
    asked = [part for name in wanted for part in (*parts.get(name, (name,)), *side_cars(name, pile.names))]
    paths = pile.fetch(list(dict.fromkeys(asked)))
    unread = [n for n in pile.names if n not in paths and not (_is_raster(n) and file_facts(n, choice.said))]
    rest = [] if _is_product(choice) else unread
    return _from_files(*work.made(wanted, composed, paths), title, choice, is_loose=False, left=[*rest, *beside])


def _is_raster(name: str) -> bool:
    return name.lower().endswith(RASTER_ENDINGS)


def _archive_inside(pile: Pile, work: _Work) -> Pile | None:
    """The one archive in a folder or archive, as Drive and hubs pack downloads once more; None where there is none.

    One archive inside another is opened, none inside that. Raises UnreadableFile where there are several, or it
    is deeper.
    """
    inner = [name for name in pile.names if name.lower().endswith(ARCHIVE_ENDINGS)]
    if not inner:
        return None
    if pile.is_inner:
        raise UnreadableFile(
            f"{shown(pile.name)} lies in an archive and holds archives itself. Unpack it and give what is in it."
        )
    if len(inner) > 1:
        raise UnreadableFile(
            f"{shown(pile.name)} holds {len(inner):,} archives, such as {shown(inner[0])}. Unpack it and give one of "
            f"them, or {MANY_SCENES}."
        )
    (path,) = pile.fetch(inner).values()
    left = max(0, ARCHIVE_LIMITS.most_total_bytes - pile.unpacked_bytes)
    if path.parent == work.scratch:
        # Errors call an archive by the name it has on the disk.
        path = path.replace(path.with_name(re.sub(r"[^A-Za-z0-9._-]+", "_", shown(inner[0])).lstrip(".") or "inner"))
    if not is_archive(path):
        raise UnreadableFile(kind_of(shown(inner[0]), first_bytes(path)).sentence(shown(inner[0])))
    limits = replace(ARCHIVE_LIMITS, most_total_bytes=left)
    return replace(pile_of_archive(GivenFile(inner[0], path), work.scratch, work.progress, limits), is_inner=True)


@dataclass(frozen=True)
class Findings:
    """What came up while files were made ready."""

    notes: list[str] = field(default_factory=list)
    helpers: list[str] = field(default_factory=list)
    """Names of files that held no band."""
    side_cars: dict[str, tuple[tuple[str, Path], ...]] = field(default_factory=dict)
    """What lies beside files and may say their places, by their names."""


@dataclass(frozen=True)
class _Work:
    """Where what is unpacked or put together goes, and who is told how far that is."""

    scratch: Path
    progress: Callable[[float], None]
    also: tuple[str, ...] = ()
    """Names of pictures that are asked for."""

    def made(
        self, wanted: Sequence[str], composed: Sequence[Composed], paths: Mapping[str, Path]
    ) -> tuple[list[GivenFile], Findings]:
        """The files of wanted names, those of several files put together; and what was found on the way."""
        by_name = {one.name: one for one in composed}
        files: list[GivenFile] = []
        findings = Findings()
        for number, name in enumerate(wanted):
            if name in by_name:
                found = made(by_name[name], paths, self.scratch / f"made_{number}.tif", self.progress)
                if found.given is None:
                    findings.helpers.append(by_name[name].parts[0])
                else:
                    files.append(found.given)
                findings.notes.extend(found.notes)
                continue
            files.append(GivenFile(name, paths[name]))
            findings.side_cars[name] = tuple((shown(car), paths[car]) for car in side_cars(name, paths))
        return files, findings


def _wanted(choice: Choice, pile: Pile) -> list[str]:
    """Names of the files to use out of a collection: its bands with their metadata, or else its other rasters."""
    rasters = [facts.name for facts in choice.bands]
    are_alone = all(facts.is_scl for facts in choice.bands)
    rasters += choice.other_rasters if are_alone else choice.also
    if not rasters:
        raise _without_bands(pile)
    return [*rasters, *choice.metadata, *choice.tile_metadata, *choice.other_metadata]


def _without_bands(pile: Pile) -> UnreadableFile:
    """What is in a collection in place of bands, as far as names tell."""
    if store := zarr_in(pile.names, pile.name):
        return UnreadableFile(kind_of("x.zarr").sentence(shown(store)))
    told = [(shown(name), kind) for name in pile.names if (kind := kind_of(name)).tells == 2]
    if told:
        return UnreadableFile(f"{shown(pile.name)} holds no bands that are read here: {most_telling(told)}")
    return UnreadableFile(
        f"{shown(pile.name)} holds no Sentinel-2 bands: no JP2 or GeoTIFF with a band in its name, such as B02. "
        "Choose a product as it was downloaded."
    )


def _is_product(choice: Choice) -> bool:
    """Whether the files are of a product as it was downloaded, of which it is known what else belongs to it."""
    return bool(choice.metadata or choice.tile_metadata) or any(
        part.upper().endswith(".SAFE") for facts in choice.bands for part in facts.name.split("/")[:-1]
    )


def _from_files(
    given: Sequence[GivenFile],
    found: Findings,
    title: str,
    choice: Choice,
    is_loose: bool,
    left: Sequence[str] = (),
) -> Inputs:
    """One scene of files on the disk; `left` are names of what was brought with them and is not used."""
    by_name = {one.name: one for one in given}
    banded = {facts.name: facts for facts in choice.bands if facts.name in by_name}
    are_alone = all(facts.is_scl for facts in banded.values())
    is_any = is_loose or are_alone
    others = [name for name in choice.other_rasters if name in by_name and (is_any or name in choice.also)]
    used = {*banded, *others, *choice.metadata, *choice.tile_metadata, *choice.other_metadata}
    if is_loose:
        rest = [n for n in by_name if n not in used and file_facts(n, choice.said) is None]
        # Endings may lie: what does not even say that it is a picture is one by its bytes.
        pictures = used.difference(choice.other_metadata)
        unknown = rest if not pictures else [n for n in rest if not n.lower().endswith(RASTER_ENDINGS)]
        others += unknown
        left = [*(n for n in rest if n not in unknown), *left]
    cars = found.side_cars
    files = [
        replace(_input_file(by_name[n], f.band, f.is_scl, f.date, cars.get(n, ())), said=f.said, quality=f.quality)
        for n, f in banded.items()
    ]
    dated = len(others) > 1
    counted = only_counted(others)
    guess = guess_band_names(len(counted)) or tuple(f"layer {n}" for n in range(1, len(counted) + 1))
    named = dict(zip(counted, guess, strict=True))
    for name in sorted(others, key=lambda n: counted.index(n) if n in named else -1):
        said = said_of(name, choice.said)
        date = acquisition_date({}, name)[0] if dated else None
        date = said.date if dated and said is not None and said.date else date
        files.append(replace(_input_file(by_name[name], named.get(name), False, date, cars.get(name, ())), said=said))
    complaints: list[str] = []
    told = _of_other_missions([by_name[name] for name in choice.other_metadata if name in by_name])
    silent = [name for name in choice.other_metadata if name in by_name and name not in told]
    left = [*silent, *left]
    metadata = _readable([by_name[name] for name in choice.metadata if name in by_name], complaints)
    tiles = _readable([by_name[name] for name in choice.tile_metadata if name in by_name], complaints)
    counting: tuple[str, ...] = ()
    if counted:
        taken = f"The files' names only count their {len(counted)} bands; they are taken as {', '.join(guess)}."
        counting = (f"{taken} Change the names if that is wrong.",)
    said_already = named_left_out(left, choice.said)
    unused = tuple(name for name in left if _is_raster(name) and not is_beside(name))
    left = [name for name in (*found.helpers, *left) if name not in said_already]
    notes = (*found.notes, *counting, *choice.notes, *_left_out(left))
    provenance = _provenance(choice, files, metadata, tiles, title, notes)
    provenance = replace(provenance, others=tuple(told.values()), left_out=unused)
    return Inputs(tuple(files), replace(provenance, complaint=complaints[0] if complaints else None))


def _left_out(names: Sequence[str]) -> tuple[str, ...]:
    """One note about all files that are not used; those that somebody may have meant for bands come first."""
    if not names:
        return ()
    ordered = sorted(names, key=lambda name: (is_beside(name), shown(name).startswith(".")))
    some = ", ".join(shown(name) for name in ordered[:_MOST_NAMED])
    more = len(ordered) - _MOST_NAMED
    return (f"Left out, as no band: {some}{f' and {more:,} more' if more > 0 else ''}.",)


def _input_file(
    given: GivenFile, band: str | None, is_scl: bool, date: str | None, cars: tuple[tuple[str, Path], ...]
) -> InputFile:
    name = shown(given.label or given.name)
    location = location_of(given.place)
    return InputFile(location, name, None if is_scl else band, is_scl, date, cars, tile_from_name(given.name))


def _readable(files: Sequence[GivenFile], complaints: list[str]) -> list[ProductMetadata]:
    """The metadata that can be read; what is wrong with the others is added to `complaints`."""
    found = []
    for one in files:
        try:
            found.append(_metadata(one))
        except UnreadableFile as error:
            complaints.append(str(error))
    return found


def _of_other_missions(files: Sequence[GivenFile]) -> dict[str, MissionMetadata]:
    """What metadata of other missions say, by the names of the files; those that say nothing are not in it."""
    found: dict[str, MissionMetadata] = {}
    for one in files:
        # What is refused or says nothing may as well belong to something else that lies there.
        with contextlib.suppress(UnreadableFile):
            said = read_metadata(one.path, shown(one.name))
            if said is not None:
                found[one.name] = said
    return found


def _metadata(given: GivenFile) -> ProductMetadata:
    try:
        with given.path.open("rb") as file:
            xml = file.read(ARCHIVE_LIMITS.most_metadata_bytes + 1)
    except OSError as error:
        raise UnreadableFile(f"{shown(given.name)} cannot be read: {error.strerror}.") from error
    return parse_metadata(xml, shown(given.name))


def _provenance(
    choice: Choice,
    files: Sequence[InputFile],
    metadata: Sequence[ProductMetadata],
    tiles: Sequence[ProductMetadata],
    title: str,
    notes: tuple[str, ...],
) -> Provenance:
    documents = [*metadata, *tiles]
    ours = [facts for facts in choice.bands if facts.said is None]
    is_mission = any(facts.tile for facts in ours) and bool(choice.level or documents)
    best = next((m for m in documents if m.states_radiometry), documents[0] if documents else None)
    baselines = (baseline_from_name(facts.name) for facts in ours)
    baseline = next((m.baseline for m in documents if m.baseline), None) or next(filter(None, baselines), None)
    outside = any(is_outside_series(facts.name) for facts in ours)
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
        title=_title(choice, files, title),
        level=level,
        baseline=baseline,
        date=next((m.date for m in documents if m.date), None) if len({f.date for f in files}) < 2 else None,
        reflectance=reflectance,
        nodata=_first(best.nodata, 0) if best is not None and from_product else None,
        saturated=_saturated(best, from_product or is_mission, files),
        places=_places(documents),
        notes=(*notes, *(missing_bands_note(choice, level) if metadata else ())),
        is_mission=any(facts.tile for facts in ours),
        doubt=doubt,
    )


def _title(choice: Choice, files: Sequence[InputFile], otherwise: str) -> str:
    """The scene's name by its place where names tell it, of Landsat by path and row."""
    said = [file.said for file in files if file.said is not None]
    grounds = {one.ground for one in said if one.ground}
    if len(grounds) == 1:
        return f"{title_of([one.mission for one in said])}, {grounds.pop()}"
    if choice.tile and len(files) > 1 and not choice.tile.isdigit():
        return f"Tile {choice.tile}"
    return otherwise


def _first(value: int | None, otherwise: int) -> float:
    return float(otherwise if value is None else value)


def _saturated(metadata: ProductMetadata | None, is_product: bool, files: Sequence[InputFile]) -> float | None:
    if metadata is not None and metadata.saturated is not None:
        return float(metadata.saturated)
    return float(_SATURATED) if is_product and any(_is_jp2(file.location) for file in files) else None


def _is_jp2(location: Location) -> bool:
    return driver_of(location) == "JP2OpenJPEG"


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
