"""The sections of a report: classes, how far to trust them, what changed, light, how it was made, what is unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from s2dash.core.accuracy import Accuracy, ClassAccuracy, Estimate
from s2dash.core.accuracy_words import figures, percent_words, sentences
from s2dash.core.classmap import Result
from s2dash.export.contents import ClassFacts, one_line
from s2dash.export.handover import Handover, ToldChange
from s2dash.export.picture import area_decimals, hectares, percent
from s2dash.export.recipe_words import recipe_words
from s2dash.export.report.blocks import (
    Block,
    Cell,
    Code,
    Heading,
    Pairs,
    Remark,
    Row,
    Section,
    Sentences,
    Swatch,
    Table,
)
from s2dash.export.report.clearness import clearness_blocks
from s2dash.export.report.spectra import spectra_blocks

MOST_WORDS = 500
"""Characters of a paragraph from outside."""
_MOST_NAME = 200
_NOT_CHECKED = (
    "Nobody has checked this map yet. How right it is, only a look at places on the ground or in better pictures can "
    "tell: s2dash asks for some under Check."
)
LIMITS = (
    "Classes are groups of pixels that look alike from above; their names were given by people.",
    "Kinds of ground that reflect light alike share a class: shadow and water, or dry grass and bare soil, may do so.",
    "A pixel that holds several kinds of ground gets one class, so narrow things are lost and borders are sharp only "
    "to about a pixel.",
    "The map shows the day of the picture. What grows, floods or is harvested looks different on another day.",
    "Hectares are those of counted pixels. Where a class is often mistaken, the ground has more or less of it.",
)
LIMITS_OF_EMBEDDINGS = (
    "Classes are groups of pixels whose vectors point alike; their names were given by people.",
    "A network made the vectors of a year of pictures. What it looked at cannot be read from them, and ground that it "
    "took for alike shares a class.",
    "A pixel that holds several kinds of ground gets one class, so narrow things are lost and borders are sharp only "
    "to about a pixel.",
    "The map shows a whole year. What changed within it, such as a harvest or a flood, has no date here.",
    LIMITS[-1],
)


def sections(handover: Handover, classes: Sequence[ClassFacts]) -> tuple[Section, ...]:
    """In their order; without any that has nothing to say."""
    every = (
        Section("Classes", (_classes(handover, classes),)),
        Section("How far it can be trusted", (*_trust(handover.accuracy), *clearness_blocks(handover, classes))),
        Section("What changed", tuple(_changed(handover.change))),
        Section("Light by class", spectra_blocks(handover.result.scene, classes, handover.spreads)),
        Section("How it was made", tuple(_made(handover))),
        Section("What it cannot tell", (Sentences(_limits(handover)),)),
    )
    return tuple(section for section in every if section.blocks)


def _limits(handover: Handover) -> tuple[str, ...]:
    return LIMITS_OF_EMBEDDINGS if handover.result.scene.is_embedding else LIMITS


def _classes(handover: Handover, classes: Sequence[ClassFacts]) -> Table:
    columns = [*_counted_columns(handover, classes), *_checked_columns(handover.accuracy)]
    rows = [Row(c.name, tuple(cell(c) for _, cell, _ in columns), Swatch(str(c.id), c.colour)) for c in classes]
    total = Row("Together", tuple(Cell(together) for _, _, together in columns), is_total=True)
    return Table(("Class", *(head for head, _, _ in columns)), (*rows, total))


_Cells = Callable[[ClassFacts], Cell]
_Column = tuple[str, _Cells, str]
"""Its head, what a class has in it, and all classes together."""


def _counted_columns(handover: Handover, classes: Sequence[ClassFacts]) -> Iterator[_Column]:
    total = handover.result.mapped_ha
    decimals = area_decimals(total or 0)
    largest = max((c.row.share for c in classes), default=0.0) or 1.0
    if any(c.code for c in classes):
        yield "Code", lambda c: Cell(c.code, is_words=True), ""
    yield "Share", lambda c: Cell(percent(c.row.share), bar=c.row.share / largest), percent(1.0) if classes else ""
    if total is not None:
        yield "Hectares", lambda c: Cell(hectares(c.row.area_ha, decimals)), hectares(total, decimals)


def _checked_columns(accuracy: Accuracy | None) -> Iterator[_Column]:
    if accuracy is None or accuracy.is_too_few:
        return
    found = {one.name: one for one in accuracy.classes}

    def of(take: Callable[[ClassAccuracy], Estimate | None], words: Callable[[Estimate], str]) -> _Cells:
        def cell(c: ClassFacts) -> Cell:
            estimate = take(found[c.name]) if c.name in found else None
            return Cell("" if estimate is None else words(estimate))

        return cell

    yield "Checked: hectares", of(lambda one: one.area_ha, _range_words), ""
    yield "Of what is mapped so, right", of(lambda one: one.users, percent_words), ""
    yield "Of what is there, found", of(lambda one: one.producers, percent_words), ""


def _range_words(estimate: Estimate) -> str:
    value, low, high = figures(estimate)
    return f"{value} ({low} to {high})"


def _trust(accuracy: Accuracy | None) -> Iterator[Block]:
    if accuracy is None:
        yield Sentences((_NOT_CHECKED,))
        return
    yield Sentences(tuple(one_line(words, MOST_WORDS) for words in sentences(accuracy)))
    yield Remark(one_line(accuracy.design, MOST_WORDS))
    yield Heading("Confusion matrix")
    yield _matrix(accuracy)


def _matrix(accuracy: Accuracy) -> Table:
    heads = ("Mapped as ↓ is →", *(one_line(name, _MOST_NAME) for name in accuracy.reference_names))
    rows = (
        Row(
            one_line(name, _MOST_NAME),
            tuple(
                Cell(f"{count:,}", is_strong=other == name)
                for other, count in zip(accuracy.reference_names, counts, strict=True)
            ),
        )
        for name, counts in zip(accuracy.map_names, accuracy.matrix, strict=True)
    )
    return Table(heads, tuple(rows), has_narrow_columns=True)


def _changed(change: ToldChange | None) -> Iterator[Block]:
    if change is not None:
        yield Sentences(tuple(one_line(words, MOST_WORDS) for words in change.sentences))
        yield Pairs(tuple((one_line(name, _MOST_NAME), amount) for name, amount in change.largest))


def _made(handover: Handover) -> Iterator[Block]:
    result = handover.result
    yield Sentences(tuple(_plainly(result)))
    yield Heading("Choices")
    yield Pairs(tuple((name, one_line(words, MOST_WORDS)) for name, words in recipe_words(result)))
    if result.warnings:
        yield Heading("Notes of the run")
        yield Sentences(tuple(one_line(words, MOST_WORDS) for words in result.warnings))
    yield Code("Recipe, for s2dash", result.recipe.to_json())


def _plainly(result: Result) -> Iterator[str]:
    """What was done, for those who do not know its terms."""
    recipe, count = result.recipe, len(result.rows)
    bands = f"{len(recipe.bands)} bands" if len(recipe.bands) > 1 else "one band"
    source = f"The satellite measured how much light the ground reflects, here in {bands}."
    if result.scene.is_embedding:
        axes = f"{len(recipe.bands)} axes" if len(recipe.bands) > 1 else "one axis"
        source = f"A network drew up what satellites saw in a year as a vector for each pixel, here of {axes}."
    yield (
        f"{source} Pixels that look alike in them "
        f"were put together into {count} class{'es' if count != 1 else ''}; nobody said beforehand what is there."
    )
    if recipe.smooth:
        others = "those neighbours that look like it" if recipe.keeps_edges else "all its neighbours"
        yield f"Before that, each pixel was smoothed with {others}."
    some = "all pixels" if recipe.sample is None else f"at most {recipe.sample:,} pixels, taken at random"
    yield f"What the classes look like was learnt from {some}. Then every pixel got the class that it is most like."
    if result.edits.steps:
        steps = len(result.edits.steps)
        yield f"People then changed the classes in {steps} step{'s' if steps != 1 else ''}, each told below as an edit."
