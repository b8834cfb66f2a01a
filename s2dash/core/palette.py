"""Colours for classes: by the character of their mean reflectance, or from palettes people know.

A colour is a hint, not a name: blues look like water, greens like plants, browns like bare ground,
pale like sand or cloud. The colours were chosen to stay apart for colour-blind readers too.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache

import numpy as np

from s2dash.core import sight
from s2dash.core.band_means import BandMeans, band_means
from s2dash.errors import UnknownName

PALETTES: dict[str, str] = {
    "character": "By character: water blue, plants green …",
    "true-colour": "As the eye would see each class",
    "tab20": "Strong and unlike (tab20)",
    "hsv": "Rainbow (hsv)",
}
"""Ways to colour classes, with their labels."""

PALETTES_OF_EMBEDDINGS: dict[str, str] = {
    "character": "Unlike, the largest class first",
    "tab20": PALETTES["tab20"],
    "hsv": PALETTES["hsv"],
}
"""The same for classes that are of no light."""

FAMILY_WORDS: dict[str, str] = {
    "dark": "Dark or wet, such as shade, marsh or mud",
    "water": "Looks like water",
    "vegetation": "Looks like plants",
    "bright": "Bright, such as sand, cloud, snow or roofs",
    "bare": "Looks like bare ground",
    "other": "Of mixed character",
}
"""What each family looks like, as a hint."""

_FAMILY_COLOURS: dict[str, tuple[str, ...]] = {
    "water": ("#3479c7", "#77dafd", "#4ba1ed", "#043785", "#2a5aab", "#8bb2d9"),
    "vegetation": ("#557d5a", "#b9ea85", "#8fb57d", "#a9bd4b", "#7d997f", "#3f6c4e"),
    "bare": ("#b68535", "#5d3826", "#884800", "#c8975d", "#683103", "#9a6a11"),
    "bright": ("#f9eed0", "#c7c3c1", "#f1eeeb"),
    "dark": ("#4f557a", "#1a1434", "#393644"),
    "other": ("#8f7d86", "#c4a7ba", "#6c5b62", "#b084ae", "#946a92", "#ad989c", "#7a6d79"),
}
"""Where few classes are of a family: its plainest colours first."""

_WIDE_FAMILY_COLOURS: dict[str, tuple[str, ...]] = {
    "water": (
        *("#000d4f", "#214149", "#1e45a4", "#51727b", "#4e7bdf", "#84a7b0", "#75bcff", "#c6eaf4"),
        *("#05262e", "#011877", "#34545c", "#1656a4", "#5b7c85", "#4381d2", "#03185a", "#2b4b53", "#506284"),
        *("#2a75d1", "#658790", "#579dcd", "#8fb2bb", "#5bd1fa", "#3e5e66", "#7a9ca5", "#b6eefd", "#5bb1fe"),
    ),
    "vegetation": (
        *("#143026", "#46490b", "#4b695d", "#787c10", "#709679", "#adb33c", "#b4d5c7", "#e5f9ad"),
        *("#374106", "#6d7123", "#749386", "#989d1d", "#b0bc91", "#d6f8e9", "#f1f884", "#242e18", "#354e03"),
        *("#38564a", "#637510", "#5f7e71", "#7d945f", "#89a89b", "#a2cfa0", "#446401"),
    ),
    "bare": ("#2b1538", "#5f3d50", "#6b3a26", "#985800", "#b87266", "#cca235", "#e4d9a0", "#faf6ef"),
}
"""Where a family has six classes or more, or its plain colours lie too near to those of others: as far apart as the
family goes. The first eight go best together."""

_WIDE_FROM = 6
_MOST_APART = 32

_NEUTRALS = (
    *("#faf6ef", "#1a1434", "#8f7d86", "#c4a7ba", "#5f3d50", "#b68535", "#e4d9a0", "#884800", "#6c5b62", "#c7c3c1"),
    *("#4f557a", "#b084ae", "#2b1538", "#946a92", "#6b3a26", "#cca235", "#b87266", "#ad989c", "#393644", "#5d3826"),
    *("#f9eed0", "#f1eeeb", "#7a6d79", "#c8975d", "#000000", "#ffffff", "#7a2a62", "#dcc8e6", "#a03c3c", "#e08a5a"),
    *("#f0b49a", "#d9c07a", "#5a2a10", "#8a1538", "#c04a78", "#f4c8d8", "#6a3a8a", "#a884d0", "#e6a8d8", "#3a1a5a"),
)
"""For classes beyond their family's colours: never blue or green, which would claim a meaning."""

_UNLIKE = ("#749386", "#4f557a", "#b9ea85", "#884800", "#77dafd", "#989d1d", "#4e7bdf", "#b4d5c7")
"""For classes of which nothing is known but that they differ: 18 apart in every sight, the quieter first."""

_APART = (14.0, 13.0, 12.0, 11.0, 10.2, 9.6, 8.5, 7.5, 6.8, 6.1)
"""CIEDE2000 that colours are to lie apart in every sight, tried in turn."""
_BORROWED_BELOW = 13.0
"""From here on colours that claim nothing stand in for those of a family."""

_RAMP = (
    *("#00001c", "#05155c", "#1a37aa", "#4e6bc1", "#777e95", "#87837d", "#9b8758", "#c19b13", "#f7d01e", "#fff0af"),
    "#fffff0",
)
_FINE_RAMP = (
    *("#00001c", "#000233", "#030a5a", "#0b1987", "#1528b8", "#304ec0", "#5a6ba4", "#707694", "#7e7c86", "#857f7b"),
    *("#8e826d", "#998559", "#a78839", "#bd9713", "#d7b018", "#f3cd1e", "#ffe478", "#fff0ad", "#fff8d3", "#fffff0"),
)
"""From dark to bright classes without near infrared: as cividis runs, with its steps apart in every sight."""

_VISIBLE_GAIN = 2.5
"""Reflectance times this is the brightness of a true colour, as pictures of land are usually shown."""


def class_colours(
    mean_reflectance: np.ndarray,
    standard_names: Sequence[str | None],
    palette: str = "character",
    areas: np.ndarray | None = None,
) -> tuple[str, ...]:
    """One colour for each class, `#rrggbb`, all different.

    Parameters
    ----------
    mean_reflectance : ndarray of shape (k, bands), reflectance; NaN where unknown
    standard_names : the Sentinel-2 band of each column; None where unknown
    palette : a key of `PALETTES`
    areas : ndarray of shape (k,), of any unit; where it is given, means are no light, and what goes by light goes by
        area, the largest class first

    Raises UnknownName for another palette.
    """
    if palette not in PALETTES:
        raise UnknownName(f"There are no colours {palette[:60]!r}. There are {', '.join(PALETTES)}.")
    if areas is not None and palette in ("character", "true-colour"):
        return _by_area(areas)
    bands = band_means(mean_reflectance, standard_names)
    if palette == "character" and bands.infrared is not None:
        return _by_character(bands)
    if palette == "true-colour":
        return _distinct(_true_colours(bands))
    if palette == "character":
        return _dark_to_bright(bands)
    return _distinct(_from_colormap(bands, palette))


def carried_colours(
    kept: Mapping[int, str],
    mean_reflectance: np.ndarray,
    standard_names: Sequence[str | None],
    palette: str = "character",
    areas: np.ndarray | None = None,
) -> tuple[str, ...]:
    """One colour for each class, all different: those that are kept, and for others one far from all in use.

    Parameters
    ----------
    kept : colours (`#rrggbb`) by class number, from 1
    mean_reflectance, standard_names, palette, areas : as for `class_colours`

    A colour by character comes from the class's own family as long as that goes, then from those that claim nothing.
    """
    fresh = class_colours(mean_reflectance, standard_names, palette, areas)
    if not kept:
        return fresh
    used = list(kept.values())
    of_family = families(mean_reflectance, standard_names)
    out = []
    for number, own in enumerate(fresh, 1):
        if number not in kept:
            family = of_family[number - 1] if palette == "character" else "other"
            plain = (*_FAMILY_COLOURS[family], *_WIDE_FAMILY_COLOURS.get(family, ())) if areas is None else _UNLIKE
            used.append(_far_from(used, own, plain))
        out.append(kept.get(number, used[-1]))
    return tuple(out)


def _far_from(used: Sequence[str], own: str, others: Sequence[str]) -> str:
    """The colour for a new class: the first of its own that lies far from those in use, else the farthest of all."""
    plain = (own, *others)
    candidates = tuple(dict.fromkeys((*plain, *_NEUTRALS)))
    nearest = sight.least_differences(candidates, used).min(axis=1)
    for apart in _APART:
        count = len(candidates) if apart < _BORROWED_BELOW else len(set(plain))
        far = np.flatnonzero(nearest[:count] >= apart)
        if far.size:
            return candidates[int(far[0])]
    farthest = candidates[int(nearest.argmax())]
    return farthest if farthest not in used else next(_spare_colours(set(used)))


def tells_character(palette: str, standard_names: Sequence[str | None]) -> bool:
    """Whether colours of this palette hint at what a class is: by character, with near infrared to tell it from."""
    return palette == "character" and bool({"B08", "B8A"} & set(standard_names))


def families(mean_reflectance: np.ndarray, standard_names: Sequence[str | None]) -> tuple[str, ...]:
    """The character of each class, a key of `FAMILY_WORDS`, from its mean reflectance over all bands of the scene.

    The first rule that fits decides (docs/design.md has them in words). Without near infrared all are `other`.
    """
    bands = band_means(mean_reflectance, standard_names)
    if bands.infrared is None:
        return ("other",) * len(mean_reflectance)
    return tuple(_family(bands, i) for i in range(len(mean_reflectance)))


def _family(bands: BandMeans, i: int) -> str:
    def at(values: np.ndarray | None, missing: float) -> float:
        return missing if values is None else float(values[i])

    ndvi = at(bands.ndvi, 0.0)
    wetness = max(at(bands.ndwi, -1.0), at(bands.mndwi, -1.0))
    is_open_water = at(bands.mndwi, -1.0) >= 0.45 if bands.mndwi is not None else at(bands.ndwi, -1.0) >= 0.30
    visible, infrared = float(bands.visible[i]), at(bands.infrared, 0.0)
    shortwave = at(bands.get("B11"), infrared)
    red, blue = at(bands.get("B04"), visible), at(bands.get("B02"), visible)
    if ndvi < 0.15 and bands.brightness[i] < 0.08 and not is_open_water:
        return "dark"
    if wetness > 0.10 and ndvi < 0.10 and visible <= 0.32:
        return "water"
    if ndvi >= 0.30:
        return "vegetation"
    if visible >= 0.45 or (visible >= 0.20 and red < 1.25 * blue):
        return "bright"
    if shortwave >= 0.9 * infrared and ndvi >= -0.05 and shortwave > visible:
        return "bare"
    return "other"


def _by_character(bands: BandMeans) -> tuple[str, ...]:
    """Colours of each class's family that lie apart in every sight, the darker class the darker colour."""
    members: dict[str, list[int]] = {}
    for i in range(bands.count):
        members.setdefault(_family(bands, i), []).append(i)
    picked = _family_picks(tuple((name, len(members.get(name, ()))) for name in _FAMILY_COLOURS))
    out = [""] * bands.count
    for name, found in members.items():
        by_brightness = sorted(found, key=lambda n: bands.brightness[n])
        for i, colour in zip(by_brightness, sorted(picked[name], key=_lightness), strict=True):
            out[i] = colour
    return tuple(out)


@lru_cache(maxsize=4096)
def _family_picks(counts: tuple[tuple[str, int], ...]) -> dict[str, tuple[str, ...]]:
    """So many colours of each family, as far apart as the first success of `_APART`; without end beyond."""
    present = [(name, count) for name, count in counts if count]
    orders = [sorted(present, key=lambda item: -item[1]), sorted(present, key=lambda item: item[1]), present]
    for apart in _APART if sum(count for _, count in present) <= _MOST_APART else ():
        for may_borrow in (False, True) if apart < _BORROWED_BELOW else (False,):
            for order in orders:
                for wide_from in (_WIDE_FROM, 2, 1):
                    picks = _picks_apart(order, apart, may_borrow, wide_from)
                    if picks is not None:
                        return picks
    return _picks_without_end(present)


def _picks_apart(
    order: Sequence[tuple[str, int]], apart: float, may_borrow: bool, wide_from: int
) -> dict[str, tuple[str, ...]] | None:
    """Colours that lie `apart`, each the first of its family's list that does; None where they run out."""
    places, near = _nearness(apart)
    blocked = np.zeros(len(places), dtype=bool)
    picks: dict[str, list[str]] = {name: [] for name, _ in order}

    def take(name: str, colours: Sequence[str], count: int) -> None:
        for colour in colours:
            if len(picks[name]) < count and not blocked[places[colour]]:
                picks[name].append(colour)
                blocked[:] |= near[places[colour]]

    for name, count in order:
        plain, wide = _FAMILY_COLOURS[name], _WIDE_FAMILY_COLOURS.get(name, ())
        take(name, (*wide, *plain) if count >= wide_from else (*plain, *wide), count)
    for name, count in order:
        if may_borrow:
            take(name, _NEUTRALS, count)
    if any(len(picks[name]) < count for name, count in order):
        return None
    return {name: tuple(colours) for name, colours in picks.items()}


@cache
def _nearness(apart: float) -> tuple[dict[str, int], np.ndarray]:
    """The place of every colour that is given out, and which of them lie nearer than `apart`, shape (n, n)."""
    lists = (*_FAMILY_COLOURS.values(), *_WIDE_FAMILY_COLOURS.values(), _NEUTRALS)
    colours = list(dict.fromkeys(colour for one in lists for colour in one))
    return {colour: i for i, colour in enumerate(colours)}, sight.least_differences(colours) < apart


def _picks_without_end(present: Sequence[tuple[str, int]]) -> dict[str, tuple[str, ...]]:
    """Colours for more classes than can lie apart: all different."""
    picks = {
        name: tuple(dict.fromkeys((*_FAMILY_COLOURS[name], *_WIDE_FAMILY_COLOURS.get(name, ()))))[:count]
        for name, count in present
    }
    spare = _spare_colours({colour for colours in picks.values() for colour in colours})
    return {name: (*picks[name], *(next(spare) for _ in range(count - len(picks[name])))) for name, count in present}


def _spare_colours(used: set[str]) -> Iterator[str]:
    """Colours for classes beyond their family's: unused ones that claim nothing, then greys and mauves without end."""
    for colour in _NEUTRALS:
        if colour not in used:
            used.add(colour)
            yield colour
    for step in range(1, 1 << 16):
        lightness = 0.12 + 0.8 * (step * 0.6180339887 % 1)
        colour = _hex(colorsys.hls_to_rgb(0.75 + 0.35 * (step * 0.7548776662 % 1), lightness, 0.22))
        if colour not in used:
            used.add(colour)
            yield colour


def _by_area(areas: np.ndarray) -> tuple[str, ...]:
    """Colours that lie far apart, those of the list first to the largest classes; the same for the same order."""
    colours = _unlike(len(areas))
    ranks = np.argsort(np.lexsort((np.arange(len(areas)), -np.asarray(areas))))
    return tuple(colours[rank] for rank in ranks)


@lru_cache(maxsize=64)
def _unlike(count: int) -> tuple[str, ...]:
    """So many colours, each as far as can be from those before it."""
    lists = (*_FAMILY_COLOURS.values(), *_WIDE_FAMILY_COLOURS.values(), _NEUTRALS)
    left = [colour for colour in dict.fromkeys(colour for one in lists for colour in one) if colour not in _UNLIKE]
    picked = list(_UNLIKE[:count])
    while left and len(picked) < min(count, _MOST_APART):
        picked.append(left.pop(int(sight.least_differences(left, picked).min(axis=1).argmax())))
    spare = _spare_colours(set(picked))
    return (*picked, *(next(spare) for _ in range(count - len(picked))))


def _true_colours(bands: BandMeans) -> list[tuple[float, float, float]]:
    channels = [bands.get(name) if bands.get(name) is not None else bands.brightness for name in ("B04", "B03", "B02")]
    lit = np.clip(np.stack([np.asarray(c) for c in channels], axis=1) * _VISIBLE_GAIN, 0, 1) ** (1 / 1.5)
    return [(float(r), float(g), float(b)) for r, g, b in lit]


def _dark_to_bright(bands: BandMeans) -> tuple[str, ...]:
    """Colours from dark to bright classes; of more classes than there are steps, those of cividis."""
    ramp = next((steps for steps in (_RAMP, _FINE_RAMP) if bands.count <= len(steps)), None)
    if ramp is None:
        return _distinct(_from_colormap(bands, "cividis"))
    places = np.rint(np.linspace(0, len(ramp) - 1, bands.count)).astype(int)
    return tuple(ramp[places[rank]] for rank in _ranks(bands))


def _ranks(bands: BandMeans) -> np.ndarray:
    """The place of each class from dark to bright, shape (k,)."""
    return np.argsort(np.argsort(bands.brightness, kind="stable"), kind="stable")


def _from_colormap(bands: BandMeans, name: str) -> list[tuple[float, float, float]]:
    """Colours of a matplotlib colour map: in order of its list, or spread over it from dark to bright classes."""
    import matplotlib

    colour_map = matplotlib.colormaps[name]
    if name == "tab20":
        order = [*range(0, 20, 2), *range(1, 20, 2)]
        places = np.array([order[i % 20] for i in range(bands.count)])
    elif name == "hsv":
        places = np.arange(bands.count) / bands.count
    else:
        places = _ranks(bands) / max(1, bands.count - 1)
    return [(float(r), float(g), float(b)) for r, g, b, _ in (colour_map(place) for place in places)]


def _distinct(colours: Sequence[tuple[float, float, float]]) -> tuple[str, ...]:
    """The colours as text; one that is there already is moved to the nearest lightness that is free."""
    out: list[str] = []
    for red, green, blue in colours:
        hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
        candidate, step = _hex((red, green, blue)), 0
        while candidate in out:
            step += 1
            moved = lightness + (0.04 * ((step + 1) // 2)) * (1 if step % 2 else -1)
            wrapped = moved % 1.0
            candidate = _hex(colorsys.hls_to_rgb((hue + 0.003 * step) % 1.0, wrapped, max(saturation, 0.1)))
        out.append(candidate)
    return tuple(out)


def _lightness(colour: str) -> float:
    """Relative luminance of `#rrggbb` without its gamma, enough to order colours by."""
    red, green, blue = bytes.fromhex(colour[1:])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _hex(rgb: Sequence[float]) -> str:
    return "#" + "".join(f"{round(255 * min(1.0, max(0.0, c))):02x}" for c in rgb)
