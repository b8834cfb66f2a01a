"""What the live picture tells of one class: its patches, what it borders on, typical and doubtful places."""

from s2dash.classify.class_facts.difference import Difference, difference
from s2dash.classify.class_facts.extent import ClassPatches, border_shares, class_patches
from s2dash.classify.class_facts.facts import ClassFacts, class_facts
from s2dash.classify.class_facts.places import ClassPlace, ClassPlaces, class_places

__all__ = [
    "ClassFacts",
    "ClassPatches",
    "ClassPlace",
    "ClassPlaces",
    "Difference",
    "border_shares",
    "class_facts",
    "class_patches",
    "class_places",
    "difference",
]
