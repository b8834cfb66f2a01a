"""A full tile on the map: seconds a view of 24 tiles at each zoom through the tile route, and from one k to the next.

Run: python benchmarks/native_tiles.py [--quick]. The tile is made from the sample scene's pixels, kept in the folder
of temporary files for the next time (0.9 GB), and opened as an upload is. A cold view finds nothing in
s2dash's caches, the files being in the system's; one after a change of colours finds the labels; a warm one
finds finished tiles. Asked for by six connections, as browsers do. Ends with 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from common import ROOT, machine_words, verdict
from full_tile import FULL_SIDE, QUICK_SIDE, stack

sys.path.insert(0, str(ROOT))

import numpy as np
from starlette.applications import Starlette
from starlette.testclient import TestClient

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.scene import Scene
from s2dash.server.live_engine import LiveAnswer, LiveEngine
from s2dash.settings import GDAL_ENVIRONMENT
from s2dash.tiles import details, placing, stretch
from s2dash.tiles.levels import levels_of
from s2dash.tiles.native import NativeTiles
from s2dash.tiles.render import Detail, Picture
from s2dash.tiles.store import TileStore, tile_routes, url_template

VIEW_TARGET_SECONDS = 0.5
K_TARGET_SECONDS = 0.8
"""From a choice of k to labels, computing alone; the sample scene takes as long."""
ACROSS, DOWN = 6, 4
CONNECTIONS = 6
TRUE_COLOUR = ("B04", "B03", "B02")


class Map:
    """A scene behind the tile route, with its two pictures."""

    def __init__(self, scene: Scene, answer: LiveAnswer, client: TestClient, store: TileStore) -> None:
        self.scene, self.answer, self.client, self.store = scene, answer, client, store
        self.native = NativeTiles()
        self.stack = LiveEngine().stack(scene)
        self.stretch = stretch.stretch_of(scene, self.stack, TRUE_COLOUR)
        self.grid = scene.grid.decimated(scene.live_step)

    def forget(self) -> None:
        """Drop all that was kept of cells and of labels of tiles."""
        self.native.cells.drop_idle(-1)
        self.native.tiles.drop_idle(-1)

    def prepared(self) -> float:
        """Seconds until the levels between have been gathered."""
        started = time.perf_counter()
        levels = levels_of(self.scene)
        self.native.prepare(self.scene)
        while any(self.native.between(self.scene, level).share < 1 for level in levels[1:]):
            time.sleep(0.05)
        return time.perf_counter() - started

    def picture(self) -> str:
        rgba = stretch.picture_rgba(self.scene, self.stack, TRUE_COLOUR, self.stretch)
        return self._put(rgba, None, details.of_picture(self.native, self.scene, self.stretch))

    def classes(self, detail: Detail | None) -> str:
        colours = np.random.default_rng().integers(0, 256, (256, 4)).astype(np.uint8)
        colours[:, 3], colours[0] = 255, 0
        assert self.answer.result.classmap.labels is not None
        return self._put(self.answer.result.classmap.labels, colours, detail)

    def _put(self, pixels: np.ndarray, palette: np.ndarray | None, detail: Detail | None) -> str:
        return self.store.put(os.urandom(8).hex(), Picture(self.grid, pixels, palette, self.scene.live_step, detail))

    def view(self, token: str, z: int) -> tuple[float, float]:
        """Seconds and CPU seconds for the tiles in the middle of the scene."""
        (south, west), (north, east) = placing.map_bounds(self.scene.grid)
        latitude, longitude = math.radians((south + north) / 2), (west + east) / 2
        x = int((longitude + 180) / 360 * 2**z) - ACROSS // 2
        y = int((1 - math.asinh(math.tan(latitude)) / math.pi) / 2 * 2**z) - DOWN // 2
        urls = [
            url_template(token).format(z=z, x=x + right, y=y + down) for down in range(DOWN) for right in range(ACROSS)
        ]
        started, started_cpu = time.perf_counter(), time.process_time()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            answers = list(pool.map(self.client.get, urls))
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - started_cpu
        if any(answer.status_code != 200 or "immutable" not in answer.headers["cache-control"] for answer in answers):
            raise SystemExit("A tile could not be drawn.")
        return seconds, cpu_seconds


def views(map_: Map, full: Detail | None) -> bool:
    """Print the table of views; returns whether the cold ones meet their target."""
    scene, answer, native = map_.scene, map_.answer, map_.native
    print(f"\nSeconds for a view of {ACROSS * DOWN} tiles, and in brackets of CPU (less swayed by other work)")
    print("| zoom | pixels of the scene across one of the tile | picture: cold | warm ", end="")
    print("| classes by the fit: cold | other colours | warm | of the full result: cold |")
    print("|--:|--:|--:|--:|--:|--:|--:|--:|")
    worst = 0.0
    for z in range(9, 18):
        map_.forget()
        token = map_.picture()
        picture = map_.view(token, z), map_.view(token, z)
        map_.forget()
        detail = details.of_classes(native, answer.fitted, answer.result.digest)
        token = map_.classes(detail)
        cold = map_.view(token, z)
        other = map_.classes(detail)
        classes = cold, map_.view(other, z), map_.view(other, z)
        map_.forget()
        finished = map_.view(map_.classes(full), z)
        cells = [f"{seconds:.2f} ({cpu:.2f})" for seconds, cpu in (*picture, *classes, finished)]
        print(f"| {z} | {placing.covered_pixels(scene.grid, z):.2f} | {' | '.join(cells)} |", flush=True)
        worst = max(worst, picture[0][0], classes[0][0], finished[0])
    return verdict("the slowest cold view, seconds", worst, VIEW_TARGET_SECONDS, ".2f")


def median_seconds(act: Callable[[Recipe], object], recipe: Recipe, ks: tuple[int, ...]) -> float:
    """The median over values of k."""
    taken = []
    for k in ks:
        started = time.perf_counter()
        act(replace(recipe, k=k))
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def k_change(title: str, scene: Scene, smooth: int = 0) -> float:
    """Print seconds from one k to the next, and return those of the live engine."""
    engine, recipe = LiveEngine(), replace(default_recipe(scene).plain(), smooth=smooth)

    def anew(recipe: Recipe) -> None:
        pipeline.run_live(pipeline.fitted_to(scene, recipe))

    slow = median_seconds(anew, recipe, (7,) if smooth else (6, 7, 9))
    engine.submit(scene, replace(recipe, k=5)).result()
    kept = median_seconds(lambda recipe: engine.submit(scene, recipe).result(), recipe, (6, 7, 9, 10, 11))
    print(f"{title}: {slow:.2f} with all read and made anew, {kept:.2f} with what is kept", flush=True)
    return kept


def k_changes(scene: Scene) -> bool:
    """Print seconds from a choice of k to the live picture's labels; returns whether the target is met."""
    print("\nSeconds from a choice of k to the live picture's labels, median")
    k_change("sample scene", ingest.sample_scene())
    seconds = k_change("full tile", scene)
    k_change("full tile, smoothed", scene, smooth=3)
    return verdict("full tile, seconds", seconds, K_TARGET_SECONDS, ".2f")


def main() -> int:
    """Measure and print; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a sixteenth of a tile")
    side = QUICK_SIDE if parser.parse_args().quick else FULL_SIDE
    os.environ.update(GDAL_ENVIRONMENT)
    print(machine_words())
    kept = Path(tempfile.gettempdir()) / "s2dash-bench"
    with tempfile.TemporaryDirectory(prefix="s2dash-native-") as folder:
        scene = ingest.ingest(stack(kept, side, "band"), Path(folder) / "scene")
        print(f"{side} x {side} x {len(scene.bands)}; the live picture takes every {scene.live_step}th pixel")
        good = k_changes(scene)
        answer = LiveEngine().submit(scene, default_recipe(scene).plain()).result()
        result = pipeline.run_full(answer.fitted, Path(folder) / "labels.tif")
        store = TileStore()
        with TestClient(Starlette(routes=tile_routes(store))) as client:
            map_ = Map(scene, answer, client, store)
            print(f"\nThe levels between were gathered in the background within {map_.prepared():.1f} s")
            good = views(map_, details.of_finished(map_.native, result)) and good
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
