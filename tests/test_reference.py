"""References for names: brought under the live picture's pixels whatever their grid, or refused with the reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.warp import Resampling, reproject
from scenes import ROTATED, SOUTH_UP, UTM, UTM_10M, make_scene, write_raster

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.classify.naming import suggestions
from s2dash.classify.naming.legends import (
    CORINE_CODES,
    CORINE_NUMBERS,
    NUMBERS,
    OWN,
    WORLDCOVER_CODES,
    fitting_legends,
    likely_legend,
)
from s2dash.core.legend import default_legend
from s2dash.core.recipe import default_recipe
from s2dash.core.reference import NO_CODE, Reference
from s2dash.core.scene import Scene
from s2dash.errors import UnreadableFile
from s2dash.export.geotiff import write_geotiff

pytestmark = pytest.mark.usefixtures("door_is_here")


def read(scene: Scene, path: Path, folder: Path, name: str | None = None) -> np.ndarray:
    return ingest.read_reference(scene, path, folder / "read", name).codes[scene.grid]


def codes_of(values: set[int], name: str = "map.tif", names: dict[int, str] | None = None) -> Reference:
    scene_codes = np.array([sorted(values)], dtype=np.int32)
    return Reference(name, "d", {object(): scene_codes}, names or {})  # type: ignore[dict-item]


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_on_the_scenes_own_grid_it_is_what_it_is(tmp_path: Path, dtype: str) -> None:
    scene = make_scene(tmp_path)
    stored = np.random.default_rng(0).integers(1, 9, (1, *scene.grid.shape_rc)).astype(dtype)
    path = write_raster(tmp_path / "map.tif", stored, nodata=3)
    assert np.array_equal(read(scene, path, tmp_path), np.where(stored[0] == 3, NO_CODE, stored[0].astype(np.int64)))


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        (UTM, UTM_10M @ Affine.translation(-7.3, 4.1) @ Affine.scale(2.5)),
        (UTM, ROTATED @ Affine.translation(-20, -30) @ Affine.scale(1.7)),
        (UTM, SOUTH_UP @ Affine.translation(0, -60)),
        ("EPSG:32632", Affine(23, 0, 950_000, 0, -23, 5_222_000)),
        ("EPSG:4326", Affine(1e-4, 0, 14.97, 0, -8e-5, 46.98)),
    ],
)
def test_from_any_grid_it_is_the_nearest_code(tmp_path: Path, crs: str, transform: Affine) -> None:
    scene = make_scene(tmp_path)
    stored = np.random.default_rng(1).integers(1, 200, (1, 700, 900)).astype(np.uint8)
    path = write_raster(tmp_path / "map.tif", stored, crs=crs, transform=transform)
    expected = np.zeros(scene.grid.shape_rc, np.uint8)
    reproject(
        stored[0],
        expected,
        src_transform=transform,
        src_crs=crs,
        dst_transform=scene.grid.transform,
        dst_crs=scene.grid.crs_wkt,
        resampling=Resampling.nearest,
        tolerance=0,
    )
    assert (expected > 0).any()
    found = read(scene, path, tmp_path)
    # Centres on the border of two pixels may fall to either.
    assert (np.where(found == NO_CODE, 0, found) == expected).mean() > 0.995


def test_of_a_large_scene_it_lies_under_every_nth_pixel(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, (1100, 1300), ("B04", "B08"))
    step, stored = scene.live_step, np.arange(1100 * 1300, dtype=np.int32).reshape(1, 1100, 1300) // 9000 + 1
    path = write_raster(tmp_path / "map.tif", stored)
    assert step > 1
    assert np.array_equal(read(scene, path, tmp_path), stored[0, step // 2 :: step, step // 2 :: step])


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["Sea", "Marsh", "a,b\n=1+1", "\u202egnp", "<b>x"]), min_size=3, max_size=3))
def test_a_map_of_our_own_gives_its_names_back(tmp_path: Path, names: list[str]) -> None:
    scene = make_scene(tmp_path)
    fitted = pipeline.fit(pipeline.prepare(scene, replace(default_recipe(scene).plain(), k=3)))
    result = pipeline.run_live(fitted)
    legend = default_legend(("#111111", "#222222", "#333333")).edited(dict(enumerate(names, 1)), {})
    write_geotiff(result, legend, tmp_path / "map.tif")
    reference = ingest.read_reference(scene, tmp_path / "map.tif", tmp_path / "read", "=map.tif")
    assert likely_legend(reference) == OWN
    found = suggestions(fitted, result, reference)
    assert [one.name for one in found.values()] == [entry.name for entry in legend.entries]
    assert {(one.source, one.sureness) for one in found.values()} == {("reference", "very likely")}
    assert found[1].reason == f"All of it is “{legend.entries[0].name}” in =map.tif."


def test_legends_are_known_by_their_codes() -> None:
    assert likely_legend(codes_of({10, 30, 80, 0})) == WORLDCOVER_CODES
    assert likely_legend(codes_of({111, 523, 999})) == CORINE_CODES
    assert likely_legend(codes_of({1, 44, 128}, "U2018_CLC2018.tif")) == CORINE_NUMBERS
    assert likely_legend(codes_of({1, 2, 3})) == NUMBERS
    assert likely_legend(codes_of({10, 20}, names={10: "Sea"})) == OWN
    assert fitting_legends(codes_of({1, 2, 3})) == (CORINE_NUMBERS, NUMBERS)


def test_a_reference_of_another_grid_says_nothing(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    fitted = pipeline.fit(pipeline.prepare(scene, replace(default_recipe(scene).plain(), k=3)))
    found = suggestions(fitted, pipeline.run_live(fitted), codes_of({10, 20}))
    assert {one.source for one in found.values()} == {"rule"}


class TestRefusals:
    @pytest.fixture
    def scene(self, tmp_path: Path) -> Scene:
        return make_scene(tmp_path)

    def refusal(self, scene: Scene, path: Path, folder: Path) -> str:
        with pytest.raises(UnreadableFile) as caught:
            read(scene, path, folder)
        assert not (folder / "read").exists()
        return str(caught.value)

    def test_elsewhere(self, scene: Scene, tmp_path: Path) -> None:
        path = write_raster(tmp_path / "m.tif", np.ones((1, 9, 9), np.uint8), transform=Affine(10, 0, 0, 0, -10, 0))
        assert "says nothing of this scene" in self.refusal(scene, path, tmp_path)

    def test_without_data(self, scene: Scene, tmp_path: Path) -> None:
        path = write_raster(tmp_path / "m.tif", np.zeros((1, 48, 64), np.uint8), nodata=0)
        assert "has no data here" in self.refusal(scene, path, tmp_path)

    @pytest.mark.parametrize("value", [0.5, 1e20])
    def test_no_whole_numbers(self, scene: Scene, tmp_path: Path, value: float) -> None:
        path = write_raster(tmp_path / "m.tif", np.full((1, 48, 64), value, np.float32))
        assert "numbers are not whole" in self.refusal(scene, path, tmp_path)

    def test_a_measurement(self, scene: Scene, tmp_path: Path) -> None:
        path = write_raster(tmp_path / "m.tif", np.arange(48 * 64, dtype=np.uint16).reshape(1, 48, 64))
        assert "more than 1,000 different numbers" in self.refusal(scene, path, tmp_path)

    def test_without_place_and_of_another_shape(self, scene: Scene, tmp_path: Path) -> None:
        path = write_raster(tmp_path / "m.tif", np.ones((1, 9, 9), np.uint8), crs=None)
        assert "9 x 9 pixels but the scene 48 x 64" in self.refusal(scene, path, tmp_path)

    @pytest.mark.parametrize("content", [b"", b"id,name\n1,Sea\n", b"II*\x00" + bytes(60)])
    def test_no_raster(self, scene: Scene, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "m.tif").write_bytes(content)
        assert "m.tif" in self.refusal(scene, tmp_path / "m.tif", tmp_path)

    def test_cut_short(self, scene: Scene, tmp_path: Path) -> None:
        path = write_raster(tmp_path / "m.tif", np.random.default_rng(0).integers(1, 9, (1, 256, 256)).astype(np.uint8))
        path.write_bytes(path.read_bytes()[:9_000])
        assert "m.tif" in self.refusal(scene, path, tmp_path)
