"""How many threads the arithmetic inside a fit may use: one, whoever else is fitting at the same time.

Sums made by several threads round differently, so one thread is what makes a fit repeatable; and on
a shared machine libraries that each take every core slow each other down manyfold. Parallel work
is done around this, by threads of our own that each do a whole, independent piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

from s2dash.core.types import cancel_token
from s2dash.settings import thread_count

T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def single_threaded() -> Iterator[None]:
    """Hold BLAS and OpenMP to one thread for the block's calls from this thread; blocks may nest and overlap.

    OpenMP keeps its limit for each thread, BLAS one for the process: it is set to one and stays so. A
    block that restored what it had found would free BLAS under the others; and threadpoolctl lets only
    one thread at a time change it, and silently ignores the rest.
    """
    controller = _controller()
    if any(library.num_threads != 1 for library in controller.select(user_api="blas").lib_controllers):
        controller.limit(limits=1, user_api="blas")
    with controller.limit(limits=1, user_api="openmp"):
        yield


def side_by_side(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """`[work(item) for item in items]`, on as many threads as there are cores, each held to one inside.

    Raises Cancelled where this thread's work is to stop (`types.cancel_token`), between two items.
    """
    cancel = cancel_token()

    def one(item: T) -> R:
        cancel.check()
        with single_threaded():
            return work(item)

    with ThreadPoolExecutor(thread_count()) as pool:
        return list(pool.map(one, items))


@cache
def _controller() -> ThreadpoolController:
    """The thread pools of all libraries that fits use: loaded first, as one loaded later would go unlimited."""
    import sklearn.cluster  # noqa: F401

    return ThreadpoolController()
