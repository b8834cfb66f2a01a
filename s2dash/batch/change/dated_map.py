"""A class map in a file as one of two dates: where it lies, what its classes are called, and when it was."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import rasterio

from s2dash.core.grid import Grid
from s2dash.core.legend import Legend, LegendEntry, clean_name
from s2dash.errors import RecipeError, UnreadableFile
from s2dash.export.contents import one_line
from s2dash.raster.door import GDAL_ERRORS, open_raster

_CLASS_TAG = re.compile(r"CLASS_([1-9][0-9]{0,2})")
_HIGHEST_CLASS = 255


@dataclass(frozen=True, eq=False)
class DatedMap:
    """A GeoTIFF of classes as s2dash writes it."""

    path: Path
    grid: Grid
    legend: Legend
    title: str
    """Of its scene."""
    date: str = ""
    """Of its scene, as its metadata have it; empty where that is not known."""
    attribution: str = ""

    @property
    def name(self) -> str:
        """What to call it beside another: by its date where that is known."""
        return self.date or self.title


def read_dated_map(path: Path, title: str = "", date: str = "") -> DatedMap:
    """What a GeoTIFF of classes says of itself.

    Parameters
    ----------
    title, date : where the caller knows better than the file

    Raises UnreadableFile where it is no such file.
    """
    try:
        with open_raster(path) as dataset:
            return _read(path, dataset, title, date)
    except GDAL_ERRORS as error:
        raise UnreadableFile(f"{path.name} cannot be read as a GeoTIFF: {one_line(str(error))}.") from error


def _read(path: Path, dataset: rasterio.DatasetReader, title: str, date: str) -> DatedMap:
    tags = dataset.tags()
    names = {int(found[1]): text for key, text in tags.items() if (found := _CLASS_TAG.fullmatch(key))}
    fits = dataset.count == 1 and dataset.dtypes == ("uint8",) and max(names, default=0) <= _HIGHEST_CLASS
    if not fits or not names:
        raise UnreadableFile(
            f"{path.name} is no class map of s2dash: it has no names of classes. Give GeoTIFFs that the page or "
            "`s2dash classify` and `s2dash batch` have written."
        )
    colours = _colours(dataset)
    entries = tuple(
        LegendEntry(number, clean_name(names[number]) or f"Class {number}", "#{:02x}{:02x}{:02x}".format(*colour[:3]))
        for number in sorted(names)
        for colour in (colours.get(number, (128, 128, 128)),)
    )
    crs = dataset.crs.to_wkt() if dataset.crs else None
    return DatedMap(
        path,
        Grid(dataset.shape, dataset.transform, crs),
        Legend(entries),
        one_line(title or tags.get("S2DASH_SCENE", "")) or path.stem,
        one_line(date or tags.get("S2DASH_DATE", "")),
        one_line(tags.get("ATTRIBUTION", "")),
    )


def _colours(dataset: rasterio.DatasetReader) -> dict[int, tuple[int, ...]]:
    try:
        return dict(dataset.colormap(1))
    except ValueError:  # there is no table
        return {}


def require_same_classes(before: DatedMap, after: DatedMap) -> None:
    """Raise RecipeError where a number means something else in one of the maps than in the other."""
    one, other = ({entry.id: entry.name for entry in dated.legend.entries} for dated in (before, after))
    for number in sorted(one.keys() | other.keys()):
        if one.get(number) != other.get(number):
            raise RecipeError(
                f"The maps do not have the same classes: number {number} is {one.get(number, 'no class')} in "
                f"{before.path.name} and {other.get(number, 'no class')} in {after.path.name}. Classify both dates "
                "together: with Many scenes on the page, or with `s2dash batch`."
            )
