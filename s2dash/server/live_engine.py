"""Live results: fits and labels for every session of this process, of which only each one's newest request counts.

Everything runs on threads of this process, whose inner loops (numpy, scikit-learn, GDAL) run outside
Python's lock; nothing here is a stranger's file any more.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np

from s2dash.classify import pipeline
from s2dash.classify.learn import learnt_with_sample
from s2dash.classify.prepare import Prepared, prepare
from s2dash.classify.sampling import Sample
from s2dash.classify.space import FeatureSpace
from s2dash.core.byte_cache import ByteCache, Held, held_by_arrays
from s2dash.core.edits import ClassEdits
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Pixels, Scene
from s2dash.core.types import CancelToken, cancel_token, cancellable
from s2dash.raster.reading import read_preview_stack
from s2dash.server import memory
from s2dash.server.live_answer import LiveAnswer, after_steps
from s2dash.server.live_keys import Key, held_of_pixels, held_of_space, is_of_gone_files
from s2dash.settings import LIVE_LIMITS, LiveLimits

__all__ = ["LiveAnswer", "LiveEngine", "LiveRequest"]

T = TypeVar("T")
_STAYED_SECONDS = 1.0
"""An answer that is looked at for so long is worth its scores."""


class LiveRequest(Future[LiveAnswer]):
    """A live result that has been asked for."""

    def __init__(
        self,
        engine: LiveEngine,
        key: Key,
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
    def first_look(self) -> LiveAnswer | None:
        """What can be shown until its answer comes: the same recipe without smoothing; None where nothing can yet.

        Only a large scene, whose pixels all have to be read for smoothing that keeps edges, gives one.
        """
        return None if self.done() else self._engine.first_look(self.key)

    @property
    def others_before(self) -> int:
        """How many requests of other sessions are to be answered before this one's turn comes."""
        return self._engine.others_before(self)


class _Session:
    """Whose a request is, as long as any of its requests lives."""

    def __init__(self) -> None:
        self.newest: Key | None = None
        """Of what it asked for last."""
        self.sample: Sample | None = None
        """The last that it learnt from: a fit that is stopped leaves it to the next."""


def _held_of_answer(answer: LiveAnswer) -> Held:
    sample, fitted = answer.fitted.sample, answer.fitted
    return held_by_arrays(answer.result.classmap.labels, sample.raw, sample.bands, fitted.sample_labels)


@dataclass(frozen=True, eq=False)
class _Guess:
    """An answer that is likely to be asked for."""

    request: LiveRequest
    """That made it likely."""
    key: Key
    make: Callable[[_Session], LiveAnswer]


class _Turn:
    """One fit that goes on, with all the requests that it answers; with none, as long as it is a guess."""

    def __init__(self, key: Key, make: Callable[[], LiveAnswer]) -> None:
        self.key = key
        self.make = make
        self.requests: list[LiveRequest] = []
        self.cancel = CancelToken()
        self._left: set[_Session] = set()

    def gives(self, key: Key) -> bool:
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

    def __init__(self, limits: LiveLimits = LIVE_LIMITS) -> None:
        self._limits = limits
        self._pool = ThreadPoolExecutor(limits.most_fits, thread_name_prefix="s2dash-live")
        self._turns = threading.Lock()
        self._waiting: list[LiveRequest] = []
        self._running: dict[_Session, _Turn] = {}
        """By session."""
        self._guesses: list[_Guess] = []
        """What is likely to be asked next, the newest session's last."""
        self._guessed: _Turn | None = None
        """The guess that is being worked on."""
        self._stacks: ByteCache[Key, np.ndarray] = ByteCache(limits.most_stack_bytes)
        self._answers: ByteCache[Key, LiveAnswer] = ByteCache(limits.most_answer_bytes, _held_of_answer)
        self._smoothed: ByteCache[Key, Pixels] = ByteCache(limits.most_smoothed_bytes, held_of_pixels)
        self._nearest: ByteCache[Key, np.ndarray] = ByteCache(limits.most_nearest_bytes)
        self._spaces: ByteCache[Key, FeatureSpace] = ByteCache(limits.most_space_bytes, held_of_space)
        # Answers hold their samples: one that no answer holds any more goes.
        self._samples: weakref.WeakValueDictionary[object, Sample] = weakref.WeakValueDictionary()
        self._samples_lock = threading.Lock()
        self._first_looks: dict[Key, LiveAnswer] = {}
        """By the keys of what is being made."""

    @property
    def is_busy(self) -> bool:
        """Whether anybody waits for a result now."""
        with self._turns:
            return bool(self._running or self._waiting)

    def stack(self, scene: Scene) -> np.ndarray:
        """The scene's preview stack, read once."""
        return self._stacks.get((scene.digest, scene.locations), lambda: read_preview_stack(scene))

    def forget_gone(self) -> None:
        """Forget what was made of scenes whose files are no longer there, as their sessions have ended."""
        self._stacks.drop(is_of_gone_files)
        self._answers.drop(is_of_gone_files)
        self._smoothed.drop(is_of_gone_files)
        self._nearest.drop(is_of_gone_files)
        self._spaces.drop(is_of_gone_files)

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
        key = (scene.digest, scene.locations, recipe.to_json())
        if before is not None and before.key == key and before.is_answered:
            return before  # whatever the cache has dropped meanwhile
        session = _Session() if before is None else before.session
        request = LiveRequest(self, key, lambda: self._answer(scene, recipe, session), session, is_wanted)
        known = self._answers.known(key)
        with self._turns:
            session.newest = key
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

    def edited(self, answer: LiveAnswer, edits: ClassEdits) -> LiveAnswer:
        """The answer with its labels after the steps of edits: nothing is fitted but the parts of a split class.

        Raises as `pipeline.edited`.
        """
        answer = answer.unedited
        if not edits.steps:
            return answer
        result, steps = answer.result, ClassEdits(steps=edits.steps)
        key = (result.scene.digest, result.scene.locations, result.recipe.to_json(), steps.to_json())
        return self._answers.get(key, lambda: after_steps(answer, steps))

    def foresee(self, request: LiveRequest, scene: Scene, recipes: Sequence[Recipe]) -> None:
        """Make these answers too, the first first, while nobody waits for anything; returns at once.

        They are given up as soon as anybody asks for something else, and where nobody wants `request` any more.
        """
        guesses = [
            _Guess(request, (scene.digest, scene.locations, recipe.to_json()), partial(self._answer, scene, recipe))
            for recipe in recipes
        ]
        with self._turns:
            others = [guess for guess in self._guesses if guess.request.session is not request.session]
            newest = [*others, *reversed(guesses)]
            self._guesses = newest[max(0, len(newest) - self._limits.most_guesses) :]
        timer = threading.Timer(self._limits.quiet_seconds, self._guess_next)
        timer.daemon = True
        timer.start()

    def score_soon(self, request: LiveRequest, answer: LiveAnswer) -> None:
        """Score an answer on a thread once its session has stayed with it, where nobody waits; returns at once."""

        def score() -> None:
            with self._turns:
                is_quiet = not (self._running or self._waiting)
            if is_quiet and request.key == request.session.newest and request.is_wanted():
                answer.scores  # noqa: B018 - it is kept with the answer

        timer = threading.Timer(_STAYED_SECONDS, score)
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

    def first_look(self, key: Key) -> LiveAnswer | None:
        """As `LiveRequest.first_look`."""
        return self._first_looks.get(key)

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
        if len(turns) >= self._limits.most_fits if same is None else same.cancel.is_cancelled:
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
        self._first_looks.pop(turn.key, None)
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
        prepared = prepare(scene, recipe, self._keep)
        if recipe.keeps_edges and prepared.scene.live_step > 1:
            self._look_first(scene, prepared, session)
        prepared, session.sample = learnt_with_sample(prepared)
        cancel_token().check()
        fitted = pipeline.fit(prepared)
        cancel_token().check()
        result = pipeline.run_live(fitted)
        memory.hand_back_soon()
        return LiveAnswer(result, fitted, time.perf_counter() - started)

    def _look_first(self, scene: Scene, prepared: Prepared, session: _Session) -> None:
        """Make what can be shown until all pixels have been smoothed, where they have not."""
        space = self._spaces.known(prepared.space_key)
        if space is not None and self._smoothed.has(replace(prepared, pointwise=space).features_key):
            return
        recipe = replace(prepared.recipe, smooth=0)
        key, plain_key = ((scene.digest, scene.locations, one.to_json()) for one in (prepared.recipe, recipe))
        self._first_looks[key] = self._answers.get(plain_key, lambda: self._answer(scene, recipe, session))
        cancel_token().check()

    def _keep(self, what: str, key: Any, make: Callable[[], T], /) -> T:
        """A `prepare.Keep` for all sessions together."""
        kept: dict[str, Callable[[Any, Callable[[], Any]], Any]] = {
            "stack": self._stacks.get,
            "smoothed": self._smoothed.get,
            "sample": self._sample,
            "nearest": self._nearest.get,
            "space": self._spaces.get,
        }
        found: T = kept[what](key, make)
        return found

    def _sample(self, key: object, draw: Callable[[], Sample]) -> Sample:
        """A sample; drawn once for all classes, scalings and algorithms that learn from the same pixels."""
        with self._samples_lock:
            known = self._samples.get(key)
        if known is not None:
            return known
        drawn = draw()
        with self._samples_lock:
            return self._samples.setdefault(key, drawn)
