"""Where two maps differ, as a picture of its own, at native resolution where theirs are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from s2dash.tiles.render import Detail, Picture


@dataclass(frozen=True, eq=False)
class DifferDetail:
    """What two details say of the same place, by a table; as `render.Detail`."""

    one: Detail
    other: Detail
    kinds: np.ndarray
    """Shape (values of the one, values of the other), uint8."""

    @property
    def nbytes(self) -> int:
        return self.one.nbytes + self.other.nbytes

    def tile(self, z: int, x: int, y: int, size: int) -> np.ndarray | None:
        one, other = self.one.tile(z, x, y, size), self.other.tile(z, x, y, size)
        return None if one is None or other is None else np.asarray(self.kinds[one, other])


def differ_picture(one: Picture, other: Picture, kinds: np.ndarray, colours: np.ndarray) -> Picture:
    """The picture of what two pictures of labels say of the same pixels.

    Parameters
    ----------
    kinds : what to show of each pair of labels, shape (labels of the one, labels of the other), uint8
    colours : RGBA of each of these, shape (256, 4), uint8
    """
    detail = None
    if one.detail is not None and other.detail is not None:
        detail = DifferDetail(one.detail, other.detail, kinds)
    return Picture(one.grid, kinds[one.pixels, other.pixels], colours, one.step, detail)
