"""Classes that are the same in two maps keep their name and colour: by overlap, or by their means in another scene."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import make_scene

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.classify.match import MOST_DISTANCE, by_means, by_overlap, matching_classes
from s2dash.classify.prepare import Memo
from s2dash.core import palette, sight
from s2dash.core.classmap import Result
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene


def labels(*numbers: int) -> np.ndarray:
    return np.array([numbers], dtype=np.uint8)


def test_by_hand() -> None:
    before = labels(1, 1, 1, 1, 2, 2, 2, 3, 3, 0)
    after = labels(2, 2, 2, 1, 1, 1, 1, 4, 4, 4)
    assert by_overlap(before, after, 3, 4) == {2: 1, 1: 2, 4: 3}


def test_of_a_class_that_is_split_the_larger_part_keeps_its_name() -> None:
    before = labels(*[1] * 10, *[2] * 10)
    after = labels(*[1] * 7, *[2] * 3, *[3] * 10)
    assert by_overlap(before, after, 2, 3) == {1: 1, 3: 2}


def test_what_shares_too_little_is_new() -> None:
    before = labels(*[1] * 8, *[2] * 8)
    after = labels(1, 2, 3, 4, *[1] * 4, 1, 2, 3, 4, *[2] * 4)
    found = by_overlap(before, after, 2, 4)
    assert set(found) <= {1, 2}


@given(st.permutations(range(1, 7)), st.integers(0, 2**31))
def test_other_numbers_for_the_same_classes_are_all_found(order: list[int], seed: int) -> None:
    before = np.random.default_rng(seed).integers(0, 7, (20, 20), dtype=np.uint8)
    table = np.array([0, *order], dtype=np.uint8)
    present = set(np.unique(before).tolist()) - {0}
    found = by_overlap(before, table[before], 6, 6)
    assert found == {int(table[number]): number for number in present}


@given(st.integers(0, 2**31), st.integers(2, 9), st.integers(2, 9))
def test_no_class_is_given_twice_and_all_share_half_of_one(seed: int, before_count: int, after_count: int) -> None:
    rng = np.random.default_rng(seed)
    before = rng.integers(0, before_count + 1, 400, dtype=np.uint8)
    after = np.where(rng.random(400) < 0.7, before, rng.integers(0, after_count + 1, 400)).astype(np.uint8)
    after = np.minimum(after, after_count).astype(np.uint8)
    found = by_overlap(before, after, before_count, after_count)
    assert len(set(found.values())) == len(found)
    both = (before > 0) & (after > 0)
    for new, old in found.items():
        shared = int(((before == old) & (after == new)).sum())
        assert 2 * shared >= min(int(((before == old) & both).sum()), int(((after == new) & both).sum()))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("means"), (20, 20))


class TestMeans:
    def test_the_nearest_are_the_same(self, scene: Scene) -> None:
        rng = np.random.default_rng(0)
        before = {number: rng.uniform(0, 0.6, len(scene.bands)) for number in range(1, 6)}
        after = {number + 10: mean + 0.01 for number, mean in before.items()}
        assert by_means(before, scene, after, scene) == {number + 10: number for number in before}

    def test_what_lies_too_far_is_new(self, scene: Scene) -> None:
        mean = np.full(len(scene.bands), 0.2)
        near, far = mean + 0.9 * MOST_DISTANCE, mean + 1.1 * MOST_DISTANCE
        assert by_means({1: mean}, scene, {1: near}, scene) == {1: 1}
        assert by_means({1: mean}, scene, {1: far}, scene) == {}

    def test_a_far_pair_does_not_push_a_near_one_aside(self, scene: Scene) -> None:
        def grey(value: float) -> np.ndarray:
            return np.full(len(scene.bands), value)

        before, after = {1: grey(0.10), 2: grey(0.13)}, {1: grey(0.13), 2: grey(0.50)}
        assert by_means(before, scene, after, scene) == {1: 2}

    def test_bands_go_by_their_light(self, scene: Scene, tmp_path: Path) -> None:
        turned = make_scene(tmp_path, (20, 20), tuple(reversed(scene.band_names)))
        rng = np.random.default_rng(1)
        before = {number: rng.uniform(0, 0.6, len(scene.bands)) for number in (1, 2, 3)}
        after = {number: mean[::-1] for number, mean in before.items()}
        assert by_means(before, scene, after, turned) == {1: 1, 2: 2, 3: 3}

    def test_without_a_band_in_common_all_are_new(self, scene: Scene, tmp_path: Path) -> None:
        other = make_scene(tmp_path, (20, 20), ("B01", "B09"))
        assert by_means({1: np.zeros(len(scene.bands))}, scene, {1: np.zeros(2)}, other) == {}


CHANGES = (
    *({"k": k} for k in (4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15)),
    {"seed": 5},
    {"scale": "robust"},
    {"indices": ("NDVI", "NDWI", "MNDWI", "NDBI", "NDMI", "BSI", "NBR", "NDSI", "NDREI")},
    {"atmosphere": "dos1"},
    {"smooth": 3},
    {"algorithm": "bisecting-kmeans"},
    {"bands": ("B02", "B03", "B04", "B08")},
)


@pytest.fixture(scope="module")
def coast() -> Scene:
    return ingest.sample_scene()


@pytest.fixture(scope="module")
def keep() -> Memo:
    return Memo()


def live(scene: Scene, keep: Memo, **changes: object) -> Result:
    recipe = replace(default_recipe(scene).plain(), **changes)  # type: ignore[arg-type]
    return pipeline.run_live(pipeline.fit(pipeline.prepare(scene, recipe, keep)))


def the_sea(result: Result) -> int:
    """Number of the class of the sea, off the coast."""
    assert result.classmap.labels is not None
    corner = result.classmap.labels[-60:, -60:]
    return int(np.bincount(corner.ravel()).argmax())


@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_the_sea_stays_the_sea(coast: Scene, keep: Memo, changes: dict[str, object]) -> None:
    before, after = live(coast, keep), live(coast, keep, **changes)
    found = matching_classes(before, after)
    assert found[the_sea(after)] == the_sea(before)


def test_the_same_map_is_itself(coast: Scene, keep: Memo) -> None:
    result = live(coast, keep)
    assert matching_classes(result, result) == {row.id: row.id for row in result.rows}


def test_carried_colours_stay_and_new_ones_lie_apart_from_2_to_11(coast: Scene, keep: Memo) -> None:
    standards = [band.standard for band in coast.bands]
    before, kept = live(coast, keep, k=2), dict[int, str]()
    colours = palette.class_colours(np.array([row.mean_reflectance for row in before.rows]), standards)
    for k in range(3, 12):
        after = live(coast, keep, k=k)
        pairs = matching_classes(before, after)
        kept = {new: colours[old - 1] for new, old in pairs.items()}
        colours = palette.carried_colours(kept, np.array([row.mean_reflectance for row in after.rows]), standards)
        assert all(colours[new - 1] == colour for new, colour in kept.items())
        assert len(set(colours)) == k
        apart = sight.least_differences(colours)
        assert apart[np.triu_indices(k, 1)].min() >= 9.5
        before = after
