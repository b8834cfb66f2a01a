"""What the process of its own does with a pack: every member is unpacked once and held against its checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from s2dash.core.legend import clean_name
from s2dash.core.pack import MANIFEST_NAME, SUMS_NAME, Manifest, sums_of
from s2dash.errors import UnreadableFile, UnreadableValue
from s2dash.ingest import zip_archive
from s2dash.ingest.pile import GivenFile, shown
from s2dash.ingest.zip_archive import Member
from s2dash.settings import ARCHIVE_LIMITS, PACK_LIMITS

MANIFEST_FILE = "manifest.json"
"""In the process's folder."""
_MOST_MEMBERS = 2_000
_MOST_SUMS_BYTES = 1_000_000
_MOST_SAID = 200
"""Characters of a name that goes into messages."""


@dataclass(frozen=True, eq=False)
class PackMembers:
    """The members of a pack by their names in it, whatever folder it was packed into once more."""

    path: Path
    name: str
    """What messages call the pack."""
    members: Mapping[str, Member]


def is_pack(names: Iterable[str]) -> bool:
    """Whether these are names of a pack's members; one folder around all of them is nothing to go by."""
    return _root(names) is not None


def _root(names: Iterable[str]) -> str | None:
    """What stands before the names of a pack's own members."""
    found = [one for one in names if one.split("/")[-1] == MANIFEST_NAME and one.count("/") <= 1]
    return found[0].removesuffix(MANIFEST_NAME) if len(found) == 1 else None


def members_of(given: GivenFile) -> PackMembers:
    """What a pack holds, after all checks that need no unpacking; raises UnreadableFile for anything else."""
    listed = zip_archive.list_members(given.path, replace(ARCHIVE_LIMITS, most_members=_MOST_MEMBERS))
    root = _root(member.name for member in listed)
    if root is None:
        raise UnreadableFile(f"{shown(given.name)} is no pack of s2dash: it has no {MANIFEST_NAME}.")
    inside = {one.name.removeprefix(root): one for one in listed if one.name.startswith(root)}
    return PackMembers(given.path, shown(given.name), inside)


def read_members(pack: PackMembers, folder: Path, progress: Callable[[float], None]) -> dict[str, Any]:
    """Bring the manifest to `MANIFEST_FILE` in a folder, and say which members are not what was written.

    Raises UnreadableFile for what is damaged or refused, and where the manifest itself is not what was written.
    """
    sums = _sums(pack, folder)
    _unpack(pack, MANIFEST_NAME, folder / MANIFEST_FILE, PACK_LIMITS.most_manifest_bytes)
    found = _digests(pack, progress)
    altered = [name for name, digest in sums.items() if name in found and found[name] != digest]
    if MANIFEST_NAME not in sums or MANIFEST_NAME in altered:
        raise UnreadableFile(
            f"{pack.name} cannot be opened: {MANIFEST_NAME}, which says what to bring back, is not what was written. "
            "Take the pack from where it came from again."
        )
    files = [member for member, _ in manifest_in(folder, pack.name).scene.members]
    for number, name in enumerate(files):
        _unpack(pack, name, folder / scene_file(number), ARCHIVE_LIMITS.most_member_bytes)
    return {
        "altered": _said(altered),
        "missing": _said([name for name in sums if name not in found]),
        "added": _said([name for name in found if name not in sums and name != SUMS_NAME]),
    }


def manifest_in(folder: Path, name: str) -> Manifest:
    """What `MANIFEST_FILE` says; raises UnreadableFile where that is no manifest, of the pack of this name."""
    try:
        return Manifest.from_json((folder / MANIFEST_FILE).read_bytes().decode("utf-8"))
    except (UnreadableValue, UnicodeDecodeError) as error:
        why = str(error) if isinstance(error, UnreadableValue) else "What it says of itself is no text."
        raise UnreadableFile(f"{name} cannot be opened. {why}") from error


def scene_file(number: int) -> str:
    """What a file of the picture is called in the process's folder."""
    return f"picture_{number}"


def _sums(pack: PackMembers, folder: Path) -> dict[str, str]:
    path = folder / "sums"
    _unpack(pack, SUMS_NAME, path, _MOST_SUMS_BYTES)
    try:
        return sums_of(path.read_bytes().decode("utf-8"))
    except (UnreadableValue, UnicodeDecodeError):
        raise UnreadableFile(
            f"{pack.name} cannot be opened: its {SUMS_NAME} is no list of checksums. "
            "Take the pack from where it came from again."
        ) from None
    finally:
        path.unlink()


def _unpack(pack: PackMembers, name: str, target: Path, most_bytes: int) -> None:
    member = pack.members.get(name)
    if member is None:
        raise UnreadableFile(f"{pack.name} cannot be opened: it has no {name}. Take it from where it came from again.")
    if member.size > most_bytes:
        raise UnreadableFile(
            f"{pack.name} cannot be opened: its {name} has {member.size:,} bytes, and {most_bytes:,} are accepted."
        )
    zip_archive.extract(pack.path, member, target)


def _digests(pack: PackMembers, progress: Callable[[float], None]) -> dict[str, str]:
    """SHA-256 in hex of each member's bytes, unpacked to nowhere."""
    total, done = sum(one.size for one in pack.members.values()) or 1, 0
    found: dict[str, str] = {}
    for name, member in pack.members.items():
        digest = hashlib.sha256()
        for piece in zip_archive.pieces(pack.path, member):
            digest.update(piece)
            done += len(piece)
            progress(done / total)
        found[name] = digest.hexdigest()
    return found


def _said(names: Sequence[str]) -> list[str]:
    return [clean_name(name[-_MOST_SAID:]) or "a file" for name in names]
