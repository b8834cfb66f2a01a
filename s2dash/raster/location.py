"""Where a raster lies, behind one protocol: a file of this machine, or one on a web server.

Callers ask a location for what they need, and never which of the two it is. `parse` makes one of what a user typed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from s2dash.errors import UnreadableFile
from s2dash.raster.location_web import WebLocation, is_address

if TYPE_CHECKING:
    import numpy as np
    import rasterio


class Location(Protocol):
    """Where a raster lies: a value that can be a key, and that travels to other processes."""

    @property
    def path(self) -> Path | None:
        """Its path on this machine; None where it has none, and so no neighbours, and nobody can write over it."""

    @property
    def file_name(self) -> str:
        """The last part of its name: text from outside."""

    @property
    def folder_name(self) -> str:
        """What tells it from one of the same file name elsewhere."""

    @property
    def shown(self) -> str:
        """What sentences call it: never a password or token."""

    @property
    def where(self) -> str:
        """What lists call it: `shown`, with the folders where they are no secret."""

    @property
    def gdal_name(self) -> str:
        """What GDAL opens; may hold a password."""

    @property
    def is_near(self) -> bool:
        """Whether looking into many places of it costs next to nothing."""

    @property
    def is_missing(self) -> bool:
        """Whether it can be told without asking anybody that nothing is there."""

    @property
    def size_bytes(self) -> int:
        """Its size, of the version found; raises OSError where it is gone."""

    def found(self) -> Location:
        """The version of it that is there now.

        Raises UnreadableFile that says why a server does not give it.
        """

    def absolute(self) -> Location:
        """The same as a process elsewhere finds it."""

    def identity(self) -> str:
        """What tells a file and its version from all others: reading a large one whole would take longer than its use.

        Raises OSError where it is gone.
        """

    def state(self) -> str:
        """What changes when it does, or when anything changes in a folder that it may be; asks a server.

        Raises UnreadableFile where there is nothing, or it cannot be read.
        """

    def require_unchanged(self) -> None:
        """Raise UnreadableFile where a server no longer has the version found; a file is not looked at."""

    def first_bytes(self, count: int) -> bytes:
        """How it begins, in up to `count` bytes; raises UnreadableFile where it cannot be read."""

    def open(self, driver: str = "GTiff") -> rasterio.DatasetReader:
        """Open it by one driver; raises UnreadableFile or one of `door.GDAL_ERRORS` where it is damaged."""

    def read(
        self, dataset: rasterio.DatasetReader, indexes: list[int], window: tuple[tuple[int, int], tuple[int, int]]
    ) -> np.ndarray:
        """Bands (from 1) of a window (rows, columns) of what `open` gave, shape (bands, rows, cols).

        Raises UnreadableFile for damage, which a file read in place may still show here.
        """

    def reason(self, error: Exception) -> str:
        """Why reading failed in a way that nobody foresaw, or what to do, in words that anybody may see."""

    def cause(self, error: Exception) -> Exception | None:
        """The error, to go along as the cause of another; None where its words may hold a password."""


@dataclass(frozen=True)
class FileLocation:
    """A file of this machine, or the folder of a product; as `Location` describes it."""

    path: Path

    @property
    def file_name(self) -> str:
        return self.path.name

    @property
    def folder_name(self) -> str:
        return self.path.parent.name

    @property
    def shown(self) -> str:
        return self.path.name

    @property
    def where(self) -> str:
        return str(self.path)

    @property
    def gdal_name(self) -> str:
        return str(self.path)

    @property
    def is_near(self) -> bool:
        return True

    @property
    def is_missing(self) -> bool:
        return not self.path.exists()

    @property
    def size_bytes(self) -> int:
        return self.path.stat().st_size

    def found(self) -> FileLocation:
        return self

    def absolute(self) -> FileLocation:
        return FileLocation(self.path.absolute())

    def identity(self) -> str:
        place = self.path.resolve()
        state = place.stat()
        return f"{place}\n{state.st_size}\n{state.st_mtime_ns}"

    def state(self) -> str:
        try:
            return "\n".join([str(self.path), *sorted(_states(self.path))])
        except OSError as error:
            raise UnreadableFile(f"There is no file {self.path}, or it cannot be read. Check the path.") from error

    def require_unchanged(self) -> None:
        """Its reader sees what changes in it."""

    def first_bytes(self, count: int) -> bytes:
        try:
            with self.path.open("rb") as file:
                return file.read(count)
        except OSError as error:
            raise UnreadableFile(f"{self.shown} cannot be read: {error.strerror}.") from error

    def open(self, driver: str = "GTiff") -> rasterio.DatasetReader:
        from s2dash.raster.door import open_raster

        return open_raster(self.path, driver)

    def read(
        self, dataset: rasterio.DatasetReader, indexes: list[int], window: tuple[tuple[int, int], tuple[int, int]]
    ) -> np.ndarray:
        from s2dash.raster.door import GDAL_ERRORS

        try:
            values: np.ndarray = dataset.read(indexes, window=window)
            return values
        except GDAL_ERRORS as error:
            raise UnreadableFile(
                f"{self.shown} is damaged: the pixels from row {window[0][0] + 1:,} on cannot be read. "
                "Download or export it again."
            ) from error

    def reason(self, error: Exception) -> str:
        return getattr(error, "strerror", None) or "download it again."

    def cause(self, error: Exception) -> Exception | None:
        return error


Place: TypeAlias = Path | Location
"""What callers may give where a location is wanted: a path is a file of this machine, whatever it is called."""


def parse(text: str) -> Location:
    """What a user typed: an address of http or https, or the path of a file; no server is asked.

    Raises UnreadableFile for addresses of other kinds, or without a server's name.
    """
    return WebLocation.at(text) if is_address(text) else FileLocation(Path(text))


def location_of(place: Place) -> Location:
    """The location that a caller means."""
    return FileLocation(place) if isinstance(place, Path) else place


def paths_of(locations: Iterable[Location]) -> list[Path]:
    """Paths of those that are files of this machine."""
    return [one.path for one in locations if one.path is not None]


def require_unchanged(locations: Iterable[Location]) -> None:
    """Raise UnreadableFile for one that was changed on its server since it was found, or is gone."""
    for one in locations:
        one.require_unchanged()


def files_only(places: Sequence[Place]) -> list[Path]:
    """Their paths, for what takes files of this machine only.

    Raises UnreadableFile for what lies elsewhere: it would have to be fetched before it can be rewritten.
    """
    return [_file_only(location_of(place), len(places) == 1) for place in places]


def _file_only(location: Location, is_alone: bool) -> Path:
    if location.path is not None:
        return location.path
    if not is_alone:
        raise UnreadableFile(
            f"{location.shown} is an address beside other files. Give one address, or download the files that "
            "make up the scene."
        )
    raise UnreadableFile(
        f"{location.shown} cannot be read where it lies: that takes a tiled GeoTIFF without a mask inside. "
        "Download it and give its path, or convert it to a cloud-optimised GeoTIFF (COG)."
    )


def _states(path: Path) -> Iterator[str]:
    """Name, size and time of change of a file, or of every file in a folder."""
    if not path.is_dir():
        state = path.stat()
        yield f"{path.name} {state.st_size} {state.st_mtime_ns}"
        return
    for folder, _, names in os.walk(path):
        for name in names:
            inner = Path(folder, name)
            state = inner.stat()
            yield f"{inner.relative_to(path).as_posix()} {state.st_size} {state.st_mtime_ns}"
