"""Everything of a map in one zip, with checksums, that can be opened again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from s2dash.core.pack import MANIFEST_NAME, README_NAME, SUMS_NAME, sums_text
from s2dash.core.types import CancelToken, Progress, cancellable, no_progress
from s2dash.errors import OutputConflict, RecipeError
from s2dash.export.contents import Export, file_stem, require_full, staged
from s2dash.export.handover import Handover
from s2dash.export.pack.archive import PackArchive, new_archive
from s2dash.export.pack.contents import Pack, Part, exports_of, folder_of, is_zip, own_parts
from s2dash.export.pack.readme import readme_text
from s2dash.export.polygons import made_once

__all__ = ["Pack", "pack_name", "write_pack"]

_SUFFIX = "-pack.zip"


def pack_name(handover: Handover) -> str:
    """A name to save under, of plain letters."""
    return file_stem(handover.title) + _SUFFIX


def write_pack(
    pack: Pack, out: Path, progress: Progress = no_progress, cancel: CancelToken | None = None
) -> tuple[str, ...]:
    """Write the zip, one member after another: on the disk there is one of them beside it, in memory none.

    Patches are found once for all files of outlines, and lie on the disk meanwhile. The same contents give the same
    bytes. Files that cannot be made of this map are left out; returns a sentence for each of them. Raises RecipeError
    for a preview, Cancelled on request, OutputConflict where `out` cannot be written; what stood under that name stays
    untouched then.
    """
    cancel = cancel or CancelToken()
    require_full(pack.handover.result)
    with (
        staged(out) as path,
        tempfile.TemporaryDirectory(dir=path.parent) as scratch,
        made_once(Path(scratch)),
        new_archive(path, cancel) as archive,
    ):
        left_out = tuple(_fill(pack, archive, Path(scratch), progress, cancel))
        archive.add_text(README_NAME, readme_text(pack.handover, pack.manifest, archive.sums, left_out))
        archive.add_text(MANIFEST_NAME, pack.manifest.to_json() + "\n")
        archive.add_text(SUMS_NAME, sums_text([*archive.sums.items()]))
    return left_out


_Add = Callable[[PackArchive, Path, CancelToken], None]


def _fill(pack: Pack, archive: PackArchive, scratch: Path, progress: Progress, cancel: CancelToken) -> Iterator[str]:
    """Add all files; gives a sentence for each that could not be made."""
    steps: list[tuple[str, _Add]] = [
        *((one.short, partial(_add_export, one, pack.handover)) for one in exports_of(pack.handover)),
        *((one.what, partial(_add_part, one)) for one in own_parts(pack)),
    ]
    for done, (what, add) in enumerate(steps):
        cancel.check()
        progress(done / len(steps), f"Packing · {what}")
        try:
            with cancellable(cancel):
                add(archive, scratch, cancel)
        except (RecipeError, OutputConflict) as error:
            yield f"{what}: {error}"
    for (name, _), path in zip(pack.manifest.scene.members, pack.scene_files, strict=True):
        progress(1, "Packing · the picture")
        archive.add(name, path)
    progress(1, "Packing")


def _add_export(export: Export, handover: Handover, archive: PackArchive, scratch: Path, cancel: CancelToken) -> None:
    name = f"{folder_of(export)}/{export.file_name(handover)}"
    if name in archive.sums:  # a zip had it too
        return
    path = scratch / f"export{export.suffix}"
    export.write(handover, path)
    if is_zip(export):
        archive.add_members(folder_of(export), path)
    else:
        archive.add(name, path)
    path.unlink()


def _add_part(part: Part, archive: PackArchive, scratch: Path, cancel: CancelToken) -> None:
    if part.name in archive.sums:  # the bundle had it
        return
    path = scratch / "part"
    part.write(path, cancel)
    archive.add(part.name, path)
    path.unlink()
