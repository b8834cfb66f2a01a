"""Rasters of kept scenes: a folder for each, which comes whole or not at all, within a budget."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import s2dash
from s2dash.core.scene import Layer, Scene
from s2dash.ingest.scene_facts import facts_of, grid_facts, scene_of
from s2dash.raster.location import FileLocation, Location
from s2dash.server.session_store.values import StoredScene

_PACKAGE = Path(s2dash.__file__).parent / "data"
"""Scenes of the package are read there: nothing of them is copied."""
_NEW = ".new-"


class NoRoom(Exception):
    """The disk, or what may be used of it, does not take the scene."""


class _Hold:
    """Somebody's use of a kept scene, which stays as long as that lasts."""


def scene_key(scene: Scene) -> str:
    """By which a scene is known here: its content, and which of it lies where. 64 hex digits."""
    numbers = {location: number for number, location in enumerate(scene.locations)}
    layers = [*scene.layers, *(mask.layer for mask in scene.masks)]
    places = [[numbers[one.location], one.index, *grid_facts(one.grid)] for one in layers]
    told = json.dumps([scene.digest, scene.dtype, scene.band_names, places])
    return hashlib.sha256(told.encode()).hexdigest()


def _is_key(text: str) -> bool:
    return re.fullmatch("[0-9a-f]{64}", text) is not None


class SceneFolders:
    """The folders of kept scenes by key. Safe to use from any thread, and beside other servers."""

    def __init__(self, root: Path, free_bytes: Callable[[], int]) -> None:
        """`free_bytes` is what may still be copied onto the disk."""
        self._root = root
        self._free_bytes = free_bytes
        self._lock = threading.Lock()
        self._held: weakref.WeakValueDictionary[str, _Hold] = weakref.WeakValueDictionary()
        root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def keys(self) -> set[str]:
        """Those that are here."""
        return {path.name for path in self._root.iterdir() if not path.name.startswith(_NEW)}

    def has(self, key: str) -> bool:
        """Whether a scene is here."""
        return _is_key(key) and (self._root / key).is_dir()

    def used_bytes(self) -> int:
        """What all of them take; files that several share count once."""
        folders = [self._root / key for key in self.keys()]
        # Not by `glob`, which fails where another thread or server removes a folder meanwhile.
        paths = (Path(folder, name) for one in folders for folder, _, names in os.walk(one) for name in names)
        return sum({(s.st_dev, s.st_ino): s.st_size for s in _states(paths)}.values())

    def put(self, key: str, scene: Scene) -> None:
        """Keep a scene's files: linked where they lie on the same disk, else copied.

        Raises NoRoom or OSError, and ValueError where `scene_key` made no such key.
        """
        if not _is_key(key):
            raise ValueError(f"{key!r} is no key of a scene")
        if self.has(key):
            return
        new = Path(tempfile.mkdtemp(prefix=_NEW, dir=self._root))
        try:
            for source, name in _names(scene).items():
                if not _is_of_package(source):
                    self._bring(source, new / name)
            _sync(new)
            self._show(new, key)
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _show(self, new: Path, key: str) -> None:
        try:
            new.rename(self._root / key)
        except OSError:  # another server was quicker
            if not self.has(key):
                raise
        _sync(self._root)

    def _bring(self, source: Path, target: Path) -> None:
        try:
            os.link(source, target)
        except FileNotFoundError:
            raise
        except OSError:  # another disk, or one without links
            if self._free_bytes() < source.stat().st_size:
                raise NoRoom(f"{source.stat().st_size} bytes do not fit") from None
            shutil.copyfile(source, target)
            _sync(target)
        target.chmod(0o600)

    def open(self, key: str, facts: dict[str, Any]) -> StoredScene | None:
        """The scene that `scene_facts` told of, to be held as long as it is used; None where its files are gone."""
        with self._lock:
            if not self.has(key):
                return None
            hold = self._held.setdefault(key, _Hold())
        return StoredScene(_opened(facts, self._root / key), hold)

    def remove(self, key: str, also_used: bool = False) -> bool:
        """Remove a scene's files; returns whether they are gone: one that a page uses stays, unless told otherwise."""
        if not _is_key(key):  # the folder of all scenes would go for an empty one
            return True
        with self._lock:
            if key in self._held and not also_used:
                return False
            gone = Path(tempfile.mkdtemp(prefix=_NEW, dir=self._root))
            with suppress(FileNotFoundError):
                (self._root / key).rename(gone / key)
        shutil.rmtree(gone, ignore_errors=True)
        return True

    def remove_left(self, older_than: float) -> None:
        """Remove what was being brought when a server was killed: folders not changed since then, in Unix seconds."""
        for path in self._root.glob(f"{_NEW}*"):
            with suppress(OSError):
                if path.stat().st_mtime < older_than:
                    shutil.rmtree(path, ignore_errors=True)


def scene_facts(scene: Scene) -> dict[str, Any]:
    """What the store says of a scene beside its files, as plain values."""
    names = _names(scene)
    moved = _moved(scene, lambda path: Path(names[path]))
    return {
        "scene": facts_of(moved, [0] * len(scene.bands)) | {"valid_shares": scene.valid_shares},
        "previews": [None if path is None else names.get(path) for path in scene.previews],
        "of package": [name for path, name in names.items() if _is_of_package(path)],
    }


def _opened(facts: dict[str, Any], folder: Path) -> Scene:
    scene = scene_of(facts["scene"], folder, folder)
    of_package = {folder / name: _PACKAGE / name[4:] for name in facts["of package"]}
    scene = _moved(scene, lambda path: of_package.get(path, path))
    previews = tuple(None if name is None else folder / name for name in facts["previews"])
    return replace(scene, previews=previews)


def _names(scene: Scene) -> dict[Path, str]:
    """What each file of a scene is called here: numbered, as files from two folders may have one name."""
    previews = [path for path in scene.previews if path is not None and path.exists()]
    paths = dict.fromkeys([*scene.paths, *previews])
    return {path: f"{number:03d}-{_bare(path.name)}" for number, path in enumerate(paths)}


def _bare(name: str) -> str:
    """The name without the number that it had here before."""
    return name[4:] if name[:3].isdigit() and name[3:4] == "-" else name


def _moved(scene: Scene, to: Callable[[Path], Path]) -> Scene:
    def location(given: Location) -> Location:
        assert given.path is not None, "scenes of the page are files of this machine"
        return FileLocation(to(given.path))

    def layer(given: Layer) -> Layer:
        return replace(given, location=location(given.location))

    return replace(
        scene,
        layers=tuple(layer(one) for one in scene.layers),
        masks=tuple(replace(mask, layer=layer(mask.layer)) for mask in scene.masks),
    )


def _is_of_package(path: Path) -> bool:
    return path.parent == _PACKAGE


def _states(paths: Iterable[Path]) -> Iterable[os.stat_result]:
    for path in paths:
        with suppress(OSError):
            yield path.stat()


def _sync(path: Path) -> None:
    """Have the disk hold a file or a folder's names; where the system cannot say so of folders, nothing happens."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
