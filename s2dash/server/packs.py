"""Packs that were made for pages: each a file on the disk, fetched by its token past the page's memory."""

from __future__ import annotations

import secrets
import weakref
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, eq=False)
class MadePack:
    """One that is ready; its page holds it, and the folder that it lies in."""

    path: Path
    file_name: str
    """To save it under: plain letters."""
    left_out: tuple[str, ...] = ()
    """A sentence for each file that could not be made of the map."""
    held: object = None
    """What keeps the file."""
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    """By which the page's browser, and nobody else, fetches it."""

    @property
    def size_bytes(self) -> int:
        return self.path.stat().st_size


class MadePacks:
    """The packs of all open pages, by token; a page's are gone with it."""

    def __init__(self) -> None:
        self._packs: weakref.WeakValueDictionary[str, MadePack] = weakref.WeakValueDictionary()

    def offer(self, pack: MadePack) -> MadePack:
        """Have it fetched as long as somebody holds it; returns it."""
        self._packs[pack.token] = pack
        return pack

    def get(self, token: str) -> MadePack | None:
        """That of a token; None where it is gone."""
        return self._packs.get(token)
