"""A slide of a map, as a picture and as PowerPoint: satellite picture and classes side by side, and the legend."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from s2dash.export.contents import Export, staged
from s2dash.export.handover import Handover
from s2dash.export.locator import globe_svg
from s2dash.export.slide.contents import SlideContents, slide_contents
from s2dash.export.typeset import PIXELS_PER_UNIT, typeset
from s2dash.export.views import classes_png

_TEMPLATE = Path(__file__).with_name("slide.typ")


def write_slide(handover: Handover, out: Path) -> None:
    """Write the slide as a PNG of 3840 by 2160, white ground, classes in exactly the legend's colours.

    Takes previews too, and says that it is one. Raises OutputConflict where `out` cannot be written,
    RecipeError or BrokenResult where legend, counts and labels do not fit each other.
    """
    png = slide_png(handover)
    with staged(out) as path:
        path.write_bytes(png)


def slide_png(handover: Handover) -> bytes:
    """The PNG that `write_slide` writes."""
    contents = slide_contents(handover)
    files = {f"picture{i}.png": png for i, png in enumerate(picture_files(handover, contents, PIXELS_PER_UNIT))}
    globe = globe_svg(handover.result.classmap.grid)
    if globe is not None:
        files["globe.svg"] = globe.encode()
    return typeset(_TEMPLATE, _values(contents, list(files), globe is not None), files, "png")


def picture_files(handover: Handover, contents: SlideContents, density: int) -> list[bytes]:
    """The pictures of a slide as PNGs, so many pixels a unit."""
    sizes = [(box.width * density, box.height * density) for box in contents.layout.pictures]
    satellite = [contents.picture.png(contents.lies, sizes[0])] if contents.picture else []
    return [*satellite, classes_png(handover, contents.lies, sizes[-1])]


def _values(contents: SlideContents, names: list[str], has_globe: bool) -> dict[str, Any]:
    layout = contents.layout
    return {
        "title": contents.title,
        "subtitle": contents.subtitle,
        "pictures": [
            [asdict(box), words, name]
            for box, words, name in zip(layout.pictures, contents.captions, names, strict=False)
        ],
        "heads": contents.heads,
        "rows": [asdict(row) for row in contents.rows],
        "notes": contents.notes,
        "attribution": contents.attribution,
        "author": contents.author,
        "no_place": contents.no_place,
        "scale": None if contents.scale is None else asdict(contents.scale),
        "north": contents.lies.north_deg,
        "globe": has_globe,
        "legend": asdict(layout.legend),
        "row_height": layout.row_height,
        "font_size": layout.font_size,
        "rows_top": layout.rows_top,
        "scale_top": layout.scale_top,
    }


EXPORT = Export(
    key="slide",
    card="picture",
    label="Slide (PNG)",
    short="Slide",
    suffix="-slide.png",
    mime="image/png",
    help="Satellite picture and classes side by side with legend, scale and source, 16:9, for a talk or a letter.",
    needs_full=False,
    needs_place=False,
    write=write_slide,
)
