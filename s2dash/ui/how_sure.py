"""How sure the classes are, as the page says it: colours of the steps, their key on the map, a line for each class."""

from __future__ import annotations

import html
from functools import cache

import numpy as np
import streamlit as st

from s2dash.classify.sureness import STEPS, LiveSureness
from s2dash.core.types import frozen
from s2dash.ui import text

COLOURS = ("#b02e5c", "#f4be5a", "#b9d0c7")
"""Of the steps, from the least sure."""
HELP = (
    "How sure shows how clearly each pixel belongs to its class rather than to the next one: the least sure tenth of "
    "this map, the next fifth, and the rest. A close call is not a mistake, nor is a clear one always right."
)


@cache
def sure_colours() -> np.ndarray:
    """RGBA of each step, shape (256, 4), uint8; transparent where there is none."""
    out = np.zeros((256, 4), dtype=np.uint8)
    for step, colour in enumerate(COLOURS, 1):
        out[step] = (*bytes.fromhex(colour[1:]), 255)
    return frozen(out)


def sure_key(sure: LiveSureness) -> None:
    """Draw the key of the steps over the map, the clearest first; look.css has its place."""
    steps = reversed([*zip(STEPS, COLOURS, sure.shares, strict=True)])
    items = "".join(
        f'<li><i style="background:{colour}"></i>{html.escape(words)} <b>{text.share(share)}</b></li>'
        for words, colour, share in steps
    )
    with st.container(key="sure"):
        st.html(f'<ul aria-label="How sure the classes are">{items}</ul>')


def sure_words(sure: LiveSureness) -> dict[int, str]:
    """A line for each class: how much of it could be either; nothing for a class without pixels."""
    return {
        number: f"{text.share(shares[0])} could be either"
        for number, shares in enumerate(sure.class_shares.tolist(), 1)
        if sum(shares) > 0
    }
