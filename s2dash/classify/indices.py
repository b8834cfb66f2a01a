"""Spectral indices: which ones a scene has the bands for, and their values; the formulas are those of `spyndex`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from s2dash.core import sentinel2
from s2dash.core.scene import Band, Scene
from s2dash.errors import UnknownName

_CATALOGUE_NAMES = {
    "NDVI": "NDVI",
    "NDWI": "NDWI",
    "MNDWI": "MNDWI",
    "NDBI": "NDBI",
    "NDMI": "NDMI",
    "BSI": "BI",
    "NBR": "NBR",
    "NDSI": "NDSI",
    "NDREI": "NDREI",
}
"""Our names and those of the `spyndex` catalogue, which calls the bare soil index BI."""

INDEX_HELP: dict[str, str] = {
    "NDVI": "green plants",
    "NDWI": "open water",
    "MNDWI": "open water, steadier beside buildings",
    "NDBI": "buildings and bare ground",
    "NDMI": "moisture of plants",
    "BSI": "bare soil",
    "NBR": "burnt ground",
    "NDSI": "snow",
    "NDREI": "chlorophyll, from the red edge",
}
"""What each index rises with, in plain words."""


@dataclass(frozen=True)
class SpectralIndex:
    """An index on the bands of one scene."""

    name: str
    """`NDVI`, or with the bands' suffix (`NDVI_2018-04-19`)."""
    code: str
    """What the catalogue calls it."""
    formula: str
    """In the letters of the catalogue."""
    positions: tuple[tuple[str, int], ...]
    """Letter and position in the scene of each band of the formula."""


def available_indices(scene: Scene) -> dict[str, SpectralIndex]:
    """The indices that the scene has the bands for, by name, once for each suffix such as a date, and each mission.

    Where B08 is missing, B8A stands in for the near infrared.
    """
    import spyndex

    found: dict[str, SpectralIndex] = {}
    sets = dict.fromkeys((band.suffix, _mission(band)) for band in scene.bands if band.standard)
    for of_set, mission in sets:
        is_first = mission == next(other for suffix, other in sets if suffix == of_set)
        suffix = of_set if is_first else f"{of_set}_{mission}"
        letters: dict[str, int] = {}
        for position, band in enumerate(scene.bands):
            if band.standard and (band.suffix, _mission(band)) == (of_set, mission):
                code = sentinel2.BANDS[band.standard].spyndex_code
                if code:
                    letters[code] = position
        if "N" not in letters and "N2" in letters:
            letters["N"] = letters["N2"]
        for ours, theirs in _CATALOGUE_NAMES.items():
            entry = spyndex.indices[theirs]
            if all(letter in letters for letter in entry.bands):
                pairs = tuple((letter, letters[letter]) for letter in entry.bands)
                found[ours + suffix] = SpectralIndex(ours + suffix, theirs, entry.formula, pairs)
    return found


def _mission(band: Band) -> str:
    """Whose band it is: indices take all of theirs from one mission."""
    return band.own.mission if band.own is not None else ""


def chosen_indices(scene: Scene, names: Sequence[str]) -> tuple[SpectralIndex, ...]:
    """Indices by name; raises UnknownName where one does not exist or the scene lacks its bands."""
    if not names:
        return ()
    available = available_indices(scene)
    chosen = []
    for name in names:
        match = next((entry for key, entry in available.items() if key.lower() == name.lower()), None)
        if match is None:
            has = ", ".join(available) or "no index, as it lacks the bands"
            raise UnknownName(f"The index {name[:60]!r} is not possible on this scene. It offers {has}.")
        chosen.append(match)
    return tuple(chosen)


def index_values(scene: Scene, index: SpectralIndex, stored: np.ndarray) -> np.ndarray:
    """An index from stored bands in the order of `index.positions`, float32 in [-1, 1]; NaN where it is 0/0.

    Parameters
    ----------
    stored : ndarray of shape (bands of the index, ...), as stored

    The formula is the catalogue's (Montero et al., A standardized catalogue of spectral indices,
    Scientific Data 10, 2023), on reflectance.
    """
    import spyndex

    reflectance = scene.to_reflectance(stored, [p for _, p in index.positions]).astype(np.float64)
    letters = {letter: band for (letter, _), band in zip(index.positions, reflectance, strict=True)}
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.asarray(spyndex.computeIndex(index.code, params=letters), dtype=np.float64)
    return np.clip(values, -1, 1).astype(np.float32)
