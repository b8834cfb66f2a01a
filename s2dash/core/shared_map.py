"""The SharedMap value: what a link to a map holds, and the link's text, which comes from anybody.

The text is JSON, compressed and in letters that addresses take: 500 to 700 characters where plain JSON, with
its quotes escaped, takes 1,100 to 1,600. It is read within limits of its length and of what it unpacks to, and
holds values only: no place of a file, nothing that is run.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from dataclasses import dataclass, replace

from s2dash.core import strict_json
from s2dash.core.run import Run
from s2dash.errors import UnreadableValue
from s2dash.settings import LINK_LIMITS, LinkLimits

_WHAT = "the link of a map"
_OF_A_RUN = ("version", "scene_digest", "scene_title", "view", "recipe", "reading", "edits")
_KEY = re.compile(r"[a-z0-9]{1,40}")
_TEXT = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class SharedMap:
    """A map that a link leads to."""

    run: Run
    """Without scores, time and versions, which are the sender's; `scene_digest` is empty for an example."""
    example: str = ""
    """Key of the example scene that it is of."""

    def to_link(self, limits: LinkLimits = LINK_LIMITS) -> str:
        """The text for an address; raises UnreadableValue where the map holds too much for one."""
        given = {name: value for name, value in self.run.to_dict().items() if name in _OF_A_RUN}
        if self.example:
            given["example"] = self.example
        packed = json.dumps(given, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode(
            "utf-8", "replace"
        )
        link = base64.urlsafe_b64encode(zlib.compress(packed, 9)).decode("ascii").rstrip("=")
        if len(packed) > limits.most_bytes or len(link) > limits.most_characters:
            raise UnreadableValue("This map has too many names and choices for a link. Hand over its recipe instead.")
        return link


def shared(run: Run, example: str = "") -> SharedMap:
    """What a link to this run holds."""
    digest = "" if example else run.scene_digest
    return SharedMap(replace(run, scene_digest=digest, scores=None, made=None, seconds=None, versions={}), example)


def from_link(text: str, limits: LinkLimits = LINK_LIMITS) -> SharedMap:
    """Read what `to_link` wrote; raises UnreadableValue that says what is wrong with anything else."""
    given = strict_json.parse(_unpacked(text, limits), _WHAT)
    example = given.pop("example", "")
    if not isinstance(example, str) or (example and not _KEY.fullmatch(example)):
        raise UnreadableValue("The example that this link names is none.")
    unknown = sorted(set(given) - set(_OF_A_RUN))
    if unknown:
        raise UnreadableValue(f"This is not {_WHAT} as s2dash writes it: it has a field {unknown[0][:40]!r}.")
    run = Run.from_dict(given | {"versions": {}})
    if example and (run.reading.also or not all(area.drawn for area in run.reading.area)):
        raise UnreadableValue("It names an example, which has no files beside it.")
    return SharedMap(run, example)


def _unpacked(text: str, limits: LinkLimits) -> str:
    if len(text) > limits.most_characters:
        raise UnreadableValue(f"It is longer than the {limits.most_characters:,} characters that a link may have.")
    try:
        if not _TEXT.fullmatch(text):
            raise ValueError
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        machine = zlib.decompressobj()
        found = machine.decompress(packed, limits.most_bytes)
        if not machine.eof or machine.unused_data:
            raise ValueError
        return found.decode("utf-8")
    except (ValueError, binascii.Error, zlib.error) as error:
        raise UnreadableValue("It was cut or changed on its way. Copy the whole link.") from error
