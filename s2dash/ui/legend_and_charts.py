"""What stands around the map once there is a result: the legend, charts and the run in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from s2dash.classify.algorithms import ALGORITHMS, Algorithm
from s2dash.classify.colours import character_words
from s2dash.classify.naming import Suggestion
from s2dash.core import palette
from s2dash.core.classmap import Result
from s2dash.core.edits import ClassEdits
from s2dash.core.legend import Legend
from s2dash.core.recipe import Recipe
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import state, text
from s2dash.ui.charts import (
    SPECTRA_BESIDE_HEIGHT_PX,
    SPECTRA_HEIGHT_PX,
    Chart,
    scatter_chart,
    spectra_alt,
    spectra_chart,
    spectra_name,
)
from s2dash.ui.charts.words import quantity_of
from s2dash.ui.class_card.actions import merge, open_card, same_names
from s2dash.ui.class_card.made import edits_made
from s2dash.ui.clean_up import clean_up
from s2dash.ui.how_sure import sure_words
from s2dash.ui.identity import effective_legend, own_legend
from s2dash.ui.legend_table import legend_table, take_event
from s2dash.ui.name_sources import name_sources, scheme_in_use
from s2dash.ui.runs.words import step_name
from s2dash.ui.services import kept_charts
from s2dash.ui.suggested_names import of_names, shown_suggestions

_COLOURS_HINT = (
    "Colours are a hint, not a name: blues look like water, greens like plants, browns like bare ground, "
    "pale like sand or cloud. "
)
_STEADY, _DOUBTFUL = 0.75, 0.6
"""Jaccard indices from which a class is stable, and below which it is not to be trusted (Hennig, 2007)."""
_EDIT_HINT = "Click a name or colour to make it yours, or a suggested name to take it."


def take_in_of_first_look(recipe: Recipe) -> None:
    """Take in what was changed in the legend of a first look as the smoothed map came, which takes it over from there.

    By numbers of the first look: the smoothed map's may be of other classes.
    """
    before = state.LAST_SHOWN.get()
    if before is not None and before.result.recipe.is_first_look_of(recipe):
        take_in(before.result.recipe)
        edits = state.edits(before.result.recipe)
        state.LAST_SHOWN.set(replace(before, legend=before.legend.taking(edits)))


def take_in(of: Recipe) -> None:
    """Take in what was just changed in the legend of this recipe's map."""
    event = take_event(state.LEGEND)
    if event is None:
        return
    codes, colours = of_names(event.names)
    edits = state.edits(of).named(event.names, {**colours, **event.colours}, codes)
    state.put_edits(of, edits.ordered(event.order) if event.order else edits)
    state.put_alone(of, event.isolation(state.alone(of)))
    state.KEPT_BOTH.set(state.KEPT_BOTH.get() | event.kept_both)
    for number, into in event.merges:
        merge(of, number, into)
    if event.opened is not None:
        open_card(event.opened)


def current_legend(answer: LiveAnswer, chosen_palette: str) -> tuple[Legend, int | None]:
    """The legend with the user's edits for this result, and the class shown alone."""
    alone = state.shown_alone(answer.result.recipe)
    return effective_legend(answer, chosen_palette), alone if alone in answer.fitted.numbers else None


def legend_panel(answer: LiveAnswer, shown: Result, legend: Legend, isolated: int | None, chosen_palette: str) -> None:
    """The legend and a line on the colours."""
    standards = [band.standard for band in answer.result.scene.bands]
    suggestions: dict[int, Suggestion] = {}
    if state.SIDE.get() == "How sure":
        second_lines = sure_words(answer.sureness)
    else:
        second_lines = dict.fromkeys(own_legend(answer, chosen_palette).carried, "carried over")
        suggestions = shown_suggestions(answer, legend)
    words = character_words(answer.fitted)
    scheme = scheme_in_use()
    table = partial(
        legend_table,
        shown,
        legend,
        family_words=words,
        second_lines=second_lines,
        isolated=isolated,
        same_names=same_names(legend, state.KEPT_BOTH.get()),
        suggestions=suggestions,
        choices=tuple(entry.name for entry in scheme.entries) if scheme else (),
    )
    if table(key=state.LEGEND) is not None:
        st.rerun()
    clean_up(answer)
    edits_made(answer.result.recipe)
    st.caption((_COLOURS_HINT if palette.tells_character(chosen_palette, standards) else "") + _EDIT_HINT)
    name_sources(answer.result.scene)


_SPECTRA, _SCATTER, _GOOD, _WORDS = "Spectra", "Scatter", "How good", "This run in words"


def spectra_beside(result: Result, legend: Legend, isolated: int | None, dark: bool) -> None:
    """The spectra under the panel beside the map, where the window has room for them."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="spectratitle"):
        st.markdown(f"##### {_SPECTRA}", anchors=False, width="content")
        words = "mean value of each axis" if result.scene.is_embedding else "mean light reflected"
        st.caption(f"{words}, by class", width="stretch", text_alignment="right")
    _spectra(result, legend, isolated, dark, SPECTRA_BESIDE_HEIGHT_PX)


@st.fragment
def charts(answer: LiveAnswer, result: Result, legend: Legend, isolated: int | None, dark: bool, is_wide: bool) -> None:
    """The tabs beneath the map, of which those that take time are made when they are looked at.

    A click on one draws the tabs alone anew. Where the window is wide, the spectra stand elsewhere.
    """
    names = [_SCATTER, _GOOD, _WORDS] if is_wide else [_SPECTRA, _SCATTER, _GOOD, _WORDS]
    key = state.CHARTS_OF_WIDE if is_wide else state.CHARTS
    *spectra, scatter, good, words = st.tabs(names, key=key, on_change="rerun")
    if spectra and spectra[0].open:
        with spectra[0]:
            what = (
                "its mean on each axis of the embedding"
                if result.scene.is_embedding
                else "how much light it reflects, from blue to shortwave infrared"
            )
            st.caption(
                f"Each line is one class: {what}. "
                "Lines that run close together are classes that are hard to tell apart."
            )
            _spectra(result, legend, isolated, dark, SPECTRA_HEIGHT_PX)
    if scatter.open or len(answer.result.scene.bands) < 2:
        with scatter:
            _scatter(answer, legend, isolated, dark)
    if good.open:
        with good:
            _scores(answer)
            _steadiness(answer, legend)
    with words:
        st.markdown(run_in_words(answer, result, legend))


def _spectra(result: Result, legend: Legend, isolated: int | None, dark: bool, height_px: int) -> None:
    key = (_SPECTRA, result.digest, result.is_full, result.scene.bands, legend, isolated, dark, height_px)
    spec, words = kept_charts().get(
        key, lambda: (spectra_chart(result, legend, dark, isolated, height_px), spectra_name(result, legend))
    )
    st.vega_lite_chart(spec, alt=words)


def _scatter(answer: LiveAnswer, legend: Legend, isolated: int | None, dark: bool) -> None:
    scene, sample = answer.result.scene, answer.fitted.sample
    names, quantity = scene.band_names, quantity_of(scene)
    if len(names) < 2:
        st.caption("A scatter plot needs two bands; this scene has one.")
        return
    first = next((n for n in ("B04", "B03") if n in names), names[0])
    second = next((n for n in ("B08", "B8A", "B11") if n in names), names[-1])
    with st.container(horizontal=True, gap="small"):
        across, up = (
            st.selectbox(label, names, names.index(band), width=170, key=key, help=f"The band {words}.")
            for label, key, band, words in (
                ("Across", state.ACROSS, first, f"whose {quantity.name} grows to the right"),
                ("Up", state.UP, second, f"whose {quantity.name} grows upwards"),
            )
        )

    def make() -> Chart:
        some = np.sort(np.random.default_rng(0).permutation(sample.pixel_count)[:4_000])
        pair = scene.positions((across, up))
        x, y = quantity.factor * scene.to_reflectance(sample.bands[list(pair)][:, some], pair)
        labels, titles = answer.fitted.sample_labels[some], (f"{across} {quantity.axis}", f"{up} {quantity.axis}")
        words = f"Pixels of the sample by {quantity.name} in {across} and {up}, coloured by class"
        return scatter_chart(x, y, labels, legend, *titles, dark, isolated), words

    st.caption("Each dot is one pixel of the sample. Clouds of dots that touch are classes with no clear border.")
    key = (_SCATTER, answer.result.digest, scene.bands, across, up, legend, isolated, dark)
    spec, words = kept_charts().get(key, make)
    st.vega_lite_chart(spec, alt=words)


def _scores(answer: LiveAnswer) -> None:
    scores = answer.scores
    rows: list[tuple[str, float | None, Callable[[float], str], str]] = [
        (
            "Share of the variety explained",
            scores.explained_variance,
            text.share,
            "Higher is better; more classes always raise it.",
        ),
        ("Silhouette", scores.silhouette, lambda v: f"{v:.2f}", "-1 to 1. Above 0.5 the classes stand well apart."),
        ("Davies-Bouldin", scores.davies_bouldin, lambda v: f"{v:.2f}", "Lower is better. Compare it between runs."),
        ("Calinski-Harabasz", scores.calinski_harabasz, text.number, "Higher is better. Compare it between runs."),
    ]
    st.caption(
        "These numbers compare runs with the same bands and scaling; they do not say whether the classes are "
        "what you need. Your own look at the map does."
    )
    lines = ["| Score | Value | How to read it |", "|:--|--:|:--|"]
    lines += [f"| {name} | {'-' if value is None else form(value)} | {words} |" for name, value, form, words in rows]
    st.markdown("\n".join(lines))


def _steadiness(answer: LiveAnswer, legend: Legend) -> None:
    """Which classes come out again on other pixels: made where somebody asks, as it takes a moment."""
    digest = answer.result.digest
    if state.STEADY_OF.get() != digest:
        st.button(
            "Which classes come out again?",
            key="steadiness",
            icon=":material/replay:",
            help="Groups other pixels of this picture a few times, each time from another beginning, "
            "and says how much of each class is found again. Takes a few seconds.",
            on_click=lambda: state.STEADY_OF.set(digest),
        )
        return
    with st.spinner("Grouping other pixels a few times …"):
        found = answer.steadiness
    lines = ["| Class | Found again | What it means |", "|:--|--:|:--|"]
    names = {entry.id: entry.name for entry in legend.entries if entry.id not in answer.fitted.stage.born}
    for number, part in enumerate(found.tolist(), 1):
        name = text.plain(names.get(number, f"Class {number}"))
        lines.append(f"| {name} | {'-' if np.isnan(part) else text.share(part)} | {_steady(part)} |")
    if answer.before_steps is not None:
        st.caption("Of the classes as they were found, before what was merged, split or left out.")
    st.markdown("\n".join(lines))


def _steady(part: float) -> str:
    if np.isnan(part):
        return "Too few pixels to say."
    if part >= _STEADY:
        return "Comes out again: it is in the data."
    return (
        "Comes out again in part." if part >= _DOUBTFUL else "Other pixels give other classes here: do not lean on it."
    )


def _components_words(answer: LiveAnswer) -> str:
    space = answer.fitted.prepared.pointwise or answer.fitted.space
    words = "the first principal component" if space.count == 1 else f"the first {space.count} principal components"
    return words if answer.result.recipe.components is None else f"{words}, partly whitened"


def _smoothing_words(recipe: Recipe) -> str:
    if recipe.keeps_edges:
        return ", smoothed where there is no edge"
    return ", after a mean of 3 × 3 pixels" if recipe.smooth else ""


def _count_words(algorithm: Algorithm, result: Result) -> str:
    count = len(result.rows)
    most = f" of at most {result.recipe.k}" if algorithm.k_is == "most" else ""
    return f"{count} class{'es' if count != 1 else ''}{most}"


def _edits_words(result: Result) -> str:
    steps = ", then ".join(step_name(step) for step in result.edits.steps)
    return f"{steps[0].upper()}{steps[1:]}. {len(result.rows)} classes are left."


def run_in_words(answer: LiveAnswer, result: Result, legend: Legend) -> str:
    """The whole run as a short text, Markdown, the spectra in words among it."""
    recipe, scene = result.recipe, result.scene
    algorithm = ALGORITHMS[recipe.algorithm]
    scaling = {
        "none": "as stored",
        "standard": "each with equal weight",
        "robust": "each with equal weight, outliers ignored",
    }
    favoured = ", rare kinds favoured" if recipe.favour_rare else ""
    distance = " by Mahalanobis distance" if recipe.distance == "mahalanobis" else ""
    transforms = {"none": "", "sqrt": "The square root of ", "log": "The logarithm of "}
    parts = [
        f"**Picture.** {text.plain(scene.title)}: "
        f"{text.number(scene.grid.width)} × {text.number(scene.grid.height)} pixels. "
        f"{text.plain(scene.reflectance.sentence)}",
        f"**Looked at.** {transforms[recipe.transform]}"
        f"{text.plain(', '.join((*recipe.bands, *recipe.indices)))}, {scaling[recipe.scale]}"
        + (f", cut at the {recipe.clip[0]:g} and {recipe.clip[1]:g} percentiles" if recipe.clip else "")
        + (f", as {_components_words(answer)}" if (recipe.pca or recipe.components) is not None else "")
        + _smoothing_words(recipe)
        + f". {text.share(result.masked_share)} of the pixels are masked.",
        f"**Grouped.** {algorithm.label}{distance} into {_count_words(algorithm, result)}, "
        f"learnt from {text.pixels(answer.fitted.sample.pixel_count)} "
        f"(seed {recipe.seed}{favoured}), in {text.duration(answer.seconds)}; labels assigned by {result.engine}. "
        "Classes are numbered from dark to bright.",
        *([f"**Edited.** {_edits_words(result)}"] if result.edits.steps else []),
        f"**Spectra.** {text.plain(spectra_alt(result, legend))}",
        *(f"**Note.** {text.plain(warning)}" for warning in result.warnings),
        *([f"{text.plain(scene.attribution)}."] if scene.attribution else []),
        f"```\n{recipe.to_json()}\n```",
        *([f"```\n{ClassEdits(steps=result.edits.steps).to_json()}\n```"] if result.edits.steps else []),
    ]
    return "\n\n".join(parts)
