"""Work in the background: what is kept, what is dropped, and that a job leaves nothing behind."""

from __future__ import annotations

import dataclasses
import gc
import subprocess
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from scenes import make_scene
from waiting import PATIENCE_SECONDS, wait_until

from s2dash.classify import features, indices, learn, pipeline, prepare, sampling
from s2dash.classify.algorithms.threads import side_by_side
from s2dash.classify.pipeline import Fitted
from s2dash.classify.prepare import Prepared
from s2dash.classify.sampling import Sample
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.scene import Pixels, Scene
from s2dash.core.types import CancelToken, Progress, cancellable
from s2dash.errors import Cancelled, RecipeError
from s2dash.server import folders
from s2dash.server.folders import ScratchFolder, remove_left_folders, remove_scratch_folders
from s2dash.server.jobs import FullJob, Job
from s2dash.server.live_engine import LiveEngine, LiveRequest
from s2dash.settings import LiveLimits

ONE_ANSWER = LiveLimits(most_answer_bytes=0)
"""Room for the newest alone."""
NO_QUIET = LiveLimits(quiet_seconds=0)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return make_scene(tmp_path, shape_rc=(40, 50))


@pytest.fixture
def recipe(scene: Scene) -> Recipe:
    return default_recipe(scene).plain()


@pytest.fixture
def job_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where jobs put their folders in this test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


# ---- LiveEngine ----------------------------------------------------------------------------------------------------


class SlowFits:
    """Stands in for `pipeline.fit`: fits wait to be let go, and are counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, paths: tuple[Path, ...]) -> None:
        self.go = threading.Event()
        self.begun: list[int] = []
        self.most_at_once = 0
        self._now = 0
        self._count = threading.Lock()
        self._fit = pipeline.fit
        self._paths = paths
        monkeypatch.setattr(pipeline, "fit", self)

    def __call__(self, prepared: Prepared) -> Fitted:
        if prepared.scene.paths != self._paths:  # a guess that the pages of other tests have left behind
            return self._fit(prepared)
        with self._count:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            self.begun.append(prepared.recipe.k)
        try:
            self.go.wait(PATIENCE_SECONDS)
            return self._fit(prepared)
        finally:
            with self._count:
                self._now -= 1


@pytest.fixture
def slow_fits(monkeypatch: pytest.MonkeyPatch, scene: Scene) -> Iterator[SlowFits]:
    slow = SlowFits(monkeypatch, scene.paths)
    yield slow
    slow.go.set()


def of_k(recipe: Recipe, k: int) -> Recipe:
    return Recipe(bands=recipe.bands, k=k)


def test_an_earlier_request_that_still_waits_is_dropped(scene: Scene, recipe: Recipe, slow_fits: SlowFits) -> None:
    engine = LiveEngine()
    busy = [engine.submit(scene, of_k(recipe, k)) for k in (2, 3)]
    wait_until(lambda: len(slow_fits.begun) == 2)
    latest: LiveRequest | None = None
    waiting = []
    for k in range(4, 12):
        latest = engine.submit(scene, of_k(recipe, k), latest)
        waiting.append(latest)
    slow_fits.go.set()
    assert waiting[-1].result(PATIENCE_SECONDS).result.recipe.k == 11
    assert all(future.cancelled() for future in waiting[:-1])
    assert [future.result(PATIENCE_SECONDS).result.recipe.k for future in busy] == [2, 3]
    assert sorted(slow_fits.begun) == [2, 3, 11]


def test_one_session_never_has_two_fits_and_its_newest_request_wins(
    scene: Scene, recipe: Recipe, slow_fits: SlowFits
) -> None:
    engine = LiveEngine(LiveLimits(most_fits=4))
    latest: LiveRequest | None = None
    for k in range(2, 9):
        latest = engine.submit(scene, of_k(recipe, k), latest)
        wait_until(lambda: bool(slow_fits.begun))
    assert latest is not None
    slow_fits.go.set()
    assert latest.result(PATIENCE_SECONDS).result.recipe.k == 8
    assert slow_fits.begun == [2, 8]
    assert slow_fits.most_at_once == 1


def test_a_fit_that_nobody_wants_any_more_stops_and_is_not_kept(
    scene: Scene, recipe: Recipe, slow_fits: SlowFits
) -> None:
    engine = LiveEngine()
    first = engine.submit(scene, of_k(recipe, 2))
    wait_until(lambda: slow_fits.begun == [2])
    second = engine.submit(scene, of_k(recipe, 3), first)
    slow_fits.go.set()
    assert second.result(PATIENCE_SECONDS).result.recipe.k == 3
    with pytest.raises(Cancelled):
        first.result(PATIENCE_SECONDS)
    again = engine.submit(scene, of_k(recipe, 2), second)
    assert again.result(PATIENCE_SECONDS).result.recipe.k == 2
    assert slow_fits.begun == [2, 3, 2]


def test_a_fit_that_another_session_waits_for_goes_on(scene: Scene, recipe: Recipe, slow_fits: SlowFits) -> None:
    engine = LiveEngine()
    mine, theirs = engine.submit(scene, of_k(recipe, 2)), engine.submit(scene, of_k(recipe, 2))
    wait_until(lambda: slow_fits.begun == [2])
    engine.submit(scene, of_k(recipe, 3), mine)
    slow_fits.go.set()
    assert theirs.result(PATIENCE_SECONDS).result.recipe.k == 2


def test_who_changes_his_mind_back_gets_an_answer(scene: Scene, recipe: Recipe, slow_fits: SlowFits) -> None:
    engine = LiveEngine()
    latest = engine.submit(scene, of_k(recipe, 2))
    wait_until(lambda: slow_fits.begun == [2])
    for k in (3, 2, 3, 2):
        latest = engine.submit(scene, of_k(recipe, k), latest)
    slow_fits.go.set()
    assert latest.result(PATIENCE_SECONDS).result.recipe.k == 2


def test_the_same_request_of_a_session_is_the_one_that_goes_on(
    scene: Scene, recipe: Recipe, slow_fits: SlowFits
) -> None:
    engine = LiveEngine()
    first = engine.submit(scene, of_k(recipe, 2))
    wait_until(lambda: slow_fits.begun == [2])
    assert engine.submit(scene, of_k(recipe, 2), first) is first
    slow_fits.go.set()
    first.result(PATIENCE_SECONDS)
    assert engine.submit(scene, of_k(recipe, 2), first) is first
    assert slow_fits.begun == [2]


def test_no_session_waits_for_another_ones_older_requests(scene: Scene, recipe: Recipe, slow_fits: SlowFits) -> None:
    """One restless session among patient ones: its changes take one place in the queue, which it keeps."""
    engine = LiveEngine(LiveLimits(most_fits=1))
    engine.submit(scene, of_k(recipe, 2))
    wait_until(lambda: slow_fits.begun == [2])
    restless = engine.submit(scene, of_k(recipe, 3))
    patient = [engine.submit(scene, of_k(recipe, k)) for k in (4, 5)]
    for k in (6, 7, 8):
        restless = engine.submit(scene, of_k(recipe, k), restless)
    assert [one.others_before for one in (restless, *patient)] == [1, 2, 3]
    slow_fits.go.set()
    for one in (restless, *patient):
        one.result(PATIENCE_SECONDS)
        assert one.others_before == 0
    assert slow_fits.begun == [2, 8, 4, 5]


def test_a_request_that_nobody_waits_for_is_left_out(scene: Scene, recipe: Recipe, slow_fits: SlowFits) -> None:
    engine = LiveEngine(LiveLimits(most_fits=1))
    engine.submit(scene, of_k(recipe, 2))
    wait_until(lambda: slow_fits.begun == [2])
    closed = engine.submit(scene, of_k(recipe, 3), is_wanted=lambda: False)
    behind = engine.submit(scene, of_k(recipe, 4))
    slow_fits.go.set()
    behind.result(PATIENCE_SECONDS)
    assert closed.cancelled()
    assert slow_fits.begun == [2, 4]


def test_a_session_keeps_its_answer_whatever_others_ask(scene: Scene, recipe: Recipe, slow_fits: SlowFits) -> None:
    slow_fits.go.set()
    engine = LiveEngine(ONE_ANSWER)
    mine = engine.submit(scene, of_k(recipe, 2))
    mine.result(PATIENCE_SECONDS)
    engine.submit(scene, of_k(recipe, 3)).result(PATIENCE_SECONDS)
    assert engine.submit(scene, of_k(recipe, 2), mine).result(PATIENCE_SECONDS) is mine.result()
    assert slow_fits.begun == [2, 3]


def test_what_is_likely_to_be_asked_is_made_while_nobody_waits(
    scene: Scene, recipe: Recipe, slow_fits: SlowFits
) -> None:
    engine = LiveEngine(NO_QUIET)
    slow_fits.go.set()
    request = engine.submit(scene, of_k(recipe, 3))
    expected = request.result(PATIENCE_SECONDS)
    engine.foresee(request, scene, [of_k(recipe, 4), of_k(recipe, 3), of_k(recipe, 2)])
    wait_until(lambda: slow_fits.begun == [3, 4, 2])
    assert engine.submit(scene, of_k(recipe, 3), request).result(PATIENCE_SECONDS) is expected
    engine.submit(scene, of_k(recipe, 4), request).result(PATIENCE_SECONDS)
    engine.submit(scene, of_k(recipe, 2)).result(PATIENCE_SECONDS)
    assert slow_fits.begun == [3, 4, 2]


def test_who_asks_for_what_is_being_guessed_gets_that(scene: Scene, recipe: Recipe, slow_fits: SlowFits) -> None:
    engine = LiveEngine(NO_QUIET)
    slow_fits.go.set()
    request = engine.submit(scene, of_k(recipe, 3))
    request.result(PATIENCE_SECONDS)
    slow_fits.go.clear()
    engine.foresee(request, scene, [of_k(recipe, 4)])
    wait_until(lambda: slow_fits.begun == [3, 4])
    asked = engine.submit(scene, of_k(recipe, 4), request)
    assert asked.others_before == 0
    slow_fits.go.set()
    assert asked.result(PATIENCE_SECONDS).result.recipe.k == 4
    assert slow_fits.begun == [3, 4]


def test_a_guess_gives_way_to_whoever_asks(scene: Scene, recipe: Recipe, slow_fits: SlowFits) -> None:
    engine = LiveEngine(LiveLimits(most_fits=1, quiet_seconds=0))
    slow_fits.go.set()
    request = engine.submit(scene, of_k(recipe, 3))
    request.result(PATIENCE_SECONDS)
    slow_fits.go.clear()
    engine.foresee(request, scene, [of_k(recipe, 4), of_k(recipe, 2)])
    wait_until(lambda: slow_fits.begun == [3, 4])
    asked = engine.submit(scene, of_k(recipe, 7))
    assert asked.others_before == 0
    slow_fits.go.set()
    assert asked.result(PATIENCE_SECONDS).result.recipe.k == 7
    wait_until(lambda: slow_fits.begun == [3, 4, 7, 2])
    assert not engine._answers.has((scene.digest, scene.locations, of_k(recipe, 4).to_json()))


def test_nothing_is_guessed_for_a_closed_page(scene: Scene, recipe: Recipe, slow_fits: SlowFits) -> None:
    engine, is_open = LiveEngine(NO_QUIET), [True]
    slow_fits.go.set()
    request = engine.submit(scene, of_k(recipe, 3), is_wanted=lambda: is_open[0])
    request.result(PATIENCE_SECONDS)
    is_open[0] = False
    engine.foresee(request, scene, [of_k(recipe, 4)])
    still_open = engine.submit(scene, of_k(recipe, 5))
    still_open.result(PATIENCE_SECONDS)
    engine.foresee(still_open, scene, [of_k(recipe, 6)])
    wait_until(lambda: slow_fits.begun == [3, 5, 6])


def test_k_means_stops_between_its_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    token = CancelToken()

    def work(item: int) -> int:
        begun.append(item)
        token.cancel()
        return item

    monkeypatch.setattr("s2dash.classify.algorithms.threads.thread_count", lambda: 1)
    with cancellable(token), pytest.raises(Cancelled):
        side_by_side(work, range(50))
    assert begun == [0]
    assert side_by_side(lambda item: item, range(3)) == [0, 1, 2]


def test_equal_requests_are_answered_once_and_alike(scene: Scene, recipe: Recipe, slow_fits: SlowFits) -> None:
    engine = LiveEngine()
    both = [engine.submit(scene, of_k(recipe, 5)) for _ in range(2)]
    slow_fits.go.set()
    answers = [future.result(PATIENCE_SECONDS) for future in both]
    assert answers[0] is answers[1]
    assert engine.submit(scene, of_k(recipe, 5)).result(PATIENCE_SECONDS) is answers[0]
    assert slow_fits.begun == [5]


def test_answers_that_differ_in_k_alone_share_one_sample(scene: Scene, recipe: Recipe) -> None:
    engine = LiveEngine()
    few, more = (engine.submit(scene, of_k(recipe, k)).result(PATIENCE_SECONDS) for k in (3, 6))
    assert few.fitted.sample is more.fitted.sample
    other = engine.submit(scene, Recipe(bands=recipe.bands[:2], k=3)).result(PATIENCE_SECONDS)
    assert other.fitted.sample is not few.fitted.sample


@pytest.fixture
def draws(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """Grows by the recipe of each sample that is drawn."""
    seen: list[Recipe] = []
    draw = sampling.draw_sample

    def counted(prepared: Prepared) -> Sample:
        seen.append(prepared.recipe)
        return draw(prepared)

    for module in (sampling, learn):
        monkeypatch.setattr(module, "draw_sample", counted)
    return seen


SAME_PIXELS: tuple[dict[str, Any], ...] = (
    {"k": 4},
    {"scale": "robust"},
    {"clip": (1.0, 99.0)},
    {"pca": 2},
    {"algorithm": "gaussian-mixture", "k": 3},
    {"params": (("n_init", 1),)},
)
OTHER_PIXELS: tuple[dict[str, Any], ...] = (
    {"bands": ("B02", "B08")},
    {"indices": ("NDVI",)},
    {"smooth": 3},
    {"smooth": "edge"},
    {"transform": "log"},
    {"mask": "none"},
    {"atmosphere": "dos1"},
    {"seed": 5},
    {"sample": 500},
    {"algorithm": "spectral-angle-kmeans", "scale": "none"},
)


def test_a_sample_is_drawn_once_for_all_that_learn_from_the_same_pixels(
    scene: Scene, recipe: Recipe, draws: list[Recipe]
) -> None:
    engine = LiveEngine()
    first = engine.submit(scene, recipe).result(PATIENCE_SECONDS)
    for changes in SAME_PIXELS:
        answer = engine.submit(scene, dataclasses.replace(recipe, **changes)).result(PATIENCE_SECONDS)
        assert answer.fitted.sample is first.fitted.sample
    assert draws == [recipe]
    for changes in OTHER_PIXELS:
        engine.submit(scene, dataclasses.replace(recipe, **changes)).result(PATIENCE_SECONDS)
    assert len(draws) == 1 + len(OTHER_PIXELS)


@pytest.mark.parametrize("changes", [*SAME_PIXELS, *OTHER_PIXELS])
def test_kept_samples_change_no_label(
    scene: Scene, recipe: Recipe, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 500)
    engine = LiveEngine()
    engine.submit(scene, recipe).result(PATIENCE_SECONDS)
    changed = dataclasses.replace(recipe, **changes)
    answer = engine.submit(scene, changed).result(PATIENCE_SECONDS)
    anew = pipeline.run_live(pipeline.fitted_to(scene, changed))
    np.testing.assert_array_equal(answer.result.classmap.labels, anew.classmap.labels)


def test_a_large_scene_is_smoothed_once(scene: Scene, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 500)
    made: list[Scene] = []
    make = features._smoothed_preview

    def counted(prepared: Prepared) -> Pixels:
        made.append(prepared.scene)
        return make(prepared)

    monkeypatch.setattr(features, "_smoothed_preview", counted)
    engine = LiveEngine()
    for changes in ({"k": 3}, {"k": 4}, {"scale": "none"}, {"algorithm": "gaussian-mixture"}):
        engine.submit(scene, dataclasses.replace(recipe, smooth=3, **changes)).result(PATIENCE_SECONDS)
    assert len(made) == 1
    engine.submit(scene, dataclasses.replace(recipe, smooth=3, mask="none")).result(PATIENCE_SECONDS)
    assert len(made) == 2


def test_another_k_smooths_no_edges_anew(scene: Scene, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    better = recipe.with_edges_kept()
    anew = pipeline.run_live(pipeline.fitted_to(scene, dataclasses.replace(better, k=5)))
    made: list[Prepared] = []
    make = features._preview_with_edges

    def counted(prepared: Prepared) -> Pixels:
        made.append(prepared)
        return make(prepared)

    monkeypatch.setattr(features, "_preview_with_edges", counted)
    engine = LiveEngine()
    for k in (3, 4, 5):
        answer = engine.submit(scene, dataclasses.replace(better, k=k)).result(PATIENCE_SECONDS)
    assert len(made) == 1
    np.testing.assert_array_equal(answer.result.classmap.labels, anew.classmap.labels)


def test_a_large_scene_has_a_first_look_until_it_is_smoothed(
    scene: Scene, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 500)
    go_on, make = threading.Event(), features._preview_with_edges

    def held_up(prepared: Prepared) -> Pixels:
        go_on.wait(PATIENCE_SECONDS)
        return make(prepared)

    monkeypatch.setattr(features, "_preview_with_edges", held_up)
    engine, better = LiveEngine(), recipe.with_edges_kept()
    request = engine.submit(scene, better)
    wait_until(lambda: request.first_look is not None)
    look = request.first_look
    assert look is not None
    plain = pipeline.run_live(pipeline.fitted_to(scene, dataclasses.replace(better, smooth=0)))
    np.testing.assert_array_equal(look.result.classmap.labels, plain.classmap.labels)
    go_on.set()
    answer = request.result(PATIENCE_SECONDS)
    assert request.first_look is None
    assert answer.result.recipe == better
    following = engine.submit(scene, dataclasses.replace(better, k=better.k + 1), request)
    following.result(PATIENCE_SECONDS)
    assert not engine._first_looks


def test_samples_go_with_the_last_answer_that_holds_them(scene: Scene, recipe: Recipe) -> None:
    engine = LiveEngine(ONE_ANSWER)
    engine.submit(scene, recipe).result(PATIENCE_SECONDS)
    engine.submit(scene, dataclasses.replace(recipe, seed=1)).result(PATIENCE_SECONDS)

    def is_one_left() -> bool:
        gc.collect()
        return len(engine._samples) == 1

    wait_until(is_one_left)


def test_a_live_answer_is_what_the_pipeline_gives(scene: Scene, recipe: Recipe, tmp_path: Path) -> None:
    answer = LiveEngine().submit(scene, recipe).result(PATIENCE_SECONDS)
    expected, _ = pipeline.run(scene, recipe, tmp_path / "labels.tif")
    assert answer.result.digest == expected.digest
    np.testing.assert_array_equal(answer.result.classmap.labels, expected.classmap.labels)
    assert answer.seconds > 0
    assert 0 < answer.scores.explained_variance <= 1


def test_an_answer_that_fails_fails_anew_when_asked_again(scene: Scene) -> None:
    engine = LiveEngine()
    for _ in range(2):
        with pytest.raises(RecipeError, match="no band B77"):
            engine.submit(scene, Recipe(bands=("B77",))).result(PATIENCE_SECONDS)


# ---- FullJob -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("job_folder")
def test_a_finished_job_has_the_labels_of_the_live_picture(scene: Scene, recipe: Recipe) -> None:
    fitted = pipeline.fitted_to(scene, recipe)
    job = FullJob(fitted).start()
    wait_until(lambda: job.is_done)
    result = job.result()
    assert result.is_full
    assert job.share == 1
    assert result.classmap.path is not None
    with rasterio.open(result.classmap.path) as dataset:
        np.testing.assert_array_equal(dataset.read(1), pipeline.run_live(fitted).classmap.labels)


def test_a_jobs_folder_lasts_as_long_as_the_job(scene: Scene, recipe: Recipe, job_folder: Path) -> None:
    held = [FullJob(pipeline.fitted_to(scene, recipe)).start()]
    wait_until(lambda: held[0].is_done)
    assert len(list(job_folder.iterdir())) == 1
    held.clear()

    def is_gone() -> bool:
        gc.collect()
        return not list(job_folder.iterdir())

    wait_until(is_gone)


def test_no_folder_outlives_the_server(job_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_scratch_folders", weakref.WeakSet())
    held = [ScratchFolder("s2dash-scene-") for _ in range(2)]
    (held[0].path / "scene").mkdir()
    held[1].remove()
    assert list(job_folder.iterdir()) == [held[0].path]
    remove_scratch_folders()
    assert list(job_folder.iterdir()) == []


HOLDER = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from s2dash.server import folders, live_engine
from s2dash.server.folders import ScratchFolder
held = [ScratchFolder(f"s2dash-{kind}-") for kind in ("scene", "upload", "full")]
(held[0].path / "scene").mkdir()
(held[0].path / "scene" / "bands.tif").write_bytes(bytes(1000))
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds three folders until it is ended."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_what_a_killed_process_left_goes_and_what_a_living_one_holds_stays(job_folder: Path) -> None:
    mine = ScratchFolder("s2dash-scene-")
    others = [job_folder / "s2dash-scene-of-someone", job_folder / "s2dash-abcdefgh"]
    for folder in others:
        folder.mkdir()
    with another_process(job_folder) as killed, another_process(job_folder):
        before = set(job_folder.iterdir())
        assert len(before) == 3 + 3 + 1 + len(others)
        assert remove_left_folders() == ()
        assert set(job_folder.iterdir()) == before
        killed.kill()
        killed.wait()
        assert len(remove_left_folders()) == 3
        assert len(list(job_folder.iterdir())) == 3 + 1 + len(others)
        assert {mine.path, *others} <= set(job_folder.iterdir())


def test_a_folder_without_locks_is_as_good(job_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network file systems know none; nobody removes folders there but their owner."""

    def knows_none(*_: object) -> None:
        raise OSError("No locks available")

    monkeypatch.setattr("fcntl.flock", knows_none)
    folder = ScratchFolder("s2dash-scene-")
    assert remove_left_folders() == ()
    assert folder.path.is_dir()
    folder.remove()
    assert list(job_folder.iterdir()) == []


def test_a_cancelled_job_leaves_no_folder(
    scene: Scene, recipe: Recipe, job_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_writing = threading.Event()
    whole = pipeline.run_full

    def waits_for_cancel(fitted: Fitted, path: Path, progress: object, cancel: CancelToken) -> object:
        def held(share: float, what: str) -> None:
            is_writing.set()
            wait_until(lambda: cancel.is_cancelled)

        return whole(fitted, path, held, cancel, window_shape_rc=(16, 16))

    monkeypatch.setattr(pipeline, "run_full", waits_for_cancel)
    job = FullJob(pipeline.fitted_to(scene, recipe)).start()
    assert is_writing.wait(PATIENCE_SECONDS)
    assert not job.is_done
    job.cancel()
    wait_until(lambda: job.is_done)
    with pytest.raises(Cancelled):
        job.result()
    assert list(job_folder.iterdir()) == []


def test_a_cancelled_job_holds_nothing_of_what_it_worked_on(job_folder: Path) -> None:
    held: list[weakref.ref[np.ndarray]] = []

    def work(folder: Path, progress: Progress, cancel: CancelToken) -> None:
        pixels = np.zeros(10)
        held.append(weakref.ref(pixels))
        cancel.cancel()
        cancel.check()

    job = Job(work).start()
    wait_until(lambda: job.is_done and gc.collect() >= 0 and held[0]() is None)
    assert isinstance(job.error, Cancelled)


def test_a_job_that_breaks_says_why_and_leaves_no_folder(
    scene: Scene, recipe: Recipe, job_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> object:
        raise OSError("No space left on device")

    monkeypatch.setattr(pipeline, "run_full", breaks)
    job = FullJob(pipeline.fitted_to(scene, recipe)).start()
    wait_until(lambda: job.is_done)
    with pytest.raises(OSError, match="No space left"):
        job.result()
    assert list(job_folder.iterdir()) == []


def test_time_left_follows_the_pace(scene: Scene, recipe: Recipe) -> None:
    job = FullJob(pipeline.fitted_to(scene, recipe))
    assert job.seconds_left is None
    job.share, job.started = 0.25, time.perf_counter() - 10
    assert job.seconds_left == pytest.approx(30, rel=0.05)
    job.share = 1.0
    assert job.seconds_left == 0


def test_a_request_is_resolved_once(scene: Scene, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which grid, bands, indices and algorithm a recipe means is asked once, and handed on whole."""
    asked: Counter[str] = Counter()

    def counted(module: Any, name: str) -> None:
        before = getattr(module, name)

        def counting(*given: Any) -> Any:
            asked[name] += 1
            return before(*given)

        monkeypatch.setattr(module, name, counting)

    counted(indices, "available_indices")
    for name in ("find_algorithm", "chosen_indices", "_positions", "_grid"):
        counted(prepare, name)
    engine = LiveEngine()
    wanted = dataclasses.replace(recipe, indices=("NDVI",), smooth=3, atmosphere="dos1")
    answer = engine.submit(scene, wanted).result(PATIENCE_SECONDS)
    assert set(asked.values()) == {1}
    assert set(asked) == {"available_indices", "find_algorithm", "chosen_indices", "_positions", "_grid"}
    assert pipeline.run_live(answer.fitted).digest == answer.result.digest
    assert set(asked.values()) == {1}
