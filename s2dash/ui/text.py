"""Words and numbers as the page shows them: escaping of outside text, and figures with their units."""

from __future__ import annotations

import html
import math
import re
from dataclasses import dataclass

_LONE = r":|@|(?<=www)\.|[-<>=~](?=[-<>=~])|(?<=[-<>=~])[-<>=~]"
_ACTIVE = r"[\\`*_{}\[\]<>#|~$&!^\n\r\t]"
_AT_EDGES = r"^[ 0-9+=-]| \Z"
_MARKUP = re.compile(f"(?P<lone>{_LONE})|{_ACTIVE}|{_AT_EDGES}", re.IGNORECASE)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def plain(text: str) -> str:
    """Text from outside as Streamlit markdown that shows exactly this text, and nothing but text.

    Characters with a meaning become character references, at the start also those that begin a
    list, a heading or a rule. That is not enough for what Streamlit looks for after markdown is
    parsed (`:material_x:`, `:streamlit:`, emoji shortcodes, arrows such as `->`, bare addresses):
    one character of each stands in a `:color[]` without a colour, which draws a bare span, so that
    no piece of text holds the whole pattern. Line breaks are shown as spaces.
    """
    return _MARKUP.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    reference = f"&#{ord(found[0])};"
    return f":color[{reference}]" if found["lone"] else reference


def heard(markdown: str) -> str:
    """The page's own Markdown as plain words, for those who listen: without icons, colours and emphasis."""
    bare = re.sub(r":material/\w+:|:\w+\[|\]|\*\*", "", markdown)
    return " ".join(html.unescape(bare).split())


def number(value: float, decimals: int = 0) -> str:
    """`1,234,567` or, with decimals, `1,234.50`; a dash where there is no finite number."""
    if not math.isfinite(value):
        return "–"
    shown = f"{value:,.{decimals}f}"
    return shown.removeprefix("-") if float(shown.replace(",", "")) == 0 else shown


@dataclass(frozen=True)
class AreaUnit:
    """A unit for a column of areas."""

    heading: str
    symbol: str
    hectares: float
    """Hectares in one of it."""

    def figure(self, area_ha: float) -> str:
        """The area as a number of this unit, without its symbol."""
        return _measured(area_ha / self.hectares)


HECTARES = AreaUnit("Hectares", "ha", 1.0)
SQUARE_KILOMETRES = AreaUnit("km²", "km²", 100.0)
_LARGE_AREA_HA = 99_999.5


def area_unit(largest_ha: float) -> AreaUnit:
    """The unit in which areas up to this one are easiest to read: km² from 100,000 hectares on."""
    return SQUARE_KILOMETRES if largest_ha >= _LARGE_AREA_HA else HECTARES


def area(area_ha: float) -> str:
    """`88.5 ha`, `1,817 ha`, or `1,234 km²` from 100,000 hectares on."""
    unit = area_unit(area_ha)
    return f"{unit.figure(area_ha)} {unit.symbol}"


def share(part: float) -> str:
    """A share of 0 to 1 in percent, `22.3 %`; what rounds away is `< 0.1 %` or `> 99.9 %`."""
    if not math.isfinite(part):
        return "–"
    if part in (0, 1):
        return f"{part:.0%}".replace("%", " %")
    if 0 < part < 0.0005:
        return "< 0.1 %"
    if 0.9995 <= part < 1:
        return "> 99.9 %"
    return f"{number(part * 100, 1)} %"


def pixels(count: int) -> str:
    """`1 pixel`, `589,824 pixels`, `120 million pixels`."""
    if count >= 10_000_000:
        return f"{number(count / 1_000_000)} million pixels"
    return f"{number(count)} {'pixel' if count == 1 else 'pixels'}"


def distance(metres: float) -> str:
    """`0.6 m`, `10 m`, `7.7 km`, `1,234 km`."""
    if not math.isfinite(metres):
        return "–"
    value, unit = (metres, "m") if abs(metres) < 999.5 else (metres / 1000, "km")
    few_digits = abs(value) < (9.95 if unit == "m" else 99.95)
    figure = number(value, 1).removesuffix(".0") if few_digits else number(value)
    return f"{figure} {unit}"


def duration(seconds: float) -> str:
    """`0.3 s`, `42 s`, `about 2 min`, `about 1 h 20 min`."""
    if not math.isfinite(seconds):
        return "–"
    if seconds < 0.05:
        return "less than 0.1 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"about {minutes} min"
    hours, rest = divmod(round(minutes / 10) * 10, 60)
    return f"about {number(hours)} h" + (f" {rest} min" if rest else "")


def time_left(seconds: float | None) -> str:
    """` 3 s left`, whole seconds, to put behind what is being done; nothing where it is not known."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    return f" {max(1, math.ceil(seconds))} s left" if seconds < 59 else f" {duration(seconds)} left"


def _measured(value: float) -> str:
    """A measured number without false digits: whole from 100 on, one decimal from 1 on, else two."""
    if not math.isfinite(value):
        return "–"
    if 0 < value < 0.005:
        return "< 0.01"
    if value == 0 or value >= 99.95:
        return number(value)
    return number(value, 1 if value >= 0.995 else 2)


def day(iso_date: str) -> str:
    """`12 Jan 2016` for 2016-01-12."""
    year, month, day_of_month = iso_date.split("-")
    return f"{int(day_of_month)} {_MONTHS[int(month) - 1]} {year}"
