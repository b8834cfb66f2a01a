"""What a script that makes a map again is made from: its parts, and facts of the map that several of them need."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from s2dash.core.edits import LeaveOut, Majority, Merge, Sieve, Split
from s2dash.core.missions import ALPHAEARTH
from s2dash.core.scene import AREA, SCL, MaskLayer, Scene
from s2dash.export.handover import Handover
from s2dash.export.learnt import Learnt, Rule

MASK_NAME = "SCL"


@dataclass(frozen=True)
class Part:
    """A step of the script."""

    title: str
    words: str
    source: str


@dataclass(frozen=True, eq=False)
class Facts:
    """What the parts are made of."""

    handover: Handover
    learnt: Learnt

    @property
    def scene(self) -> Scene:
        return self.handover.result.scene

    @property
    def read(self) -> dict[str, int]:
        """Names of all bands that are read, the chosen ones first, with their positions."""
        scene, learnt = self.scene, self.learnt
        wanted = [*learnt.positions, *(p for index in learnt.indices for _, p in index.positions)]
        if self.masks_nodata:
            wanted += [p for fill in self.fills for p in fill.positions]
        return {scene.bands[position].name: position for position in dict.fromkeys(wanted)}

    @property
    def features(self) -> tuple[int, ...]:
        """Positions of all bands that features are made of."""
        of_indices = (position for index in self.learnt.indices for _, position in index.positions)
        return tuple(dict.fromkeys([*self.learnt.positions, *of_indices]))

    @property
    def masks_nodata(self) -> bool:
        return self.handover.result.recipe.masking.nodata

    @property
    def fills(self) -> list[SimpleNamespace]:
        """What stands for no data where all bands of some hold it."""
        return [
            SimpleNamespace(positions=fill.positions, value=fill.value, least=fill.least)
            for fill in self.scene.fills
            if not fill.is_alone and set(fill.positions) & set(self.features)
        ]

    @property
    def classifications(self) -> list[MaskLayer]:
        """The masks whose classes the recipe leaves out."""
        codes = self.handover.result.recipe.masking.scl
        return [m for m in self.scene.masks if m.kind == SCL and codes and m.concerns(self.features)]

    @property
    def areas(self) -> list[MaskLayer]:
        area = self.handover.result.recipe.masking.area
        return [mask for mask in self.scene.masks if mask.kind == AREA and area]

    @property
    def resamples(self) -> bool:
        """Whether any band lies on another grid than the map's."""
        scene = self.scene
        layers = [*(scene.layers[p] for p in self.read.values()), *(mask.layer for mask in self.classifications)]
        return any(layer.grid != scene.grid for layer in layers)

    @property
    def has_codes(self) -> bool:
        """Whether files hold the codes of AlphaEarth, of which the scene has the squares."""
        return ALPHAEARTH in self.scene.missions and np.issubdtype(np.dtype(self.scene.dtype), np.integer)

    @property
    def halo(self) -> int:
        if self.learnt.smoothed_in is not None:
            return 6
        return int(self.handover.result.recipe.smooth == 3)

    @property
    def rules(self) -> list[Rule]:
        return [self.learnt.rule, *self.learnt.parts.values()]


def _is_made_otherwise(facts: Facts) -> bool:
    """Whether an embedding is of other numbers than its files: all but codes, one by one, on their own grid."""
    is_whole = facts.scene.is_embedding and not np.issubdtype(np.dtype(facts.scene.dtype), np.floating)
    return is_whole and (not facts.has_codes or facts.resamples)


def why_not(handover: Handover) -> str | None:
    """Why no script can be made of this map, in a sentence; None where one can."""
    if handover.learnt is None:
        return "The numbers that this map was made with are not at hand."
    if any(mask.quality is not None for mask in Facts(handover, handover.learnt).classifications):
        return "This map leaves out pixels by the bits of a quality band, which the script cannot read."
    if _is_made_otherwise(Facts(handover, handover.learnt)):
        return "The vectors of this embedding were made while it was read, which the script cannot do."
    if not all(isinstance(step, Merge | LeaveOut | Split | Majority | Sieve) for step in handover.result.edits.steps):
        return "Classes were changed inside drawn areas, which the script cannot do."
    return None
