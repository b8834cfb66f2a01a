"""Files that must not hurt, made here: each answers as its table says, in bounds and without a trace."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import multiprocessing.forkserver
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import hostile_runs
import numpy as np
import pytest
import rasterio
from answers import MOST_CHILD_MB, MOST_SECONDS, wrong_words
from hostile_files import BAIT, CLASS_NAMES, EITHER, FILES, PORT, RECIPES, REFUSED, WARNS, WORKS, write_files
from hostile_runs import CANARY, Outcome
from scenes import make_scene, write_raster
from waiting import PATIENCE_SECONDS

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.core.legend import MOST_NAME_CHARACTERS, clean_name, default_legend
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.errors import RecipeError
from s2dash.export.geotiff import write_geotiff_and_sidecar

MAPS_OF_CLASSES = ("px_1bit.tif",)
"""Files that serve as a map to name classes by."""

AHEAD = 0 if "PYTEST_XDIST_WORKER" in os.environ else 3
"""How many files are begun before their tests ask for them."""


@dataclass(eq=False)
class Runs:
    """Outcomes of files, begun in the order of their tests, two at a time."""

    pool: ProcessPoolExecutor
    files: Path
    folder: Path
    order: list[str]
    _begun: dict[str, Future[Outcome]] = field(default_factory=dict)

    def outcome(self, name: str) -> Outcome:
        at = self.order.index(name)
        for one in self.order[at : at + 1 + AHEAD]:
            if one not in self._begun:
                self._begun[one] = self.pool.submit(hostile_runs.take_in, self.files / one, self.folder / one)
        return self._begun[name].result(timeout=3 * PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Processes that serve one call each; they are copies of one that has imported all."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["hostile_preload"])
    with pytest.MonkeyPatch.context() as patch:
        # Python 3.11 does not tell it where to look for modules, and it passes over what it does not find.
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        multiprocessing.forkserver.ensure_running()
    with ProcessPoolExecutor(2, context, max_tasks_per_child=1) as pool:
        yield pool


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all that is made."""
    folder = tmp_path_factory.mktemp("made") / "hostile"
    write_files(folder)
    return folder


@pytest.fixture(scope="module")
def runs(
    pool: ProcessPoolExecutor, files: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Runs]:
    wanted = {item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")}
    with listening() as callers:
        folder = tmp_path_factory.mktemp("hostile").resolve()
        yield Runs(pool, files, folder, [name for name in FILES if name in wanted])
        assert callers() == [], "a file made the reader call an address"


@contextlib.contextmanager
def listening() -> Iterator[Callable[[], list[int]]]:
    """Listens on the port of this machine that the files name, where it is free; tells who called."""
    with contextlib.ExitStack() as stack:
        sockets = []
        with contextlib.suppress(OSError):
            sockets.append(stack.enter_context(socket.create_server(("127.0.0.1", PORT))))
        for one in sockets:
            one.setblocking(False)

        def callers() -> list[int]:
            called = []
            for one in sockets:
                with contextlib.suppress(BlockingIOError):
                    one.accept()[0].close()
                    called.append(one.getsockname()[1])
            return called

        yield callers


def test_each_kind_of_answer_is_asked_for() -> None:
    assert {hostile.expected for hostile in FILES.values()} == {WORKS, WARNS, REFUSED, EITHER}
    assert all((hostile.warning is not None) == (hostile.expected == WARNS) for hostile in FILES.values())


@pytest.mark.parametrize("name", FILES)
def test_through_the_door(runs: Runs, name: str) -> None:
    found = runs.outcome(name)
    if FILES[name].expected == REFUSED:
        assert not found.is_scene
    elif FILES[name].expected != EITHER:
        assert found.is_scene, found.message
    assert (found.reference == "") or name not in MAPS_OF_CLASSES
    require_bounds(found)
    require_answers(found, FILES[name].warning)


def require_bounds(found: Outcome) -> None:
    """Time, memory, and that nothing is kept or told."""
    assert found.seconds < MOST_SECONDS
    assert found.child_mb < MOST_CHILD_MB
    assert found.server_mb < MOST_CHILD_MB
    assert found.left == ()
    assert found.leaked == ()
    assert list(Path(BAIT).parent.glob(f"{Path(BAIT).name}*")) == []


def require_answers(found: Outcome, due: str | None) -> None:
    """Refusals and notes in plain words, warnings where they are due, and groups where there are pixels."""
    for message in filter(None, (found.message, found.reference, found.in_place, found.classify_message)):
        fault = wrong_words(message)
        assert fault is None, f"{fault}: {message}"
    if not found.is_scene:
        return
    assert found.fault is None
    assert due is None or any(re.search(due, note) for note in found.notes), found.notes
    assert set(found.classes) - {0} == {1, 2}, found.classify_message


def test_a_secret_would_be_found(tmp_path: Path) -> None:
    """The search sees what a raw band over a secret file would show."""
    secret = np.frombuffer(CANARY.encode().ljust(64, b" "), "uint8")
    for dtype in ("uint8", "uint16", "float32"):
        path = write_raster(tmp_path / "a.tif", secret.astype(dtype).reshape(1, 8, 8), tiled=False)
        scene = ingest.ingest(path, tmp_path / "scene")
        assert "the environment" in hostile_runs.secrets_in_pixels(scene)
    wide = secret.view(">u2").astype("uint16").reshape(1, 4, 8)
    scene = ingest.ingest(write_raster(tmp_path / "a.tif", wide, tiled=False), tmp_path / "scene")
    assert "the environment" in hostile_runs.secrets_in_pixels(scene)


class TestCommandLine:
    """A handful, one of each kind, as the operator gives them."""

    @pytest.mark.parametrize(
        "name",
        [
            "ctl_13band.tif",
            "ctl_safe.zip",
            "px_float64_1e303.tif",
            "jp2_two_sizes.jp2",
            "geo_corrupt_keys.tif",
            "text_description_1MB.tif",
            "zip_two_granules.zip",
        ],
    )
    def test_works(self, pool: ProcessPoolExecutor, files: Path, tmp_path: Path, name: str) -> None:
        out = tmp_path / "out.tif"
        words = ["classify", str(files / name), "-o", str(out), "--k", "2", "--param", "n_init=1"]
        status, printed, errors = pool.submit(hostile_runs.run_command, words, tmp_path).result()
        assert status == 0, errors
        warnings = json.loads(printed)["warnings"]
        due = FILES[name].warning
        assert due is None or any(re.search(due, text) for text in warnings)
        with rasterio.open(out) as dataset:
            assert set(np.unique(dataset.read(1))) - {0} == {1, 2}
            assert CANARY not in printed + repr(dataset.tags())

    @pytest.mark.parametrize(
        ("command", "name"),
        [
            ("info", "bomb_bands_65535_1x1.tif"),
            ("classify", "vrt_raw_etc_passwd.tif"),
            ("info", "md_overview_raw_passwd.tif"),
            ("classify", "jp2_tiled_cut_half.jp2"),
            ("info", "lie_bytecount_huge.tif"),
            ("classify", "zip_slip.zip"),
            ("info", "recipe_evil.pkl"),
        ],
    )
    def test_is_refused(self, pool: ProcessPoolExecutor, files: Path, tmp_path: Path, name: str, command: str) -> None:
        out = tmp_path / "out.tif"
        words = [command, str(files / name), *(("-o", str(out)) if command == "classify" else ())]
        status, printed, errors = pool.submit(hostile_runs.run_command, words, tmp_path).result()
        require_refusal(files, status, printed, errors)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("name", RECIPES)
    def test_recipes_are_refused(self, pool: ProcessPoolExecutor, files: Path, tmp_path: Path, name: str) -> None:
        out = tmp_path / "out.tif"
        words = ["classify", str(files / "ctl_13band.tif"), "-o", str(out), "--recipe", str(files / name)]
        require_refusal(files, *pool.submit(hostile_runs.run_command, words, tmp_path).result())
        assert list(tmp_path.iterdir()) == []
        assert not Path(f"{BAIT}_BY_PICKLE").exists()


def require_refusal(files: Path, status: int, printed: str, errors: str) -> None:
    assert (status, printed) == (2, "")
    _, mark, message = errors.strip().splitlines()[-1].rpartition("s2dash: ")
    assert mark
    fault = wrong_words(message.replace(str(files), "…"))
    assert fault is None, f"{fault}: {message}"


class TestRecipes:
    @pytest.mark.parametrize("name", RECIPES)
    def test_are_refused(self, name: str) -> None:
        with pytest.raises(RecipeError) as refused:
            Recipe.from_json(RECIPES[name].decode("latin-1"))
        assert wrong_words(str(refused.value)) is None, str(refused.value)

    def test_too_many_classes_alone(self) -> None:
        given: dict[str, Any] = json.loads(RECIPES["recipe_k_1e9.json"])
        with pytest.raises(RecipeError, match=r"k = 1000000000, but it can be 2 to 255\."):
            Recipe.from_json(json.dumps({"bands": ["B02"], "k": given["k"]}))


def test_class_names_are_only_text(tmp_path: Path) -> None:
    """Each line as a class name: one clean line in the legend and in the GeoTIFF, where it reads back."""
    lines = CLASS_NAMES.split("\n")
    names = [name for name in map(clean_name, lines) if name]
    assert len(names) >= 10
    assert all(name.isprintable() and len(name) <= MOST_NAME_CHARACTERS for name in names)
    scene = make_scene(tmp_path)
    recipe = replace(default_recipe(scene).plain(), k=len(names), params=(("n_init", 1),))
    result = pipeline.run_live(pipeline.fitted_to(scene, recipe))
    legend = default_legend(("#3479c7",) * len(names)).edited(dict(enumerate(lines_with_text(lines), 1)), {})
    assert [entry.name for entry in legend.entries] == names
    write_geotiff_and_sidecar(result, legend, tmp_path / "out.tif")
    with rasterio.open(tmp_path / "out.tif") as dataset:
        tags = dataset.tags()
    assert [tags[f"CLASS_{number}"] for number in range(1, len(names) + 1)] == names


def lines_with_text(lines: list[str]) -> list[str]:
    return [line for line in lines if clean_name(line)]
