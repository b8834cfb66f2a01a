"""The session's values: a recipe from elsewhere shows and stays as what it is, and a run comes back whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_driver import Downloads, Page, downloads, start
from scenes import make_scene
from streamlit.testing.v1 import AppTest
from waiting import PATIENCE_SECONDS

from s2dash.classify.algorithms import ALGORITHMS, Param
from s2dash.classify.indices import available_indices
from s2dash.core.recipe import ATMOSPHERES, DISTANCES, MASKS, SCALES, ParamValue, Recipe, default_recipe
from s2dash.core.run import Run
from s2dash.core.scene import Scene
from s2dash.core.sentinel2 import SCL_CLASSES
from s2dash.errors import RecipeError
from s2dash.ingest import sample_scene
from s2dash.ui import full_run, state
from s2dash.ui.legend_event import LegendEvent

__all__ = ["downloads", "start"]  # fixtures

SIX = ("B02", "B03", "B04", "B08", "B11", "B12")
SIDEBAR = """
    import streamlit as st
    from s2dash.ui import state
    from s2dash.ui.sidebar import read_choices, sidebar

    if "put" in st.session_state:
        state.put_recipe(st.session_state.pop("put"))
    choices = read_choices()
    sidebar(choices.loaded)
    st.session_state["said"] = choices.recipe
"""
FOREIGN: dict[str, tuple[dict[str, Any], tuple[str, str, object]]] = {
    "clip": ({"clip": (5.0, 95.0)}, ("selectbox", "Outliers", "5 to 95 %")),
    "components": (
        {"pca": 0.87, "components": None},
        ("selectbox", "Principal components (PCA)", "Those that hold 87 % of the variance"),
    ),
    "k": ({"k": 40}, ("slider", "Number of classes (k)", 40)),
    "sample": ({"sample": 50_000}, ("selectbox", "Pixels to learn from", 50_000)),
    "all pixels": ({"sample": None}, ("selectbox", "Pixels to learn from", 0)),
    "seed": ({"seed": 2**32 - 1}, ("number_input", "Seed", 2**32 - 1)),
    "pixel size": ({"pixel_size": 30.0}, ("selectbox", "Pixel size", 30.0)),
    "bands": ({"bands": ("B08", "B02")}, ("multiselect", "Bands", ["B08", "B02"])),
    "parameter": ({"params": (("n_init", 3),)}, ("number_input", "Restarts", 3)),
    "distance": ({"distance": "euclidean"}, ("selectbox", "Distance", "euclidean")),
    "algorithm": (
        {"algorithm": "gaussian-mixture", "distance": "euclidean"},
        ("selectbox", "Algorithm", "gaussian-mixture"),
    ),
}
"""Fields of a recipe that no default has, and the widget that says so."""


@cache
def coast() -> Scene:
    return sample_scene()


def params_of(algorithm: str) -> st.SearchStrategy[tuple[tuple[str, ParamValue], ...]]:
    def values(param: Param) -> st.SearchStrategy[Any]:
        if param.choices:
            return st.sampled_from(param.choices)
        if isinstance(param.default, int):
            return st.integers(int(param.low), int(param.high))
        return st.floats(param.low, param.high)

    optional = {param.name: values(param) for param in ALGORITHMS[algorithm].params}
    return st.fixed_dictionaries({}, optional=optional).map(lambda given: tuple(sorted(given.items())))


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    """Any recipe that the sample scene can be grouped by."""
    scene, algorithm = coast(), draw(st.sampled_from(sorted(ALGORITHMS)))
    one = Recipe(
        bands=tuple(draw(st.lists(st.sampled_from(scene.band_names), min_size=1, unique=True))),
        indices=tuple(draw(st.lists(st.sampled_from(sorted(available_indices(scene))), unique=True))),
        scale=draw(st.sampled_from(SCALES)),
        clip=draw(st.none() | st.tuples(st.floats(0, 50, exclude_max=True), st.floats(50, 100))),
        smooth=draw(st.sampled_from((0, 3))),
        mask=draw(st.sampled_from(MASKS)),
        mask_scl=tuple(sorted(draw(st.sets(st.sampled_from(sorted(SCL_CLASSES)))))),
        mask_saturated=draw(st.booleans()),
        pixel_size=draw(st.sampled_from((None, *(grid.pixel_size[0] for grid in scene.grids)))),
        atmosphere=draw(st.sampled_from(ATMOSPHERES)),
        algorithm=algorithm,
        k=draw(st.integers(2, 255)),
        params=draw(params_of(algorithm)),
        seed=draw(st.integers(0, 2**32 - 1)),
        sample=draw(st.none() | st.integers(100, 100_000_000)),
        pca=draw(st.none() | st.integers(1, 1000) | st.floats(0, 1, exclude_min=True, exclude_max=True)),
    )
    if ALGORITHMS[algorithm].has_centres:
        one = replace(one, distance=draw(st.sampled_from(DISTANCES)))
    if ALGORITHMS[algorithm].on_reflectance:
        return replace(one, indices=(), scale="none", clip=None, pca=None)
    return one


class Sidebar:
    """The sidebar alone, which reads nothing but the scene in use."""

    def __init__(self) -> None:
        self.test = AppTest.from_string(SIDEBAR, default_timeout=PATIENCE_SECONDS)

    def run(self) -> Recipe | None:
        self.test.run()
        assert not self.test.exception, self.test.exception
        said = self.test.session_state["said"]
        assert said is None or isinstance(said, Recipe)
        return said

    def put(self, recipe: Recipe) -> Recipe | None:
        self.test.session_state["put"] = recipe
        return self.run()

    def widget(self, kind: str, label: str) -> Any:
        return next(w for w in self.test.get(kind) if w.label == label)

    def choose(self, kind: str, label: str, value: object) -> Recipe | None:
        self.widget(kind, label).set_value(value)
        return self.run()


@cache
def sidebar() -> Sidebar:
    return Sidebar()


# ---- the recipe ----------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(recipes(), st.integers(0, 2**32 - 1))
def test_any_recipe_comes_out_as_it_went_in_and_stays_beside_other_choices(recipe: Recipe, seed: int) -> None:
    page = sidebar()
    assert page.put(recipe) == recipe
    assert page.run() == recipe
    changed = replace(recipe, seed=seed)
    assert page.choose("number_input", "Seed", seed) == changed
    changed = replace(changed, smooth=3 - recipe.smooth)
    assert page.choose("selectbox", "Smoothing", changed.smooth) == changed
    assert page.choose("slider", "Number of classes (k)", 7) == replace(changed, k=7)


@pytest.mark.parametrize("name", FOREIGN)
def test_a_control_shows_the_value_that_it_would_not_offer(name: str) -> None:
    fields, (kind, label, value) = FOREIGN[name]
    page = Sidebar()
    recipe = replace(default_recipe(coast()), **fields)
    assert page.put(recipe) == recipe
    assert page.widget(kind, label).value == value


def test_a_choice_can_be_taken_back_to_the_value_from_elsewhere() -> None:
    page = Sidebar()
    recipe = replace(default_recipe(coast()), clip=(5.0, 95.0), k=40, sample=50_000)
    page.put(recipe)
    page.choose("selectbox", "Outliers", "Off")
    page.choose("slider", "Number of classes (k)", 12)
    page.choose("selectbox", "Pixels to learn from", 20_000)
    assert page.widget("slider", "Number of classes (k)").max == 40
    page.choose("selectbox", "Outliers", "5 to 95 %")
    page.choose("slider", "Number of classes (k)", 40)
    assert page.choose("selectbox", "Pixels to learn from", 50_000) == recipe


def test_what_an_algorithm_does_not_take_comes_back_with_one_that_does() -> None:
    page = Sidebar()
    recipe = replace(default_recipe(coast()), clip=(5.0, 95.0), scale="robust")
    page.put(recipe)
    angle = page.choose("selectbox", "Algorithm", "spectral-angle-kmeans")
    assert angle is not None
    assert (angle.clip, angle.scale) == (None, "none")
    assert page.choose("selectbox", "Algorithm", "kmeans") == recipe


def test_no_bands_is_no_recipe_and_everything_else_stays() -> None:
    page = Sidebar()
    recipe = replace(default_recipe(coast()), k=40, seed=3)
    page.put(recipe)
    assert page.choose("multiselect", "Bands", []) is None
    assert page.choose("multiselect", "Bands", ["B04"]) == replace(recipe, bands=("B04",))


def test_a_recipe_with_a_wrong_parameter_is_refused_at_once() -> None:
    with pytest.raises(RecipeError, match="n_init"):
        state.put_recipe(Recipe(("B04",), params=(("n_init", 1_000),)))


# ---- the page ------------------------------------------------------------------------------------------------------


@pytest.fixture
def at_start(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """What the page does first on its next run, once."""
    waiting: list[Callable[[], None]] = []

    def come_back() -> None:
        while waiting:
            waiting.pop()()

    monkeypatch.setattr(full_run, "come_back", come_back)
    return waiting


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(FOREIGN) - {"pixel size"}))
def test_the_map_is_made_by_a_recipe_from_elsewhere(
    name: str, start: Callable[[Scene], Page], tmp_path: Path, at_start: list[Callable[[], None]]
) -> None:
    scene = make_scene(tmp_path, names=SIX)
    page = start(scene)
    recipe = replace(default_recipe(scene), **FOREIGN[name][0])
    at_start.append(lambda: state.put_recipe(recipe))
    assert page.run().recipe == recipe
    assert page.choose("selectbox", "Smoothing", 3).recipe == replace(recipe, smooth=3)


def test_a_recipe_that_the_scene_cannot_have_is_told_and_the_page_stays(
    start: Callable[[Scene], Page], tmp_path: Path, at_start: list[Callable[[], None]]
) -> None:
    scene = make_scene(tmp_path, names=SIX)
    page = start(scene)
    for fields, words in (({"pixel_size": 33.0}, "33"), ({"bands": ("B04", "B05")}, "B05"), ({"indices": ("X",)}, "X")):
        recipe = replace(default_recipe(scene), **fields)
        at_start.append(lambda recipe=recipe: state.put_recipe(recipe))
        page.run()
        trouble = next(said for said in page.fragments if "The map shows the last result." in said)
        assert words in trouble
    page.choose("multiselect", "Indices", [])
    assert "Up to date" in page.words


def test_a_run_comes_back_whole(
    start: Callable[[Scene], Page], downloads: Downloads, tmp_path: Path, at_start: list[Callable[[], None]]
) -> None:
    scene = make_scene(tmp_path, names=SIX)
    page, found = start(scene), []
    page.choose("slider", "Number of classes (k)", 5).choose("selectbox", "Picture", "Three bands …")
    page.choose("selectbox", "Shown as red", "B12").choose("selectbox", "Colours", "hsv")
    page.choose("number_input", "Subtract", 100.0)
    page.edit_legend(LegendEvent({2: "Sea"}, {3: "#0a0b0c"}, isolates=True, isolated=2))
    at_start.append(lambda: found.append((state.run(page.test.session_state["answer"]), state.loaded())))
    page.run()
    ((run, loaded),) = found
    assert Run.from_json(run.to_json()) == run
    assert (run.recipe, run.view.alone, run.view.shown_bands) == (page.recipe, 2, ("B12", "B03", "B02"))
    other = start(scene)
    at_start.append(lambda: state.load(run, loaded))
    assert other.run().tiles == page.tiles
    of_session = {"about": "", "second": ""}
    assert [row | of_session for row in other.rows] == [row | of_session for row in page.rows]
    assert other.widget("number_input", "Subtract").value == 100.0
    at_start.append(lambda: found.append((state.run(other.test.session_state["answer"]), state.loaded())))
    other.run()
    assert replace(found[1][0], seconds=run.seconds) == run


def test_what_a_browser_sent_before_it_was_told_another_value_counts_for_nothing(
    start: Callable[[Scene], Page], tmp_path: Path, at_start: list[Callable[[], None]]
) -> None:
    """A click that overtakes the news of another control's change carries the old value of this one along."""
    page = start(make_scene(tmp_path, names=SIX))
    label = "Number of classes (k)"
    before = page.widget("slider", label)
    at_start.append(lambda: state.K.set(5))
    page.run()
    for old in (8, 9):  # what it showed, and a move of it that was on its way
        sent = page.test._tree.get_widget_states()
        now = page.widget("slider", label)
        others = [one for one in sent.widgets if one.id != now.proto.id]
        page.test._run(type(sent)(widgets=[*others, before.set_value(old)._widget_state]))
        assert page.recipe.k == 5
        assert page.widget("slider", label).value == 5
    assert page.choose("slider", label, 8).recipe.k == 8


def test_choices_that_follow_before_the_page_is_drawn_all_count() -> None:
    """A run that a further choice stops may not have come to the widget: going back to what it showed counts too."""
    test = AppTest.from_string(
        """
        import streamlit as st
        from s2dash.ui.session import kept_control

        control = kept_control("choice of a test", 8)
        key = control.shown()
        found = []
        for chosen in (9, 8, 7):
            st.session_state[key] = chosen
            control.take()
            found.append(control.get())
        st.session_state["found"] = found
        """
    ).run()
    assert not test.exception
    assert test.session_state["found"] == [9, 8, 7]


def test_a_control_that_the_page_was_drawn_without_is_another_widget() -> None:
    """Whatever a browser sent of it last and had forgotten by then: that is no value which it knows."""
    test = AppTest.from_string(
        """
        import streamlit as st
        from s2dash.ui.session import kept_control, note_whole_run

        control = kept_control("choice of a test", 8)
        if not st.session_state.get("without"):
            key = control.shown()
            st.slider("Choice", 2, 20, key=key, on_change=control.take)
            st.session_state.setdefault("keys", []).append(key)
        if st.session_state.get("stopped"):
            st.stop()
        note_whole_run()
        """
    )
    test.run()
    sent = test.session_state["keys"][-1]
    test.session_state["stopped"] = True
    for _ in range(3):  # none of which the browser takes anything away after
        test.run()
    test.session_state["stopped"] = False
    test.run()
    assert {*test.session_state["keys"]} == {sent}
    test.session_state["without"] = True
    test.run()
    test.session_state[sent] = 8  # as a message sets it that comes late
    test.run()
    test.session_state["without"] = False
    test.run()
    assert test.session_state["keys"][-1] != sent
    assert test.slider[0].value == 8
    assert test.slider[0].set_value(5).run().slider[0].value == 5
    assert test.session_state["keys"][-1] == test.session_state["keys"][-2]
