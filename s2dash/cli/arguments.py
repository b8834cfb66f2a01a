"""What one word of a command line means: a path, a location, a number, a list."""

from __future__ import annotations

import argparse
import contextlib
import math
from pathlib import Path

from s2dash.errors import UnreadableFile
from s2dash.raster.location import Location, parse


def scene_location(text: str) -> Location:
    """An argument that names a scene: a path, or a web address."""
    try:
        return parse(text)
    except UnreadableFile as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def file_path(text: str) -> Path:
    """An argument that names a file or folder of this machine."""
    with contextlib.suppress(UnreadableFile):
        if (path := parse(text).path) is not None:
            return path
    raise argparse.ArgumentTypeError("this takes a path, not an address. Download the file first.")


def whole(text: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def finite(text: str) -> float:
    """A number that is neither infinite nor none at all."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def listed(text: str) -> list[str]:
    """What stands between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]
