"""How the page looks: its name, mark and colours beside those of .streamlit/config.toml. Sizes are in look.css."""

from __future__ import annotations

import base64
from functools import cache

import streamlit as st

from s2dash.ingest import EXAMPLES
from s2dash.ui.map_place import MAP_CSS
from s2dash.ui.scenes_table import CSS as SCENES_CSS

NAME = "Land cover explorer"
PURPOSE = "Groups the pixels of a satellite picture that look alike, and shows the groups on a map."

_SQUARES = (("0", "4", "#3479c7"), ("13", "4", "#b9ea85"), ("0", "17", "#b68535"), ("13", "17", "#557d5a"))
_FONTS = "'Source Sans 3','Source Sans Pro',system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif"


def mark_svg(ink: str) -> str:
    """The mark with the page's name beside it, in the given ink."""
    squares = "".join(f'<rect x="{x}" y="{y}" width="11" height="11" rx="2.5" fill="{c}"/>' for x, y, c in _SQUARES)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="214" height="32" viewBox="0 0 214 32">{squares}'
        f'<text x="34" y="22.5" textLength="166" lengthAdjust="spacingAndGlyphs" font-family="{_FONTS}" '
        f'font-size="18.5" font-weight="600" fill="{ink}">{NAME}</text></svg>'
    )


def data_uri(svg: str) -> str:
    """An SVG as an address that images take."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def is_dark() -> bool:
    """Whether the reader's theme is dark; light until the browser has said."""
    return st.context.theme.type == "dark"


def apply_look(dark: bool) -> None:
    """Put the mark and the colours that Streamlit's theme lacks on the page; sizes and places are in look.css."""
    st.logo(data_uri(mark_svg("#e8eeeb" if dark else "#14201c")), size="large")
    st.html(f"<style>{_DARK_CSS if dark else _LIGHT_CSS}{MAP_CSS}{SCENES_CSS}</style>")


def show_pictures_of_examples() -> None:
    """The buttons of the examples show pictures; their words stay for those who listen."""
    st.html(f"<style>{_pictures_of_examples()}</style>")


@cache
def _pictures_of_examples() -> str:
    return "".join(
        f".st-key-example-{one.key} button{{background-image:url(data:image/png;base64,"
        f"{base64.b64encode(one.thumbnail.read_bytes()).decode()})!important}}"
        for one in EXAMPLES
    )


def keep_place_of_legend(classes: int, dense: bool) -> None:
    """Keep the legend as high as its rows need, also while it is not drawn."""
    st.html(f"<style>:root{{--classes:{classes};--class-row:var(--{'dense' if dense else 'roomy'}-class)}}</style>")


def keep_place_of_band_names(longest: int) -> None:
    """Chips in the list of bands show names of so many characters, and nothing of the words after them."""
    st.html(f"<style>:root{{--band-name:{min(max(longest, 3), 14)}ch}}</style>")


_LIGHT_CSS = (
    ":root{--chip:#e3eae7;--chip-ink:#14201c;--paper:#ffffff;--bad:#b3261e;--brand:#0f6b5c;--line:#d3dbd8;--hair:#e4eae8;"
    "--field:#ffffff;--edge:rgb(11 21 18/.28);--surround:#e4e9e7}"
)
_DARK_CSS = (
    ":root{--chip:#2b3835;--chip-ink:#e8eeeb;--paper:#101615;--bad:#ff9a90;--brand:#4cc9b0;--line:#33403c;--hair:#26312e;"
    "--field:#1d2725;--edge:rgb(232 238 235/.3);--surround:#1b2422}"
    "[data-testid=stBaseButton-primary]:not(:disabled) *{color:#06201a}"
    # Streamlit darkens the primary colour where such a button is held or open: 3.2 : 1 on this background.
    "button[kind=tertiary]:is(:active,[aria-expanded=true]){color:#4cc9b0!important}"
)
