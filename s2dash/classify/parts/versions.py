"""Versions that workers and the run's start must share to give the same labels."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import s2dash
from s2dash import __version__


@lru_cache(maxsize=1)
def running_versions() -> tuple[tuple[str, str], ...]:
    """What decides whether two processes understand each other and give the same labels; `none` where absent."""

    def version(package: str) -> str:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            return "none"

    python = ".".join(platform.python_version_tuple()[:2])
    packages = ("distributed", "numpy", "scikit-learn")
    ours = f"{__version__} (code {_code_digest()})"
    return (("s2dash", ours), ("Python", python), *((package, version(package)) for package in packages))


def _code_digest() -> str:
    """Of this package's modules: a checkout moves on while its version stays."""
    folder = Path(s2dash.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        source = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path.relative_to(folder).as_posix()} {len(source)} ".encode() + source)
    return digest.hexdigest()[:8]


def version_words(here: Sequence[tuple[str, str]], there: Sequence[tuple[str, str]]) -> str:
    """How two answers of `running_versions` differ, such as `numpy 2.4.6 here, 2.3.0 there`; empty where equal."""
    found = dict(there)
    unlike = [(name, mine, found.get(name, "none")) for name, mine in here if found.get(name, "none") != mine]
    return "; ".join(f"{name} {mine} here, {theirs} there" for name, mine, theirs in unlike)
