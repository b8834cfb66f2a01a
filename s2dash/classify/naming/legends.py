"""What the codes of a reference mean: legends that are known by their codes, and which of them a map seems to have."""

from __future__ import annotations

import re
from collections.abc import Mapping

from s2dash.classify.naming.overlap import NamedCode
from s2dash.core.reference import Reference
from s2dash.core.schemes import CORINE_3, WORLDCOVER, Scheme

OWN, WORLDCOVER_CODES, CORINE_CODES, CORINE_NUMBERS, NUMBERS = (
    "Names in the file",
    "ESA WorldCover (10 to 100)",
    "CORINE codes (111 to 523)",
    "CORINE numbers (1 to 44)",
    "Numbers alone",
)
LEGENDS = (OWN, WORLDCOVER_CODES, CORINE_CODES, CORINE_NUMBERS, NUMBERS)

_FILL = frozenset({0, 48, 128, 255, 990, 995, 999, -128, -32768})
"""What maps with these legends have where they say nothing."""
_OF_CORINE = re.compile(r"clc|corine", re.IGNORECASE)


def likely_legend(reference: Reference) -> str:
    """The one of `LEGENDS` that a map seems to have, by names in it, by its codes, or by its name.

    Numbers from 1 to 44 are CORINE's only where the file's name says so, as any map may have them.
    """
    values = reference.values - _FILL
    if reference.names:
        return OWN
    if values and values <= set(_codes(WORLDCOVER)):
        return WORLDCOVER_CODES
    if values and values <= set(_codes(CORINE_3)):
        return CORINE_CODES
    is_corine = bool(_OF_CORINE.search(reference.name)) and values <= set(range(1, 45))
    return CORINE_NUMBERS if is_corine else NUMBERS


def fitting_legends(reference: Reference) -> tuple[str, ...]:
    """Those of `LEGENDS` by which at least one code of a map means something."""
    return tuple(legend for legend in LEGENDS if reference.values & set(meanings_of(reference, legend)))


def meanings_of(reference: Reference, legend: str) -> Mapping[int, NamedCode]:
    """What codes mean by one of `LEGENDS`."""
    if legend == OWN:
        return {code: _named(code, words) for code, words in reference.names.items()}
    if legend == WORLDCOVER_CODES:
        return _codes(WORLDCOVER)
    if legend == CORINE_CODES:
        return _codes(CORINE_3)
    if legend == CORINE_NUMBERS:
        return dict(enumerate(_codes(CORINE_3).values(), 1))
    return {value: NamedCode(f"Number {value}", f"number {value}", str(value)) for value in reference.values - {0}}


def _codes(scheme: Scheme) -> dict[int, NamedCode]:
    return {int(entry.code): NamedCode(entry.name, f"“{entry.name}”", entry.code) for entry in scheme.entries}


def _named(code: int, words: str) -> NamedCode:
    return NamedCode(words, f"“{words}”", str(code))
