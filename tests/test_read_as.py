"""A scene read as its user says: one value for every way in, whose parts do what they say, and which can be kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loose import read_all, taken_in
from scenes import make_scene, write_raster, write_scene

from s2dash import ingest
from s2dash.core.scene import Scene
from s2dash.core.scene_reading import AS_FOUND, AreaFile, SceneReading
from s2dash.errors import RecipeError, S2DashError, UnknownName, UnreadableFile

NAMES = ("B11", "B8A", "B04", "B02")
ALL = SceneReading(band_names=NAMES, quantification=5_000, offset=-100, nodata=(7.0, 9.0))


def in_both_ways(path: Path, folder: Path, reading: SceneReading) -> tuple[Scene, Scene]:
    in_place = ingest.open_in_place(path, reading)
    assert in_place is not None
    return in_place, taken_in(path, folder, reading=reading)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("scene"))


def with_sevens(path: Path) -> Path:
    values = np.random.default_rng(3).integers(500, 3_000, (4, 40, 50), dtype="uint16")
    values[:, 5:9, 10:20] = 7
    return write_raster(path, values, descriptions=("B02", "B03", "B04", "B08"))


def test_every_part_counts_by_every_way_in(tmp_path: Path) -> None:
    path = with_sevens(tmp_path / "a.tif")
    for found in in_both_ways(path, tmp_path, ALL):
        assert found.band_names == NAMES
        assert (found.reflectance.quantification, found.reflectance.offset) == (5_000, -100)
        assert {fill.value for fill in found.fills} >= {7.0, 9.0}
        pixels = read_all(found)
        assert not pixels.valid[5:9, 10:20].any()
        assert pixels.valid.sum() == 40 * 50 - 4 * 10


def test_it_does_not_matter_when_it_is_applied(tmp_path: Path) -> None:
    path = with_sevens(tmp_path / "a.tif")
    bare, read = (ingest.open_in_place(path, reading) for reading in (AS_FOUND, ALL))
    assert bare is not None
    assert read is not None
    for reading in (ALL, SceneReading.from_json(ALL.to_json())):
        assert ingest.read_as(bare, reading).digest == read.digest != bare.digest


def test_as_found_changes_nothing(scene: Scene) -> None:
    assert ingest.read_as(scene, AS_FOUND) is scene
    assert ingest.read_as(scene, SceneReading(tile="33UUU", also=("a.tif",), area=(AreaFile("a.gpkg"),))) is scene


@given(
    reading=st.builds(
        SceneReading,
        band_names=st.none() | st.lists(st.text(max_size=5), max_size=6).map(tuple),
        quantification=st.none() | st.floats(),
        offset=st.none() | st.floats(),
        nodata=st.lists(st.floats(), max_size=3).map(tuple),
    )
)
def test_a_reading_is_followed_or_refused_in_plain_words(scene: Scene, reading: SceneReading) -> None:
    try:
        found, refusal = ingest.read_as(scene, reading), "."
    except S2DashError as error:
        found, refusal = None, str(error)
    assert refusal.endswith(".")
    if found is not None:
        assert len(found.bands) == len(scene.bands)
        assert reading.quantification in (None, found.reflectance.quantification)
        assert {fill.value for fill in found.fills} >= set(reading.nodata)


@pytest.mark.parametrize(
    ("reading", "error", "words"),
    [
        (SceneReading(band_names=("B02",)), UnknownName, "1 names are given for 4 bands"),
        (SceneReading(quantification=0), RecipeError, "quantification is 0"),
        (SceneReading(also=("nowhere.tif",)), UnknownName, "nowhere.tif"),
    ],
)
def test_what_cannot_be_leaves_nothing_behind(
    tmp_path: Path, reading: SceneReading, error: type[S2DashError], words: str
) -> None:
    path = write_scene(tmp_path / "a.tif")
    with pytest.raises(error, match=words):
        taken_in(path, tmp_path, reading=reading)
    assert list(tmp_path.iterdir()) == [path]


def test_further_pictures_are_not_looked_for_in_place(tmp_path: Path) -> None:
    assert ingest.open_in_place(write_scene(tmp_path / "a.tif"), SceneReading(also=("b.tif",))) is None


def test_a_shapefile_is_known_by_all_its_parts(tmp_path: Path) -> None:
    for ending in ("shp", "dbf", "prj", "txt"):
        (tmp_path / f"a.{ending}").write_bytes(ending.encode())
    before = ingest.area_files(tmp_path / "a.shp")
    assert [one.name for one in before] == ["a.shp", "a.dbf", "a.prj"]
    assert len({one.digest for one in before}) == 3
    (tmp_path / "a.prj").write_bytes(b"another")
    after = ingest.area_files(tmp_path / "a.shp")
    assert (after[:2], after[2].digest != before[2].digest) == (before[:2], True)
    with pytest.raises(UnreadableFile, match=r"nowhere\.shp"):
        ingest.area_files(tmp_path / "nowhere.shp")
