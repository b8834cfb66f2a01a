"""Runs of a page's session: those that go on or are kept, the present one as a value, and many scenes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from s2dash.core import palette
from s2dash.core.edits import AnyStep
from s2dash.core.recipe import Recipe
from s2dash.core.run import Run, RunScores, UsedReference, View
from s2dash.core.shared_map import SharedMap
from s2dash.server.jobs import FullJob, Job
from s2dash.server.kept_runs import KeptRun
from s2dash.server.live_engine import LiveAnswer
from s2dash.server.session_store import Keeper, StoredRun
from s2dash.ui.loaded import Loaded
from s2dash.ui.runs.values import KeptMap, Moment
from s2dash.ui.scenes_batch import Batch
from s2dash.ui.session import Field, Uploader
from s2dash.ui.state.classes import all_edits, alone, map_of, put_look
from s2dash.ui.state.names import reference_of
from s2dash.ui.state.recipe import put_recipe
from s2dash.ui.state.scene import LOADED, loaded
from s2dash.ui.state.view import PALETTE, PICTURE, SHOWN_BANDS, SIDE, SIDES, USUAL_COLOURS

KEPT_RUN: Field[KeptRun[Loaded] | None] = Field("kept run", None)
"""The one that the page's address leads to."""
KEPT_TOKENS: Field[frozenset[str]] = Field("kept runs' tokens", frozenset())
"""Of all runs to which it has led."""
GONE_RUN: Field[str | None] = Field("run is gone", None)
"""Digest of the result beside which it is said that the address leads nowhere; empty before there is one."""
KEEP = "keep run"
LINK: Field[SharedMap | None] = Field("link", None)
"""The map that the page's address leads to, while its scene is waited for."""
LINK_TRIED: Field[Loaded | None] = Field("link tried", None)
"""The last scene that was looked at for it."""
LINK_TROUBLE: Field[str | None] = Field("link trouble", None)
"""Why an address leads to no map."""
KEEP_BEFORE: Field[tuple[FullJob, bool] | None] = Field("keep run before", None)


MAPS: Field[tuple[KeptMap, ...]] = Field("maps", ())
"""Every map of the session, oldest first."""
MAP_NOW: Field[int | None] = Field("map now", None)
"""Number of the one that is shown."""
MAPS_MADE = Field("maps made", 0)


def used_reference() -> UsedReference | None:
    """What names of the map that is shown were last suggested by, also where that is here no longer."""
    return next((one.run.reference for one in MAPS.get() if one.number == MAP_NOW.get()), None)


MAP_DELETED: Field[KeptMap | None] = Field("map deleted last", None)
TO_MEASURE: Field[tuple[str, LiveAnswer] | None] = Field("to measure", None)
"""Key of the map that is being measured, and the answer that will have its scores."""
MAPS_LIST = "runs"
"""Key of their list."""
MAPS_TABLE = "all runs table"
LAST_RUNS = "last runs"
BROUGHT_RUNS: Field[str | None] = Field("runs brought in", None)
"""What came of the last file of runs, in words."""
RUNS_UPLOADER = Uploader("runs upload")
EDITS_UPLOADER = Uploader("edits upload")
BROUGHT_EDITS: Field[str | None] = Field("edits brought in", None)
"""What became of the last file of edits."""

KEEPER: Field[Keeper | None] = Field("keeper", None)
"""The page's hand in what is kept of sessions; set once the page's address was looked at."""
UNREAD = Field("session unread", False)
"""Whether what the page's address kept could not be read; the page then keeps nothing."""
STORED: Field[Mapping[str, tuple[KeptMap, StoredRun]]] = Field("stored runs", {})
"""Maps by key as they were last handed on to be kept."""
SAY_ONCE: Field[tuple[str, str] | None] = Field("say once", None)
"""Words on the session, and the digest of the result beside which they stand; empty before there is one."""
MATCHED_SCENE: Field[tuple[str, int] | None] = Field("scene looked for", None)
"""The scene for which maps were looked for, by its digest, and among how many."""

MOMENTS: Field[tuple[Moment, ...]] = Field("moments", ())
"""What undo and redo go through, oldest first."""
MOMENT_NOW = Field("moment now", 0)
"""Place of the present one."""
UNDO, REDO = "undo", "redo"


FullKey = tuple[str, Recipe, Sequence[AnyStep]]
"""Scene digest, recipe, and the steps of edits."""


FULL_RUN_CANCELLED: Field[FullKey | None] = Field("full run cancelled", None)
"""Of what it was cancelled last: it does not begin again by itself."""


SURENESS_WANTED: Field[FullKey | None] = Field("sureness wanted", None)
"""Of which full map, that may still be being made, somebody asked how sure all its pixels are."""


def full_runs() -> OrderedDict[FullKey, FullJob]:
    """Full runs by what makes their labels: those that go on, and the last few that have ended well, newest last."""
    return Field[OrderedDict[FullKey, FullJob]]("full runs", OrderedDict()).made(OrderedDict)


def run(answer: LiveAnswer, made: datetime | None = None, with_scores: bool = True) -> Run:
    """What the page shows now, as a value; scores take a tenth of a second."""
    result, of = answer.result, answer.result.recipe
    chosen, reference = PALETTE.get(), reference_of(result.scene)
    return Run(
        scene_digest=map_of(of)[0],
        recipe=of,
        reading=loaded().reading,
        edits=all_edits(of),
        view=View(
            side=SIDE.get(),
            picture=PICTURE.get(),
            shown_bands=SHOWN_BANDS.get(),
            alone=alone(of),
            palette="" if chosen == USUAL_COLOURS else chosen,
        ),
        scene_title=result.scene.title,
        scores=RunScores(
            **(vars(answer.scores) if with_scores else {}), shares=tuple(row.share for row in result.rows)
        ),
        made=made,
        seconds=answer.seconds,
        reference=None if reference is None else UsedReference(name=reference.name, digest=reference.digest),
    )


def palette_of(run: Run) -> str:
    """The set of colours that a run asks for, or the usual one."""
    return run.view.palette if run.view.palette in palette.PALETTES else USUAL_COLOURS


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
    put_look(of, run.edits, view.alone if run.edits.steps or (view.alone or 0) <= run.recipe.k else None)
    SIDE.set(next((side for side in SIDES if side == view.side), SIDES[0]))
    PICTURE.set(view.picture)
    SHOWN_BANDS.set(view.shown_bands if len(view.shown_bands) == 3 else ())
    PALETTE.set(palette_of(run))


BATCH: Field[Batch | None] = Field("many scenes batch", None)
BATCH_FROM_SERVER: Field[tuple[Path, ...]] = Field("many scenes on the server", ())
BATCH_FOUND: Field[Job[tuple[Path, ...]] | None] = Field("many scenes found", None)
"""A job that has loaded scenes of a catalogue for it, and holds their files."""
LOOKED_AT: Field[str | None] = Field("many scenes looked at", None)
"""Name of the scene whose picture and classes are shown beneath the table."""
SCENES_LIST = "many scenes list"
DATE_BEFORE, DATE_AFTER, DATES_VIEW = "date before", "date after", "dates view"
DATES_VIEWS = ("Classes", "Pictures", "Change")
"""Ways of looking at two dates."""
BATCH_FILES, BATCH_FIT, BATCH_MOSAIC = "many scenes files", "many scenes fit", "many scenes mosaic"
"""Keys of the dialog's widgets, which begin anew with each dialog."""
