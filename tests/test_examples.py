"""The example scenes: each is ready to use, small, described, and what its script makes of the published files."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.core.legend import default_legend
from s2dash.core.palette import class_colours
from s2dash.core.recipe import default_recipe
from s2dash.data import make_examples
from s2dash.errors import UnknownName, UnreadableFile
from s2dash.export.geotiff import write_geotiff
from s2dash.ingest import EXAMPLES, Example

every_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.key)
every_cut = pytest.mark.parametrize("cut", make_examples.CUTS, ids=lambda one: one.key)


def test_the_coast_is_first_and_keys_are_unique() -> None:
    keys = [example.key for example in EXAMPLES]
    assert keys[0] == "coast"
    assert len(set(keys)) == len(keys)
    assert ingest.sample_scene().paths == (EXAMPLES[0].path,)


def test_runs_and_links_mean_the_same_example_wherever_the_package_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = ingest.sample_scene("mountains")
    shutil.copytree(here.paths[0].parent, tmp_path / "data")
    monkeypatch.setattr("s2dash.ingest.examples._DATA", tmp_path / "data")
    there = ingest.sample_scene("mountains")
    assert there.paths != here.paths
    assert there.digest == here.digest != ingest.sample_scene("desert").digest


def test_together_they_are_small() -> None:
    assert sum(example.path.stat().st_size for example in EXAMPLES) < 12_000_000


def test_an_unknown_key_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownName, match="coast, desert"):
        ingest.sample_scene("moon")


@every_example
def test_each_has_a_place_a_date_and_a_title_and_leaves_no_question_open(example: Example) -> None:
    scene = ingest.sample_scene(example.key)
    assert scene.title == example.title
    assert scene.grid.crs_wkt
    assert scene.date is not None
    assert scene.attribution == f"Contains modified Copernicus Sentinel data {scene.date[:4]}"
    assert scene.reflectance.quantification == 10_000
    assert set(scene.reflectance.offsets) == {0.0}
    assert not ingest.doubts_offset(scene)
    assert not ingest.doubtful_numbers(scene)


@every_example
def test_the_default_recipe_finds_its_classes_and_the_export_says_whose_data_it_is(
    example: Example, tmp_path: Path
) -> None:
    scene = ingest.sample_scene(example.key)
    recipe = replace(default_recipe(scene), k=example.k)
    result, fitted = pipeline.run(scene, recipe, tmp_path / "labels.tif")
    assert all(row.count > 0 for row in result.rows)
    assert len(result.rows) == example.k
    assert result.masked_share < 0.01
    legend = default_legend(class_colours(fitted.mean_reflectance, [band.standard for band in scene.bands]))
    write_geotiff(result, legend, tmp_path / "map.tif")
    with rasterio.open(tmp_path / "map.tif") as written:
        assert written.tags()["ATTRIBUTION"] == scene.attribution


@every_example
def test_each_is_described_where_its_licence_stands(example: Example) -> None:
    words = example.path.with_name("README.md").read_text(encoding="utf-8")
    scene = ingest.sample_scene(example.key)
    assert f"`{example.path.name}`" in words
    assert scene.attribution in words


@every_example
def test_the_small_picture_is_of_the_scene(example: Example) -> None:
    assert example.thumbnail.stat().st_size < 15_000
    with Image.open(example.thumbnail) as shipped:
        assert shipped.size == make_examples.THUMBNAIL_SIZE
        found = np.asarray(shipped.convert("RGB"), dtype=float)
    made = np.asarray(make_examples.thumbnail(example).convert("RGB"), dtype=float)
    assert np.abs(found - made).mean() < 2


@every_cut
def test_files_hold_the_bands_on_the_grid_and_the_facts_that_the_script_states(cut: make_examples.Cut) -> None:
    with rasterio.open(make_examples.path_of(cut), driver="GTiff") as dataset:
        assert dataset.descriptions == cut.names
        assert dataset.crs.to_epsg() == cut.window.epsg
        assert dataset.transform == cut.window.transform
        assert dataset.shape == cut.window.shape_rc
        assert dataset.tags().items() >= cut.tags.items()
        assert {(256, 256)} == set(dataset.block_shapes)


@pytest.mark.shared
@every_cut
def test_each_is_made_again_from_the_published_files(cut: make_examples.Cut, tmp_path: Path, shared_data: Path) -> None:
    make_examples.make_example(cut, shared_data, tmp_path / "again.tif")
    with rasterio.open(tmp_path / "again.tif") as again, rasterio.open(make_examples.path_of(cut)) as shipped:
        np.testing.assert_array_equal(again.read(), shipped.read())


@every_cut
def test_other_files_are_refused_and_nothing_is_written(cut: make_examples.Cut, tmp_path: Path) -> None:
    source, output = tmp_path / "source", tmp_path / "out.tif"
    with pytest.raises(UnreadableFile, match="missing"):
        make_examples.make_example(cut, source, output)
    for name in (cut.archive,) if cut.archive else cut.files:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(b"other")
    with pytest.raises(UnreadableFile, match=cut.sha256):
        make_examples.make_example(cut, source, output)
    assert not output.exists()
