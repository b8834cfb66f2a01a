"""Sheets set by Typst: a template of ours, values as JSON, pictures as files; what comes from outside stays data."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    # At run time loaded where something is set: the page needs its exports' names, and few users a sheet.
    from typst import Fonts

_COMMON = Path(__file__).with_name("common.typ")
_FONTS = Path(__file__).parents[1] / "data" / "fonts"
PIXELS_PER_UNIT = 2
"""Of a slide's PNG: twice the density of a screen of 1920 by 1080."""
_POINTS_PER_INCH = 72


def typeset(
    template: Path, values: Mapping[str, Any], files: Mapping[str, bytes], form: Literal["pdf", "png"]
) -> bytes:
    """The sheet that a template makes of values, which it reads from `values.json`, and of files by their names.

    A PNG has `PIXELS_PER_UNIT` pixels a point. The same input gives the same bytes on one machine.
    """
    return _set(template.read_bytes(), values, files, form)


def _set(template: bytes, values: Mapping[str, Any], files: Mapping[str, bytes], form: Literal["pdf", "png"]) -> bytes:
    import typst

    with tempfile.TemporaryDirectory(prefix="s2dash-") as name:
        folder = Path(name)
        main = folder / "main.typ"
        main.write_bytes(template)
        (folder / _COMMON.name).write_bytes(_COMMON.read_bytes())
        (folder / "values.json").write_text(json.dumps(values, allow_nan=False), encoding="utf-8")
        for file_name, content in files.items():
            (folder / file_name).write_bytes(content)
        made = typst.compile(
            str(main),
            root=name,
            font_paths=_fonts(),
            format=form,
            ppi=float(_POINTS_PER_INCH * PIXELS_PER_UNIT),
        )
    assert isinstance(made, bytes), "a PNG of ours is one page"
    return made


@cache
def _fonts() -> Fonts:
    """Ours first; those of the machine fill in for other scripts."""
    from typst import Fonts

    return Fonts(font_paths=[str(_FONTS)])


def svg_png(svg: str, width: int) -> bytes:
    """A drawing of ours without words as a PNG of twice so many pixels, on nothing."""
    sheet = f'#set page(width: auto, height: auto, margin: 0pt, fill: none)\n#image("drawing.svg", width: {width}pt)\n'
    return _set(sheet.encode(), {}, {"drawing.svg": svg.encode()}, "png")
