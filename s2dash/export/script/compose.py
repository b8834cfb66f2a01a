"""The parts of a script that makes a map again, in their order, and the words at its head.

Each part is a title, plain words and source text. A script joins them, a notebook makes a cell of each. What a recipe
does not need is left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from s2dash.errors import RecipeError
from s2dash.export.contents import one_line
from s2dash.export.handover import Handover
from s2dash.export.recipe_words import recipe_words
from s2dash.export.script import chosen, steps
from s2dash.export.script.facts import Facts, Part, why_not


def parts_of(handover: Handover) -> tuple[Part, ...]:
    """The script's parts in their order; raises RecipeError with what `why_not` says."""
    reason = why_not(handover)
    if reason is not None or handover.learnt is None:
        raise RecipeError(f"No script can be made of this map. {reason}")
    facts = Facts(handover, handover.learnt)
    return (
        Part("What is used", "Only numpy, rasterio and scikit-learn.", chosen.imports(facts)),
        Part("What was chosen", "Bands, what pixels count, and the classes with their names.", chosen.chosen(facts)),
        Part("What was learnt", "The numbers that the fit found: with them labels are the same.", chosen.learnt(facts)),
        Part("How it is done", "One small function for each step.", chosen.functions(facts)),
        Part("Reading", "Stored numbers and which pixels count, some rows at a time.", steps.reading(facts)),
        Part("Features", "What is grouped: bands and indices.", steps.features(facts)),
        Part("Classes", "Each pixel goes to its class.", steps.classes(facts)),
        Part("The whole map", "Rows from top to bottom, then the edits in their order.", steps.whole(facts)),
        Part("A fit anew", "Optional: grouping again, to see how steady the classes are.", steps.refit(facts)),
    )


def head_words(handover: Handover) -> Iterator[str]:
    """What the script is, line by line."""
    result, about = handover.result, handover.about
    yield f"{one_line(handover.title) or 'Class map'}: {len(result.rows)} classes, made again."
    yield ""
    yield "Made with s2dash; this needs only numpy, rasterio and scikit-learn."
    for name, words in (("Place", about.place), ("Date", about.date), ("Author", about.author)):
        if words:
            yield f"{name}: {one_line(words)}"
    if result.scene.attribution:
        yield one_line(result.scene.attribution)
    yield ""
    yield from (f"- {name}: {words}" for name, words in recipe_words(result))
