"""What names and metadata say about a Sentinel-2 product: its bands, tile, date, level, baseline, offset and place.

Nothing here opens a picture. Old names are those until December 2016, new ones since (Sentinel-2
Products Specification Document, issues 13 and 14). The metadata's XML is parsed by ourselves, by
local names in any namespace.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from s2dash.core import helper_layers, missions
from s2dash.core.legend import clean_name
from s2dash.core.sentinel2 import ATMOSPHERE_BANDS, BANDS, band_in_file_name
from s2dash.errors import UnknownName, UnreadableFile
from s2dash.settings import ARCHIVE_LIMITS

SCL = "SCL"
"""Stands for the scene classification where a band's name is expected."""

L1C, L2A = "Level-1C", "Level-2A"

OUTSIDE_SERIES = "99.99"
"""The baseline of reprocessings outside the mission's series: it tells nothing about the offset."""

FIRST_BASELINE_WITH_OFFSET = "04.00"
UNKNOWN_OFFSET = (
    "The processing baseline is unknown: for data made since 25 January 2022, "
    "check whether 1000 must be subtracted, and set the offset yourself."
)
UNKNOWN_OFFSET_OF_FRACTIONS = UNKNOWN_OFFSET.replace("1000", "0.1")
USUAL_OFFSET = -1000.0
USUAL_QUANTIFICATION = 10_000.0

_FEW_MISSING = 3
_BAND_ORDER = (*BANDS, SCL)
_RASTER_ENDINGS = {"jp2", "j2k", "tif", "tiff"}
_NO_BANDS = {"TCI", "AOT", "WVP", "PVI", "CLD", "CLDPRB", "SNW", "SNWPRB", "DEM", "DDV", "MSK", "BWI", "PREVIEW", "QL"}
"""Words in names of files that lie beside the bands: pictures for looking at, masks, by-products."""
_NO_BAND_FOLDERS = {"QI_DATA", "AUX_DATA", "HTML", "PREVIEW", "__MACOSX"}

_START, _END = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
_WORDS = re.compile(r"[A-Za-z0-9]+")
_PIXEL = re.compile(rf"{_START}(10|20|60)m{_END}", re.IGNORECASE | re.ASCII)
_PIXEL_FOLDER = re.compile(r"R(10|20|60)m", re.IGNORECASE | re.ASCII)
_LEVEL = re.compile(rf"{_START}(?:MSI|SAF)?L(1C|2A)p?{_END}", re.IGNORECASE | re.ASCII)
_LEVEL_OF_ROOT = re.compile(r"Level-(1C|2A)p?_(User_Product|Tile_ID)")
_NEW_NAME = re.compile(r"(?:L2A_)?T\d\d[A-Z]{3}_\d{8}T\d{6}_(?:B\d[\dA]|SCL)(_\d\dm)?", re.ASCII)
_TILE = re.compile(rf"{_START}(T?)(\d{{1,2}})([C-HJ-NP-X][A-HJ-NP-Z][A-HJ-NP-V]){_END}", re.ASCII)
_DAY = re.compile(r"(?<!\d)(20\d\d)([-_]?)(\d\d)\2(\d\d)(?!\d)", re.ASCII)
_SENSING_DAY = re.compile(r"_V(20\d\d)()(\d\d)(\d\d)T\d{6}", re.ASCII)
_BASELINE = re.compile(rf"{_START}N(\d\d)\.?(\d\d){_END}", re.ASCII)
_COPY = r"(?: ?\(\d{1,3}\))?"
_PRODUCT_METADATA = re.compile(
    rf"(?:MTD_MSIL(?:1C|2A)|S2[A-Z]_[A-Z]{{4}}_MTD_SAFL(?:1C|2A)_\w+){_COPY}\.xml", re.IGNORECASE | re.ASCII
)
_TILE_METADATA = re.compile(
    rf"(?:MTD_TL|S2[A-Z]_[A-Z]{{4}}_MTD_L(?:1C|2A)_TL_\w*_T\d\d[A-Z]{{3}}){_COPY}\.xml", re.IGNORECASE | re.ASCII
)

_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{0,20})?([eE][+-]?\d{1,2})?", re.ASCII)
_QUANTIFICATIONS = ("BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE", "QUANTIFICATION_VALUE")
_MOST_QUANTIFICATION = 1e6
_LARGEST_STORED = 65_535
_LARGEST_COORDINATE_M = 2e7
_LARGEST_SIDE = 1_000_000
_SEEN_CHARACTERS = 200


@dataclass(frozen=True)
class FileFacts:
    """What a file's name says about the band in it."""

    name: str
    """As given: a path inside an archive or a folder, or a bare file name."""
    band: str
    """`B01` to `B12`, `B8A`, `SCL` for the scene classification; of other missions their own, `SR_B5`."""
    pixel_m: int | None
    """Pixel size in metres where the name states it."""
    tile: str | None
    """Tile of the military grid, without a leading T: `33UUU`."""
    date: str | None
    """`2017-02-16`. Old names of loose files hold no other day than that of their making."""
    level: str | None
    """`Level-1C` or `Level-2A`."""
    said: missions.Said | None = None
    """What the name says of another mission, whose own name `band` then is."""
    quality: str | None = None
    """The kind of quality band that stands in for a scene classification; None for a band, or for SCL."""

    @property
    def is_scl(self) -> bool:
        return self.band == SCL

    @property
    def likely_pixel_m(self) -> int:
        """The stated pixel size, else the band's own."""
        if self.said is not None and self.said.mission.bands:
            return self.pixel_m or 30
        return self.pixel_m or (20 if self.is_scl else BANDS[self.band].native_pixel_m)


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


@dataclass(frozen=True)
class TileGeocoding:
    """Where a whole tile lies."""

    epsg: int
    """Code of its UTM zone on WGS 84."""
    upper_left_xy: Mapping[int, tuple[float, float]]
    """Outer corner of the first pixel in metres east and north, by pixel size in metres."""
    shape_rc: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """Rows and columns of the whole tile, by pixel size: a picture of another shape is a cut of unknown place."""


@dataclass(frozen=True)
class ProductMetadata:
    """What a metadata file says; None or empty where it says nothing."""

    level: str
    baseline: str | None
    """`05.11`"""
    date: str | None
    """The day of sensing, `2025-06-01`."""
    title: str | None
    """The product's or tile's name on one line of at most 60 characters; still a stranger's text."""
    tile: str | None
    quantification: float | None
    """Reflectance is (stored number + offset) / quantification."""
    offsets: Mapping[str, float]
    """By band, for all 13 slots, in stored numbers; empty where the file has none."""
    nodata: int | None
    saturated: int | None
    geocoding: TileGeocoding | None

    @property
    def states_radiometry(self) -> bool:
        """Whether offsets, or their absence, can be taken from this file: those of tiles do not speak of it."""
        return self.quantification is not None or bool(self.offsets)


@dataclass(frozen=True)
class Radiometry:
    """How stored numbers become reflectance: (number + offset) / quantification."""

    quantification: float
    offsets: Mapping[str, float]
    """By band, in stored numbers; a band without entry has 0."""
    sentence: str
    warning: str | None
    """What the user should check; None where the metadata settle it."""


def file_facts(name: str, beside: missions.Said | None = None) -> FileFacts | None:
    """What a name says of the band inside the file; None for a name that is not of one band or classification.

    Parameters
    ----------
    beside : what metadata of another mission say of files whose own names say nothing
    """
    parts = _parts(name)
    stem = _raster_stem(parts)
    if stem is not None and (said := said_of(name, beside)) is not None:
        return _facts_of_other(name, stem, said)
    band = _band(stem) if stem is not None and not _is_extra(parts, stem) else None
    if stem is None or band is None:
        return None
    return FileFacts(name, band, _pixel_m(parts, stem), _tile(parts), _date(parts), _level(parts, stem, band))


def said_of(name: str, beside: missions.Said | None = None) -> missions.Said | None:
    """What a picture's name says of another mission, else what metadata beside it do; None where it is Sentinel-2's.

    A mere word in a name counts for nothing where its bands are numbered as Sentinel-2's are.
    """
    said = missions.settled(missions.said_by_name(name), (), [_parts(name)[-1]])
    if said is not None or beside is None or missions.names_sentinel_2(name):
        return said
    return beside


def _facts_of_other(name: str, stem: str, said: missions.Said) -> FileFacts | None:
    """The facts of a band or quality band of another mission; None for stacks, and for what is left out."""
    mission, words = said.mission, stem.replace(".", "_")
    tile = said.place or _tile(_parts(name))
    quality = missions.quality_kind(mission, words)
    if quality is not None:
        quality = missions.OLD_BQA if quality == missions.BQA and said.is_old else quality
        return FileFacts(name, SCL, None, tile, said.date, None, said, quality)
    if mission in (missions.PLANETSCOPE, missions.FOREIGN):
        return None
    if not mission.bands:
        band = _band(stem)
        is_extra = _is_extra(_parts(name), stem)
        return None if band is None or is_extra else FileFacts(name, band, None, tile, said.date, None, said)
    own = _own_band(mission, stem)
    if own is None or own.is_left_out or _is_extra(_parts(name), stem, is_other=True):
        return None
    return FileFacts(name, own.name, None, tile, said.date, said.level, said)


def _own_band(mission: missions.Mission, stem: str) -> missions.OwnBand | None:
    """The band that a file's name ends in, by its number or by common words."""
    if (own := missions.own_band(mission, stem.replace(".", "_"))) is not None:
        return own
    words = _WORDS.findall(stem)
    ends = (missions.own_band(mission, "_".join(words[-count:])) for count in (3, 2, 1) if len(words) > count)
    return next((own for own in ends if own is not None), None)


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
        other_rasters=tuple(name for name in names if name in apart or _is_other_raster(name, beside)),
        tile=chosen_tile,
        level=level,
        notes=tuple(notes),
        said=beside,
        other_metadata=tuple(name for name in names if missions.is_metadata(name)),
        also=asked,
    )


def _asked_for(names: Sequence[str], also: Sequence[str]) -> tuple[str, ...]:
    """Names of pictures that are asked for, with folders or without; raises UnknownName for one that is not there."""
    found = []
    for one in also:
        fits = [n for n in names if one in (n, _parts(n)[-1]) and _raster_stem(_parts(n)) is not None]
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
        stem = _raster_stem(_parts(name))
        said = said_of(name, beside) if stem is not None else None
        if stem is None or said is None or said.mission in (missions.PLANETSCOPE, missions.FOREIGN):
            continue
        own = _own_band(said.mission, stem)
        if own is not None and own.is_left_out:
            found[name] = f"{own.name} ({own.common_name})"
        elif file_facts(name, beside) is None and _is_extra(_parts(name), stem, is_other=own is not None):
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


def tile_from_name(name: str) -> str | None:
    """`33UUU` from a file's name or path; None without one."""
    return _tile(_parts(name))


_COUNTED = re.compile(r"(.*?)(?:band|layer|bn)[ _-]?(\d{1,2})", re.IGNORECASE | re.ASCII)


def only_counted(names: Sequence[str]) -> tuple[str, ...]:
    """Files whose names only count them, in that order: `band1.tif` to `band4.tif`, from 1 on and without a gap.

    Where a gap or `8A` shows that the numbers are the mission's, there are none.
    """
    found: dict[int, str] = {}
    for name in names:
        stem = _raster_stem(_parts(name))
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


def baseline_from_name(name: str) -> str | None:
    """`05.11` from `_N0511_` in a product's name or path; None without one, and for N9999 (outside the series)."""
    baseline = _baseline_in(name)
    return None if baseline == OUTSIDE_SERIES else baseline


def is_outside_series(name: str) -> bool:
    """Whether the name says N9999: a reprocessing whose offset only its metadata or its maker can tell."""
    return _baseline_in(name) == OUTSIDE_SERIES


def parse_metadata(xml: bytes, name: str = "The metadata file") -> ProductMetadata:
    """Read a product's metadata (MTD_MSIL1C.xml, MTD_MSIL2A.xml) or a tile's (MTD_TL.xml), of old or new make.

    Parameters
    ----------
    name : what error messages call the file

    Raises UnreadableFile for what is no such document, holds a DOCTYPE, is too large, or has numbers
    that cannot be meant.
    """
    name = clean_name(name) or "The metadata file"
    root = parsed_xml(xml, name)
    kind = _LEVEL_OF_ROOT.fullmatch(_local(root))
    if not kind:
        raise UnreadableFile(f"{name} is not the metadata of a Level-1C or Level-2A product of Sentinel-2.")
    document = _Document(root, name)
    level = f"Level-{kind[1]}"
    return _tile_document(document, level) if kind[2] == "Tile_ID" else _product_document(document, level)


def offset_rule(level: str | None, baseline: str | None, metadata: ProductMetadata | None = None) -> Radiometry:
    """Which offset and quantification hold, and the sentence that says so.

    Metadata decide where they speak of it: an offset there is used, none there means 0. Otherwise the
    baseline does: from 04.00 on (25 January 2022) 1000 is subtracted, before it nothing. Never the date.

    Parameters
    ----------
    level, baseline : as names have them; those of the metadata go before
    """
    if metadata is not None:
        level, baseline = metadata.level, metadata.baseline or baseline
    if metadata is not None and metadata.states_radiometry:
        quantification = metadata.quantification or USUAL_QUANTIFICATION
        return _radiometry(level, baseline, quantification, metadata.offsets, _doubt(baseline, metadata.offsets))
    if baseline is None or baseline == OUTSIDE_SERIES:
        return _radiometry(level, None, USUAL_QUANTIFICATION, {}, UNKNOWN_OFFSET)
    offsets = dict.fromkeys(BANDS, USUAL_OFFSET) if baseline >= FIRST_BASELINE_WITH_OFFSET else {}
    warning = f"No metadata state the offset: it follows from baseline {baseline} in the product's name. Check it."
    return _radiometry(level, baseline, USUAL_QUANTIFICATION, offsets, warning)


# Names


def _parts(name: str) -> list[str]:
    return name.replace("\\", "/").split("/")


def _raster_stem(parts: Sequence[str]) -> str | None:
    """The last part without its ending, where that is a picture's; hidden files are none."""
    stem, _, ending = parts[-1].rpartition(".")
    return stem if ending.lower() in _RASTER_ENDINGS and not stem.startswith(".") else None


def _is_extra(parts: Sequence[str], stem: str, is_other: bool = False) -> bool:
    """Whether a product's file holds something else than measured bands: previews, masks, quality, water vapour."""
    words = {word.upper() for word in _WORDS.findall(stem)}
    if words & _NO_BANDS or any(part.upper() in _NO_BAND_FOLDERS for part in parts[:-1]):
        return True
    return (is_other or _band(stem) is None) and helper_layers.helper_kind_of_file(stem) is not None


def _is_other_raster(name: str, beside: missions.Said | None = None) -> bool:
    parts = _parts(name)
    stem = _raster_stem(parts)
    if stem is not None and (said := said_of(name, beside)) is not None and said.mission.bands:
        facts = _facts_of_other(name, stem, said)
        is_band = said.mission is not missions.PLANETSCOPE and _own_band(said.mission, stem) is not None
        return facts is None and not is_band and not _is_extra(parts, stem, is_other=True)
    return stem is not None and not _is_extra(parts, stem) and _band(stem) is None


def _band(stem: str) -> str | None:
    # One letter says too little of a file: `b.tif` is rather the second of two than the blue band.
    band = band_in_file_name(stem) if len(stem) > 1 else None
    words = [word.upper() for word in _WORDS.findall(stem)]
    is_classes = helper_layers.helper_kind_of_file(stem) == helper_layers.SCENE_CLASSES and "MAP" not in words
    if SCL in words or is_classes:
        return None if band else SCL
    return band


def _pixel_m(parts: Sequence[str], stem: str) -> int | None:
    stated = _PIXEL.findall(stem)
    folders = (found[1] for part in reversed(parts[:-1]) if (found := _PIXEL_FOLDER.fullmatch(part)))
    size = stated[-1] if stated else next(folders, None)
    return int(size) if size else None


def _tile(parts: Sequence[str]) -> str | None:
    """The tile in the part nearest to the file's own name."""
    found = (tile for part in reversed(parts) for match in _TILE.finditer(part) if (tile := _checked_tile(match)))
    return next(found, None)


def _checked_tile(match: re.Match[str]) -> str | None:
    """`05QKB` from a match; None where it cannot be a tile.

    Without the T that marks one, the column's letter must fit the zone (sets of eight letters that
    repeat every three zones, NGA.SIG.0012), or `05DEC` would be one.
    """
    zone, letters = int(match[2]), match[3]
    fits = letters[1] in ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")[zone % 3]
    return f"{zone:02}{letters}" if 1 <= zone <= 60 and (fits or match[1]) else None


def _date(parts: Sequence[str]) -> str | None:
    """The day of sensing in the part nearest to the file's own name.

    In old names the product's folder has it, behind a V; the day in a file's own name is that of its making.
    """
    for pattern in (_SENSING_DAY, _DAY):
        for part in reversed(parts):
            for match in pattern.finditer(part):
                if day := _iso_day(match[1], match[3], match[4]):
                    return day
    return None


def _iso_day(year: str, month: str, day: str) -> str | None:
    try:
        found = datetime.date(int(year), int(month), int(day))
    except ValueError:
        return None
    return found.isoformat() if found.year >= 2015 else None


def _level(parts: Sequence[str], stem: str, band: str) -> str | None:
    if band == SCL:
        return L2A
    if new := _NEW_NAME.fullmatch(stem):
        return L2A if new[1] else L1C
    found = (match for part in (stem, *reversed(parts[:-1])) if (match := _LEVEL.search(part)))
    match = next(found, None)
    return f"Level-{match[1].upper()}" if match else None


def _baseline_in(name: str) -> str | None:
    found = [match for part in reversed(_parts(name)) for match in _BASELINE.finditer(part)]
    return f"{found[0][1]}.{found[0][2]}" if found else None


# Choosing


def _known_tile(tile: str, found: Sequence[FileFacts]) -> str:
    wanted = tile.strip() if re.fullmatch(r"\d{6}", tile.strip()) else _tile([tile.strip().upper()])
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
    return clean_name(_parts(name)[-1][-60:])


def _metadata_of(
    names: Sequence[str], pattern: re.Pattern[str], bands: Sequence[FileFacts], tile: str | None, level: str | None
) -> tuple[str, ...]:
    """Metadata files that speak of the chosen bands: above them in the same folders, else by what their names say."""
    fitting = [
        name
        for name in names
        if pattern.fullmatch(_parts(name)[-1])
        and "__MACOSX" not in _parts(name)
        and (tile is None or _tile(_parts(name)) in (None, tile))
        and (level is None or _level_of_metadata(name) in (None, level))
    ]
    folders = {folder for facts in bands for folder in _folders_around(facts.name)}
    above = [name for name in fitting if tuple(_parts(name)[:-1]) in folders]
    return tuple(above or fitting)


def _level_of_metadata(name: str) -> str | None:
    parts = _parts(name)
    return _level(parts, parts[-1].rpartition(".")[0], "")


def _folders_around(name: str) -> Iterable[tuple[str, ...]]:
    """The folders that a file lies in, from the outermost, which has no name, inwards."""
    folders = _parts(name)[:-1]
    return (tuple(folders[:depth]) for depth in range(len(folders) + 1))


# Metadata


class _Document:
    """A parsed metadata file: elements by local name, and values that are checked on the way out."""

    def __init__(self, root: Element, name: str) -> None:
        self.name = name
        self._elements: dict[str, list[Element]] = {}
        for element in root.iter():
            self._elements.setdefault(_local(element), []).append(element)

    def all(self, *tags: str) -> list[Element]:
        """Elements of the first of these tags that there is."""
        return next((self._elements[tag] for tag in tags if tag in self._elements), [])

    def text(self, *tags: str) -> str | None:
        """The cut text of the first element of the first of these tags; None where it is missing or empty."""
        found = self.all(*tags)
        return (_text(found[0]) or None) if found else None

    def number(self, text: str | None, what: str, least: float, most: float) -> float:
        """Raises UnreadableFile for what is not a number between two bounds."""
        value = float(text) if text and _NUMBER.fullmatch(text) else None
        if value is None or not least <= value <= most:
            shown = clean_name(text or "")[:20]
            raise UnreadableFile(
                f"{self.name} gives {what} as “{shown}”, which cannot be. Download the product again, "
                "or leave this file out."
            )
        return value

    def integer(self, text: str | None, what: str, most: int) -> int:
        """Raises UnreadableFile for what is not a whole number from 0 to `most`."""
        value = self.number(text, what, 0, most)
        return int(value) if value.is_integer() else int(self.number(None, what, 0, most))


def parsed_xml(xml: bytes, name: str) -> Element:
    """A stranger's XML; raises UnreadableFile for a DOCTYPE, what is too large, or not well-formed."""
    if len(xml) > ARCHIVE_LIMITS.most_metadata_bytes:
        raise UnreadableFile(
            f"{name} has {len(xml):,} bytes, and {ARCHIVE_LIMITS.most_metadata_bytes:,} are allowed. "
            "Leave it out, or download the product again."
        )
    if xml.count(b"<") > ARCHIVE_LIMITS.most_metadata_tags:
        raise UnreadableFile(f"{name} is far more complex than real metadata. Leave it out.")
    try:
        root: Element = defusedxml.ElementTree.fromstring(xml, forbid_dtd=True)
    except DefusedXmlException as error:
        raise UnreadableFile(f"{name} holds a DOCTYPE, which real metadata do not. Leave it out.") from error
    except (ParseError, ValueError, LookupError) as error:
        raise UnreadableFile(f"{name} is damaged: it is not well-formed XML. Download the product again.") from error
    return root


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(element: Element) -> str:
    return (element.text or "").strip()[:_SEEN_CHARACTERS]


def _product_document(document: _Document, level: str) -> ProductMetadata:
    uri = document.text("PRODUCT_URI", "PRODUCT_URI_2A" if level == L2A else "PRODUCT_URI_1C") or ""
    started = document.text("PRODUCT_START_TIME", "DATATAKE_SENSING_START")
    special = _special_values(document)
    return ProductMetadata(
        level=level,
        baseline=_checked_baseline(document.text("PROCESSING_BASELINE")) or _baseline_in(uri),
        date=_day_of(started) or _date([uri]),
        title=clean_name(uri.removesuffix(".SAFE")) or None,
        tile=_tile([uri]),
        quantification=_quantification(document),
        offsets=_offsets(document, "BOA_ADD_OFFSET" if level == L2A else "RADIO_ADD_OFFSET"),
        nodata=special.get("NODATA"),
        saturated=special.get("SATURATED"),
        geocoding=None,
    )


def _tile_document(document: _Document, level: str) -> ProductMetadata:
    title = document.text("TILE_ID", "TILE_ID_2A") or ""
    return ProductMetadata(
        level=level,
        baseline=_baseline_in(title),
        date=_day_of(document.text("SENSING_TIME")),
        title=clean_name(title) or None,
        tile=_tile([title]),
        quantification=None,
        offsets={},
        nodata=None,
        saturated=None,
        geocoding=_geocoding(document),
    )


def _checked_baseline(text: str | None) -> str | None:
    return text if text and re.fullmatch(r"\d\d\.\d\d", text, re.ASCII) else None


def _day_of(text: str | None) -> str | None:
    found = re.match(r"(20\d\d)-(\d\d)-(\d\d)(?!\d)", text or "", re.ASCII)
    return _iso_day(found[1], found[2], found[3]) if found else None


def _quantification(document: _Document) -> float | None:
    text = document.text(*_QUANTIFICATIONS)
    return None if text is None else document.number(text, "the quantification value", 1, _MOST_QUANTIFICATION)


def _offsets(document: _Document, tag: str) -> dict[str, float]:
    names = tuple(BANDS)
    offsets: dict[str, float] = {}
    for element in document.all(tag):
        # L2A keeps a slot for B10, so an index always means the same band.
        band = document.integer(element.get("band_id"), "the number of a band", len(names) - 1)
        offsets[names[band]] = document.number(_text(element), "an offset", -_LARGEST_STORED, _LARGEST_STORED)
    return offsets


def _special_values(document: _Document) -> dict[str, int]:
    """`NODATA` and `SATURATED` with the numbers that stand for them."""
    values: dict[str, int] = {}
    for element in document.all("Special_Values"):
        fields = _fields(element)
        word = fields.get("SPECIAL_VALUE_TEXT", "").upper()
        if word in ("NODATA", "SATURATED"):
            values[word] = document.integer(fields.get("SPECIAL_VALUE_INDEX"), "a special value", _LARGEST_STORED)
    return values


def _geocoding(document: _Document) -> TileGeocoding | None:
    code = re.fullmatch(r"(?:EPSG:)?(32[67]\d\d)", document.text("HORIZONTAL_CS_CODE") or "", re.ASCII)
    if not code or not 1 <= int(code[1]) % 100 <= 60:
        return None
    corners = {size: _corner(document, fields) for size, fields in _by_pixel_size(document, "Geoposition")}
    shapes = {size: _shape(document, fields) for size, fields in _by_pixel_size(document, "Size")}
    return TileGeocoding(int(code[1]), corners, shapes) if corners else None


def _corner(document: _Document, fields: Mapping[str, str]) -> tuple[float, float]:
    most = _LARGEST_COORDINATE_M
    x, y = (document.number(fields.get(axis), "the tile's place", -most, most) for axis in ("ULX", "ULY"))
    return x, y


def _shape(document: _Document, fields: Mapping[str, str]) -> tuple[int, int]:
    rows, cols = (document.integer(fields.get(side), "the tile's size", _LARGEST_SIDE) for side in ("NROWS", "NCOLS"))
    return rows, cols


def _by_pixel_size(document: _Document, tag: str) -> Iterable[tuple[int, dict[str, str]]]:
    """The pixel size in metres and the fields of each element that is given for 10, 20 and 60 m."""
    for element in document.all(tag):
        pixel_m = element.get("resolution")
        if pixel_m in ("10", "20", "60"):
            yield int(pixel_m), _fields(element)


def _fields(element: Element) -> dict[str, str]:
    return {_local(child): _text(child) for child in element}


# Offsets


def _doubt(baseline: str | None, offsets: Mapping[str, float]) -> str | None:
    """Why metadata may not mean what they say; None where nothing speaks against them."""
    if baseline is None or baseline == OUTSIDE_SERIES:
        return None
    if not any(offsets.values()) and baseline >= FIRST_BASELINE_WITH_OFFSET:
        return (
            f"Products of baseline {baseline} usually have an offset of -1000, but the metadata have none. "
            "Check whether 1000 must be subtracted."
        )
    if any(offsets.values()) and baseline < FIRST_BASELINE_WITH_OFFSET:
        return f"Products of baseline {baseline} usually have no offset, but the metadata have one. Check it."
    return None


def _radiometry(
    level: str | None, baseline: str | None, quantification: float, offsets: Mapping[str, float], warning: str | None
) -> Radiometry:
    held = {offsets.get(band, 0.0) for band in BANDS if not (level == L2A and band == "B10")}
    made_by = f"baseline {baseline}" if baseline else "baseline unknown"
    scale = "" if quantification == USUAL_QUANTIFICATION else f", divided by {quantification:g}"
    sentence = f"{level or 'Level unknown'}, {made_by}: {_offset_words(held)}{scale}."
    return Radiometry(quantification, dict(offsets), sentence, warning)


def _offset_words(held: Iterable[float]) -> str:
    low, high = min(held), max(held)
    if low == high == 0:
        return "no offset"
    if low == high:
        return f"{abs(low):g} {'subtracted' if low < 0 else 'added'}"
    return f"an offset from {low:g} to {high:g}, by band"
