"""Stratified estimators: the worked examples of both papers and of R's mapaccuracy, and what edges do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2dash.classify.accuracy.estimators import Z95, Ratio, Sample, sample_of

# Olofsson et al. 2014 (doi 10.1016/j.rse.2014.02.015), table 8, rows are the map's: deforestation, forest gain, stable
# forest, stable non-forest; pixels of 30 m. The paper gives two digits (p. 54: overall 0.95 ± 0.02; user's 0.88 ± 0.07,
# 0.73 ± 0.10, 0.93 ± 0.04, 0.96 ± 0.02; deforestation 21,158 ± 6,158 ha); the others are those of the R package
# mapaccuracy 0.1.2 on its example of this table, as its port PyMapAccuracy holds them in tests/test_olofsson.py.
TABLE_8 = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
PIXELS_8 = (200_000, 150_000, 3_200_000, 6_450_000)
HECTARES_8 = sum(PIXELS_8) * 0.09
USERS_8 = ((0.88, 0.07403962), (0.7333333, 0.10075516), (0.9272727, 0.03974464), (0.96307692, 0.02053312))
PRODUCERS_8 = ((0.7486614, 0.21330593), (0.8471564, 0.25440369), (0.9345089, 0.03432379), (0.9616090, 0.01836120))
AREAS_8 = ((21157.76, 6157.521), (11686.15, 3755.757), (285769.9, 15509.55), (581386.2, 16281.36))

# mapaccuracy's first example, which is example 1 of Olofsson et al. 2013 (doi 10.1016/j.rse.2012.10.031).
TABLE_2013 = np.array([[97, 0, 3], [3, 279, 18], [2, 1, 97]])
PIXELS_2013 = (22_353, 1_122_543, 610_228)
USERS_2013 = ((0.97, 0.03360292), (0.93, 0.02892031), (0.97, 0.03360292))
PRODUCERS_2013 = ((0.4806308, 0.22453045), (0.9941887, 0.01132522), (0.8969259, 0.04120541))


def from_matrix(matrix: np.ndarray, sizes: tuple[int, ...]) -> Sample:
    pairs = [(str(i), str(j)) for (i, j), count in np.ndenumerate(matrix) for _ in range(count)]
    mapped, found = zip(*pairs, strict=True)
    return sample_of(mapped, mapped, found, {str(i): size for i, size in enumerate(sizes)}, finite=False)


def value_and_reach(ratio: Ratio | None) -> tuple[float, float]:
    assert ratio is not None
    return ratio.value, Z95 * ratio.error


def test_overall_of_the_worked_example() -> None:
    assert value_and_reach(from_matrix(TABLE_8, PIXELS_8).overall()) == pytest.approx((0.9465119, 0.01848328), abs=1e-6)


@pytest.mark.parametrize("number", range(4))
def test_classes_of_the_worked_example(number: int) -> None:
    sample, name = from_matrix(TABLE_8, PIXELS_8), str(number)
    assert value_and_reach(sample.users(name)) == pytest.approx(USERS_8[number], abs=1e-6)
    assert value_and_reach(sample.producers(name)) == pytest.approx(PRODUCERS_8[number], abs=1e-6)
    share, reach = value_and_reach(sample.area(name))
    assert (share * HECTARES_8, reach * HECTARES_8) == pytest.approx(AREAS_8[number], rel=1e-6)


@pytest.mark.parametrize("number", range(3))
def test_mapaccuracy_on_its_first_example(number: int) -> None:
    sample, name = from_matrix(TABLE_2013, PIXELS_2013), str(number)
    assert value_and_reach(sample.users(name)) == pytest.approx(USERS_2013[number], abs=1e-6)
    assert value_and_reach(sample.producers(name)) == pytest.approx(PRODUCERS_2013[number], abs=1e-6)


def test_mapaccuracy_on_its_first_example_all_together() -> None:
    sample, total = from_matrix(TABLE_2013, PIXELS_2013), sum(PIXELS_2013)
    overall, area = sample.overall(), sample.area("0")
    assert overall is not None
    assert area is not None
    assert overall.value == pytest.approx(0.9444168, abs=1e-6)
    assert (area.value * total, Z95 * area.error * total) == pytest.approx((45112.4, 21072.37), abs=0.05)


def stehman() -> Sample:
    """Stehman (2014), table 2, as in mapaccuracy's help of `stehman2014`."""
    sizes = {"A": 40_000, "B": 30_000, "C": 20_000, "D": 10_000}
    mapped = [*"AAAAAAABBB", *"ABBBBBBBBB", *"BBCCCCCCBB", *"DDDDDDDDDD"]
    found = [*"AAAAACBABC", *"ABBBBBAABB", *"CCCCCDDBBA", *"DDDDDDDCCB"]
    return sample_of([*"AAAAAAAAAABBBBBBBBBBCCCCCCCCCCDDDDDDDDDD"], mapped, found, sizes)


def test_strata_that_are_not_the_classes_as_stehman_2014() -> None:
    """Pages 4932 to 4936: areas .35 and .20, overall .63 (SE .085), user's of B .574 (.125), producer's .794 (.114).

    The digits, and the producer's SE of .1165 where the paper prints .114, are mapaccuracy's (as its port
    PyMapAccuracy holds them in tests/test_stehman2014.py).
    """
    sample = stehman()
    expected = {
        "overall": (sample.overall(), 0.63, 0.08464219),
        "users of B": (sample.users("B"), 0.5744681, 0.1247822),
        "producers of B": (sample.producers("B"), 0.7941176, 0.1165479),
        "area of A": (sample.area("A"), 0.35, 0.0822478),
        "area of C": (sample.area("C"), 0.20, 0.06427977),
    }
    for ratio, value, error in expected.values():
        assert ratio is not None
        assert (ratio.value, ratio.error) == pytest.approx((value, error), abs=1e-6)


def test_a_class_without_answers_has_no_accuracy_and_is_left_out() -> None:
    sample = sample_of(["a", "a"], ["a", "a"], ["a", "b"], {"a": 60, "b": 20, "c": 20, "none": 0})
    assert sample.answered == ("a",)
    assert sample.unanswered_share == pytest.approx(0.4)
    assert sample.users("b") is None
    assert sample.producers("c") is None
    area = sample.area("b")
    assert area is not None
    assert area.value == 0.5


def test_without_any_answer_nothing_is_said() -> None:
    sample = sample_of([], [], [], {"a": 10})
    assert sample.overall() is None
    assert sample.unanswered_share == 1


def test_one_answer_shows_no_variance_and_claims_no_narrow_interval() -> None:
    ratio = sample_of(["a"], ["a"], ["a"], {"a": 1000}).users("a")
    assert ratio is not None
    assert ratio.estimate.value == 1
    assert ratio.estimate.low < 0.05


def test_where_all_agree_the_interval_still_has_a_width() -> None:
    """Wilson's for 10 of 10: 0.722 to 1."""
    ratio = sample_of(["a"] * 10, ["a"] * 10, ["a"] * 10, {"a": 10_000}, finite=False).users("a")
    assert ratio is not None
    assert (ratio.estimate.low, ratio.estimate.high) == pytest.approx((0.7225, 1.0), abs=1e-4)
    none = sample_of(["a"] * 10, ["a"] * 10, ["b"] * 10, {"a": 10_000}).area("a")
    assert none is not None
    assert (none.estimate.low, none.estimate.high) == pytest.approx((0.0, 0.2775), abs=1e-4)


@pytest.mark.parametrize(
    ("strata", "found", "words"), [(["a"], [], "1 strata"), (["b"], ["a"], r"no size of the strata \['b'\]")]
)
def test_what_cannot_be_a_sample(strata: list[str], found: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        sample_of(strata, ["a"], found, {"a": 1})


ANSWERS = st.lists(st.tuples(*[st.sampled_from("abc")] * 3), max_size=40)
SIZES = st.fixed_dictionaries({name: st.integers(50, 10**9) for name in "abc"})


@given(ANSWERS, SIZES, st.booleans())
def test_estimates_are_shares_and_areas_add_up(
    answers: list[tuple[str, str, str]], sizes: dict[str, int], finite: bool
) -> None:
    strata, mapped, found = ([one[i] for one in answers] for i in range(3))
    sample = sample_of(strata, mapped, found, sizes, finite)
    ratios = [sample.overall(), *(ask(name) for ask in (sample.users, sample.producers, sample.area) for name in "abc")]
    for ratio in ratios:
        assert (ratio is None) or 0 <= ratio.estimate.low <= ratio.estimate.value <= ratio.estimate.high <= 1
    areas = [ratio.value for name in "abc" if (ratio := sample.area(name))]
    assert not answers or sum(areas) == pytest.approx(1)


@given(ANSWERS, SIZES, st.randoms())
def test_order_says_nothing(answers: list[tuple[str, str, str]], sizes: dict[str, int], random: object) -> None:
    def overall(of: list[tuple[str, str, str]]) -> tuple[float, float] | None:
        ratio = sample_of(*([one[i] for one in of] for i in range(3)), sizes).overall()
        return None if ratio is None else (ratio.value, ratio.error)

    turned = list(answers)
    random.shuffle(turned)  # type: ignore[attr-defined]
    assert overall(turned) == pytest.approx(overall(answers))
