"""Mean spectra of the classes as a drawing for a report: a line for each class over the bands, by wavelength."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from s2dash.core import sentinel2
from s2dash.core.scene import Scene
from s2dash.export.contents import ClassFacts

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 760, 300, 48, 34, 12, 40
_INK = "#4d5a55"


def spectra_svg(scene: Scene, classes: Sequence[ClassFacts]) -> str | None:
    """The drawing as SVG; None unless two bands have means.

    Bands stand evenly, in the order of their wavelengths where these are known, else in the scene's.
    """
    places = _places(scene, classes)
    if len(places) < 2:
        return None
    highest = max(c.row.mean_reflectance[place] for c in classes for place in places)
    top = _rounded(100 * highest)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="Mean reflectance of each class by band" font-family="Source Sans Pro, sans-serif" font-size="12">'
    ]
    for step in range(5):
        value = top * step / 4
        y = _y(value, top)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#8fa5a0" stroke-opacity=".35"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="{_INK}">{value:g} %</text>')
    for number, place in enumerate(places):
        x = _x(number, len(places))
        name = escape(scene.bands[place].name[:12])
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 18}" text-anchor="middle" fill="{_INK}">{name}</text>')
    for c in classes:
        points = " ".join(
            f"{_x(number, len(places)):.1f},{_y(100 * c.row.mean_reflectance[place], top):.1f}"
            for number, place in enumerate(places)
        )
        end_y = _y(100 * c.row.mean_reflectance[places[-1]], top)
        parts.append(
            f'<g><title>{escape(c.name)}</title><polyline points="{points}" fill="none" stroke="#0b1512" '
            f'stroke-opacity=".3" stroke-width="4" stroke-linejoin="round"/><polyline points={quoteattr(points)} '
            f'fill="none" stroke="{c.colour}" stroke-width="2.6" stroke-linejoin="round"/>'
            f'<text x="{_WIDTH - _RIGHT + 8}" y="{end_y + 4:.1f}" fill="{_INK}">{c.id}</text></g>'
        )
    parts.append("</svg>")
    return "".join(parts)


def _places(scene: Scene, classes: Sequence[ClassFacts]) -> list[int]:
    known = [
        place
        for place in range(len(scene.bands))
        if all(len(c.row.mean_reflectance) > place and math.isfinite(c.row.mean_reflectance[place]) for c in classes)
        and scene.bands[place].standard not in sentinel2.ATMOSPHERE_BANDS
    ]
    order = {name: at for at, name in enumerate(sentinel2.BANDS)}
    names = [scene.bands[place].standard for place in known]
    if len(set(names)) == len(names) and all(name in order for name in names):
        known.sort(key=lambda place: order[scene.bands[place].standard or ""])
    return known if classes else []


def _rounded(value: float) -> float:
    """The next round number above, for the top of the axis."""
    if value <= 0:
        return 1.0
    power = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value)


def _x(number: int, count: int) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * number / (count - 1)


def _y(value: float, top: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - max(0.0, value) / top)
