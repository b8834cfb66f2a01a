"""What is kept of sessions: by address and for nobody else, whole or not at all, within its time, limits and budget."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rasterio.transform import Affine
from scenes import write_scene
from waiting import PATIENCE_SECONDS, wait_until

from s2dash import ingest
from s2dash.core.grid import Grid, decimated_shape, decimation_step
from s2dash.core.legend import default_legend
from s2dash.core.map_position import MapPosition
from s2dash.core.recipe import Recipe
from s2dash.core.reference import NO_CODE, Reference
from s2dash.core.run import Run
from s2dash.core.run_list import ListedRun
from s2dash.core.scene import LIVE_PIXELS, Pixels, Scene
from s2dash.core.types import Window
from s2dash.raster.reading import SceneReader
from s2dash.server.session_store import (
    Change,
    Keeper,
    SessionGone,
    SessionStore,
    SessionUnread,
    Snapshot,
    StoredReference,
    StoredRun,
    StoredScene,
    Writer,
    database,
    new_address,
    references,
)
from s2dash.server.session_store.database import MIGRATIONS
from s2dash.server.session_store.scenes import _moved, scene_key
from s2dash.settings import StoreLimits

DAY = 86_400.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_000 * DAY

    def __call__(self) -> float:
        return self.now


def run_of(number: int, scene_key: str = "", **said: object) -> StoredRun:
    listed = ListedRun(Run("scene", Recipe(("B04",), k=2)), number, default_legend(("#112233", "#445566")))
    return StoredRun(f"key {number}", replace(listed, **said), scene_key)  # type: ignore[arg-type]


def put(store: SessionStore, *runs: StoredRun, address: str | None = None) -> str:
    where = address or new_address()
    store.write(where, Change(runs, (), runs[-1].key if runs else None, len(runs)), address is None)
    return where


def numbers(store: SessionStore, address: str) -> list[int]:
    found = store.open(address)
    return [] if found is None else [one.listed.number for one in found.runs]


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    return SessionStore(tmp_path / "kept", StoreLimits(free_disk_bytes=0))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("scene")
    return ingest.ingest(write_scene(folder / "place.tif", seed=3), folder / "made")


@pytest.fixture(scope="module")
def other_scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("other")
    return ingest.ingest(write_scene(folder / "other.tif", seed=4), folder / "made")


def reference_of(*grids: Grid, digest: str = "digest") -> StoredReference:
    """One with a code of every kind; noise cannot be packed."""
    draw, codes = np.random.default_rng(7), dict[Grid, np.ndarray]()
    for grid in grids:
        shape = decimated_shape(grid.shape_rc, decimation_step(grid.shape_rc, LIVE_PIXELS))
        codes[grid] = draw.choice(np.array([NO_CODE, -1, 80, 2**31 - 1], np.int32), shape)
    return StoredReference(
        Reference('"Sea" 海.tif', digest, codes, {80: "Water;", -1: ""}, {80: "#0064c8"}), "ESA WorldCover", True
    )


def give(store: SessionStore, address: str, reference: StoredReference | None) -> None:
    store.write(address, Change(reference=reference, is_other_reference=True), is_new=False)


def kept_reference(store: SessionStore, address: str) -> Reference | None:
    found = store.open(address)
    return None if found is None or found.reference is None else found.reference.reference


def pixels_of(scene: Scene) -> Pixels:
    with SceneReader(scene) as reader:
        return reader.read(range(len(scene.bands)), Window(0, 0, *scene.grid.shape_rc))


def copied(path: Path, folder: Path) -> Path:
    (folder / path.name).write_bytes(path.read_bytes())
    return folder / path.name


def keep_scene(store: SessionStore, address: str, scene: Scene) -> str:
    key = scene_key(scene)
    store.put_scene(address, key, scene)
    return key


def test_addresses_cannot_be_guessed() -> None:
    found = {new_address() for _ in range(100)}
    assert len(found) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{32}", one) for one in found)  # 6 bits each


def test_two_sessions_never_see_each_other(store: SessionStore, scene: Scene) -> None:
    one, other = put(store, run_of(1), run_of(2)), put(store, run_of(3))
    assert (numbers(store, one), numbers(store, other)) == ([1, 2], [3])
    key = keep_scene(store, one, scene)
    assert store.scene(other, key) is None
    assert store.scene_keys(other) == frozenset()
    assert store.open(new_address()) is store.open("") is store.open("x" * 1000) is None
    store.forget(one)
    assert numbers(store, other) == [3]


def test_the_file_holds_no_address(store: SessionStore, tmp_path: Path) -> None:
    address = put(store, run_of(1))
    files = [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]
    assert files
    assert not any(address.encode() in path.read_bytes() for path in files)


def test_only_the_server_can_read_what_is_kept(store: SessionStore, scene: Scene, tmp_path: Path) -> None:
    keep_scene(store, put(store, run_of(1)), scene)
    for path in [tmp_path / "kept", *(tmp_path / "kept").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_everything_comes_back_as_it_was(store: SessionStore) -> None:
    said = {"title": "Best", "star": True, "note": "for the board", "words": "k 8 → 9", "separation": 0.4}
    one = run_of(7, "a" * 64, **said, files=("a.tif", "b.tif"))
    address = put(store, one)
    found = store.open(address)
    assert found is not None
    assert [(run.key, run.listed, run.scene_key) for run in found.runs] == [(one.key, one.listed, one.scene_key)]
    assert (found.shown, found.made) == (one.key, 1)


def test_a_reference_comes_back_as_it_was(store: SessionStore, tmp_path: Path) -> None:
    address, other = put(store, run_of(1)), put(store, run_of(1))
    large = Grid((3000, 2500), Affine(10.0, 0.1, 500_000, 0, -10, 5_000_000 + 1 / 3), "EPSG:32633")
    given = reference_of(large, Grid((7, 5), Affine.identity(), None))
    give(store, address, given)
    store.write(address, Change(), is_new=False)  # says nothing of it
    store.close()
    found = SessionStore(tmp_path / "kept").open(address)
    assert found is not None
    assert found.reference is not None
    came, was = found.reference.reference, given.reference
    assert replace(found.reference, reference=was) == given
    assert (came.name, came.digest, came.names, came.colours) == (was.name, was.digest, was.names, was.colours)
    assert list(came.codes) == list(was.codes)
    for one, before in zip(came.codes.values(), was.codes.values(), strict=True):
        assert one.dtype == np.int32
        assert not one.flags.writeable
        assert np.array_equal(one, before)
    assert kept_reference(store, other) is None
    give(store, address, None)
    assert kept_reference(store, address) is None
    assert numbers(store, address) == [1]


def test_a_reference_that_cannot_be_read_leaves_the_runs(store: SessionStore, tmp_path: Path) -> None:
    for column, content in (("codes", b"no codes"), ("codes", zlib.compress(b"1234")), ("told", "{}"), ("told", "[")):
        address = put(store, run_of(1))
        give(store, address, reference_of(Grid((4, 4), Affine.identity(), None)))
        connection = sqlite3.connect(tmp_path / "kept" / "sessions.sqlite3")
        connection.execute(f"UPDATE reference SET {column} = ?", (content,))
        connection.commit()
        connection.close()
        assert kept_reference(store, address) is None
        assert numbers(store, address) == [1]
        assert store.trouble is None


def test_references_used_longest_ago_go_beyond_the_budget(tmp_path: Path) -> None:
    clock = Clock()
    grid = Grid((10, 1_000), Affine.identity(), None)
    told, codes = references.packed(reference_of(grid)) or ("", b"")
    room = int(2.5 * (len(told) + len(codes)))
    store, addresses = SessionStore(tmp_path, StoreLimits(most_reference_bytes=room, free_disk_bytes=0), clock), []
    for number in range(3):
        clock.now += 1
        addresses.append(put(store, run_of(1)))
        give(store, addresses[-1], reference_of(grid))
        if number == 1:
            clock.now += 1
            assert kept_reference(store, addresses[0]) is not None  # used again
    assert [kept_reference(store, one) is not None for one in addresses] == [True, False, True]
    assert [numbers(store, one) for one in addresses] == [[1]] * 3
    none = SessionStore(tmp_path, StoreLimits(most_reference_bytes=0, free_disk_bytes=0), clock)
    give(none, addresses[1], reference_of(grid))
    assert [kept_reference(none, one) for one in addresses] == [None] * 3


def test_another_server_on_the_same_folder_finds_it(store: SessionStore, scene: Scene, tmp_path: Path) -> None:
    address = put(store, run_of(1))
    key = keep_scene(store, address, scene)
    another = SessionStore(tmp_path / "kept")
    assert numbers(another, address) == [1]
    found = another.scene(address, key)
    assert found is not None
    assert found.scene.digest == scene.digest
    assert np.array_equal(pixels_of(found.scene).values, pixels_of(scene).values)
    assert scene_key(found.scene) == key  # it can be kept again without another copy


@pytest.mark.parametrize("example", ["coast", "farmland"])
def test_scenes_of_the_package_are_not_copied(store: SessionStore, tmp_path: Path, example: str) -> None:
    scene = ingest.sample_scene(example)
    address = put(store, run_of(1))
    found = store.scene(address, keep_scene(store, address, scene))
    assert found is not None
    assert (found.scene.paths, found.scene.title, found.scene.digest) == (scene.paths, scene.title, scene.digest)
    assert not [path for path in (tmp_path / "kept" / "scenes").rglob("*") if path.is_file()]


def test_scenes_with_an_area_and_other_names_come_back(store: SessionStore, scene: Scene, tmp_path: Path) -> None:
    area = tmp_path / "area.geojson"
    (x, y), (right, low) = scene.grid.transform @ (2, 2), scene.grid.transform @ (30, 30)
    corners = [[x, y], [right, y], [right, low], [x, low], [x, y]]
    code = scene.grid.crs.to_epsg() if scene.grid.crs else None
    area.write_text(
        f'{{"type": "Polygon", "coordinates": [{corners}], '
        f'"crs": {{"type": "name", "properties": {{"name": "urn:ogc:def:crs:EPSG::{code}"}}}}}}'
    )
    named = ingest.rename_bands(scene, [f"own {number}" for number in range(len(scene.bands))])
    cut = ingest.with_area(named, area, tmp_path / "cut")
    address = put(store, run_of(1))
    found = store.scene(address, keep_scene(store, address, cut))
    assert found is not None
    assert (found.scene.band_names, found.scene.digest) == (named.band_names, cut.digest)
    assert ingest.without_area(found.scene).notes == ingest.without_area(cut).notes
    assert np.array_equal(pixels_of(found.scene).valid, pixels_of(cut).valid)


def test_forgetting_removes_rows_scenes_and_pictures(store: SessionStore, scene: Scene, tmp_path: Path) -> None:
    picture = "data:image/png;base64,QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
    address, other = put(store, run_of(1, thumbnail=picture, note="secret words")), put(store, run_of(2))
    key = keep_scene(store, address, scene)
    assert keep_scene(store, other, scene) == key
    store.forget(address)
    assert store.open(address) is None
    assert store.scene(other, key) is not None  # somebody else has it too
    store.forget(other)
    assert not list((tmp_path / "kept" / "scenes").iterdir())
    store.close()
    held = (tmp_path / "kept" / "sessions.sqlite3").read_bytes()
    assert picture.encode() not in held
    assert b"secret words" not in held


@pytest.mark.parametrize("key", ["", ".", "..", "a" * 63])
def test_a_key_that_is_none_touches_no_scene(store: SessionStore, scene: Scene, key: str) -> None:
    """Rows of such keys were written once: with them, neither forgetting nor making room may fail or take others."""
    address, other = put(store, run_of(1)), put(store, run_of(2))
    kept = keep_scene(store, other, scene)
    with pytest.raises(ValueError, match="no key"):
        store.put_scene(address, key, scene)
    store.limits = replace(store.limits, most_bytes=1)
    store.sweep()
    assert store.trouble is None
    assert store.scene_keys(other) == frozenset()  # there was no room for it, and for nothing else either
    store.limits = replace(store.limits, most_bytes=10**9)
    assert keep_scene(store, other, scene) == kept
    store.forget(address)
    assert store.open(address) is None
    assert store.scene_keys(other) == {kept}


@pytest.mark.parametrize("is_swept", [True, False])
def test_what_was_forgotten_is_in_no_file_while_the_server_goes_on(tmp_path: Path, is_swept: bool) -> None:
    clock = Clock()
    store = SessionStore(tmp_path, StoreLimits(kept_days=7), clock)
    address = put(store, run_of(1, note="secret words"))
    give(store, address, reference_of(Grid((4, 4), Affine.identity(), None), digest="secret words too"))
    assert any(b"secret words too" in path.read_bytes() for path in tmp_path.glob("sessions*"))
    if is_swept:
        clock.now += 8 * DAY
        store.sweep()
    else:
        store.forget(address)
    assert not any(b"secret words" in path.read_bytes() for path in tmp_path.glob("sessions*"))


def test_whether_all_was_forgotten_is_said(store: SessionStore, monkeypatch: pytest.MonkeyPatch, scene: Scene) -> None:
    address = put(store, run_of(1))
    key = keep_scene(store, address, scene)
    _, folders = store._parts() or pytest.fail("it opens")

    def refused(*_: object, **__: object) -> bool:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(folders, "remove", refused)
        assert not store.forget(address)
    assert store.scene_keys(address) == {key}
    assert store.forget(address)
    assert store.forget(address)  # nothing is there
    assert store.open(address) is None


def test_a_scene_whose_session_is_forgotten_while_it_is_copied_does_not_stay(
    store: SessionStore, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = put(store, run_of(1))
    _, folders = store._parts() or pytest.fail("it opens")
    bring = folders.put

    def forgotten_meanwhile(key: str, given: Scene) -> None:
        assert store.forget(address)
        bring(key, given)

    monkeypatch.setattr(folders, "put", forgotten_meanwhile)
    with pytest.raises(SessionGone):
        keep_scene(store, address, scene)
    assert not list((tmp_path / "kept" / "scenes").iterdir())


def test_what_was_forgotten_is_not_written_again(store: SessionStore) -> None:
    address = put(store, run_of(1))
    store.forget(address)
    with pytest.raises(SessionGone):
        put(store, run_of(2), address=address)
    assert store.open(address) is None


def test_what_is_past_its_time_goes(tmp_path: Path, scene: Scene) -> None:
    clock = Clock()
    store = SessionStore(tmp_path / "kept", StoreLimits(kept_days=7, free_disk_bytes=0), clock)
    old, used = put(store, run_of(1)), put(store, run_of(2))
    keep_scene(store, old, scene)
    clock.now += 6 * DAY
    assert numbers(store, used) == [2]  # this is a use
    clock.now += 2 * DAY
    assert store.open(old) is None  # before anybody has swept
    store.sweep()
    assert numbers(store, used) == [2]
    assert not list((tmp_path / "kept" / "scenes").iterdir())


def test_the_sessions_used_longest_ago_go_for_too_many(tmp_path: Path) -> None:
    clock = Clock()
    store = SessionStore(tmp_path / "kept", StoreLimits(most_sessions=2), clock)
    addresses = []
    for number in (1, 2, 3):
        clock.now += 1
        addresses.append(put(store, run_of(number)))
    store.sweep()
    assert [numbers(store, one) for one in addresses] == [[], [2], [3]]


def test_the_budget_lets_unmarked_scenes_go_first(tmp_path: Path, scene: Scene, other_scene: Scene) -> None:
    files = {path for one in (scene, other_scene) for path in (*one.paths, *one.previews) if path and path.exists()}
    size = sum(path.stat().st_size for path in files)
    store = SessionStore(tmp_path / "kept", StoreLimits(most_bytes=size, free_disk_bytes=0))
    keys = {one.title: scene_key(one) for one in (scene, other_scene)}
    address = put(store, run_of(1, keys[scene.title], star=True), run_of(2, keys[other_scene.title]))
    keep_scene(store, address, scene)
    keep_scene(store, address, other_scene)
    assert store.scene_keys(address) == set(keys.values())
    # A copy takes room of its own; a link to the same file would not.
    third = replace(_moved(scene, lambda path: copied(path, tmp_path)), digest="another", previews=())
    keys["third"] = keep_scene(store, address, third)
    assert store.scene_keys(address) == {keys[scene.title], keys["third"]}
    assert numbers(store, address) == [1, 2]  # the run stays, and says what it needs


def test_a_scene_beyond_the_budget_is_not_kept(tmp_path: Path, scene: Scene) -> None:
    store = SessionStore(tmp_path / "kept", StoreLimits(most_bytes=10, free_disk_bytes=0))
    address = put(store, run_of(1))
    keep_scene(store, address, scene)
    assert store.scene_keys(address) == frozenset()
    assert not list((tmp_path / "kept" / "scenes").iterdir())
    assert store.trouble is None


def test_a_scene_that_a_page_uses_stays_until_it_is_forgotten(tmp_path: Path, scene: Scene) -> None:
    clock = Clock()
    store = SessionStore(tmp_path / "kept", StoreLimits(free_disk_bytes=0), clock)
    for is_forgotten in (False, True):
        address = put(store, run_of(1))
        held = store.scene(address, keep_scene(store, address, scene))
        assert held is not None
        if is_forgotten:
            store.forget(address)
            assert not any(path.exists() for path in held.scene.paths)
        clock.now += 8 * DAY
        store.sweep()
        assert all(path.exists() for path in held.scene.paths) is not is_forgotten
        paths = held.scene.paths
        del held
        store.sweep()
        assert not any(path.exists() for path in paths)


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SessionStore(tmp_path / "kept", StoreLimits(), free_bytes=lambda folder: 0)
    address = put(store, run_of(1))

    def refused(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)
    keep_scene(store, address, scene)
    assert not list((tmp_path / "kept" / "scenes").iterdir())
    assert store.scene_keys(address) == frozenset()


def test_scenes_are_copied_from_another_disk(
    store: SessionStore, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = put(store, run_of(1))

    def refused(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)
    found = store.scene(address, keep_scene(store, address, scene))
    assert found is not None
    assert [p.read_bytes() for p in found.scene.paths] == [p.read_bytes() for p in scene.paths]


def test_a_full_database_keeps_what_it_had_and_says_so(tmp_path: Path) -> None:
    store = SessionStore(tmp_path / "kept")
    address = put(store, run_of(1))
    database, _ = store._parts() or pytest.fail("it opens")
    pages = database._connection.execute("PRAGMA page_count").fetchone()[0]
    database._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError):
        put(store, *(run_of(n, note="x" * 60, words="y" * 400) for n in range(2, 200)), address=address)
    assert "full" in str(store.trouble)
    assert numbers(store, address) == [1]
    database._connection.execute("PRAGMA max_page_count = 100000")
    put(store, run_of(2), address=address)
    assert store.trouble is None


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_left_and_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "sessions.sqlite3").write_bytes(content)
    store = SessionStore(tmp_path)
    assert store.open(new_address()) is None
    assert "cannot be read" in str(store.trouble)
    assert "sqlite" not in str(store.trouble)
    assert put(store, run_of(1))
    assert (tmp_path / "sessions.sqlite3").read_bytes() == content


def test_a_file_that_another_holds_is_told_from_one_without_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.0)
    store = SessionStore(tmp_path)
    address = put(store, run_of(1))
    other = sqlite3.connect(tmp_path / "sessions.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(SessionUnread):
        store.open(address)
    assert store.trouble is None
    other.execute("ROLLBACK")
    other.close()
    assert numbers(store, address) == [1]


def test_a_newer_file_is_left_and_said(tmp_path: Path) -> None:
    newer = SessionStore(tmp_path, migrations=[*MIGRATIONS, "CREATE TABLE of_tomorrow (x)"])
    put(newer, run_of(1))
    newer.close()
    before = (tmp_path / "sessions.sqlite3").read_bytes()
    store = SessionStore(tmp_path)
    assert store.open(new_address()) is None
    assert "newer s2dash" in str(store.trouble)
    assert (tmp_path / "sessions.sqlite3").read_bytes() == before


@pytest.mark.parametrize("form", range(1, len(MIGRATIONS) + 1))
def test_each_form_of_the_file_becomes_the_newest(tmp_path: Path, form: int) -> None:
    """Also one that is yet to come: what was kept stays, and each step is taken once."""
    steps = [*MIGRATIONS, "ALTER TABLE run ADD COLUMN of_tomorrow TEXT NOT NULL DEFAULT ''; CREATE TABLE new (x)"]
    newest = SessionStore(tmp_path / "newest")
    address = put(newest, run_of(1))
    newest.close()
    old = sqlite3.connect(tmp_path / "sessions.sqlite3")
    for statement in ";".join(steps[:form]).split(";"):
        old.execute(statement)
    old.execute(f"PRAGMA user_version = {form}")
    old.execute("ATTACH ? AS newest", (str(tmp_path / "newest" / "sessions.sqlite3"),))
    for table, columns in (
        ("session", "id, address, used, shown, made"),
        ("run", "session, key, scene, is_marked, listed"),
    ):
        old.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM newest.{table}")
    old.commit()
    old.close()
    for _ in range(2):
        store = SessionStore(tmp_path, migrations=steps)
        assert numbers(store, address) == [1]
        store.close()
    connection = sqlite3.connect(tmp_path / "sessions.sqlite3")
    assert connection.execute("PRAGMA user_version").fetchone() == (len(steps),)
    connection.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    old = SessionStore(tmp_path)
    address = put(old, run_of(1))
    old.close()
    broken = SessionStore(tmp_path, migrations=[*MIGRATIONS, "CREATE TABLE half (x); CREATE TABLE half (x)"])
    assert broken.open(address) is None
    assert broken.trouble is not None
    assert numbers(SessionStore(tmp_path), address) == [1]


def test_nothing_is_kept_where_that_is_not_wanted(tmp_path: Path) -> None:
    store = SessionStore(tmp_path / "kept", StoreLimits(kept_days=0))
    assert store.open(put(store, run_of(1))) is None
    assert not store.is_on
    assert store.trouble is None
    assert not (tmp_path / "kept").exists()


def test_a_run_that_cannot_be_read_leaves_the_others(store: SessionStore) -> None:
    address = put(store, run_of(1), run_of(2))
    database, _ = store._parts() or pytest.fail("it opens")
    with database.transaction() as connection:
        connection.execute("UPDATE run SET listed = '{\"version\": 99}' WHERE key = 'key 1'")
    assert numbers(store, address) == [2]


def test_threads_may_do_all_of_it_at_once(tmp_path: Path, scene: Scene) -> None:
    stores = [SessionStore(tmp_path / "kept", StoreLimits(free_disk_bytes=0)) for _ in range(2)]

    def live(number: int) -> tuple[str, list[int]]:
        store = stores[number % 2]
        address = put(store, run_of(number))
        key = keep_scene(store, address, scene)
        for later in range(100, 110):
            put(store, run_of(later), address=address)
        found = numbers(store, address)
        assert store.scene(address, key) is not None
        if number % 3 == 0:
            store.forget(address)
        store.sweep()
        return address, found

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(live, range(1, 25)))
    assert [runs for _, runs in found] == [sorted([n, *range(100, 110)]) for n in range(1, 25)]
    assert all(store.trouble is None for store in stores)
    assert [bool(numbers(stores[0], address)) for address, _ in found] == [n % 3 != 0 for n in range(1, 25)]


# ---- what writes beside the page


def shot(*runs: StoredRun, **more: object) -> Snapshot:
    return Snapshot(runs, runs[-1].key if runs else None, len(runs), **more)  # type: ignore[arg-type]


class Slow(SessionStore):
    """Waits before each writing until it is let go on, and counts."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.may_go_on = threading.Event()
        self.changes: list[Change] = []

    def write(self, address: str, change: Change, is_new: bool) -> None:
        self.changes.append(change)
        self.may_go_on.wait()
        super().write(address, change, is_new)


def test_the_newest_state_wins(tmp_path: Path) -> None:
    store = Slow(tmp_path)
    writer = Writer(store)
    keeper = Keeper(writer)
    runs = [run_of(n) for n in range(1, 20)]
    for count in range(1, 20):
        keeper.keep(shot(*runs[:count]))
        wait_until(lambda: store.changes)
    store.may_go_on.set()
    assert writer.settle()
    assert len(store.changes) == 2
    assert numbers(store, keeper.address) == list(range(1, 20))


def test_only_what_has_changed_is_written(tmp_path: Path) -> None:
    store = Slow(tmp_path)
    store.may_go_on.set()
    writer = Writer(store)
    keeper = Keeper(writer)
    one, two, three = run_of(1), run_of(2), run_of(3)

    def keep(*runs: StoredRun) -> None:
        keeper.keep(shot(*runs))
        assert writer.settle()

    keep(one, two)
    keep(one, two)
    starred = run_of(2, star=True)
    keep(one, starred)
    keep(starred, three)
    assert [(tuple(r.key for r in c.put), c.drop) for c in store.changes] == [
        (("key 1", "key 2"), ()),
        (("key 2",), ()),
        (("key 3",), ("key 1",)),
    ]


def test_a_page_that_has_no_reference_leaves_that_of_another(store: SessionStore) -> None:
    writer = Writer(store)
    one, address = run_of(1), put(store, run_of(1))

    def page() -> Keeper:
        keeper, found = Keeper(writer, address), store.open(address)
        assert found is not None
        keeper.came_back(found.runs, found.reference)
        return keeper

    def say(keeper: Keeper, reference: StoredReference | None, made: int) -> str | None:
        keeper.keep(replace(shot(one), reference=reference, made=made))
        assert writer.settle()
        found = kept_reference(store, address)
        return None if found is None else found.digest

    grid = Grid((4, 4), Affine.identity(), None)
    earlier, giving = page(), page()
    assert say(giving, reference_of(grid, digest="first"), 1) == "first"
    assert say(earlier, None, 2) == "first"
    later = page()
    assert say(later, reference_of(grid, digest="second"), 3) == "second"
    assert say(earlier, None, 4) == "second"
    assert say(later, None, 5) is None


def test_where_the_map_looks_is_kept_without_the_page(store: SessionStore) -> None:
    writer = Writer(store)
    keeper = Keeper(writer)
    keeper.moved(MapPosition((1, 2), 3))
    assert writer.settle()
    assert store.open(keeper.address) is None
    keeper.keep(shot(run_of(1)))
    for position in (MapPosition((-123.5, 45.25), 11.5), None):
        keeper.moved(position)
        assert writer.settle()
        found = store.open(keeper.address)
        assert found is not None
        assert (found.position, [one.key for one in found.runs]) == (position, ["key 1"])


def test_two_pages_of_one_address_keep_each_others_runs(store: SessionStore) -> None:
    writer = Writer(store)
    first = Keeper(writer)
    first.keep(shot(run_of(1)))
    assert writer.settle(first.address)
    second = Keeper(writer, first.address)
    found = store.open(first.address)
    assert found is not None
    second.came_back(found.runs)
    first.keep(shot(run_of(1), run_of(2)))
    second.keep(shot(*found.runs, run_of(3)))
    assert writer.settle()
    assert numbers(store, first.address) == [1, 2, 3]


def test_of_two_pages_the_last_word_counts_for_each_mark(store: SessionStore) -> None:
    writer = Writer(store)
    first = Keeper(writer)
    first.keep(shot(run_of(1), run_of(2)))
    assert writer.settle()
    second = Keeper(writer, first.address)
    found = store.open(first.address)
    assert found is not None
    second.came_back(found.runs)

    def said() -> list[tuple[bool, str, str, str]]:
        now = store.open(first.address)
        assert now is not None
        return [(one.listed.star, one.listed.title, one.listed.note, one.listed.words) for one in now.runs]

    def keep(keeper: Keeper, **changes: object) -> None:
        keeper.keep(shot(run_of(1, **changes), found.runs[1]))
        assert writer.settle()

    keep(second, star=True, note="by the second")
    keep(first, words="other words")  # which has not heard of it
    assert said()[0] == (True, "", "by the second", "other words")
    keep(first, words="other words", title="by the first", note="by the first")
    assert said()[0] == (True, "by the first", "by the first", "other words")
    keep(second, star=False, note="by the second")
    assert said() == [(False, "by the first", "by the first", ""), (False, "", "", "")]


def test_a_page_writes_nothing_after_another_has_forgotten_all(store: SessionStore) -> None:
    writer = Writer(store)
    keeper = Keeper(writer)
    keeper.keep(shot(run_of(1)))
    assert writer.settle()
    store.forget(keeper.address)
    keeper.keep(shot(run_of(1), run_of(2)))
    assert writer.settle()
    assert keeper.is_gone
    assert store.open(keeper.address) is None


def test_what_could_not_be_written_is_tried_again(store: SessionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(store)
    keeper = Keeper(writer)
    write, snapshot = store.write, shot(run_of(1))

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write", fails)
    keeper.keep(snapshot)
    assert writer.settle()
    monkeypatch.setattr(store, "write", write)
    keeper.keep(snapshot)
    assert writer.settle()
    assert numbers(store, keeper.address) == [1]


def test_a_keeper_brings_scenes_once(store: SessionStore, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, key = Writer(store), scene_key(scene)
    keeper, brought = Keeper(writer), []
    put_scene: Callable[..., None] = store.put_scene
    monkeypatch.setattr(store, "put_scene", lambda *given: (brought.append(given[1]), put_scene(*given)))
    for count in (1, 2):
        keeper.keep(shot(*(run_of(n, key) for n in range(count)), scenes={key: StoredScene(scene)}))
        assert writer.settle()
    assert brought == [key]
    assert store.scene_keys(keeper.address) == {key}


def test_a_slow_copy_of_a_scene_holds_up_no_runs(
    store: SessionStore, scene: Scene, other_scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, may_go_on = Writer(store), threading.Event()
    brought: list[str] = []
    put_scene: Callable[..., None] = store.put_scene

    def slowly(address: str, key: str, given: Scene) -> None:
        assert may_go_on.wait(PATIENCE_SECONDS)
        brought.append(key)
        put_scene(address, key, given)

    monkeypatch.setattr(store, "put_scene", slowly)
    keys = [scene_key(scene), scene_key(other_scene)]
    one, other = Keeper(writer), Keeper(writer)
    scenes = {keys[0]: StoredScene(scene)}
    one.keep(shot(run_of(1, keys[0]), scenes=scenes))
    scenes[keys[1]] = StoredScene(other_scene)
    one.keep(shot(run_of(1, keys[0]), run_of(2, keys[1]), scenes=scenes))
    other.keep(shot(run_of(3)))
    assert writer.settle(other.address)
    wait_until(lambda: numbers(store, one.address) == [1, 2])
    assert brought == []
    assert not writer.settle(one.address, patience_seconds=0)
    may_go_on.set()
    assert writer.settle()
    assert brought == keys
    assert store.scene_keys(one.address) == set(keys)
