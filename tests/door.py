"""The door for files without a process of its own, for tests of what is understood, not of how files are kept apart.

Starting and confining that process takes longer than reading most small files. It stays in tests of confinement, of
damage, of hostile files, of containers and of the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from s2dash.core.types import CancelToken, Progress
from s2dash.errors import S2DashError, UnknownName, UnreadableFile
from s2dash.ingest import child, process
from s2dash.settings import GDAL_ENVIRONMENT

OnLook = Callable[[dict[str, Any]], None]
Serve = Callable[[Mapping[str, Any], Path, Progress, CancelToken, OnLook], dict[str, Any]]


def serving_here(patch: pytest.MonkeyPatch) -> Serve:
    """What serves a request as `ingest.process.run_child` does, in this process."""

    def serve(
        request: Mapping[str, Any],
        folder: Path,
        progress: Progress,
        cancel: CancelToken,
        on_look: OnLook = lambda look: None,
    ) -> dict[str, Any]:
        outcome: dict[str, Any] = {}

        def hear(**message: Any) -> None:
            if "progress" in message:
                progress(message["progress"], message["what"])
            elif "look" in message:
                on_look(message["look"])
            else:
                outcome.update(message)

        with patch.context() as inner:
            inner.setattr(child, "_say", hear)
            for name, value in GDAL_ENVIRONMENT.items():
                inner.setenv(name, value)
            child.serve(dict(request), folder)
        cancel.check()
        if "error" in outcome:
            kind: type[S2DashError] = UnknownName if outcome["kind"] == "name" else UnreadableFile
            raise kind(outcome["error"])
        return dict(outcome["outcome"])

    return serve


@pytest.fixture
def door_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are opened in the test's own process."""
    monkeypatch.setattr(process, "run_child", serving_here(monkeypatch))
