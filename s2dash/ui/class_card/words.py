"""What a class card says of its class in sentences: patches, borders, and what would split it next. Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from s2dash.classify.class_facts import ClassPatches, difference
from s2dash.classify.clean_up import pixel_ha
from s2dash.core.classmap import ClassRow, Result
from s2dash.core.grid import Grid
from s2dash.core.scene import Scene
from s2dash.ui import text

_MOST_NEIGHBOURS = 3
_LEAST_SHARE = 0.03
"""A neighbour below this share of the border is not named, but for the first."""
_MORE_AND_LESS = {"green": ("greener", "less green"), "wet": ("wetter", "drier"), "bright": ("brighter", "darker")}


def patches_words(patches: ClassPatches, live: Grid) -> str:
    """How many patches there are, and how large; `live` is the grid of the live picture, whose pixels they count."""
    if patches.count == 1:
        return _kept_together(f"Lies in **one patch** of {_size(patches.largest, live)}.")
    half = f"Half of its area is in patches of {_size(patches.half_below, live)} or less."
    if 2 * patches.largest > patches.pixels:
        half = "More than half of its area is in that one."
    return _kept_together(
        f"Lies in **{text.number(patches.count)} patches**; the largest is {_size(patches.largest, live)}. {half}"
    )


def borders_words(shares: Mapping[int, float], names: Mapping[int, str]) -> str:
    """Which classes it borders on, the longest border first; `names` by class number, any text."""
    if not shares:
        return "Borders on no other class."
    named = [(n, part) for n, part in shares.items() if part >= min(_LEAST_SHARE, max(shares.values()))]
    each = (
        f"{text.plain(names[n])} ({text.number(100 * part)}\N{NO-BREAK SPACE}%)" for n, part in named[:_MOST_NEIGHBOURS]
    )
    return f"Borders on {', '.join(each)}."


def split_words(split: Result, numbers: tuple[int, int]) -> str | None:
    """Into what a class splits next; `numbers` are those of its two parts in the map after the split.

    None where a part has no pixel in the live picture, or nothing is known of how they differ.
    """
    rows = {row.id: row for row in split.rows}
    if not all(number in rows for number in numbers):
        return None
    one, other = (rows[number] for number in numbers)
    found = difference(split.scene, np.array([one.mean_reflectance, other.mean_reflectance]))
    if found is None or not one.count + other.count:
        return None
    if split.scene.is_embedding:
        return _kept_together(f"Splits next into two parts ({_share(one, other)} and {_share(other, one)}).")
    more, less = (one, other) if found.more == 0 else (other, one)
    shares = [_share(more, less), _share(less, more)]
    words = _MORE_AND_LESS[found.kind]
    means = " and ".join(f"{text.number(100 * part.mean_reflectance[found.band], 1)} %" for part in (more, less))
    return _kept_together(
        f"Splits next into a **{words[0]}** part ({shares[0]}) and a **{words[1]}** one ({shares[1]}). "
        f"They differ most in {_light(split.scene, found.band)}: {means} reflected."
    )


def _share(part: ClassRow, other: ClassRow) -> str:
    return f"{text.number(100 * part.count / (part.count + other.count))} %"


def _kept_together(words: str) -> str:
    """The words with every number beside its unit, also where a line ends."""
    return re.sub(r"(?<=\d) (?=%|ha\b|km²|pixels)", "\N{NO-BREAK SPACE}", words)


def _light(scene: Scene, position: int) -> str:
    band = scene.bands[position]
    return text.plain(f"{band.common_name} ({band.name})" if band.common_name else band.name)


def _size(count: int, grid: Grid) -> str:
    area_ha = pixel_ha(grid)
    return text.pixels(count) if area_ha is None else text.area(count * area_ha)
