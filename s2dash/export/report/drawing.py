"""Spectra drawn as SVG: all classes in one chart, and small panels with the spread of one class each."""

from __future__ import annotations

import itertools
import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

_WIDTH = 760
_INK, _QUIET, _GRID, _PALE = "#0b1512", "#4d5a55", "#8fa5a0", "#c3ceca"
_HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 300, 48, 34, 12, 40
_LABEL_SIZE, _LABEL_GAP = 12.0, 12.5
PANELS = 4
"""Side by side."""
_PANEL_GAP, _PANEL_HEIGHT, _PANEL_LEFT, _PANEL_TOP, _PANEL_BOTTOM = 14, 142, 36, 26, 22
_PANEL_WIDTH = (_WIDTH - _PANEL_LEFT - _PANEL_GAP * (PANELS - 1)) / PANELS
_PANEL_NAME_SIZE = 11.5
_WIDE_LETTERS = frozenset("WMmw@%&")
_STEPS = (1, 2, 4, 5, 6, 8, 10)


@dataclass(frozen=True)
class Line:
    """One class over the bands, in percent of the light."""

    number: str
    name: str
    colour: str
    mean: tuple[float, ...]
    low: tuple[float, ...] | None = None
    """The lower end of most of its pixels; None where that is not known, as `high`."""
    high: tuple[float, ...] | None = None


@dataclass(frozen=True)
class _Frame:
    """Where values and bands lie in a drawing."""

    left: float
    top: float
    width: float
    height: float
    count: int
    """Bands."""
    most: float
    """Percent at the top."""

    def x(self, band: int) -> float:
        return self.left + self.width * band / (self.count - 1)

    def y(self, value: float) -> float:
        return self.top + self.height * (1 - max(0.0, value) / self.most)

    def points(self, values: Sequence[float]) -> list[str]:
        return [f"{self.x(i):.1f},{self.y(value):.1f}" for i, value in enumerate(values)]

    def grid(self, steps: int, words_size: float | None) -> Iterator[str]:
        """Level lines, with their values at the left where a size is given."""
        for step in range(steps + 1):
            value = self.most * step / steps
            y = self.y(value)
            yield (
                f'<path d="M{self.left:.1f} {y:.1f}H{self.left + self.width:.1f}" stroke="{_GRID}" '
                'stroke-opacity=".35"/>'
            )
            if words_size is not None:
                yield _words(self.left - 8, y + words_size / 3, f"{value:g} %", words_size, "end")


def chart_svg(bands: Sequence[str], lines: Sequence[Line]) -> str:
    """A line for each class over two or more bands, with its number at the end."""
    most = _rounded(max(value for line in lines for value in line.mean))
    frame = _Frame(_LEFT, _TOP, _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM, len(bands), most)
    parts = [*frame.grid(4, 12)]
    parts += [_words(frame.x(i), _HEIGHT - 18, name, 12, "middle") for i, name in enumerate(_thinned(bands))]
    gap = min(_LABEL_GAP, frame.height / max(1, len(lines) - 1))
    ends = _apart([frame.y(line.mean[-1]) for line in lines], gap)
    size = min(_LABEL_SIZE, gap)
    for line, end in zip(lines, ends, strict=True):
        drawn = _drawn(frame, line, 2.6) + _words(_WIDTH - _RIGHT + 8, end + size / 3, line.number, size)
        parts.append(f"<g><title>{escape(line.name)}</title>{drawn}</g>")
    return _svg(_HEIGHT, parts, "Mean reflectance of each class by band")


def panels_svg(bands: Sequence[str], lines: Sequence[Line], shown: Sequence[int]) -> str:
    """A small panel for each of at most `PANELS` lines: its spread and mean, the other means in grey; one scale."""
    highest = max(max(line.high or line.mean) for line in lines)
    most = _rounded(max(highest, *(max(line.mean) for line in lines)))
    parts = []
    for place, number in enumerate(shown):
        left = _PANEL_LEFT + place * (_PANEL_WIDTH + _PANEL_GAP)
        height = _PANEL_HEIGHT - _PANEL_TOP - _PANEL_BOTTOM
        frame = _Frame(left, _PANEL_TOP, _PANEL_WIDTH, height, len(bands), most)
        parts += [*frame.grid(2, 11 if place == 0 else None), *_panel(frame, bands, lines, number)]
    return _svg(_PANEL_HEIGHT, parts, "Spread of reflectance by band")


def _panel(frame: _Frame, bands: Sequence[str], lines: Sequence[Line], number: int) -> Iterator[str]:
    line = lines[number]
    for other in lines:
        if other is not line:
            points = " ".join(frame.points(other.mean))
            yield f'<polyline points="{points}" fill="none" stroke="{_PALE}" stroke-width=".8"/>'
    if line.low is not None and line.high is not None:
        around = " ".join([*frame.points(line.high), *reversed(frame.points(line.low))])
        yield (
            f'<polygon points="{around}" fill="{line.colour}" fill-opacity=".45" stroke="{_INK}" '
            'stroke-opacity=".3" stroke-width=".8" stroke-linejoin="round"/>'
        )
    yield _drawn(frame, line, 2)
    name = _cut(f"{line.number}  {line.name}", (frame.width - 15) / _PANEL_NAME_SIZE)
    yield f'<rect x="{frame.left:.1f}" y="5" width="10" height="10" rx="2.5" fill="{line.colour}" stroke="{_QUIET}"/>'
    yield _words(frame.left + 15, 14, name, _PANEL_NAME_SIZE, colour=_INK)
    bottom = _PANEL_HEIGHT - 6
    yield _words(frame.left, bottom, bands[0], 11)
    yield _words(frame.left + frame.width, bottom, bands[-1], 11, "end")


def _drawn(frame: _Frame, line: Line, width: float) -> str:
    """A line with a darker edge, so that pale ones are seen."""
    points = quoteattr(" ".join(frame.points(line.mean)))
    look = f'points={points} fill="none" stroke-linejoin="round"'
    return (
        f'<polyline {look} stroke="{_INK}" stroke-opacity=".3" stroke-width="{width + 1.4:g}"/>'
        f'<polyline {look} stroke="{line.colour}" stroke-width="{width:g}"/>'
    )


def _words(x: float, y: float, words: str, size: float, anchor: str = "start", colour: str = _QUIET) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size:g}" fill="{colour}" '
        f'xml:space="preserve">{escape(words)}</text>'
    )


def _cut(words: str, most_ems: float) -> str:
    """As much as has room by the usual widths of letters: fonts of readers differ."""
    widths = itertools.accumulate(map(_ems, words))
    fits = sum(width <= most_ems for width in widths)
    return words if fits == len(words) else words[: max(1, fits - 1)].rstrip() + "…"


def _ems(letter: str) -> float:
    if letter in _WIDE_LETTERS or unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    return 0.68 if letter.isupper() else 0.53


def _svg(height: int, parts: Sequence[str], words: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{words}" font-family="Source Sans Pro, sans-serif">{"".join(parts)}</svg>'
    )


def _thinned(names: Sequence[str], most: int = 16) -> list[str]:
    """Every n-th name where all would run into each other."""
    step = math.ceil(len(names) / most)
    return [name if i % step == 0 else "" for i, name in enumerate(names)]


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Labels pushed apart downwards to a gap where they are too close, then back up from the bottom of the chart."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    moved = list(heights)
    for before, after in itertools.pairwise(order):
        moved[after] = max(moved[after], moved[before] + gap)
    limit = float(_HEIGHT - _BOTTOM)
    for i in reversed(order):
        moved[i] = min(moved[i], limit)
        limit = moved[i] - gap
    return moved


def _rounded(value: float) -> float:
    """The next round number above, for the top of an axis."""
    if value <= 0:
        return 1.0
    power = 10 ** math.floor(math.log10(value))
    return next(step * power for step in _STEPS if step * power >= value * (1 - 1e-9))
