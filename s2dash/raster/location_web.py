"""A file on a web server as a location: its address and version, the name GDAL gives it, the door to this one file.

An address may hold a password or a token, so only `shown` and `file_name` may be put before people. GDAL is kept off
the network (`settings.GDAL_ENVIRONMENT`); `WebLocation.open` lets it open one file, for that moment.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from s2dash.errors import UnreadableFile
from s2dash.settings import WEB_LIMITS

if TYPE_CHECKING:
    import numpy as np
    import rasterio

    from s2dash.raster.http import Answer, Request

_DOOR = "CPL_VSIL_CURL_ALLOWED_FILENAME"
_ATTEMPTS = 3
_OPTIONS = {
    "empty_dir": "yes",
    "max_retry": _ATTEMPTS - 1,
    "retry_delay": WEB_LIMITS.retry_seconds,
    "connecttimeout": WEB_LIMITS.timeout_seconds,
    # A slow line may take long for a large range; one on which nothing comes is given up.
    "low_speed_time": 2 * WEB_LIMITS.timeout_seconds,
    "low_speed_limit": 1,
}
"""https://gdal.org/en/stable/user/virtual_file_systems.html#vsicurl-http-https-ftp-files-random-access"""
_START_BYTES = 16

_ANY_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_WEB_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_SAFE = "%/:=&?~+!$,;'@()*[]"
"""What an address may have beside letters and digits, and percent signs, which are taken as they are."""


def is_address(text: str) -> bool:
    """Whether a text names something by an address of any kind, such as `https://` or `s3://`, and not by a path."""
    return _ANY_ADDRESS.match(text) is not None


@dataclass(frozen=True, repr=False)
class WebLocation:
    """A file on a web server, of one version once it is found; as `location.Location` describes it.

    Another version is another value, which no cache can mix up with the first.
    """

    address: str
    """Percent-encoded, of http or https, perhaps with name and password."""
    version_bytes: int | None = None
    """The size of the version; None where the server was not asked yet."""
    mark: str = ""
    """Letters and digits; another content, another mark."""
    has_head: bool = True
    """Whether the server tells a file's size without sending it."""

    @staticmethod
    def at(address: str) -> WebLocation:
        """The file at an address that a user typed, of no version yet; the server is not asked.

        Raises UnreadableFile for what is not an address of http or https.
        """
        return WebLocation(_plain(address.strip()))

    def __repr__(self) -> str:
        return f"WebLocation({self.shown})"

    @property
    def path(self) -> None:
        return None

    @property
    def file_name(self) -> str:
        """The last part of its address, without any query; the server's name where it has none."""
        return PurePosixPath(unquote(self._parts.path)).name or self.folder_name

    @property
    def folder_name(self) -> str:
        """Its server."""
        return self._parts.hostname or ""

    @property
    def shown(self) -> str:
        """Its name with its server; never a password or token."""
        name, server = self.file_name, self.folder_name
        return name if name == server else f"{server}/…/{name}"

    @property
    def where(self) -> str:
        return self.shown

    @property
    def gdal_name(self) -> str:
        """Of one part as a path. The version stands after a `#`, which is never sent: GDAL keeps versions apart."""
        options = {**_OPTIONS, "use_head": "yes" if self.has_head else "no"}
        words = "&".join(f"{name}={value}" for name, value in options.items())
        return f"/vsicurl?{words}&url={quote(f'{self.address}#{self.version}', safe='')}"

    @property
    def is_near(self) -> bool:
        return False

    @property
    def is_missing(self) -> bool:
        return False

    @property
    def size_bytes(self) -> int:
        assert self.version_bytes is not None, "it has not been found yet"
        return self.version_bytes

    @property
    def version(self) -> str:
        """Size and mark of its version; empty where it is of none."""
        return "" if self.version_bytes is None else f"{self.version_bytes}-{self.mark}"

    def found(self) -> WebLocation:
        from s2dash.raster import http

        answer = self._asked()
        if answer.start.lstrip()[:1] == b"<":
            raise UnreadableFile(
                f"{self.shown} is a web page, not a file. Check the address; some servers want you to sign in first."
            )
        has_head = http.has_head(self._request(), answer.size_bytes)
        return replace(self, version_bytes=answer.size_bytes, mark=answer.mark, has_head=has_head)

    def absolute(self) -> WebLocation:
        return self

    def identity(self) -> str:
        """Without the name and password of who reads it."""
        return f"{_without_user(self._parts)} {self.version}"

    def state(self) -> str:
        return self.found().identity()

    def require_unchanged(self) -> None:
        answer = self._asked()
        if (answer.size_bytes, answer.mark) != (self.version_bytes, self.mark):
            sizes = f" ({self.size_bytes:,} bytes then, {answer.size_bytes:,} now)"
            raise UnreadableFile(
                f"{self.shown} was changed on the server since it was opened"
                f"{sizes if answer.size_bytes != self.size_bytes else ''}. Run it again."
            )

    def first_bytes(self, count: int) -> bytes:
        return _start_of(self)[: min(count, _START_BYTES)]

    def open(self, driver: str = "GTiff") -> rasterio.DatasetReader:
        """Let GDAL reach this one file and open it; raises UnreadableFile where it cannot be opened."""
        import rasterio

        from s2dash.raster.door import GDAL_ERRORS, open_raster

        with contextlib.suppress(*GDAL_ERRORS), rasterio.Env(**{_DOOR: self.gdal_name}):
            return open_raster(self.gdal_name, driver)
        raise UnreadableFile(
            f"{self.shown} cannot be opened: the server broke off, or the file is damaged. "
            "Try again later, or download it."
        )

    def read(
        self, dataset: rasterio.DatasetReader, indexes: list[int], window: tuple[tuple[int, int], tuple[int, int]]
    ) -> np.ndarray:
        from s2dash.raster.door import GDAL_ERRORS

        # Not as the cause, whose words hold the whole address.
        with contextlib.suppress(*GDAL_ERRORS):
            values: np.ndarray = dataset.read(indexes, window=window)
            return values
        raise UnreadableFile(
            f"{self.shown}: the pixels from row {window[0][0] + 1:,} on cannot be read. The server broke off, or the "
            "file is damaged. Run it again, or download the file."
        )

    def reason(self, error: Exception) -> str:
        return "Try again later, or download it."

    def cause(self, error: Exception) -> Exception | None:
        return None

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.address)

    def _request(self) -> Request:
        from s2dash.raster.http import Request

        name, password = self._parts.username, unquote(self._parts.password or "")
        user = None if name is None else (unquote(name), password)
        return Request(_without_user(self._parts), user, self.shown)

    def _asked(self) -> Answer:
        # Loaded when a server is asked: it takes longer than all that is done with a small file on the disk.
        from s2dash.raster import http

        return http.asked(self._request(), _ATTEMPTS)


@lru_cache(maxsize=64)
def _start_of(location: WebLocation) -> bytes:
    """The file's start; kept, as a found location is one version's."""
    return location._asked().start


def _plain(address: str) -> str:
    """An address without its fragment, encoded as servers take it; raises UnreadableFile as `WebLocation.at`."""
    if _WEB_ADDRESS.match(address) is None:
        kind = address.partition("://")[0][:20]
        raise UnreadableFile(f"Addresses of {kind}:// cannot be read. Give one of https://, or download the file.")
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").encode("idna").decode()
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        host = port = ""
    if not host:
        raise UnreadableFile("An address has no usable name of a server. It looks like https://host/scene.tif.")
    user = parts.netloc.rpartition("@")[0]
    shown_host = f"[{host}]" if ":" in host else host
    netloc = f"{quote(user, safe=_SAFE)}@{shown_host}{port}" if user else f"{shown_host}{port}"
    plain = SplitResult(parts.scheme, netloc, quote(parts.path, safe=_SAFE) or "/", quote(parts.query, safe=_SAFE), "")
    return urlunsplit(plain)


def _without_user(parts: SplitResult) -> str:
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
