"""A real cluster on this machine: the labels of threads, a worker killed, a scheduler lost, and words for the rest."""

from __future__ import annotations

import json
import socket
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from clusters import LocalCluster, local_cluster
from scenes import make_scene, write_scene
from waiting import PATIENCE_SECONDS

from s2dash.classify import dask_cluster, full, parts, pipeline
from s2dash.classify.pipeline import Fitted
from s2dash.cli import main as cli
from s2dash.cli import progress_line
from s2dash.core.classmap import Result
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.types import CancelToken, Window
from s2dash.errors import Cancelled, ClusterError, ClusterLost, RecipeError
from s2dash.server.jobs import FullJob
from s2dash.settings import GDAL_ENVIRONMENT, SCHEDULER_VARIABLE

pytest.importorskip("distributed")

SHAPE = (240, 330)
WINDOW = (8, 32)
"""Small, so that there are some hundred tasks to break into."""
PARTS = 88
FAST = ("--param", "n_init=2", "--k", "5")


def labels_of(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def at_share(share: float, act: Callable[[], None]) -> Callable[[float, str], None]:
    """A Progress that acts once, when so much is done."""
    done: list[float] = []

    def look(told: float, what: str) -> None:
        if told >= share and not done:
            done.append(told)
            act()

    return look


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A cluster that no test harms."""
    with local_cluster(tmp_path_factory.mktemp("cluster") / "dask") as started:
        yield started


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    scene = make_scene(tmp_path_factory.mktemp("scene"), SHAPE, masked=((slice(20, 31), slice(33, 47)),))
    return pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), k=5, smooth=3, params=(("n_init", 2),)))


@pytest.fixture(scope="module")
def expected(fitted: Fitted, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """From this process's threads."""
    return pipeline.run_full(fitted, tmp_path_factory.mktemp("threads") / "labels.tif", window_shape_rc=WINDOW)


def same(result: Result, expected: Result) -> bool:
    return result.rows == expected.rows and np.array_equal(
        labels_of(result.classmap.path), labels_of(expected.classmap.path)
    )


@pytest.fixture
def run(fitted: Fitted, tmp_path: Path) -> Callable[..., Result]:
    """Runs in small parts on the executor."""
    return partial(pipeline.run_full, fitted, tmp_path / "labels.tif", window_shape_rc=WINDOW)


@pytest.mark.slow
class TestLabels:
    def test_the_same_as_from_threads(self, local: LocalCluster, run: Callable[..., Result], expected: Result) -> None:
        with dask_cluster.connected(local.address) as executor:
            assert same(run(executor=executor), expected)

    def test_the_same_where_smoothing_keeps_edges(self, local: LocalCluster, fitted: Fitted, tmp_path: Path) -> None:
        recipe = replace(fitted.recipe, transform="sqrt", components=4, smooth="edge", sample=5_000)
        better = pipeline.fitted_to(fitted.scene, recipe)
        expected = pipeline.run_full(better, tmp_path / "threads.tif", window_shape_rc=(40, 64))
        assert len(expected.rows) == recipe.k
        with dask_cluster.connected(local.address) as executor:
            found = pipeline.run_full(better, tmp_path / "cluster.tif", window_shape_rc=(40, 64), executor=executor)
        assert same(found, expected)

    def test_an_error_on_a_worker_comes_back_in_words(self, local: LocalCluster) -> None:
        with dask_cluster.connected(local.address) as executor, pytest.raises(RecipeError, match="not valid JSON"):
            executor.submit(Recipe.from_json, "{").result()

    def test_what_is_shared_stands_in_its_place(self, local: LocalCluster) -> None:
        with dask_cluster.connected(local.address) as executor:
            here, there = (executor.share(parts.running_versions()) for _ in range(2))
            assert executor.submit(parts.version_words, here, there).result() == ""
            assert executor.submit(parts.version_words, (("numpy", "1"),), there).result().startswith("numpy 1 here")

    def test_cancel_leaves_nothing_behind(
        self, local: LocalCluster, run: Callable[..., Result], tmp_path: Path
    ) -> None:
        token = CancelToken()
        with dask_cluster.connected(local.address) as executor, pytest.raises(Cancelled):
            run(executor=executor, progress=at_share(0.1, token.cancel), cancel=token)
        assert list(tmp_path.iterdir()) == []

    def test_the_page_asks_by_a_setting(
        self,
        local: LocalCluster,
        fitted: Fitted,
        expected: Result,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv(SCHEDULER_VARIABLE, local.address)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        monkeypatch.setattr(full, "_labelled_windows", None)
        # Two sessions may ask for the same run at once.
        both = [FullJob(fitted).start() for _ in range(2)]
        for job in both:
            assert job.wait(PATIENCE_SECONDS)
            assert job.result().classmap.path == job.folder.path / "labels.tif"
            assert np.array_equal(labels_of(job.result().classmap.path), labels_of(expected.classmap.path))
        assert set(tmp_path.iterdir()) == {job.folder.path for job in both}


@pytest.mark.slow
class TestLosses:
    def test_a_killed_worker_costs_nothing_but_time(
        self, run: Callable[..., Result], expected: Result, tmp_path: Path
    ) -> None:
        with local_cluster(tmp_path / "dask") as local:
            killed = partial(local.kill, local.workers[0])
            with dask_cluster.connected(local.address) as executor:
                assert same(run(executor=executor, progress=at_share(0.1, killed)), expected)
            assert local.workers[0].poll() is not None
            assert local.workers[1].poll() is None

    def test_no_worker_left(self, run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dask_cluster, "CLUSTER_LIMITS", replace(dask_cluster.CLUSTER_LIMITS, lonely_seconds=1.0))
        monkeypatch.setattr(dask_cluster, "_COUNT_SECONDS", 0.2)
        with local_cluster(tmp_path / "dask", workers=1) as local, dask_cluster.connected(local.address) as executor:
            killed = partial(local.kill, local.workers[0])
            with pytest.raises(
                ClusterLost, match=rf"no worker for 1 s\. Run it again to go on from \d+ of {PARTS} parts"
            ):
                run(executor=executor, progress=at_share(0.1, killed))


class TestCommandLine:
    @pytest.fixture(autouse=True)
    def _as_if_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Pictures count as large, windows are small, and the command line's environment is put back."""
        monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 10_000)
        monkeypatch.setattr(pipeline, "run_full", partial(pipeline.run_full, window_shape_rc=WINDOW))
        for name, value in GDAL_ENVIRONMENT.items():
            monkeypatch.setenv(name, value)

    @pytest.mark.slow
    def test_the_same_map_and_table(
        self, local: LocalCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        # Striped, so that it is rewritten first: into a folder that workers reach.
        path = write_scene(tmp_path / "scene.tif", SHAPE, tiled=False)
        found = []
        for name, more in (("threads", ()), ("cluster", ("--scheduler", local.address))):
            (tmp_path / name).mkdir()
            out = tmp_path / name / "out.tif"
            assert cli.main(["classify", str(path), "-o", str(out), *FAST, *more]) == 0
            table = json.loads(capsys.readouterr().out)
            del table["seconds"]
            with rasterio.open(out) as dataset:
                found.append((table, dataset.read(1).tolist(), dataset.overviews(1), dataset.colormap(1)))
            assert {file.name for file in out.parent.iterdir()} == {"out.tif", "out.tif.aux.xml"}
        assert found[0] == found[1]

    @pytest.mark.slow
    def test_a_lost_scheduler_is_said_and_another_goes_on(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write_scene(tmp_path / "scene.tif", SHAPE)
        (tmp_path / "out").mkdir()
        words = ["classify", str(path), "-o", str(tmp_path / "out" / "out.tif"), *FAST]
        with local_cluster(tmp_path / "first") as local:
            monkeypatch.setattr(progress_line, "show", at_share(0.3, partial(local.kill, local.scheduler)))
            assert cli.main([*words, "--scheduler", local.address]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert f"s2dash: The cluster {local.address} was lost. Run it again to go on from " in said.err.splitlines()[-1]
        assert f" of {PARTS} parts." in said.err
        (folder,) = (tmp_path / "out").iterdir()
        kept = len(list(folder.glob("r*.json")))
        assert kept >= 0.3 * PARTS

        asked: list[Window] = []
        submit = dask_cluster.ClusterExecutor.submit

        def counted(self: dask_cluster.ClusterExecutor, fn: Callable[..., Any], /, *args: Any, **how: Any) -> Any:
            if fn is parts.label_part:
                asked.append(args[1])
            return submit(self, fn, *args, **how)

        monkeypatch.setattr(dask_cluster.ClusterExecutor, "submit", counted)
        monkeypatch.setattr(progress_line, "show", lambda share, what: None)
        with local_cluster(tmp_path / "second") as local:
            assert cli.main([*words, "--scheduler", local.address]) == 0
        assert len(asked) == PARTS - kept
        assert {file.name for file in (tmp_path / "out").iterdir()} == {"out.tif", "out.tif.aux.xml"}
        assert cli.main([*words[:3], str(tmp_path / "threads.tif"), *FAST]) == 0
        assert np.array_equal(labels_of(tmp_path / "out" / "out.tif"), labels_of(tmp_path / "threads.tif"))

    def test_nobody_answers(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = write_scene(tmp_path / "scene.tif", (60, 90))
        words = ["classify", str(path), "-o", str(tmp_path / "out.tif"), "--scheduler", "10.0.0.1:8786"]
        assert cli.main(words) == 2
        assert "It looks like tcp://10.0.0.1:8786." in capsys.readouterr().err.splitlines()[-1]
        assert not (tmp_path / "out.tif").exists()


class TestConnecting:
    def test_nobody_answers(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
            with pytest.raises(ClusterError, match=f"No scheduler answers at {address} within 1 s"):
                enter(address, 1)

    @pytest.mark.slow
    def test_no_workers(self, tmp_path: Path) -> None:
        with (
            local_cluster(tmp_path / "dask", workers=0) as local,
            pytest.raises(ClusterError, match=f"has no workers. Start some with `dask worker {local.address}`"),
        ):
            enter(local.address, 1)

    @pytest.mark.parametrize("address", ["", "host", "http://host:8786", "tcp://host", "tcp://ho st:1"])
    def test_not_an_address(self, address: str) -> None:
        with pytest.raises(ClusterError, match="is not the address of a scheduler"):
            enter(address)

    @pytest.mark.slow
    def test_another_version(self, local: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
        older = types.SimpleNamespace(version=lambda package: "0.0.1", PackageNotFoundError=LookupError)
        monkeypatch.setattr("s2dash.classify.parts.versions.metadata", older)
        parts.running_versions.cache_clear()
        try:
            with pytest.raises(ClusterError, match=r"other versions: .*numpy 0\.0\.1 here, .* there"):
                enter(local.address)
        finally:
            parts.running_versions.cache_clear()

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("module", "reason"),
        [
            ("__init__.py", "No module named 's2dash.classify'"),
            ("classify/parts/versions.py", "Can't get attribute 'running_versions'"),
        ],
        ids=["none", "an older one"],
    )
    def test_a_worker_without_this_s2dash(self, tmp_path: Path, module: str, reason: str) -> None:
        written = tmp_path / "other" / "s2dash" / module
        written.parent.mkdir(parents=True)
        written.write_text("")
        with (
            local_cluster(tmp_path / "dask", workers=1, worker_folder=tmp_path / "other") as local,
            pytest.raises(ClusterError, match=r"The worker tcp://\S+ cannot work: .*It needs s2dash") as caught,
        ):
            enter(local.address)
        assert reason in str(caught.value)

    @pytest.mark.slow
    def test_another_version_of_the_scheduler(self, local: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("distributed.__version__", "0.0.1")
        with pytest.raises(
            ClusterError, match=r"distributed 0\.0\.1 here, \S+ there\. Run there: python -m pip install"
        ):
            enter(local.address)

    def test_without_the_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "distributed", None)
        with pytest.raises(ClusterError, match=r"pip install -r requirements-cluster\.txt"):
            enter("tcp://127.0.0.1:8786")


def enter(address: str, seconds: float = 10) -> None:
    with dask_cluster.connected(address, seconds):
        pass
