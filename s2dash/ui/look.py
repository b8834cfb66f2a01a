"""How the page looks: its name, mark and style rules. Colours come from .streamlit/config.toml."""

from __future__ import annotations

import base64

import streamlit as st

from s2dash.ui.map_view import MAP_CSS
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
    """Put the style rules and the mark on the page."""
    st.logo(data_uri(mark_svg("#e8eeeb" if dark else "#14201c")), size="large")
    st.html(f"<style>{_CSS}{_DARK_CSS if dark else _LIGHT_CSS}{MAP_CSS}{SCENES_CSS}</style>")


_CSS = """
[data-testid=stMainBlockContainer]{padding-inline:1.25rem}
[data-testid=stSidebarContent] [data-testid=stVerticalBlock]{gap:.65rem}
[data-testid=stCaptionContainer]{opacity:.82}
.st-key-bands [data-tag]{max-width:4rem;background:var(--chip);color:var(--chip-ink)}
.st-key-bands [data-tag] *{color:var(--chip-ink)}
.st-key-bands [data-tag]>span:first-child{
  max-width:1.5rem;overflow:hidden;text-overflow:clip;white-space:nowrap
}
[data-testid=stSidebar] [data-testid=stButtonGroup] button{padding-inline:.55rem}
[data-testid=stSidebar] [data-testid=stButtonGroup] button p{font-size:.82rem}
[data-testid=stSidebar] [data-testid=stButtonGroup] div{gap:.3rem}
[data-stale=true]{opacity:1!important}
.st-key-opensidebar{display:none}
.st-key-status{min-height:1.6rem}
.st-key-fullrun{min-height:2.5rem}
@media (max-width:1000px){
  [data-testid=stLayoutWrapper]:has(>.st-key-side),.st-key-side{width:100%!important;flex-basis:100%!important}
}
@media (max-width:640px){
  [data-testid=stMainBlockContainer]{padding-inline:.9rem}
  .st-key-opensidebar{display:block}
  .st-key-fullrun{row-gap:.35rem!important;min-height:5.9rem;align-content:center}
  .st-key-fullrun>[data-testid=stLayoutWrapper]:first-child{flex:1 0 100%}
  .st-key-fullrun>[data-testid=stElementContainer]:has(.stCheckbox){flex:1}
  .st-key-fullrun>[data-testid=stElementContainer]:not(:has(.stCheckbox))~[data-testid=stElementContainer]:last-child{flex:1}
  .st-key-header{row-gap:.1rem!important}
  .st-key-header>[data-testid=stLayoutWrapper]:first-child,.st-key-header [data-testid=stHorizontalBlock]{
    display:contents
  }
  .st-key-header [data-testid=stHorizontalBlock]>[data-testid=stElementContainer]{flex:1 1 0;min-width:0}
  .st-key-header [data-testid=stHorizontalBlock]>[data-testid=stLayoutWrapper]{order:2;flex:1 0 100%}
}
"""
_LIGHT_CSS = ":root{--chip:#e3eae7;--chip-ink:#14201c;--paper:#ffffff;--bad:#b3261e}"
_DARK_CSS = (
    ":root{--chip:#2b3835;--chip-ink:#e8eeeb;--paper:#101615;--bad:#ff9a90}"
    "[data-testid=stBaseButton-primary]:not(:disabled) *{color:#06201a}"
)
