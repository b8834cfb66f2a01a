"""Codes of embeddings as numbers: 8 bits that stand for values between -1 and 1."""

from __future__ import annotations

import numpy as np

from s2dash.core import missions
from s2dash.errors import UnreadableFile


def squared_codes(codes: np.ndarray, name: str) -> np.ndarray:
    """Codes v as v |v|, whole numbers that are the values times `missions.CODES_SQUARED`: nothing is rounded.

    Parameters
    ----------
    codes : int16, any shape
    name : of the file, for the error

    Raises UnreadableFile for numbers that are no codes.
    """
    if codes.size and (codes.min() < missions.CODE_NODATA or codes.max() > missions.MOST_CODE):
        raise UnreadableFile(
            f"{name} has whole numbers beyond {missions.CODE_NODATA} to {missions.MOST_CODE}, which are no codes of an "
            "AlphaEarth embedding. Export it as it is, or as fractions."
        )
    return codes * np.abs(codes)
