"""What web servers say of files, and the door through which GDAL reads one of them.

GDAL is kept off the network (`settings.GDAL_ENVIRONMENT`); `open_dataset` lets it open one path, for that moment.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import rasterio

from s2dash.errors import UnreadableFile
from s2dash.raster import web
from s2dash.raster.door import GDAL_ERRORS, open_raster
from s2dash.raster.web import shown

if TYPE_CHECKING:
    from s2dash.raster.http import Answer

_DOOR = "CPL_VSIL_CURL_ALLOWED_FILENAME"


def found(path: Path) -> Path:
    """The path of the version of a web file that its server has now; asks the server.

    Raises UnreadableFile that says why the file cannot be read there: it is not there, access is refused,
    nobody answers, or the server does not give parts of files.
    """
    from s2dash.raster import http

    answer = http.asked(path)
    if answer.start.lstrip()[:1] == b"<":
        raise UnreadableFile(
            f"{shown(path)} is a web page, not a file. Check the address; some servers want you to sign in first."
        )
    return web.with_version(path, answer.size_bytes, answer.mark, http.has_head(path, answer.size_bytes))


def first_bytes(path: Path) -> bytes:
    """The first bytes of a web file, up to 16; raises UnreadableFile as `found` does."""
    return _start_of(path)[:16]


def require_unchanged(paths: Iterable[Path]) -> None:
    """Ask the servers whether they still have the versions of these paths; paths of other files are left out.

    Raises UnreadableFile for a file that is gone or was changed.
    """
    for path in filter(web.is_web, paths):
        answer = _asked(path)
        if answer.version != web.version(path):
            sizes = f" ({web.size_bytes(path):,} bytes then, {answer.size_bytes:,} now)"
            raise UnreadableFile(
                f"{shown(path)} was changed on the server since it was opened"
                f"{sizes if answer.size_bytes != web.size_bytes(path) else ''}. Run it again."
            )


def open_dataset(path: Path) -> rasterio.DatasetReader:
    """Open a GeoTIFF on a web server, which GDAL may reach for this one file only.

    Raises UnreadableFile where it cannot be opened.
    """
    name = path.as_posix()
    with contextlib.suppress(*GDAL_ERRORS), rasterio.Env(**{_DOOR: name}):
        return open_raster(name)
    raise UnreadableFile(
        f"{shown(path)} cannot be opened: the server broke off, or the file is damaged. "
        "Try again later, or download it."
    )


@lru_cache(maxsize=64)
def _start_of(path: Path) -> bytes:
    """The file's start; kept, as a path is one version's."""
    return _asked(path).start


def _asked(path: Path) -> Answer:
    # Loaded when a server is asked: it takes longer than all that is done with a small file on the disk.
    from s2dash.raster import http

    return http.asked(path)
