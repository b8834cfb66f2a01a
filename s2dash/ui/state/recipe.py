"""The recipe of a page's session: one value, whose fields the sidebar's controls read and write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

from s2dash.classify.algorithms import Param, find_algorithm
from s2dash.classify.pipeline import apply_algorithm
from s2dash.core.recipe import ParamValue, Recipe, default_recipe
from s2dash.core.scene import Scene
from s2dash.ui.next_scene import moved
from s2dash.ui.session import Control, Field

T = TypeVar("T")


@dataclass(frozen=True)
class _Home:
    """The scene that the recipe is for, and what it would begin with."""

    digest: str
    band_names: tuple[str, ...]
    defaults: Recipe


_RECIPE: Field[Recipe | None] = Field("recipe", None)
_PUT: Field[Recipe | None] = Field("recipe from elsewhere", None)
_HOME: Field[_Home | None] = Field("scene of the recipe", None)
_NO_BANDS = Field("no bands chosen", False)
"""A recipe has bands; it keeps the last ones until others are chosen."""


def recipe(scene: Scene) -> Recipe | None:
    """The recipe for the scene in use; None while no band is chosen.

    Of what the user has chosen, another scene takes away what it lacks; where nothing was chosen, it has its own.
    """
    held, home = _RECIPE.get(), _HOME.get()
    if held is None or home is None or home.digest != scene.digest:
        own = default_recipe(scene)
        if held is not None and home is not None:
            held = moved(held, home.defaults, home.band_names, scene)
            held = replace(held, bands=own.bands) if _NO_BANDS.pop() else held
        _RECIPE.set(held or own)
        _HOME.set(_Home(scene.digest, tuple(scene.band_names), own))
    held = _held()
    return None if _NO_BANDS.get() else replace(apply_algorithm(held, held.algorithm), params=held.params)


def put_recipe(recipe: Recipe, stays_on_offer: bool = True) -> None:
    """Make a recipe from elsewhere the page's; its values stay on offer whatever is chosen next, unless said otherwise.

    Raises UnknownName or RecipeError for an algorithm or parameters that do not exist.
    """
    find_algorithm(recipe.algorithm).complete_params(recipe.params_dict)
    _RECIPE.set(recipe)
    if stays_on_offer:
        _PUT.set(recipe)
    _HOME.pop()
    _NO_BANDS.pop()


def _held() -> Recipe:
    held = _RECIPE.get()
    assert held is not None, "the sidebar asks for the recipe first"
    return held


def _change(**fields: Any) -> None:
    _RECIPE.set(replace(_held(), **fields))


@dataclass(frozen=True)
class RecipeControl(Control[T]):
    """A widget's hold on one field of the recipe."""

    of: Callable[[Recipe], T]

    def on_offer(self) -> tuple[T, ...]:
        """Values to offer, whether they are usual or not: the present one, and that of a recipe from elsewhere."""
        put = _PUT.get()
        return (self.of(_held()), *([] if put is None else [self.of(put)]))


def _of_recipe(key: str, field: str) -> RecipeControl[Any]:
    def of(one: Recipe) -> Any:
        return getattr(one, field)

    return RecipeControl(key, lambda: of(_held()), lambda value: _change(**{field: value}), of)


K: RecipeControl[int] = _of_recipe("k", "k")
SCALE: RecipeControl[str] = _of_recipe("scale", "scale")
CLIP: RecipeControl[tuple[float, float] | None] = _of_recipe("clip", "clip")
Components: TypeAlias = tuple[int | float | None, int | None]
"""`Recipe.pca` and `Recipe.components`, of which one at most is given."""
COMPONENTS: RecipeControl[Components] = RecipeControl(
    "pca",
    lambda: _components(_held()),
    lambda pair: _change(pca=pair[0], components=pair[1]),
    lambda one: _components(one),
)
TRANSFORM: RecipeControl[str] = _of_recipe("transform", "transform")
SMOOTH: RecipeControl[int | str] = _of_recipe("smooth", "smooth")
FAVOUR_RARE: RecipeControl[bool] = _of_recipe("favour rare", "favour_rare")
DISTANCE: RecipeControl[str] = _of_recipe("distance", "distance")
PREPARATION = Control[str]("preparation", lambda: preparation_of(_held()), lambda name: _prepare(name))
MASK: RecipeControl[str] = _of_recipe("mask", "mask")
MASK_SATURATED: RecipeControl[bool] = _of_recipe("mask saturated", "mask_saturated")
PIXEL_SIZE: RecipeControl[float | None] = _of_recipe("pixel size", "pixel_size")
ATMOSPHERE: RecipeControl[str] = _of_recipe("haze", "atmosphere")
SEED: RecipeControl[int] = _of_recipe("seed", "seed")
SAMPLE: RecipeControl[int | None] = _of_recipe("sample", "sample")
INDICES = Control[list[str]]("indices", lambda: list(_held().indices), lambda names: _change(indices=tuple(names)))
ALGORITHM = Control[str]("algorithm", lambda: _held().algorithm, lambda name: _change(algorithm=name, params=()))
QUICK_ALGORITHM = Control[str]("quick algorithm", ALGORITHM.get, ALGORITHM.set)
CUT = Control[int]("cut", lambda: K.get(), lambda k: K.set(k))
QUICK_FEWER, QUICK_MORE = "fewer classes", "more classes"


def _components(one: Recipe) -> Components:
    return one.pca, one.components


def preparation_of(one: Recipe) -> str:
    """`edges` or `plain`, as the recipe's own makers have it; `own` for whatever else is chosen.

    Favouring rare classes and distance are choices beside it, which come with either and make none of them another.
    """
    ways = {"edges": one.with_edges_kept(), "plain": one.plain()}
    same = _prepared_alone(one)
    return next((name for name, made in ways.items() if _prepared_alone(made) == same), "own")


def _prepared_alone(one: Recipe) -> Recipe:
    return replace(one, favour_rare=False, distance="euclidean")


def _prepare(name: str) -> None:
    if name == "edges":
        _RECIPE.set(_held().with_edges_kept())
    elif name == "plain":
        _RECIPE.set(_held().plain())


def bands(order: Sequence[str]) -> Control[list[str]]:
    """The bands; what is chosen stands in this order."""

    def put(names: Sequence[str]) -> None:
        _NO_BANDS.set(not names)
        if names:
            _change(bands=tuple(name for name in order if name in names))

    return Control("bands", lambda: [] if _NO_BANDS.get() else list(_held().bands), put)


def band_set(sets: Mapping[str, Sequence[str]], bands: Control[list[str]]) -> Control[str | None]:
    """The set that the chosen bands are, to choose them by."""

    def get() -> str | None:
        return next((label for label, names in sets.items() if set(names) == set(bands.get())), None)

    return Control("band set", get, lambda label: None if label is None else bands.set(list(sets[label])))


def masks_class(code: int) -> Control[bool]:
    """Whether a class of the scene classification is left out."""

    def put(is_left_out: bool) -> None:
        others = {one for one in _held().mask_scl if one != code}
        _change(mask_scl=tuple(sorted(others | {code} if is_left_out else others)))

    return Control(f"scl {code}", lambda: code in _held().mask_scl, put)


def param(algorithm: str, of: Param) -> Control[ParamValue]:
    """One of the algorithm's own settings."""

    def put(value: ParamValue) -> None:
        others = {name: other for name, other in _held().params if name != of.name}
        changed = others if value == of.default else others | {of.name: value}
        _change(params=tuple(sorted(changed.items())))

    return Control(f"{algorithm} {of.name}", lambda: _held().params_dict.get(of.name, of.default), put)


def scene_digest() -> str:
    """Digest of the scene in use as it is read; by it runs know their scene."""
    home = _HOME.get()
    assert home is not None, "the sidebar asks for the recipe first"
    return home.digest
