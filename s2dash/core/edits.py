"""The ClassEdits value: what a user made of the classes that were found; the fit stays as it is.

Names, colours and order only change how classes are shown. Steps change labels, in their order, and are replayed on
any pixel of any size of scene by `classify.edit`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec

from s2dash.core import strict_json
from s2dash.core.drawn_area import drawn_rings
from s2dash.core.scene_reading import Ring
from s2dash.errors import UnreadableValue

_WHAT = "a set of edits"
_LATER = ("codes", "order")
"""Fields that the first form of edits had not."""
MOST_CLASSES = 255
"""Class numbers fit a byte, in which 0 is no data."""
ClassNumber = Annotated[int, msgspec.Meta(ge=1, le=MOST_CLASSES)]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
BandName = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Mean = Annotated[float, msgspec.Meta(ge=-1e30, le=1e30)]
MOST_REGROUPED = 10
"""Classes that one area is grouped into."""
Colour = Annotated[str, msgspec.Meta(pattern="^#[0-9a-f]{6}$")]
"""`#rrggbb`, in small letters."""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="step"):
    """One change of labels. A new kind is a class here, its name in `AnyStep`, and its work in `classify.edit`."""


class Merge(Step, frozen=True, forbid_unknown_fields=True, tag="merge"):
    """Classes that become one: the one that is named."""

    classes: Annotated[tuple[ClassNumber, ...], msgspec.Meta(min_length=1)]
    into: ClassNumber


class LeaveOut(Step, frozen=True, forbid_unknown_fields=True, tag="leave out"):
    """A class whose pixels become no data."""

    number: ClassNumber


class Split(Step, frozen=True, forbid_unknown_fields=True, tag="split"):
    """A class that is grouped anew inside itself: the first part keeps its number, others get the lowest free ones."""

    number: ClassNumber
    k: Annotated[int, msgspec.Meta(ge=2, le=MOST_CLASSES)] = 2
    """How many classes it becomes."""
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] = 0


class Majority(Step, frozen=True, forbid_unknown_fields=True, tag="majority"):
    """Each pixel takes the label that most of its neighbourhood has."""

    size: Literal[3, 5] = 3
    """Side of the neighbourhood, pixels of the scene."""


class Sieve(Step, frozen=True, forbid_unknown_fields=True, tag="sieve"):
    """Patches smaller than a least size go to the neighbour with the longest border."""

    least: Annotated[float, msgspec.Meta(gt=0, le=1e9)]
    unit: Literal["ha", "pixels"] = "ha"
    """Hectares of ground, which stay true on every grid, or pixels of the scene."""
    neighbours: Literal[4, 8] = 8
    """Whether pixels hold together by their sides, or by their corners too."""


class StepInside(Step, frozen=True, forbid_unknown_fields=True):
    """What is done to the pixels whose centres lie in polygons that were drawn on the map, wherever a scene lies."""

    rings: Annotated[tuple[Ring, ...], msgspec.Meta(min_length=1)]
    """Closed rings of longitude and latitude in degrees, one a polygon."""

    def __post_init__(self) -> None:
        """Raise ValueError for rings that are none."""
        try:
            drawn_rings(msgspec.to_builtins(self.rings))
        except UnreadableValue as error:
            raise ValueError(str(error)) from None


class LeaveOutInside(StepInside, frozen=True, forbid_unknown_fields=True, tag="leave out inside"):
    """An area whose pixels become no data."""


class SetInside(StepInside, frozen=True, forbid_unknown_fields=True, tag="set class inside"):
    """An area whose pixels become one class; those that have no data stay so."""

    number: ClassNumber


class RegroupInside(StepInside, frozen=True, forbid_unknown_fields=True, tag="regroup inside"):
    """An area whose pixels are grouped by themselves: each is of the new class whose mean it lies nearest to.

    The new classes get the lowest free numbers; those that have no data stay so.
    """

    bands: Annotated[tuple[BandName, ...], msgspec.Meta(min_length=1, max_length=1_000)]
    means: Annotated[tuple[tuple[Mean, ...], ...], msgspec.Meta(min_length=2, max_length=MOST_REGROUPED)]
    """Mean reflectance of each new class in these bands, from dark to bright."""

    def __post_init__(self) -> None:
        """Raise ValueError for rings that are none, bands that are named twice, and means of other bands."""
        StepInside.__post_init__(self)
        if len(set(self.bands)) < len(self.bands):
            raise ValueError("a band of an area's means is named twice")
        if any(len(one) != len(self.bands) for one in self.means):
            raise ValueError("each class of an area needs one mean a band")


MOST_STEPS = 200
"""In one set of edits."""
MOST_CLEAN_UPS = 8
"""Each asks for pixels around a window, or for a pass over a whole scene."""

MOST_CORNERS = 5_000
"""Of all areas in one set of edits."""

CleanUp = Majority | Sieve
AnyStep = Merge | LeaveOut | Split | LeaveOutInside | SetInside | RegroupInside | CleanUp


class ClassEdits(strict_json.Versioned, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Names, colours, order and steps, by the canonical class numbers of a result (1 is the darkest)."""

    names: dict[ClassNumber, str] = msgspec.field(default_factory=dict)
    colours: dict[ClassNumber, Colour] = msgspec.field(default_factory=dict)
    codes: dict[ClassNumber, Code] = msgspec.field(default_factory=dict)
    """Of classes whose names are of a scheme: the scheme's own codes."""
    order: Annotated[tuple[ClassNumber, ...], msgspec.Meta(max_length=MOST_CLASSES)] = ()
    """How classes are listed, from the top; those that it does not name come last, by number."""
    steps: tuple[AnyStep, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError beyond the three limits above, and for a class that stands twice in the order."""
        twice = next((number for number in self.order if self.order.count(number) > 1), None)
        if twice is not None:
            raise ValueError(f"class {twice} stands in the order of classes more than once")
        if len(self.steps) > MOST_STEPS:
            raise ValueError(f"there are {len(self.steps)} steps, and {MOST_STEPS} is the most")
        clean_ups = sum(isinstance(step, CleanUp) for step in self.steps)
        if clean_ups > MOST_CLEAN_UPS:
            raise ValueError(f"specks are cleaned up {clean_ups} times, and {MOST_CLEAN_UPS} is the most")
        corners = sum(len(ring) for step in self.steps if isinstance(step, StepInside) for ring in step.rings)
        if corners > MOST_CORNERS:
            raise ValueError(f"the areas of its steps have {corners:,} corners, and {MOST_CORNERS:,} is the most")

    @property
    def is_full(self) -> bool:
        """Whether there is room for no further step."""
        return len(self.steps) >= MOST_STEPS

    def named(
        self, names: Mapping[int, str], colours: Mapping[int, str], codes: Mapping[int, str] | None = None
    ) -> ClassEdits:
        """These edits with other names and colours where given, by class number; another name has no code but these."""
        kept = {number: code for number, code in self.codes.items() if number not in names}
        return msgspec.structs.replace(
            self,
            names={**self.names, **names},
            colours={**self.colours, **{number: colour.lower() for number, colour in colours.items()}},
            codes=kept | {number: code for number, code in (codes or {}).items() if code},
        )

    def ordered(self, order: Sequence[int]) -> ClassEdits:
        """These edits with classes listed so; raises ValueError for one that is named twice."""
        return msgspec.structs.replace(self, order=tuple(order))

    def then(self, step: AnyStep) -> ClassEdits:
        """These edits with one more step; raises ValueError where they are full."""
        return msgspec.structs.replace(self, steps=(*self.steps, step))

    def without_last_step(self) -> ClassEdits:
        """These edits with one step less, where there is one."""
        return msgspec.structs.replace(self, steps=self.steps[:-1])

    @property
    def clean_up(self) -> CleanUp | None:
        """The step that cleans up specks, the last where there are several."""
        return next((step for step in reversed(self.steps) if isinstance(step, CleanUp)), None)

    def cleaned_up(self, step: CleanUp | None) -> ClassEdits:
        """These edits with this clean-up after all other steps, in place of any that there is; None for none."""
        others = tuple(one for one in self.steps if not isinstance(one, CleanUp))
        return msgspec.structs.replace(self, steps=others if step is None else (*others, step))

    def before_clean_up(self) -> ClassEdits:
        """The steps before the last clean-up."""
        place = max((at for at, step in enumerate(self.steps) if isinstance(step, CleanUp)), default=len(self.steps))
        return msgspec.structs.replace(self, steps=self.steps[:place])

    def without_looks(self, numbers: Collection[int]) -> ClassEdits:
        """These edits without names, colours and codes of some classes."""
        names = {number: name for number, name in self.names.items() if number not in numbers}
        colours = {number: colour for number, colour in self.colours.items() if number not in numbers}
        codes = {number: code for number, code in self.codes.items() if number not in numbers}
        return msgspec.structs.replace(self, names=names, colours=colours, codes=codes)

    def without_steps(self) -> ClassEdits:
        """Names, colours and order alone."""
        return msgspec.structs.replace(self, steps=())

    def to_dict(self) -> dict[str, Any]:
        """The edits as plain values; without codes and order where there are none, as it was before there were any."""
        return {name: held for name, held in strict_json.plain(self).items() if name not in _LATER or held}

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads back to equal edits."""
        return strict_json.to_text(self.to_dict())

    @staticmethod
    def from_dict(given: object) -> ClassEdits:
        """Parse what `to_dict` gave; raises UnreadableValue that says what is wrong."""
        # Names of fields are words in JSON, so class numbers are too.
        return strict_json.decoded(ClassEdits, _with_numbers(given), _WHAT)

    @staticmethod
    def from_json(text: str) -> ClassEdits:
        """Parse what `to_json` wrote; raises UnreadableValue that says what is wrong."""
        return ClassEdits.from_dict(strict_json.parse(text, _WHAT))


NO_EDITS = ClassEdits()


def _with_numbers(given: object) -> object:
    if not isinstance(given, dict):
        return given
    return {
        name: {_number(key): value for key, value in held.items()}
        if name in ("names", "colours", "codes") and isinstance(held, dict)
        else held
        for name, held in given.items()
    }


def _number(word: object) -> object:
    """The class number that a field's name is; what is none stays, to be refused."""
    return int(word) if isinstance(word, str) and word.isascii() and word.isdecimal() and len(word) <= 3 else word
