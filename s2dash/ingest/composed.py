"""Rasters that several files make up: which names belong together, and each set made into one GeoTIFF of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from s2dash.ingest.pile import Given, shown
from s2dash.ingest.split import Tile, put_together, split_names


@dataclass(frozen=True)
class Composed:
    """One raster and the files that it is in."""

    name: str
    """As that of a file which held all of it; in the folder of its parts."""
    parts: tuple[str, ...]
    """Names of the files."""

    @property
    def title(self) -> str:
        """Its name without an ending."""
        return shown(self.name).rpartition(".")[0]


@dataclass(frozen=True)
class Made:
    """A raster made of its parts."""

    given: Given
    notes: tuple[str, ...] = ()


def composed_of(names: Sequence[str]) -> tuple[Composed, ...]:
    """The rasters that files of these names make up."""
    return tuple(Composed(name, parts) for name, parts in split_names(names).items())


def choosable(names: Sequence[str], composed: Sequence[Composed]) -> list[str]:
    """Names to choose from: of the rasters that several files make up, in place of those files, and of all others."""
    parts = {part for one in composed for part in one.parts}
    return [*(name for name in names if name not in parts), *(one.name for one in composed)]


def made(one: Composed, paths: Mapping[str, Path], out: Path, progress: Callable[[float], None]) -> Made:
    """Write the raster to `out`, from the files of its parts by name.

    Raises UnreadableFile where a part is damaged or they do not fit each other.
    """
    tiles = [Tile(shown(part), paths[part]) for part in one.parts]
    return Made(Given(one.name, out), put_together(tiles, shown(one.name), out, progress))
