"""The command line: `find`, `fetch`, `info`, `classify`, `batch`, `change`, `check`, by the page's functions; `app`.

Results go to standard output as JSON, progress to standard error. Exit status 0 is success, 2 bad
input (the last line of standard error says what and what to do), 1 a bug.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from s2dash import __version__
from s2dash.cli import batch, change, check, classify, examples, fetch, find, info, page, progress_line
from s2dash.errors import (
    BadSetting,
    BrokenResult,
    Cancelled,
    ClusterError,
    InputError,
    PixelsGone,
    RecipeError,
    S2DashError,
)
from s2dash.server import memory
from s2dash.settings import require_sane

EXIT_STATUS: dict[type[S2DashError], int] = {
    InputError: 2,
    RecipeError: 2,
    ClusterError: 2,
    Cancelled: 2,
    PixelsGone: 2,
    BadSetting: 2,
    BrokenResult: 1,
}
"""What each kind of error ends with."""

_COMMANDS = {
    "app": (page, "start the page in a browser, on this computer"),
    "info": (info, "print what is known of a file, as JSON"),
    "classify": (classify, "write the class map of a file as a GeoTIFF"),
    "batch": (batch, "write the class maps of many scenes, with the same classes"),
    "change": (change, "write where the ground changed between two class maps"),
    "check": (check, "say how far a class map can be trusted"),
    "find": (find, "say which scenes a catalogue on the internet has of some ground"),
    "fetch": (fetch, "load the ground and bands that are wanted of a scene that was found"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    started = time.perf_counter()
    arguments = _parser().parse_args(argv)
    memory.share_pools()
    try:
        require_sane()
        try:
            output: dict[str, Any] | None = arguments.run(arguments, started)
        finally:
            progress_line.end()
    except S2DashError as error:
        print(f"s2dash: {error}", file=sys.stderr)
        return next((status for kind, status in EXIT_STATUS.items() if isinstance(error, kind)), 1)
    except KeyboardInterrupt:
        print("s2dash: Stopped. Nothing was changed.", file=sys.stderr)
        return 2
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        print(
            f"s2dash: The computer refused a file: {error.strerror or error}{where}. "
            "Check that the folders still exist, may be written and have space left.",
            file=sys.stderr,
        )
        return 2
    if output is None:
        return 0
    only_ascii = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    json.dump(output, sys.stdout, indent=2, ensure_ascii=only_ascii, allow_nan=False)
    print()
    complaint: str | None = arguments.complaint(output)
    if complaint:
        print(f"s2dash: {complaint}", file=sys.stderr)
    return 2 if complaint else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="s2dash" if Path(sys.argv[0]).stem == "s2dash" else "python -m s2dash",
        description="Groups the pixels of a Sentinel-2 picture that look alike, and writes the groups as a map.",
    )
    parser.add_argument("--version", action="version", version=f"s2dash {__version__}")
    parser.set_defaults(complaint=lambda output: None)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (command, words) in _COMMANDS.items():
        one = commands.add_parser(name, help=words)
        command.add_arguments(one)
        one.set_defaults(run=command.run)
    commands.choices["batch"].set_defaults(complaint=batch.complaint)
    commands.add_parser("examples", help="print the example scenes and where they lie").set_defaults(run=examples.run)
    return parser
