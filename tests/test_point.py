"""Asking about a pixel: values are those of the file, its class that of a full run, reasons those of the mask."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer
from scenes import DEGREES, ROTATED, SOUTH_UP, TEN_METRE, UTM, UTM_10M, make_scene, write_raster

from s2dash.classify import pipeline
from s2dash.classify.algorithms import ALGORITHMS
from s2dash.classify.features import window_features
from s2dash.classify.fitted import Fitted
from s2dash.classify.point import Point, ask, class_spread, next_class
from s2dash.classify.sureness import STEPS, SureSteps, window_sureness
from s2dash.core.edits import ClassEdits, LeaveOut, Merge, Split
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import SCL, Layer, MaskLayer, Scene
from s2dash.core.sureness import UNKNOWN
from s2dash.core.types import Window
from s2dash.raster import location
from s2dash.raster.reading import SceneReader

SHAPE_RC = (48, 64)
PLACES = [(0, 0), (0, 63), (47, 0), (47, 63), (20, 31), (33, 7)]
LIMITS = SureSteps(20, 40)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("scene"), nodata=0, masked=[(slice(10, 14), slice(30, 40))])


def fitted_on(scene: Scene, **choices: object) -> Fitted:
    return pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), **{"k": 5, **choices}))


@pytest.fixture(scope="module")
def fitted(scene: Scene) -> Fitted:
    return fitted_on(scene)


def asked(fitted: Fitted, row: int, col: int) -> Point:
    with SceneReader(fitted.scene) as reader:
        return ask(fitted, LIMITS, reader, row, col)


def stored_at(scene: Scene, row: int, col: int) -> np.ndarray:
    with rasterio.open(scene.paths[0]) as file:
        return np.asarray(file.read(window=((row, row + 1), (col, col + 1)))[:, 0, 0], dtype=float)


def full_labels(fitted: Fitted, folder: Path) -> np.ndarray:
    path = folder / "labels.tif"
    pipeline.run_full(fitted, path)
    with rasterio.open(path) as file:
        return np.asarray(file.read(1))


@pytest.mark.parametrize(("row", "col"), PLACES)
def test_values_are_those_of_the_file(scene: Scene, fitted: Fitted, row: int, col: int) -> None:
    point = asked(fitted, row, col)
    assert [band.name for band in point.bands] == list(TEN_METRE)
    expected = stored_at(scene, row, col) / 10_000
    assert [band.value for band in point.bands] == pytest.approx(expected, abs=1e-6)
    red, infrared = expected[2:]
    assert [(index.name, index.value) for index in point.indices] == [
        ("NDVI", pytest.approx((infrared - red) / (infrared + red), abs=1e-5))
    ]


CHOICES: list[dict[str, Any]] = [
    {},
    {"smooth": 3},
    {"indices": ("NDWI", "NDVI")},
    {"pca": 2, "smooth": "edge", "transform": "sqrt"},
    {"atmosphere": "dos1"},
    {"algorithm": "gaussian-mixture"},
    {"algorithm": "spectral-angle-kmeans", "scale": "none"},
]
EDITS = [
    ClassEdits(),
    ClassEdits(steps=(Merge((2, 3), 2), LeaveOut(5))),
    ClassEdits(steps=(Split(2, 3), Merge((3, 7), 3))),
]


@pytest.mark.parametrize("choices", CHOICES, ids=str)
@pytest.mark.parametrize("edits", EDITS, ids=["plain", "edited", "split"])
def test_its_class_is_that_of_a_full_run(
    scene: Scene, tmp_path: Path, choices: dict[str, Any], edits: ClassEdits
) -> None:
    one = pipeline.edited(fitted_on(scene, **choices), edits)
    labels = full_labels(one, tmp_path)
    existing = set(one.numbers)
    for row, col in PLACES:
        point = asked(one, row, col)
        assert point.label == labels[row, col]
        if point.label:
            assert point.next_label in existing - {point.label}
            assert point.sure in STEPS
            assert point.left_out == ()
            means = one.mean_reflectance[point.label - 1]
            assert [band.mean for band in point.bands] == pytest.approx(means)
        else:
            assert (point.next_label, point.sure, point.left_out) == (None, None, ("its class was left out",))


def test_how_sure_it_is_are_the_words_of_its_percent(fitted: Fitted) -> None:
    with SceneReader(fitted.scene) as reader:
        percent = window_sureness(fitted, reader, Window(0, 0, *SHAPE_RC))
        for row, col in PLACES:
            assert percent[row, col] != UNKNOWN
            assert ask(fitted, LIMITS, reader, row, col).sure == STEPS[LIMITS(percent[row : row + 1, col])[0] - 1]


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_next_class_is_the_second_nearest(scene: Scene, name: str) -> None:
    own = {"scale": "none"} if ALGORITHMS[name].on_reflectance else {}
    one = fitted_on(scene, algorithm=name, **own)
    with SceneReader(scene) as reader:
        for row, col in PLACES:
            features = window_features(one.prepared, reader, Window(row, col, 1, 1))
            label = int(pipeline.assign(one, features)[0, 0])
            found = next_class(one, features, label)
            rows = one.space.transform(features.values.reshape(len(features.values), -1))
            # With the next among its own, the pixel is as clear as can be.
            together = np.where(one.number_of == found, label, one.number_of)
            best = one.model.clearness(rows, together)[0]
            for other in set(one.number_of.tolist()) - {label}:
                assert best >= one.model.clearness(rows, np.where(one.number_of == other, label, one.number_of))[0]


def test_without_another_class_there_is_no_next(fitted: Fitted) -> None:
    point = asked(pipeline.edited(fitted, ClassEdits(steps=(Merge((1, 2, 3, 4, 5), 1),))), 20, 31)
    assert (point.label, point.next_label) == (1, None)


def test_a_masked_pixel_says_why(scene: Scene, fitted: Fitted) -> None:
    point = asked(fitted, 12, 35)
    assert (point.label, point.next_label, point.sure, point.left_out) == (0, None, None, ("no data",))
    assert [band.value for band in point.bands] == [None] * 4
    assert [band.mean for band in point.bands] == [None] * 4


def test_clouds_are_named_and_clear_ground_as_well(scene: Scene, tmp_path: Path) -> None:
    codes = np.full((1, *SHAPE_RC), 4, dtype=np.uint8)
    codes[0, 20, 31] = 3
    path = write_raster(tmp_path / "scl.tif", codes)
    mask = MaskLayer(SCL, Layer(location.parse(str(path)), 1, scene.grid))
    cloudy = replace(scene, masks=(mask,), digest=f"{scene.digest} with clouds")
    one = fitted_on(cloudy, mask_scl=(3, 8, 9, 10))
    shaded, clear = asked(one, 20, 31), asked(one, 33, 7)
    assert (shaded.label, shaded.left_out, shaded.scl) == (0, ("cloud shadow",), "cloud shadow")
    assert (clear.left_out, clear.scl) == ((), "vegetation")
    assert clear.label


def test_most_of_a_class_lies_in_its_spread(fitted: Fitted) -> None:
    for label in range(1, 6):
        low, high = class_spread(fitted, label)
        own = fitted.scene.to_reflectance(fitted.sample.bands[:, fitted.sample_labels == label])
        inside = (own >= low[:, None]) & (own <= high[:, None])
        assert inside.mean(axis=1) == pytest.approx(0.8, abs=0.05)


def test_haze_is_subtracted_as_in_the_class(scene: Scene, fitted: Fitted) -> None:
    hazy = fitted_on(scene, atmosphere="dos1")
    haze = scene.offsets_of(range(4)) - hazy.scene.offsets_of(range(4))
    clear = [band.value for band in asked(hazy, 20, 31).bands]
    assert haze.max() > 0
    assert clear == pytest.approx((stored_at(scene, 20, 31) - haze) / 10_000, abs=1e-6)


@pytest.mark.parametrize(
    ("transform", "crs"),
    [(UTM_10M, UTM), (ROTATED, UTM), (SOUTH_UP, UTM), (DEGREES, "EPSG:4326")],
    ids=["north up", "rotated", "south up", "degrees"],
)
def test_it_says_where_it_is(tmp_path: Path, transform: Affine, crs: str) -> None:
    one = fitted_on(make_scene(tmp_path, transform=transform, crs=crs))
    point = asked(one, 7, 50)
    x, y = transform @ (50.5, 7.5)
    longitude, latitude = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y)
    ground = point.ground
    assert ground is not None
    assert (ground.x, ground.y) == pytest.approx((x, y))
    assert (ground.longitude, ground.latitude) == pytest.approx((longitude, latitude))
    assert crs in ground.crs
    assert [band.value for band in point.bands] == pytest.approx(stored_at(one.scene, 7, 50) / 10_000, abs=1e-6)


def test_without_a_place_there_is_row_and_column(tmp_path: Path) -> None:
    point = asked(fitted_on(make_scene(tmp_path, crs=None)), 7, 50)
    assert (point.row, point.col, point.ground) == (7, 50, None)


@pytest.mark.parametrize(("row", "col"), [(-1, 0), (0, -1), (48, 0), (0, 64)])
def test_outside_there_is_nothing(fitted: Fitted, row: int, col: int) -> None:
    with pytest.raises(IndexError, match="outside"):
        asked(fitted, row, col)
