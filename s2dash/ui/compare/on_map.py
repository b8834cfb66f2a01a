"""What the map shows of two maps that are compared: both sides, and where they differ."""

from __future__ import annotations

import numpy as np

from s2dash.classify.compare import MOVED, ONE_SIDED, OTHER_MOVE
from s2dash.core.types import frozen
from s2dash.tiles.differ import differ_picture
from s2dash.tiles.render import Picture
from s2dash.ui import pictures, state
from s2dash.ui.compare.beside import Beside
from s2dash.ui.compare.values import Compared, ComparedRun
from s2dash.ui.compare.words import comparing_words, lead_words, map_key
from s2dash.ui.map_view import ComparedMaps, View

_MOVED_RGB, _ONE_SIDED_RGB = (0xD4, 0x26, 0x70), (0x17, 0x21, 0x1E)
_FADED = 70
"""Opacity of what moved otherwise, while one move is pointed out; of 255."""


def _colours() -> np.ndarray:
    table = np.zeros((256, 4), dtype=np.uint8)
    table[MOVED] = (*_MOVED_RGB, 255)
    table[OTHER_MOVE] = (*_MOVED_RGB, _FADED)
    table[ONE_SIDED] = (*_ONE_SIDED_RGB, 255)
    return frozen(table)


_COLOURS = _colours()


def compared_beside(compared: Compared, picture_label: str) -> Beside:
    """What the map shows of both sides."""
    right = compared.right
    return Beside(
        view=_view(),
        right_url=_side_url(right),
        shown=right.shown,
        legend=right.legend,
        maps=_maps(compared, picture_label),
        words=comparing_words(compared),
        said=lead_words(compared),
    )


def _maps(compared: Compared, picture_label: str) -> ComparedMaps:
    left, right = compared.left, compared.right
    differ = "" if left is None else f"Where {left.name.lower()} and {right.name.lower()} differ"
    return ComparedMaps(
        left_url=None if left is None else _side_url(left),
        left_words=("Picture", picture_label) if left is None else _words(left),
        right_words=_words(right),
        differ_url=None if left is None else _differ_url(compared, left),
        differ_words=differ,
        key=() if compared.found is None else tuple(map_key(compared)),
    )


def _view() -> View:
    return "Differ" if state.COMPARE_VIEW.get() == "Where they differ" else "Swipe"


def _side_url(side: ComparedRun) -> str:
    return pictures.classes_url(side.answer, side.shown, side.legend.rgba())


def _words(side: ComparedRun) -> tuple[str, str]:
    return side.name, f"{len(side.legend.entries)} classes"


def _differ_url(compared: Compared, left: ComparedRun) -> str:
    right, move = compared.right, compared.comparing.move
    key = f"differ {pictures.classes_key(left.shown)} {pictures.classes_key(right.shown)} {move}"

    def make() -> Picture:
        assert compared.found is not None
        one, other = (pictures.classes_picture(side.answer, side.shown, side.legend.rgba()) for side in (left, right))
        return differ_picture(one, other, compared.found.kinds(move), _COLOURS)

    return pictures.url_of(key, make, right.shown.scene)
