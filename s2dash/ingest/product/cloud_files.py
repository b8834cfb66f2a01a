"""Which files are the cloud masks that a product brings for its bands, by names alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from s2dash.core.missions import CLASSI, CLOUDS
from s2dash.ingest.product.names import FileFacts, parts_of, tile_in

_NAME = re.compile(
    r"(?:.*_)?(?:(?P<pixels>MSK_CLASSI)|MSK_CLOUDS)(?:_.*)?_B00(?:_.*)?(?: ?\(\d{1,3}\))?"
    r"\.(?(pixels)jp2|gml)",
    re.IGNORECASE | re.ASCII,
)
"""`MSK_CLASSI_B00.jp2`, `MSK_CLOUDS_B00.gml`; of 2015 and 2016 `S2A_OPER_MSK_CLOUDS_…_T32TQM_B00_MSIL1C.gml`."""
_QUALITY_FOLDERS = {"QI_DATA", "QI"}


@dataclass(frozen=True)
class CloudFile:
    """A file that says where clouds hide the ground of some bands."""

    name: str
    kind: str
    """`missions.CLASSI` or `missions.CLOUDS`."""
    date: str | None
    """Of the bands that it speaks of, `2017-02-16`."""


def cloud_files(names: Iterable[str], bands: Sequence[FileFacts], tile: str | None) -> tuple[CloudFile, ...]:
    """For each date of Sentinel-2 bands without a scene classification its cloud mask, where there is one.

    A mask speaks of the bands that lie below its granule's folder, or beside it; one that may be of several dates
    of none. Pixels go before polygons.
    """
    found: dict[str | None, CloudFile] = {}
    for name in sorted(names, key=lambda one: (kind_of_clouds(one) != CLASSI, one)):
        kind = kind_of_clouds(name)
        if kind is None or (tile is not None and tile_in(parts_of(name)) not in (None, tile)):
            continue
        home = _granule_of(name)
        dates = {one.date for one in bands if one.said is None and _lies_below(one.name, home)}
        if len(dates) == 1:
            (date,) = dates
            found.setdefault(date, CloudFile(name, kind, date))
    classified = {one.date for one in bands if one.is_scl}
    return tuple(one for date, one in found.items() if date not in classified)


def kind_of_clouds(name: str) -> str | None:
    """The kind of cloud mask that a file's name is of; None for any other."""
    parts = parts_of(name)
    match = _NAME.fullmatch(parts[-1])
    if match is None or "__MACOSX" in parts or parts[-1].startswith("."):
        return None
    return CLASSI if match["pixels"] else CLOUDS


def _granule_of(name: str) -> list[str]:
    folders = parts_of(name)[:-1]
    return folders[:-1] if folders and folders[-1].upper() in _QUALITY_FOLDERS else folders


def _lies_below(name: str, folders: Sequence[str]) -> bool:
    return parts_of(name)[: len(folders)] == list(folders)
