"""Labels in parts: the same as from threads bit for bit, taken over after a break, and words for what is wrong."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from field_scenes import outside, write_clip
from loose import placed, write_band
from scenes import DEGREES, ROTATED, UTM_10M, land_cover, make_scene

from s2dash import ingest
from s2dash.classify import parts, pipeline
from s2dash.classify.algorithms import ALGORITHMS
from s2dash.classify.pipeline import Fitted
from s2dash.core.classmap import Result
from s2dash.core.grid import Grid
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.scene import Scene
from s2dash.core.types import CancelToken, Window
from s2dash.errors import BrokenResult, Cancelled, ClusterError, ClusterLost

SHAPE = (120, 170)
WINDOW = (13, 64)
PARTS = 9
"""Of SHAPE in WINDOW, four windows below each other to a part: 3 x 3."""


def quick(scene: Scene, algorithm: str = "kmeans", **choices: Any) -> Recipe:
    recipe = replace(pipeline.apply_algorithm(default_recipe(scene).plain(), algorithm), k=5)
    if any(param.name == "n_init" for param in ALGORITHMS[algorithm].params):
        recipe = replace(recipe, params=(("n_init", 2),))
    return replace(recipe, **choices)


def labels_of(result: Result) -> np.ndarray:
    with rasterio.open(result.classmap.path) as dataset:
        return dataset.read(1)


class Direct(Executor):
    """Runs each task at once through pickle, as other processes would see it, and remembers which ran.

    `before` is called ahead of each task; what it raises is what the task raises.
    """

    def __init__(self, before: Callable[[int], None] = lambda number: None) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.most_bytes = 0
        self._before = before

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        sent = pickle.dumps((fn, args))
        try:
            self._before(len(self.calls))
            self.calls.append((fn.__name__, args[1]))
            fn, args = pickle.loads(sent)  # noqa: S301 - made above
            result = pickle.dumps(fn(*args))
            self.most_bytes = max(self.most_bytes, len(sent), len(result))
            future.set_result(pickle.loads(result))  # noqa: S301
        except Lost:
            future.cancel()
            future.set_running_or_notify_cancel()
        except (ClusterError, BrokenResult) as error:
            future.set_exception(error)
        return future

    def parts(self) -> list[Window]:
        return [argument for name, argument in self.calls if name == "label_part"]


class Lost(Exception):
    """Stands for workers that went away."""


def lost_from(first: int) -> Callable[[int], None]:
    """Loses every task from this number on."""

    def look(number: int) -> None:
        if number >= first:
            raise Lost

    return look


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return make_scene(tmp_path, SHAPE, masked=((slice(20, 31), slice(33, 47)),))


@pytest.fixture
def fitted(scene: Scene) -> Fitted:
    return pipeline.fitted_to(scene, quick(scene))


@pytest.fixture
def run(fitted: Fitted, tmp_path: Path) -> Callable[..., Result]:
    """Runs in parts, by default at once in this process."""
    return lambda executor, **how: pipeline.run_full(
        how.pop("fitted", fitted), tmp_path / "labels.tif", executor=executor, window_shape_rc=WINDOW, **how
    )


class TestSameLabels:
    @pytest.mark.parametrize(
        "choices",
        [
            {},
            {"smooth": 3, "indices": ("NDVI",), "clip": (1, 99)},
            {"algorithm": "gaussian-mixture", "pca": 2},
            *({"algorithm": name} for name in ALGORITHMS),
        ],
        ids=lambda choices: "-".join(map(str, choices.values())) or "default",
    )
    def test_as_from_threads(self, scene: Scene, run: Callable[..., Result], tmp_path: Path, choices: Any) -> None:
        recipe = quick(scene, **choices)
        expected = pipeline.run_full(
            pipeline.fitted_to(scene, recipe), tmp_path / "threads.tif", window_shape_rc=WINDOW
        )
        executor = Direct()
        result = run(executor, fitted=pipeline.fitted_to(scene, recipe))
        assert len(executor.parts()) == PARTS
        assert np.array_equal(labels_of(result), labels_of(expected))
        assert (result.rows, result.digest, result.engine) == (expected.rows, expected.digest, expected.engine)
        assert result.classmap.path == tmp_path / "labels.tif"

    @pytest.mark.parametrize(
        ("transform", "crs"), [(UTM_10M, None), (ROTATED, "EPSG:32633"), (DEGREES, "EPSG:4326")], ids=str
    )
    def test_anywhere_on_the_earth(self, tmp_path: Path, transform: Any, crs: str | None) -> None:
        scene = make_scene(tmp_path, SHAPE, transform=transform, crs=crs)
        fitted = pipeline.fitted_to(scene, quick(scene))
        expected = pipeline.run_full(fitted, tmp_path / "threads.tif", window_shape_rc=WINDOW)
        result = pipeline.run_full(fitted, tmp_path / "parts.tif", executor=Direct(), window_shape_rc=WINDOW)
        assert np.array_equal(labels_of(result), labels_of(expected))
        assert result.rows == expected.rows

    def test_bands_on_grids_of_their_own(self, tmp_path: Path) -> None:
        sizes = {"B02": 10, "B03": 10, "B04": 10, "B08": 10, "B11": 20}
        files = []
        for name, size in sizes.items():
            shape_rc = (120 * 10 // size, 160 * 10 // size)
            values = land_cover(shape_rc, [name])[0].astype("uint16")
            files.append(write_band(tmp_path / f"{name}.tif", values, placed(shape_rc, size)))
        scene = ingest.ingest(files, tmp_path / "scene")
        assert len({layer.grid for layer in scene.layers}) == 2
        fitted = pipeline.fitted_to(scene, quick(scene))
        expected = pipeline.run_full(fitted, tmp_path / "threads.tif")
        result = pipeline.run_full(fitted, tmp_path / "parts.tif", executor=Direct(), window_shape_rc=WINDOW)
        assert np.array_equal(labels_of(result), labels_of(expected))

    @pytest.mark.slow
    def test_from_other_processes(self, run: Callable[..., Result], fitted: Fitted, tmp_path: Path) -> None:
        expected = pipeline.run_full(fitted, tmp_path / "threads.tif", window_shape_rc=WINDOW)
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
            result = run(pool)
        assert np.array_equal(labels_of(result), labels_of(expected))
        assert result.rows == expected.rows

    def test_a_relative_path_is_found_from_another_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_scene(tmp_path, SHAPE)
        monkeypatch.chdir(tmp_path)
        scene = ingest.open_in_place(Path("scene.tif"))
        assert scene is not None
        travelling = parts.travelling(scene)
        assert travelling.paths == (tmp_path / "scene.tif",)
        assert travelling.digest == scene.digest


class TestWhatTravels:
    def test_a_few_kilobytes_and_no_pixel(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, (256, 300), crs="EPSG:4326", transform=DEGREES)
        executor = Direct()
        fitted = pipeline.fitted_to(scene, quick(scene))
        pipeline.run_full(fitted, tmp_path / "labels.tif", executor=executor, window_shape_rc=(64, 300))
        assert len(executor.parts()) == 1
        assert executor.most_bytes < 20_000
        assert fitted.sample.raw.nbytes > 400_000

    def test_a_grid_leaves_behind_what_was_computed_from_it(self) -> None:
        grid = Grid((300, 300), DEGREES @ Affine.rotation(30), "EPSG:4326")
        before = len(pickle.dumps(grid))
        grid.class_area_ha(np.zeros(grid.shape_rc, dtype=np.uint8), 1)
        again = pickle.loads(pickle.dumps(grid))  # noqa: S301
        assert len(pickle.dumps(grid)) == before
        assert again == grid


class TestTakenOver:
    def test_only_what_is_missing_is_made(self, run: Callable[..., Result], fitted: Fitted, tmp_path: Path) -> None:
        with pytest.raises(ClusterLost, match=f"go on from 4 of {PARTS} parts"):
            run(Direct(lost_from(4)))
        assert not (tmp_path / "labels.tif").exists()
        kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "labels.tif.parts").glob("r*.tif")}
        assert len(kept) == 4
        second = Direct()
        result = run(second)
        expected = pipeline.run_full(fitted, tmp_path / "threads.tif", window_shape_rc=WINDOW)
        assert len(second.parts()) == PARTS - 4
        assert np.array_equal(labels_of(result), labels_of(expected))
        assert result.rows == expected.rows
        assert not (tmp_path / "labels.tif.parts").exists()

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_another_fit_of_the_same_recipe_goes_on(
        self, scene: Scene, run: Callable[..., Result], algorithm: str
    ) -> None:
        with pytest.raises(ClusterLost):
            run(Direct(lost_from(4)), fitted=pipeline.fitted_to(scene, quick(scene, algorithm)))
        second = Direct()
        run(second, fitted=pipeline.fitted_to(scene, quick(scene, algorithm)))
        assert len(second.parts()) == PARTS - 4

    def test_lost_while_joining(self, run: Callable[..., Result]) -> None:
        with pytest.raises(ClusterLost, match=f"go on from {PARTS} of {PARTS} parts"):
            run(Direct(lost_from(PARTS)))
        second = Direct()
        run(second)
        assert [name for name, _ in second.calls] == ["join_parts"]

    def test_parts_of_another_recipe_are_made_anew(self, scene: Scene, run: Callable[..., Result]) -> None:
        with pytest.raises(ClusterLost):
            run(Direct(lost_from(4)))
        second = Direct()
        run(second, fitted=pipeline.fitted_to(scene, quick(scene, seed=1, k=4)))
        assert len(second.parts()) == PARTS

    def test_parts_of_a_changed_model_are_made_anew(self, run: Callable[..., Result], fitted: Fitted) -> None:
        with pytest.raises(ClusterLost):
            run(Direct(lost_from(4)))
        moved = replace(fitted.model, weights=np.nextafter(fitted.model.weights, np.inf))
        second = Direct()
        run(second, fitted=replace(fitted, model=moved))
        assert len(second.parts()) == PARTS

    @pytest.mark.parametrize("harm", ["cut", "gone", "no facts", "other facts", "not JSON"])
    def test_a_part_that_is_not_whole_is_made_anew(self, run: Callable[..., Result], tmp_path: Path, harm: str) -> None:
        with pytest.raises(ClusterLost):
            run(Direct(lost_from(4)))
        folder = tmp_path / "labels.tif.parts"
        raster, facts = folder / "r000000-c000000.tif", folder / "r000000-c000000.json"
        if harm == "cut":
            raster.write_bytes(raster.read_bytes()[:-10])
        elif harm == "gone":
            raster.unlink()
        elif harm == "no facts":
            facts.unlink()
        elif harm == "other facts":
            facts.write_text('{"digest": [1]}')
        else:
            facts.write_text("{")
        second = Direct()
        run(second)
        assert len(second.parts()) == PARTS - 3

    def test_a_part_that_changed_since_is_found_out(self, run: Callable[..., Result], tmp_path: Path) -> None:
        with pytest.raises(ClusterLost):
            run(Direct(lost_from(PARTS)))
        raster = tmp_path / "labels.tif.parts" / "r000000-c000000.tif"
        raster.write_bytes(b"\0" * raster.stat().st_size)
        with pytest.raises(BrokenResult, match="only this part is made anew"):
            run(Direct())
        second = Direct()
        run(second)
        assert len(second.parts()) == 1


class TestEnds:
    def test_progress_rises_to_one(self, run: Callable[..., Result]) -> None:
        told: list[float] = []
        run(Direct(), progress=lambda share, what: told.append(share))
        assert told == sorted(told)
        assert len(told) == PARTS + 1
        assert told[-1] == 1

    def test_cancel_leaves_nothing_behind(self, run: Callable[..., Result], tmp_path: Path) -> None:
        (tmp_path / "labels.tif").write_bytes(b"older")
        before = sorted(path.name for path in tmp_path.iterdir())
        token = CancelToken()
        with ThreadPoolExecutor(2) as pool, pytest.raises(Cancelled):
            run(pool, progress=lambda *told: token.cancel(), cancel=token)
        assert sorted(path.name for path in tmp_path.iterdir()) == before
        assert (tmp_path / "labels.tif").read_bytes() == b"older"

    def test_an_error_of_a_worker_keeps_the_parts(self, run: Callable[..., Result], tmp_path: Path) -> None:
        def look(number: int) -> None:
            if number == 4:
                raise ClusterError("The worker on host7 cannot see /data/a.tif.")

        with pytest.raises(ClusterError, match="host7"):
            run(Direct(look))
        assert len(list((tmp_path / "labels.tif.parts").glob("r*.json"))) == 4


class TestWorkersWords:
    @pytest.fixture
    def job(self, fitted: Fitted, tmp_path: Path) -> parts.Job:
        scene = parts.travelling(fitted.scene)
        label = partial(pipeline.label_window, fitted.light(replace(fitted.prepared, scene=scene)))
        return parts.make_job(scene, 5, label, WINDOW, "key", tmp_path / "labels.tif")

    @pytest.fixture
    def ready(self, job: parts.Job) -> parts.Job:
        job.folder.mkdir()
        (job.folder / "job.json").write_text(f'{{"digest": "{job.digest}"}}')
        return job

    def test_facts_are_those_of_the_file(self, ready: parts.Job) -> None:
        part = ready.parts()[4]
        facts = parts.label_part(ready, part)
        with rasterio.open(ready.folder / f"r{part.row:06d}-c{part.col:06d}.tif") as dataset:
            labels = dataset.read(1)
            assert dataset.transform @ (0, 0) == ready.scene.grid.transform @ (part.col, part.row)
        assert labels.shape == (part.height, part.width)
        assert np.sum([one.counts for one in facts.windows], axis=0).tolist() == np.bincount(labels.ravel()).tolist()
        assert facts.seconds > 0
        assert parts.finished_parts(ready) == [facts]
        assert {path.name for path in ready.folder.iterdir()} == {
            "job.json", "r000052-c000064.tif", "r000052-c000064.json",
        }  # fmt: skip

    def test_the_folder_must_be_the_same_one(self, job: parts.Job, ready: parts.Job) -> None:
        (ready.folder / "job.json").write_text('{"digest": "another"}')
        with pytest.raises(ClusterError, match=r"cannot see the folder .*labels.tif.parts"):
            parts.label_part(ready, ready.parts()[0])

    def test_names_the_file_that_it_cannot_see(self, ready: parts.Job) -> None:
        (path,) = ready.scene.paths
        path.rename(path.with_name("elsewhere.tif"))
        with pytest.raises(ClusterError, match=rf"cannot see {path}: No such file"):
            parts.label_part(ready, ready.parts()[0])

    def test_names_the_file_that_is_another_one_there(self, ready: parts.Job) -> None:
        (path,) = ready.scene.paths
        path.write_bytes(b"short")
        with pytest.raises(ClusterError, match=rf"another file at {path}: 5 bytes"):
            parts.label_part(ready, ready.parts()[0])

    def test_says_how_versions_differ(self, ready: parts.Job) -> None:
        older = tuple((name, "0.0.1" if name == "numpy" else version) for name, version in ready.versions)
        with pytest.raises(ClusterError, match=r"other versions: numpy 0\.0\.1 here, "):
            parts.label_part(replace(ready, versions=older), ready.parts()[0])

    def test_says_what_cannot_be_read(self, ready: parts.Job) -> None:
        (path,) = ready.scene.paths
        path.write_bytes(b"\0" * path.stat().st_size)
        with pytest.raises(ClusterError, match="could not read or write"):
            parts.label_part(ready, ready.parts()[0])
        assert [path.name for path in ready.folder.iterdir()] == ["job.json"]

    def test_a_folder_that_cannot_be_made(self, fitted: Fitted, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(ClusterError, match="cannot be written"):
            pipeline.run_full(fitted, tmp_path / "file" / "labels.tif", executor=Direct())


@pytest.mark.parametrize(("dtype", "fill"), [("float32", 0), ("int16", -9999), ("uint16", 0)])
def test_fill_that_no_tag_states_stays_no_data_on_workers(tmp_path: Path, dtype: str, fill: float) -> None:
    path = write_clip(tmp_path / "clip.tif", dtype, fill, shape_rc=(180, 240))
    scene = ingest.ingest(path, tmp_path / "taken")
    fitted = pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), k=4))
    result = pipeline.run_full(fitted, tmp_path / "parts.tif", executor=Direct(), window_shape_rc=WINDOW)
    with rasterio.open(result.classmap.path) as dataset:
        assert np.array_equal(dataset.read(1) == 0, outside((180, 240)))
