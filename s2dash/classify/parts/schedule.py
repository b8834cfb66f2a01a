"""Parts given to an executor's workers: waited for, taken over from an earlier run, called off, joined."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from s2dash.classify.parts.files import finished_parts, prepare_folder, remove_parts
from s2dash.classify.parts.job import Job, WindowFacts
from s2dash.classify.parts.worker import join_parts, label_part
from s2dash.core.types import CancelToken, Progress, no_progress
from s2dash.errors import ClusterLost

T = TypeVar("T")

_LOOK_SECONDS = 0.2
"""How often a run looks whether it should stop."""
_STOP_SECONDS, _CANCEL_SECONDS = 5.0, 0.4
"""How long parts that were under way may take to end, after an error and where somebody waits for the cancellation."""
_JOIN_SHARE = 0.05
"""Of a run's progress, for joining the parts."""


@runtime_checkable
class Cluster(Protocol):
    """What an executor of several machines offers on top."""

    def share(self, value: T) -> T:
        """Something to give to `submit` in place of the value, which then travels to each worker once."""
        ...

    def check(self) -> None:
        """Raise ClusterLost where nothing that was submitted will come back."""
        ...


def run(
    job: Job, labels_path: Path, executor: Executor, progress: Progress = no_progress, cancel: CancelToken | None = None
) -> list[WindowFacts]:
    """Label all parts on the executor's workers and join them at `labels_path`; returns what was counted.

    Parts that an earlier run of the same job left are taken over. The folder of parts goes at the end
    and on a cancellation; after an error it stays for the next run.

    Raises ClusterLost where the workers can no longer be reached, Cancelled, and what `label_part` and
    `join_parts` raise.
    """
    cancel = cancel or CancelToken()
    cancel.check()
    prepare_folder(job)
    done = finished_parts(job)
    made = {facts.part for facts in done}
    todo = [part for part in job.parts() if part not in made]
    total = len(done) + len(todo)
    try:
        shared = executor.share(job) if isinstance(executor, Cluster) else job
        futures = [executor.submit(label_part, shared, part) for part in todo]
        for facts in _results(futures, executor, cancel):
            done.append(facts)
            progress((1 - _JOIN_SHARE) * len(done) / total, "Grouping pixels")
        for joined in _results([executor.submit(join_parts, shared, done)], executor, cancel):
            os.replace(joined, labels_path)
    except ClusterLost as error:
        kept = len(finished_parts(job))
        raise ClusterLost(f"{error}. Run it again to go on from {kept} of {total} parts.") from error
    except BaseException:
        if cancel.is_cancelled:
            remove_parts(job.folder)
        raise
    remove_parts(job.folder)
    progress(1.0, "Grouping pixels")
    return [window for facts in done for window in facts.windows]


def result_of(future: Future[T], executor: Executor) -> T:
    """The result of one task; raises ClusterLost in good time, and what the task raises."""
    return next(_results([future], executor, CancelToken()))


def _results(futures: list[Future[T]], executor: Executor, cancel: CancelToken) -> Iterator[T]:
    """Results as they come; raises ClusterLost or Cancelled in good time, and then calls off what still waits."""
    waiting = set(futures)
    try:
        while waiting:
            finished, waiting = wait(waiting, _LOOK_SECONDS, FIRST_COMPLETED)
            cancel.check()
            for future in finished:
                try:
                    result = future.result()
                except (CancelledError, BrokenExecutor) as error:
                    raise ClusterLost("The workers were lost") from error
                yield result
            if isinstance(executor, Cluster):
                executor.check()
    finally:
        for future in waiting:
            future.cancel()
        wait(waiting, _CANCEL_SECONDS if cancel.is_cancelled else _STOP_SECONDS)
