"""Values of embeddings as whole numbers of 16 bits, which take half the room of fractions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from s2dash.core import missions
from s2dash.core.legend import clean_name
from s2dash.errors import UnreadableFile

NEVER_MIXED = {
    "TESSERA_DATASET_VERSION": "versions",
    "TESSERA_DATASET_VARIANT": "variants",
    "TESSERA_YEAR": "years",
}
"""Tags of GeoTESSERA that have to agree."""
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


def of_length_one(vectors: np.ndarray, name: str, nodata: float | None = None) -> np.ndarray:
    """Vectors brought to length one, times `missions.CODES_SQUARED` and rounded: to 0.00003 at most.

    Parameters
    ----------
    vectors : fractions or 8-bit codes, shape (axes, rows, cols); a vector with a number that is not finite, or of
        length zero, becomes `NO_DATA`
    name : of the file
    nodata : what its numbers are where there is no data, if anything says so

    The angle between two is what it was, to 0.05 degrees with 128 axes.
    """
    made = np.empty(vectors.shape, dtype=np.int16)
    for row in range(vectors.shape[1]):
        # Row by row, as twice the digits of all would take much room.
        wide = vectors[:, row].astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            lengths = np.sqrt((wide * wide).sum(axis=0))
            known = np.isfinite(lengths) & (lengths > 0) & ~(wide == nodata).all(axis=0)
            wide *= missions.CODES_SQUARED / np.where(known, lengths, 1)
        made[:, row] = np.where(known, np.rint(wide), NO_DATA)
    return made


def require_one_version(tags: Sequence[Mapping[str, str]]) -> None:
    """Raises UnreadableFile where files, by their tags, are of several versions, variants or years of an embedding."""
    for tag, what in NEVER_MIXED.items():
        found = sorted({one.get(tag, "")[:20] for one in tags})
        if len(found) > 1:
            listed = ", ".join(clean_name(text) or "not said" for text in found)
            raise UnreadableFile(
                f"The files are of several {what} of the embedding ({listed}), "
                "whose vectors mean other things. Open one at a time."
            )
