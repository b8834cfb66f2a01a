"""The Suggestion value: a name for one class, where it comes from, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Sureness = Literal["very likely", "likely", "perhaps"]
SURENESS: tuple[Sureness, ...] = ("very likely", "likely", "perhaps")
"""From the surest; below the last there is no suggestion."""

Source = Literal["reference", "product", "rule"]
"""From the strongest: a map that the user gives, the product's own classification, a rule on class means."""


@dataclass(frozen=True)
class Suggestion:
    """A name that a class might have."""

    name: str
    """One clean line."""
    source: Source
    reason: str
    """One sentence with the numbers and where they come from; may hold text from outside."""
    sureness: Sureness
    code: str = ""
    """Its code in the legend that it comes from; empty where that has none."""

    @property
    def words(self) -> str:
        """As it stands under a class: `Water? very likely`."""
        return f"{self.name}? {self.sureness}"


def percent(share: float) -> str:
    """`82 %` of a share from 0 to 1; what is not all or nothing is never 100 or 0."""
    rounded = round(100 * share)
    if 0 < share < 1:
        rounded = min(99, max(1, rounded))
    return f"{rounded} %"
