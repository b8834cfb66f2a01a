"""What the classification that came with a product means as names of classes."""

from __future__ import annotations

from collections.abc import Mapping

from s2dash.classify.naming.overlap import NamedCode
from s2dash.core import missions
from s2dash.core.scene import SCL, MaskLayer, Scene

_SCL_NAMES: Mapping[int, NamedCode] = {
    2: NamedCode("Shadow or dark ground", "a dark feature or shadow"),
    3: NamedCode("Cloud shadow", "cloud shadow"),
    4: NamedCode("Plants", "vegetation"),
    5: NamedCode("Bare ground", "not vegetated"),
    6: NamedCode("Water", "water"),
    8: NamedCode("Cloud", "cloud"),
    9: NamedCode("Cloud", "cloud"),
    10: NamedCode("Thin cloud", "thin cirrus"),
    11: NamedCode("Snow or ice", "snow or ice"),
}
_QUALITY_NAMES = {code: _SCL_NAMES[code] for code in (3, 6, 9, 10, 11)}
"""Quality bands say of most ground only that it is clear."""


def classification_of(scene: Scene) -> tuple[int, MaskLayer] | None:
    """The scene's first classification and its place among the masks; None where none came with it."""
    return next(((i, mask) for i, mask in enumerate(scene.masks) if mask.kind == SCL), None)


def names_of(mask: MaskLayer) -> tuple[Mapping[int, NamedCode], str]:
    """What its numbers mean, and what it is called in a reason."""
    if mask.quality is None:
        return _SCL_NAMES, "the product's own classification"
    if mask.quality == missions.S2CLOUDLESS:
        return _QUALITY_NAMES, "the guess of s2cloudless"
    is_of_clouds = mask.quality in (missions.CLASSI, missions.CLOUDS)
    return _QUALITY_NAMES, "the product's cloud mask" if is_of_clouds else "the product's quality band"
