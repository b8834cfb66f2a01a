"""Work that must not block a page: live results, of which only the newest request counts, and full-scene jobs.

Everything runs on threads of this process, whose inner loops (numpy, scikit-learn, GDAL) run outside
Python's lock; nothing here is a stranger's file any more.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import numpy as np

from s2dash.classify import cluster, parts, pipeline
from s2dash.classify.evaluate import Scores
from s2dash.classify.features import needed_positions, smoothed_preview, smooths_beyond_preview
from s2dash.classify.pipeline import Fitted
from s2dash.classify.sampling import Sample
from s2dash.core.classmap import Result
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Pixels, Scene
from s2dash.core.types import CancelToken, Progress, cancel_token, cancellable
from s2dash.raster import web
from s2dash.raster.reading import read_preview_stack
from s2dash.server import memory
from s2dash.settings import RUN_LIMITS, scheduler_address

T = TypeVar("T")

_HELD = ".held"
"""Ends the names of folders on which their process holds a lock."""
_STACKS_KEPT = 2
"""Of up to 27 MB for 13 bands; reading one again takes a tenth of a second at most."""
_FITS_AT_ONCE = 2
_MOST_GUESSES = 6
_QUIET_SECONDS = 0.3
"""Before a guess is worked on: the answer before it is still on its way to the map."""
_ANSWERS_KEPT = 12
"""Of up to 8 MB, where samples differ."""
_WATCH_SECONDS = 1.0
_SMOOTHED_KEPT = 2
"""Of up to 50 MB for 12 bands; making one again takes a pass over all pixels."""


class ScratchFolder:
    """A temporary folder that goes when nobody holds this any more, or earlier when it is removed.

    While it lives, this process holds a lock on it, which ends with the process however that ends: so another
    server can tell it from what a dead one has left.
    """

    def __init__(self, prefix: str) -> None:
        self.path, lock = _locked_folder(prefix)
        self._finalizer = weakref.finalize(self, _remove_locked, self.path, lock)
        _scratch_folders.add(self)

    def remove(self) -> None:
        """Remove the folder and all in it now."""
        self._finalizer()


_scratch_folders: weakref.WeakSet[ScratchFolder] = weakref.WeakSet()


def _locked_folder(prefix: str) -> tuple[Path, int | None]:
    """A new folder and the open lock on it; None where its file system knows no locks."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=prefix, suffix=_HELD))
        try:
            lock = _lock_of(path)
        except OSError:
            return path, None
        # Between its making and its locking, a server that begins may have taken it for a dead one's.
        if lock is not None and path.is_dir():
            return path, lock
        if lock is not None:
            os.close(lock)


def _lock_of(folder: Path) -> int | None:
    """The lock on a folder, open; None where another process holds it. Raises OSError where it cannot be locked."""
    handle = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0))
    try:
        import fcntl  # only where folders can be opened: not on Windows

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except BaseException:
        os.close(handle)
        raise
    return handle


def _remove_locked(folder: Path, lock: int | None) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if lock is not None:
        os.close(lock)


def remove_left_folders() -> tuple[Path, ...]:
    """Remove the scratch folders that processes left which have ended, and return them.

    Those of living ones stay, as do others' folders and all that this process may not lock.
    """
    removed = []
    for folder in Path(tempfile.gettempdir()).glob(f"s2dash-*{_HELD}"):
        try:
            lock = _lock_of(folder)
        except OSError:
            continue
        if lock is not None:
            _remove_locked(folder, lock)
            removed.append(folder)
    return tuple(removed)


def remove_scratch_folders() -> None:
    """Remove every scratch folder of this process: a server that is told to stop ends without finalizers."""
    for folder in list(_scratch_folders):
        folder.remove()
    for labels_path in _shared_labels:
        parts.remove_parts(parts.folder_of(labels_path))


@dataclass(frozen=True, eq=False)
class LiveAnswer:
    """A live result with the fit that made it."""

    result: Result
    fitted: Fitted
    seconds: float

    @cached_property
    def scores(self) -> Scores:
        """Scores of the fit; a tenth of a second, so asked for after the map is drawn, and once."""
        return pipeline.sample_scores(self.fitted)


class Cache(Generic[T]):
    """The last few values by key, safe to use from any thread; a value in the making is made once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[object, Future[T]] = OrderedDict()

    def known(self, key: object) -> T | None:
        """The value of the key where it is kept; None where it is not, or still being made."""
        with self._lock:
            future = self._kept.get(key)
            if future is None or not future.done() or future.exception() is not None:
                return None
            self._kept.move_to_end(key)
            return future.result()

    def has(self, key: object) -> bool:
        """Whether a value is kept or being made; not a sign of use."""
        with self._lock:
            return key in self._kept

    def drop(self, is_gone: Callable[[Any], bool]) -> None:
        """Forget the values of all keys of which this is true."""
        with self._lock:
            for key in [key for key in self._kept if is_gone(key)]:
                del self._kept[key]

    def get(self, key: object, make: Callable[[], T]) -> T:
        """The value of the key, made now where it is not kept; an error is raised and not kept."""
        with self._lock:
            future = self._kept.get(key)
            mine = future is None
            if future is None:
                future = self._kept[key] = Future()
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        if mine:
            try:
                future.set_result(make())
            except BaseException as error:  # noqa: BLE001 - handed to everyone who waits
                with self._lock:
                    self._kept.pop(key, None)
                future.set_exception(error)
        return future.result()


class LiveRequest(Future[LiveAnswer]):
    """A live result that has been asked for."""

    def __init__(
        self,
        engine: LiveEngine,
        key: object,
        make: Callable[[], LiveAnswer],
        session: _Session,
        is_wanted: Callable[[], bool],
    ) -> None:
        super().__init__()
        self.key = key
        self.make = make
        self.session = session
        self.is_wanted = is_wanted
        self._engine = engine

    @property
    def is_answered(self) -> bool:
        return self.done() and not self.cancelled() and self.exception() is None

    @property
    def others_before(self) -> int:
        """How many requests of other sessions are to be answered before this one's turn comes."""
        return self._engine.others_before(self)


class _Session:
    """Whose a request is, as long as any of its requests lives."""

    def __init__(self) -> None:
        self.sample: Sample | None = None
        """The last that it learnt from: a fit that is stopped leaves it to the next."""


def _is_of_gone_files(key: tuple[Any, ...]) -> bool:
    paths: tuple[Path, ...] = key[1]
    return not all(web.is_web(path) or path.exists() for path in paths)


@dataclass(frozen=True, eq=False)
class _Guess:
    """An answer that is likely to be asked for."""

    request: LiveRequest
    """That made it likely."""
    key: object
    make: Callable[[_Session], LiveAnswer]


class _Turn:
    """One fit that goes on, with all the requests that it answers; with none, as long as it is a guess."""

    def __init__(self, key: object, make: Callable[[], LiveAnswer]) -> None:
        self.key = key
        self.make = make
        self.requests: list[LiveRequest] = []
        self.cancel = CancelToken()
        self._left: set[_Session] = set()

    def gives(self, key: object) -> bool:
        """Whether it will bring the answer of this key."""
        return self.key == key and not self.cancel.is_cancelled

    def leave(self, session: _Session) -> None:
        """A session has asked for something else; where all have, the fit stops where it can."""
        self._left.add(session)
        if all(request.session in self._left for request in self.requests):
            self.cancel.cancel()


class LiveEngine:
    """Fits and labels live pictures for every session of this process.

    Fair to all: a session has one request at most, its newest, which keeps the place in the queue that the one
    before it had; and never two fits at once. What equal requests of several sessions ask for is made once.
    """

    def __init__(self, at_once: int = _FITS_AT_ONCE) -> None:
        self._at_once = at_once
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="s2dash-live")
        self._turns = threading.Lock()
        self._waiting: list[LiveRequest] = []
        self._running: dict[_Session, _Turn] = {}
        """By session."""
        self._guesses: list[_Guess] = []
        """What is likely to be asked next, the newest session's last."""
        self._guessed: _Turn | None = None
        """The guess that is being worked on."""
        self._stacks: Cache[np.ndarray] = Cache(_STACKS_KEPT)
        self._answers: Cache[LiveAnswer] = Cache(_ANSWERS_KEPT)
        self._smoothed: Cache[Pixels] = Cache(_SMOOTHED_KEPT)
        # Answers hold their samples: one that no answer holds any more goes.
        self._samples: weakref.WeakValueDictionary[object, Sample] = weakref.WeakValueDictionary()
        self._samples_lock = threading.Lock()

    def stack(self, scene: Scene) -> np.ndarray:
        """The scene's preview stack, read once."""
        return self._stacks.get((scene.digest, scene.paths), lambda: read_preview_stack(scene))

    def forget_gone(self) -> None:
        """Forget what was made of scenes whose files are no longer there, as their sessions have ended."""
        for cache in (self._stacks, self._answers, self._smoothed):
            cache.drop(_is_of_gone_files)

    def submit(
        self,
        scene: Scene,
        recipe: Recipe,
        before: LiveRequest | None = None,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> LiveRequest:
        """Ask for a live result; returns at once.

        Parameters
        ----------
        before : the last request of the same session, in whose place this one steps
        is_wanted : says, once its turn has come, whether anybody still waits for it
        """
        # With the path: an equal scene of another session lies in a folder that goes when that session ends.
        key = (scene.digest, scene.paths, recipe.to_json())
        if before is not None and before.key == key and before.is_answered:
            return before  # whatever the cache has dropped meanwhile
        session = _Session() if before is None else before.session
        request = LiveRequest(self, key, lambda: self._answer(scene, recipe, session), session, is_wanted)
        known = self._answers.known(key)
        with self._turns:
            running = self._running.get(session)
            if before is not None and running is not None and before in running.requests and running.gives(key):
                request = before
            elif running is not None:
                running.leave(session)
            older = next((one for one in self._waiting if one.session is session), None)
            if older is not None:
                older.cancel()
                self._waiting[self._waiting.index(older)] = request
            else:
                self._waiting.append(request)
            if known is not None or request is before:
                self._waiting.remove(request)
        if known is not None and request is not before:
            request.set_result(known)
        self._begin_next()
        return request

    def foresee(self, request: LiveRequest, scene: Scene, recipes: Sequence[Recipe]) -> None:
        """Make these answers too, the first first, while nobody waits for anything; returns at once.

        They are given up as soon as anybody asks for something else, and where nobody wants `request` any more.
        """
        guesses = [
            _Guess(request, (scene.digest, scene.paths, recipe.to_json()), partial(self._answer, scene, recipe))
            for recipe in recipes
        ]
        with self._turns:
            others = [guess for guess in self._guesses if guess.request.session is not request.session]
            self._guesses = [*others, *reversed(guesses)][-_MOST_GUESSES:]
        timer = threading.Timer(_QUIET_SECONDS, self._guess_next)
        timer.daemon = True
        timer.start()

    def _guess_next(self) -> None:
        with self._turns:
            if self._running or self._waiting or self._guessed is not None:
                return
            while self._guesses:
                guess = self._guesses.pop()
                if guess.request.is_wanted() and not self._answers.has(guess.key):
                    break
            else:
                return
            turn = _Turn(guess.key, partial(guess.make, guess.request.session))
            with suppress(RuntimeError):  # as the process ends, nothing can be begun any more
                self._pool.submit(self._run, turn)
                self._guessed = turn

    def others_before(self, request: LiveRequest) -> int:
        """As `LiveRequest.others_before`."""
        with self._turns:
            if request not in self._waiting:
                return 0
            turns = {turn for session, turn in self._running.items() if session is not request.session}
            return len(turns) + self._waiting.index(request)

    def _begin_next(self) -> None:
        """Let those begin whose turn has come."""
        with self._turns:
            for request in list(self._waiting):
                if self._take(request):
                    self._waiting.remove(request)

    def _take(self, request: LiveRequest) -> bool:
        """Whether a waiting request need wait no longer: it is begun, made together with another one, or unwanted."""
        if request.session in self._running:
            return False
        turns = set(self._running.values())
        if self._guessed is not None:
            if self._guessed.key == request.key:
                turns.add(self._guessed)
            else:
                self._guessed.cancel.cancel()
        same = next((turn for turn in turns if turn.key == request.key), None)
        if len(turns) >= self._at_once if same is None else same.cancel.is_cancelled:
            return False
        if not request.is_wanted():
            request.cancel()
            return True
        if not request.set_running_or_notify_cancel():
            return True
        turn = same or _Turn(request.key, request.make)
        turn.requests.append(request)
        self._running[request.session] = turn
        if same is None:
            self._pool.submit(self._run, turn)
        return True

    def _run(self, turn: _Turn) -> None:
        answer: LiveAnswer | None = None
        error: BaseException | None = None
        try:
            with cancellable(turn.cancel):
                answer = self._answers.get(turn.key, turn.make)
        except BaseException as caught:  # noqa: BLE001 - handed to everyone who waits
            error = caught
        with self._turns:
            if self._guessed is turn:
                self._guessed = None
            for request in turn.requests:
                self._running.pop(request.session, None)
        for request in turn.requests:
            if error is not None:
                request.set_exception(error)
            elif answer is not None:
                request.set_result(answer)
        self._begin_next()
        self._guess_next()

    def _answer(self, scene: Scene, recipe: Recipe, session: _Session) -> LiveAnswer:
        started = time.perf_counter()
        scene = pipeline.scene_for(scene, recipe)
        stack = self.stack(scene)
        session.sample = self._sample(scene, recipe, stack)
        cancel_token().check()
        fitted = pipeline.fit(scene, recipe, stack, session.sample)
        cancel_token().check()
        result = pipeline.run_live(fitted, stack, self._smoothed_preview(scene, recipe))
        memory.hand_back_soon()
        return LiveAnswer(result, fitted, time.perf_counter() - started)

    def _sample(self, scene: Scene, recipe: Recipe, stack: np.ndarray) -> Sample:
        """The recipe's sample; drawn once for all classes, scalings and algorithms that learn from the same pixels."""
        pipeline.check(scene, recipe)
        key = pipeline.sample_key(scene, recipe)
        with self._samples_lock:
            known = self._samples.get(key)
        if known is not None:
            return known
        drawn = pipeline.sample_of(scene, recipe, stack)
        with self._samples_lock:
            return self._samples.setdefault(key, drawn)

    def _smoothed_preview(self, scene: Scene, recipe: Recipe) -> Pixels | None:
        """The smoothed live picture where it takes a pass over the whole scene; made once for equal bands and mask."""
        if not smooths_beyond_preview(scene, recipe):
            return None
        key = (scene.digest, scene.paths, needed_positions(scene, recipe), recipe.masking)
        return self._smoothed.get(key, lambda: smoothed_preview(scene, recipe))


class Job(Generic[T]):
    """One piece of long work on a thread, with progress; its files live in a folder of its own until dropped."""

    def __init__(self, work: Callable[[Path, Progress, CancelToken], T], prefix: str = "s2dash-job-") -> None:
        self.share = 0.0
        self.what = ""
        """What is being done, in plain words."""
        self.started = time.perf_counter()
        self.folder = ScratchFolder(prefix)
        self.is_kept = False
        """Whether it goes on though nobody is looking."""
        self._work = work
        self._wanted_by: list[Callable[[], bool]] = []
        self._cancel = CancelToken()
        self._future: Future[T] = Future()

    def start(
        self, is_wanted: Callable[[], bool] | None = None, grace_seconds: float = RUN_LIMITS.grace_seconds
    ) -> Self:
        """Begin; returns the job. Where `is_wanted` has said no for so long, it is cancelled, unless it is kept."""
        self.started = time.perf_counter()
        threading.Thread(target=self._run, name="s2dash-job", daemon=True).start()
        if is_wanted is not None:
            self.go_on_while(is_wanted)
            threading.Thread(target=self._watch, args=(grace_seconds,), name="s2dash-watch", daemon=True).start()
        return self

    def go_on_while(self, is_wanted: Callable[[], bool]) -> None:
        """Somebody else wants it too: it goes on while any of them does."""
        self._wanted_by.append(is_wanted)

    def cancel(self) -> None:
        """Stop at the next look; nothing is left behind."""
        self._cancel.cancel()

    @property
    def is_cancelled(self) -> bool:
        """Whether it was asked to stop; it may still be on its way to do so."""
        return self._cancel.is_cancelled

    @property
    def is_done(self) -> bool:
        return self._future.done()

    def wait(self, seconds: float) -> bool:
        """Whether it is done within so many seconds."""
        return bool(wait([self._future], seconds).done)

    @property
    def seconds_left(self) -> float | None:
        """From the pace so far; None until there is one."""
        if self.share <= 0.01:
            return None
        return (time.perf_counter() - self.started) * (1 - self.share) / self.share

    @property
    def error(self) -> BaseException | None:
        """What stopped a finished job; None where it ended well."""
        return self._future.exception(timeout=0)

    def result(self) -> T:
        """What a finished job brought; raises what stopped it."""
        return self._future.result(timeout=0)

    def _run(self) -> None:
        try:
            self._future.set_result(self._work(self.folder.path, self._note, self._cancel))
        except BaseException as error:  # noqa: BLE001 - handed to who asks for the result
            self.folder.remove()
            self._future.set_exception(error)
        finally:
            memory.hand_back_soon()

    def _watch(self, grace_seconds: float) -> None:
        alone_since: float | None = None
        while not self.wait(min(_WATCH_SECONDS, grace_seconds)):
            now = time.monotonic()
            if self.is_kept or any(is_wanted() for is_wanted in self._wanted_by):
                alone_since = None
            elif alone_since is None:
                alone_since = now
            elif now - alone_since >= grace_seconds:
                self.cancel()
                return

    def _note(self, share: float, what: str) -> None:
        self.share, self.what = share, what


class FullJob(Job[Result]):
    """One run over all pixels of a scene."""

    def __init__(self, fitted: Fitted) -> None:
        super().__init__(self._label, "s2dash-full-")
        self.fitted = fitted

    def _label(self, folder: Path, progress: Progress, cancel: CancelToken) -> Result:
        labels_path = folder / "labels.tif"
        address = scheduler_address()
        if address is None:
            return pipeline.run_full(self.fitted, labels_path, progress, cancel)
        # Beside this job's folder, which goes if the cluster is lost: the next job finds the finished parts there.
        key = f"{self.fitted.scene.digest} {self.fitted.recipe.to_json()}"
        shared = folder.with_name(f"s2dash-full-{hashlib.sha256(key.encode()).hexdigest()[:16]}.tif")
        _shared_labels.add(shared)
        with _alone(shared, cancel), cluster.connected(address) as executor:
            try:
                result = pipeline.run_full(self.fitted, shared, progress, cancel, executor)
                os.replace(shared, labels_path)
            finally:
                shared.unlink(missing_ok=True)
        return replace(result, classmap=replace(result.classmap, path=labels_path))


_shared_labels: set[Path] = set()
"""Beside which parts of lost runs may lie until this process ends."""
_held: dict[Path, threading.Lock] = {}
_TURN_SECONDS = 0.2


@contextmanager
def _alone(path: Path, cancel: CancelToken) -> Iterator[None]:
    """Waits until no other job of this process works at the path, such as the same run in another session."""
    lock = _held.setdefault(path, threading.Lock())
    while not lock.acquire(timeout=_TURN_SECONDS):
        cancel.check()
    try:
        yield
    finally:
        lock.release()
