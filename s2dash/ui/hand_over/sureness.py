"""How sure each pixel's class is, as the files of `Hand over` tell it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from s2dash.classify.sureness_file import write_sureness
from s2dash.core.classmap import Result
from s2dash.core.sureness import Sureness
from s2dash.core.types import Window
from s2dash.server.live_engine import LiveAnswer


def sureness_of(answer: LiveAnswer, result: Result) -> Sureness | None:
    """Of every pixel of a map; None of a large scene, whose live picture knows it of every n-th pixel."""
    if not result.is_full or answer.result.scene.live_step > 1:
        return None

    def read(window: Window) -> np.ndarray:
        return np.asarray(answer.sureness.percent[window.slices_rc])

    def write(out: Path) -> None:
        write_sureness(answer.fitted, result.classmap, answer.sureness.limits, out)

    return Sureness(read, write)
