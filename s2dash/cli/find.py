"""The command `find`: which scenes a catalogue has of some ground."""

from __future__ import annotations

import argparse
import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2dash.cli.arguments import file_path, finite, whole
from s2dash.errors import UnreadableFile

if TYPE_CHECKING:
    from s2dash.find.items import FoundScene
    from s2dash.find.places import Box

_MOST_SCENES = 500


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What `find` takes."""
    add_ground(command, "PLACE")
    command.add_argument("--from", dest="first", type=_day, metavar="DAY", help="from this day on, such as 2024-05-01")
    command.add_argument("--to", dest="last", type=_day, metavar="DAY", help="up to this day")
    command.add_argument("--cloud", type=_percent, default=100.0, metavar="N", help="percent of clouds at most")
    command.add_argument("--limit", type=_count, default=10, metavar="N", help="so many scenes at most (10)")
    command.add_argument("--json", action="store_true", help="print all that is known of the scenes, as JSON")


def add_ground(command: argparse.ArgumentParser, place: str) -> None:
    """Where: one of three ways; `place` is an argument's name, or the flag `--place`."""
    group = command.add_argument_group("ground", "Where to look, in one of these ways.").add_mutually_exclusive_group(
        required=True
    )
    words = "a town, such as 'Ulm' or 'Ulm, DE': 20 km by 20 km around its middle"
    if place.startswith("--"):
        group.add_argument(place, dest="place", metavar="TOWN", help=words)
    else:
        group.add_argument("place", nargs="?", metavar=place, help=words)
    group.add_argument("--bbox", metavar="W,S,E,N", help="degrees; write --bbox=-70,... where the first is below zero")
    group.add_argument("--geojson", type=file_path, metavar="FILE", help="the box around what is drawn in a GeoJSON")


def ground_of(arguments: argparse.Namespace) -> Box:
    """The box that the flags say; raises InputError or UnknownName where it is none."""
    from s2dash.find.places import box_around_geojson, box_from_numbers, town_of

    if arguments.bbox:
        return box_from_numbers(arguments.bbox)
    if arguments.geojson:
        return box_around_geojson(_text_of(arguments.geojson))
    return town_of(arguments.place).box


def run(arguments: argparse.Namespace, started: float) -> dict[str, Any] | None:
    """Prints a table, or gives all that is known."""
    from s2dash.find.catalogue import catalogue_from
    from s2dash.find.door import door_to
    from s2dash.find.search import Query, search

    catalogue = catalogue_from(os.environ)
    box = ground_of(arguments)
    query = Query(box, arguments.first, arguments.last, arguments.cloud, arguments.limit)
    with door_to(catalogue.hosts) as door:
        found = search(query, catalogue, door)
    if arguments.json:
        from s2dash.core.strict_json import plain

        return {"box": list(box.bounds), "scenes": [plain(one) for one in found]}
    print("\n".join(table(found)))
    return None


def table(found: tuple[FoundScene, ...]) -> list[str]:
    """A line for each scene under a heading; one sentence where there is none."""
    if not found:
        return ["No scene fits. Allow more clouds (--cloud), or give more days (--from, --to)."]
    rows = [("date", "clouds", "tile", "id"), *(_row(one) for one in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _row(scene: FoundScene) -> tuple[str, str, str, str]:
    cloud = "unknown" if scene.cloud is None else f"{scene.cloud:.0f} %"
    return scene.date, cloud, scene.tile or "unknown", scene.id


def _text_of(path: Path) -> str:
    from s2dash.settings import AREA_LIMITS

    if not path.is_file():
        raise UnreadableFile(f"There is no file {path}. Check the path.")
    with path.open("rb") as file:
        return file.read(AREA_LIMITS.most_bytes + 1).decode("utf-8", errors="replace")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; it looks like 2024-05-01") from None


def _percent(text: str) -> float:
    value = finite(text)
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 100 percent")
    return value


def _count(text: str) -> int:
    value = whole(text)
    if not 1 <= value <= _MOST_SCENES:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and {_MOST_SCENES}")
    return value
