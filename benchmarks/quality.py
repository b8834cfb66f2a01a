"""Quality of maps by labels that people drew: recipes beside scikit-learn's k-means on standardised bands.

Run: python benchmarks/quality.py [FOLDER ...] [--seeds 3] [--recipes default,plain,...]. A folder, ../shared/data
where none is given, is searched for `NAME_labels.tif` (0 where nobody drew a label) beside `NAME.tif` or
`NAME_*.tif`. Prints for each recipe the gain in adjusted Rand index (ARI) and mapped accuracy on labelled pixels, for
each scene its mean over k = 4 to 12 and all seeds, and what each step costs at a megapixel. Ends with 1 where the
default recipe gains nothing on the mean of the scenes, or loses more than 0.01 on one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from common import ROOT, machine_words

sys.path.insert(0, str(ROOT))

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.classify.edge_smoothing import edge_smoothed
from s2dash.classify.evaluate import agreement
from s2dash.classify.features import preview_features
from s2dash.classify.learn import learnt
from s2dash.classify.prepare import Memo
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.scene import Scene

SHARED = ROOT.parent / "shared" / "data"
KS = range(4, 13)
STARTS = 4
RECIPES: Mapping[str, Callable[[Recipe], Recipe]] = {
    "default": lambda recipe: recipe,
    "plain": Recipe.plain,
    "3 x 3 mean": lambda recipe: replace(recipe.plain(), smooth=3),
    "without smoothing": lambda recipe: replace(recipe.with_edges_kept(), smooth=0),
    "none favoured": lambda recipe: replace(recipe.with_edges_kept(), favour_rare=False),
    "straight distance": lambda recipe: replace(recipe.with_edges_kept(), distance="euclidean"),
    "edges kept + 10 components": lambda recipe: replace(recipe.with_edges_kept(), components=10),
    "edges kept + log": lambda recipe: replace(recipe.with_edges_kept(), transform="log"),
    "edges kept + mixture": lambda recipe: pipeline.apply_algorithm(recipe.with_edges_kept(), "gaussian-mixture"),
}
TEN = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")


def labelled_scenes(folder: Path) -> Iterator[tuple[str, Path, Path]]:
    """Name, scene and labels of each pair in a folder and those below it."""
    for labels in sorted(folder.rglob("*_labels.tif")):
        name = labels.name.removesuffix("_labels.tif")
        fits = [labels.with_name(f"{name}.tif"), *sorted(labels.parent.glob(f"{name}_*.tif"))]
        found = next((path for path in fits if path.is_file() and path != labels), None)
        if found is not None:
            yield name, found, labels


def scored(labels: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """ARI and mapped accuracy, on pixels that have both."""
    found = agreement(labels, reference)
    return found.adjusted_rand, found.mapped_accuracy


def baseline(scene: Scene, reference: np.ndarray, seeds: range) -> np.ndarray:
    """scikit-learn's k-means on standardised bands without those made for the air, shape (k and seeds, 2)."""
    from sklearn.cluster import KMeans

    pixels = preview_features(pipeline.prepare(scene, default_recipe(scene).plain()))
    rows = pixels.values[:, pixels.valid].T.astype(np.float64)
    spread = rows.std(axis=0)
    rows = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1)
    out, labels = [], np.zeros(pixels.valid.shape, dtype=np.uint8)
    for seed in seeds:
        for k in KS:
            labels[pixels.valid] = 1 + KMeans(k, n_init=STARTS, random_state=seed).fit_predict(rows)
            out.append(scored(labels, reference))
    return np.array(out)


def ours(scene: Scene, reference: np.ndarray, seeds: range, of: Callable[[Recipe], Recipe]) -> np.ndarray:
    """A recipe's scores, shape (k and seeds, 2)."""
    out, keep = [], Memo()
    for seed in seeds:
        for k in KS:
            recipe = replace(of(default_recipe(scene)), k=k, seed=seed)
            labels = pipeline.run_live(pipeline.fit(pipeline.prepare(scene, recipe, keep))).classmap.labels
            assert labels is not None
            out.append(scored(labels, reference))
    return np.array(out)


def cost(folder: Path) -> None:
    """Print the processor's time of each step at a megapixel of ten bands, best of three."""
    scene = _megapixel(folder / "scene.tif")
    for count in (6, 10):
        recipe = replace(default_recipe(scene).with_edges_kept(), components=count)
        found = ", ".join(f"{name} {1000 * _best(step):.0f}" for name, step in _steps(scene, recipe).items())
        print(f"{count} components, ms of one thread: {found}")


def _megapixel(path: Path) -> Scene:
    values = np.random.default_rng(0).integers(200, 6_000, (len(TEN), 1_000, 1_000)).astype(np.uint16)
    profile = {"driver": "GTiff", "count": len(TEN), "height": 1_000, "width": 1_000, "dtype": "uint16", "tiled": True}
    with rasterio.open(path, "w", crs="EPSG:32633", transform=Affine(10, 0, 5e5, 0, -10, 5e6), **profile) as out:
        out.write(values)
        for number, name in enumerate(TEN, 1):
            out.set_band_description(number, name)
    scene = ingest.open_in_place(path)
    assert scene is not None
    return scene


def _steps(scene: Scene, recipe: Recipe) -> Mapping[str, Callable[[], object]]:
    prepared = learnt(pipeline.prepare(scene, recipe, Memo()))
    alone = replace(prepared, pointwise=None)
    pixels, space, fitted = preview_features(alone), prepared.pointwise, pipeline.fit(prepared)
    assert space is not None
    flat, features = pixels.values.reshape(len(pixels.values), -1), preview_features(prepared)
    planes = space.planes(flat).reshape(-1, *pixels.valid.shape)
    return {
        "transform": lambda: preview_features(alone),
        "components": lambda: space.planes(flat),
        "smoothing": lambda: edge_smoothed(planes, pixels.valid),
        "assignment at k = 8": lambda: pipeline.assign(fitted, features),
    }


def _best(step: Callable[[], object]) -> float:
    seconds = []
    for _ in range(3):
        started = time.process_time()
        step()
        seconds.append(time.process_time() - started)
    return min(seconds)


def main() -> int:
    """Print the tables; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folders", nargs="*", type=Path, default=[SHARED])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--recipes", default=",".join(RECIPES), help="names, separated by commas")
    arguments = parser.parse_args()
    chosen = [name for name in RECIPES if name in arguments.recipes.split(",")]
    seeds = range(arguments.seeds)
    print(machine_words())
    pairs = [pair for folder in arguments.folders for pair in labelled_scenes(folder)]
    if not pairs:
        print(f"skipped: no *_labels.tif in {', '.join(map(str, arguments.folders))}")
        return 0
    gains: dict[str, dict[str, np.ndarray]] = {name: {} for name in chosen}
    for name, scene_path, labels_path in pairs:
        with rasterio.open(labels_path) as source:
            reference = source.read(1)
        with tempfile.TemporaryDirectory() as scratch:
            scene = ingest.open_in_place(scene_path) or ingest.ingest(scene_path, Path(scratch) / "scene")
            plain = baseline(scene, reference, seeds).mean(axis=0)
            print(f"{name}: scikit-learn's k-means has ARI {plain[0]:.3f}, accuracy {plain[1]:.3f}", flush=True)
            for recipe_name in chosen:
                found = ours(scene, reference, seeds, RECIPES[recipe_name]).mean(axis=0)
                gains[recipe_name][name] = found - plain
    print("\n| recipe | gain in ARI | worst | gain in accuracy | worst | " + " | ".join(name for name, _, _ in pairs))
    print("|---|" + "--:|" * (4 + len(pairs)))
    for recipe_name, by_scene in gains.items():
        both = np.array(list(by_scene.values()))
        means = " | ".join(f"{value:+.3f}" for gain in both.T for value in (gain.mean(), gain.min()))
        print(f"| {recipe_name} | {means} | " + " | ".join(f"{gain[0]:+.3f}" for gain in both) + " |")
    print()
    with tempfile.TemporaryDirectory() as scratch:
        cost(Path(scratch))
    default = np.array([gain[0] for gain in gains.get("default", {}).values()] or [1.0])
    return int(default.mean() <= 0 or default.min() < -0.01)


if __name__ == "__main__":
    sys.exit(main())
