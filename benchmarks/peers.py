"""Other programs' k-means on the same raw bands: seconds, memory and inertia of those that are installed, beside ours.

Run: python benchmarks/peers.py [--side 2748] [--folder DIR] [--peers grass saga_cmd]. Knows GRASS (`i.cluster` and
`i.maxlik`), Orfeo ToolBox (`KMeansClassification`) and SAGA (k-means for grids), as Debian packages them: apt-get
install grass-core otb-bin saga. Each reads the same tiled GeoTIFF of ten bands and makes eight classes with its own
defaults; what it needs to read that file counts. Ends with 1 where ours does not take at most a fifth of the fastest
peer's wall and CPU seconds, or has a larger inertia than that peer. On a sixteenth of a tile our imports alone take
more than that fifth.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common import ROOT, machine_words, verdict
from full_tile import FULL_SIDE, stack

sys.path.insert(0, str(ROOT))

from s2dash.core.types import windows

K = 8
TIMES_FASTER = 5.0
_SAGA_HILL_CLIMBING = 1
_FAILED_LINES = 3


@dataclass(frozen=True)
class Peer:
    """A program that groups pixels."""

    name: str
    needs: str
    """The program that must be on the path."""
    commands: Callable[[Path, Path, Path], list[list[str]]]
    """What is run one after the other, from the scene, a folder of its own and the labels to be written."""
    labels_name: str = "labels.tif"


@dataclass(frozen=True)
class Spent:
    """What a program took."""

    wall: float
    cpu: float
    peak_mb: float
    """Of the largest of its processes."""
    inertia: float
    """Of the labels written, around their own class means, on raw bands, over all pixels."""


def grass(scene: Path, folder: Path, labels: Path) -> list[list[str]]:
    """Links the file rather than importing it, and writes the classes by GDAL."""
    script = folder / "run.sh"
    script.write_text(
        "set -e\n"
        f"r.external -o --quiet input={scene} output=scene\n"
        "g.region raster=scene.1\n"
        "bands=$(g.list type=raster pattern='scene.*' separator=comma)\n"
        "i.group group=scene subgroup=all input=$bands\n"
        f"i.cluster --quiet group=scene subgroup=all signaturefile=found classes={K}\n"
        "i.maxlik --quiet group=scene subgroup=all signaturefile=found output=classes\n"
        f"r.out.gdal --quiet -f input=classes output={labels} type=Byte createopt=COMPRESS=DEFLATE,TILED=YES\n"
    )
    return [["grass", "--tmp-location", str(scene), "--exec", "bash", str(script)]]


def orfeo(scene: Path, folder: Path, labels: Path) -> list[list[str]]:
    """The application's defaults; Debian builds it without the library that this application needs."""
    return [["otbcli_KMeansClassification", "-in", str(scene), "-out", str(labels), "uint8", "-nc", str(K)]]


def saga(scene: Path, folder: Path, labels: Path) -> list[list[str]]:
    """Imports the bands as grids, which it holds in memory, and writes the classes as a grid of its own."""
    grids = folder / "band.sgrd"
    import_bands = ["saga_cmd", "io_gdal", "0", "-FILES", str(scene), "-GRIDS", str(grids), "-MULTIPLE", "0"]
    names = ";".join(str(folder / f"band{number:02}.sgrd") for number in range(1, 11))
    how = ["-NCLUSTER", str(K), "-METHOD", str(_SAGA_HILL_CLIMBING), "-NORMALISE", "0"]
    cluster = [
        "saga_cmd",
        "imagery_classification",
        "1",
        "-GRIDS",
        names,
        "-CLUSTER",
        str(labels.with_suffix(".sgrd")),
        *how,
    ]
    return [import_bands, cluster]


def ours(scene: Path, folder: Path, labels: Path) -> list[list[str]]:
    """The command line on raw bands, otherwise with its defaults."""
    python = [sys.executable, "-m", "s2dash", "classify", str(scene), "-o", str(labels)]
    return [[*python, "--preparation", "plain", "--scale", "none", "--k", str(K)]]


OURS = Peer("s2dash", sys.executable, ours)
PEERS = (
    Peer("GRASS i.cluster + i.maxlik", "grass", grass),
    Peer("Orfeo ToolBox KMeansClassification", "otbcli_KMeansClassification", orfeo),
    Peer("SAGA k-means for grids", "saga_cmd", saga, "labels.sdat"),
)


def run(peer: Peer, scene: Path) -> Spent | str:
    """Run a program; the last of what it said where it wrote no labels."""
    with tempfile.TemporaryDirectory(dir=scene.parent) as name:
        folder, labels = Path(name), Path(name) / peer.labels_name
        log_path = folder / "log.txt"
        wall = cpu = peak_mb = 0.0
        with log_path.open("wb") as log:
            for command in peer.commands(scene, folder, labels):
                started = time.perf_counter()
                process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
                wall += time.perf_counter() - started
                cpu += usage.ru_utime + usage.ru_stime
                peak_mb = max(peak_mb, usage.ru_maxrss / 1024)
        if not labels.exists():
            said = log_path.read_text(errors="replace").strip().splitlines()
            return " / ".join(said[-_FAILED_LINES:]) or "it wrote nothing"
        return Spent(wall, cpu, peak_mb, inertia(scene, labels))


def inertia(scene: Path, labels_path: Path) -> float:
    """Summed squared distance of all pixels to the mean of their class, in stored numbers."""
    import rasterio

    squares, sums, counts = 0.0, np.zeros((256, 10)), np.zeros(256)
    with rasterio.open(scene) as source, rasterio.open(labels_path) as written:
        for window in windows(source.shape, (512, 2048)):
            values = source.read(window=window.ranges_rc).reshape(source.count, -1).astype(np.float64)
            labels = written.read(1, window=window.ranges_rc).ravel().astype(np.int64)
            squares += float((values**2).sum())
            counts += np.bincount(labels, minlength=256)
            for column, band in zip(sums.T, values, strict=True):
                column += np.bincount(labels, band, minlength=256)
    there = counts > 0
    return squares - float(((sums[there] ** 2).sum(axis=1) / counts[there]).sum())


def main() -> int:
    """Run all that are there; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "s2dash-bench")
    parser.add_argument("--side", type=int, default=FULL_SIDE, help="rows and columns, divisible by 6")
    parser.add_argument("--peers", nargs="*", default=[peer.needs for peer in PEERS], metavar="PROGRAM")
    arguments = parser.parse_args()
    scene = stack(arguments.folder, arguments.side, "pixel").absolute()
    print(machine_words())
    print(f"\n{arguments.side} x {arguments.side} x 10, raw bands, k = {K}\n")
    found: dict[str, Spent] = {}
    for peer in (OURS, *(peer for peer in PEERS if peer.needs in arguments.peers)):
        result = run(peer, scene) if shutil.which(peer.needs) else "not installed"
        if isinstance(result, str):
            print(f"{peer.name:36}{result}", flush=True)
            continue
        found[peer.name] = result
        above = 100 * (result.inertia / found[OURS.name].inertia - 1)
        took = f"wall {result.wall:7.1f} s   CPU {result.cpu:7.1f} s   peak {result.peak_mb:6.0f} MB"
        print(f"{peer.name:36}{took}   inertia {above:+.3f} % beside ours", flush=True)
    our = found.pop(OURS.name)
    if not found:
        print("No peer ran.")
        return 0
    wall, cpu = (min(getattr(spent, unit) for spent in found.values()) for unit in ("wall", "cpu"))
    fastest = min(found.values(), key=lambda spent: spent.wall)
    met = [
        verdict("\nours over the fastest peer, wall", our.wall / wall, 1 / TIMES_FASTER, ".2f"),
        verdict("ours over the fastest peer, CPU", our.cpu / cpu, 1 / TIMES_FASTER, ".2f"),
        verdict("our inertia over the fastest peer's", our.inertia / fastest.inertia, 1.0, ".4f"),
    ]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
