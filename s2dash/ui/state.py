"""What one page's session holds, typed and by name: the one place that knows its keys.

A `Field` is one value. A `Control` is a widget's hold on a value: the value is the truth, which the
widget shows and, by its callback, changes. So a value stays while its widget is not drawn, and one
that comes from elsewhere shows as what it is:

    st.slider("Number of classes (k)", 2, 20, key=state.K.shown(), on_change=state.K.take)

The recipe is one value, whose fields the sidebar's controls read and write (`recipe`, `put_recipe`).
What the page shows at a moment is one value as well (`run`, `load`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from s2dash.classify.algorithms import Param, find_algorithm
from s2dash.classify.pipeline import apply_algorithm
from s2dash.core import palette
from s2dash.core.classmap import Result
from s2dash.core.edits import NO_EDITS, ClassEdits
from s2dash.core.legend import Legend
from s2dash.core.recipe import ParamValue, Recipe, default_recipe
from s2dash.core.run import Run, RunScores, View
from s2dash.core.scene import Scene
from s2dash.core.scene_reading import SceneReading
from s2dash.server.jobs import FullJob, Job
from s2dash.server.kept_runs import KeptRun
from s2dash.server.live_engine import LiveAnswer, LiveRequest
from s2dash.server.uploads import Upload
from s2dash.ui.legend_event import LegendEvent
from s2dash.ui.loaded import Loaded
from s2dash.ui.next_scene import moved
from s2dash.ui.runs.values import KeptMap, Moment
from s2dash.ui.scenes_batch import Batch
from s2dash.ui.session import Control, Field, Uploader

T = TypeVar("T")


def _kept(key: str, default: T) -> Control[T]:
    """A control of a value of its own."""
    value = Field(f"{key} chosen", default)
    return Control(key, value.get, value.set)


# ---- the scene -----------------------------------------------------------------------------------------------------

LOADED: Field[Loaded | None] = Field("loaded", None)
LARGE_UPLOAD: Field[Upload | None] = Field("large upload", None)
NAMING: Field[str | None] = Field("naming", None)
"""First path of the scene whose bands the user has named."""
USE_AREA = "use area"


def loaded() -> Loaded:
    """The scene in use, once there is one."""
    found = LOADED.get()
    assert found is not None
    return found


def read_anew(scene: Scene, **reading: Any) -> None:
    """Put another reading of the same files in the place of the scene in use; `reading` are changed fields of it."""
    now = loaded()
    LOADED.set(replace(now, scene=scene, reading=_changed_reading(now.reading, reading)))


def use_area(found: Loaded) -> None:
    """Put a scene with an area in the place of the one in use, of which something may have been said meanwhile."""
    area = found.reading.to_dict()["area"]
    LOADED.set(replace(found, reading=_changed_reading(loaded().reading, {"area": area})))


def _changed_reading(reading: SceneReading, fields: dict[str, Any]) -> SceneReading:
    return SceneReading.from_dict(reading.to_dict() | fields)


def subtracted(found: float | None) -> Control[float | None]:
    """What is taken from stored numbers; `found` where nobody has said anything."""

    def get() -> float | None:
        offset = loaded().reading.offset
        return found if offset is None else 0.0 - offset

    return Control("subtract", get, lambda v: read_anew(loaded().scene, offset=None if v is None else 0.0 - v))


def divided(found: float | None) -> Control[float | None]:
    """What stored numbers are divided by; `found` where nobody has said anything."""

    def get() -> float | None:
        quantification = loaded().reading.quantification
        return found if quantification is None else quantification

    return Control("divide", get, lambda v: read_anew(loaded().scene, quantification=v))


def stands_for_no_data(number: float) -> Control[bool]:
    """Whether the user says that a stored number stands for no data."""

    def put(is_so: bool) -> None:
        others = [other for other in loaded().reading.nodata if other != number]
        read_anew(loaded().scene, nodata=[*others, number] if is_so else others)

    return Control(f"fill {number!r}", lambda: number in loaded().reading.nodata, put)


def band_name(number: int, name: str, scene: Scene) -> str:
    """Key of the form's widget for the name of a band."""
    return f"name {number} {name} {scene.paths[0]}"


SCENE_UPLOADER, AREA_UPLOADER = Uploader("upload"), Uploader("area")


@dataclass(frozen=True)
class Incoming:
    """What is being read, and what there is to say of it."""

    name: str

    @property
    def job(self) -> Field[Job[Loaded] | None]:
        return Field(self.name, None)

    @property
    def words(self) -> Field[str | None]:
        return Field(f"{self.name} words", None)


INCOMING_SCENE, INCOMING_AREA = Incoming("reading a scene"), Incoming("reading an area")


def folder_in_view(picker: str) -> Field[str]:
    """Where a picker of the server's files stands."""
    return Field(f"{picker}: folder in view", "")


def next_folder(picker: str, place: str) -> Field[str]:
    """The folder that is chosen in another."""
    return Field(f"{picker} folder {place}", place)


def chosen_files(picker: str, place: str) -> str:
    """Key of the widget for the files of a folder."""
    return f"{picker} files {place}"


# ---- the recipe ----------------------------------------------------------------------------------------------------


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
SMOOTH: RecipeControl[int] = _of_recipe("smooth", "smooth")
MASK: RecipeControl[str] = _of_recipe("mask", "mask")
MASK_SATURATED: RecipeControl[bool] = _of_recipe("mask saturated", "mask_saturated")
PIXEL_SIZE: RecipeControl[float | None] = _of_recipe("pixel size", "pixel_size")
ATMOSPHERE: RecipeControl[str] = _of_recipe("haze", "atmosphere")
SEED: RecipeControl[int] = _of_recipe("seed", "seed")
SAMPLE: RecipeControl[int | None] = _of_recipe("sample", "sample")
INDICES = Control[list[str]]("indices", lambda: list(_held().indices), lambda names: _change(indices=tuple(names)))
ALGORITHM = Control[str]("algorithm", lambda: _held().algorithm, lambda name: _change(algorithm=name, params=()))
QUICK_K = Control[int]("quick k", K.get, K.set)
QUICK_ALGORITHM = Control[str]("quick algorithm", ALGORITHM.get, ALGORITHM.set)
"""The same two for the bar above the map."""


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


# ---- windows -------------------------------------------------------------------------------------------------------

Window = Literal["scene", "hand over", "many scenes"]
WINDOW: Field[Window | None] = Field("window", None)
"""The window that is open over the page; it stays while the page is drawn again."""


def close_window() -> None:
    """Nothing stands over the page any more."""
    WINDOW.pop()


# ---- how it is looked at -------------------------------------------------------------------------------------------

Side = Literal["Swipe", "Classes", "Picture"]
SIDES: tuple[Side, ...] = get_args(Side)
SIDE: Control[Side] = _kept("view", SIDES[0])
Panel = Literal["Classes", "Runs"]
PANELS: tuple[Panel, ...] = get_args(Panel)
PANEL: Control[Panel] = _kept("panel", PANELS[0])
PICTURE: Control[str | None] = _kept("layer", None)
"""As its menu calls it; None is the menu's first."""
_USUAL_COLOURS = next(iter(palette.PALETTES))
PALETTE = _kept("palette", _USUAL_COLOURS)
CHARTS, ACROSS, UP = "charts", "across", "up"
_SHOWN_BANDS: Field[tuple[str, ...]] = Field("shown bands", ())


def shown_bands(names: Sequence[str]) -> tuple[Control[str], ...]:
    """The bands shown as red, green and blue, where the user picks them among these names."""
    defaults = tuple(names[min(place, len(names) - 1)] for place in (2, 1, 0))

    def now() -> list[str]:
        chosen = _SHOWN_BANDS.get() or defaults
        return [one if one in names else default for one, default in zip(chosen, defaults, strict=True)]

    def one(place: int, colour: str) -> Control[str]:
        def put(name: str) -> None:
            _SHOWN_BANDS.set((*now()[:place], name, *now()[place + 1 :]))

        return Control(f"shown {colour}", lambda: now()[place], put)

    return tuple(one(place, colour) for place, colour in enumerate(("red", "green", "blue")))


def words_with_map(name: str) -> dict[str, str]:
    """What was said of the last scenes in a place that changes with the map, by what the browser knows them by."""
    return Field[dict[str, str]](f"with map {name}", {}).made(dict)


# ---- the result and its classes ------------------------------------------------------------------------------------

ANSWER: Field[LiveAnswer | None] = Field("answer", None)
REQUEST: Field[LiveRequest | None] = Field("future", None)

LEGEND = "legend"
"""The legend's table."""

_Map = tuple[str, Recipe]
"""Digest of a scene as it is read, and a recipe."""

_EDITS: Field[Mapping[_Map, ClassEdits]] = Field("legend edits", {})
_ALONE: Field[tuple[_Map, int | None] | None] = Field("isolated", None)


def _map_of(recipe: Recipe) -> _Map:
    home = _HOME.get()
    assert home is not None, "the sidebar asks for the recipe first"
    return home.digest, recipe


def edits(of: Recipe) -> ClassEdits:
    """What was made of the classes of this recipe on the scene in use."""
    return _EDITS.get().get(_map_of(of), NO_EDITS)


def put_edits(of: Recipe, edits: ClassEdits) -> None:
    """Put these in the place of the edits of this recipe on the scene in use."""
    _EDITS.set({**_EDITS.get(), _map_of(of): edits})


@dataclass(frozen=True)
class OwnLegend:
    """The legend of a map before its user's edits."""

    legend: Legend
    carried: frozenset[int] = frozenset()
    """Classes that have taken over name or colour from the map that was shown before."""


@dataclass(frozen=True, eq=False)
class ShownMap:
    """A map that was shown, with its legend as it then was."""

    result: Result
    palette: str
    legend: Legend


LAST_SHOWN: Field[ShownMap | None] = Field("last shown", None)


def own_legends() -> OrderedDict[tuple[_Map, str], OwnLegend]:
    """Legends before edits by map and palette, those looked at last at the end."""
    return Field[OrderedDict[tuple[_Map, str], OwnLegend]]("own legends", OrderedDict()).made(OrderedDict)


def legend_key(of: Recipe, palette: str) -> tuple[_Map, str]:
    """By which `own_legends` keeps the legend of this recipe on the scene in use."""
    return _map_of(of), palette


def all_edits(of: Recipe) -> ClassEdits:
    """The edits of a map together with what its legend took over from others: all that makes it look as it does."""
    own = own_legends().get(legend_key(of, PALETTE.get()))
    if own is None:
        return edits(of)
    taken = {entry.id: entry for entry in own.legend.entries if entry.id in own.carried}
    names = {number: entry.name for number, entry in taken.items() if entry.name != f"Class {number}"}
    colours = {entry.id: entry.colour for entry in own.legend.entries} if taken else {}
    mine = edits(of)
    return ClassEdits(steps=mine.steps).named(names, colours).named(mine.names, mine.colours)


def alone(of: Recipe) -> int | None:
    """The class shown alone, where that was asked of this very map."""
    found = _ALONE.get()
    return found[1] if found is not None and found[0] == _map_of(of) else None


def put_alone(of: Recipe, number: int | None) -> None:
    """Show a class of this map alone; None for all."""
    _ALONE.set((_map_of(of), number))


def waiting_edits(table: str) -> Field[LegendEvent | None]:
    """Edits that have arrived from a legend's table, and that nobody has taken yet."""
    return Field(f"{table}: edits to take", None)


def last_edit(table: str) -> Field[int]:
    """Number of the last edit that has arrived from a legend's table."""
    return Field(f"{table}: last edit taken", 0)


def last_wish(button: str) -> Field[int]:
    """Number of the last wish that has arrived from a map that is presented."""
    return Field(f"{button}: last wish taken", 0)


# ---- runs ----------------------------------------------------------------------------------------------------------

KEPT_RUN: Field[KeptRun[Loaded] | None] = Field("kept run", None)
"""The one that the page's address leads to."""
GONE_RUN: Field[str | None] = Field("run is gone", None)
"""Digest of the result beside which it is said that the address leads nowhere; empty before there is one."""
KEEP = "keep run"
KEEP_BEFORE: Field[tuple[FullJob, bool] | None] = Field("keep run before", None)


MAPS: Field[tuple[KeptMap, ...]] = Field("maps", ())
"""Every map of the session, oldest first."""
MAP_NOW: Field[int | None] = Field("map now", None)
"""Number of the one that is shown."""
MAPS_MADE = Field("maps made", 0)
MAP_DELETED: Field[KeptMap | None] = Field("map deleted last", None)
MAPS_LIST = "runs"
"""Key of their list."""

MOMENTS: Field[tuple[Moment, ...]] = Field("moments", ())
"""What undo and redo go through, oldest first."""
MOMENT_NOW = Field("moment now", 0)
"""Place of the present one."""
UNDO, REDO = "undo", "redo"


def full_runs() -> OrderedDict[tuple[str, Recipe], FullJob]:
    """Full runs by scene digest and recipe: those that go on, and the last few that have ended well, newest last."""
    return Field[OrderedDict[tuple[str, Recipe], FullJob]]("full runs", OrderedDict()).made(OrderedDict)


def scene_digest() -> str:
    """Digest of the scene in use as it is read; by it runs know their scene."""
    home = _HOME.get()
    assert home is not None, "the sidebar asks for the recipe first"
    return home.digest


def run(answer: LiveAnswer, made: datetime | None = None, with_scores: bool = True) -> Run:
    """What the page shows now, as a value; scores take a tenth of a second."""
    result, of = answer.result, answer.result.recipe
    chosen = PALETTE.get()
    return Run(
        scene_digest=_map_of(of)[0],
        recipe=of,
        reading=loaded().reading,
        edits=all_edits(of),
        view=View(
            side=SIDE.get(),
            picture=PICTURE.get(),
            shown_bands=_SHOWN_BANDS.get(),
            alone=alone(of),
            palette="" if chosen == _USUAL_COLOURS else chosen,
        ),
        scene_title=result.scene.title,
        scores=RunScores(
            **(vars(answer.scores) if with_scores else {}), shares=tuple(row.share for row in result.rows)
        ),
        made=made,
        seconds=answer.seconds,
    )


def load(run: Run, scene: Loaded) -> None:
    """Make a run the page's; to be called before anything is drawn.

    Parameters
    ----------
    scene : what the run was made of, read as it says but for numbers and no data

    Raises
    ------
    UnknownName or RecipeError, as `put_recipe`
    """
    put_recipe(run.recipe)
    of, view = (run.scene_digest, run.recipe), run.view
    LOADED.set(replace(scene, reading=run.reading))
    _EDITS.set({**_EDITS.get(), of: run.edits})
    _ALONE.set((of, view.alone))
    SIDE.set(next((side for side in SIDES if side == view.side), SIDES[0]))
    PICTURE.set(view.picture)
    _SHOWN_BANDS.set(view.shown_bands if len(view.shown_bands) == 3 else ())
    PALETTE.set(view.palette if view.palette in palette.PALETTES else _USUAL_COLOURS)


# ---- many scenes ---------------------------------------------------------------------------------------------------

BATCH: Field[Batch | None] = Field("many scenes batch", None)
BATCH_FROM_SERVER: Field[tuple[Path, ...]] = Field("many scenes on the server", ())
BATCH_FILES, BATCH_FIT, BATCH_MOSAIC = "many scenes files", "many scenes fit", "many scenes mosaic"
"""Keys of the dialog's widgets, which begin anew with each dialog."""
