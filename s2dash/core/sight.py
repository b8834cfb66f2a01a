"""How far apart colours look, to people who see every colour and to those who do not see red or green."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_TO_XYZ = np.array(
    [[0.4123908, 0.3575843, 0.1804808], [0.2126390, 0.7151687, 0.0721923], [0.0193308, 0.1191948, 0.9505322]]
)
_WHITE = np.array([0.9504559, 1.0, 1.0890578])

_MACHADO = (
    np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
)
"""Machado, Oliveira and Fernandes (2009) at full severity: no green, no red."""

_TO_LMS = np.array(
    [
        [0.178824041, 0.435160906, 0.041193497],
        [0.034556423, 0.271553825, 0.038671308],
        [0.000299566, 0.001843090, 0.014670861],
    ]
)
_BRETTEL = (
    (
        np.array([[2.075713826, 0, -21.409141476], [1.466463363, 0, 2.331743946], [-0.226614900, 0, 68.306543438]]),
        np.array([[2.124834794, 0, -23.323256212], [1.446130848, 0, 3.124048514], [-0.225063546, 0, 68.246091268]]),
        np.array([-0.016813516536, 0.0, 0.655178443878]),
    ),
    (
        np.array([[0, 4.645203550, -35.779576942], [0, 3.161456207, -5.353537465], [0, -0.492022244, 69.565470886]]),
        np.array([[0, 4.500783063, -32.818059626], [0, 3.179741536, -5.728500320], [0, -0.491370485, 69.552105719]]),
        np.array([0.0, 0.016813516536, -0.344781556122]),
    ),
)
"""Brettel, Vienot and Mollon (1997), from cone responses: each half of the colours, and the plane between them."""


def least_differences(colours: Sequence[str], others: Sequence[str] | None = None) -> np.ndarray:
    """CIEDE2000 of each of the colours (`#rrggbb`) to each of the others, in the sight that tells them least apart.

    Shape (colours, others); the others are the colours themselves where there are none.
    """
    seen = _as_seen(colours)
    beside = seen if others is None else _as_seen(others)
    return np.asarray(np.min([_ciede2000(one, other) for one, other in zip(seen, beside, strict=True)], axis=0))


def _as_seen(colours: Sequence[str]) -> list[np.ndarray]:
    """CIE Lab of the colours in each sight, each of shape (n, 3)."""
    coded = np.array([list(bytes.fromhex(colour[1:])) for colour in colours]) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    seen = [linear, *(linear @ matrix.T for matrix in _MACHADO)]
    cones = linear @ _TO_LMS.T
    for one, other, plane in _BRETTEL:
        seen.append(np.where((cones @ plane > 0)[:, None], cones @ other.T, cones @ one.T))
    return [_lab(np.clip(light, 0, 1)) for light in seen]


def _lab(linear: np.ndarray) -> np.ndarray:
    """CIE Lab (D65) of linear sRGB, both of shape (n, 3)."""
    ratio = linear @ _TO_XYZ.T / _WHITE
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def _ciede2000(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The difference of each row of one to each of the other, as Sharma, Wu and Dalal (2005) write it."""
    one_l, one_a, one_b = one.T[:, :, None]
    other_l, other_a, other_b = other.T[:, None, :]
    mean = (np.hypot(one_a, one_b) + np.hypot(other_a, other_b)) / 2
    stretch = 1 + (1 - np.sqrt(mean**7 / (mean**7 + 25.0**7))) / 2
    one_a, other_a = one_a * stretch, other_a * stretch
    one_c, other_c = np.hypot(one_a, one_b), np.hypot(other_a, other_b)
    one_h = np.degrees(np.arctan2(np.broadcast_to(one_b, one_a.shape), one_a)) % 360
    other_h = np.degrees(np.arctan2(np.broadcast_to(other_b, other_a.shape), other_a)) % 360
    grey = one_c * other_c < 1e-12
    turn = np.where(grey, 0, (other_h - one_h + 180) % 360 - 180)
    hue = np.where(grey, one_h + other_h, (one_h + turn / 2) % 360)
    d_light, d_chroma = other_l - one_l, other_c - one_c
    d_hue = 2 * np.sqrt(one_c * other_c) * np.sin(np.radians(turn) / 2)
    light, c = (one_l + other_l) / 2, (one_c + other_c) / 2
    t = 1 - 0.17 * _cos(hue - 30) + 0.24 * _cos(2 * hue) + 0.32 * _cos(3 * hue + 6) - 0.20 * _cos(4 * hue - 63)
    s_light = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    s_chroma, s_hue = 1 + 0.045 * c, 1 + 0.015 * c * t
    rotation = -2 * np.sqrt(c**7 / (c**7 + 25.0**7)) * np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    x, y, z = d_light / s_light, d_chroma / s_chroma, d_hue / s_hue
    return np.asarray(np.sqrt(np.maximum(0, x**2 + y**2 + z**2 + rotation * y * z)))


def _cos(degrees: np.ndarray) -> np.ndarray:
    return np.asarray(np.cos(np.radians(degrees)))


def ink_on(colour: str) -> str:
    """White or black, whichever contrasts more with the colour: never under 4.58 : 1."""
    return "#000000" if _luminance(colour) > 0.179 else "#ffffff"


def _luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` as WCAG has it, 0 to 1."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
