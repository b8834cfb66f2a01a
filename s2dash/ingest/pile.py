"""Files as they were brought, loose, in a folder or in an archive: names first, on the disk once they are wanted."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from s2dash.core.legend import clean_name
from s2dash.errors import UnreadableFile
from s2dash.ingest import tar_archive, zip_archive
from s2dash.ingest.blobs import Blob, FileBlob
from s2dash.ingest.kinds import ARCHIVE_ENDINGS
from s2dash.raster.location import Place, files_only
from s2dash.settings import ARCHIVE_LIMITS, ArchiveLimits, thread_count


@dataclass(frozen=True)
class GivenFile:
    """A file as it was brought."""

    name: str
    """Its path inside a zip or folder, or its bare name: text from outside."""
    place: Place
    """Where it lies now; `path` for those who take files of this machine only."""
    label: str = ""
    """What messages call it, where that is not its name."""

    @property
    def path(self) -> Path:
        return files_only([self.place])[0]


Fetch = Callable[[Sequence[str]], Mapping[str, Path]]
"""Brings files of these names to the disk, where they do not lie there; their paths by name."""


@dataclass(frozen=True)
class Pile:
    """Many files, of which some make up a scene."""

    name: str
    """What messages call all of them: text from outside."""
    names: tuple[str, ...]
    """Of the files, with folders; text from outside."""
    fetch: Fetch
    is_loose: bool = False
    """Whether somebody chose each of the files, so that first bytes decide what is a picture, not endings."""
    unpacked_bytes: int = 0
    """What all would take once unpacked; 0 where they lie on the disk."""
    is_inner: bool = False
    """Whether it is an archive that lay in another."""
    in_place: Mapping[str, Blob] | None = None
    """The files by name, where they can be read without unpacking them."""

    def blobs(self, names: Sequence[str]) -> Mapping[str, Blob]:
        """The bytes of files of these names: where they lie, else on the disk."""
        if self.in_place is not None:
            return {name: self.in_place[name] for name in names}
        return {name: FileBlob(path) for name, path in self.fetch(names).items()}


def shown(name: str) -> str:
    """The last part of a name as messages quote it."""
    return clean_name(name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1][-80:]) or "The file"


def pile_of_files(given: Sequence[GivenFile], name: str, is_loose: bool) -> Pile:
    """Files that lie on the disk."""
    paths = {one.name: one.path for one in given}
    return Pile(name, tuple(paths), lambda names: {one: paths[one] for one in names}, is_loose)


def pile_of_folder(root: Path, name: str) -> Pile:
    """All files below a folder, links left out; raises UnreadableFile for too many."""
    files = []
    for folder, _, names in os.walk(root, followlinks=False):
        for one in sorted(names):
            path = Path(folder) / one
            if path.is_file() and not path.is_symlink():
                files.append(GivenFile(str(PurePosixPath(root.name, *path.relative_to(root).parts)), path))
            if len(files) > ARCHIVE_LIMITS.most_members:
                raise UnreadableFile(
                    f"{shown(root.name)} holds more than {len(files) - 1:,} files. Choose one product."
                )
    return pile_of_files(files, name, is_loose=False)


def is_archive(path: Path) -> bool:
    """Whether a file is an archive that is opened, by its first bytes; raises UnreadableFile for one unreadable."""
    return zip_archive.is_zip(path) or tar_archive.is_tar(path)


def pile_of_archive(
    given: GivenFile, scratch: Path, progress: Callable[[float], None], limits: ArchiveLimits = ARCHIVE_LIMITS
) -> Pile:
    """The files inside a zip or tar, unpacked into a scratch folder when they are wanted.

    Raises UnreadableFile where the archive is damaged or refused.
    """
    # The archive's own name may say the baseline where the folder inside has been renamed.
    prefix = _without_ending(PurePosixPath(given.name.replace("\\", "/")).name)
    is_zip = zip_archive.is_zip(given.path)
    members = zip_archive.list_members(given.path, limits) if is_zip else tar_archive.list_members(given.path, limits)
    by_name = {f"{prefix}/{member.name.removeprefix('./')}": member for member in members}

    def fetch(names: Sequence[str]) -> Mapping[str, Path]:
        first = sum(1 for _ in scratch.iterdir())
        paths = {name: scratch / f"unpacked_{number}" for number, name in enumerate(names, first)}
        targets = {by_name[name]: path for name, path in paths.items()}
        total = sum(member.size for member in targets) or 1
        done = 0

        def unpacked(size: int) -> None:
            nonlocal done
            done += size
            progress(done / total)

        if is_zip:
            _unzip(given.path, targets, unpacked)
        else:
            tar_archive.extract(given.path, targets, unpacked, limits)
        return paths

    places = {name: member.blob for name, member in by_name.items() if isinstance(member, zip_archive.Member)}
    in_place = {name: blob for name, blob in places.items() if blob is not None} if is_zip else None
    total = sum(member.size for member in members)
    return Pile(given.name, tuple(by_name), fetch, unpacked_bytes=total, in_place=in_place)


def _unzip(path: Path, targets: Mapping[zip_archive.Member, Path], progress: Callable[[int], None]) -> None:
    """Unpack members of a zip, several at once."""

    def unpack(member: zip_archive.Member) -> int:
        zip_archive.extract(path, member, targets[member])
        return member.size

    with ThreadPoolExecutor(thread_count()) as pool:
        for size in pool.map(unpack, targets):
            progress(size)


def _without_ending(name: str) -> str:
    ending = next((e for e in (".tar.gz", *ARCHIVE_ENDINGS) if name.lower().endswith(e)), "")
    return name[: len(name) - len(ending)]
