"""The Reference value: a map of other names for the same ground, brought to the live pictures of a scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from s2dash.core.grid import Grid

NO_CODE = -(2**31)
"""Stands among codes for pixels that the reference says nothing of."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Codes of a reference under the pixels of a scene's live pictures."""

    name: str
    """Of its file: text from outside."""
    digest: str
    codes: Mapping[Grid, np.ndarray]
    """For each of the scene's grids those under its live picture, shape (rows, cols), int32, read-only."""
    names: Mapping[int, str]
    """What its file itself calls codes, clean; empty for most."""

    @property
    def values(self) -> frozenset[int]:
        """All codes that occur."""
        return frozenset(int(v) for codes in self.codes.values() for v in np.unique(codes)) - {NO_CODE}
