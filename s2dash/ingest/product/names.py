"""What a file's name says of a Sentinel-2 product, or of another mission's: band, tile, date, level, baseline.

Old names are those until December 2016, new ones since (Sentinel-2 Products Specification Document, issues 13 and
14).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass

from s2dash.core import helper_layers, missions
from s2dash.core.sentinel2 import BANDS, band_in_file_name

SCL = "SCL"
"""Stands for the scene classification where a band's name is expected."""

L1C, L2A = "Level-1C", "Level-2A"

OUTSIDE_SERIES = "99.99"
"""The baseline of reprocessings outside the mission's series: it tells nothing about the offset."""
_RASTER_ENDINGS = {"jp2", "j2k", "tif", "tiff"}
_NO_BANDS = {"TCI", "AOT", "WVP", "PVI", "CLD", "CLDPRB", "SNW", "SNWPRB", "DEM", "DDV", "MSK", "BWI", "PREVIEW", "QL"}
"""Words in names of files that lie beside the bands: pictures for looking at, masks, by-products."""
_NO_BAND_FOLDERS = {"QI_DATA", "AUX_DATA", "HTML", "PREVIEW", "__MACOSX"}

_START, _END = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
_WORDS = re.compile(r"[A-Za-z0-9]+")
_PIXEL = re.compile(rf"{_START}(10|20|60)m{_END}", re.IGNORECASE | re.ASCII)
_PIXEL_FOLDER = re.compile(r"R(10|20|60)m", re.IGNORECASE | re.ASCII)
_LEVEL = re.compile(rf"{_START}(?:MSI|SAF)?L(1C|2A)p?{_END}", re.IGNORECASE | re.ASCII)
_NEW_NAME = re.compile(r"(?:L2A_)?T\d\d[A-Z]{3}_\d{8}T\d{6}_(?:B\d[\dA]|SCL)(_\d\dm)?", re.ASCII)
_TILE = re.compile(rf"{_START}(T?)(\d{{1,2}})([C-HJ-NP-X][A-HJ-NP-Z][A-HJ-NP-V]){_END}", re.ASCII)
_DAY = re.compile(r"(?<!\d)(20\d\d)([-_]?)(\d\d)\2(\d\d)(?!\d)", re.ASCII)
_SENSING_DAY = re.compile(r"_V(20\d\d)()(\d\d)(\d\d)T\d{6}", re.ASCII)
_BASELINE = re.compile(rf"{_START}N(\d\d)\.?(\d\d){_END}", re.ASCII)


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


def file_facts(name: str, beside: missions.Said | None = None) -> FileFacts | None:
    """What a name says of the band inside the file; None for a name that is not of one band or classification.

    Parameters
    ----------
    beside : what metadata of another mission say of files whose own names say nothing
    """
    parts = parts_of(name)
    stem = raster_stem(parts)
    if stem is not None and (said := said_of(name, beside)) is not None:
        return _facts_of_other(name, stem, said)
    band = _band(stem) if stem is not None and not is_extra(parts, stem) else None
    if stem is None or band is None:
        return None
    return FileFacts(name, band, _pixel_m(parts, stem), tile_in(parts), date_in(parts), level_in(parts, stem, band))


def said_of(name: str, beside: missions.Said | None = None) -> missions.Said | None:
    """What a picture's name says of another mission, else what metadata beside it do; None where it is Sentinel-2's.

    A mere word in a name counts for nothing where its bands are numbered as Sentinel-2's are.
    """
    said = missions.settled(missions.said_by_name(name), (), [parts_of(name)[-1]])
    if said is not None or beside is None or missions.names_sentinel_2(name):
        return said
    return beside


def _facts_of_other(name: str, stem: str, said: missions.Said) -> FileFacts | None:
    """The facts of a band or quality band of another mission; None for stacks, and for what is left out."""
    mission, words = said.mission, stem.replace(".", "_")
    tile = said.place or tile_in(parts_of(name))
    quality = missions.quality_kind(mission, words)
    if quality is not None:
        quality = missions.OLD_BQA if quality == missions.BQA and said.is_old else quality
        return FileFacts(name, SCL, None, tile, said.date, None, said, quality)
    if mission in (missions.PLANETSCOPE, missions.FOREIGN):
        return None
    if not mission.bands:
        band = _band(stem)
        if band is None or is_extra(parts_of(name), stem):
            return None
        return FileFacts(name, band, None, tile, said.date, None, said)
    own = own_band_of(mission, stem)
    if own is None or own.is_left_out or is_extra(parts_of(name), stem, is_other=True):
        return None
    return FileFacts(name, own.name, None, tile, said.date, said.level, said)


def own_band_of(mission: missions.Mission, stem: str) -> missions.OwnBand | None:
    """The band that a file's name ends in, by its number or by common words."""
    if (own := missions.own_band(mission, stem.replace(".", "_"))) is not None:
        return own
    words = _WORDS.findall(stem)
    ends = (missions.own_band(mission, "_".join(words[-count:])) for count in (3, 2, 1) if len(words) > count)
    return next((own for own in ends if own is not None), None)


def tile_from_name(name: str) -> str | None:
    """`33UUU` from a file's name or path; None without one."""
    return tile_in(parts_of(name))


def baseline_from_name(name: str) -> str | None:
    """`05.11` from `_N0511_` in a product's name or path; None without one, and for N9999 (outside the series)."""
    baseline = baseline_in(name)
    return None if baseline == OUTSIDE_SERIES else baseline


def is_outside_series(name: str) -> bool:
    """Whether the name says N9999: a reprocessing whose offset only its metadata or its maker can tell."""
    return baseline_in(name) == OUTSIDE_SERIES


def parts_of(name: str) -> list[str]:
    """A name's folders and the file's own name last, whichever slash parts them."""
    return name.replace("\\", "/").split("/")


def raster_stem(parts: Sequence[str]) -> str | None:
    """The last part without its ending, where that is a picture's; hidden files are none."""
    stem, _, ending = parts[-1].rpartition(".")
    return stem if ending.lower() in _RASTER_ENDINGS and not stem.startswith(".") else None


def is_extra(parts: Sequence[str], stem: str, is_other: bool = False) -> bool:
    """Whether a product's file holds something else than measured bands: previews, masks, quality, water vapour."""
    words = {word.upper() for word in _WORDS.findall(stem)}
    if words & _NO_BANDS or any(part.upper() in _NO_BAND_FOLDERS for part in parts[:-1]):
        return True
    return (is_other or _band(stem) is None) and helper_layers.helper_kind_of_file(stem) is not None


def is_other_raster(name: str, beside: missions.Said | None = None) -> bool:
    """Whether a name ends as a picture's, but is of no single band and of no extra: perhaps a stack."""
    parts = parts_of(name)
    stem = raster_stem(parts)
    if stem is not None and (said := said_of(name, beside)) is not None and said.mission.bands:
        facts = _facts_of_other(name, stem, said)
        is_band = said.mission is not missions.PLANETSCOPE and own_band_of(said.mission, stem) is not None
        return facts is None and not is_band and not is_extra(parts, stem, is_other=True)
    return stem is not None and not is_extra(parts, stem) and _band(stem) is None


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


def tile_in(parts: Sequence[str]) -> str | None:
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


def date_in(parts: Sequence[str]) -> str | None:
    """The day of sensing in the part nearest to the file's own name.

    In old names the product's folder has it, behind a V; the day in a file's own name is that of its making.
    """
    for pattern in (_SENSING_DAY, _DAY):
        for part in reversed(parts):
            for match in pattern.finditer(part):
                if day := iso_day(match[1], match[3], match[4]):
                    return day
    return None


def iso_day(year: str, month: str, day: str) -> str | None:
    """`2017-02-16`; None where there is no such day, or none of the mission's time."""
    try:
        found = datetime.date(int(year), int(month), int(day))
    except ValueError:
        return None
    return found.isoformat() if found.year >= 2015 else None


def level_in(parts: Sequence[str], stem: str, band: str) -> str | None:
    """`Level-1C` or `Level-2A` in the part nearest to the file's own name."""
    if band == SCL:
        return L2A
    if new := _NEW_NAME.fullmatch(stem):
        return L2A if new[1] else L1C
    found = (match for part in (stem, *reversed(parts[:-1])) if (match := _LEVEL.search(part)))
    match = next(found, None)
    return f"Level-{match[1].upper()}" if match else None


def baseline_in(name: str) -> str | None:
    """`05.11` in the part nearest to the file's own name, also that of outside the series."""
    found = [match for part in reversed(parts_of(name)) for match in _BASELINE.finditer(part)]
    return f"{found[0][1]}.{found[0][2]}" if found else None
