"""The ingest process that tests fork is the one that is started outside of them: as confined, the same answers."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from forked_door import FORKS, ended
from scenes import write_scene

from s2dash import ingest
from s2dash.core.types import CancelToken
from s2dash.errors import Cancelled, UnreadableFile
from s2dash.ingest import process

pytestmark = pytest.mark.skipif(not FORKS, reason="this system cannot fork it")


def answers(path: Path, folder: Path, caplog: pytest.LogCaptureFixture) -> tuple[str, str]:
    """What a scene is, and what the log says of its process."""
    process._said.clear()
    caplog.clear()
    with caplog.at_level(logging.INFO, process.__name__):
        digest = ingest.ingest(path, folder).digest
    return digest, "\n".join(caplog.messages)


def test_it_answers_and_is_confined_as_the_one_that_is_started(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> None:
    path = write_scene(tmp_path / "scene.tif", (30, 40), ("B02", "B03", "B04"))
    before = len(ended)
    forked = answers(path, tmp_path / "forked", caplog)
    assert len(ended) == before + 1
    request.getfixturevalue("ingest_is_started")
    assert answers(path, tmp_path / "started", caplog) == forked
    assert len(ended) == before + 1
    assert "ingest process:" in forked[1]


def test_it_ends_when_it_is_told_to(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "scene.tif", (30, 40), ("B02", "B03", "B04"))
    cancel = CancelToken()
    cancel.cancel()
    before = len(ended)
    with pytest.raises(Cancelled):
        ingest.ingest(path, tmp_path / "out", cancel=cancel)
    assert len(ended) == before + 1


def test_a_refusal_is_a_status(tmp_path: Path) -> None:
    path = tmp_path / "bad.tif"
    path.write_bytes(b"II*\0" + bytes(500))
    with pytest.raises(UnreadableFile, match=r"^bad\.tif"):
        ingest.ingest(path, tmp_path / "out")
    assert ended[-1].status != 0
