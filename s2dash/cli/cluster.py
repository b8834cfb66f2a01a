"""The Dask cluster that a command may hand windows of large scenes to."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from s2dash.errors import Cancelled

if TYPE_CHECKING:
    from concurrent.futures import Executor


def add_arguments(command: argparse.ArgumentParser, what: str) -> None:
    """The flag for a cluster, which labels `what` there."""
    command.add_argument("--scheduler", metavar="tcp://HOST:8786", help=f"label {what} on this Dask cluster")


@contextlib.contextmanager
def executor_of(arguments: argparse.Namespace) -> Iterator[Executor | None]:
    """The cluster that was asked for; None for this process's own threads."""
    if arguments.scheduler is None:
        yield None
        return
    from s2dash.classify.dask_cluster import connected

    with connected(arguments.scheduler) as executor:
        try:
            yield executor
        except KeyboardInterrupt:
            raise Cancelled("Stopped. Finished parts are kept: run it again to go on.") from None
