"""Which steps of edits hold for another map of the same ground, told by which of its classes is which."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from s2dash.classify.edit import classes_after
from s2dash.core.edits import (
    MOST_CLASSES,
    AnyStep,
    CleanUp,
    LeaveOut,
    LeaveOutInside,
    Merge,
    RegroupInside,
    SetInside,
    Split,
)


def carried(
    steps: Sequence[AnyStep],
    before: Iterable[int],
    after: Iterable[int],
    number_of: Mapping[int, int],
    impossible: Collection[AnyStep] = (),
) -> tuple[tuple[AnyStep, ...], tuple[AnyStep, ...]]:
    """The steps with the numbers of the other map, and those that are left behind, as a class of theirs has no partner.

    Parameters
    ----------
    before, after : class numbers of both maps before any step
    impossible : steps that cannot be taken there, whatever its classes
    number_of : the number in the other map of each class of the first that has a partner there
    """
    one, other, pairs = frozenset(before), frozenset(after), dict(number_of)
    kept: list[AnyStep] = []
    left: list[AnyStep] = []
    for step in steps:
        born = _born(step, one)
        one = classes_after(step, one) | set(born)
        moved = None if step in impossible else _moved(step, pairs, other)
        for number in born:
            pairs.pop(number, None)
        if moved is None:
            left.append(step)
            continue
        pairs |= dict(zip(born, _born(moved, other), strict=False))
        other = classes_after(moved, other) | set(_born(moved, other))
        kept.append(moved)
    return tuple(kept), tuple(left)


def _moved(step: AnyStep, pairs: Mapping[int, int], there: frozenset[int]) -> AnyStep | None:
    """The step in the other map's numbers; None where it lacks a class of the step."""
    if isinstance(step, CleanUp | LeaveOutInside | RegroupInside):
        return step
    named = {*step.classes, step.into} if isinstance(step, Merge) else {step.number}
    if not all(pairs.get(number) in there for number in named):
        return None
    match step:
        case Merge():
            return Merge(tuple(pairs[number] for number in step.classes), pairs[step.into])
        case Split():
            return Split(pairs[step.number], step.k, step.seed)
        case LeaveOut():
            return LeaveOut(pairs[step.number])
        case SetInside():
            return SetInside(step.rings, pairs[step.number])


def _born(step: AnyStep, classes: frozenset[int]) -> tuple[int, ...]:
    """Numbers that a split, or the grouping of an area, adds: the lowest that are free."""
    if not isinstance(step, Split | RegroupInside):
        return ()
    count = step.k - 1 if isinstance(step, Split) else len(step.means)
    free = [number for number in range(1, MOST_CLASSES + 1) if number not in classes]
    return tuple(free[:count])
