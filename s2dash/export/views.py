"""A map's two pictures as pixels, the way they lie on paper: the satellite's, and the classes in their colours."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from s2dash.core.classmap import ClassMap
from s2dash.core.scene import Scene
from s2dash.errors import S2DashError
from s2dash.export.contents import label_strips
from s2dash.export.ground import Drawn
from s2dash.export.handover import Handover
from s2dash.export.lent import lent_label, lent_rgba
from s2dash.raster.door import GDAL_ERRORS
from s2dash.raster.reading import read_preview_stack
from s2dash.tiles.stretch import picture_rgba, usual_pictures

GROUND = "#e4e9e7"
"""What stands where there is no data."""
_JPEG_QUALITY = 90


@dataclass(frozen=True, eq=False)
class SatellitePicture:
    """A scene as its preview shows it."""

    rgba: np.ndarray
    """Shape (rows, cols, 4), uint8, as stored; transparent where there is no data."""
    label: str
    """What its colours mean."""

    def png(self, lies: Drawn, size_wh: tuple[int, int]) -> bytes:
        """So many pixels wide and high, as it lies on paper."""
        return _png(self._drawn(lies, size_wh))

    def jpeg(self, lies: Drawn, size_wh: tuple[int, int]) -> bytes:
        """The same in a fifth of the bytes, for eyes alone."""
        out = io.BytesIO()
        self._drawn(lies, size_wh).save(out, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
        return out.getvalue()

    def _drawn(self, lies: Drawn, size_wh: tuple[int, int]) -> Image.Image:
        image = Image.fromarray(np.ascontiguousarray(lies.oriented(self.rgba)))
        return _on_ground(image.resize(size_wh, Image.Resampling.BICUBIC))


def satellite_picture(scene: Scene, lender: Scene | None = None) -> SatellitePicture | None:
    """The scene in true colour, or in what comes nearest to it; None where its files are no longer there.

    `lender` is a scene of the same place that lends its picture.
    """
    try:
        if lender is not None:
            return SatellitePicture(lent_rgba(scene, lender), lent_label(lender))
        return _own_picture(scene)
    except (S2DashError, OSError, *GDAL_ERRORS):
        return None


def _own_picture(scene: Scene) -> SatellitePicture:
    first = scene.band_names[0]
    bands, label = next(iter(usual_pictures(scene).values()), ((first, first, first), f"{first}: brightness"))
    return SatellitePicture(picture_rgba(scene, read_preview_stack(scene), bands), label)


def classes_png(handover: Handover, lies: Drawn, size_wh: tuple[int, int]) -> bytes:
    """The classes so many pixels wide and high, in exactly the legend's colours where no class stands alone.

    Raises BrokenResult as `label_strips`.
    """
    labels = lies.oriented(sampled_labels(handover.result.classmap, size_wh))
    rgba = handover.legend.rgba(handover.alone)[labels]
    return _png(_on_ground(Image.fromarray(np.ascontiguousarray(rgba))))


def sampled_labels(classmap: ClassMap, size_wh: tuple[int, int]) -> np.ndarray:
    """The label in the middle of each cell of an even division of the grid, shape (rows, cols), uint8.

    Read strip by strip. Raises BrokenResult as `label_strips`.
    """
    cols, rows = (((np.arange(n) + 0.5) * whole / n).astype(int) for n, whole in _sides(classmap, size_wh))
    taken = []
    for first, strip in label_strips(classmap):
        inside = rows[(rows >= first) & (rows < first + strip.shape[0])]
        taken.append(strip[np.ix_(inside - first, cols)])
    return np.concatenate(taken)


def _sides(classmap: ClassMap, size_wh: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    height, width = classmap.grid.shape_rc
    return (size_wh[0], width), (size_wh[1], height)


def _on_ground(image: Image.Image) -> Image.Image:
    ground = Image.new("RGBA", image.size, GROUND)
    ground.alpha_composite(image)
    return ground.convert("RGB")


def _png(image: Image.Image) -> bytes:
    colours = image.getcolors(256)
    out = io.BytesIO()
    (image.quantize(len(colours), dither=Image.Dither.NONE) if colours else image).save(out, "PNG")
    return out.getvalue()
