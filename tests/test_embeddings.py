"""Yearly embeddings: AlphaEarth's 8-bit codes and fractions become one scene, grouped by the angle."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from embeddings import AXES, SHAPE_RC, coded, kinds, tessera, vectors, write
from hypothesis import given
from hypothesis import strategies as st
from loose import taken_in
from rasterio.transform import Affine
from scenes import UTM_10M, write_scene

from s2dash.classify.colours import carried_colours, colours_of
from s2dash.classify.indices import available_indices
from s2dash.classify.learnt_numbers import learnt_numbers
from s2dash.classify.naming.suggest import suggestions
from s2dash.classify.pipeline import fitted_to, run_live
from s2dash.classify.point import ask
from s2dash.classify.sureness import SureSteps
from s2dash.cli.main import main
from s2dash.core.legend import default_legend
from s2dash.core.missions import ALPHAEARTH, CODE_NODATA, CODES_SQUARED, embedding_of
from s2dash.core.palette import class_colours
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene
from s2dash.core.sight import least_differences
from s2dash.errors import UnreadableFile
from s2dash.export import Handover
from s2dash.export.script.facts import why_not
from s2dash.ingest.embeddings import NO_DATA, of_length_one, squared_codes
from s2dash.raster.reading import SceneReader, read_preview_stack
from s2dash.tiles.stretch import stretch_of, usual_pictures
from s2dash.ui.next_scene import moved

pytestmark = pytest.mark.usefixtures("door_is_here")

SOURCE = "The AlphaEarth Foundations Satellite Embedding dataset is produced by Google and Google DeepMind (CC BY 4.0)"


def labels_of(scene: Scene) -> np.ndarray:
    """Of four classes by the default recipe."""
    labels = run_live(fitted_to(scene, replace(default_recipe(scene), k=4))).classmap.labels
    assert labels is not None
    return labels


@given(st.lists(st.integers(CODE_NODATA, 127), min_size=1, max_size=50))
def test_squared_codes_are_the_published_values_times_one_number(given_codes: list[int]) -> None:
    stored = np.array(given_codes, dtype="int16")
    published = np.sign(stored) * (np.abs(stored) / 127.5) ** 2
    squared = squared_codes(stored, "x.tif")
    assert squared.dtype == np.int16
    np.testing.assert_allclose(squared / CODES_SQUARED, published, rtol=1e-12)


@pytest.mark.parametrize(
    ("texts", "dtype", "nodata", "words", "is_one"),
    [
        (AXES, "int8", -128.0, "", True),
        (AXES, "float64", None, "", True),
        ([""] * 64, "int8", -128.0, "x.tif", True),
        ([""] * 64, "int8", None, "satellite_embedding_v1.tif", True),
        ([""] * 64, "int8", None, "x.tif", False),
        ([""] * 64, "float32", -128.0, "x.tif", False),
        (["A01", "A16", "A09"], "float32", None, "AlphaEarth_2023.tif", True),
        (["A01", "A16", "A09"], "float32", None, "x.tif", False),
        (["Tessera_Band_0", "Tessera_Band_1"], "float32", None, "x.tif", False),
        (["A01", "A01"], "float32", None, "AlphaEarth", False),
        (["A64"], "float32", None, "AlphaEarth", False),
        ([], "int8", -128.0, "AlphaEarth", False),
    ],
)
def test_what_is_an_embedding(texts: list[str], dtype: str, nodata: float | None, words: str, is_one: bool) -> None:
    count = len(texts)
    assert (embedding_of(texts, [dtype] * count, [nodata] * count, words) is ALPHAEARTH) is is_one


def test_codes_become_values_and_the_file_is_called_what_it_is(tmp_path: Path) -> None:
    scene = taken_in(write(tmp_path / "x.tif", coded(), nodata=-128), tmp_path)
    assert scene.sensor == "AlphaEarth embedding"
    assert scene.attribution == SOURCE
    assert scene.band_names == tuple(AXES)
    assert "yearly embedding, not reflectance" in scene.reflectance.sentence
    assert (scene.dtype, scene.set_aside, scene.doubtful_fills, scene.fills) == ("int16", (), (), ())
    stack = read_preview_stack(scene)
    held = scene.to_reflectance(stack)
    np.testing.assert_allclose(held[:, 20:, 20:], vectors()[:, 20:, 20:], atol=0.009)
    np.testing.assert_allclose(np.linalg.norm(held[:, 20:, 20:], axis=0), 1, atol=0.02)
    assert (stack[:, :10, :10] == scene.nodata[0]).all()
    assert not any("satellite" in note for note in scene.notes)


@pytest.mark.parametrize("kind", ["unnamed codes", "16-bit codes", "doubles"])
def test_every_way_of_writing_it_is_the_same_scene(tmp_path: Path, kind: str) -> None:
    exact = np.sign(coded().astype(float)) * (coded() / 127.5) ** 2
    exact[:, coded()[0] == CODE_NODATA] = np.nan
    how: dict[str, Any] = {}
    if kind == "unnamed codes":
        values, how = coded(), {"descriptions": None, "nodata": -128}
    elif kind == "16-bit codes":
        values, how = coded().astype("int16"), {"nodata": -128}
    else:
        values = exact
    usual = taken_in(write(tmp_path / "a.tif", coded(), nodata=-128), tmp_path / "a")
    scene = taken_in(write(tmp_path / "b.tif", values, **how), tmp_path)
    assert scene.band_names == usual.band_names
    assert default_recipe(scene) == default_recipe(usual)
    np.testing.assert_array_equal(labels_of(scene), labels_of(usual))


def test_the_angle_decides_and_all_paths_give_the_same_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "x.tif", coded(), nodata=-128, tiled=True)
    scene = taken_in(path, tmp_path)
    recipe = default_recipe(scene)
    assert (recipe.scale, recipe.transform, recipe.smooth, recipe.favour_rare) == ("none", "none", 0, False)
    live = labels_of(scene)
    there = coded()[0] != CODE_NODATA
    assert (live[~there] == 0).all()
    for number in range(1, 5):
        assert np.unique(kinds()[there & (live == number)]).size == 1
    out = tmp_path / "classes.tif"
    assert main(["classify", str(path), "-o", str(out), "--k", "4"]) == 0
    with rasterio.open(out) as dataset:
        np.testing.assert_array_equal(dataset.read(1), live)
        assert dataset.tags()["ATTRIBUTION"] == SOURCE
        assert "Copernicus" not in str(dataset.tags())


def test_a_bottom_up_file_lies_where_it_should(tmp_path: Path) -> None:
    up = UTM_10M @ Affine(1, 0, 0, 0, -1, SHAPE_RC[0])
    usual = taken_in(write(tmp_path / "a.tif", coded(), nodata=-128), tmp_path / "a")
    scene = taken_in(write(tmp_path / "b.tif", coded()[:, ::-1], nodata=-128, transform=up), tmp_path)
    assert scene.grid.has_place
    stacks = [read_preview_stack(one) for one in (usual, scene)]
    for row, col in ((5, 5), (45, 20), (30, 60)):
        x, y = usual.grid.transform @ (col + 0.5, row + 0.5)
        there_col, there_row = (int(np.floor(v)) for v in ~scene.grid.transform @ (x, y))
        np.testing.assert_array_equal(stacks[1][:, there_row, there_col], stacks[0][:, row, col])


def test_colours_go_by_area_and_lie_apart(tmp_path: Path) -> None:
    scene = taken_in(write(tmp_path / "x.tif", coded(), nodata=-128), tmp_path)
    fitted = fitted_to(scene, replace(default_recipe(scene), k=4))
    colours = colours_of(fitted)
    sizes = np.bincount(fitted.sample_labels)[1:]
    of_largest = [colours[i] for i in np.argsort(-sizes)]
    assert of_largest == list(class_colours(np.zeros((4, 1)), [None], "character", np.arange(4, 0, -1)))
    assert colours_of(fitted, "true-colour") == colours
    apart = least_differences(colours) + 100 * np.eye(4)
    assert apart.min() > 18
    assert len(set(class_colours(np.zeros((255, 1)), [None], "character", np.ones(255)))) == 255
    kept = {1: "#123456", 3: colours[2]}
    assert carried_colours(fitted, kept)[::2] == ("#123456", colours[2])
    assert len(set(carried_colours(fitted, kept))) == 4


def test_no_file_of_a_map_speaks_of_light_and_its_script_makes_the_same_map(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "x.tif", coded(), nodata=-128, tiled=True)
    out, report, pack = (tmp_path / name for name in ("classes.tif", "report.html", "pack.zip"))
    assert main([*map(str, ("classify", path, "-o", out, "--report", report, "--pack", pack)), "--k", "4"]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert set(told["classes"][0]["mean_embedding"]) == set(AXES)
    texts = {"the table": said.err, "the report": report.read_text(), "the JSON": json.dumps(told)}
    with zipfile.ZipFile(pack) as made:
        texts |= {
            name: made.read(name).decode() for name in made.namelist() if name.endswith((".py", ".csv", ".ipynb"))
        }
        script = next(made.extract(name, tmp_path) for name in made.namelist() if name.endswith(".py"))
    for name, text in texts.items():
        rest = text.replace("not reflectance", "")
        assert not re.search("reflect|infrared|Copernicus|darkest|true colou?r", rest), name
    again = tmp_path / "again.tif"
    subprocess.run([sys.executable, script, path, "-o", again], check=True, capture_output=True)
    with rasterio.open(out) as one, rasterio.open(again) as other:
        np.testing.assert_array_equal(one.read(1), other.read(1))


def test_no_script_is_offered_of_vectors_that_were_made_while_they_were_read(tmp_path: Path) -> None:
    scene = taken_in(tessera(tmp_path / "x.tiff"), tmp_path)
    fitted = fitted_to(scene, replace(default_recipe(scene), k=4))
    result = run_live(fitted)
    handover = Handover(result, default_legend(colours_of(fitted)), learnt=learnt_numbers(fitted))
    assert why_not(handover) == "The vectors of this embedding were made while it was read, which the script cannot do."


def test_no_rule_of_light_is_used(tmp_path: Path) -> None:
    scene = taken_in(write(tmp_path / "x.tif", coded(), nodata=-128), tmp_path)
    assert not available_indices(scene)
    fitted = fitted_to(scene, default_recipe(scene))
    assert suggestions(fitted, run_live(fitted)) == {}


def test_it_is_shown_by_three_axes_within_one_reach(tmp_path: Path) -> None:
    scene = taken_in(write(tmp_path / "x.tif", coded(), nodata=-128), tmp_path)
    ((bands, _),) = usual_pictures(scene).values()
    assert bands == ("A01", "A16", "A09")
    stretch = stretch_of(scene, read_preview_stack(scene), bands)
    values = np.array([-0.5, -0.3, 0.0, 0.3, 0.9]) * CODES_SQUARED
    shown = stretch.rgba(np.tile(values, (3, 1)).astype("float32"), np.ones(5, dtype=bool))
    assert shown[:, 0].tolist() == [0, 0, 128, 255, 255]


def test_what_is_no_embedding_is_refused(tmp_path: Path) -> None:
    shifted = (coded().astype("int16") + 128).astype("uint8")
    with pytest.raises(UnreadableFile, match="uint8 numbers"):
        taken_in(write(tmp_path / "u.tif", shifted), tmp_path)
    with pytest.raises(UnreadableFile, match="no codes"):
        taken_in(write(tmp_path / "large.tif", coded().astype("int16") * 50), tmp_path)


def test_it_does_not_go_together_with_light(tmp_path: Path) -> None:
    embedding = write(tmp_path / "x.tif", coded(), nodata=-128)
    with pytest.raises(UnreadableFile, match="one by one"):
        taken_in([embedding, write_scene(tmp_path / "S2.tif")], tmp_path)


def test_what_was_chosen_for_light_is_not_carried_to_an_embedding_nor_back(tmp_path: Path) -> None:
    scene = taken_in(write(tmp_path / "x.tif", coded(), nodata=-128), tmp_path / "x")
    light = taken_in(write_scene(tmp_path / "S2.tif"), tmp_path / "s2")
    there, here = default_recipe(scene), default_recipe(light)
    assert moved(replace(here, k=5, seed=3), here, light.band_names, scene) == replace(there, k=5, seed=3)
    assert moved(replace(there, k=5), there, scene.band_names, light) == replace(here, k=5)


def test_vectors_of_length_one_keep_their_direction_and_what_is_none_is_no_data() -> None:
    wide = np.random.default_rng(1).normal(0, 3, (128, 2, 3))
    wide[5, 0, 0], wide[:, 0, 1] = np.nan, 0
    made = of_length_one(wide.astype("float32"), "x.tif")
    assert (made[:, 0, :2] == NO_DATA).all()
    held = made[:, 1] / CODES_SQUARED
    np.testing.assert_allclose(held, wide[:, 1] / np.linalg.norm(wide[:, 1], axis=0), atol=4e-5)


def test_tessera_is_read_by_direction_within_the_room_of_16_bits(tmp_path: Path) -> None:
    scene = taken_in(tessera(tmp_path / "grid_0.15_52.05_2024.tiff"), tmp_path)
    assert (scene.sensor, scene.dtype, len(scene.bands)) == ("TESSERA embedding", "int16", 128)
    assert "University of Cambridge" in scene.attribution
    assert "Each vector is brought to length one" in scene.reflectance.sentence
    assert next(iter(usual_pictures(scene).values()))[0] == ("Tessera_Band_0", "Tessera_Band_1", "Tessera_Band_2")
    labels = labels_of(scene)
    assert (labels[:5, :5] == 0).all()
    there = labels > 0
    assert there.sum() == there.size - 25
    for number in range(1, 5):
        assert np.unique(kinds()[labels == number]).size == 1


def test_versions_and_years_of_tessera_are_never_mixed(tmp_path: Path) -> None:
    first = tessera(tmp_path / "a.tiff", version="v1")
    for other in (tessera(tmp_path / "b.tiff", version="v1.1"), tessera(tmp_path / "c.tiff", year="2020")):
        with pytest.raises(UnreadableFile, match="Open one at a time"):
            taken_in([first, other], tmp_path)


def test_a_place_asked_for_tells_values_that_are_no_light(tmp_path: Path) -> None:
    scene = taken_in(write(tmp_path / "x.tif", coded(), nodata=-128), tmp_path)
    fitted = fitted_to(scene, replace(default_recipe(scene), k=4))
    with SceneReader(scene) as reader:
        point = ask(fitted, SureSteps(20, 40), reader, 30, 40)
    assert point.is_embedding
    assert (point.indices, point.scl) == ((), None)
    value = point.bands[16].value
    stored = int(coded()[16, 30, 40])
    assert value == pytest.approx(stored * abs(stored) / CODES_SQUARED, abs=1e-6)
