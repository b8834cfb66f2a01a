"""What a map of classes calls its codes and how it colours them: tags, colour table, and GDAL's side-car."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

import rasterio

from s2dash.core.legend import clean_name
from s2dash.errors import UnreadableFile
from s2dash.ingest.safe_xml import local_name, parsed_xml, text_of

MOST_ROWS = 10_000
"""Of category names or an attribute table; tables of land cover have a few dozen."""
_CLASS_TAG = re.compile(r"CLASS_(\d{1,3})")
_WHOLE = re.compile(r"-?\d{1,9}(\.0*)?")
_NAME, _MIN_MAX, _RED, _GREEN, _BLUE = "2", "5", "6", "7", "8"
"""What GDAL calls the usage of a column (`GDALRATFieldUsage`)."""
_HEADINGS = {"value": _MIN_MAX, "class_name": _NAME, "name": _NAME, "label": _NAME, "class": _NAME}
"""What columns are often called whose usage is not stated."""


@dataclass(frozen=True)
class LabelWords:
    """Names and colours, `#rrggbb`, by code."""

    names: Mapping[int, str] = field(default_factory=dict)
    colours: Mapping[int, str] = field(default_factory=dict)

    def then(self, other: LabelWords) -> LabelWords:
        """Both, of which the other counts where they say different things."""
        return LabelWords({**self.names, **other.names}, {**self.colours, **other.colours})

    def of(self, codes: Iterable[int]) -> LabelWords:
        """What they say of these codes."""
        known = set(codes)
        return LabelWords(
            {code: name for code, name in self.names.items() if code in known},
            {code: colour for code, colour in self.colours.items() if code in known},
        )


def words_in(dataset: rasterio.DatasetReader) -> LabelWords:
    """Names where the file is a class map of our own, and its colour table where it has one."""
    tagged = ((_CLASS_TAG.fullmatch(key), value) for key, value in dataset.tags().items())
    names = _clean((int(match[1]), value) for match, value in tagged if match)
    try:
        table = dataset.colormap(1)
    except ValueError:
        table = {}
    return LabelWords(names, {code: _hex(rgba[:3]) for code, rgba in table.items() if rgba[3]})


def words_in_sidecar(xml: bytes, name: str) -> LabelWords:
    """Category names and attribute table of the first band in GDAL's `.aux.xml`, of which the table counts more.

    Nothing else of it is looked at, nor what it refers to. Raises UnreadableFile for what is no such file.
    """
    root = parsed_xml(xml, name)
    if local_name(root) != "PAMDataset":
        raise UnreadableFile(f"{name} holds no names of classes. Give the .aux.xml that belongs to the map, or none.")
    band = next((one for one in root if local_name(one) == "PAMRasterBand" and one.get("band") == "1"), None)
    found = LabelWords()
    for part in () if band is None else band:
        if len(part) > MOST_ROWS:
            raise UnreadableFile(f"{name} has {len(part):,} names; at most {MOST_ROWS:,} are read. Leave it out.")
        if local_name(part) == "CategoryNames":
            found = LabelWords(_clean(enumerate(text_of(one) for one in part))).then(found)
        elif local_name(part) == "GDALRasterAttributeTable":
            found = found.then(_of_table(part))
    return found


def _of_table(table: Element) -> LabelWords:
    usages = [_usage(one) for one in table if local_name(one) == "FieldDefn"]
    rows = [dict(zip(usages, map(text_of, one), strict=False)) for one in table if local_name(one) == "Row"]
    known = [(int(float(row[_MIN_MAX])), row) for row in rows if _WHOLE.fullmatch(row.get(_MIN_MAX, ""))]
    names = _clean((code, row.get(_NAME, "")) for code, row in known)
    lights = ((code, [row.get(one, "") for one in (_RED, _GREEN, _BLUE)]) for code, row in known)
    return LabelWords(names, {code: _hex([int(v) for v in rgb]) for code, rgb in lights if all(map(_is_byte, rgb))})


def _usage(column: Element) -> str:
    """What a column is for; its own heading where nothing is known of it."""
    said = {local_name(one): text_of(one) for one in column}
    usage, heading = said.get("Usage", ""), said.get("Name", "")
    known = usage in (_NAME, _MIN_MAX, _RED, _GREEN, _BLUE)
    return usage if known else _HEADINGS.get(heading.casefold(), f"other {heading}")


def _is_byte(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 3 and int(text) <= 255


def _hex(rgb: Iterable[int]) -> str:
    return "#" + "".join(f"{value:02x}" for value in rgb)


def _clean(names: Iterable[tuple[int, str]]) -> dict[int, str]:
    cleaned = ((code, clean_name(words)) for code, words in names)
    return {code: words for code, words in cleaned if words}
