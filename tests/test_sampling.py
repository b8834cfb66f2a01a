"""The fit sample: whole blocks, even weight, the pixels it says, and the same whoever reads and however it is cut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scenes import open_scene, write_raster

from s2dash.classify import sampling
from s2dash.classify.prepare import prepare
from s2dash.classify.smoothing import smoothed
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Scene
from s2dash.core.types import Window
from s2dash.raster.reading import SceneReader

SHAPE = (300, 340)
BLOCK = 16


def numbered(folder: Path, masked: Any = None) -> Scene:
    """A scene whose bands say each pixel's row and column, from 1, and a third of random numbers."""
    rows, cols = np.indices(SHAPE) + 1
    noise = np.random.default_rng(0).integers(1, 9_000, SHAPE)
    values = np.stack([rows, cols, noise]).astype("uint16")
    if masked is not None:
        values[:, masked] = 0
    path = write_raster(folder / "scene.tif", values, descriptions=("B02", "B03", "B08"), blockxsize=BLOCK)
    return open_scene(path)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small scenes are sampled as large ones are."""
    monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 6_000)
    for module in ("prepare", "sampling"):
        monkeypatch.setattr(f"s2dash.classify.{module}.WHOLE_UP_TO_PIXELS", 10_000)
    monkeypatch.setattr(sampling, "_LEAST_UNIT", BLOCK)
    monkeypatch.setattr(sampling, "_MARGIN", 1)


RECIPE = Recipe(("B08", "B02"), sample=1_000, k=3)


def places(sample: sampling.Sample) -> np.ndarray:
    """Rows and columns of a sample of `numbered`, shape (2, pixels)."""
    return sample.bands[:2].astype(np.int64) - 1


@pytest.mark.parametrize(
    ("shape_rc", "block_rc"),
    [((10_980, 10_980), (512, 512)), ((9_000, 12_345), (256, 1024)), ((20_000, 5_000), (240, 16))],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_each_lattice_lies_in_one_block(shape_rc: tuple[int, int], block_rc: tuple[int, int], seed: int) -> None:
    found = sampling._spread_blocks(shape_rc, block_rc, 100_000, seed)
    again = sampling._spread_blocks(shape_rc, block_rc, 100_000, seed)
    units = [block * -(-256 // block) for block in block_rc]
    for one, same in zip(found, again, strict=True):
        window = one.window
        assert window == same.window
        assert np.array_equal(one.rows, same.rows)
        for first, length, unit, whole, taken in zip(
            (window.row, window.col), (window.height, window.width), units, shape_rc, (one.rows, one.cols), strict=True
        ):
            assert first >= 0
            assert first + length <= whole
            assert first // unit == (first + length - 1) // unit
            assert taken[0] >= 0
            assert taken[-1] < length
            assert np.ptp(np.diff(taken)) <= 1
    looked_at = sum(len(one.rows) * len(one.cols) for one in found)
    assert 1.2 * 100_000 < looked_at < 1.6 * 100_000
    blocks = [-(-length // unit) for length, unit in zip(shape_rc, units, strict=True)]
    most = [max(count / 2, min(count, 16)) for count in blocks]
    assert len({(one.window.row // units[0], one.window.col // units[1]) for one in found}) <= most[0] * most[1]


def test_every_part_of_the_scene_is_as_likely() -> None:
    hits = np.zeros((4, 4))
    for seed in range(100):
        for one in sampling._spread_blocks((10_980, 10_980), (512, 512), 10_000, seed):
            rows, cols = (one.window.row + one.rows) * 4 // 10_980, (one.window.col + one.cols) * 4 // 10_980
            np.add.at(hits, np.ix_(rows, cols), 1)
    assert (np.abs(hits / hits.mean() - 1) < 0.05).all()


@pytest.mark.usefixtures("large")
class TestLargeScene:
    @pytest.mark.parametrize("smooth", [0, 3])
    def test_numbers_are_those_of_their_pixels(self, tmp_path: Path, smooth: int) -> None:
        scene = numbered(tmp_path)
        sample = sampling.draw_sample(prepare(scene, replace(RECIPE, smooth=smooth)))
        rows, cols = places(sample)
        with SceneReader(scene) as reader:
            whole = reader.read(range(3), Window(0, 0, *SHAPE))
        expected = smoothed(whole.values, whole.valid) if smooth else whole.values
        assert sample.pixel_count == RECIPE.sample
        assert np.array_equal(sample.bands, whole.values[:, rows, cols])
        assert np.array_equal(sample.raw, expected[[2, 0]][:, rows, cols])
        assert len(set(zip(rows.tolist(), cols.tolist(), strict=True))) > 0.95 * len(rows)

    @pytest.mark.parametrize(
        "recipe", [RECIPE, replace(RECIPE, smooth=3, indices=("NDWI",)), replace(RECIPE, sample=9_000)]
    )
    def test_threads_change_nothing(self, tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
        scene = numbered(tmp_path)
        found = []
        for threads in (1, 2, 5):
            monkeypatch.setattr(sampling, "thread_count", lambda threads=threads: threads)
            found.append(sampling.draw_sample(prepare(scene, recipe)))
        for one in found[1:]:
            assert np.array_equal(one.raw, found[0].raw)
            assert np.array_equal(one.bands, found[0].bands)

    def test_only_some_blocks_are_read(self, tmp_path: Path) -> None:
        scene = numbered(tmp_path)
        sample = sampling.draw_sample(prepare(scene, RECIPE))
        rows, cols = places(sample)
        blocks = set(zip((rows // BLOCK).tolist(), (cols // BLOCK).tolist(), strict=True))
        every = -(-SHAPE[0] // BLOCK) * -(-SHAPE[1] // BLOCK)
        assert 0.1 * every < len(blocks) < 0.6 * every

    def test_masked_pixels_are_never_seen(self, tmp_path: Path) -> None:
        masked = np.zeros(SHAPE, dtype=bool)
        masked[:, :200] = True
        sample = sampling.draw_sample(prepare(numbered(tmp_path, masked), RECIPE))
        assert (places(sample)[1] >= 200).all()
        assert sample.population == pytest.approx((~masked).sum(), rel=0.2)

    def test_where_little_is_left_all_blocks_are_read(self, tmp_path: Path) -> None:
        masked = np.ones(SHAPE, dtype=bool)
        masked[120:160, 100:140] = False
        sample = sampling.draw_sample(prepare(numbered(tmp_path, masked), RECIPE))
        assert sample.pixel_count == RECIPE.sample


def test_smaller_scenes_are_sampled_from_all_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 6_000)
    scene = numbered(tmp_path)
    rows, cols = places(sampling.draw_sample(prepare(scene, RECIPE)))
    blocks = set(zip((rows // BLOCK).tolist(), (cols // BLOCK).tolist(), strict=True))
    assert len(blocks) > 300
