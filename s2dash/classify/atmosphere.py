"""Dark-object subtraction: an estimate of haze from the picture's own darkest pixels, for top-of-atmosphere scenes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from s2dash.core.scene import Masking, Scene, valid_pixels

_DARK_PERCENTILE = 0.01
_DARK_REFLECTANCE = 0.01


def without_haze(scene: Scene, stack: np.ndarray) -> Scene:
    """The scene with each band's haze subtracted in its offsets (DOS1); its stored numbers stay as they are.

    Parameters
    ----------
    stack : the scene's `read_preview_stack`

    The darkest object of a band is where 0.01 % of its valid pixels are as dark or darker (Sobrino,
    Jiménez-Muñoz and Paolini, Remote Sensing of Environment 90, 2004), and is taken to reflect 1 % in
    truth (Moran et al., Remote Sensing of Environment 41, 1992; Chavez, Photogrammetric Engineering and
    Remote Sensing 62, 1996). In reflectance, DOS1 is then rho - max(0, rho_dark - 0.01): nothing is
    added where the darkest is below 1 % already.
    """
    reflectance = scene.reflectance
    offsets = []
    numbers = zip(reflectance.offsets, reflectance.quantifications, strict=True)
    for position, (offset, quantification) in enumerate(numbers):
        band = stack[position][valid_pixels(scene, [position], stack, Masking())]
        dark = float(np.percentile(band, _DARK_PERCENTILE)) if band.size else 0.0
        haze = max(0.0, dark + offset - _DARK_REFLECTANCE * quantification)
        offsets.append(offset - haze)
    sentence = f"{reflectance.sentence} Haze of each band subtracted (DOS1)."
    return replace(scene, reflectance=replace(reflectance, offsets=tuple(offsets), sentence=sentence))
