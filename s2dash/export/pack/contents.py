"""What goes into a pack: the map, what brings it back, and files beside those that every map has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from s2dash.core.accuracy import Accuracy, Check
from s2dash.core.drawn_area import as_geojson, drawn_in
from s2dash.core.pack import Manifest
from s2dash.core.types import CancelToken
from s2dash.export import EXPORTS, Export
from s2dash.export.check_points import write_check_csv, write_check_package
from s2dash.export.confusion import accuracy_csv_text, confusion_csv_text, confusion_picture
from s2dash.export.contents import Card, file_stem, listed_facts
from s2dash.export.handover import Handover
from s2dash.export.table import csv_bytes

FOLDERS: Mapping[Card, str] = {"picture": "pictures"}
"""What a card's folder is called where that is not the card's own name."""
CHECK_FOLDER, AREA_FOLDER, SCENE_FOLDER = "check", "area", "scene"


@dataclass(frozen=True, eq=False)
class Part:
    """One file of a pack that is no export."""

    name: str
    """Its folder and name: plain letters, digits, dots, dashes, underscores."""
    what: str
    """What it is, in a few words."""
    write: Callable[[Path, CancelToken], None]


@dataclass(frozen=True, eq=False)
class Pack:
    """Everything that a pack is written from."""

    handover: Handover
    manifest: Manifest
    check: Check | None = None
    """Places that were looked at, where the map was checked by such."""
    scene_files: tuple[Path, ...] = ()
    """The picture's own files, where they are to be within, as the manifest names them."""


def folder_of(export: Export) -> str:
    """Where a pack has files of this kind."""
    return FOLDERS.get(export.card, export.card)


def exports_of(handover: Handover) -> list[Export]:
    """All kinds of files that there are of a map, card by card; of each the zips first, which may hold others."""
    has_place = handover.result.scene.grid.has_place
    offered = (one for one in EXPORTS.values() if one.card != "all" and (has_place or not one.needs_place))
    cards = list(dict.fromkeys(one.card for one in EXPORTS.values()))
    return sorted(
        (one for one in offered if one.is_of(handover)), key=lambda one: (cards.index(one.card), not is_zip(one))
    )


def is_zip(export: Export) -> bool:
    """Whether its file is a zip, which a pack unpacks."""
    return export.mime == "application/zip"


def own_parts(pack: Pack) -> Sequence[Part]:
    """The files that a pack has of its own accord: where the map was checked, and what was drawn on it."""
    handover, rings = pack.handover, drawn_in(pack.manifest.shown_run.run.reading)
    stem = file_stem(handover.title)
    parts: list[Part] = []
    if pack.check is not None:
        parts += _check_parts(stem, pack.check)
    if handover.accuracy is not None:
        colours = {one.name: one.colour for one in listed_facts(handover.result, handover.legend)}
        parts += _accuracy_parts(stem, handover.accuracy, colours)
    if rings:
        parts.append(
            Part(f"{AREA_FOLDER}/{stem}-drawn-area.geojson", "what was drawn on the map", _bytes(as_geojson(rings)))
        )
    return parts


def _check_parts(stem: str, check: Check) -> list[Part]:
    def part(ending: str, write: Callable[[Check, Path], None]) -> Part:
        name = f"{CHECK_FOLDER}/{stem}-check-points{ending}"
        return Part(name, "places of the check with their answers", lambda out, cancel: write(check, out))

    return [part(".gpkg", write_check_package), part(".csv", write_check_csv)]


def _accuracy_parts(stem: str, accuracy: Accuracy, colours: Mapping[str, str]) -> list[Part]:
    start = f"{CHECK_FOLDER}/{stem}"
    picture = partial(confusion_picture, accuracy, colours)
    return [
        Part(f"{start}-accuracy.csv", "accuracy of each class", _bytes(csv_bytes(accuracy_csv_text(accuracy)))),
        Part(f"{start}-confusion.csv", "mapped against seen", _bytes(csv_bytes(confusion_csv_text(accuracy)))),
        Part(f"{start}-confusion.png", "the same as a picture", lambda out, cancel: _put(out, picture())),
    ]


def _bytes(content: str | bytes) -> Callable[[Path, CancelToken], None]:
    made = content.encode() if isinstance(content, str) else content
    return lambda out, cancel: _put(out, made)


def _put(out: Path, content: bytes) -> None:
    out.write_bytes(content)
