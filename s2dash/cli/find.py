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
    from s2dash.find.catalogue import Catalogue
    from s2dash.find.door import Door
    from s2dash.find.items import FoundScene
    from s2dash.find.places import Box

_MOST_SCENES = 500
_MOST_LOOKED_AT = 100


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What `find` takes."""
    add_ground(command, "PLACE")
    command.add_argument("--from", dest="first", type=_day, metavar="DAY", help="from this day on, such as 2024-05-01")
    command.add_argument("--to", dest="last", type=_day, metavar="DAY", help="up to this day")
    command.add_argument("--cloud", type=_percent, default=100.0, metavar="N", help="percent of clouds at most")
    command.add_argument(
        "--clouds-over-area",
        action="store_true",
        help="look how much of the ground itself is cloud, and hold --cloud against that; takes some seconds more",
    )
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

    catalogue = catalogue_from(os.environ)
    box = ground_of(arguments)
    with door_to(catalogue.hosts) as door:
        find = _found_over_area if arguments.clouds_over_area else _found
        found = find(arguments, box, catalogue, door)
    if arguments.json:
        from s2dash.core.strict_json import plain

        return {"box": list(box.bounds), "scenes": [plain(one) for one in found]}
    print("\n".join(table(found)))
    return None


def _found(arguments: argparse.Namespace, box: Box, catalogue: Catalogue, door: Door) -> tuple[FoundScene, ...]:
    from s2dash.find.search import Query, search

    query = Query(box, arguments.first, arguments.last, arguments.cloud, arguments.limit)
    return search(query, catalogue, door)


def _found_over_area(
    arguments: argparse.Namespace, box: Box, catalogue: Catalogue, door: Door
) -> tuple[FoundScene, ...]:
    """A tile under clouds may be clear over the ground, so that more scenes are looked at than are wanted."""
    from s2dash.find.clouds import with_area_clouds
    from s2dash.find.search import Query, renewal, search

    most = max(arguments.limit, min(_MOST_LOOKED_AT, arguments.limit * 5))
    scenes = search(Query(box, arguments.first, arguments.last, most_scenes=most), catalogue, door)
    looked_at = with_area_clouds(scenes, box, door, renewal(catalogue, door))
    fitting = [one for one in looked_at if (_cloud(one) or 0) <= arguments.cloud]
    return tuple(fitting[: arguments.limit])


def _cloud(scene: FoundScene) -> float | None:
    return scene.cloud if scene.area_cloud is None else scene.area_cloud


def table(found: tuple[FoundScene, ...]) -> list[str]:
    """A line for each scene under a heading; one sentence where there is none."""
    if not found:
        return ["No scene fits. Allow more clouds (--cloud), or give more days (--from, --to)."]
    if any(one.area_missing is not None for one in found):
        rows = [("date", "clouds", "over the area", "tile", "id"), *(_long_row(one) for one in found)]
    else:
        rows = [("date", "clouds", "tile", "id"), *(_row(one) for one in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _row(scene: FoundScene) -> tuple[str, ...]:
    return scene.date, _percentage(scene.cloud), scene.tile or "unknown", scene.id


def _long_row(scene: FoundScene) -> tuple[str, ...]:
    day, *rest = _row(scene)
    return day, rest[0], _percentage(scene.area_cloud), *rest[1:]


def _percentage(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.0f} %"


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
