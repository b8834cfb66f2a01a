"""Accuracy by known ground: which class is which, what halves do, honest intervals, kappa by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scenes import make_scene

from s2dash.classify import pipeline
from s2dash.classify.accuracy.reference import halves, kappa_of, reference_accuracy
from s2dash.classify.accuracy.tallied import known_raster, tally
from s2dash.core import accuracy_words as words
from s2dash.core.accuracy import Accuracy
from s2dash.core.classmap import ClassMap, Result
from s2dash.core.grid import Grid
from s2dash.core.known_ground import KnownColumn, KnownGround
from s2dash.core.legend import Legend, default_legend
from s2dash.core.recipe import default_recipe
from s2dash.core.reference import NO_CODE, Reference
from s2dash.core.scene import Scene
from s2dash.core.types import frozen
from s2dash.errors import BrokenResult
from s2dash.raster.door import make_on_grid

LEGEND = default_legend(["#aa0000", "#00aa00", "#0000aa"])
SIDE = 120
BY_HAND = {"Class 1": "Forest", "Class 2": "Sea"}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("scene"), shape_rc=(SIDE, SIDE))


@pytest.fixture(scope="module")
def plain(scene: Scene) -> Result:
    return pipeline.run_live(pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), k=3, sample=2_000)))


def mapped(plain: Result, labels: np.ndarray, step: int = 1) -> Result:
    """A map of these labels on the scene's grid."""
    rows = tuple(replace(row, count=int((labels == row.id).sum())) for row in plain.rows)
    grid = plain.scene.grid.decimated(step)
    return replace(plain, classmap=ClassMap(grid, 3, frozen(labels), step=step), rows=rows)


def fields(scene: Scene, classes: list[str], size: int = 10) -> KnownGround:
    """Squares of pixels one beside the other, each a polygon, of these classes in turn."""
    across = SIDE // size
    rows, cols = np.indices((SIDE, SIDE)) // size
    numbers = (rows * across + cols + 1).astype(np.int32)
    names = tuple(sorted(set(classes)))
    of = [names.index(classes[i % len(classes)]) for i in range(across * across)]
    column = KnownColumn("class", names, np.array([-1, *of], dtype=np.int32))
    return KnownGround("fields.gpkg", "d", "polygons", scene.grid, (column,), numbers=frozen(numbers))


def truth(ground: KnownGround) -> np.ndarray:
    """The known class at each pixel, from 1."""
    assert ground.numbers is not None
    return (ground.columns[0].class_of[ground.numbers] + 1).astype(np.uint8)


@pytest.mark.parametrize("way", ["majority", "one to one"])
def test_a_map_that_is_right_under_other_names_is_right(scene: Scene, plain: Result, way: str) -> None:
    ground = fields(scene, ["Forest", "Sea", "Town"])
    turned = np.array([0, 2, 3, 1], dtype=np.uint8)[truth(ground)]
    found = reference_accuracy(ground, ground.columns[0], mapped(plain, turned), LEGEND, way)  # type: ignore[arg-type]
    assert found.mapping == {"Class 2": "Forest", "Class 3": "Sea", "Class 1": "Town"}
    assert found.overall is not None
    assert found.overall.value == 1
    assert found.overall.low < 1
    assert found.kappa is not None
    assert found.kappa.value == 1
    assert "Pontius" in found.kappa.caveat
    assert found.answers == 72, "of 144 polygons the half that scores"
    assert [one.area_share for one in found.classes] == [None] * 3
    assert sum(found.mapped_shares) == pytest.approx(1)
    assert "no random sample" in found.design
    assert Accuracy.from_json(found.to_json()) == found


def test_majority_gives_one_class_to_several_and_the_hungarian_method_does_not(scene: Scene, plain: Result) -> None:
    ground = fields(scene, ["Forest", "Sea"])
    labels = truth(ground)
    labels[:, ::2] = np.where(labels[:, ::2] == 2, 3, labels[:, ::2])
    result = mapped(plain, labels)
    many = reference_accuracy(ground, ground.columns[0], result, LEGEND, "majority")
    assert many.mapping == {"Class 1": "Forest", "Class 2": "Sea", "Class 3": "Sea"}
    assert many.overall is not None
    assert many.overall.value == 1
    single = reference_accuracy(ground, ground.columns[0], result, LEGEND, "one to one")
    assert sorted(single.mapping.values()) == ["Forest", "Sea"]
    assert single.overall is not None
    assert single.overall.value == pytest.approx(0.75, abs=0.01)
    assert any("Counted as wrong" in note for note in single.notes)


def test_by_hand_all_score_and_what_is_given_counts(scene: Scene, plain: Result) -> None:
    ground = fields(scene, ["Forest", "Sea", "Town"])
    result = mapped(plain, truth(ground))
    wrong = {"Class 1": "Forest", "Class 2": "Town", "Class 3": "Sea"}
    found = reference_accuracy(ground, ground.columns[0], result, LEGEND, "by hand", wrong)
    assert found.answers == 144
    assert found.overall is not None
    assert found.overall.value == pytest.approx(1 / 3, abs=0.01)
    assert found.mapped("Forest")[0] == found.mapped("Forest")[1] == 4800


def test_by_hand_without_a_mapping_goes_by_names(scene: Scene, plain: Result) -> None:
    ground = fields(scene, ["Forest", "Sea", "Town"])
    legend = LEGEND.edited({1: "forest", 2: "SEA", 3: "Town"}, {})
    found = reference_accuracy(ground, ground.columns[0], mapped(plain, truth(ground)), legend, "by hand")
    assert found.overall is not None
    assert found.overall.value == 1


def test_the_same_seed_scores_the_same_and_halves_share_no_unit() -> None:
    classes = {unit: unit % 3 for unit in range(1, 40)} | {40: 7}
    learning, scoring, lone = halves(classes, 5)
    assert lone == [7]
    assert not set(learning) & set(scoring)
    assert set(learning) | set(scoring) == set(range(1, 40))
    for half in (learning, scoring):
        assert set(Counter(classes[u] for u in half.tolist()).values()) <= {6, 7}
    assert np.array_equal(halves(classes, 5)[0], learning)
    assert not np.array_equal(halves(classes, 6)[0], learning)


def test_intervals_are_of_polygons_not_of_pixels(scene: Scene, plain: Result) -> None:
    """A tenth of the polygons is wrong throughout: the interval is that of 144 draws, not of 14,400 pixels."""
    ground = fields(scene, ["Forest", "Sea"])
    labels = truth(ground)
    assert ground.numbers is not None
    labels[np.isin(ground.numbers, np.arange(1, 145, 10))] = 3
    found = reference_accuracy(
        ground, ground.columns[0], mapped(plain, labels), LEGEND, "by hand", {"Class 1": "Forest", "Class 2": "Sea"}
    )
    assert found.overall is not None
    share = 129 / 144
    assert found.overall.value == pytest.approx(share)
    # Student's t of 143 is 1.9767.
    reach = 1.9767 * np.sqrt(share * (1 - share) / 143)
    assert found.overall.high - found.overall.value == pytest.approx(reach, rel=1e-3)


def test_too_few_and_lone_units_are_said(scene: Scene, plain: Result) -> None:
    ground = fields(scene, ["Forest", "Sea", "Sea", "Sea", "Forest", "Sea", "Sea", "Sea", "Town"], size=40)
    found = reference_accuracy(ground, ground.columns[0], mapped(plain, truth(ground)), LEGEND)
    said = words.sentences(found)
    assert said[0].startswith("Too few to say. 20 polygons give a rough idea")
    assert any("Left out" in note and "Town" in note for note in said)


def test_few_units_of_a_class_are_said(scene: Scene, plain: Result) -> None:
    ground = fields(scene, ["Forest"] * 47 + ["Sea"])
    found = reference_accuracy(
        ground,
        ground.columns[0],
        mapped(plain, truth(ground)),
        LEGEND,
        "by hand",
        {"Class 1": "Forest", "Class 2": "Sea"},
    )
    assert any("say little: Sea (3)" in note for note in found.notes)


def test_ground_without_a_class_on_the_map_is_left_out_and_counted(scene: Scene, plain: Result) -> None:
    ground = fields(scene, ["Forest", "Sea"])
    labels = truth(ground)
    labels[:10] = 0
    found = reference_accuracy(ground, ground.columns[0], mapped(plain, labels), LEGEND)
    assert any("1,200 pixels of the reference have no class" in note for note in found.notes)
    assert found.overall is not None
    assert found.overall.value == 1


def test_words_of_a_reference(scene: Scene, plain: Result) -> None:
    ground = fields(scene, ["Forest", "Sea", "Town"])
    said = words.sentences(reference_accuracy(ground, ground.columns[0], mapped(plain, truth(ground)), LEGEND))
    assert said[0].startswith("About 100 % of the reference's ground is right, between ")
    assert said[1].startswith("About 100 % of what is mapped as Forest is, between ")


def test_a_preview_is_counted_by_the_pixels_that_it_has(scene: Scene, plain: Result) -> None:
    ground = fields(scene, ["Forest", "Sea"])
    labels = truth(ground)
    whole = tally(ground, ground.columns[0], mapped(plain, labels), LEGEND)
    some = tally(ground, ground.columns[0], mapped(plain, np.ascontiguousarray(labels[1::3, 1::3]), 3), LEGEND)
    assert whole.pixels.sum() == SIDE * SIDE
    assert some.pixels.sum() == SIDE * SIDE // 9
    assert np.count_nonzero(some.table()) == np.count_nonzero(whole.table()) == 2


def test_numbers_in_a_file_count_as_those_in_memory(scene: Scene, plain: Result, tmp_path: Path) -> None:
    ground = fields(scene, ["Forest", "Sea", "Town"])
    path = tmp_path / "known.tif"
    with make_on_grid(path, scene.grid, "int32") as out:
        out.write(ground.numbers, 1)
    filed = replace(ground, numbers=None, path=path)
    labels = truth(ground)
    for result in (mapped(plain, labels), mapped(plain, np.ascontiguousarray(labels[1::3, 1::3]), 3)):
        expected = tally(ground, ground.columns[0], result, LEGEND)
        assert np.array_equal(tally(filed, ground.columns[0], result, LEGEND).table(), expected.table())
    with pytest.raises(BrokenResult, match="can no longer be read"):
        tally(replace(filed, path=tmp_path / "gone.tif"), ground.columns[0], mapped(plain, labels), LEGEND)


@pytest.mark.parametrize("step", [1, 2])
def test_a_raster_is_squares_that_each_count_as_one(scene: Scene, plain: Result, step: int) -> None:
    labels = truth(fields(scene, ["Forest", "Sea", "Town"], size=30))
    codes = labels[step // 2 :: step, step // 2 :: step].astype(np.int32) * 10
    codes[:5] = NO_CODE
    grid = scene.grid
    reference = Reference("worldcover.tif", "d", {grid: frozen(codes)}, {})
    ground = known_raster(reference, grid, step)
    assert ground.columns[0].name.startswith("ESA WorldCover")
    assert "Tree cover" in ground.columns[0].classes
    found = reference_accuracy(ground, ground.columns[0], mapped(plain, labels), LEGEND)
    assert found.unit == "squares"
    assert found.mapping["Class 1"] == "Tree cover"
    assert found.overall is not None
    assert found.overall.value == 1
    assert 150 < found.answers <= 210


def test_maps_of_another_grid_are_refused(scene: Scene, plain: Result) -> None:
    ground = fields(scene, ["Forest"])
    other = replace(ground, grid=Grid((3, 3), scene.grid.transform, scene.grid.crs_wkt))
    with pytest.raises(ValueError, match="different grids"):
        tally(other, ground.columns[0], mapped(plain, truth(ground)), LEGEND)


def test_kappa_by_hand() -> None:
    """Agreement .7, by chance .5 x .6 + .5 x .4 = .5: kappa .4."""
    found = kappa_of(np.array([[20, 5], [10, 15]]) * 4)
    assert found is not None
    assert found.value == pytest.approx(0.4)
    assert kappa_of(np.zeros((2, 2))) is None
    assert kappa_of(np.array([[5]])) is None
    wide = kappa_of(np.array([[1, 0, 1]]))
    assert wide is not None
    assert wide.value == 0


def test_a_legend_of_shared_names_is_one_class(scene: Scene, plain: Result) -> None:
    ground = fields(scene, ["Forest", "Sea", "Town"])
    legend: Legend = LEGEND.edited({1: "Land", 3: "Land"}, {})
    found = reference_accuracy(ground, ground.columns[0], mapped(plain, truth(ground)), legend)
    assert set(found.mapping) == {"Land", "Class 2"}
