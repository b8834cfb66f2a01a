"""The command `check`: how far a class map can be trusted, by check points or by known ground; or points to check."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2dash.cli import progress_line
from s2dash.cli.arguments import file_path, whole
from s2dash.cli.outputs import replace_text, require_writable
from s2dash.errors import RecipeError, UnreadableFile

if TYPE_CHECKING:
    from s2dash.classify.accuracy.counted import CountedMap
    from s2dash.core.accuracy import Accuracy, Estimate
    from s2dash.core.known_ground import KnownColumn, KnownGround
    from s2dash.core.legend import Legend

_EPILOGUE = """\
Draw places, look at each in a GIS, type what is there into the column answer, and check the map by them:
  s2dash check map.tif --draw 100 points.gpkg
  s2dash check map.tif --points points.gpkg --picture matrix.png
Or check it by polygons, points or another map whose classes are known; half of them learns which class is which:
  s2dash check map.tif --reference fields.gpkg --column crop
  s2dash check map.tif --reference fields.gpkg --by-hand "Class 1=Wheat" --by-hand "Class 2=Water"
"""
_WAYS = ("majority", "one-to-one", "by-hand")


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What `check` takes."""
    command.epilog = _EPILOGUE
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.add_argument("map", type=file_path, metavar="MAP", help="a class map that s2dash wrote (GeoTIFF)")
    by = command.add_mutually_exclusive_group(required=True)
    by.add_argument("--points", type=file_path, metavar="FILE", help="check points with answers (CSV or GeoPackage)")
    by.add_argument(
        "--reference",
        type=file_path,
        metavar="FILE",
        help="polygons or points with a column for the class, or a raster of classes, in any coordinate system",
    )
    by.add_argument(
        "--draw",
        nargs=2,
        metavar=("COUNT", "FILE"),
        help="draw so many places within the classes (30 to 200) and write them to look at (.csv or .gpkg)",
    )
    command.add_argument("--column", metavar="NAME", help="the reference's column of classes; the likeliest by default")
    command.add_argument(
        "--way",
        choices=_WAYS,
        help="how classes of the map are given to those of the reference: each to the one it mostly is (the default), "
        "each to another (the Hungarian method), or by hand; by names where those are the same",
    )
    command.add_argument(
        "--by-hand",
        action="append",
        metavar='"CLASS=KNOWN"',
        help="a class of the map, by name, and what it is in the reference; give it for each class",
    )
    command.add_argument("--seed", type=whole, default=0, metavar="N", help="of what is drawn at random (0)")
    command.add_argument("--json", type=file_path, metavar="FILE", help="write all figures as JSON")
    command.add_argument("--table", type=file_path, metavar="FILE", help="write the accuracy of each class (CSV)")
    command.add_argument("--matrix", type=file_path, metavar="FILE", help="write the confusion matrix (CSV)")
    command.add_argument("--picture", type=file_path, metavar="FILE", help="draw the confusion matrix (PNG)")


def run(arguments: argparse.Namespace, started: float) -> dict[str, Any]:
    """Check the map, write what was asked for, and return what is to be said of it."""
    from s2dash.batch.change import read_dated_map
    from s2dash.classify.accuracy.counted import counted

    drawn = file_path(arguments.draw[1]) if arguments.draw else None
    given = [one for one in (arguments.map, arguments.points, arguments.reference) if one is not None]
    for flag in ("json", "table", "matrix", "picture"):
        path = getattr(arguments, flag)
        if path is not None:
            require_writable(path, f"--{flag}", given)
            given.append(path)
    if drawn is not None:
        require_writable(drawn, "--draw", given)
    dated = read_dated_map(arguments.map)
    numbers = [entry.id for entry in dated.legend.entries]
    mapped = counted(dated.grid, arguments.map, numbers, progress_line.show)
    if drawn is not None:
        output = _draw(arguments, drawn, mapped, dated.legend)
    else:
        output = _write(arguments, _accuracy(arguments, mapped, dated.legend), dated.legend)
    return output | {"seconds": round(time.perf_counter() - started, 2)}


def _draw(arguments: argparse.Namespace, out: Path, mapped: CountedMap, legend: Legend) -> dict[str, Any]:
    from s2dash.classify.accuracy.sampling import FEWEST_PLACES, MOST_DRAWN_PLACES, draw
    from s2dash.export.check_points import write_check_csv, write_check_package

    count = arguments.draw[0]
    if not (count.isdecimal() and FEWEST_PLACES <= int(count) <= MOST_DRAWN_PLACES):
        raise RecipeError(f"{count} places cannot be drawn. Give {FEWEST_PLACES} to {MOST_DRAWN_PLACES}.")
    writers = {".csv": write_check_csv, ".gpkg": write_check_package}
    if out.suffix.lower() not in writers:
        raise RecipeError(f"{out.name} is no name for check points. Let it end in .csv or .gpkg.")
    check = draw(mapped, legend, int(count), arguments.seed)
    writers[out.suffix.lower()](check, out)
    return {"words": [check.allocation], "places": len(check.places), "files": [str(out)]}


def _accuracy(arguments: argparse.Namespace, mapped: CountedMap, legend: Legend) -> Accuracy:
    from s2dash import ingest
    from s2dash.classify.accuracy.reference import reference_accuracy
    from s2dash.classify.accuracy.score import check_accuracy
    from s2dash.export.table import text_cell

    path = arguments.points or arguments.reference
    if not path.is_file():
        raise UnreadableFile(f"There is no file {path}. Check the path.")
    with tempfile.TemporaryDirectory(prefix="s2dash-") as scratch:
        folder = Path(scratch) / "read"
        if arguments.points:
            return check_accuracy(ingest.read_check(path, folder, cell=text_cell), mapped, legend)
        ground = _known(path, mapped, folder)
        by_hand = _by_hand(arguments.by_hand, legend)
        way = arguments.way or ("by-hand" if by_hand else "majority")
        column = _column(ground, arguments.column)
        names = {"one-to-one": "one to one", "by-hand": "by hand"}
        return reference_accuracy(ground, column, mapped, legend, names.get(way, "majority"), by_hand, arguments.seed)  # type: ignore[arg-type]


def _known(path: Path, mapped: CountedMap, folder: Path) -> KnownGround:
    from s2dash import ingest
    from s2dash.classify.accuracy.tallied import known_raster
    from s2dash.core.grid import decimation_step
    from s2dash.core.known_ground import KnownGround
    from s2dash.core.scene import LIVE_PIXELS

    beside = path.with_name(f"{path.name}.aux.xml")
    found = ingest.read_known_ground(
        mapped.grid, [path, *([beside] if beside.is_file() else [])], folder, progress=progress_line.show
    )
    if isinstance(found, KnownGround):
        return found
    return known_raster(found, mapped.grid, decimation_step(mapped.grid.shape_rc, LIVE_PIXELS))


def _column(ground: KnownGround, name: str | None) -> KnownColumn:
    if name is None:
        return ground.columns[0]
    try:
        return ground.column(name)
    except KeyError:
        there = ", ".join(column.name for column in ground.columns)
        raise RecipeError(f"{ground.name} has no column {name} that could hold a class. There are: {there}.") from None


def _by_hand(given: list[str] | None, legend: Legend) -> dict[str, str] | None:
    """Names of known classes by names of classes of the map; None where nothing is given."""
    if given is None:
        return None
    pairs = {left.strip(): right.strip() for left, _, right in (one.rpartition("=") for one in given)}
    names = {entry.name for entry in legend.entries}
    for name in pairs:
        if name not in names:
            raise RecipeError(f"The map has no class {name!r}. There are: {', '.join(sorted(names))}.")
    return pairs


def _write(arguments: argparse.Namespace, accuracy: Accuracy, legend: Legend) -> dict[str, Any]:
    from s2dash.core.accuracy_words import sentences
    from s2dash.export.confusion import accuracy_csv_text, confusion_csv_text, confusion_picture
    from s2dash.export.contents import staged
    from s2dash.export.table import csv_bytes

    colours = {accuracy.mapping.get(entry.name, entry.name): entry.colour for entry in legend.entries}
    contents: dict[str, Callable[[], bytes]] = {
        "table": lambda: csv_bytes(accuracy_csv_text(accuracy)),
        "matrix": lambda: csv_bytes(confusion_csv_text(accuracy)),
        "picture": lambda: confusion_picture(accuracy, colours),
    }
    files = []
    if arguments.json is not None:
        replace_text(arguments.json, accuracy.to_json() + "\n")
        files.append(str(arguments.json))
    for flag, content in contents.items():
        if (path := getattr(arguments, flag)) is not None:
            with staged(path) as temporary:
                temporary.write_bytes(content())
            files.append(str(path))
    kappa = accuracy.kappa
    return {
        "words": list(sentences(accuracy)),
        "design": accuracy.design,
        "overall": accuracy.overall and _rounded(accuracy.overall),
        "answers": accuracy.answers,
        "mapping": accuracy.mapping,
        "kappa": kappa and {"value": round(kappa.value, 4), "caveat": kappa.caveat},
        "files": files,
    }


def _rounded(estimate: Estimate) -> dict[str, float]:
    return {end: round(getattr(estimate, end), 4) for end in ("value", "low", "high")}
