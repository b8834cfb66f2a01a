"""Pictures, and their map tiles as PNG."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from PIL import Image

from s2dash.core.grid import Grid
from s2dash.core.types import frozen
from s2dash.tiles.placing import TILE_PX, tile_places


class Detail(Protocol):
    """A picture's pixels at finer steps than it holds, read when a tile shows them."""

    @property
    def nbytes(self) -> int:
        """Memory that it holds for itself."""
        ...

    def tile(self, z: int, x: int, y: int, size: int) -> np.ndarray | None:
        """Pixels of a tile, uint8, shape (size, size) with a palette, (size, size, 4) without.

        None where the picture's own are fine enough. Raises PixelsGone where its files are no longer there.
        """
        ...


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels to be shown on the map, and where they lie.

    Raises ValueError where shapes and dtypes do not fit each other.
    """

    grid: Grid
    """The grid of these pixels: for a decimated picture, `scene.grid.decimated(step)`."""
    pixels: np.ndarray
    """Shape (rows, cols) with a palette, (rows, cols, 4) as RGBA without; uint8. Kept read-only."""
    palette: np.ndarray | None = None
    """RGBA of each value, shape (256, 4), uint8; alpha 0 is transparent. None for RGBA pixels."""
    step: int = 1
    """Every how many rows and columns of the scene one was taken; it places pictures without a place."""
    detail: Detail | None = None
    """Where tiles that show more than these pixels find it."""

    def __post_init__(self) -> None:
        expected = self.grid.shape_rc if self.palette is not None else (*self.grid.shape_rc, 4)
        if self.pixels.shape != expected or self.pixels.dtype != np.uint8:
            raise ValueError(f"pixels are {self.pixels.shape} {self.pixels.dtype}, but must be {expected} uint8")
        if self.palette is not None and (self.palette.shape != (256, 4) or self.palette.dtype != np.uint8):
            raise ValueError(f"the palette is {self.palette.shape} {self.palette.dtype}, but must be (256, 4) uint8")
        if self.step < 1:
            raise ValueError(f"step is {self.step}, but must be at least 1")
        object.__setattr__(self, "pixels", _read_only(self.pixels))
        if self.palette is not None:
            object.__setattr__(self, "palette", _read_only(self.palette))


def tile_png(picture: Picture, z: int, x: int, y: int, size: int = TILE_PX) -> bytes | None:
    """One map tile, nearest neighbour, colours exactly those of the picture; PNG of size x size pixels.

    Where one pixel of the tile covers less than one of the picture and the picture has a detail, its
    pixels are shown. Raises PixelsGone where these are no longer there.

    Tiles count as Leaflet counts them, y from the top. With a place: the EPSG:3857 square, cut into
    2^z by 2^z. Without: columns [x 256 / 2^z, (x + 1) 256 / 2^z) of the scene and rows likewise,
    where z, x and y may be negative. None where no centre of a tile pixel lies on the picture.
    """
    pixels = None if picture.detail is None else picture.detail.tile(z, x, y, size)
    if pixels is not None:
        return _rgba_png(pixels) if picture.palette is None else _palette_png(pixels, picture.palette)
    places = tile_places(picture.grid, picture.step, z, x, y, size)
    if places is None:
        return None
    placement, inside, width = places.placement, places.inside, picture.grid.width
    source = np.where(inside, places.rows * width + places.cols, 0)
    if picture.palette is not None and picture.palette[0, 3] == 0:
        indexes = np.zeros((size, size), dtype=np.uint8)
        indexes[placement.tile_slices_rc] = np.where(inside, picture.pixels.ravel()[source], 0)
        return _palette_png(indexes, picture.palette)
    # A colour is moved as one 32-bit number: four times fewer elements to pick.
    colours = picture.pixels if picture.palette is None else picture.palette
    flat = colours.view(np.uint32).ravel()
    picked = source if picture.palette is None else picture.pixels.ravel()[source]
    rgba = np.zeros((size, size), dtype=np.uint32)
    rgba[placement.tile_slices_rc] = np.where(inside, flat[picked], 0)
    return _rgba_png(rgba.view(np.uint8).reshape(size, size, 4))


@lru_cache(maxsize=1)
def transparent_tile_png() -> bytes:
    """A tile with nothing on it, for places where `tile_png` has None."""
    return _palette_png(np.zeros((TILE_PX, TILE_PX), dtype=np.uint8), np.zeros((256, 4), dtype=np.uint8))


def _read_only(array: np.ndarray) -> np.ndarray:
    if array.flags.c_contiguous and not array.flags.writeable:
        return array
    return frozen(np.ascontiguousarray(array).view())


def _palette_png(indexes: np.ndarray, palette: np.ndarray) -> bytes:
    used = palette[: int(indexes.max()) + 1]
    image = Image.fromarray(indexes)
    image.putpalette(used[:, :3].tobytes())
    return _png(image, transparency=used[:, 3].tobytes())


def _rgba_png(rgba: np.ndarray) -> bytes:
    is_opaque = bool((rgba[..., 3] == 255).all())
    return _png(Image.fromarray(np.ascontiguousarray(rgba[..., :3]) if is_opaque else rgba))


def _png(image: Image.Image, **options: bytes) -> bytes:
    """Packed quickly rather than small: tiles travel from this machine once and are cached."""
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1, **options)
    return out.getvalue()
