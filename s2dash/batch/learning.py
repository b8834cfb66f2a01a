"""Where a batch's classes come from: the recipe, and one sample of all scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from s2dash.batch import pool as pools
from s2dash.batch.ledger import LEARNING, OPENING, Ledger, digest
from s2dash.batch.manifest import Fit
from s2dash.batch.pool import Pool, Pooling, SharedSpace
from s2dash.batch.sources import Source
from s2dash.classify import pipeline
from s2dash.core.recipe import Recipe
from s2dash.errors import InputError, S2DashError, UnknownName
from s2dash.export.contents import staged

_SAMPLE_NAME = "batch-sample.npz"


def learn(ledger: Ledger) -> tuple[Recipe, Pool]:
    """The recipe and the pooled sample; the last run's where nothing that they depend on has changed.

    Raises RecipeError or InputError where no scene is left to learn from.
    """
    learn_from = sorted(ledger.left(), key=lambda source: source.name)
    if ledger.plan.fit_on is not None:
        learn_from = [source for source in learn_from if source == ledger.plan.fit_on]
    recipe = _recipe(ledger, learn_from)
    looks = 2 if recipe.keeps_edges else 1
    ledger.steps = looks * len(learn_from) + len(ledger.left())
    known = ledger.manifest.fit.pooled if ledger.manifest.fit and ledger.manifest.recipe == recipe else ()
    new = [source for source in learn_from if ledger.digests[source.name] not in known]
    rest = [source for source in learn_from if source not in new]
    if recipe.keeps_edges and new:
        new, rest = learn_from, []
    pooling = _pooling(ledger, new, recipe)
    taken = [source for source in new if _add(ledger, pooling, source)]
    kept = None
    if ledger.manifest.fit and not taken and {ledger.digests[source.name] for source in rest} == set(known):
        kept = pools.load(ledger.plan.out / _SAMPLE_NAME, ledger.manifest.fit.facts)
    if kept is None:
        if recipe.keeps_edges and rest:
            pooling = _pooling(ledger, rest, recipe)
        taken += [source for source in rest if _add(ledger, pooling, source)]
        kept = _pooled(ledger, pooling, taken, recipe)
    else:
        ledger.steps_done += looks * len(rest)
    return recipe, kept


def _pooling(ledger: Ledger, sources: Sequence[Source], recipe: Recipe) -> Pooling:
    """What gathers the samples of scenes: with edges kept, after a look at all in whose space they are smoothed."""
    pooling = Pooling(recipe)
    if not (recipe.keeps_edges and sources):
        return pooling
    for source in sources:
        _add(ledger, pooling, source)
    pool = pooling.pool()
    if pool is None:
        raise _nothing_left(ledger)
    return Pooling(recipe, SharedSpace.learnt(recipe, pool))


def _recipe(ledger: Ledger, learn_from: Sequence[Source]) -> Recipe:
    """The recipe, from the first of these scenes that can be opened and has what it asks for."""
    for source in learn_from:
        key = digest(ledger.plan.recipe.key, ledger.digests[source.name])
        if ledger.manifest.recipe is not None and ledger.manifest.recipe_key == key:
            return ledger.manifest.recipe
        scene = None
        with ledger.failing_alone(source):
            ledger.report(source, "learning")
            scene = ledger.shelf.get(source, ledger.progress_of(source, 0.0, OPENING))
        if scene is None:
            continue
        try:
            recipe = ledger.plan.recipe.make(scene)
        except UnknownName as error:  # of a band that this scene lacks; the next one may have it
            ledger.fail(source, error)
            continue
        fit = ledger.manifest.fit if recipe == ledger.manifest.recipe else None
        ledger.manifest = replace(ledger.manifest, recipe_key=key, recipe=recipe, fit=fit)
        return recipe
    raise _nothing_left(ledger)


def _add(ledger: Ledger, pooling: Pooling, source: Source) -> bool:
    """Take a scene's sample into the pool; False where it has failed."""
    if ledger.has_failed(source):
        return False
    with ledger.failing_alone(source):
        ledger.report(source, "learning")
        progress = ledger.progress_of(source, 0.0, LEARNING)
        scene = ledger.shelf.get(source, progress)
        pipeline.resolve(scene, pooling.recipe)
        progress(1.0, "Drawing pixels to learn from")
        prepared = pooling.prepared(scene)
        pooling.add(prepared.scene, pipeline.sample_of(prepared))
        ledger.cancel.check()
        ledger.shelf.put_back(source)
        ledger.report(source, "waiting")
        ledger.steps_done += 1
        return True
    return False


def _pooled(ledger: Ledger, pooling: Pooling, taken: Sequence[Source], recipe: Recipe) -> Pool:
    pool = pooling.pool()
    if pool is None:
        raise _nothing_left(ledger)
    with staged(ledger.plan.out / _SAMPLE_NAME) as path:
        pool.save(path)
    fit = Fit(tuple(sorted(ledger.digests[source.name] for source in taken)), pool.facts())
    ledger.manifest = replace(ledger.manifest, recipe=recipe, fit=fit)
    ledger.save()
    return pool


def _nothing_left(ledger: Ledger) -> S2DashError:
    """Why there is no scene to learn the classes from."""
    one = ledger.plan.fit_on
    errors = [error for name, error in ledger.errors.items() if one is None or name == one.name]
    if not errors:
        return InputError("There is no scene to work on. Give GeoTIFF files, zips or .SAFE folders.")
    return (
        errors[0]
        if len(errors) == 1
        else InputError(f"None of the {len(errors)} scenes can be used. The first one: {errors[0]}")
    )
