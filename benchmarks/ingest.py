"""Opening a full Sentinel-2 tile: seconds and memory of `ingest` beside a bare decode of the same files in one run.

Run: python benchmarks/ingest.py [--quick] [--only jp2|geotiff|zarr|encodings]. The tile is made from the sample scene's
pixels and kept in the folder of temporary files for the next time (2.5 GB; some minutes). Each measurement has a
process of its own, bare and ingest in turn. Files are in the system's cache both times. Ends with 1 where a
target is missed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import rasterio
from common import ROOT, machine_words, verdict
from full_tile import (
    FULL_SIDE,
    QUICK_SIDE,
    STACKED,
    mirrored,
    pictures,
    product,
    sample_bands,
    stack,
    zarr_product,
    zipped,
    zipped_zarr,
)
from rasterio.errors import RasterioError

sys.path.insert(0, str(ROOT))

from s2dash import ingest
from s2dash.settings import GDAL_ENVIRONMENT, thread_count

JP2_TARGET, GEOTIFF_TARGET, ZARR_TARGET, ZARR_READING_TARGET = 1.5, 3.0, 3.0, 1.2
"""Times a bare decode; of Zarr also of reading all pixels without writing them, as chunks unpack faster than any
raster is packed."""
PEAK_MIB_TARGET = 1_024
OWN_MIB_TARGET = 400
"""Of the process that asks, which is the server."""
_BLOCK = 512
_MIB = 1 << 20

Encoding = dict[str, Any]
ENCODINGS: tuple[tuple[str, Encoding], ...] = (
    ("none", {}),
    ("LZW", {"compress": "lzw"}),
    ("deflate 1", {"compress": "deflate", "zlevel": 1}),
    ("deflate 6", {"compress": "deflate", "zlevel": 6}),
    ("zstd 1", {"compress": "zstd", "zstd_level": 1}),
    ("zstd 3", {"compress": "zstd", "zstd_level": 3}),
    ("zstd 9", {"compress": "zstd", "zstd_level": 9}),
    ("LERC, zstd 1", {"compress": "lerc_zstd", "max_z_error": 0, "zstd_level": 1}),
)
_WITHOUT_PREDICTOR = ("none", "lerc_zstd")

Result = TypeVar("Result")


@dataclass(frozen=True)
class Measured:
    """One decode or one ingest of a set of files."""

    seconds: float
    """By the clock: for an ingest all of it, with the start of its process."""
    cpu_seconds: float
    """Of all threads, which other work on the machine changes less."""
    peak_mib: float = 0
    """Of the process that decodes."""
    own_mib: float = 0
    """Of the process that asked for it."""
    written_bytes: int = 0
    look_seconds: float | None = None
    """Until there was a first look to show; None where there was none."""


def fresh(function: Callable[..., Result], *arguments: Any) -> Result:
    """Call a function of this module in a new process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def bare_decode(paths: Sequence[Path]) -> Measured:
    """Decode all pixels strip by strip and let them go; all cores, one dataset a thread, one thread a decode."""
    strips = []
    for path in paths:
        with _opened(path) as dataset:
            rows = dataset.block_shapes[0][0]
            strips += [
                (path, ((row, min(row + rows, dataset.height)), (0, dataset.width)))
                for row in range(0, dataset.height, rows)
            ]
    todo, lock = iter(strips), threading.Lock()

    def run() -> None:
        current, dataset = None, None
        while True:
            with lock:
                path, window = next(todo, (None, None))
            if path != current:
                if dataset is not None:
                    dataset.close()
                if path is None:
                    return
                current, dataset = path, _opened(path)
            assert dataset is not None
            dataset.read(window=window)

    started, cpu_started = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(thread_count()) as pool:
        for future in [pool.submit(run) for _ in range(thread_count())]:
            future.result()
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    return Measured(seconds, cpu_seconds, _peak_mib(resource.RUSAGE_SELF))


def bare_unpack(roots: Sequence[Path]) -> Measured:
    """Unpack all chunks of all arrays of Zarr stores by the package `zarr`, array by array, which uses all cores."""
    import zarr

    started, cpu_started = time.perf_counter(), time.process_time()
    for root in roots:
        for _, array in sorted(zarr.open_group(root, mode="r").members(max_depth=None)):
            if isinstance(array, zarr.Array):
                for row in range(0, array.shape[0], array.chunks[0]):
                    array[row : row + array.chunks[0]]
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    return Measured(seconds, cpu_seconds, _peak_mib(resource.RUSAGE_SELF))


def read_only(path: Path) -> Measured:
    """Read all pixels of an EOPF product as `ingest` does, strip by strip on all cores, and let them go."""
    from s2dash.core.types import windows
    from s2dash.ingest.gather import gather
    from s2dash.ingest.pile import GivenFile

    started, cpu_started = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as scratch:
        files = gather([GivenFile(path.name, path)], Path(scratch), "", None, lambda share: None).files
    found = [file.pixels for file in files if file.pixels is not None]
    todo = ((one, window) for one in found for window in windows(one.grid.shape_rc, (_BLOCK, one.grid.width)))
    with ThreadPoolExecutor(thread_count()) as pool:
        for _ in pool.map(lambda part: part[0].read(part[1]).shape, todo):
            pass
    for one in found:
        one.digest()
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    return Measured(seconds, cpu_seconds, _peak_mib(resource.RUSAGE_SELF))


def ingest_once(paths: Path | Sequence[Path], folder: Path) -> Measured:
    """Take files in as the server does, and remove what came of it."""
    looked: list[float] = []
    started = time.perf_counter()
    ingest.ingest(
        paths if isinstance(paths, Path) else list(paths),
        folder,
        on_look=lambda look: looked.append(time.perf_counter() - started),
    )
    seconds = time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    written = sum(path.stat().st_size for path in folder.iterdir())
    shutil.rmtree(folder)
    return Measured(
        seconds,
        usage.ru_utime + usage.ru_stime,
        _peak_mib(resource.RUSAGE_CHILDREN),
        _peak_mib(resource.RUSAGE_SELF),
        written,
        looked[0] if looked else None,
    )


def encode_once(names: tuple[str, ...], side: int, how: Encoding, path: Path) -> tuple[int, float, float]:
    """Bytes, and CPU seconds to write and to read, of bands as one raster under an encoding."""
    places = np.arange(side)
    values = mirrored(sample_bands(names), places, places)
    profile = {
        "driver": "GTiff", "count": len(names), "height": side, "width": side, "dtype": "uint16", "tiled": True,
        "blockxsize": _BLOCK, "blockysize": _BLOCK, "interleave": "band", "bigtiff": "if_safer",
    }  # fmt: skip
    windows = [((row, min(row + _BLOCK, side)), (0, side)) for row in range(0, side, _BLOCK)]
    started = time.process_time()
    with rasterio.open(path, "w", **profile, **how) as out:
        for window in windows:
            out.write(values[:, slice(*window[0])], window=window)
    written = time.process_time()
    with _opened(path) as dataset:
        for window in windows:
            assert dataset is not None
            dataset.read(window=window)
        read = time.process_time()
        if not np.array_equal(dataset.read(), values):
            raise SystemExit(f"{how} does not give back what was written.")
    size = path.stat().st_size
    path.unlink()
    return size, written - started, read - written


def compare(name: str, bare: Sequence[Path], given: Path | Sequence[Path], scratch: Path, repeats: int) -> list[float]:
    """Print a row of the table; returns the ratio of the best times, and both peaks in MiB."""
    decodes, ingests = [], []
    decode = bare_unpack if bare[0].is_dir() else bare_decode
    for _ in range(repeats):
        decodes.append(fresh(decode, bare))
        ingests.append(fresh(ingest_once, given, scratch / "scene"))
    ratio = _best(ingests) / _best(decodes)
    peak, own = (max(run.peak_mib for run in ingests), max(run.own_mib for run in ingests))
    looks = ", ".join(f"{run.look_seconds:.1f}" for run in ingests if run.look_seconds is not None) or "none"
    cpu = [min(run.cpu_seconds for run in runs) for runs in (decodes, ingests)]
    print(
        f"| {name} | {sum(map(_bytes_of, bare)) / 1e6:.0f} | {_all_seconds(decodes)} | "
        f"{looks} | {_all_seconds(ingests)} | {ratio:.2f} | {cpu[0]:.1f} | {cpu[1]:.1f} | {peak:.0f} | {own:.0f} | "
        f"{ingests[0].written_bytes / 1e6:.0f} |",
        flush=True,
    )
    return [ratio, peak, own]


def compare_all(folder: Path, side: int, repeats: int, only: str | None) -> bool:
    """Measure each kind of input; returns whether all targets are met."""
    inputs: list[tuple[str, Sequence[Path], Path | Sequence[Path], float]] = []
    if only in (None, "jp2"):
        safe, packed = fresh(product, folder, side), fresh(zipped, folder, side)
        files = pictures(safe)
        inputs += [
            ("JP2, folder", files, safe, JP2_TARGET),
            ("JP2, loose files", files, files, JP2_TARGET),
            ("JP2, zip", files, packed, JP2_TARGET),
        ]
    if only in (None, "geotiff"):
        for interleave in ("pixel", "band"):
            path = fresh(stack, folder, side, interleave)
            inputs.append((f"GeoTIFF, {interleave}", [path], path, GEOTIFF_TARGET))
    if only in (None, "zarr"):
        for version in (2, 3):
            root, packed = fresh(zarr_product, folder, side, version), fresh(zipped_zarr, folder, side, version)
            inputs += [
                (f"Zarr {version}, folder", [root], root, ZARR_TARGET),
                (f"Zarr {version}, zip", [root], packed, ZARR_TARGET),
            ]
    columns = (
        "input", "MB", "bare decode s", "first look s", "ingest s", "ratio", "CPU s bare", "ingest", "peak MiB",
        "own MiB", "MB written",
    )  # fmt: skip
    print(f"| {' | '.join(columns)} |")
    print(f"|---|{'--:|' * (len(columns) - 1)}", flush=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        found = [
            (name, target, compare(name, bare, given, Path(scratch), repeats)) for name, bare, given, target in inputs
        ]
    print()
    met = [verdict(f"{name}: times a bare decode", ratio, target, ".2f") for name, target, (ratio, _, _) in found]
    met.append(verdict("the ingest process, MiB", max(peak for _, _, (_, peak, _) in found), PEAK_MIB_TARGET, ".0f"))
    met.append(verdict("the process that asks, MiB", max(own for _, _, (_, _, own) in found), OWN_MIB_TARGET, ".0f"))
    return all(met)


def compare_encodings(folder: Path, side: int) -> None:
    """Print what one 10 m band, and the ten bands of a stack, cost under each encoding."""
    print(f"{side} x {side}, one core, CPU seconds to write and to read\n")
    print(
        "| encoding | predictor | one band, MB | share | write s | read s | ten bands, MB | share | write s | read s |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|", flush=True)
    for name, how in ENCODINGS:
        for predictor in (1,) if how.get("compress", "none") in _WITHOUT_PREDICTOR else (1, 2):
            chosen = how if predictor == 1 else {**how, "predictor": predictor}
            cells = []
            for bands in (("B08",), STACKED):
                try:
                    size, write, read = fresh(encode_once, bands, side, chosen, folder / "encoded.tif")
                except RasterioError as error:
                    cells.append(f"not available ({error}) | | |")
                    continue
                share = size / (side * side * 2 * len(bands))
                cells.append(f"{size / 1e6:.0f} | {share:.2f} | {write:.2f} | {read:.2f}")
            print(f"| {name} | {predictor} | {' | '.join(cells)} |", flush=True)


def compare_reading(folder: Path, side: int, repeats: int) -> bool:
    """Print how reading alone compares with a bare decode, for each way that EOPF comes; returns whether it holds."""
    print("\n| reading alone | bare decode s | reading s | ratio | CPU s bare | reading | peak MiB |")
    print("|---|--:|--:|--:|--:|--:|--:|", flush=True)
    met = []
    for version in (2, 3):
        root, packed = fresh(zarr_product, folder, side, version), fresh(zipped_zarr, folder, side, version)
        for name, given in ((f"Zarr {version}, folder", root), (f"Zarr {version}, zip", packed)):
            pairs = [(fresh(bare_unpack, [root]), fresh(read_only, given)) for _ in range(repeats)]
            bare, ours = ([pair[side] for pair in pairs] for side in (0, 1))
            ratio = min(one.cpu_seconds for one in ours) / min(one.cpu_seconds for one in bare)
            cpu = [min(one.cpu_seconds for one in runs) for runs in (bare, ours)]
            print(
                f"| {name} | {_all_seconds(bare)} | {_all_seconds(ours)} | {_best(ours) / _best(bare):.2f} | "
                f"{cpu[0]:.2f} | {cpu[1]:.2f} | {max(one.peak_mib for one in ours):.0f} |",
                flush=True,
            )
            met.append(verdict(f"{name}: reading, times a bare decode's CPU", ratio, ZARR_READING_TARGET, ".2f"))
    return all(met)


def _bytes_of(path: Path) -> int:
    """Of a file, or of all files of a folder."""
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file()) if path.is_dir() else path.stat().st_size


def _opened(path: Path) -> rasterio.DatasetReader:
    return rasterio.open(path, driver="JP2OpenJPEG" if path.suffix == ".jp2" else "GTiff")


def _peak_mib(who: int) -> float:
    return resource.getrusage(who).ru_maxrss * 1024 / _MIB


def _best(runs: Sequence[Measured]) -> float:
    return min(run.seconds for run in runs)


def _all_seconds(runs: Sequence[Measured]) -> str:
    return ", ".join(f"{run.seconds:.1f}" for run in runs)


def main() -> int:
    """Make what is missing and measure; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a sixteenth of a tile, to try the script")
    parser.add_argument("--only", choices=("jp2", "geotiff", "zarr", "encodings"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "s2dash-bench")
    arguments = parser.parse_args()
    os.environ.update(GDAL_ENVIRONMENT)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    side = QUICK_SIDE if arguments.quick else FULL_SIDE
    print(machine_words())
    met = True
    if arguments.only != "encodings":
        print(f"\n{side} x {side}\n")
        met = compare_all(arguments.folder, side, arguments.repeats, arguments.only)
    if arguments.only in (None, "zarr"):
        met &= compare_reading(arguments.folder, side, arguments.repeats)
    if arguments.only in (None, "encodings"):
        print()
        compare_encodings(arguments.folder, side // 2)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
