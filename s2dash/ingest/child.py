"""The one-shot process that opens a stranger's file and rewrites it as a raster of our own.

Started by `ingest.ingest` as `python -m s2dash.ingest.child`, with one JSON request on standard
input: progress, then either the scene or one error, goes back as JSON lines on standard output.
It is the only place that meets a stranger's bytes; it runs under resource limits.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from s2dash.errors import S2DashError, UnreadableFile
from s2dash.settings import INGEST_LIMITS


def main() -> int:
    """Serve one request; returns the exit status: 0 for a scene, 2 for a refusal."""
    request = json.loads(sys.stdin.readline())
    _limit_resources()
    try:
        facts = _ingest(Path(request["path"]), Path(request["folder"]), str(request["title"]))
    except S2DashError as error:
        _say(error=str(error))
        return 2
    except MemoryError:
        _say(error="The file needs more memory than one file may take.")
        return 2
    _say(scene=facts)
    return 0


def _say(**message: Any) -> None:
    print(json.dumps(message), flush=True)


def _limit_resources() -> None:
    """Bound address space and processor time where the system can; the parent bounds the wall clock."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (INGEST_LIMITS.address_space_bytes,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (INGEST_LIMITS.cpu_seconds,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _ingest(path: Path, folder: Path, title: str) -> dict[str, Any]:
    """Check, rewrite and describe one GeoTIFF; returns the scene's facts as plain values."""
    from s2dash.ingest.canonical import rewrite
    from s2dash.ingest.checks import open_checked

    with open_checked(path) as dataset:
        facts = rewrite(dataset, folder, title, lambda share: _say(progress=share))
    facts["digest"] = _digest(path)
    return facts


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableFile(f"{path.name} cannot be read: {error.strerror}.") from error


if __name__ == "__main__":
    sys.exit(main())
