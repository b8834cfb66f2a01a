"""Values of embeddings as whole numbers of 16 bits, which take half the room of fractions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from s2dash.core import missions
from s2dash.errors import UnreadableFile

Change = Callable[[np.ndarray, str], np.ndarray]
"""Makes them of what a file stores, shape (axes, rows, cols); given its name for errors."""
NO_DATA = -(missions.CODE_NODATA**2)
"""What stands for no data among them."""


def squared_codes(codes: np.ndarray, name: str) -> np.ndarray:
    """Codes v as v |v|, whole numbers that are the values times `missions.CODES_SQUARED`: nothing is rounded.

    Parameters
    ----------
    codes : int8 or int16, any shape
    name : of the file, for the error

    Raises UnreadableFile for numbers that are no codes.
    """
    if codes.size and (codes.min() < missions.CODE_NODATA or codes.max() > missions.MOST_CODE):
        raise UnreadableFile(
            f"{name} has whole numbers beyond {missions.CODE_NODATA} to {missions.MOST_CODE}, which are no codes of an "
            "AlphaEarth embedding. Export it as it is, or as fractions."
        )
    wide = codes.astype(np.int16)
    wide *= np.abs(wide)
    return wide


def of_length_one(vectors: np.ndarray, name: str) -> np.ndarray:
    """Vectors brought to length one, times `missions.CODES_SQUARED` and rounded: to 0.00003 at most.

    Parameters
    ----------
    vectors : floating point, shape (axes, rows, cols); a vector with a number that is not finite, or of length zero,
        becomes `NO_DATA`
    name : of the file

    The angle between two is what it was, to 0.05 degrees with 128 axes.
    """
    made = np.empty(vectors.shape, dtype=np.int16)
    for row in range(vectors.shape[1]):
        # Row by row, as twice the digits of all would take much room.
        wide = vectors[:, row].astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            lengths = np.sqrt((wide * wide).sum(axis=0))
            known = np.isfinite(lengths) & (lengths > 0)
            wide *= missions.CODES_SQUARED / np.where(known, lengths, 1)
        made[:, row] = np.where(known, np.rint(wide), NO_DATA)
    return made
