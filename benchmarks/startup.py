"""From the start of `streamlit run app.py` to the first class map on the page, with byte code compiled.

Run: python benchmarks/startup.py [--rounds 3]. The browser is running already and opens the
page as soon as the server answers. Ends with 1 where the median misses its target.
"""

from __future__ import annotations

import argparse
import compileall
import statistics
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT, browser_page, machine_words, server, verdict, wait_for_classes

TARGET_SECONDS = 10.0


def main() -> int:
    """Start the app several times; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(machine_words())
    compileall.compile_dir(ROOT / "s2dash", quiet=1)
    found = []
    for number in range(arguments.rounds):
        with (
            tempfile.TemporaryDirectory() as scratch,
            browser_page() as page,
            server(Path(scratch) / "log.txt") as (url, started, _),
        ):
            answering = time.perf_counter() - started
            page.goto(url)
            wait_for_classes(page, lambda token: True)
            found.append(time.perf_counter() - started)
        print(f"  start {number + 1}: server answers after {answering:.1f} s, first class map after {found[-1]:.1f} s")
    return 0 if verdict("first class map, median s", statistics.median(found), TARGET_SECONDS, ".1f") else 1


if __name__ == "__main__":
    sys.exit(main())
