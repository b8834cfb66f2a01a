"""A store of 1,000 runs in one session: adding one, opening the page's list, restoring, and a k change beside it.

Run: python benchmarks/session_store.py [--runs 1000]. Everything is on this machine's disk of temporary files. The
k change is that of the page without its browser (Streamlit's own test of a page), with and without keeping, in turns.
Ends with 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from common import ROOT, machine_words, verdict

sys.path.insert(0, str(ROOT))

ADD_TARGET_MS = 20.0
OPEN_TARGET_MS = 500.0
SCENE_TARGET_MS = 50.0
RATIO_TARGET = 1.1
RESTORE_TARGET_MS = 500.0
_PICTURE = "data:image/png;base64," + "A" * 4_000


def _milliseconds(work: Callable[[], object], times: int) -> float:
    found = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        found.append(1000 * (time.perf_counter() - started))
    return statistics.median(found)


def store_figures(folder: Path, count: int) -> list[bool]:
    """Time the store itself with so many runs of one session."""
    from s2dash import ingest
    from s2dash.core.legend import default_legend
    from s2dash.core.recipe import default_recipe
    from s2dash.core.run import Run
    from s2dash.core.run_list import ListedRun
    from s2dash.server.session_store import Change, SessionStore, StoredRun, new_address
    from s2dash.server.session_store.scenes import scene_key

    scene, store, address = ingest.sample_scene(), SessionStore(folder), new_address()
    recipe, legend, key = default_recipe(scene), default_legend(("#3479c7",) * 8), scene_key(scene)

    def run(number: int) -> StoredRun:
        listed = ListedRun(Run(scene.digest, replace(recipe, seed=number)), number, legend, thumbnail=_PICTURE)
        return StoredRun(f"{number:x}", listed, key)

    numbers = iter(range(1, 10**9))

    def add() -> None:
        one = run(next(numbers))
        store.write(address, Change((one,), (), one.key, one.listed.number), one.listed.number == 1)

    add()
    store.put_scene(address, key, scene)
    started = time.perf_counter()
    for _ in range(count - 1):
        add()
    print(f"{count:,} runs added one by one in {time.perf_counter() - started:.1f} s")
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    print(f"file: {size / 1e6:.1f} MB, {size / count / 1e3:.1f} kB a run")
    return [
        verdict("one more run, median ms", _milliseconds(add, 50), ADD_TARGET_MS, ".1f"),
        verdict(f"the list of {count:,}, ms", _milliseconds(lambda: store.open(address), 5), OPEN_TARGET_MS, ".0f"),
        verdict(
            "a kept scene opened, ms", _milliseconds(lambda: store.scene(address, key), 20), SCENE_TARGET_MS, ".1f"
        ),
    ]


def page_ratio(rounds: int) -> bool:
    """Time a change of k of the page with and without keeping, in turns."""
    from streamlit.testing.v1 import AppTest

    from s2dash.server.state import server_state

    store = server_state().store
    on, off = store.limits, replace(store.limits, kept_days=0)
    pages = [AppTest.from_file(str(ROOT / "s2dash" / "ui" / "page.py"), default_timeout=60).run() for _ in range(2)]
    found: tuple[list[float], list[float]] = ([], [])
    # Whoever asks first for a k has it computed: eight rounds, and then each answer is there for both.
    for number in range(8 + rounds):
        for which in (0, 1) if number % 2 else (1, 0):
            store.limits = (on, off)[which]
            found[which].append(_change_k(pages[which], 5 + number % 8))
    kept, plain = (statistics.median(one[8:]) for one in found)
    print(f"change of k, page alone: {1000 * kept:.0f} ms kept, {1000 * plain:.0f} ms not kept, {rounds} each")
    return verdict("ratio", kept / plain, RATIO_TARGET, ".2f")


def restoring(rounds: int) -> bool:
    """Time the page's run in which a kept map comes back, two maps in turns."""
    from unittest.mock import patch

    from streamlit.testing.v1 import AppTest

    from s2dash.ui.runs import keeping, kept

    page = AppTest.from_file(str(ROOT / "s2dash" / "ui" / "page.py"), default_timeout=60).run()
    _change_k(page, 9)
    found = []
    for count in range(rounds):
        k = (8, 9)[count % 2]
        # What the page asks for first, before anything is drawn, as a click would.
        with patch.object(keeping, "begin", partial(kept.restore, 1 + count % 2)):
            started = time.perf_counter()
            page.run()
            found.append(time.perf_counter() - started)
        assert next(one for one in page.slider if one.label == "Number of classes (k)").value == k
    return verdict("a map restored, page alone, ms", 1000 * statistics.median(found), RESTORE_TARGET_MS, ".0f")


def _change_k(page: object, k: int) -> float:
    slider = next(one for one in page.slider if one.label == "Number of classes (k)")  # type: ignore[attr-defined]
    slider.set_value(k)
    started = time.perf_counter()
    page.run()  # type: ignore[attr-defined]
    return time.perf_counter() - started


def main() -> int:
    """Measure; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    print(machine_words())
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["S2DASH_KEEP_FOLDER"] = str(Path(scratch) / "page")
        results = store_figures(Path(scratch) / "store", arguments.runs)
        results.append(page_ratio(arguments.rounds))
        results.append(restoring(arguments.rounds // 2))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
