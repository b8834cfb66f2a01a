"""Which of many files make up one scene, by their names alone, and what is said of those left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from s2dash.core import missions
from s2dash.core.legend import clean_name
from s2dash.core.sentinel2 import ATMOSPHERE_BANDS, BANDS
from s2dash.errors import UnknownName
from s2dash.ingest.product.cloud_files import CloudFile, cloud_files
from s2dash.ingest.product.names import (
    L2A,
    SCL,
    FileFacts,
    file_facts,
    is_extra,
    is_other_raster,
    level_in,
    own_band_of,
    parts_of,
    raster_stem,
    said_of,
    tile_in,
)

_FEW_MISSING = 3
_BAND_ORDER = (*BANDS, SCL)
_COPY = r"(?: ?\(\d{1,3}\))?"
_PRODUCT_METADATA = re.compile(
    rf"(?:MTD_MSIL(?:1C|2A)|S2[A-Z]_[A-Z]{{4}}_MTD_SAFL(?:1C|2A)_\w+){_COPY}\.xml", re.IGNORECASE | re.ASCII
)
_TILE_METADATA = re.compile(
    rf"(?:MTD_TL|S2[A-Z]_[A-Z]{{4}}_MTD_L(?:1C|2A)_TL_\w*_T\d\d[A-Z]{{3}}){_COPY}\.xml", re.IGNORECASE | re.ASCII
)


@dataclass(frozen=True)
class Choice:
    """Which of many files make up one scene."""

    bands: tuple[FileFacts, ...]
    """By date, then band, scene classifications among them; one for each band and date."""
    metadata: tuple[str, ...]
    """Names of the product's own metadata files."""
    tile_metadata: tuple[str, ...]
    """Names of the metadata files of the chosen tile."""
    other_rasters: tuple[str, ...]
    """Names that end as pictures do but name no single band: perhaps stacks."""
    tile: str | None
    level: str | None
    notes: tuple[str, ...]
    """What was left out, in plain words."""
    said: missions.Said | None = None
    """What names of metadata files say of another mission, for pictures whose own names say nothing."""
    other_metadata: tuple[str, ...] = ()
    """Names of the metadata files of another mission."""
    also: tuple[str, ...] = ()
    """Names among `other_rasters` that somebody asked for, though they would be left out."""
    clouds: tuple[CloudFile, ...] = ()
    """The product's own cloud masks, where no scene classification is there."""

    @property
    def beside(self) -> tuple[str, ...]:
        """Names of the files that tell something of the pictures."""
        clouds = (one.name for one in self.clouds)
        return (*self.metadata, *self.tile_metadata, *self.other_metadata, *clouds)


def choose_files(names: Sequence[str], tile: str | None = None, also: Sequence[str] = ()) -> Choice:
    """From the names of a product's files, or of a pile of loose ones, those that make up one scene.

    Of several tiles `tile` is taken, else the one with most bands, else the first by name; of two
    levels the one with more bands of the ground, else Level-2A; of several pixel sizes of a band on
    one date the finest. All dates of a tile are kept. Pictures that are no bands, such as masks, come in where `also`
    has their names. Raises UnknownName for a `tile` or a name that no file is of.
    """
    names = sorted(dict.fromkeys(names))
    beside = missions.said_of_pile(names)
    asked = _asked_for(names, also)
    counted = () if beside else only_counted([name for name in names if name not in asked])
    apart = {*counted, *asked}
    found = _with_best_quality([facts for name in names if name not in apart and (facts := file_facts(name, beside))])
    wanted = _known_tile(tile, found) if tile else None
    notes: list[str] = []
    of_level: list[FileFacts] = []
    chosen_tile, level = wanted, None
    # Landsat counts places and levels its own way: they say nothing against those of other missions.
    for family in (True, False):
        own = [facts for facts in found if _is_landsats(facts) is family]
        own_tile = _choose(own, "tile", wanted)
        of_tile = [f for f in own if f.tile in (None, own_tile)]
        own_level = _choose(of_tile, "level", None)
        of_level += [f for f in of_tile if f.level in (None, own_level)]
        notes += [*_left_out_note(own, "tile", own_tile), *_left_out_note(of_tile, "level", own_level)]
        chosen_tile, level = own_tile or chosen_tile, own_level or level
    bands, doubles = _finest(of_level)
    notes += [*(_other_light_note(names, beside) if bands else []), *doubles]
    return Choice(
        bands=bands,
        metadata=_metadata_of(names, _PRODUCT_METADATA, bands, None, level),
        tile_metadata=_metadata_of(names, _TILE_METADATA, bands, chosen_tile, level),
        other_rasters=tuple(name for name in names if name in apart or is_other_raster(name, beside)),
        tile=chosen_tile,
        level=level,
        notes=tuple(notes),
        said=beside,
        other_metadata=tuple(name for name in names if missions.is_metadata(name)),
        also=asked,
        clouds=cloud_files([name for name in names if name not in asked], bands, chosen_tile),
    )


def _asked_for(names: Sequence[str], also: Sequence[str]) -> tuple[str, ...]:
    """Names of pictures that are asked for, with folders or without; raises UnknownName for one that is not there."""
    found = []
    for one in also:
        fits = [n for n in names if one in (n, parts_of(n)[-1]) and raster_stem(parts_of(n)) is not None]
        if not fits:
            raise UnknownName(f"There is no picture {clean_name(one)} among the files. Give the name of one of them.")
        found += fits
    return tuple(dict.fromkeys(found))


def _is_landsats(facts: FileFacts) -> bool:
    return facts.said is not None and missions.is_landsat(facts.said.mission)


def named_left_out(names: Sequence[str], beside: missions.Said | None) -> dict[str, str]:
    """Pictures of other missions that are no bands of the ground, by name, and what each is called in the note of them.

    They hold heat, all light together, angles, or further quality bits.
    """
    found: dict[str, str] = {}
    for name in names:
        stem = raster_stem(parts_of(name))
        said = said_of(name, beside) if stem is not None else None
        if stem is None or said is None or said.mission in (missions.PLANETSCOPE, missions.FOREIGN):
            continue
        own = own_band_of(said.mission, stem)
        if own is not None and own.is_left_out:
            found[name] = f"{own.name} ({own.common_name})"
        elif file_facts(name, beside) is None and is_extra(parts_of(name), stem, is_other=own is not None):
            found[name] = clean_name(_LAST_WORDS.search(stem)[0].strip("_."))  # type: ignore[index]
    return found


_LAST_WORDS = re.compile(r"(?:[._](?:ST|SR|QA|sr|st|pixel|radsat|oa|solar|sensor))?[._]?(?:QA_)?[A-Za-z0-9]+\Z|\Z")


def _other_light_note(names: Sequence[str], beside: missions.Said | None) -> Iterable[str]:
    """That files of other missions are left out, and what is in them."""
    found = dict.fromkeys(named_left_out(names, beside).values())
    if found:
        yield f"Left out, as no bands of the ground: {', '.join(found)}."


def _with_best_quality(found: list[FileFacts]) -> list[FileFacts]:
    """The same with one quality band for each place and date: that which says most."""
    kinds: dict[tuple[str | None, str | None], list[str]] = {}
    for facts in found:
        if facts.quality is not None:
            kinds.setdefault((facts.tile, facts.date), []).append(facts.quality)
    best = {key: missions.best_quality(of_key) for key, of_key in kinds.items()}
    return [facts for facts in found if facts.quality in (None, best.get((facts.tile, facts.date)))]


_COUNTED = re.compile(r"(.*?)(?:band|layer|bn)[ _-]?(\d{1,2})", re.IGNORECASE | re.ASCII)


def only_counted(names: Sequence[str]) -> tuple[str, ...]:
    """Files whose names only count them, in that order: `band1.tif` to `band4.tif`, from 1 on and without a gap.

    Where a gap or `8A` shows that the numbers are the mission's, there are none.
    """
    found: dict[int, str] = {}
    for name in names:
        stem = raster_stem(parts_of(name))
        if stem is None:
            continue
        if said_of(name) is not None:
            return ()
        match = _COUNTED.fullmatch(stem)
        if match is None:
            if file_facts(name):
                return ()
        elif int(match[2]) in found:
            return ()
        else:
            found[int(match[2])] = name
    numbers = sorted(found)
    return tuple(found[n] for n in numbers) if len(found) > 1 and numbers == list(range(1, len(found) + 1)) else ()


def missing_bands_note(choice: Choice, level: str | None) -> tuple[str, ...]:
    """That a few bands are missing among nearly all of a product; of a product in part nothing is said."""
    there = {facts.band for facts in choice.bands if facts.said is None}
    missing = [band for band in BANDS if band not in there and not (level == L2A and band == "B10")]
    if not 0 < len(missing) <= _FEW_MISSING or not there:
        return ()
    return (f"The product has no {', '.join(missing)}: it may be incomplete.",)


def _known_tile(tile: str, found: Sequence[FileFacts]) -> str:
    wanted = tile.strip() if re.fullmatch(r"\d{6}", tile.strip()) else tile_in([tile.strip().upper()])
    known = sorted({f.tile for f in found if f.tile})
    if wanted is None or wanted not in known:
        shown = ", ".join(known[:10]) or "none"
        raise UnknownName(f"No file is of tile {clean_name(tile)[:20]}. The tiles there are: {shown}.")
    return wanted


def _choose(found: Sequence[FileFacts], field: str, wanted: str | None) -> str | None:
    """The value of a field that is wanted, or that most bands have; Level-2A, and the first tile, win a tie."""
    groups: dict[str, set[tuple[str, str | None]]] = {}
    for facts in found:
        value = getattr(facts, field)
        if value is not None:
            group = groups.setdefault(value, set())
            if not (facts.is_scl or (field == "level" and facts.band in ATMOSPHERE_BANDS)):
                group.add((facts.band, facts.date))
    if wanted is not None or not groups:
        return wanted
    return min(groups, key=lambda value: (-len(groups[value]), value not in (L2A, "Level-2"), value))


def _left_out_note(found: Sequence[FileFacts], field: str, chosen: str | None) -> Iterable[str]:
    others = [value for facts in found if (value := getattr(facts, field)) not in (None, chosen)]
    if not others:
        return
    kinds = sorted(set(others))
    shown = ", ".join(kinds[:3]) + (f" and {len(kinds) - 3} more" if len(kinds) > 3 else "")
    what = "tile" if field == "tile" else "level"
    files = "1 file was" if len(others) == 1 else f"{len(others):,} files were"
    yield f"There is more than one {what}: {chosen} is used, {files} left out ({shown})."


def _finest(found: Sequence[FileFacts]) -> tuple[tuple[FileFacts, ...], list[str]]:
    """One file for each band, tile and date, and notes about files that say the same of themselves."""
    best: dict[tuple[str, str, str | None, str | None], list[FileFacts]] = {}
    for facts in sorted(found, key=lambda f: (f.likely_pixel_m, f.name)):
        mission = facts.said.mission.key if facts.said is not None else ""
        best.setdefault((mission, facts.band, facts.tile, facts.date), []).append(facts)
    chosen = sorted((group[0] for group in best.values()), key=_place)
    doubled = [
        group[0]
        for group in best.values()
        if len(group) > 1 and (group[1].likely_pixel_m, group[1].pixel_m) == (group[0].likely_pixel_m, group[0].pixel_m)
    ]
    if not doubled:
        return tuple(chosen), []
    first = min(doubled, key=_place)
    more = f" (and so with {len(doubled) - 1} more)" if len(doubled) > 1 else ""
    return tuple(chosen), [f"Several files are of band {first.band}: {_shown(first.name)} is used{more}."]


def _place(facts: FileFacts) -> tuple[str, int, str]:
    own = [] if facts.said is None else [missions.code_of(band.name) for band in facts.said.mission.bands]
    if own and not facts.is_scl:
        code = missions.code_of(facts.band)
        return facts.date or "", own.index(code) if code in own else len(own), facts.name
    return facts.date or "", _BAND_ORDER.index(facts.band), facts.name


def _shown(name: str) -> str:
    return clean_name(parts_of(name)[-1][-60:])


def _metadata_of(
    names: Sequence[str], pattern: re.Pattern[str], bands: Sequence[FileFacts], tile: str | None, level: str | None
) -> tuple[str, ...]:
    """Metadata files that speak of the chosen bands: above them in the same folders, else by what their names say."""
    fitting = [
        name
        for name in names
        if pattern.fullmatch(parts_of(name)[-1])
        and "__MACOSX" not in parts_of(name)
        and (tile is None or tile_in(parts_of(name)) in (None, tile))
        and (level is None or _level_of_metadata(name) in (None, level))
    ]
    folders = {folder for facts in bands for folder in _folders_around(facts.name)}
    above = [name for name in fitting if tuple(parts_of(name)[:-1]) in folders]
    return tuple(above or fitting)


def _level_of_metadata(name: str) -> str | None:
    parts = parts_of(name)
    return level_in(parts, parts[-1].rpartition(".")[0], "")


def _folders_around(name: str) -> Iterable[tuple[str, ...]]:
    """The folders that a file lies in, from the outermost, which has no name, inwards."""
    folders = parts_of(name)[:-1]
    return (tuple(folders[:depth]) for depth in range(len(folders) + 1))
