"""The collapsible explanation of what the tool does, with its picture."""

from __future__ import annotations

import streamlit as st

from s2dash.ui import look

_PICTURE = (
    "2c4a5e 31506a 2f4c60 37513a 3d5a3f 41603f 2b4a5c 34556e 33503f 42613f 7c6a4e 8a7758 "
    "31506a 3a543b 45653f 85714f 927d5c 8d7a5a 37513a 43623f 7f6c4d 8a7656 d8cbb0 e4d9c1 "
    "3f5d3e 486a42 8a7656 948060 e4d9c1 efe6d2 44643f 4a6c44 917d5d d8cbb0 efe6d2 e9dfca"
)
_GROUPS = "wwwvvvwwvvbbwvvbbbvvbbssvvbbssvvbsss"
_COLOURS = {"w": "3479c7", "v": "557d5a", "b": "b68535", "s": "f9eed0"}
_DOTS = {
    "w": ((150, 84), (158, 76), (164, 86)),
    "v": ((172, 30), (180, 22), (186, 34), (176, 42)),
    "b": ((208, 62), (216, 54), (222, 66)),
    "s": ((230, 24), (238, 32), (226, 34)),
}
_ALT = "Three steps: a picture made of squares, the squares as dots in groups, and the squares coloured by group"
_WORDS = """
**1  A picture in many colours.** Sentinel-2 measures each 10 m square of ground in up to 13 colours of light,
some of them invisible.

**2  Squares that look alike.** The computer sorts all squares into as many groups as you ask for. Nobody tells it
what a forest is.

**3  You name the groups.** A group is only “these look alike”. You know the place: click a name in the legend to
say what it is.
"""


def how_this_works() -> None:
    """The button and what it opens: what the tool does, in a sentence and a picture."""
    with (
        st.popover("How this works", icon=":material/help:", type="tertiary", key="how"),
        st.container(width=400),
    ):
        st.markdown(f"**{look.PURPOSE}**")
        st.image(look.data_uri(_steps_svg("#e8eeeb" if look.is_dark() else "#14201c")), width="stretch", alt=_ALT)
        st.markdown(_WORDS)


def _steps_svg(ink: str) -> str:
    """The three steps, drawn in the given ink."""
    dots = "".join(
        f'<circle cx="{x}" cy="{y}" r="4.6" fill="#{_COLOURS[kind]}" stroke="{ink}" stroke-opacity=".4"/>'
        for kind, places in _DOTS.items()
        for x, y in places
    )
    arrows = "".join(f'<path d="M{x} 52h14m-5 -5l5 5l-5 5" fill="none" stroke="{ink}"/>' for x in (110, 262))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 112" width="400" height="112">'
        f"{_squares(8, _PICTURE.split())}{_squares(296, [_COLOURS[kind] for kind in _GROUPS])}{dots}{arrows}"
        f'<path d="M140 16V98H250" fill="none" stroke="{ink}" stroke-opacity=".5"/></svg>'
    )


def _squares(left: int, colours: list[str]) -> str:
    return "".join(
        f'<rect x="{left + 14 * (i % 6)}" y="{10 + 14 * (i // 6)}" width="13" height="13" fill="#{colour}"/>'
        for i, colour in enumerate(colours)
    )
