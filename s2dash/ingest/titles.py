"""What files are called, and a scene by the names of its files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from s2dash.core.legend import clean_name
from s2dash.ingest.kinds import kind_of

UNTITLED = "Your scene"

_DAY_IN_NAME = re.compile(r"(?<!\d)(?:19|20)\d\d([-_.]?)[01]\d\1[0-3]\d(?!\d)")


def title_of_names(names: Sequence[str]) -> str:
    """What the names of all pictures begin with; the first one's where that is little. A day cut in half is none."""
    pictures = [name for name in names if kind_of(name).tells] or list(names)
    stems = [Path(name.replace("\\", "/").rstrip("/")).name for name in pictures]
    stems = [stem.rsplit(".", 1)[0].removesuffix(".tar") if "." in stem else stem for stem in stems]
    if len(stems) == 1:
        return clean_name(stems[0]) or UNTITLED
    length = next((n for n, letters in enumerate(zip(*stems, strict=False)) if len(set(letters)) > 1), len(stems[0]))
    days = (day for day in _DAY_IN_NAME.finditer(stems[0]) if day.start() < length < day.end())
    length = next((day.start() for day in days), length)
    shared = stems[0][:length]
    if any(stem[length : length + 1].isdigit() for stem in stems):
        shared = shared.rstrip("0123456789")
    shared = shared.strip(" _-.(")
    # What names of bands begin with is no title: B of B02, SR_B of SR_B4.
    shared = re.sub(r"(?:^|[ _.-]+)(?:band|b|bn|sr_b|layer|fre|sre|nbart)$", "", shared, flags=re.IGNORECASE)
    shared = shared.strip(" _-.(")
    return clean_name(shared) if len(shared) >= 2 and not re.fullmatch(r"[\d _.-]+", shared) else UNTITLED


def names_of(paths: Sequence[Path]) -> list[str]:
    """File names; with their folders where names alone do not tell the files apart, or folders tell an array's year."""
    found = [path.resolve() for path in paths]
    if any(path.suffix.lower() == ".npy" for path in found):
        return ["/".join(path.parts[-5:]).removeprefix("/") for path in found]
    alone = [path.name or str(path) for path in found]
    return alone if len(set(alone)) == len(alone) else ["/".join(path.parts[-3:]) for path in found]
