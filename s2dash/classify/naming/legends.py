"""What the codes of a reference mean: legends that are known by their codes, and which of them a map seems to have."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import replace

from s2dash.classify.naming.overlap import NamedCode
from s2dash.core.reference import Reference
from s2dash.core.schemes import CORINE_3, WORLDCOVER, Scheme

OWN, WORLDCOVER_CODES, CORINE_CODES, CORINE_NUMBERS, WORLDCOVER_COLOURS, CORINE_COLOURS, NUMBERS = (
    "Names in the file",
    "ESA WorldCover (10 to 100)",
    "CORINE codes (111 to 523)",
    "CORINE numbers (1 to 44)",
    "ESA WorldCover by its colours",
    "CORINE by its colours",
    "Numbers alone",
)
LEGENDS = (OWN, WORLDCOVER_CODES, CORINE_CODES, CORINE_NUMBERS, WORLDCOVER_COLOURS, CORINE_COLOURS, NUMBERS)

_FILL = frozenset({0, 48, 128, 255, 990, 995, 999, -128, -32768})
"""What maps with these legends have where they say nothing."""
_OF_CORINE, _OF_WORLDCOVER = (re.compile(words, re.IGNORECASE) for words in ("clc|corine", "worldcover"))
_LEAST_COLOURS = 2
"""One alone may be the same by chance."""


def likely_legend(reference: Reference) -> str:
    """The one of `LEGENDS` that a map seems to have: by names in it, its colours, its file's name, or its codes."""
    if reference.values & set(reference.names):
        return OWN
    values = reference.values - _FILL
    return _by_colours(reference, values) or _by_file_name(reference, values) or _by_codes(values) or NUMBERS


def _by_colours(reference: Reference, values: Set[int]) -> str | None:
    """The legend whose colours all codes have."""
    if len(values) < _LEAST_COLOURS:
        return None
    legends = (WORLDCOVER_COLOURS, CORINE_COLOURS)
    return next((legend for legend in legends if values <= set(meanings_of(reference, legend))), None)


def _by_file_name(reference: Reference, values: Set[int]) -> str | None:
    """Numbers from 1 to 44 are CORINE's only where the name says so, as any map may have them."""
    if _OF_CORINE.search(reference.name) and values and values <= set(range(1, 45)):
        return CORINE_NUMBERS
    if _OF_CORINE.search(reference.name) and values & set(_codes(CORINE_3)):
        return CORINE_CODES
    return WORLDCOVER_CODES if _OF_WORLDCOVER.search(reference.name) and values & set(_codes(WORLDCOVER)) else None


def _by_codes(values: Set[int]) -> str | None:
    known = ((WORLDCOVER_CODES, WORLDCOVER), (CORINE_CODES, CORINE_3))
    return next((legend for legend, scheme in known if values and values <= set(_codes(scheme))), None)


def fitting_legends(reference: Reference) -> tuple[str, ...]:
    """Those of `LEGENDS` by which at least one code of a map means something; numbers alone where none does."""
    values = reference.values
    return tuple(legend for legend in LEGENDS if values & set(meanings_of(reference, legend))) or (NUMBERS,)


def meanings_of(reference: Reference, legend: str) -> Mapping[int, NamedCode]:
    """What codes mean by one of `LEGENDS`, in the map's own colours where it has any."""
    own = reference.colours
    return {
        code: replace(one, colour=own[code]) if code in own else one
        for code, one in _known_meanings(reference, legend).items()
    }


def _known_meanings(reference: Reference, legend: str) -> Mapping[int, NamedCode]:
    if legend == OWN:
        return _own(reference.names)
    if legend == WORLDCOVER_CODES:
        return _codes(WORLDCOVER)
    if legend == CORINE_CODES:
        return _codes(CORINE_3)
    if legend == CORINE_NUMBERS:
        return dict(enumerate(_codes(CORINE_3).values(), 1))
    if legend in (WORLDCOVER_COLOURS, CORINE_COLOURS):
        of_colour = {
            one.colour: one for one in _codes(WORLDCOVER if legend == WORLDCOVER_COLOURS else CORINE_3).values()
        }
        return {code: of_colour[colour] for code, colour in reference.colours.items() if colour in of_colour}
    return {value: NamedCode(f"Number {value}", f"number {value}", str(value)) for value in reference.values - {0}}


def _codes(scheme: Scheme) -> dict[int, NamedCode]:
    return {
        int(entry.code): NamedCode(entry.name, f"“{entry.name}”", entry.code, entry.colour) for entry in scheme.entries
    }


def _own(names: Mapping[int, str]) -> dict[int, NamedCode]:
    """Numbers of one name are one, and its code is the first."""
    first: dict[str, int] = {}
    for code, words in sorted(names.items()):
        first.setdefault(words, code)
    return {code: NamedCode(words, f"“{words}”", str(first[words])) for code, words in names.items()}
