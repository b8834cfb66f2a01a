"""How the bands of a scene stand from left to right in the chart of spectra."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from s2dash.core.classmap import Result
from s2dash.core.scene import Band
from s2dash.ui.charts.spec import Inks, Spec, axis_inks
from s2dash.ui.charts.words import in_two_lines, shortened


@dataclass(frozen=True)
class BandPlace:
    """Where a band stands on the axis."""

    index: int
    """In the scene's bands."""
    band: Band
    x: float
    group: int
    """Bands of one group are joined by a line."""
    label: tuple[str, str]


@dataclass(frozen=True)
class BandAxis:
    """How the bands of a scene are laid out from left to right."""

    places: tuple[BandPlace, ...]
    scale: Literal["log", "linear"]
    title: str
    headings: tuple[tuple[float, str], ...] = ()
    """Where each group begins, and what it is."""

    @property
    def span(self) -> tuple[float, float]:
        xs = [place.x for place in self.places]
        return min(xs), max(xs)

    def at(self, share: float) -> float:
        """The position at a share of the axis: 0 is its first band, 1 its last."""
        first, last = self.span
        return first * (last / first) ** share if self.scale == "log" else first + (last - first) * share


def shown_bands(result: Result) -> list[tuple[int, Band]]:
    """Bands made for the ground and bands of the recipe, with their positions, in the scene's order."""
    scene = result.scene
    shown = {*scene.optical_bands(), *scene.positions(result.recipe.bands)}
    return [(i, band) for i, band in enumerate(scene.bands) if i in shown]


def axis_of(result: Result, bands: Sequence[tuple[int, Band]]) -> BandAxis:
    """By wavelength where each band has its own; else in the scene's order, date by date where there are several."""
    wavelengths = [band.wavelength_nm for _, band in bands]
    if None in wavelengths:
        return _in_order([bands], "Band")
    if len(set(wavelengths)) == len(wavelengths):
        by_wavelength = sorted(bands, key=lambda one: one[1].wavelength_nm or 0)
        places = (
            BandPlace(i, band, float(band.wavelength_nm or 0), 0, (band.root, str(band.wavelength_nm)))
            for i, band in by_wavelength
        )
        return BandAxis(tuple(places), "log", "Wavelength (nm)")
    suffixes = list(dict.fromkeys(band.suffix for _, band in bands))
    ordered = sorted(bands, key=lambda one: (suffixes.index(one[1].suffix), one[1].wavelength_nm or 0))
    groups = [list(group) for _, group in groupby(ordered, key=lambda one: one[1].suffix)]
    return _in_order(groups, "Band and date")


def _in_order(groups: Sequence[Sequence[tuple[int, Band]]], title: str) -> BandAxis:
    """Bands side by side, with a free place between groups."""
    places: list[BandPlace] = []
    headings: list[tuple[float, str]] = []
    for number, group in enumerate(groups):
        headings.append((float(len(places) + number), shortened(group[0][1].suffix.strip(" _-"))))
        for i, band in group:
            label = in_two_lines(band.root if len(groups) > 1 else band.name)
            places.append(BandPlace(i, band, float(len(places) + number), number, label))
    return BandAxis(tuple(places), "linear", title, tuple(headings) if len(groups) > 1 else ())


def ticks_at_bands(axis: BandAxis, inks: Inks) -> Spec:
    """Ticks at the bands, labelled in two lines; of labels that would overlap the later ones go."""
    labels = {f"{place.x:g}": [line for line in place.label if line] for place in axis.places}
    return {
        "title": axis.title,
        "values": [place.x for place in axis.places],
        "labelExpr": f"{json.dumps(labels)}[datum.value]",
        "labelAngle": 0,
        "labelOverlap": "greedy",
        "labelSeparation": 4,
        "labelFlush": False,
        "grid": True,
        **axis_inks(inks),
    }
