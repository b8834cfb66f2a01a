"""Where a raster lies inside a zip that stores it as it is: it can be read in part before anything is unpacked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from s2dash.errors import UnreadableFile
from s2dash.ingest.blobs import Blob, MemberBlob
from s2dash.raster.location import FileLocation

if TYPE_CHECKING:
    import rasterio


@dataclass(frozen=True)
class MemberLocation(FileLocation):
    """A member of a zip; `path` is the zip's. Its checksum is nobody's care here: what is read so is only looked at."""

    start: int
    """Bytes of the zip before it."""
    length: int
    """Bytes of its own."""
    name: str

    @property
    def file_name(self) -> str:
        return self.name

    @property
    def shown(self) -> str:
        return self.name

    @property
    def size_bytes(self) -> int:
        return self.length

    @property
    def gdal_name(self) -> str:
        """https://gdal.org/en/stable/user/virtual_file_systems.html#vsisubfile-portions-of-files"""
        return f"/vsisubfile/{self.start}_{self.length},{self.path}"

    def first_bytes(self, count: int) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(self.start)
                return file.read(min(count, self.length))
        except OSError as error:
            raise UnreadableFile(f"{self.name} cannot be read: {error.strerror}.") from error

    def open(self, driver: str = "GTiff") -> rasterio.DatasetReader:
        from s2dash.raster.door import open_raster

        return open_raster(self.gdal_name, driver)


def location_in_zip(blob: Blob, name: str) -> MemberLocation | None:
    """Where a member of a zip lies; None for one that is packed, or a file of its own.

    Raises UnreadableFile where the zip is damaged.
    """
    if not isinstance(blob, MemberBlob) or blob.is_packed:
        return None
    return MemberLocation(blob.path, blob.start(), blob.size, name)
