"""A check as rows of a table and back without loss: what its CSV and its GeoPackage hold."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from s2dash.core.accuracy import Check
from s2dash.errors import UnreadableValue

COLUMNS = (
    *("place", "map_class", "answer", "unsure", "longitude", "latitude", "x", "y", "row", "col"),
    "design",
)
"""`map_class` is the class that a place was drawn from; `design` stands in the first row, and says how all were."""

_HARMLESS = {ord(sign): f"\\u{ord(sign):04x}" for sign in "=+-@;\uff1d\uff0b\uff0d\uff20"}
"""Signs by which spreadsheets tell formulas and cells; JSON writes them in another way, too."""
_YES = frozenset(("yes", "true", "1"))
Row = Mapping[str, str]


def rows_of(check: Check) -> list[dict[str, str]]:
    """A row for each place, numbers with all their digits."""
    rows = [
        {
            "place": str(number),
            "map_class": place.stratum,
            "answer": place.answer or "",
            "unsure": "yes" if place.unsure else "",
            "longitude": "" if place.lonlat is None else repr(place.lonlat[0]),
            "latitude": "" if place.lonlat is None else repr(place.lonlat[1]),
            "x": repr(place.x),
            "y": repr(place.y),
            "row": str(place.row),
            "col": str(place.col),
            "design": _design(check) if number == 1 else "",
        }
        for number, place in enumerate(check.places, 1)
    ]
    return rows or [dict.fromkeys(COLUMNS, "") | {"design": _design(check)}]


def _design(check: Check) -> str:
    whole = check.to_dict()
    whole.pop("places")
    answers = sorted({place.answer for place in check.places if place.answer is not None})
    return json.dumps(whole | {"answers": answers}, ensure_ascii=False).translate(_HARMLESS)


def check_of(rows: Sequence[Row], cell: Callable[[str], str] = str) -> Check:
    """The check that rows stand for, in the order of their places; columns of other names are passed over.

    Answers may have been typed in meanwhile, and numbers have decimal commas.

    Parameters
    ----------
    cell : what a name was changed to where it might have been a formula, to find the name again

    Raises UnreadableValue that says what is wrong.
    """
    texts = [row["design"] for row in rows if row.get("design", "").strip()]
    if not texts:
        raise UnreadableValue(
            "These check points do not say how they were drawn: the column design is empty. Export them once more."
        )
    design = _parsed(texts[0])
    answers = design.pop("answers", [])
    strata = design.get("strata", [])
    names = [one.get("name") for one in strata if isinstance(one, dict)] if isinstance(strata, list) else []
    known = [*(answers if isinstance(answers, list) else []), *names]
    called = {cell(name): name for name in known if isinstance(name, str)}
    filled = [row for row in rows if row.get("place", "").strip()]
    try:
        places = [_place(row, called) for row in sorted(filled, key=lambda row: _number(row["place"]))]
    except (ValueError, KeyError, OverflowError) as error:
        raise UnreadableValue(f"A row of the check points cannot be read: {error}. Export them once more.") from error
    return Check.from_dict(design | {"places": places})


def _parsed(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableValue("The column design of the check points is damaged. Export them once more.") from error
    if not isinstance(found, dict):
        raise UnreadableValue("The column design of the check points is damaged. Export them once more.")
    return found


def _place(row: Row, called: Mapping[str, str]) -> dict[str, object]:
    lonlat = [row.get("longitude", ""), row.get("latitude", "")]
    answer = _name(row.get("answer", ""), called)
    return {
        "row": int(_number(row["row"])),
        "col": int(_number(row["col"])),
        "x": _number(row["x"]),
        "y": _number(row["y"]),
        "lonlat": [_number(one) for one in lonlat] if all(one.strip() for one in lonlat) else None,
        "stratum": _name(row["map_class"], called),
        "answer": answer or None,
        "unsure": row.get("unsure", "").strip().casefold() in _YES,
    }


def _name(text: str, called: Mapping[str, str]) -> str:
    return called.get(text) or called.get(text.strip(), text.strip())


def _number(text: str) -> float:
    value = float(re.sub(r"^(\s*-?\d+),(\d+)", r"\1.\2", text))
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is no number")
    return value


def header_fits(headings: Iterable[str]) -> bool:
    """Whether a table with these columns may hold check points."""
    return {"place", "map_class", "answer", "x", "y", "row", "col", "design"} <= {one.strip() for one in headings}
