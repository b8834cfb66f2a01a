"""The inputs of one scene: its files with their bands, what metadata says of them, and notes of what is left out."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from affine import Affine
from pyproj import CRS

from s2dash.core.grid import Grid
from s2dash.core.missions import title_of
from s2dash.core.sentinel2 import guess_band_names
from s2dash.errors import UnreadableFile
from s2dash.ingest.assemble.values import InputFile, Provenance
from s2dash.ingest.checks import driver_of
from s2dash.ingest.describe import acquisition_date
from s2dash.ingest.kinds import RASTER_ENDINGS, is_beside
from s2dash.ingest.mission_metadata import MissionMetadata, read_metadata
from s2dash.ingest.pile import GivenFile, shown
from s2dash.ingest.pixels import PixelSource
from s2dash.ingest.product.choose import Choice, missing_bands_note, named_left_out, only_counted
from s2dash.ingest.product.cloud_files import CloudFile
from s2dash.ingest.product.metadata import ProductMetadata, parse_metadata
from s2dash.ingest.product.names import baseline_from_name, file_facts, is_outside_series, said_of, tile_from_name
from s2dash.ingest.product.radiometry import offset_rule
from s2dash.ingest.reflectance import WEB_EXPORT
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
    clouds: tuple[tuple[CloudFile, Path | PixelSource], ...] = ()
    """The product's own cloud masks, files or bits: `cloud_masks.with_cloud_masks` makes files of them."""


def is_raster(name: str) -> bool:
    """Whether a file's ending is that of a raster."""
    return name.lower().endswith(RASTER_ENDINGS)


@dataclass(frozen=True)
class Findings:
    """What came up while files were made ready."""

    notes: list[str] = field(default_factory=list)
    helpers: list[str] = field(default_factory=list)
    """Names of files that held no band."""
    side_cars: dict[str, tuple[tuple[str, Path], ...]] = field(default_factory=dict)
    """What lies beside files and may say their places, by their names."""


def inputs_of(
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
    used = {*banded, *others, *choice.beside}
    if is_loose:
        rest = [n for n in by_name if n not in used and file_facts(n, choice.said) is None]
        # Endings may lie: what does not even say that it is a picture is one by its bytes.
        pictures = used.difference(choice.other_metadata, (one.name for one in choice.clouds))
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
    unused = tuple(name for name in left if is_raster(name) and not is_beside(name))
    left = [name for name in (*found.helpers, *left) if name not in said_already]
    notes = (*found.notes, *counting, *choice.notes, *_left_out(left))
    provenance = _provenance(choice, files, metadata, tiles, title, notes)
    provenance = replace(provenance, others=tuple(told.values()), left_out=unused)
    provenance = replace(provenance, complaint=complaints[0] if complaints else None)
    clouds = tuple((one, by_name[one.name].path) for one in choice.clouds if one.name in by_name)
    return Inputs(tuple(files), provenance, clouds)


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
