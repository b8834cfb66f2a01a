"""Words and numbers of the page: what is shown equals what is meant, and outside text stays text."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2dash.ui import text

OUTSIDE = st.text(st.one_of(st.sampled_from(" \n\t:@.-<>=~$`*_[](){}#|\\!^&;+1aw"), st.characters(codec="utf-8")))
LATE_PATTERNS = re.compile(  # what Streamlit and remark look for in pieces of text, after markdown is parsed
    r":[\w+-]+:|:material_|:streamlit:|(^|\s)(<->|->|<-|--|>=|<=|~=)(\s|$)|https?://|www\.|\w@\w", re.IGNORECASE
)


def shown(markdown: str) -> str:
    return html.unescape(re.sub(r":color\[(&#\d+;)\]", r"\1", markdown))


def pieces(markdown: str) -> list[str]:
    """The text nodes that markdown makes of it: spans of their own split it."""
    return [html.unescape(piece) for piece in re.split(r":color\[|\]", markdown)]


@given(OUTSIDE)
def test_plain_shows_the_same_text(outside: str) -> None:
    assert shown(text.plain(outside)) == outside


@given(OUTSIDE)
def test_plain_leaves_no_active_character(outside: str) -> None:
    without_spans = re.sub(r":color\[&#\d+;\]", "", text.plain(outside))
    assert not set(re.sub(r"&#\d+;", "", without_spans)) & set("\\`*_{}[]<>#|~$&!^:@\n\r\t")
    assert not re.match("[ 0-9+=-]", text.plain(outside))


@given(OUTSIDE)
def test_plain_leaves_no_pattern_in_one_piece_of_text(outside: str) -> None:
    assert not any(LATE_PATTERNS.search(piece) for piece in pieces(text.plain(outside)))


@pytest.mark.parametrize(
    "harmless", ["Virginia coast", "K = 12 but the mask leaves 9", "Été 雪", "", "B02, B03 (10 m)"]
)
def test_plain_keeps_ordinary_words_as_they_are(harmless: str) -> None:
    assert text.plain(harmless) == harmless


@pytest.mark.parametrize(
    "outside", [":red[x]", ":material/home:", "$x^2$", "<b>", "[a](http://b)", "1. x", "- x", "    x", "---", "a -> b"]
)
def test_plain_changes_what_markdown_would_change(outside: str) -> None:
    assert text.plain(outside) != outside


@pytest.mark.parametrize(
    ("area_ha", "words"),
    [
        (0, "0 ha"),
        (0.001, "< 0.01 ha"),
        (0.01, "0.01 ha"),
        (0.999, "1.0 ha"),
        (88.5, "88.5 ha"),
        (99.97, "100 ha"),
        (1817.4, "1,817 ha"),
        (12345, "12,345 ha"),
        (99_999.4, "99,999 ha"),
        (99_999.6, "1,000 km²"),
        (123_400, "1,234 km²"),
        (float("nan"), "– ha"),
    ],
)
def test_area(area_ha: float, words: str) -> None:
    assert text.area(area_ha) == words


@given(st.floats(0, 1e9))
def test_area_is_right_to_half_a_last_digit(area_ha: float) -> None:
    figure, symbol = text.area(area_ha).rsplit(" ", 1)
    if figure.startswith("<"):
        assert area_ha < 0.005
        return
    half_a_digit = 0.5 * 10.0 ** -len(figure.partition(".")[2])
    in_unit = area_ha / {"ha": 1, "km²": 100}[symbol]
    assert abs(float(figure.replace(",", "")) - in_unit) <= half_a_digit * 1.0001


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (0, "0 %"),
        (0.0001, "< 0.1 %"),
        (0.223, "22.3 %"),
        (0.9996, "> 99.9 %"),
        (1, "100 %"),
        (float("nan"), "–"),
    ],
)
def test_share(part: float, words: str) -> None:
    assert text.share(part) == words


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_a_share_between_none_and_all_never_reads_as_either(part: float) -> None:
    assert text.share(part) not in ("0 %", "0.0 %", "100 %", "100.0 %")


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 pixels"), (1, "1 pixel"), (589_824, "589,824 pixels"), (120_560_400, "121 million pixels")],
)
def test_pixels(count: int, words: str) -> None:
    assert text.pixels(count) == words


@pytest.mark.parametrize(
    ("metres", "words"),
    [(0.6, "0.6 m"), (10, "10 m"), (999.7, "1 km"), (7680, "7.7 km"), (1_234_000, "1,234 km"), (float("inf"), "–")],
)
def test_distance(metres: float, words: str) -> None:
    assert text.distance(metres) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "less than 0.1 s"),
        (0.3, "0.3 s"),
        (9.96, "10 s"),
        (42.4, "42 s"),
        (59.6, "about 1 min"),
        (125, "about 2 min"),
        (3599, "about 1 h"),
        (4800, "about 1 h 20 min"),
    ],
)
def test_duration(seconds: float, words: str) -> None:
    assert text.duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (float("inf"), ""),
        (0.0, " 1 s left"),
        (2.3, " 3 s left"),
        (58.5, " 59 s left"),
        (59.2, " 59 s left"),
        (130, " about 2 min left"),
    ],
)
def test_time_left(seconds: float | None, words: str) -> None:
    assert text.time_left(seconds) == words


@given(st.floats(0.05, 86_400), st.floats(0.05, 86_400))
def test_longer_durations_never_read_as_shorter(one: float, other: float) -> None:
    assert (_seconds(text.duration(one)) <= _seconds(text.duration(other))) or one > other


def _seconds(words: str) -> float:
    units = {"s": 1, "min": 60, "h": 3600}
    return sum(float(figure) * units[unit] for figure, unit in re.findall(r"([\d.]+) (s|min|h)\b", words))


@pytest.mark.parametrize(
    ("value", "decimals", "words"),
    [(1_234_567, 0, "1,234,567"), (1234.5, 2, "1,234.50"), (-0.2, 0, "0"), (-3.25, 1, "-3.2"), (float("nan"), 0, "–")],
)
def test_number(value: float, decimals: int, words: str) -> None:
    assert text.number(value, decimals) == words


@pytest.mark.parametrize(
    ("markdown", "words"),
    [
        (":red[:material/error:] k = 8, but it can be 2 to 7.", "k = 8, but it can be 2 to 7."),
        (":material/arrow_back: **Choose at least one band** to look at.", "Choose at least one band to look at."),
        (text.plain("a_b * 2 www.x"), "a_b * 2 www.x"),
    ],
)
def test_what_is_heard_is_the_words_alone(markdown: str, words: str) -> None:
    assert text.heard(markdown) == words
