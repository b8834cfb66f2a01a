"""The LiveAnswer value: a live result with its fit, and what is asked of it later, made once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from s2dash.classify import pipeline
from s2dash.classify.advice.steadiness import steadiness
from s2dash.classify.class_facts import ClassFacts, class_facts
from s2dash.classify.evaluate import Scores
from s2dash.classify.fitted import Fitted
from s2dash.classify.point import class_spreads
from s2dash.classify.sureness import LiveSureness, live_sureness
from s2dash.core.classmap import Result
from s2dash.core.edits import ClassEdits


@dataclass(frozen=True, eq=False)
class LiveAnswer:
    """A live result with the fit that made it."""

    result: Result
    fitted: Fitted
    seconds: float
    before_steps: LiveAnswer | None = None
    """That of the same fit before the steps of its edits; None where there are none."""

    @property
    def unedited(self) -> LiveAnswer:
        """The answer as it was found, before any step of edits."""
        return self.before_steps or self

    @cached_property
    def scores(self) -> Scores:
        """Scores of the fit; a tenth of a second, so asked for after the map is drawn, and once."""
        return pipeline.sample_scores(self.fitted)

    @property
    def is_scored(self) -> bool:
        """Whether `scores` costs nothing any more."""
        return "scores" in vars(self)

    @cached_property
    def steadiness(self) -> np.ndarray:
        """How steady each class is before edits; a second or so, made when somebody asks, and once."""
        return steadiness(self.fitted) if self.before_steps is None else self.before_steps.steadiness

    @cached_property
    def sureness(self) -> LiveSureness:
        """How sure the classes are; some tenths of a second, so made when somebody asks, and once."""
        return live_sureness(self.fitted, self.result)

    @cached_property
    def spreads(self) -> Mapping[int, np.ndarray]:
        """How far each class spreads over the sample (`class_spread`); made when somebody asks, and once."""
        return class_spreads(self.fitted)

    def class_facts(self, number: int) -> ClassFacts:
        """What the live picture tells of a class; a tenth of a second, so made when somebody asks, and once."""
        if number not in self._class_facts:
            self._class_facts[number] = class_facts(self.fitted, self.result, self.sureness, number)
        return self._class_facts[number]

    @cached_property
    def _class_facts(self) -> dict[int, ClassFacts]:
        return {}


def after_steps(answer: LiveAnswer, steps: ClassEdits) -> LiveAnswer:
    """An unedited answer with its labels after steps of edits; raises as `pipeline.edited`."""
    labels = answer.result.classmap.labels
    if labels is None:
        raise ValueError("the labels of a live picture are in memory, but this result has none there")
    fitted = pipeline.edited(answer.fitted, steps)
    return LiveAnswer(pipeline.edit_live(fitted, labels), fitted, answer.seconds, answer)
