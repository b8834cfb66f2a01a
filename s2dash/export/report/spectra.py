"""The light of the classes in a report: lines of all over the bands, how far the pixels of each spread, and figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from s2dash.core import sentinel2
from s2dash.core.scene import Scene
from s2dash.export.contents import ClassFacts, one_line
from s2dash.export.report.blocks import Block, Cell, Drawing, Heading, Remark, Row, Swatch, Table
from s2dash.export.report.drawing import PANELS, Line, chart_svg, panels_svg

_MOST_BANDS = 14
"""That a table has room for."""
_MOST_NAME_CHARACTERS = 12
_MEANS = (
    "How much light each class reflects on average, band by band; the numbers at the lines are those of the classes."
)
_SPREAD = (
    "Four of five pixels of a class lie within its coloured band: a tenth is darker, a tenth brighter (10 to 90 %). "
    "The line is the mean; grey lines are the other classes."
)
_FIGURES = "Reflectance in percent: the mean of each class"
_TOO_MANY = "The figures of all {} bands are in the workbook."


def spectra_blocks(scene: Scene, classes: Sequence[ClassFacts], spreads: Mapping[int, np.ndarray]) -> tuple[Block, ...]:
    """Nothing unless two bands of light have means: axes of an embedding tell a reader nothing.

    `spreads` is as in `Handover`. Bands stand evenly, in the order of their wavelengths where these are known, else
    in the scene's.
    """
    places = _places(scene, classes)
    if len(places) < 2 or scene.is_embedding:
        return ()
    names = [one_line(scene.bands[place].name, _MOST_NAME_CHARACTERS) for place in places]
    lines = [_line(c, places, spreads.get(c.id)) for c in classes]
    has_spread = any(line.low is not None for line in lines)
    return (
        Remark(_MEANS),
        Drawing(chart_svg(names, lines), "Mean reflectance of each class by band"),
        *(_panels(names, lines) if has_spread else ()),
        *_figures(names, lines, has_spread),
    )


def _line(c: ClassFacts, places: Sequence[int], spread: np.ndarray | None) -> Line:
    mean = tuple(100 * c.row.mean_reflectance[place] for place in places)
    if spread is None or not np.isfinite(spread[:, places]).all():
        return Line(str(c.id), c.name, c.colour, mean)
    low, high = (tuple(float(value) for value in 100 * row[list(places)]) for row in spread)
    return Line(str(c.id), c.name, c.colour, mean, low, high)


def _panels(names: Sequence[str], lines: Sequence[Line]) -> Iterator[Block]:
    yield Heading("How far each class spreads")
    yield Remark(_SPREAD)
    for first in range(0, len(lines), PANELS):
        some = range(first, min(first + PANELS, len(lines)))
        words = "Spread of " + ", ".join(lines[i].name for i in some)
        yield Drawing(panels_svg(names, lines, some), words)


def _figures(names: Sequence[str], lines: Sequence[Line], has_spread: bool) -> Iterator[Block]:
    yield Heading("Figures")
    if len(names) > _MOST_BANDS:
        yield Remark(_TOO_MANY.format(len(names)))
        return
    yield Remark(_FIGURES + (", and below it from where to where four of five of its pixels lie." * has_spread or "."))
    rows = (Row(line.name, tuple(_cells(line)), Swatch(line.number, line.colour)) for line in lines)
    yield Table(("Class", *names), tuple(rows), has_narrow_columns=True)


def _cells(line: Line) -> Iterator[Cell]:
    for i, mean in enumerate(line.mean):
        below = "" if line.low is None or line.high is None else f"{line.low[i]:.1f}–{line.high[i]:.1f}"
        yield Cell(f"{mean:.1f}", below)


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
