"""Rasters that several files make up: which names belong together, and each set made into one GeoTIFF of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from s2dash.core import missions
from s2dash.ingest import dimap, envi, tessera
from s2dash.ingest.pile import GivenFile, shown
from s2dash.ingest.places import side_cars
from s2dash.ingest.split import Tile, put_together, split_names


@dataclass(frozen=True)
class Composed:
    """One raster and the files that it is in."""

    name: str
    """As that of a file which held all of it; in the folder of its parts."""
    parts: tuple[str, ...]
    """Names of the files: tiles, TESSERA's arrays, or the pixels, header and perhaps description of an ENVI raster."""
    kind: Literal["tiles", "tessera", "envi"]

    @property
    def title(self) -> str:
        """Its name without an ending."""
        return shown(self.name).rpartition(".")[0]


@dataclass(frozen=True)
class Made:
    """A raster made of its parts."""

    given: GivenFile | None
    """None where it turned out to hold no band: flags, masks or angles beside those that were measured."""
    notes: tuple[str, ...] = ()


def composed_of(names: Sequence[str]) -> tuple[Composed, ...]:
    """The rasters that files of these names make up."""
    split = (Composed(name, parts, "tiles") for name, parts in split_names(names).items())
    arrays = (Composed(name, parts, "tessera") for name, parts in tessera.composed_tiles(names).items())
    descriptions = {name[: -len(".dim")].lower(): name for name in names if name.lower().endswith(".dim")}
    pairs = []
    for name, pair in envi.pairs_in(names).items():
        folder = str(PurePosixPath(name).parent)
        of_folder = descriptions.get(folder.lower().removesuffix(".data"))
        alone = next(iter(descriptions.values())) if len(descriptions) == 1 else None
        beside = alone if alone and str(PurePosixPath(alone).parent) == folder else None
        description = of_folder or beside
        pairs.append(Composed(name, (*pair, description) if description else pair, "envi"))
    return (*split, *arrays, *pairs)


def choosable(names: Sequence[str], composed: Sequence[Composed]) -> list[str]:
    """Names to choose from: of the rasters that several files make up, in place of those files, and of all others."""
    parts = {part for one in composed for part in one.parts}
    return [*(name for name in names if name not in parts), *(one.name for one in composed)]


def made(one: Composed, paths: Mapping[str, Path], out: Path, progress: Callable[[float], None]) -> Made:
    """Write the raster to `out`, from the files of its parts by name.

    Raises UnreadableFile where a part is damaged or they do not fit each other.
    """
    if one.kind == "tessera":
        notes = tessera.make_embedding(one.parts, paths, one.name, out, progress)
        return Made(GivenFile(one.name, out), notes)
    if one.kind == "tiles":
        tiles = [Tile(shown(part), paths[part]) for part in one.parts]
        return Made(GivenFile(one.name, out), put_together(tiles, shown(one.name), out, progress))
    pixels, header_name, *description = one.parts
    header = envi.read_header(paths[header_name], shown(header_name))
    if description:
        bands = dimap.read_description(paths[description[0]], shown(description[0]))
        facts = bands.get(PurePosixPath(pixels).stem.lower())
        if facts is not None and facts.is_helper:
            return Made(None)
        if facts is not None and header.count == 1:
            header = replace(header, **facts.header)
    envi.rewrite(paths[pixels], shown(pixels), header, out, progress)
    return Made(GivenFile(one.name, out, label=pixels))


def beside(path: Path) -> list[Path]:
    """What lies on the disk beside a file and belongs to it: side-cars with its place, the other part of a raster."""
    if not path.is_file():
        return []
    stem = path.name.split(".")[0].lower()
    around = [one.name for one in path.parent.iterdir()]
    names = [name for name in around if name.lower().startswith(stem)]
    if path.suffix.lower() == ".dim":
        return [path.with_suffix(".data")] if path.with_suffix(".data").is_dir() else []
    parts = next((pair for pair in envi.pairs_in(names).values() if path.name in pair), ())
    wanted = (*side_cars(path.name, names), *parts, *missions.metadata_of(path.name, around))
    found = [*(path.parent / name for name in wanted if name != path.name), *tessera.beside_tile(path)]
    return [one for one in found if one.is_file() and not one.is_symlink()]
