"""What a page's session holds of known ground to check its map by: the file, its column, which class is which."""

from __future__ import annotations

from collections.abc import Hashable

from s2dash.core.accuracy import Accuracy
from s2dash.core.known_ground import KnownGround
from s2dash.server.folders import ScratchFolder
from s2dash.ui.session import Control, Field, Uploader, kept_control

KNOWN_GROUND: Field[tuple[KnownGround, ScratchFolder] | None] = Field("known ground", None)
"""With the folder that its numbers lie in."""
KNOWN_UPLOADER = Uploader("known ground file")
KNOWN_WORDS: Field[str | None] = Field("known ground words", None)
"""What there is to say of the file that was given last."""
KNOWN_COLUMN: Control[str] = kept_control("known ground column", "")
KNOWN_WAY: Control[str] = kept_control("known ground way", "")
KNOWN_ACCURACIES: Field[dict[Hashable, Accuracy]] = Field("known ground accuracies", {})
"""What known ground says of the map, with all that it depends on: the last few."""
_MOST_KEPT = 8


def known_pair(name: str) -> Control[str]:
    """Which known class a class of the map is, by hand."""
    return kept_control(f"known ground pair {name}", "")


def keep_accuracy(key: Hashable, accuracy: Accuracy) -> Accuracy:
    """Hold an accuracy for the next run of the page."""
    held = dict(list(KNOWN_ACCURACIES.get().items())[1 - _MOST_KEPT :])
    KNOWN_ACCURACIES.set({**held, key: accuracy})
    return accuracy
