"""The flags `--report` and `--slide`: what people read of a map, written beside its GeoTIFF."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from s2dash.cli.arguments import file_path

if TYPE_CHECKING:
    from s2dash.classify.pipeline import Fitted
    from s2dash.core.about import About
    from s2dash.core.classmap import Result
    from s2dash.core.legend import Legend
    from s2dash.export import Handover

REPORTS: Mapping[str, str] = {"html": "report", "pdf": "report_pdf"}
SLIDES: Mapping[str, str] = {"png": "slide", "pptx": "powerpoint"}
"""Keys of exports by the endings of their files."""
_KINDS = (
    ("--report", REPORTS, "a report to read: the map, its hectares, spectra and how it was made"),
    ("--slide", SLIDES, "a slide: picture and classes side by side, with legend"),
)


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Which of them are written of one map."""
    for flag, keys, help_words in _KINDS:
        command.add_argument(
            flag,
            type=partial(_file_of, keys),
            action="append",
            default=[],
            metavar="|".join(f"FILE.{ending}" for ending in keys),
            help=f"write {help_words}; may be given once for each kind of file",
        )


def add_arguments_of_many(command: argparse.ArgumentParser) -> None:
    """Which kinds of them are written of each scene."""
    for flag, keys, help_words in _KINDS:
        command.add_argument(
            flag, action="append", default=[], choices=list(keys), help=f"write of each scene {help_words}"
        )


def asked_of_many(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Keys of the exports that are wanted of each scene."""
    wanted = [REPORTS[ending] for ending in arguments.report] + [SLIDES[ending] for ending in arguments.slide]
    return tuple(dict.fromkeys(wanted))


def asked(arguments: argparse.Namespace) -> Iterator[tuple[str, Path, str]]:
    """Flag, path and key of the export of each file that is wanted."""
    for flag, paths, keys in (("--report", arguments.report, REPORTS), ("--slide", arguments.slide, SLIDES)):
        yield from ((flag, path, keys[_ending(path)]) for path in paths)


def _file_of(keys: Mapping[str, str], text: str) -> Path:
    path = file_path(text)
    if _ending(path) not in keys:
        raise argparse.ArgumentTypeError(f"{text!r} should end in {' or '.join(f'.{ending}' for ending in keys)}")
    return path


def _ending(path: Path) -> str:
    return path.suffix.lower().removeprefix(".")


def handover_of(result: Result, fitted: Fitted, legend: Legend, about: About) -> Handover:
    """A map with all that its fit knows of it."""
    from s2dash.classify.learnt_numbers import learnt_numbers
    from s2dash.classify.point import class_spreads
    from s2dash.export import Handover

    return Handover(result, legend, about, learnt=learnt_numbers(fitted), spreads=class_spreads(fitted))


def write(arguments: argparse.Namespace, handover: Handover) -> None:
    """Write what is wanted; raises what the exports do."""
    from s2dash.export import EXPORTS

    for _, path, key in asked(arguments):
        EXPORTS[key].write(handover, path)
