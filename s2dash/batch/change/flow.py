"""Transitions as a picture: a column of classes for each date, and bands between them as broad as the ground that went.

Drawn as an alluvial diagram (Rosvall and Bergstrom, Mapping change in large networks, PLoS ONE 5, 2010), in SVG.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from s2dash.batch.change.transitions import Change
from s2dash.classify.compare import Amount
from s2dash.core.legend import LegendEntry

_WIDTH, _TOP, _LEFT, _BAR, _GAP, _TALL = 760, 44, 200, 18, 10, 340
_TEXT_HEIGHT = 17
_CHARACTERS = 26
"""Of a name that fit beside a column."""
_INK, _QUIET = "#0b1512", "#4d5a55"


@dataclass(frozen=True)
class _Bar:
    """A class on one date: where its bar begins, how high it is, and where its words stand."""

    y: float
    height: float
    text_y: float


def flow_svg(change: Change, ink: str = _INK, quiet: str = _QUIET) -> str:
    """The picture as SVG text; widths are pixels that have a class on both dates.

    Names are escaped. Text is in the given colours, `#rrggbb`, on no ground, so that it fits a light or dark page.
    """
    before, after = change.totals()
    entries = [entry for entry in change.entries if before[entry.id].count or after[entry.id].count]
    left, height_left = _bars({entry.id: before[entry.id].count for entry in entries})
    right, height_right = _bars({entry.id: after[entry.id].count for entry in entries})
    height = _TOP + max(height_left, height_right) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" role="img" '
        f"aria-label={quoteattr(flow_words(change))} font-family=\"'Source Sans', 'Source Sans 3', sans-serif\" "
        'font-size="14">',
        _head(_LEFT, "end", change.before.name, ink),
        _head(_WIDTH - _LEFT, "start", change.after.name, ink),
        *_bands(change, entries, left, right, quiet),
        *_column(entries, before, left, True, (ink, quiet)),
        *_column(entries, after, right, False, (ink, quiet)),
        "</svg>",
    ]
    return "".join(parts)


def flow_words(change: Change) -> str:
    """What the picture shows, for those who do not see it."""
    shown = [
        f"{_name(change, move.pair[0])} to {_name(change, move.pair[1])}, {amount_words(move)}"
        for move in change.found.moves[:3]
    ]
    largest = f" The largest changes: {'; '.join(shown)}." if shown else " Nothing changed."
    return f"How classes of {change.before.name} became classes of {change.after.name}.{largest}"


def amount_words(amount: Amount) -> str:
    """`412 ha`, or pixels where there is no place."""
    if amount.area_ha is None:
        return f"{amount.count:,} pixels"
    decimals = 0 if amount.area_ha >= 100 else 1 if amount.area_ha >= 1 else 2
    return f"{amount.area_ha:,.{decimals}f} ha"


def _bars(totals: Mapping[int, int]) -> tuple[dict[int, _Bar], float]:
    """The bars of a column from the top down, and where it ends; words never stand on each other."""
    whole = max(1, sum(totals.values()))
    y, text_y, bars = float(_TOP), float(_TOP), {}
    for number, count in totals.items():
        height = _TALL * count / whole
        text_y = max(text_y, y + height / 2 - _TEXT_HEIGHT / 2)
        bars[number] = _Bar(y, height, text_y + _TEXT_HEIGHT - 4)
        text_y += _TEXT_HEIGHT
        y += height + _GAP
    return bars, max(y - _GAP, text_y) - _TOP


def _bands(
    change: Change, entries: list[LegendEntry], left: Mapping[int, _Bar], right: Mapping[int, _Bar], quiet: str
) -> Iterator[str]:
    """One band for each pair that occurs, in the colour of the new class; what stays is faint."""
    counts = change.found.table.counts
    scale = _TALL / max(1, change.found.compared_count)
    from_y = {number: bar.y for number, bar in left.items()}
    to_y = {number: bar.y for number, bar in right.items()}
    x0, x1 = _LEFT, _WIDTH - _LEFT
    middle = (x0 + x1) / 2
    for first in entries:
        for second in entries:
            thick = float(counts[first.id, second.id]) * scale
            if thick == 0:
                continue
            a, b = from_y[first.id], to_y[second.id]
            from_y[first.id] += thick
            to_y[second.id] += thick
            said = f"{first.name} to {second.name}: {amount_words(change.amount(first.id, second.id))}"
            yield (
                f'<path d="M{x0} {a:.1f}C{middle:.0f} {a:.1f} {middle:.0f} {b:.1f} {x1} {b:.1f}V{b + thick:.1f}'
                f'C{middle:.0f} {b + thick:.1f} {middle:.0f} {a + thick:.1f} {x0} {a + thick:.1f}Z" '
                f'fill="{second.colour}" fill-opacity="{0.22 if first == second else 0.72}" '
                f'stroke="{quiet}" stroke-opacity=".3" stroke-width=".4">'
                f"<title>{escape(said)}</title></path>"
            )


def _column(
    entries: list[LegendEntry],
    totals: Mapping[int, Amount],
    bars: Mapping[int, _Bar],
    is_before: bool,
    inks: tuple[str, str],
) -> Iterator[str]:
    x = _LEFT - _BAR if is_before else _WIDTH - _LEFT
    anchor, text_x = ("end", x - 8) if is_before else ("start", x + _BAR + 8)
    for entry in entries:
        bar = bars[entry.id]
        if bar.height > 0:
            yield (
                f'<rect x="{x}" y="{bar.y:.1f}" width="{_BAR}" height="{bar.height:.1f}" fill="{entry.colour}" '
                f'stroke="{inks[1]}" stroke-opacity=".35" stroke-width=".6"/>'
            )
        yield (
            f'<text x="{text_x}" y="{bar.text_y:.1f}" text-anchor="{anchor}" fill="{inks[0]}">'
            f"{escape(_short(entry.name))}"
            f'<tspan fill="{inks[1]}"> {escape(amount_words(totals[entry.id]))}</tspan></text>'
        )


def _head(x: int, anchor: str, text: str, ink: str) -> str:
    return f'<text x="{x}" y="20" text-anchor="{anchor}" font-weight="600" fill="{ink}">{escape(_short(text))}</text>'


def _name(change: Change, number: int) -> str:
    return next(entry.name for entry in change.entries if entry.id == number)


def _short(text: str) -> str:
    return text if len(text) <= _CHARACTERS else f"{text[: _CHARACTERS - 1].rstrip()}…"
