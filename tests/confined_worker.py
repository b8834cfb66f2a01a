"""A process like the ingest child that serves many requests: it confines itself once, then answers line by line.

Started by `test_file_fuzz.py` as `python -P confined_worker.py INBOX OUTBOX`.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import Any, TextIO

from s2dash.ingest import child
from s2dash.ingest.sandbox import confine
from s2dash.settings import INGEST_LIMITS


def main() -> None:
    inbox, outbox = (Path(word) for word in sys.argv[1:])
    # Opened before it is out of reach. What `resource` tells may be the peak of the process that started this one.
    status = Path("/proc/self/status").open(encoding="ascii") if sys.platform == "linux" else None  # noqa: SIM115
    protections = confine([inbox], outbox, INGEST_LIMITS)
    say(protections=protections.sentence())
    for line in sys.stdin:
        request = json.loads(line)
        bug = None
        try:
            child.serve(request, Path(request["folder"]))
        except Exception:  # noqa: BLE001 - the child would end here; the test must learn why
            bug = traceback.format_exc()
        say(end=True, bug=bug, peak_mb=peak_mb(status), seconds=time.process_time())


def peak_mb(status: TextIO | None) -> int:
    """The most memory that this process has held."""
    if status is None:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    status.seek(0)
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) // 1024


def say(**message: Any) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main()
