"""What a scene leaves in doubt, its offset and numbers that may be no data, and its fill; in plain words."""

from __future__ import annotations

from s2dash.core.scene import Fill, Scene
from s2dash.ingest.product.radiometry import UNKNOWN_OFFSET, UNKNOWN_OFFSET_OF_FRACTIONS
from s2dash.ingest.reflectance import AS_THEY_ARE, IN_8_BITS, WEB_EXPORT

OFFSET_DOUBTS = (UNKNOWN_OFFSET, UNKNOWN_OFFSET_OF_FRACTIONS)
_SWITCH_OFF = "--mask none switches this off."


def doubts_offset(scene: Scene) -> bool:
    """Whether 1000, or 0.1 of fractions, may have to be subtracted and nothing says so."""
    return any(doubt in scene.notes for doubt in OFFSET_DOUBTS)


def is_calibrated(scene: Scene) -> bool:
    """Whether stored numbers are known to be reflectance, so that a rule may ask how much light a class reflects."""
    return (
        not scene.is_embedding
        and scene.reflectance.sentence not in (AS_THEY_ARE, IN_8_BITS, WEB_EXPORT)
        and not doubts_offset(scene)
    )


def doubtful_numbers(scene: Scene) -> tuple[tuple[float, str, float], ...]:
    """What may be no data: each number, which pixels in words, and the share of the pixels that hold it."""
    words: dict[float, list[str]] = {}
    shares: dict[float, float] = {}
    for fill in scene.doubtful_fills:
        words.setdefault(fill.value, []).append(_doubt_words(fill, scene))
        shares[fill.value] = max(fill.share, shares.get(fill.value, 0.0))
    return tuple((value, " or ".join(dict.fromkeys(words[value])), share) for value, share in shares.items())


def doubtful_words(scene: Scene) -> tuple[str, ...]:
    """What may be no data, with the flag that leaves it out, in plain words: for the command line."""
    left_out = {fill.value for fill in scene.doubtful_fills if fill in scene.fills}
    return tuple(
        f"{share:.1%} of the pixels are {words}. If nothing was measured there, leave them out: --nodata {value:.17g}."
        for value, words, share in doubtful_numbers(scene)
        if value not in left_out
    )


def flagged_words(scene: Scene) -> tuple[str, ...]:
    """The scene's notes as the command line says them: those of fill with the flag that switches it off."""
    found = {fill_words(fill, scene) for fill in scene.fills}
    return tuple(f"{note[:-1]}; {_SWITCH_OFF}" if note in found else note for note in scene.notes)


def fill_words(fill: Fill, scene: Scene) -> str:
    """What is left out though no tag says so, as one sentence."""
    tags = {scene.nodata[position] for position in fill.positions}
    why = "as the file tags none" if tags == {None} else "though the file's tag says something else"
    where = "in a chosen band" if fill.is_alone and len(scene.bands) > 1 else "in every band"
    return f"Pixels that are {_numbers_of(fill)} {where} count as nodata, {why}."


def _doubt_words(fill: Fill, scene: Scene) -> str:
    """Which pixels may have no data: `zero in every band`, `zero in B08 alone`."""
    names = [scene.bands[position].name for position in fill.positions]
    listed = ", ".join(names[:3]) + (f" or {len(names) - 3} more" if len(names) > 3 else "")
    return f"{_numbers_of(fill)} in {f'{listed} alone' if fill.is_alone else 'every band'}"


def _numbers_of(fill: Fill) -> str:
    return _number_words(fill.value) if fill.least is None else f"{fill.least:g} to {fill.value:g}"


def _number_words(value: float) -> str:
    if value == 0:
        return "zero"
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"
