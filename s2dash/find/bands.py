"""The files of a scene's bands, opened whatever their kind: GeoTIFFs and arrays of EOPF products."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling

from s2dash.find.door import Door
from s2dash.find.items import BandFile, is_of_zarr
from s2dash.find.ranges import Renew, opened

if TYPE_CHECKING:
    from s2dash.ingest.zarr.store import Store


class RemoteBand(Protocol):
    """A band on a server, open."""

    @property
    def transform(self) -> Affine:
        """Where its pixels lie."""

    @property
    def crs(self) -> CRS | None:
        """The system of that."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""

    @property
    def kind(self) -> str | None:
        """Of its numbers, as numpy names it; None where it is not one band of numbers of which 0 is no data."""

    @property
    def numbers(self) -> tuple[float, float] | None:
        """Scale and offset, where they are better known than by the item."""

    def read(
        self,
        window: tuple[tuple[int, int], tuple[int, int]],
        out_shape: tuple[int, int] | None = None,
        resampling: Resampling = Resampling.nearest,
    ) -> np.ndarray:
        """Pixels of a window of rows and columns; raises NotFetched and UnreadableFile."""


class Opening:
    """Opens bands for a block, at the end of which they are closed and what was kept of them is gone."""

    def __init__(self, door: Door, stack: contextlib.ExitStack) -> None:
        self._door, self._stack = door, stack
        self._stores: dict[str, Store] = {}
        self._folder: Path | None = None

    def band(self, file: BandFile, renew: Renew | None = None) -> RemoteBand:
        """A band, open; `renew` gives another address where its own is not good any more.

        Raises NotFetched where its server fails, UnreadableFile where it is damaged or beyond the limits.
        """
        if not is_of_zarr(file.address):
            return self._stack.enter_context(opened(file.address, self._door, renew))
        from s2dash.find.zarr_bands import opened_array

        if self._folder is None:
            self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="s2dash-fetch-")))
        return opened_array(file.address, self._door, renew, self._stores, self._folder)


def with_own_numbers(file: BandFile, band: RemoteBand) -> BandFile:
    """The file with the scale and offset that its band states itself."""
    if band.numbers is None:
        return file
    return msgspec.structs.replace(file, scale=band.numbers[0], offset=band.numbers[1])
