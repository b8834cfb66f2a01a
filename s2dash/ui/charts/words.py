"""Words in charts: names of classes, shares, labels that fit."""

from __future__ import annotations

from dataclasses import dataclass

from s2dash.core.legend import LegendEntry
from s2dash.core.scene import Scene
from s2dash.ui import text

_LABEL_LINE_CHARACTERS = 16
_MOST_LABEL_CHARACTERS = 28


def class_title(entry: LegendEntry) -> str:
    """A class by name, and by number where the name is the user's."""
    return entry.name if entry.name == f"Class {entry.id}" else f"{entry.name} (class {entry.id})"


@dataclass(frozen=True)
class Quantity:
    """What the numbers of a scene's bands are called and how they are written."""

    name: str
    axis: str
    """Beside an axis of it."""
    factor: float
    decimals: int
    unit: str

    def words(self, value: float) -> str:
        """`12.3 %` for the reflectance 0.123, `-0.12` for an embedding's value."""
        return f"{text.number(self.factor * value, self.decimals)}{self.unit}"


_REFLECTANCE = Quantity("reflectance", "reflectance (%)", 100.0, 1, " %")
_EMBEDDING = Quantity("embedding value", "embedding value", 1.0, 2, "")


def quantity_of(scene: Scene) -> Quantity:
    """Reflectance, or what an embedding has in its place."""
    return _EMBEDDING if scene.is_embedding else _REFLECTANCE


def in_two_lines(label: str) -> tuple[str, str]:
    """A label of up to 28 characters as at most two lines, split at a gap if one is near; longer ones are cut."""
    label = shortened(label)
    most = _LABEL_LINE_CHARACTERS
    if len(label) <= most:
        return label, ""
    gaps = (i for i in range(len(label) - most, most + 1) if not label[i - 1].isalnum() or not label[i].isalnum())
    cut = max(gaps, default=most)
    return label[:cut].rstrip(), label[cut:].lstrip()


def shortened(label: str, most: int = _MOST_LABEL_CHARACTERS) -> str:
    """A label cut with an ellipsis where it is too long."""
    return label if len(label) <= most else f"{label[: most - 1]}…"
