"""What a pack holds when it is opened again, and what is refused of it: in sentences, with nothing left behind."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from test_run_list import PLAIN

from s2dash import ingest
from s2dash.core.pack import MANIFEST_NAME, SUMS_NAME, Manifest, sums_text
from s2dash.errors import PackGiven, UnreadableFile

MANIFEST = Manifest((PLAIN,), 1)
Members = Mapping[str, bytes | None]


def packed(members: Members, has_sums: bool = True) -> bytes:
    """A zip of these; a list of checksums is added where there is none, true for all of them."""
    held = {name: content for name, content in members.items() if content is not None}
    if has_sums and SUMS_NAME not in members:
        held[SUMS_NAME] = sums_text([(n, hashlib.sha256(c).hexdigest()) for n, c in held.items()]).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in held.items():
            archive.writestr(name, content)
    return out.getvalue()


def changed(content: bytes, members: Members, sums_too: bool = False) -> bytes:
    """A pack with other members, None for one that is left out; with the checksums as they were, or true ones."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        held: dict[str, bytes | None] = {name: archive.read(name) for name in archive.namelist()} | dict(members)
    if sums_too:
        del held[SUMS_NAME]
    return packed(held)


GOOD = packed({"report/a.html": b"words", MANIFEST_NAME: MANIFEST.to_json().encode()})


def manifest_with(**fields: Any) -> bytes:
    return json.dumps(json.loads(MANIFEST.to_json()) | fields).encode()


def opened(content: bytes, folder: Path) -> ingest.OpenedPack:
    path = folder / "given.zip"
    path.write_bytes(content)
    return ingest.read_pack(path, folder / "read", "mine.zip")


def test_it_is_read_as_it_was_written_in_whatever_folder_it_was_packed_again(tmp_path: Path) -> None:
    found = opened(GOOD, tmp_path)
    assert found.manifest == MANIFEST
    assert (found.altered, found.missing, found.added) == ((), (), ())
    with zipfile.ZipFile(io.BytesIO(GOOD)) as archive:
        again = packed({f"My map/{name}": archive.read(name) for name in archive.namelist()}, has_sums=False)
    assert opened(again, tmp_path).altered == ()


def test_what_is_not_as_written_is_known_by_name(tmp_path: Path) -> None:
    found = opened(changed(GOOD, {"report/a.html": b"Words", "x\u202e": b""}), tmp_path)
    assert (found.altered, found.missing) == (("report/a.html",), ())
    assert len(found.added) == 1
    assert "\u202e" not in found.added[0]
    assert opened(changed(GOOD, {"report/a.html": None}), tmp_path).missing == ("report/a.html",)


def with_picture(name: str = "scene/001-a.tif", content: bytes | None = b"pixels") -> bytes:
    scene = {"members": [[name, "../my \u202epicture.tif"]]}
    return changed(GOOD, {MANIFEST_NAME: manifest_with(scene=scene), "scene/001-a.tif": content}, sums_too=True)


def test_its_picture_comes_out_under_a_name_of_ours(tmp_path: Path) -> None:
    ((path, name),) = opened(with_picture(), tmp_path).files
    assert path.read_bytes() == b"pixels"
    assert path.parent == tmp_path / "read"
    assert name == "../my \u202epicture.tif"  # what it was called; text from outside, and no place of a file


def test_where_a_scene_should_be_it_is_told_from_one(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(GOOD)
    with pytest.raises(PackGiven, match="a pack of s2dash"):
        ingest.ingest(tmp_path / "a.zip", tmp_path / "scene")


def bomb() -> bytes:
    out = io.BytesIO(GOOD)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("zeros", "w") as member:
        for _ in range(301):
            member.write(bytes(1_000_000))
    return out.getvalue()


HOSTILE: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "altered manifest": (
        lambda: changed(GOOD, {MANIFEST_NAME: manifest_with(made_with="me")}),
        "is not what was written",
    ),
    "newer": (lambda: changed(GOOD, {MANIFEST_NAME: manifest_with(version=2)}, sums_too=True), "newer s2dash"),
    "unknown field": (
        lambda: changed(GOOD, {MANIFEST_NAME: manifest_with(run="rm")}, sums_too=True),
        "not a pack as s2dash",
    ),
    "no JSON": (lambda: changed(GOOD, {MANIFEST_NAME: b"["}, sums_too=True), "not valid JSON"),
    "nested": (lambda: changed(GOOD, {MANIFEST_NAME: b"[" * 200_000}, sums_too=True), "not valid JSON"),
    "no text": (lambda: changed(GOOD, {MANIFEST_NAME: b"\xff"}, sums_too=True), "no text"),
    "too large": (lambda: changed(GOOD, {MANIFEST_NAME: b" " * 20_000_001}, sums_too=True), "20,000,000 are accepted"),
    "no checksums": (lambda: changed(GOOD, {SUMS_NAME: None}), f"it has no {SUMS_NAME}"),
    "odd checksums": (lambda: changed(GOOD, {SUMS_NAME: b"\xff"}), "no list of checksums"),
    "path": (lambda: changed(GOOD, {"../x": b""}), "leads outside the folder"),
    "absolute": (lambda: changed(GOOD, {"/etc/x": b""}), "absolute"),
    "bomb": (bomb, "more than real pictures do"),
    "many": (lambda: changed(GOOD, {f"{n}": b"" for n in range(2_000)}), "2,000 are allowed"),
    "cut": (lambda: GOOD[:-40], "cut short"),
    "picture from elsewhere": (lambda: with_picture("../001-a.tif"), "not a pack as s2dash"),
    "picture that is not there": (lambda: with_picture(content=None), "it has no scene/001-a.tif"),
    "no pack": (lambda: packed({"a.txt": b""}), "no pack of s2dash"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_pack_of_ours_is_refused_with_nothing_left(tmp_path: Path, kind: str) -> None:
    make, words = HOSTILE[kind]
    with pytest.raises(UnreadableFile, match=words):
        opened(make(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["given.zip"]
