"""A scene: its values, and what hides its pixels."""

from __future__ import annotations

from s2dash.core.scene.masking import OtherBands, hidden_by_cause, masked_shares, valid_pixels
from s2dash.core.scene.scene import LIVE_PIXELS, Scene
from s2dash.core.scene.values import (
    AREA,
    FILE_MASK,
    NO_MASKING,
    SCL,
    Band,
    Fill,
    Layer,
    Masking,
    MaskLayer,
    Pixels,
    Reflectance,
)

__all__ = [
    "AREA",
    "FILE_MASK",
    "LIVE_PIXELS",
    "NO_MASKING",
    "SCL",
    "Band",
    "Fill",
    "Layer",
    "MaskLayer",
    "Masking",
    "OtherBands",
    "Pixels",
    "Reflectance",
    "Scene",
    "hidden_by_cause",
    "masked_shares",
    "valid_pixels",
]
