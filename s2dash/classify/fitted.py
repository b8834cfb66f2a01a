"""The Fitted value: a recipe fitted to a scene, everything that labels any pixel of it, of another scene too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from s2dash.classify.algorithms import LinearModel, Model, nearest
from s2dash.classify.edit import NO_STEPS, Stage
from s2dash.classify.prepare import Prepared, prepare
from s2dash.classify.sampling import Sample
from s2dash.classify.space import FeatureSpace
from s2dash.classify.stored_numbers import Renumbering, feature_renumbering, matching_bands, renumbering
from s2dash.core.edits import NO_EDITS, ClassEdits
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Scene
from s2dash.core.types import Window, frozen


@dataclass(frozen=True, eq=False)
class Fitted:
    """A recipe fitted to a scene: everything that labels any pixel of it."""

    prepared: Prepared
    space: FeatureSpace
    model: Model
    number_of: np.ndarray
    """Canonical class number, from 1, the darkest, of each of the model's classes, uint8."""
    sample: Sample
    sample_labels: np.ndarray
    """Class numbers of the sample's pixels, after steps that look at each pixel alone, uint8; 0 where left out."""
    mean_reflectance: np.ndarray
    """Class means over the sample by class number, shape (`class_count`, bands of the scene), reflectance."""
    warnings: tuple[str, ...]
    fitted_on: str = ""
    """Digest of what it was fitted on, where that is not `scene`."""
    edits: ClassEdits = NO_EDITS
    """What the user made of the classes."""
    stage: Stage = NO_STEPS
    """What the edits do to labels before they become a result."""
    edited_numbers: tuple[int, ...] | None = None
    """The class numbers that there are after the edits; None where these have no steps."""

    @property
    def scene(self) -> Scene:
        return self.prepared.scene

    @property
    def recipe(self) -> Recipe:
        return self.prepared.recipe

    @property
    def class_count(self) -> int:
        """The highest class number, which may be above k after edits, and below it (`Algorithm.k_is`)."""
        return len(self.mean_reflectance)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of all classes in their order; after edits some between may be missing."""
        return tuple(range(1, len(self.number_of) + 1)) if self.edited_numbers is None else self.edited_numbers

    @property
    def numbers_mean(self) -> np.ndarray:
        """Class means of `numbers`, shape (classes, bands of the scene), reflectance."""
        return np.asarray(self.mean_reflectance[[number - 1 for number in self.numbers]])

    @property
    def finds_its_number(self) -> bool:
        """Whether the number of classes is the algorithm's to find, up to k."""
        return self.prepared.algorithm.k_is == "most"

    @property
    def engine(self) -> str:
        return nearest.ENGINE if isinstance(self.model, LinearModel) else "scikit-learn"

    @property
    def labels_key(self) -> str:
        """Of scene, recipe and the edits that change labels: equal keys mean equal labels."""
        steps = ClassEdits(steps=self.edits.steps).to_json() if self.edits.steps else ""
        return f"{self.scene.digest} {self.recipe.to_json()} {steps}".rstrip()

    def on(self, scene: Scene) -> Fitted:
        """The same classes for another scene: its pixels get the labels that this fit gives to their reflectance.

        Bands are matched by name. Where scenes store reflectance with other offsets or quantifications,
        scaling, sample and all are put into the numbers of `scene`; so is the haze of each where it is
        subtracted. Means of bands that this fit has not seen are NaN.

        Raises UnknownName for bands or indices that the scene lacks, RecipeError as `prepare` and `Stage.on` do.
        """
        prepared = prepare(scene, self.recipe)
        scene, pointwise = prepared.scene, self.prepared.pointwise
        known = matching_bands(self.scene, scene)
        change = feature_renumbering(self.scene, scene, self.recipe)
        if pointwise is not None:  # then the classes are of features that are no scene's numbers
            prepared = replace(prepared, pointwise=change.space(pointwise))
            change = Renumbering.nothing(self.space.count)
        return replace(
            self,
            prepared=prepared,
            space=change.space(self.space),
            sample=_renumbered_sample(self.sample, change, self.scene, scene, known),
            mean_reflectance=frozen(_taken(self.mean_reflectance.T, known).T),
            warnings=(*scene.notes, *(words for words in self.warnings if words not in self.scene.notes)),
            fitted_on=self.fitted_on or self.scene.digest,
            stage=self.stage.on(scene.grid),
        )

    def at(self, window: Window) -> Fitted:
        """The same fit for the labels of a window of its scene, for edits that name an area."""
        return replace(self, stage=self.stage.at(window)) if self.stage.has_areas else self

    def light(self, prepared: Prepared | None = None) -> Fitted:
        """What labels pixels alone, without the sample: to be held for long, or sent elsewhere."""
        sample = replace(self.sample, raw=self.sample.raw[:, :0].copy(), bands=self.sample.bands[:, :0].copy())
        return replace(
            self,
            prepared=(prepared or self.prepared).alone(),
            sample=sample,
            sample_labels=self.sample_labels[:0].copy(),
        )


def _taken(rows: np.ndarray, positions: Sequence[int | None]) -> np.ndarray:
    """The rows at these positions; NaN for None."""
    if None not in positions:
        return rows[[p for p in positions if p is not None]]
    out = np.full((len(positions), *rows.shape[1:]), np.nan)
    for row, position in zip(out, positions, strict=True):
        if position is not None:
            row[...] = rows[position]
    return out


def _renumbered_sample(
    sample: Sample, change: Renumbering, source: Scene, target: Scene, known: Sequence[int | None]
) -> Sample:
    """The sample in the numbers of another scene; `known` are the positions of its bands in the first."""
    if change.is_nothing and known == tuple(range(len(source.bands))):
        return sample
    raw = sample.raw if change.is_nothing else change.apply(sample.raw)
    bands = _taken(sample.bands, known)
    shared = [i for i, position in enumerate(known) if position is not None]
    positions = [p for p in known if p is not None]
    band_change = renumbering(source, positions, target, shared)
    if not band_change.is_nothing:
        bands = bands.astype(np.float64)
        for row, position in zip(shared, positions, strict=True):
            bands[row, bands[row] == source.nodata[position]] = np.nan
        bands[shared] = band_change.apply(bands[shared])
    return replace(sample, raw=frozen(raw), bands=frozen(bands))
