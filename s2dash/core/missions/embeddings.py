"""Yearly embeddings: vectors that a network made of a year of pictures, how files of them are known, and their numbers.

A pixel's vector means something by its direction: where two point alike, the ground was alike all year. Sources:
Brown et al., AlphaEarth Foundations, 2025 (arXiv:2507.22291); the catalogue entry of the Satellite Embedding dataset;
Feng et al., TESSERA, 2025 (arXiv:2506.20380); GeoTESSERA, which writes its files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from s2dash.core.missions.values import Mission

_AXES = tuple(f"A{n:02}" for n in range(64))
ALPHAEARTH = Mission(
    "alphaearth",
    "AlphaEarth embedding",
    "The AlphaEarth Foundations Satellite Embedding dataset is produced by Google and Google DeepMind (CC BY 4.0)",
    orders={64: _AXES},
    is_embedding=True,
)
TESSERA = Mission(
    "tessera",
    "TESSERA embedding",
    "TESSERA embeddings by the University of Cambridge (Feng et al. 2025, arXiv:2506.20380)",
    is_embedding=True,
)
TESSERA_AXES = 128
_TESSERA_NAME = re.compile(r"TESSERA_BAND_(\d{1,3})")
ALPHAEARTH_PICTURE = ("A01", "A16", "A09")
"""Shown as red, green and blue, from minus to plus `PICTURE_REACH`, as its publishers do."""
PICTURE_REACH = 0.3
CODE_NODATA, MOST_CODE = -128, 127
CODES_SQUARED = 127.5**2
"""Of 8-bit codes v the value is sign(v) (v / 127.5)^2, so that v |v|, a whole number, is the value times this."""
_WORDS = re.compile(r"alpha[ _-]?earth|satellite[ _-]?embedding", re.IGNORECASE)


def embedding_of(
    texts: Sequence[str], dtypes: Sequence[str], nodata: Sequence[float | None], words: str = ""
) -> Mission | None:
    """Whose embedding a file is; None for anything else.

    Parameters
    ----------
    texts : what the file calls its bands, empty where it says nothing
    dtypes, nodata : of each band
    words : names and titles, which may speak of it
    """
    if not texts:
        return None
    names = [text.strip().upper() for text in texts]
    numbers = [int(found[1]) for name in names if (found := _TESSERA_NAME.fullmatch(name))]
    if len(numbers) == len(names) == len(set(numbers)):
        return TESSERA
    is_told = bool(_WORDS.search(words))
    if len(set(names)) == len(names) and set(names) <= set(_AXES):
        return ALPHAEARTH if len(names) == len(_AXES) or is_told else None
    is_coded = set(dtypes) == {"int8"} and (is_told or set(nodata) == {float(CODE_NODATA)})
    return ALPHAEARTH if not any(names) and len(names) == len(_AXES) and is_coded else None
