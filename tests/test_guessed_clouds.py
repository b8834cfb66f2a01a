"""Clouds as s2cloudless guesses them: the arithmetic of its package, a mask like any other, and none of it without."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from drawn_rings import ring_of
from hypothesis import given
from hypothesis import strategies as st
from page_driver import Downloads, Page, downloads, start
from scenes import UTM, make_scene, open_scene, write_raster

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.cli.main import main as cli
from s2dash.core import sentinel2
from s2dash.core.drawn_area import as_geojson
from s2dash.core.grid import Grid
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import AREA, Scene
from s2dash.core.types import CancelToken
from s2dash.errors import Cancelled, RecipeError
from s2dash.ingest import guessed_clouds
from s2dash.ingest.guessed_clouds import cloudy
from s2dash.raster.door import open_raster
from s2dash.raster.reading import read_preview_stack

__all__ = ["downloads", "start"]  # fixtures

needs_model = pytest.mark.skipif(not ingest.can_guess_clouds(), reason="lightgbm and the model are not installed")
NAMES = tuple(sentinel2.BANDS)
CLOUD = (5200, 5000, 4900, 5000, 5100, 5200, 5200, 5300, 5400, 2400, 350, 4100, 3300)
"""Stored numbers of a thick cloud in bands B01 to B12."""
CLOUD_ROWS, CLOUD_COLS = slice(60, 150), slice(72, 180)
SHAPE_RC = (200, 250)
"""Not a whole number of 60 m along either axis."""


def grid_of(shape_rc: tuple[int, int], metres: float = 60) -> Grid:
    return Grid(shape_rc, Affine(metres, 0, 500_000, 0, -metres, 5_200_000), UTM)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Water and woods, a cloud, and a corner without data."""
    draw = np.random.default_rng(4)
    ground = np.array((1150, 820, 700, 480, 850, 1900, 2300, 2400, 2550, 900, 25, 1250, 600))[:, None, None]
    values = np.repeat(np.repeat(ground, SHAPE_RC[0], 1), SHAPE_RC[1], 2).astype(np.float64)
    values[:, CLOUD_ROWS, CLOUD_COLS] = np.array(CLOUD)[:, None, None]
    values = np.maximum(1, np.rint(values * draw.normal(1, 0.03, values.shape))).astype(np.uint16)
    values[:, :30, :30] = 0
    folder = tmp_path_factory.mktemp("cloudy")
    return write_raster(folder / "cloudy.tif", values, descriptions=NAMES, nodata=0)


@pytest.fixture(scope="module")
def scene(path: Path) -> Scene:
    return open_scene(path)


@pytest.fixture(scope="module")
def guessed(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return ingest.with_guessed_clouds(scene, tmp_path_factory.mktemp("guess") / "made")


def classes_of(scene: Scene) -> np.ndarray:
    [mask] = [mask for mask in scene.masks if mask.quality == "s2cloudless"]
    with mask.layer.location.open() as dataset:
        return np.asarray(dataset.read(1))


class TestWhatIsDoneWithProbabilities:
    def test_radii_are_those_of_the_package(self) -> None:
        """`cv2.circle` draws the points whose distance is at most the radius; written down from OpenCV 5.0."""
        rows = {2: "00100 01110 11111 01110 00100", 4: "000010000 001111100 011111110 011111110 111111111"}
        assert guessed_clouds._disk(2).astype(int).tolist() == [[int(c) for c in row] for row in rows[2].split()]
        assert guessed_clouds._disk(4)[:5].astype(int).tolist() == [[int(c) for c in row] for row in rows[4].split()]

    def test_on_other_pixels_they_are_as_wide_on_the_ground(self) -> None:
        for metres, margin in ((10, 12), (20, 6), (60, 2), (160, 1)):
            probability = np.zeros((101, 101), dtype=np.float32)
            probability[:, 50:] = 1
            found = cloudy(probability, grid_of((101, 101), metres))
            edge = int(np.argmax(found[50]))
            # The mean passes 0.4 just before the edge, and the margin stands before that.
            assert edge in range(50 - margin - round(60 / metres) - 1, 50 - margin + 2)

    @given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(1, 20))
    def test_it_is_a_mean_a_threshold_and_a_margin(self, seed: int, rows: int, cols: int) -> None:
        probability = np.random.default_rng(seed).random((rows, cols)).astype(np.float32)
        found = cloudy(probability, grid_of((rows, cols)))
        mirrored = np.pad(probability.astype(np.float64), 24, mode="symmetric")
        near = [(r, c) for r in range(-4, 5) for c in range(-4, 5) if r * r + c * c <= 16]
        mean = sum(mirrored[24 + r : 24 + r + rows, 24 + c : 24 + c + cols] for r, c in near) / len(near)
        above = np.pad(mean > 0.4, 2)
        grown = [above[2 + r : 2 + r + rows, 2 + c : 2 + c + cols] for r, c in near if r * r + c * c <= 4]
        if np.abs(mean - 0.4).min() > 1e-6:
            assert np.array_equal(found, np.any(grown, axis=0))


class TestWhereItMayBeAsked:
    def test_all_bands_and_a_place_are_needed(self, scene: Scene, tmp_path: Path) -> None:
        assert ingest.may_guess_clouds(scene)
        folders = [tmp_path / str(number) for number in range(3)]
        for folder in folders:
            folder.mkdir()
        names = [name for name in NAMES if name != "B10"]
        assert not ingest.may_guess_clouds(make_scene(folders[0], (30, 40), names))
        assert not ingest.may_guess_clouds(
            make_scene(folders[1], (30, 40), NAMES, crs=None, transform=Affine.identity())
        )
        assert not ingest.may_guess_clouds(make_scene(folders[2], (30, 40), NAMES, "uint8"))
        assert not ingest.may_guess_clouds(replace(scene, level="Level-2A"))
        with pytest.raises(RecipeError, match="all of B01, B02"):
            ingest.with_guessed_clouds(replace(scene, level="Level-2A"), tmp_path / "made")

    def test_without_what_it_takes_nothing_is_promised(
        self,
        path: Path,
        scene: Scene,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(guessed_clouds, "_model_path", lambda: None)
        assert not ingest.can_guess_clouds()
        with pytest.raises(RecipeError, match="not installed here"):
            ingest.with_guessed_clouds(scene, tmp_path / "made")
        assert not (tmp_path / "made").exists()
        assert cli(["classify", str(path), "-o", str(tmp_path / "o.tif"), "--guess-clouds"]) != 0
        assert "not installed here" in capsys.readouterr().err

    def test_the_page_has_no_switch_then(
        self, start: Callable[[Scene], Page], scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(guessed_clouds, "_model_path", lambda: None)
        page = start(scene)
        assert not any(toggle.label == "Guess clouds" for toggle in page.test.toggle)


@needs_model
class TestTheMask:
    def test_the_cloud_is_found_and_the_ground_is_not(self, guessed: Scene) -> None:
        classes = classes_of(guessed)
        assert classes.shape == (34, 42)
        assert (classes[:5, :5] == 0).all(), "nothing is said where nothing was measured"
        inside, around = np.zeros(classes.shape, dtype=bool), np.zeros(classes.shape, dtype=bool)
        inside[10:25, 12:30] = True
        around[4:31, 6:36] = True
        assert (classes[inside] == 9).all()
        assert not (classes[~around] == 9).any()
        assert guessed_clouds.NOTE in guessed.notes

    def test_windows_of_any_size_leave_out_the_same(self, guessed: Scene, tmp_path: Path) -> None:
        fitted = pipeline.fitted_to(guessed, replace(default_recipe(guessed).plain(), k=3))
        live = pipeline.run_live(fitted).classmap.labels
        assert live is not None
        assert not live[CLOUD_ROWS, CLOUD_COLS].any()
        assert live[180:, 200:].all()
        pipeline.run_full(fitted, tmp_path / "l.tif", window_shape_rc=(37, 53))
        with open_raster(tmp_path / "l.tif") as dataset:
            assert np.array_equal(dataset.read(1), live)
        kept = pipeline.fitted_to(guessed, replace(fitted.recipe, mask_scl=()))
        everything = pipeline.run_live(kept).classmap.labels
        assert everything is not None
        assert everything[CLOUD_ROWS, CLOUD_COLS].all()

    def test_it_is_the_same_each_time_and_goes_again(self, scene: Scene, guessed: Scene, tmp_path: Path) -> None:
        again = ingest.with_guessed_clouds(scene, tmp_path / "again")
        assert again.digest == guessed.digest != scene.digest
        assert ingest.with_guessed_clouds(again, tmp_path / "third").masks[:-1] == scene.masks
        bare = ingest.without_guessed_clouds(guessed)
        assert (bare.masks, bare.notes) == (scene.masks, scene.notes)
        assert ingest.without_guessed_clouds(scene) is scene

    def test_beside_an_area_both_count(self, path: Path, tmp_path: Path) -> None:
        scene = ingest.ingest(path, tmp_path / "made")
        area = tmp_path / "area.geojson"
        area.write_text(as_geojson([ring_of(((50, 50), (240, 50), (240, 190), (50, 190)))]))
        one = ingest.with_guessed_clouds(ingest.with_area(scene, area, tmp_path / "a"), tmp_path / "b")
        other = ingest.with_area(ingest.with_guessed_clouds(scene, tmp_path / "c"), area, tmp_path / "d")
        for both in (one, other):
            assert [mask.kind == AREA for mask in both.masks][-2:] == [False, True]
            assert both.previews
            kept = read_preview_stack(both)
            assert np.array_equal(kept, read_preview_stack(replace(both, previews=())))
        assert np.array_equal(read_preview_stack(one), read_preview_stack(other))

    def test_a_cancelled_guess_leaves_nothing(self, scene: Scene, tmp_path: Path) -> None:
        cancel = CancelToken()
        cancel.cancel()
        with pytest.raises(Cancelled):
            ingest.with_guessed_clouds(scene, tmp_path / "made", cancel=cancel)
        assert not (tmp_path / "made").exists()

    def test_by_the_command_line(
        self, path: Path, guessed: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "o.tif"
        assert cli(["classify", str(path), "-o", str(out), "--k", "3", "--guess-clouds"]) == 0
        assert "guessed by s2cloudless" in json.dumps(json.loads(capsys.readouterr().out))
        with open_raster(out) as dataset:
            assert not dataset.read(1)[CLOUD_ROWS, CLOUD_COLS].any()


@needs_model
@pytest.mark.slow
def test_a_link_waits_for_the_guess(downloads: Downloads) -> None:
    page = Page(downloads).choose("toggle", "Guess clouds", True).choose("slider", "Number of classes (k)", 5)
    there = Page(downloads, map=page.link)
    assert there.recipe.k == 8
    there.test.session_state["window"] = None
    assert "“Guess clouds” on" in there.run().words
    there.choose("toggle", "Guess clouds", True).run()
    assert there.recipe.k == 5


@needs_model
def test_the_switch_on_the_page(start: Callable[[Scene], Page], scene: Scene) -> None:
    page = start(scene)
    before = page.geotiff
    assert before[CLOUD_ROWS, CLOUD_COLS].all()
    page.test.session_state["window"] = None
    page.choose("toggle", "Guess clouds", True)
    cloud = next(box for box in page.test.checkbox if box.label.startswith("Cloud, as guessed"))
    assert cloud.value is True
    assert "%" in cloud.label
    assert "guessed by s2cloudless" in page.words
    assert not page.geotiff[CLOUD_ROWS, CLOUD_COLS].any()
    page.test.session_state["window"] = None
    page.choose("toggle", "Guess clouds", False)
    assert np.array_equal(page.geotiff, before)
