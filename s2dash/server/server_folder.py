"""The one folder of the server that its administrator opens to all visitors: what is in it, and never anything else."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from s2dash.errors import UnreadableFile
from s2dash.settings import DATA_FOLDER_VARIABLE, FOLDER_LIMITS

FILE_ENDINGS = (
    *(".tif", ".tiff", ".jp2", ".zip", ".tar", ".tgz", ".tar.gz"),
    *(".dat", ".img", ".bsq", ".bil", ".bip", ".dim", ".npy"),
)
PRODUCT_ENDINGS = (".safe", ".zarr")

Kind = Literal["folder", "product", "file"]
_ORDER: dict[Kind, int] = {"folder": 0, "product": 1, "file": 2}


@dataclass(frozen=True)
class FolderEntry:
    """Something in the folder that can be opened or entered."""

    name: str
    kind: Kind
    """A product is an unpacked `.SAFE` or a `.zarr` folder, to be opened as a whole."""
    size: int | None
    """Bytes of a file; None for folders and products."""


def list_entries(root: Path, subfolder: str = "") -> tuple[FolderEntry, ...]:
    """What can be opened or entered in a folder: folders, then products, then files, by name; at most `most_entries`.

    `subfolder` is relative to `root`, with `/` between its parts, "" for `root` itself. Hidden names,
    other kinds of files and links that lead out of `root` are left out. Raises UnreadableFile where
    there is no such folder, or it lies outside `root`.
    """
    folder = _resolved(root, subfolder) if subfolder else _real_root(root)
    try:
        with os.scandir(folder) as found:
            entries = _entries(_real_root(root), found)
            return tuple(heapq.nsmallest(FOLDER_LIMITS.most_entries, entries, key=_place))
    except OSError as error:
        raise UnreadableFile(
            f"The folder {subfolder or 'on the server'} cannot be read. Choose another one, or ask whoever runs "
            "this server."
        ) from error


def resolve(root: Path, names: Iterable[str]) -> tuple[Path, ...]:
    """The real paths of files, products or folders in `root`, by their relative names with `/` between the parts.

    Raises UnreadableFile for whatever is not there, leads out of `root` (absolute, with `..`, by a
    link, or by a link within a chosen folder), or is neither a file nor a folder.
    """
    paths = tuple(_resolved(root, name) for name in names)
    for path in paths:
        if path.is_dir():
            _refuse_links_out(_real_root(root), path)
        elif not path.is_file():
            raise UnreadableFile(f"{path.name} is not a file. Choose another one.")
    return paths


def _entries(root: Path, found: Iterable[os.DirEntry[str]]) -> Iterator[FolderEntry]:
    for entry in found:
        if entry.name.startswith(".") or not _is_text(entry.name):
            continue
        try:
            if entry.is_symlink() and not Path(entry.path).resolve(strict=True).is_relative_to(root):
                continue
            name = entry.name.lower()
            if entry.is_dir():
                yield FolderEntry(entry.name, "product" if name.endswith(PRODUCT_ENDINGS) else "folder", None)
            elif entry.is_file() and name.endswith(FILE_ENDINGS):
                yield FolderEntry(entry.name, "file", entry.stat().st_size)
        except (OSError, RuntimeError):  # a link that leads nowhere or to itself, or a file that has just gone
            continue


def _place(entry: FolderEntry) -> tuple[int, str, str]:
    return _ORDER[entry.kind], entry.name.casefold(), entry.name


def _real_root(root: Path) -> Path:
    try:
        return root.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise UnreadableFile(
            f"The folder on the server cannot be found. Whoever runs this server names it in {DATA_FOLDER_VARIABLE}."
        ) from error


def _resolved(root: Path, name: str) -> Path:
    real_root = _real_root(root)
    try:
        if not _is_plain(name):
            raise ValueError(name)
        path = real_root.joinpath(*PurePosixPath(name).parts).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise _not_there(name) from error
    if not path.is_relative_to(real_root):
        raise _not_there(name)
    return path


def _is_plain(name: str) -> bool:
    """Whether a name only ever goes down: no `..`, no root or drive, on any system."""
    parts = PurePosixPath(name).parts
    forbidden = "\0\\:" if os.name == "nt" else "\0"
    return (
        bool(parts)
        and parts[0] != "/"
        and not name.startswith("/")
        and ".." not in parts
        and not set(name) & set(forbidden)
    )


def _is_text(name: str) -> bool:
    """Whether a name can be shown: file systems may hold bytes that are no text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_links_out(root: Path, folder: Path) -> None:
    count = 0
    for where, folders, files in os.walk(folder):
        count += len(files)
        if count > FOLDER_LIMITS.most_product_files:
            raise UnreadableFile(
                f"{folder.name} holds more than {FOLDER_LIMITS.most_product_files:,} files. "
                "Choose the product or the bands in it."
            )
        for name in (*folders, *files):
            path = Path(where, name)
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise UnreadableFile(f"{folder.name} holds {name}, which lies elsewhere. Choose another one.")


def _not_there(name: str) -> UnreadableFile:
    shown = "".join(c if c.isprintable() else "?" for c in name)[-200:]
    return UnreadableFile(f"{shown or 'This'} is not in the server's folder any more. Choose another one.")
