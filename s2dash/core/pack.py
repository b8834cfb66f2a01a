"""What a pack says of itself: the maps within, and of which scene they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from s2dash.core import strict_json
from s2dash.core.about import NOTHING_SAID, About
from s2dash.core.run_list import ListedRun, read_one
from s2dash.errors import UnreadableValue

MANIFEST_NAME, SUMS_NAME, README_NAME = "s2dash-pack.json", "SHA256SUMS", "README.txt"
"""Of files at the top of a pack; by the first a zip is known to be one."""
_WHAT = "a pack"
_MOST_RUNS = 100
_Line = Annotated[str, msgspec.Meta(max_length=400)]
_Key = Annotated[str, msgspec.Meta(pattern="^[a-z0-9]{0,40}$")]


_Member = tuple[Annotated[str, msgspec.Meta(pattern=r"^scene/[A-Za-z0-9._-]{1,150}\Z")], _Line]


class PackedScene(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Of which scene the maps are, as far as it is known without its pixels."""

    title: _Line = ""
    files: Annotated[tuple[_Line, ...], msgspec.Meta(max_length=10_000)] = ()
    """Names of what it was made of; none for an example."""
    members: Annotated[tuple[_Member, ...], msgspec.Meta(max_length=200)] = ()
    """Where the files themselves lie in the pack, each with its own name; none where they are not within."""
    example: _Key = ""
    """Key of the example that it is."""


_UNKNOWN_SCENE = PackedScene()


class _Rest(strict_json.Versioned, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The fields of a manifest that have no codec of their own."""

    made_with: _Line = ""
    shown: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
    about: About = NOTHING_SAID
    scene: PackedScene = _UNKNOWN_SCENE
    runs: Annotated[list[Any], msgspec.Meta(min_length=1, max_length=_MOST_RUNS)]


@dataclass(frozen=True)
class Manifest:
    """All that a pack brings back."""

    runs: tuple[ListedRun, ...]
    """Maps of one scene, with names, colours, edits and checks."""
    shown: int
    """Number of the one that its files show."""
    about: About = NOTHING_SAID
    scene: PackedScene = _UNKNOWN_SCENE
    made_with: str = ""
    """Name and version of the program."""

    @property
    def shown_run(self) -> ListedRun:
        """The map that its files show."""
        return next(one for one in self.runs if one.number == self.shown)

    def to_json(self) -> str:
        """JSON that `from_json` reads back to an equal value; raises UnreadableValue for more runs than a pack has."""
        if len(self.runs) > _MOST_RUNS:
            raise UnreadableValue(f"A pack holds at most {_MOST_RUNS} maps, and these are {len(self.runs)}.")
        rest = _Rest(
            made_with=self.made_with,
            shown=self.shown,
            about=self.about,
            scene=self.scene,
            runs=[one.to_dict() for one in self.runs],
        )
        return strict_json.to_text(strict_json.plain(rest))

    @staticmethod
    def from_json(text: str) -> Manifest:
        """Parse what `to_json` wrote; raises UnreadableValue that says what is wrong."""
        rest = strict_json.decoded(_Rest, strict_json.parse(text, _WHAT), _WHAT)
        runs = tuple(read_one(place, one) for place, one in enumerate(rest.runs, 1))
        _require_numbers(runs, rest.shown)
        return Manifest(runs, rest.shown, rest.about, rest.scene, rest.made_with)


def _require_numbers(runs: Sequence[ListedRun], shown: int) -> None:
    numbers = [one.number for one in runs]
    if len(set(numbers)) < len(numbers) or shown not in numbers:
        raise UnreadableValue("This is not a pack as s2dash writes it: it does not say which of its maps is shown.")


def sums_text(sums: Sequence[tuple[str, str]]) -> str:
    """Names of members with the hex SHA-256 of their bytes as `sha256sum` writes and checks them; names are plain."""
    return "".join(f"{digest}  {name}\n" for name, digest in sums)


def sums_of(text: str) -> dict[str, str]:
    """What `sums_text` wrote: digests by name. Raises UnreadableValue for anything else."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        digest, gap, name = line[:64], line[64:66], line[66:]
        if gap not in ("  ", " *") or not name or name in found or set(digest) - set("0123456789abcdef"):
            raise UnreadableValue(f"{SUMS_NAME} is not a list of checksums as s2dash writes it.")
        found[name] = digest
    return found
