"""What each file of `Hand over`, and a check of a map, costs: on the sample scene and on a full tile.

Run: python benchmarks/hand_over.py [--quick] [--only KEY ...] [--folder DIR]. The map, of the default recipe with ten
classes, and how sure it is are made once into the folder, as the page makes them (2 GB; some minutes). Then each file
is written in a process of its own that loads the map and sets up memory as the server does: seconds of its work alone,
by the clock and of the processor, the most memory that the process held, its libraries and the map among it, and the
file's size. Ends with 1 where a process held more than 1 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from common import ROOT, SAMPLE_PATH, machine_words, verdict
from full_run import spent
from full_tile import FULL_SIDE, QUICK_SIDE, stack

sys.path.insert(0, str(ROOT))

from s2dash.settings import GDAL_ENVIRONMENT

PEAK_MB_TARGET = 1_000
K, LEAST_HA, PLACES = 10, 0.5, 200
KEYS = (
    *("nothing", "how sure", "geotiff", "bundle", "picture", "slide", "powerpoint", "report", "report_pdf", "workbook"),
    *("table", "script", "notebook", "check, places", "check, accuracy"),
    *("outlines, large and smooth", "geopackage", "flatgeobuf", "shapefile", "pack"),
)
"""Of exports, and of what else is measured; "nothing" loads the map alone."""
_VALUES, _LABELS, _SURE = "values.pickle", "labels.tif", "how-sure.tif"
"""Of a folder made by `prepare`; pickle is read from nowhere else."""


def prepare(path: Path, folder: Path) -> None:
    """Make the map of a scene with all that its files tell, into a folder that has none."""
    from s2dash import ingest
    from s2dash.classify import pipeline
    from s2dash.classify.algorithms import load_libraries
    from s2dash.classify.learnt_numbers import learnt_numbers
    from s2dash.classify.point import class_spreads
    from s2dash.classify.sureness import live_sureness
    from s2dash.core import palette
    from s2dash.core.legend import default_legend
    from s2dash.core.recipe import default_recipe

    load_libraries()
    scene = ingest.ingest(path, folder / "scene")
    fitted = pipeline.fitted_to(scene, replace(default_recipe(scene), k=K))
    result = pipeline.run_full(fitted, folder / _LABELS)
    colours = palette.class_colours(fitted.mean_reflectance, [band.standard for band in scene.bands])
    values = {
        "fitted": fitted.light(),
        "result": result,
        "legend": default_legend(colours),
        "learnt": learnt_numbers(fitted),
        "spreads": class_spreads(fitted),
        "limits": live_sureness(fitted, pipeline.run_live(fitted)).limits,
    }
    (folder / _VALUES).write_bytes(pickle.dumps(values))


def measure(folder: Path, key: str) -> dict[str, float]:
    """Seconds by the clock and of the processor of one piece of work on a prepared map, and the bytes of its file."""
    from s2dash.export import Handover
    from s2dash.server.memory import share_pools

    share_pools()
    values = pickle.loads((folder / _VALUES).read_bytes())  # noqa: S301 - written by `prepare`
    sureness = _sureness_of(folder)
    handover = Handover(
        values["result"], values["legend"], learnt=values["learnt"], spreads=values["spreads"], sureness=sureness
    )
    work = _ready(key, values, handover)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        out = Path(scratch) / "file"
        wall, cpu = time.perf_counter(), _cpu_seconds()
        work(out)
        found = {"wall": time.perf_counter() - wall, "cpu": _cpu_seconds() - cpu, "bytes": float(out.stat().st_size)}
        if key == "how sure":
            out.replace(folder / _SURE)
        return found


def _ready(key: str, values: Mapping[str, Any], handover: Any) -> Callable[[Path], object]:
    """The work of that key, with all that is there before it begins."""
    from s2dash.classify.accuracy.score import check_accuracy
    from s2dash.export import EXPORTS
    from s2dash.export.handover import OutlineChoice

    match key:
        case "nothing":
            return Path.touch
        case "how sure":
            return partial(_how_sure, values)
        case "outlines, large and smooth":
            return partial(EXPORTS["geopackage"].write, replace(handover, outlines=OutlineChoice(LEAST_HA, True)))
        case "pack":
            return partial(_pack, handover)
        case "check, places":
            return lambda out: out.write_bytes(pickle.dumps(_check(handover)))
        case "check, accuracy":
            answered = _answered(_check(handover))
            return lambda out: out.write_bytes(pickle.dumps(check_accuracy(answered, handover.result, handover.legend)))
        case _:
            return partial(EXPORTS[key].write, handover)


def _cpu_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _sureness_of(folder: Path) -> Any:
    from s2dash.classify.sureness_file import sureness_in

    return sureness_in(folder / _SURE) if (folder / _SURE).exists() else None


def _how_sure(values: Mapping[str, Any], out: Path) -> None:
    from s2dash.classify.sureness_file import write_sureness

    write_sureness(values["fitted"], values["result"].classmap, values["limits"], out)


def _pack(handover: Any, out: Path) -> None:
    from s2dash.core.pack import Manifest
    from s2dash.core.run import Run
    from s2dash.core.run_list import ListedRun
    from s2dash.export.pack import Pack, write_pack

    result = handover.result
    listed = ListedRun(Run(scene_digest=result.scene.digest, recipe=result.recipe), 1, handover.legend)
    for words in write_pack(Pack(handover, Manifest((listed,), 1)), out):
        print(words, file=sys.stderr)


def _check(handover: Any) -> Any:
    from s2dash.classify.accuracy.sampling import draw

    return draw(handover.result, handover.legend, PLACES)


def _answered(check: Any) -> Any:
    """Nine of ten places as the map has them, the tenth as the class of the place before."""
    import msgspec

    before = [check.places[-1], *check.places]
    answers = (before[i].stratum if i % 10 == 0 else place.stratum for i, place in enumerate(check.places))
    places = (msgspec.structs.replace(p, answer=one) for p, one in zip(check.places, answers, strict=True))
    return msgspec.structs.replace(check, places=tuple(places))


def main() -> int:
    """Prepare what is not there, measure all, print a table of each map; returns the exit status."""
    os.environ.update(GDAL_ENVIRONMENT)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "s2dash-bench")
    parser.add_argument("--quick", action="store_true", help="a sixteenth of a tile in place of a whole one")
    parser.add_argument("--only", nargs="+", choices=KEYS, default=KEYS, metavar="KEY", help="some alone")
    parser.add_argument("--prepare", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.prepare:
        prepare(*given.prepare)
        return 0
    if given.measure:
        print(json.dumps(measure(Path(given.measure[0]), given.measure[1])))
        return 0
    print(machine_words())
    side = QUICK_SIDE if given.quick else FULL_SIDE
    scenes = {"sample": SAMPLE_PATH, f"{side} x {side} x 10": stack(given.folder, side, "pixel")}
    peaks = [
        _table(name, path, given.folder / f"handed-{path.parent.name}", given.only) for name, path in scenes.items()
    ]
    return 0 if verdict("the most memory of a process, MB", max(peaks), PEAK_MB_TARGET, ".0f") else 1


def _table(name: str, path: Path, folder: Path, keys: Sequence[str]) -> float:
    """Print one map's table row by row; returns the most memory of its processes, MB."""
    if not (folder / _VALUES).exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _, wall, cpu, peak = spent([sys.executable, __file__, "--prepare", str(path), str(folder)])
        print(f"{name}: read, fitted and classified in {wall:.0f} s, {cpu:.0f} of the processor, peak {peak:.0f} MB")
    print(f"\n| {name} | s | of the processor | peak MB | file MB |\n|---|--:|--:|--:|--:|", flush=True)
    peaks = []
    for key in keys:
        output, _, _, peak = spent([sys.executable, __file__, "--measure", str(folder), key])
        found = json.loads(output)
        peaks.append(peak)
        print(
            f"| {key} | {found['wall']:.1f} | {found['cpu']:.1f} | {peak:.0f} | {found['bytes'] / 1e6:.2f} |",
            flush=True,
        )
    return max(peaks)


if __name__ == "__main__":
    sys.exit(main())
