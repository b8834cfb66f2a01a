"""Where a scene looks like one of its pixels, as a picture in one colour, at native resolution where it is large."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from s2dash.classify.alike import SHARES, Alike, alike_to
from s2dash.classify.fitted import Fitted
from s2dash.core.scene import Pixels
from s2dash.core.types import frozen
from s2dash.tiles.details import ClassDetail
from s2dash.tiles.levels import levels_of
from s2dash.tiles.native import NativeTiles
from s2dash.tiles.render import Picture

_COLOUR = "#7a1fd1"
_OPACITIES = (1.0, 0.55, 0.28)
"""Of the steps, from the most alike."""
KEY = [
    {"colour": _COLOUR, "opacity": opacity, "share": share} for opacity, share in zip(_OPACITIES, SHARES, strict=True)
]
"""How each step looks, and what share of the scene is in it and those before."""


@dataclass(frozen=True, eq=False)
class AlikeDetail(ClassDetail):
    """Steps of likeness as they are looked at, from the features that classes are made of."""

    alike: Alike

    @property
    def _label_key(self) -> Hashable:
        return ("alike", self.digest, self.alike.at.tobytes())

    def _picked(self, kept: Any, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        return self.alike.steps(Pixels(kept.values[:, rows, cols], kept.valid[rows, cols]))


def alike_picture(native: NativeTiles, fitted: Fitted, digest: str, row: int, col: int) -> Picture | None:
    """The picture of what is like a pixel; `digest` is that of the live result. None where the pixel is masked."""
    with native.reader(fitted.scene) as reader:
        found = alike_to(fitted, reader, row, col)
    if found is None:
        return None
    alike, steps = found
    scene, levels = fitted.scene, levels_of(fitted.scene)
    detail = AlikeDetail(native, levels, alike.fitted, digest, alike) if levels else None
    return Picture(scene.grid.decimated(scene.live_step), steps, _colours(), scene.live_step, detail)


@cache
def _colours() -> np.ndarray:
    """RGBA of each step, shape (256, 4), uint8; transparent where there is none."""
    out = np.zeros((256, 4), dtype=np.uint8)
    for step, opacity in enumerate(_OPACITIES, 1):
        out[step] = (*bytes.fromhex(_COLOUR[1:]), round(255 * opacity))
    return frozen(out)
