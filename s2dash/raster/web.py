"""Addresses of files on web servers as paths, and what such a file may be called before people.

A web file's path is the name that GDAL gives it, `/vsicurl?...&url=ADDRESS`, percent-encoded into a single part, so
that it travels wherever a file's path does. Its version (size, and a digest of the server's mark for its content)
stands after a `#`, which is never sent: another version is another path, which no cache can mix up with the first.

An address may hold a password or a token, so only `shown` and `file_name` may be put before people.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from s2dash.errors import UnreadableFile

TIMEOUT_SECONDS = 20
ATTEMPTS = 3
RETRY_SECONDS = 1
"""Before the second attempt; twice as long before the third."""

_PREFIX = "/vsicurl?"
_OPTIONS = {
    "empty_dir": "yes",
    "max_retry": ATTEMPTS - 1,
    "retry_delay": RETRY_SECONDS,
    "connecttimeout": TIMEOUT_SECONDS,
    # A slow line may take long for a large range; one on which nothing comes is given up.
    "low_speed_time": 2 * TIMEOUT_SECONDS,
    "low_speed_limit": 1,
}
"""https://gdal.org/en/stable/user/virtual_file_systems.html#vsicurl-http-https-ftp-files-random-access"""

_ANY_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_WEB_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_SAFE = "%/:=&?~+!$,;'@()*[]"
"""What an address may have beside letters and digits, and percent signs, which are taken as they are."""


def is_address(text: str) -> bool:
    """Whether a text names something by an address of any kind, such as `https://` or `s3://`, and not by a path."""
    return _ANY_ADDRESS.match(text) is not None


def is_web_address(text: str) -> bool:
    """Whether a text is an address of http or https."""
    return _WEB_ADDRESS.match(text) is not None


def path_of(address: str) -> Path:
    """The path of the file at an address, of no version yet; the server is not asked.

    Raises UnreadableFile for what is not an address of http or https.
    """
    address = address.strip()
    if not is_web_address(address):
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
    return _path(urlunsplit(plain))


def is_web(path: Path) -> bool:
    """Whether a path is that of a file on a web server."""
    return path.as_posix().startswith(_PREFIX)


def not_web(paths: Iterable[Path]) -> list[Path]:
    """The paths that are not those of files on a web server."""
    return [path for path in paths if not is_web(path)]


def file_name(path: Path) -> str:
    """A file's name: of a web file the last part of its address, without any query; the server's where it has none."""
    if not is_web(path):
        return path.name
    parts = urlsplit(_address(path))
    return PurePosixPath(unquote(parts.path)).name or parts.hostname or ""


def host(path: Path) -> str:
    """The server of a web file."""
    return urlsplit(_address(path)).hostname or ""


def shown(path: Path) -> str:
    """What to call a file before people: its name, of a web file with its server; never a password or token."""
    if not is_web(path):
        return path.name
    name, server = file_name(path), host(path)
    return name if name == server else f"{server}/…/{name}"


def size_bytes(path: Path) -> int:
    """The size of a web file by the version in its path."""
    return int(version(path).partition("-")[0])


def identity(path: Path) -> str:
    """What tells a web file and its version from all others, without the name and password of who reads it."""
    return f"{_without_user(urlsplit(_address(path)))} {version(path)}"


def version(path: Path) -> str:
    """The version of a web file that its path is of; empty where it is of none."""
    return _text(path).partition("#")[2]


def with_version(path: Path, size: int, mark: str, has_head: bool) -> Path:
    """The path of one version of a web file.

    Parameters
    ----------
    size : bytes
    mark : letters and digits; another content, another mark
    has_head : whether the server tells a file's size without sending it
    """
    return _path(_address(path), version_text(size, mark), has_head)


def version_text(size: int, mark: str) -> str:
    """What `version` gives for the path of a version."""
    return f"{size}-{mark}"


def request_of(path: Path) -> tuple[str, str | None]:
    """The address to ask for, without name and password, and these as `name:password` where there are any."""
    parts = urlsplit(_address(path))
    user = None if parts.username is None else f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return _without_user(parts), user


def _path(address: str, version: str = "", has_head: bool = True) -> Path:
    options = {**_OPTIONS, "use_head": "yes" if has_head else "no"}
    words = "&".join(f"{name}={value}" for name, value in options.items())
    return Path(f"{_PREFIX}{words}&url={quote(f'{address}#{version}', safe='')}")


def _address(path: Path) -> str:
    return _text(path).partition("#")[0]


def _text(path: Path) -> str:
    return unquote(path.as_posix().rpartition("&url=")[2])


def _without_user(parts: SplitResult) -> str:
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
