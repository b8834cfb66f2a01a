"""The command `change`: two class maps with the same classes, and how much ground changed, where."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2dash.cli import progress_line
from s2dash.cli.arguments import file_path
from s2dash.cli.outputs import replace_text, require_writable

if TYPE_CHECKING:
    from s2dash.batch.change import Change
    from s2dash.classify.compare import Amount

_EPILOGUE = """\
Both maps must have the same classes: GeoTIFFs of one run of batch, or of the page's Many scenes.
What is no data on either date is counted apart, and is no change.
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What `change` takes."""
    command.epilog = _EPILOGUE
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.add_argument("before", type=file_path, metavar="BEFORE", help="the class map of the first date (GeoTIFF)")
    command.add_argument("after", type=file_path, metavar="AFTER", help="the class map of the later date (GeoTIFF)")
    command.add_argument("-o", "--output", type=file_path, metavar="FILE", help="write the change map (GeoTIFF)")
    command.add_argument(
        "--table",
        type=file_path,
        metavar="FILE",
        help="write the transitions (CSV or .xlsx)",
    )
    command.add_argument("--flow", type=file_path, metavar="FILE", help="draw the transitions (SVG)")


def run(arguments: argparse.Namespace, started: float) -> dict[str, Any]:
    """Compare both maps, write what was asked for, and return what changed."""
    from s2dash.batch.change import find_change, flow_svg, read_dated_map, write_change_map, write_csv, write_excel

    taken = [arguments.before, arguments.after]
    for flag, path in (("--output", arguments.output), ("--table", arguments.table), ("--flow", arguments.flow)):
        if path is not None:
            require_writable(path, flag, taken)
            taken.append(path)
    before, after = (read_dated_map(path) for path in (arguments.before, arguments.after))
    change = find_change(before, after, progress_line.show)
    files: list[Path] = []
    if arguments.output is not None:
        files += write_change_map(change, arguments.output, progress_line.show)
    if arguments.table is not None:
        write_table = write_excel if arguments.table.suffix.lower() == ".xlsx" else write_csv
        write_table(change, arguments.table)
        files.append(arguments.table)
    if arguments.flow is not None:
        replace_text(arguments.flow, flow_svg(change) + "\n")
        files.append(arguments.flow)
    return _summary(change, files) | {"seconds": round(time.perf_counter() - started, 2)}


def _summary(change: Change, files: list[Path]) -> dict[str, Any]:
    only_before, only_after = change.found.one_sided
    names = {entry.id: entry.name for entry in change.entries}
    return {
        "before": change.before.name,
        "after": change.after.name,
        "resampled": change.is_resampled,
        "unchanged": _amount(change.stayed),
        "changed": _amount(change.found.moved),
        "only_before": _amount(only_before),
        "only_after": _amount(only_after),
        "neither": _amount(change.neither),
        "transitions": [
            {"from": names[move.pair[0]], "to": names[move.pair[1]], **_amount(move)} for move in change.found.moves
        ],
        "files": [str(path) for path in files],
    }


def _amount(amount: Amount) -> dict[str, Any]:
    area = None if amount.area_ha is None else round(amount.area_ha, 4)
    return {"pixels": amount.count, "area_ha": area}
