"""One sample of many scenes: pixels of each in proportion to its size, all in the numbers of one of them.

Nothing here depends on the order in which scenes come, nor on where their files lie.
"""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine

from s2dash import __version__
from s2dash.classify.learn import learn_space
from s2dash.classify.prepare import Prepared, of_numbers, prepare
from s2dash.classify.sampling import Sample
from s2dash.classify.space import FeatureSpace
from s2dash.classify.stored_numbers import feature_renumbering, matching_bands, renumbering
from s2dash.core.grid import Grid
from s2dash.core.missions import MISSIONS, Mission, OwnBand
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Band, Reflectance, Scene
from s2dash.core.types import frozen


@dataclass(frozen=True, eq=False)
class SharedSpace:
    """The space in which features of several scenes are smoothed, edges kept, in the numbers of one of them."""

    scene: Scene
    space: FeatureSpace

    @staticmethod
    def learnt(recipe: Recipe, pool: Pool) -> SharedSpace:
        """From pixels of all scenes as they are."""
        return SharedSpace(pool.scene, learn_space(of_numbers(pool.scene, recipe), pool.sample.raw))

    def on(self, scene: Scene, recipe: Recipe) -> FeatureSpace:
        """In the numbers of a scene, which gives the same for the same reflectance."""
        return feature_renumbering(self.scene, scene, recipe).space(self.space)


@dataclass(frozen=True, eq=False)
class Pool:
    """Pixels of several scenes, ready for `pipeline.fit_sample`."""

    scene: Scene
    """What the numbers mean; it has no pixels of its own."""
    sample: Sample
    space: FeatureSpace | None = None
    """In which the sample was smoothed, in the scene's numbers, where the recipe keeps edges."""

    def prepared(self, recipe: Recipe) -> Prepared:
        """What the sample's features mean."""
        return replace(of_numbers(self.scene, recipe), pointwise=self.space)

    def facts(self) -> dict[str, Any]:
        """What `load` needs beside the arrays, as plain values."""
        scene = self.scene
        return {
            "title": scene.title,
            "bands": [[band.name, band.standard, band.own and list(astuple(band.own))] for band in scene.bands],
            "nodata": [None if value is None or math.isnan(value) else value for value in scene.nodata],
            "dtype": scene.dtype,
            "quantification": scene.reflectance.quantification,
            "offsets": list(scene.reflectance.offsets),
            "quantifications": list(scene.reflectance.by_band),
            "level": scene.level,
            "missions": [mission.key for mission in scene.missions],
            "digest": scene.digest,
            "population": self.sample.population,
        } | ({} if self.space is None else {"kept_variance": self.space.kept_variance})

    def save(self, path: Path) -> None:
        """Write the pixels, as .npz."""
        with path.open("wb") as file:
            arrays: dict[str, Any] = {"raw": self.sample.raw, "bands": self.sample.bands}
            if self.space is not None:
                arrays |= {name: array for name, array in vars(self.space).items() if isinstance(array, np.ndarray)}
            np.savez(file, **arrays)


def load(path: Path, facts: Mapping[str, Any]) -> Pool | None:
    """What `Pool.save` wrote, by its `facts`; None where it is not there any more, or is not what it was."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            raw, bands = arrays["raw"], arrays["bands"]
            space = _space(arrays, facts)
        sample = Sample(frozen(raw), frozen(bands), float(facts["population"]))
        own = tuple(map(float, facts["quantifications"]))
        numbers = Reflectance(float(facts["quantification"]), tuple(map(float, facts["offsets"])), "", own)
        named = tuple(
            Band(str(name), standard, own=None if is_of is None else OwnBand(*is_of))
            for name, standard, is_of in facts["bands"]
        )
        nodata, dtype, level = tuple(facts["nodata"]), str(facts["dtype"]), facts["level"]
        whose = tuple(MISSIONS[key] for key in facts["missions"])
        scene = _numbers(str(facts["title"]), named, nodata, numbers, dtype, level, whose)
        pool = Pool(replace(scene, digest=str(facts["digest"])), sample, space)
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return pool if _digest(pool) == facts["digest"] else None


def _space(arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> FeatureSpace | None:
    if "kept_variance" not in facts:
        return None
    low, high, shift, scale = (arrays[name] for name in ("low", "high", "shift", "scale"))
    return FeatureSpace(low, high, shift, scale, arrays.get("axes"), float(facts["kept_variance"]))


@dataclass(frozen=True, eq=False)
class _Portion:
    """What one scene gave."""

    scene: Scene
    sample: Sample
    digest: str
    order: np.ndarray
    """Places of pixels of the scene's sample in an order drawn by lot; the first ones are kept."""


class Pooling:
    """Gathers samples of scenes; memory stays near one sample however many come."""

    def __init__(self, recipe: Recipe, shared: SharedSpace | None = None) -> None:
        self.recipe, self._shared = recipe, shared
        self._portions: list[_Portion] = []

    def prepared(self, scene: Scene) -> Prepared:
        """A scene as its sample is drawn: smoothed where the space for it has been learnt."""
        found = prepare(scene, self.recipe)
        if self._shared is None:
            return found
        return replace(found, pointwise=self._shared.on(found.scene, self.recipe))

    def add(self, scene: Scene, sample: Sample) -> None:
        """Take in the sample that was drawn by the recipe from a scene (`Prepared.scene`)."""
        digest = _content_digest(scene, sample)
        rng = np.random.default_rng([self.recipe.seed, int(digest[:16], 16)])
        self._portions.append(_Portion(scene, sample, digest, rng.permutation(sample.pixel_count)))
        self._portions = [_cut(portion, self._quota(portion)) for portion in self._portions]

    def _quota(self, portion: _Portion) -> int:
        """How many pixels of a portion there is room for: its part of all valid pixels of all scenes so far."""
        if self.recipe.sample is None:
            return portion.sample.pixel_count
        everything = math.fsum(one.sample.population for one in self._portions)
        return max(1, round(self.recipe.sample * portion.sample.population / everything))

    def pool(self) -> Pool | None:
        """The sample of all; None where nothing was added."""
        if not self._portions:
            return None
        portions = sorted(self._portions, key=lambda portion: portion.digest)
        first = portions[0].scene
        places = [matching_bands(portion.scene, first) for portion in portions]
        shared = [i for i in range(len(first.bands)) if all(found[i] is not None for found in places)]
        positions = [[int(found[i] or 0) for i in shared] for found in places]
        chosen = [np.sort(portion.order) for portion in portions]
        raw = np.concatenate(
            [self._raw(portion, first)[:, some] for portion, some in zip(portions, chosen, strict=True)],
            axis=1,
        )
        as_stored = all(
            _is_stored_alike(p.scene, there, first, shared) for p, there in zip(portions, positions, strict=True)
        )
        bands = np.concatenate(
            [
                p.sample.bands[there][:, some] if as_stored else _bands(p, there, first, shared)[:, some]
                for p, there, some in zip(portions, positions, chosen, strict=True)
            ],
            axis=1,
        )
        nodata = tuple(first.nodata[i] if as_stored else None for i in shared)
        found = first.reflectance
        by_band = tuple(found.by_band[i] for i in shared) if found.by_band else ()
        numbers = replace(found, offsets=tuple(found.offsets[i] for i in shared), by_band=by_band)
        title = first.title if len(portions) == 1 else f"{len(portions)} scenes"
        population = math.fsum(portion.sample.population for portion in portions)
        sample = Sample(frozen(raw), frozen(bands), population)
        named = tuple(first.bands[i] for i in shared)
        scene = _numbers(title, named, nodata, numbers, str(bands.dtype), first.level, first.missions)
        pool = Pool(scene, sample, None if self._shared is None else self._shared.on(scene, self.recipe))
        return replace(pool, scene=replace(scene, digest=_digest(pool)))

    def _raw(self, portion: _Portion, first: Scene) -> np.ndarray:
        raw = portion.sample.raw
        if self._shared is not None:  # smoothed features are no scene's numbers
            return raw
        change = feature_renumbering(portion.scene, first, self.recipe)
        return raw if change.is_nothing else change.apply(raw)


def _cut(portion: _Portion, quota: int) -> _Portion:
    """The portion with only so many of its pixels."""
    if quota >= len(portion.order):
        return portion
    kept = portion.order[:quota]
    sample = portion.sample
    smaller = replace(sample, raw=frozen(sample.raw[:, kept]), bands=frozen(sample.bands[:, kept]))
    return replace(portion, sample=smaller, order=np.arange(quota))


def _is_stored_alike(scene: Scene, there: list[int], first: Scene, shared: list[int]) -> bool:
    """Whether a stored number and the nodata value mean the same in both scenes."""
    same_nodata = [scene.nodata[i] for i in there] == [first.nodata[i] for i in shared]
    return same_nodata and renumbering(scene, there, first, shared).is_nothing


def _bands(portion: _Portion, there: list[int], first: Scene, shared: list[int]) -> np.ndarray:
    """The shared bands in the numbers of the first scene, float64, NaN where there are no data."""
    bands = portion.sample.bands[there].astype(np.float64)
    for row, position in zip(bands, there, strict=True):
        row[row == portion.scene.nodata[position]] = np.nan
    return renumbering(portion.scene, there, first, shared).apply(bands)


def _numbers(
    title: str,
    bands: tuple[Band, ...],
    nodata: tuple[float | None, ...],
    reflectance: Reflectance,
    dtype: str,
    level: str | None,
    missions: tuple[Mission, ...],
) -> Scene:
    """A scene that says what numbers mean and has no pixels."""
    nowhere = Grid((1, 1), Affine.identity(), None)
    return Scene(title, nowhere, bands, (), dtype, nodata, reflectance, digest="", level=level, missions=missions)


def _content_digest(scene: Scene, sample: Sample) -> str:
    reflectance = scene.reflectance
    numbers = [scene.band_names, scene.nodata, reflectance.quantification, reflectance.offsets]
    numbers += [reflectance.by_band] if reflectance.by_band else []
    found = hashlib.sha256(repr(numbers).encode())
    found.update(np.ascontiguousarray(sample.raw).data)
    found.update(np.ascontiguousarray(sample.bands).data)
    return found.hexdigest()


def _digest(pool: Pool) -> str:
    facts = pool.facts() | {"digest": None, "made by": __version__}
    found = hashlib.sha256(json.dumps(facts).encode())
    if pool.space is not None:
        found.update(pool.space.key)
    for array in (pool.sample.raw, pool.sample.bands):
        found.update(f"{array.shape} {array.dtype}".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()
