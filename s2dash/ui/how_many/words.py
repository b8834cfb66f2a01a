"""What is said of numbers of classes: advice in plain sentences, and each measure with what it means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from s2dash.classify.advice import LEAST_STABILITY, Advice, Column
from s2dash.ui import text

NONE_STANDS_OUT = "No number stands out. Choose by what you need to tell apart."
TOO_ALIKE = "The pixels are too much alike to compare numbers of classes."


@dataclass(frozen=True)
class Measure:
    """One measure as its curve is headed and explained."""

    name: str
    what: str
    help: str
    of: Callable[[Column], float | None]
    form: Callable[[float], str]


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _two_digits(value: float) -> str:
    return f"{value:.2f}"


MEASURES = (
    Measure(
        "Fit",
        "how much of the variety they explain",
        "Share of all differences between pixels that lies between classes; the rest, within them, is the inertia. "
        "It rises with every class. Where the curve bends, one more class begins to explain little more.",
        lambda column: column.fit,
        _percent,
    ),
    Measure(
        "Separation",
        "how unlike the classes are",
        "The silhouette, -1 to 1: how much closer a pixel is to its own class than to the next. Higher is better.",
        lambda column: column.separation,
        _two_digits,
    ),
    Measure(
        "Stability",
        "same classes at another try",
        "The classes are learnt again from other pixels, several times. 100 %: the same classes each time (adjusted "
        f"Rand index). The line stands at {LEAST_STABILITY:.0%}, from where on a number counts as stable here.",
        lambda column: column.stability,
        _percent,
    ),
)
MORE_MEASURES = (
    Measure(
        "Calinski-Harabasz",
        "higher is better",
        "How far classes lie from each other against how wide they are.",
        lambda column: column.scores.calinski_harabasz,
        text.number,
    ),
    Measure(
        "Davies-Bouldin",
        "lower is better",
        "How wide classes are against how near the nearest other one lies.",
        lambda column: column.scores.davies_bouldin,
        _two_digits,
    ),
    Measure(
        "BIC",
        "lower is better",
        "Bayesian information criterion: how well a Gaussian mixture accounts for the pixels, with a price on each "
        "class. On pictures it nearly always asks for more.",
        lambda column: column.bic,
        text.number,
    ),
)


def advice_words(advice: Advice, columns: Sequence[Column], split: str | None) -> str:
    """The advice as Markdown; `split` is the name of the class that one more class would split."""
    if not columns:
        return TOO_ALIKE
    sentences = [_lead(advice)]
    if advice.elbow is not None:
        sentences.append(f"From {advice.elbow} on, one more class explains little more.")
    if advice.disagree:
        favoured = ", ".join(f"{name} {k}" for name, k in advice.favourites)
        sentences.append(f"Single measures differ: {favoured}.")
    if split is not None:
        sentences.append(f"One class more would split {text.plain(split)}.")
    return " ".join(sentences)


def _lead(advice: Advice) -> str:
    if advice.use is None:
        return f"**{NONE_STANDS_OUT}**"
    if not advice.also:
        return f"**{advice.use} classes** come out the same at every try and stand apart best."
    *others, last = (str(number) for number in [*advice.also, advice.use])
    return f"**{', '.join(others)} or {last} classes** come out the same at every try and stand apart best."


def column_words(column: Column) -> str:
    """What was measured of one number, for its button: `fit 90 %, separation 0.55, stability 98 %`."""
    known = [(m, value) for m in MEASURES if (value := m.of(column)) is not None]
    return ", ".join(f"{measure.name.lower()} {measure.form(value)}" for measure, value in known)
