"""More like this: the pixels nearest to one among the features, in steps of known shares, in picture and tiles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scenes import make_scene

from s2dash.classify import pipeline
from s2dash.classify.alike import SHARES, alike_to
from s2dash.classify.features import preview_features
from s2dash.classify.fitted import Fitted
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene
from s2dash.raster.reading import SceneReader
from s2dash.tiles.alike import alike_picture
from s2dash.tiles.native import NativeTiles

MASKED = (slice(10, 14), slice(30, 40))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("scene"), nodata=0, masked=[MASKED])


def fitted_on(scene: Scene, **choices: object) -> Fitted:
    return pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), **{"k": 4, **choices}))


def steps_like(fitted: Fitted, row: int, col: int) -> np.ndarray:
    with SceneReader(fitted.scene) as reader:
        found = alike_to(fitted, reader, row, col)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    "choices",
    [{}, {"smooth": 3}, {"pca": 2, "smooth": "edge"}, {"algorithm": "spectral-angle-kmeans", "scale": "none"}],
    ids=str,
)
def test_the_nearest_come_first_and_as_many_as_promised(scene: Scene, choices: dict[str, object]) -> None:
    fitted = fitted_on(scene, **choices)
    steps = steps_like(fitted, 20, 31)
    assert steps[20, 31] == 1
    assert not steps[MASKED].any()
    mapped = preview_features(fitted.prepared).valid.sum()
    for step, share in enumerate(SHARES, 1):
        assert ((steps > 0) & (steps <= step)).sum() == pytest.approx(share * mapped, abs=2)


def test_distances_are_those_of_scaled_features(scene: Scene) -> None:
    fitted = fitted_on(scene)
    features = preview_features(fitted.prepared)
    rows = fitted.space.transform(features.values.reshape(4, -1)).astype(float)
    away = np.linalg.norm(rows - rows[20 * 64 + 31], axis=1).reshape(features.valid.shape)
    steps = steps_like(fitted, 20, 31)
    assert away[steps == 1].max() <= away[steps == 2].min()
    assert away[steps == 2].max() <= away[steps == 3].min()
    assert away[steps == 3].max() <= away[(steps == 0) & features.valid].min()


def test_by_angle_brightness_does_not_count(tmp_path: Path) -> None:
    fitted = fitted_on(make_scene(tmp_path), algorithm="spectral-angle-kmeans", scale="none")
    with SceneReader(fitted.scene) as reader:
        found = alike_to(fitted, reader, 5, 5)
    assert found is not None
    features = preview_features(fitted.prepared)
    brighter = replace(features, values=features.values * np.uint16(2))
    assert found[0].distances(brighter) == pytest.approx(found[0].distances(features), abs=1e-4)


def test_nothing_is_like_a_masked_pixel(scene: Scene) -> None:
    assert alike_picture(NativeTiles(), fitted_on(scene), "", 12, 35) is None


def test_native_tiles_show_the_same_steps(tmp_path: Path) -> None:
    """A scene whose live picture has every second pixel: at native resolution its steps have the same limits."""
    scene = make_scene(tmp_path, shape_rc=(1100, 1200), crs=None)
    assert scene.live_step > 1
    fitted = fitted_on(scene, sample=2_000)
    native = NativeTiles()
    picture = alike_picture(native, fitted, "digest", 601, 433)
    assert picture is not None
    assert picture.detail is not None
    tile = picture.detail.tile(0, 1, 2, 256)
    assert tile is not None
    assert tile[601 - 512, 433 - 256] == 1
    step, first = scene.live_step, scene.live_step // 2
    rows, cols = np.arange(512 + first, 768, step), np.arange(256 + first, 512, step)
    live = picture.pixels[np.ix_(rows // step, cols // step)]
    assert np.array_equal(tile[np.ix_(rows - 512, cols - 256)], live)
