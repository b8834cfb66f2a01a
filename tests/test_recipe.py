"""The Recipe value: what it accepts, the round trip through JSON, and what a stranger's JSON may hold."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import make_scene

from s2dash.core import sentinel2
from s2dash.core.recipe import DISTANCES, MASKS, SCALES, SMOOTHS, TRANSFORMS, Recipe, default_recipe, recipe_from_dict
from s2dash.errors import RecipeError

BANDS = ("B02", "B03")
words = st.text(max_size=12)
names = st.lists(words, max_size=5, unique=True).map(tuple)
percentiles = st.tuples(st.floats(0, 49), st.floats(50, 100))
values = st.one_of(st.integers(-(10**30), 10**30), st.floats(allow_nan=False, allow_infinity=False), words)
recipes = st.builds(
    Recipe,
    bands=names.filter(len),
    indices=names,
    scale=st.sampled_from(SCALES),
    clip=st.none() | percentiles,
    smooth=st.sampled_from(SMOOTHS),
    mask=st.sampled_from(MASKS),
    algorithm=words,
    k=st.integers(2, 255),
    params=st.dictionaries(words, values, max_size=4).map(lambda given: tuple(sorted(given.items()))),
    seed=st.integers(0, 2**32 - 1),
    sample=st.none() | st.integers(100, 100_000_000),
    transform=st.sampled_from(TRANSFORMS),
    favour_rare=st.booleans(),
    distance=st.sampled_from(DISTANCES),
)
recipes = st.one_of(
    st.builds(dataclasses.replace, recipes, pca=st.none() | st.integers(1, 1000) | st.floats(0.01, 0.99)),
    st.builds(dataclasses.replace, recipes, components=st.integers(1, 1000)),
)
LATER = {"pca": None, "transform": "none", "components": None, "favour_rare": False, "distance": "euclidean"}
"""Fields that recipes once did not have, and what they were then."""
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.just("all"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
FIELDS = [field.name for field in dataclasses.fields(Recipe)]


@given(recipe=recipes)
def test_json_round_trip(recipe: Recipe) -> None:
    text = recipe.to_json()
    assert "\n" not in text
    said = [name for name in FIELDS if name not in LATER or getattr(recipe, name) != LATER[name]]
    assert list(json.loads(text)) == said
    again = Recipe.from_json(text)
    assert again == recipe
    assert again.to_json() == text
    assert hash(again) == hash(recipe)


@given(given_values=st.dictionaries(st.sampled_from(FIELDS), anything, max_size=6))
def test_whatever_stands_in_the_fields_gives_a_recipe_or_a_clear_error(given_values: dict[str, Any]) -> None:
    with contextlib.suppress(RecipeError):
        recipe = recipe_from_dict({"bands": ["B02"], **given_values})
        assert Recipe.from_json(recipe.to_json()) == recipe


@given(text=st.text(max_size=40) | anything.map(json.dumps))
def test_whatever_the_text_it_is_a_recipe_or_a_clear_error(text: str) -> None:
    with contextlib.suppress(RecipeError):
        recipe = Recipe.from_json(text)
        assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        "[]",
        "null",
        "[" * 100_000,
        '{"bands": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"bands": ["B02"], "k": ' + "1" * 5_000 + "}",
    ],
    ids=["empty", "words", "list", "null", "deep and open", "deep", "5,000 digits"],
)
def test_refuses_what_is_no_recipe(text: str) -> None:
    with pytest.raises(RecipeError, match=r"recipe|bands"):
        Recipe.from_json(text)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("place", ['"clip": [1, {}]', '"params": {{"tol": {}}}', '"k": {}', '"seed": {}'])
def test_refuses_numbers_that_are_not_finite(place: str, number: str) -> None:
    with pytest.raises(RecipeError):
        Recipe.from_json('{"bands": ["B02"], ' + place.format(number) + "}")


def test_refuses_unknown_fields_and_names_them() -> None:
    with pytest.raises(RecipeError, match="'clusters'"):
        Recipe.from_json('{"bands": ["B02"], "clusters": 8}')


def test_a_recipe_of_bands_alone_has_every_default() -> None:
    assert Recipe.from_json('{"bands": ["B02", "B03"]}') == Recipe(BANDS)
    with pytest.raises(RecipeError, match="bands"):
        Recipe.from_json('{"k": 4}')


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bands", "B02"),
        ("bands", [2]),
        ("bands", []),
        ("bands", ["B02", "B02"]),
        ("indices", {"NDVI": 1}),
        ("indices", ["NDVI", "NDVI"]),
        ("scale", "standardised"),
        ("scale", None),
        ("scale", 1),
        ("clip", 2),
        ("clip", [1]),
        ("clip", [1, 2, 3]),
        ("clip", [99, 1]),
        ("clip", [-1, 50]),
        ("clip", [0, 101]),
        ("clip", ["1", "99"]),
        ("clip", [True, 99]),
        ("clip", [1, 10**400]),
        ("smooth", 5),
        ("smooth", True),
        ("smooth", None),
        ("mask", "off"),
        ("algorithm", ["kmeans"]),
        ("k", 1),
        ("k", 256),
        ("k", 10**9),
        ("k", 8.0),
        ("k", "8"),
        ("k", True),
        ("k", None),
        ("params", [["n_init", 1]]),
        ("params", {"n_init": None}),
        ("pca", True),
        ("pca", "0.9"),
        ("pca", 0),
        ("pca", 1.0),
        ("pca", -0.5),
        ("pca", 10**400),
        ("params", {"n_init": True}),
        ("params", {"n_init": [1]}),
        ("seed", -1),
        ("seed", 2**32),
        ("seed", None),
        ("sample", 99),
        ("sample", 1e5),
        ("sample", None),
        ("sample", "every"),
    ],
)
def test_refuses_wrong_values_by_the_name_of_their_field(field: str, value: object) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe_from_dict({"bands": list(BANDS), field: value})
    assert field[:3] in str(caught.value)


def test_errors_carry_both_numbers() -> None:
    with pytest.raises(RecipeError, match=r"k = 256.* 2 to 255"):
        Recipe(BANDS, k=256)


def test_default_leaves_out_the_bands_made_for_the_air(tmp_path: Path) -> None:
    recipe = default_recipe(make_scene(tmp_path, names=tuple(sentinel2.BANDS)))
    assert recipe.bands == tuple(name for name in sentinel2.BANDS if name not in ("B01", "B09", "B10"))
    assert (recipe.algorithm, recipe.k, recipe.scale, recipe.seed) == ("kmeans", 8, "standard", 0)


@pytest.mark.parametrize("names", [("B10",), ("B02",), ("B01", "B09"), ("elevation",)])
def test_default_takes_what_there_is(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert default_recipe(make_scene(tmp_path, names=names)).bands == names
