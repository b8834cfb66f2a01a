"""The script and the notebook make the map again without the program, bit for bit, whatever the recipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest
import rasterio
from products import write_safe
from scenes import make_scene, prepared_on, write_scene

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.classify.algorithms import ALGORITHMS
from s2dash.classify.learnt_numbers import learnt_numbers
from s2dash.core.about import About
from s2dash.core.edits import ClassEdits, LeaveOut, LeaveOutInside, Majority, Merge, Sieve, Split
from s2dash.core.legend import default_legend
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.scene import Scene
from s2dash.errors import RecipeError
from s2dash.export.handover import Handover
from s2dash.export.script import notebook_text, script_text, why_not

SIX = ("B02", "B03", "B04", "B08", "B11", "B12")
HOSTILE = ('"""\n__import__("os").abort()', "=1+1", "\u202emirrored", "\N{EVERGREEN TREE}" * 20, "\\", "'''")
STEPS = (Merge((1, 2), 1), LeaveOut(3), Split(4, 2), Majority(3), Sieve(4, "pixels"))


def handover_of(scene: Scene, recipe: Recipe, *steps: object, names: tuple[str, ...] = ()) -> Handover:
    fitted = pipeline.edited(pipeline.fit(prepared_on(scene, recipe)), ClassEdits(steps=steps))
    result = pipeline.run_live(fitted)
    legend = default_legend([f"#10{number:02x}80" for number in fitted.numbers], fitted.numbers)
    legend = legend.edited(dict(zip(fitted.numbers, names, strict=False)), {})
    return Handover(result, legend, learnt=learnt_numbers(fitted))


def alone(folder: Path, *arguments: str) -> str:
    """Run Python where nothing but installed libraries can be imported; what it says."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-I", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def made_by_script(handover: Handover, folder: Path, *flags: str) -> tuple[np.ndarray, str]:
    script = folder / "again.py"
    script.write_text(script_text(handover), encoding="utf-8")
    said = alone(folder, script.name, *(str(path) for path in handover.result.scene.paths), "-o", "again.tif", *flags)
    with rasterio.open(folder / "again.tif") as dataset:
        return dataset.read(1), said


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return make_scene(tmp_path, names=SIX)


def test_the_program_is_not_there(tmp_path: Path) -> None:
    said = alone(tmp_path, "-c", "import importlib.util; print(importlib.util.find_spec('s2dash'))")
    assert said.strip() == "None"


def test_the_first_recipe_of_the_page(scene: Scene, tmp_path: Path) -> None:
    about = About(title=HOSTILE[0], place=HOSTILE[2], author="'''", notes="</a>\n" * 300)
    handover = replace(handover_of(scene, default_recipe(scene), names=HOSTILE), about=about)
    labels, said = made_by_script(handover, tmp_path, "--refit")
    assert np.array_equal(labels, handover.result.classmap.labels)
    assert float(said.split("Grouped anew, ")[1].split(" %")[0]) > 50


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm(algorithm: str, scene: Scene, tmp_path: Path) -> None:
    recipe = replace(default_recipe(scene).plain(), algorithm=algorithm, params=(), k=5)
    if ALGORITHMS[algorithm].on_reflectance:
        recipe = replace(recipe, scale="none")
    handover = handover_of(scene, recipe)
    labels, _ = made_by_script(handover, tmp_path)
    assert np.array_equal(labels, handover.result.classmap.labels)


@pytest.mark.parametrize(
    "changes",
    [
        {"smooth": 3},
        {"indices": ("NDVI", "NDWI")},
        {"transform": "log"},
        {"components": 3},
        {"distance": "mahalanobis", "indices": ("NDVI",)},
        {"clip": (2.0, 98.0)},
    ],
    ids=str,
)
def test_features(changes: dict[str, object], scene: Scene, tmp_path: Path) -> None:
    handover = handover_of(scene, replace(default_recipe(scene).plain(), k=5, **changes))
    labels, _ = made_by_script(handover, tmp_path)
    assert np.array_equal(labels, handover.result.classmap.labels)


def test_edits(scene: Scene, tmp_path: Path) -> None:
    handover = handover_of(scene, default_recipe(scene), *STEPS)
    labels, _ = made_by_script(handover, tmp_path)
    assert np.array_equal(labels, handover.result.classmap.labels)


def test_the_notebook_makes_the_same(scene: Scene, tmp_path: Path) -> None:
    handover = handover_of(scene, default_recipe(scene), names=HOSTILE)
    text = notebook_text(handover)
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    cells = [cell.replace('["scene.tif"]', json.dumps([str(path) for path in scene.paths])) for cell in cells]
    (tmp_path / "cells.py").write_text(
        "names = {}\n" + "\n".join(f"exec({cell!r}, names)" for cell in cells) + "\nrasterio = names['rasterio']\n",
        encoding="utf-8",
    )
    alone(tmp_path, "cells.py")
    [made] = tmp_path.glob("*-classes.tif")
    with rasterio.open(made) as dataset:
        assert np.array_equal(dataset.read(1), handover.result.classmap.labels)


def test_what_it_cannot_do_is_said(scene: Scene) -> None:
    handover = handover_of(scene, default_recipe(scene))
    assert why_not(handover) is None
    assert why_not(replace(handover, learnt=None)) is not None
    ring = ((-9.0, 47.0), (-8.9, 47.0), (-8.9, 47.1), (-9.0, 47.0))
    inside = handover_of(scene, default_recipe(scene), LeaveOutInside(rings=(ring,)))
    with pytest.raises(RecipeError, match="drawn areas"):
        script_text(inside)


@pytest.mark.parametrize("kind", ["alpha", "mask"])
def test_what_a_file_hides_stays_hidden(kind: str, tmp_path: Path) -> None:
    shown = np.ones((48, 64), dtype=bool)
    shown[5:15, 7:30] = False
    given = write_scene(tmp_path / "given.tif", names=SIX, **{kind: shown * np.uint8(255)})
    handover = handover_of(ingest.ingest(given, tmp_path / "read"), Recipe(bands=SIX, k=4))
    (tmp_path / "again.py").write_text(script_text(handover), encoding="utf-8")
    alone(tmp_path, "again.py", str(given), "-o", "again.tif")
    with rasterio.open(tmp_path / "again.tif") as dataset:
        labels = dataset.read(1)
    assert not labels[~shown].any()
    assert np.array_equal(labels, handover.result.classmap.labels)


@pytest.mark.parametrize("pixel_size", [None, 20.0])
def test_a_product_as_it_was_delivered(pixel_size: float | None, tmp_path: Path) -> None:
    """Pixel sizes are brought to one, classes of clouds and saturated pixels left out, from the product's own files."""
    write_safe(tmp_path, size_m=1200)
    [safe] = tmp_path.glob("*.SAFE")
    scene = ingest.ingest(safe, tmp_path / "read")
    recipe = Recipe(bands=("B02", "B04", "B08", "B11"), k=4, pixel_size=pixel_size, mask_saturated=True)
    handover = handover_of(scene, replace(recipe, mask_scl=(3, 4, 8, 9, 10)))
    assert not handover.result.classmap.labels.all()
    (tmp_path / "again.py").write_text(script_text(handover), encoding="utf-8")
    alone(tmp_path, "again.py", *map(str, sorted(safe.rglob("IMG_DATA/**/*.jp2"))), "-o", "again.tif")
    with rasterio.open(tmp_path / "again.tif") as dataset:
        assert np.array_equal(dataset.read(1), handover.result.classmap.labels)
