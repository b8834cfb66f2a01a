"""What a batch leaves beside its outputs so that it can go on: which scenes are finished, by which model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from s2dash.core.recipe import Recipe, recipe_from_dict
from s2dash.errors import OutputConflict, S2DashError
from s2dash.export.contents import staged

MANIFEST_NAME = "batch.json"
_FORMAT = "s2dash batch 1"
_COLOUR = re.compile("#[0-9a-f]{6}")


@dataclass(frozen=True)
class TableRow:
    """One class in one scene."""

    scene: str
    id: int
    name: str
    colour: str
    """`#rrggbb`"""
    pixels: int
    share: float
    """Of the scene's pixels that are not masked, 0 to 1."""
    area_ha: float | None
    """True ground area; None without a place."""


@dataclass(frozen=True)
class Finished:
    """A scene whose outputs are in place."""

    name: str
    digest: str
    """Of scene, recipe and model: with the same one, nothing is done again."""
    files: tuple[tuple[str, int], ...]
    """Names and sizes of its outputs; the GeoTIFF first."""
    attribution: str
    rows: tuple[TableRow, ...]
    warnings: tuple[str, ...]
    date: str = ""
    """Of the scene; empty where that is not known."""
    title: str = ""
    """Of the scene, as people call it."""


@dataclass(frozen=True)
class Fit:
    """What the classes were learnt from."""

    pooled: tuple[str, ...]
    """Digests of the scenes in the pool."""
    facts: Mapping[str, Any]
    """Of the pool, as `Pool.facts` has them."""


@dataclass(frozen=True)
class MosaicEntry:
    """The mosaics that were made."""

    digest: str
    files: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Manifest:
    """Everything that the next run needs to know."""

    recipe_key: str = ""
    recipe: Recipe | None = None
    fit: Fit | None = None
    finished: Mapping[str, Finished] = field(default_factory=dict)
    """By the scene's name."""
    mosaic: MosaicEntry | None = None
    edits: str = ""
    """Digest of the file of edits that was written; empty without one."""

    def with_finished(self, done: Finished) -> Manifest:
        """The manifest with one more scene."""
        return replace(self, finished={**self.finished, done.name: done})

    def save(self, folder: Path) -> None:
        """Write it into the folder, whole or not at all; raises OutputConflict where it cannot be written."""
        facts = {
            "format": _FORMAT,
            "recipe_key": self.recipe_key,
            "recipe": self.recipe.to_dict() if self.recipe else None,
            "fit": asdict(self.fit) if self.fit else None,
            "finished": [asdict(self.finished[name]) for name in sorted(self.finished)],
            "mosaic": asdict(self.mosaic) if self.mosaic else None,
            "edits": self.edits,
        }
        with staged(folder / MANIFEST_NAME) as path:
            path.write_text(json.dumps(facts, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def are_there(files: Iterable[tuple[str, int]], folder: Path) -> bool:
    """Whether files, by name and size, still are as they were left."""
    return all((folder / name).is_file() and (folder / name).stat().st_size == size for name, size in files)


def load_manifest(folder: Path) -> Manifest:
    """What the last run left; an empty one where there was none.

    Raises OutputConflict where a file of that name is something else.
    """
    path = folder / MANIFEST_NAME
    if not path.exists():
        return Manifest()
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts.pop("format") != _FORMAT:
            raise ValueError(_FORMAT)
        return _manifest(facts)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, S2DashError) as error:
        raise OutputConflict(
            f"{path} was not written by a batch of this version, or has been changed. Give another folder, or "
            "remove that file to begin anew."
        ) from error


def _manifest(facts: dict[str, Any]) -> Manifest:
    values = dict(facts)
    finished = [_finished(one) for one in values.pop("finished")]
    recipe, fit, mosaic = values.pop("recipe"), values.pop("fit"), values.pop("mosaic")
    return Manifest(
        recipe=None if recipe is None else recipe_from_dict(recipe),
        fit=None if fit is None else Fit(pooled=tuple(map(str, fit["pooled"])), facts=dict(fit["facts"])),
        finished={one.name: one for one in finished},
        mosaic=None if mosaic is None else MosaicEntry(**(mosaic | _files_and(mosaic, "notes"))),
        **values,
    )


def _finished(facts: dict[str, Any]) -> Finished:
    rows = tuple(_row(row) for row in facts["rows"])
    return Finished(**(facts | _files_and(facts, "warnings") | {"rows": rows}))


def _row(facts: dict[str, Any]) -> TableRow:
    row = TableRow(**facts)
    area_ha = None if row.area_ha is None else float(row.area_ha)
    if not _COLOUR.fullmatch(row.colour):
        raise ValueError(row.colour)
    return replace(row, id=int(row.id), pixels=int(row.pixels), share=float(row.share), area_ha=area_ha)


def _files_and(facts: dict[str, Any], words: str) -> dict[str, Any]:
    files = tuple((_bare(str(name)), int(size)) for name, size in facts["files"])
    return {"files": files, words: tuple(map(str, facts[words]))}


def _bare(name: str) -> str:
    """The name of a file in the folder itself: nothing else is ever looked at, or removed."""
    if name != Path(name).name or name in ("", ".", ".."):
        raise ValueError(name)
    return name
