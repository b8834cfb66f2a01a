"""Steps of edits carried to another map: with its numbers where all their classes are found again, else left behind."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from s2dash.classify.carry import carried
from s2dash.core.edits import AnyStep, LeaveOut, Majority, Merge, Sieve, Split

CLASSES = range(1, 6)


def test_numbers_become_those_of_the_other_map() -> None:
    kept, left = carried((Merge((2,), 3), LeaveOut(4)), CLASSES, range(1, 7), {2: 5, 3: 1, 4: 6})
    assert kept == (Merge((5,), 1), LeaveOut(6))
    assert left == ()


def test_what_speaks_of_a_class_without_a_partner_is_left_behind() -> None:
    kept, left = carried((Merge((2,), 3), LeaveOut(4)), CLASSES, range(1, 5), {3: 1, 4: 2})
    assert kept == (LeaveOut(2),)
    assert left == (Merge((2,), 3),)


def test_parts_of_a_split_class_are_known_there() -> None:
    steps = (Split(2, 3), Merge((6,), 1), LeaveOut(7))
    kept, left = carried(steps, CLASSES, range(1, 8), {1: 1, 2: 4})
    assert kept == (Split(4, 3), Merge((8,), 1), LeaveOut(9))
    assert left == ()
    kept, left = carried(steps, CLASSES, range(1, 8), {1: 1})
    assert (kept, left) == ((), steps)


def test_a_clean_up_names_no_class_and_goes_on_as_it_is() -> None:
    steps = (Majority(5), Merge((2,), 3), Sieve(0.5))
    assert carried(steps, CLASSES, CLASSES, {}) == ((Majority(5), Sieve(0.5)), (Merge((2,), 3),))


@given(st.permutations(list(CLASSES)))
def test_there_and_back_is_the_same(order: list[int]) -> None:
    steps: tuple[AnyStep, ...] = (Merge((1, 2), 2), Split(4), LeaveOut(5), Split(2, 3))
    there = dict(zip(CLASSES, order, strict=True))
    kept, left = carried(steps, CLASSES, CLASSES, there)
    again, lost = carried(kept, CLASSES, CLASSES, {new: old for old, new in there.items()})
    assert (again, left, lost) == (steps, (), ())
