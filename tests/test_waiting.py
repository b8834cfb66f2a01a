"""No test may depend on how busy the machine is: it waits for states, with a patience that nothing reaches."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import waiting
from waiting import wait_until

TESTS = Path(__file__).resolve().parent
CLOCKS = re.compile(r"(?:monotonic|perf_counter|time\.time)\(\)[^<\n]*< *[\d.]")
"""A bound on what the wall's clock says. What bounds work counts `time.process_time`."""
SHORT_WAITS = re.compile(r"\b(?:wait|join)\(\d+\)|default_timeout=\d")


def test_sees_what_comes_late() -> None:
    looks = iter([None, 0, "", "there"])
    pauses: list[float] = []
    assert wait_until(lambda: next(looks), pauses.append) == "there"
    assert len(pauses) == 3


def test_says_what_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", 0)
    with pytest.raises(AssertionError, match="did not come within 0 s"):
        wait_until(lambda: False)


@pytest.mark.parametrize("path", sorted(TESTS.rglob("*.py")), ids=lambda path: path.relative_to(TESTS).as_posix())
def test_no_test_holds_the_machine_to_a_time(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines() if path.name != Path(__file__).name else []
    held = [line for line in lines if CLOCKS.search(line) or SHORT_WAITS.search(line)]
    assert held == []
