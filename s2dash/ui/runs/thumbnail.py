"""A small picture of a map's classes, to know it by."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from s2dash.core.classmap import Result
from s2dash.core.legend import Legend

SIDE = 104
"""Pixels of its width and height; shown at half of that, sharp on fine screens."""


def thumbnail(result: Result, legend: Legend) -> str:
    """The middle of the live picture's labels in the legend's colours, square, as an address that images take."""
    labels = result.classmap.labels
    assert labels is not None, "a live result has its labels in memory"
    height, width = labels.shape
    length = min(height, width)
    places = ((np.arange(SIDE) + 0.5) * length / SIDE).astype(np.intp)
    small = labels[np.ix_((height - length) // 2 + places, (width - length) // 2 + places)]
    picture = Image.fromarray(np.ascontiguousarray(small), mode="P")
    picture.putpalette(legend.rgba().tobytes(), "RGBA")
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
