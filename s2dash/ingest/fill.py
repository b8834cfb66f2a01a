"""Fill that no tag states: constants in many pixels that stand for no data, told from what was measured.

The rule of certainty, in the order it is tried:

1. A number that programs are known to fill with, or one far beyond all others, and that no reflectance
   can be beside the band's other numbers, stands for no data in each band that holds it.
2. A number that all bands of the ground in a file hold exactly and together stands for no data there if
   the picture's edge leads to most of these pixels, if hardly a pixel holds it in most of its bands but not in
   all (as shadows that are clipped do), if the other pixels have many values, and if the number is zero, or
   negative and below, or the largest of its kind and well above all others.
3. Another number that all bands hold together, zero or a usual fill or an end of the scale, is a question.
4. Packing with loss (JPEG) makes 0 to 3 of the black around a picture of 8 bits: that is left out like zero where most
   of it is zero, the picture's edge leads to it and hardly anything is a little brighter; else it is a question.
5. Zero in one band alone, at the picture's edge and far below its other numbers, is a question: detectors end apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from s2dash.core import sentinel2
from s2dash.core.scene import FILE_MASK, Fill, Masking, Scene, valid_pixels

_KNOWN_BELOW = (
    *(-999, -9999, -10_000, -32_767, -32_768, -99_999, -999_999),
    *(-2_147_483_647, -2_147_483_648, -(2.0**63)),
)
"""What programs fill with below all reflectance: GDAL and ArcGIS, Theia, the least numbers of each size."""
_USUAL = (0, 1, -1, 255)
_WHITE = (1, 100, 255, 10_000)
"""All light reflected, in usual numbers, or so bright that the picture is cut: snow and clouds have these."""
_SAMPLE = 100_000
_SAMPLE_TOGETHER = 4_000_000
_SEEN_PIXELS = 65_536
_LEAST_PIXELS, _LEAST_SHARE = 16, 0.001
_FAR = 1_000
"""Times what is usual: beyond it, a frequent number is no measurement."""
_MANY_VALUES = 24
_MOST_CLIPPED = 0.1
"""Pixels that hold the number in most of their bands but not in all, for each that holds it in all."""
_MOST_CANDIDATES = 6
_NEARLY_BLACK = 3
_LEAST_REACHED = 0.9
_MOST_BETWEEN = 0.12
"""Pixels up to 8 for each up to 3: what JPEG leaves along a sharp edge, while dark water has more."""
_LEAST_APART = 0.005
"""Of the pixels: fewer are the edge of a clip that was resampled."""
_LEAST_GAP = 0.02
"""Between zero and a band's least numbers, in shares of its largest."""
_MOST_QUESTIONS = 2


@dataclass(frozen=True)
class FoundFill:
    """What was found in one picture."""

    certain: tuple[Fill, ...]
    doubtful: tuple[Fill, ...]


@dataclass(frozen=True, eq=False)
class _Look:
    """One band as it is looked at."""

    position: int
    values: np.ndarray
    """Shape (rows, cols), as stored."""
    present: np.ndarray
    """Where it holds data as far as tags and masks tell, shape (rows, cols), bool."""
    some: np.ndarray
    """Some of the values that are present, shape (n,)."""


def found_fill(scene: Scene, stack: np.ndarray) -> FoundFill:
    """What stands for no data in a scene although nothing says so.

    Parameters
    ----------
    stack : as `read_preview_stack` has it, or a smaller picture whose edges lie on those of the scene
    """
    scene, known = replace(scene, fills=()), scene.fills
    if stack[0].size < _LEAST_PIXELS:
        return FoundFill((), ())
    certain: list[Fill] = []
    doubtful: list[Fill] = []
    most = min(_SAMPLE, _SAMPLE_TOGETHER // len(scene.bands))
    for positions in _groups(scene):
        looks = [_look(scene, stack, position, most) for position in positions]
        alone = list(_never_measured(looks))
        certain += alone
        told = replace(scene, fills=tuple(alone)) if alone else scene
        sure, unsure = _together(told, stack, [_look(told, stack, p, most) for p in positions] if alone else looks)
        sure_black, unsure_black = _packed_black(told, looks)
        black = [*sure_black, *unsure_black]
        unsure = [fill for fill in unsure if not black or fill.value > _NEARLY_BLACK]
        certain += [*sure, *sure_black]
        doubtful += [*unsure, *unsure_black, *_ends_apart(told, looks, [*sure, *known])]
    certain = [fill for fill in certain if not any(_covers(other, fill) for other in known)]
    doubtful = [fill for fill in doubtful if not any(_covers(other, fill) for other in known)]
    doubtful.sort(key=lambda fill: -fill.share)
    return FoundFill(_merged(certain), tuple(doubtful[:_MOST_QUESTIONS]))


def _groups(scene: Scene) -> list[list[int]]:
    """Bands that one fill would be in together: of a file with several, and of all files with one of the same date."""
    by_file: dict[object, list[int]] = {}
    for position in scene.measured:
        by_file.setdefault(scene.layers[position].location, []).append(position)
    groups: dict[object, list[int]] = {}
    for place, positions in by_file.items():
        key = place if len(positions) > 1 else f"single {scene.bands[positions[0]].suffix}"
        groups.setdefault(key, []).extend(positions)
    return list(groups.values())


def _look(scene: Scene, stack: np.ndarray, position: int, most: int) -> _Look:
    band = stack[position]
    present = valid_pixels(scene, [position], stack, Masking(area=False))
    values = band[present]
    if len(values) == band.size:
        # Hundreds of bands that are whole need no mask each.
        present = np.broadcast_to(np.True_, band.shape)
    return _Look(position, band, present, values[:: max(1, values.size // most)])


def _never_measured(looks: Sequence[_Look]) -> Iterator[Fill]:
    """What no reflectance can be, band by band: rule 1."""
    by_value: dict[float, list[tuple[int, float]]] = {}
    known = max((_usual(look.some[~np.isin(look.some, _KNOWN_BELOW)]) for look in looks), default=0.0)
    for look in looks:
        present = look.values[look.present]
        for _ in range(3):
            found = next((v for v in _ends(present) if _is_beyond(v, present, look.some, known)), None)
            if found is None:
                break
            share = float((present == found).sum() / look.values.size)
            by_value.setdefault(float(found), []).append((look.position, share))
            present = present[present != found]
            look = replace(look, some=look.some[look.some != found])
    for value, held in by_value.items():
        yield Fill(value, tuple(position for position, _ in held), True, max(share for _, share in held))


def _ends(values: np.ndarray) -> tuple[np.generic, ...]:
    return (values.min(), values.max()) if values.size else ()


def _usual(values: np.ndarray) -> float:
    return float(np.median(np.abs(values.astype(np.float64)))) if values.size else 0.0


def _is_beyond(value: np.generic, present: np.ndarray, some: np.ndarray, usual_together: float) -> bool:
    """Whether the least or largest of a band's numbers is none of its measurements.

    `usual_together` is the largest of the usual numbers of all bands that it is seen with.
    """
    count = int((present == value).sum())
    rest = some[some != value].astype(np.float64)
    if count < 2 or rest.size < 2:
        return False
    own = float(value)
    if own in _KNOWN_BELOW:
        # Another fill may lie between it and the measurements.
        measured = rest[~np.isin(rest, _KNOWN_BELOW)]
        return bool(measured.size and measured.min() - own >= -own / 2 and -own >= usual_together / 2)
    is_many = count >= max(_LEAST_PIXELS, _LEAST_SHARE * present.size)
    return is_many and abs(own) >= _FAR * max(_usual(rest), np.percentile(np.abs(rest), 99) / 100) > 0


def _together(scene: Scene, stack: np.ndarray, looks: Sequence[_Look]) -> tuple[list[Fill], list[Fill]]:
    """What all bands of the ground hold together: rules 2 and 3."""
    ground = _ground(scene, looks)
    if not ground or _has_mask(scene, looks):
        return [], []
    certain: list[Fill] = []
    doubtful: list[Fill] = []
    for value in _candidates(ground):
        if not _is_seen(value, ground):
            continue
        holding = [look for look in ground if (look.some == value).any()]
        held = np.zeros(stack.shape[1:], dtype=np.uint16)
        lacking = np.zeros(stack.shape[1:], dtype=np.uint16)
        for look in ground:
            equal = look.values == value
            held += equal & look.present
            lacking += ~look.present
        joint = (held + lacking == len(ground)) & (2 * held >= len(ground)) & (held > 0)
        count = int(joint.sum())
        if count < max(_LEAST_PIXELS, _LEAST_SHARE * joint.size) or not _is_varied(holding, value):
            continue
        share = count / joint.size
        others = [look for look in looks if look not in ground and _holds_too(look, value, joint)]
        positions = tuple(sorted(look.position for look in (*holding, *others)))
        fill = Fill(value, positions, False, share)
        clipped = int(((2 * held >= len(ground)) & ~joint & (held > 0)).sum()) if len(ground) > 1 else 0
        is_clean = clipped <= _MOST_CLIPPED * count
        reached = reached_from_edge(joint)
        at_edge = reached.sum() >= count / 2
        is_alone = len(ground) == 1 and scene.bands[ground[0].position].standard is None
        if is_clean and at_edge and not is_alone and _is_apart(value, holding, scene):
            certain.append(fill)
        elif (value in _USUAL or _is_end(value, holding)) and (at_edge or not is_alone):
            doubtful.append(fill)
    return certain, doubtful


def _packed_black(scene: Scene, looks: Sequence[_Look]) -> tuple[list[Fill], list[Fill]]:
    """What JPEG made of black around a picture: rule 4."""
    ground = _ground(scene, looks)
    is_tagged = any(scene.nodata[look.position] is not None for look in looks)
    if not ground or is_tagged or _has_mask(scene, looks) or any(look.values.dtype != np.uint8 for look in looks):
        return [], []
    brightest = np.max([look.values for look in ground], axis=0)
    black = brightest <= _NEARLY_BLACK
    count, zeros = int(black.sum()), int((brightest == 0).sum())
    if count - zeros < max(_LEAST_PIXELS, _LEAST_SHARE * black.size) or not _is_varied(ground, 0):
        return [], []
    fill = Fill(float(_NEARLY_BLACK), tuple(look.position for look in ground), False, count / black.size, 0.0)
    reached = int(reached_from_edge(black).sum())
    between = int((brightest <= 2 * _NEARLY_BLACK + 2).sum()) - count
    if reached >= _LEAST_REACHED * count and between <= _MOST_BETWEEN * count and 2 * zeros >= count:
        return [fill], []
    return [], [fill] if reached >= count / 2 else []


def _ends_apart(scene: Scene, looks: Sequence[_Look], known: Sequence[Fill]) -> list[Fill]:
    """Zero in some bands alone at the picture's edge, as where one detector ends before the others: rule 5."""
    ground = _ground(scene, looks)
    if len(ground) < 2 or _has_mask(scene, looks):
        return []
    held: list[tuple[int, float]] = []
    zeros = {look.position: look.values == 0 for look in ground}
    together = np.sum(list(zeros.values()), axis=0) * 2 >= len(ground)
    for look in ground:
        if scene.nodata[look.position] == 0 or any(f.value == 0 and f.is_alone for f in known):
            continue
        alone = zeros[look.position] & ~together & look.present
        count = int(alone.sum())
        if count < max(_LEAST_PIXELS, _LEAST_APART * alone.size):
            continue
        rest = look.some[look.some != 0].astype(np.float64)
        low, high = np.percentile(rest, (0.1, 99)) if rest.size else (0.0, 0.0)
        at_edge = reached_from_edge(zeros[look.position]) & alone
        if low > _LEAST_GAP * high > 0 and at_edge.sum() >= _LEAST_REACHED * count:
            held.append((look.position, count / alone.size))
    if not held:
        return []
    return [Fill(0.0, tuple(position for position, _ in held), True, max(share for _, share in held))]


def _has_mask(scene: Scene, looks: Sequence[_Look]) -> bool:
    """Whether a mask of the files says what was measured: black that it shows is black."""
    positions = [look.position for look in looks]
    return any(mask.kind == FILE_MASK and mask.concerns(positions) for mask in scene.masks)


def _is_seen(value: float, ground: Sequence[_Look]) -> bool:
    """Whether some of the pixels hold a number in all bands: most numbers that are frequent in each are not."""
    shape_rc = ground[0].values.shape
    step = max(1, math.isqrt(shape_rc[0] * shape_rc[1] // _SEEN_PIXELS))
    seen = np.ones((-(-shape_rc[0] // step), -(-shape_rc[1] // step)), dtype=bool)
    for look in ground:
        seen &= (look.values[::step, ::step] == value) | ~look.present[::step, ::step]
        if not seen.any():
            return False
    return True


def _ground(scene: Scene, looks: Sequence[_Look]) -> list[_Look]:
    """The bands that measure the ground as far as names tell, without those that are the same number everywhere."""
    changing = [look for look in looks if look.some.size and (look.some != look.some[0]).any()]
    named = [look for look in changing if scene.bands[look.position].standard]
    on_ground = [look for look in named if scene.bands[look.position].standard not in sentinel2.ATMOSPHERE_BANDS]
    return on_ground or named or changing


def _candidates(ground: Sequence[_Look]) -> list[float]:
    """Numbers that are frequent in at least half of the bands, most frequent first."""
    found: dict[float, list[float]] = {}
    for look in ground:
        values, counts = np.unique(look.some, return_counts=True)
        least = max(4, _LEAST_SHARE / 2 * look.some.size)
        for value, count in zip(values[counts >= least], counts[counts >= least], strict=True):
            found.setdefault(float(value), []).append(count / look.some.size)
    likely = [value for value, shares in found.items() if 2 * len(shares) >= len(ground)]
    likely.sort(key=lambda value: (value not in _USUAL, -sum(found[value])))
    return likely[:_MOST_CANDIDATES]


def _is_varied(looks: Sequence[_Look], value: float) -> bool:
    """Whether the other pixels look measured: a map of classes or a mask has few numbers."""
    return any(np.unique(look.some[look.some != value]).size >= _MANY_VALUES for look in looks)


def _holds_too(look: _Look, value: float, joint: np.ndarray) -> bool:
    """Whether a helper layer has the fill as well, and is not just the same number everywhere."""
    return bool((look.values[joint] == value).all() and (look.some != value).any())


def _is_apart(value: float, looks: Sequence[_Look], scene: Scene) -> bool:
    """Whether a number lies where measurements do not: zero exactly, or beyond all of them by a gap."""
    if value == 0:
        return True
    if value in _WHITE or value == scene.saturated:
        return False
    for look in looks:
        rest = look.some[look.some != value].astype(np.float64)
        low, high = np.percentile(rest, (0.1, 99.9)) if rest.size else (math.inf, -math.inf)
        if value < 0 and not (value < rest.min(initial=math.inf) and (low >= 0 or low - value > 0.05 * (high - low))):
            return False
        kind = look.values.dtype
        is_largest = np.issubdtype(kind, np.integer) and value == float(np.iinfo(kind).max)
        if value > 0 and not (value > high and (value >= 3 * high or (is_largest and high <= 0.8 * value))):
            return False
    return True


def _is_end(value: float, looks: Sequence[_Look]) -> bool:
    """Whether no measurement is beyond a number, to the same side in every band."""
    rests = [look.some[look.some != value] for look in looks]
    return all((rest > value).all() for rest in rests) or all((rest < value).all() for rest in rests)


def reached_from_edge(marked: np.ndarray) -> np.ndarray:
    """Of marked pixels, shape (rows, cols), bool, those from which marked neighbours lead to the picture's edge."""
    found = np.zeros_like(marked)
    found[[0, -1]], found[:, [0, -1]] = marked[[0, -1]], marked[:, [0, -1]]
    before = -1
    while (now := int(found.sum())) != before:
        before = now
        for seen, reached in ((marked, found), (marked.T, found.T)):
            lines = np.ascontiguousarray(seen)
            # Runs of marked pixels along each line; the unmarked ones between and at its end divide them.
            ends = np.concatenate([lines, np.zeros((len(lines), 1), dtype=bool)], axis=1)
            runs = np.cumsum(~ends.ravel()).reshape(ends.shape)[:, :-1]
            has = np.zeros(int(runs[-1, -1]) + 2 if runs.size else 1, dtype=bool)
            has[runs[reached]] = True
            reached |= has[runs] & lines
    return found


def _covers(known: Fill, fill: Fill) -> bool:
    same = (known.value, known.least, known.is_alone) == (fill.value, fill.least, fill.is_alone)
    return same and set(known.positions) == set(fill.positions)


def _merged(fills: Sequence[Fill]) -> tuple[Fill, ...]:
    """One fill for each number that is enough alone, whatever file its bands are in."""
    out: list[Fill] = []
    for fill in fills:
        same = next((o for o in out if fill.is_alone and o.is_alone and o.value == fill.value), None)
        if same is None:
            out.append(fill)
        else:
            positions = tuple(sorted({*same.positions, *fill.positions}))
            out[out.index(same)] = Fill(fill.value, positions, True, max(same.share, fill.share))
    return tuple(out)


def zero_fill(scene: Scene) -> tuple[Fill, ...]:
    """Whole numbers that are zero in every band, where neither a tag nor a file's mask says what has no data."""
    is_told = any(n is not None for n in scene.nodata) or any(mask.kind == FILE_MASK for mask in scene.masks)
    is_whole = np.issubdtype(np.dtype(scene.dtype), np.integer)
    return (Fill(0.0, scene.measured),) if is_whole and not is_told else ()


def held_in_all(fill: Fill, stack: np.ndarray) -> np.ndarray:
    """Where all bands of a fill hold it in a stack as for `found_fill`, shape (rows, cols), bool."""
    held = np.ones(stack.shape[1:], dtype=bool)
    for position in fill.positions:
        held &= fill.holds(stack[position])
    return held
