"""What the map shows of two dates: the classes and pictures of either, and what changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from s2dash.batch.change import Change
from s2dash.batch.change.on_grid import read_on_grid
from s2dash.classify.compare import Move, together
from s2dash.core.classmap import Result
from s2dash.core.legend import Legend
from s2dash.core.scene import Scene
from s2dash.core.types import frozen
from s2dash.server.live_engine import LiveAnswer
from s2dash.tiles.details import FinishedDetail
from s2dash.tiles.differ import differ_picture
from s2dash.tiles.levels import levels_of
from s2dash.tiles.render import Picture
from s2dash.ui import pictures, services
from s2dash.ui.compare.beside import Beside
from s2dash.ui.map_view import ComparedMaps
from s2dash.ui.two_dates.bar import bands_of, beneath
from s2dash.ui.two_dates.now import dates_words
from s2dash.ui.two_dates.scenes import other_scene, scenes_in_order
from s2dash.ui.two_dates.values import CLASSES, Look, TwoDates
from s2dash.ui.two_dates.words import figures_of, lead_words

_STAYED, _MISSING, _POINTED_OUT = 253, 254, 255
"""Past the numbers of classes, which stand for what another class became."""
_MISSING_RGBA, _STAYED_RGBA = (0x17, 0x21, 0x1E, 0xFF), (0xC9, 0xD1, 0xCE, 0x70)
_FADED = 60
"""Opacity of what changed otherwise, while one change is pointed out; of 255."""
_MOST_LINES = 4


def dates_beside(dates: TwoDates, answer: LiveAnswer, shown: Result, legend: Legend, alone: int | None) -> Beside:
    """Tiles and words of both dates.

    Parameters
    ----------
    shown : what is known best of the page's own map
    alone : the class that is shown alone, on both dates
    """
    other, scene = dates.other, shown.scene
    colours = legend.rgba(alone)

    def url(look: Look) -> str:
        is_here = look.is_later == dates.found.is_later_here
        if look.what != CLASSES:
            of = scene if is_here else other_scene(other)
            return pictures.picture_url(of, bands_of(of, look.what)[0])
        return pictures.classes_url(answer, shown, colours) if is_here else _classes_url(dates, scene, colours)

    maps = ComparedMaps(
        left_url=url(other.left),
        left_words=_words(dates, other.left),
        right_words=_words(dates, other.right),
        differ_url=_change_url(dates, scene),
        differ_words=f"Change from {dates.names[0]} to {dates.names[1]}",
        key=tuple(map_key(dates)),
    )
    return Beside(
        view="Differ" if other.view == "Change" else "Swipe",
        right_url=url(other.right),
        shown=shown,
        legend=legend,
        maps=maps,
        words=dates_words(dates),
        said=lead_words(dates.change),
        picture_url=url(beneath(scene, other)),
        attribution="; ".join(dict.fromkeys(filter(None, (one.attribution for one in scenes_in_order(scene, other))))),
    )


def map_key(dates: TwoDates) -> list[dict[str, str]]:
    """What the colours of the change map mean, in hectares: what ground became, what stayed, and what is missing."""
    change, figures = dates.change, figures_of(dates.change)
    names = {entry.id: entry for entry in change.entries}
    chosen = chosen_move(dates)
    if chosen is not None:
        told = [([chosen], f"{names[chosen.pair[0]].name} to {names[chosen.pair[1]].name}")]
    else:
        told = [(moves, f"became {names[number].name}") for number, moves in _by_new_class(change)[:_MOST_LINES]]
    lines = [
        {
            "kind": "change",
            "colour": names[moves[0].pair[1]].colour,
            "lead": figures.full(together(moves)),
            "words": words,
        }
        for moves, words in told
    ]
    pairs = {move.pair for moves, _ in told for move in moves}
    others = together(move for move in change.found.moves if move.pair not in pairs)
    if others.count:
        lines.append({"kind": "others", "lead": figures.full(others), "words": "other change"})
    lines.append({"kind": "stayed", "lead": figures.full(change.stayed), "words": "no change"})
    missing = together(change.found.one_sided)
    if missing.count:
        lines.append({"kind": "one-sided", "lead": figures.full(missing), "words": "missing on one date"})
    return lines


def _by_new_class(change: Change) -> list[tuple[int, list[Move]]]:
    """The moves by what ground became, most of it first."""
    into: dict[int, list[Move]] = {}
    for move in change.found.moves:
        into.setdefault(move.pair[1], []).append(move)
    return sorted(into.items(), key=lambda one: -together(one[1]).count)


def change_table(dates: TwoDates) -> tuple[np.ndarray, np.ndarray]:
    """What each pair of classes is shown as, and the colours of that: the new class's where it is another.

    Returns kinds of shape (classes + 1, classes + 1), uint8, and RGBA of shape (256, 4), uint8; what is missing on
    both dates is transparent.
    """
    change, chosen = dates.change, chosen_move(dates)
    size = len(change.found.table.counts)
    colours = np.zeros((256, 4), dtype=np.uint8)
    kinds = np.tile(np.minimum(np.arange(size), _STAYED - 1).astype(np.uint8), (size, 1))
    np.fill_diagonal(kinds, _STAYED)
    kinds[1:, 0] = kinds[0, 1:] = _MISSING
    kinds[0, 0] = 0
    for entry in change.entries[: _STAYED - 1]:
        colours[min(entry.id, _STAYED - 1)] = (*bytes.fromhex(entry.colour[1:]), 255 if chosen is None else _FADED)
    colours[_STAYED], colours[_MISSING] = _STAYED_RGBA, _MISSING_RGBA
    if chosen is not None:
        kinds[chosen.pair] = _POINTED_OUT
        colours[_POINTED_OUT] = (*colours[min(chosen.pair[1], _STAYED - 1), :3], 255)
    return frozen(kinds), frozen(colours)


def chosen_move(dates: TwoDates) -> Move | None:
    """The change that is pointed out, as long as there is any such."""
    return next((move for move in dates.change.found.moves if move.pair == dates.other.move), None)


def _classes_url(dates: TwoDates, scene: Scene, colours: np.ndarray) -> str:
    change = dates.change
    path = (change.before if dates.found.is_later_here else change.after).path
    key = f"date {path} {colours.tobytes().hex()}"
    return pictures.url_of(key, lambda: _picture(path, scene, colours), scene)


def _change_url(dates: TwoDates, scene: Scene) -> str:
    kinds, colours = change_table(dates)
    paths = dates.change.before.path, dates.change.after.path
    key = f"change {paths} {kinds.tobytes().hex()} {colours.tobytes().hex()}"

    def make() -> Picture:
        one, other = (_picture(path, scene, colours) for path in paths)
        return differ_picture(one, other, kinds, colours)

    return pictures.url_of(key, make, scene)


def _picture(path: Path, scene: Scene, colours: np.ndarray) -> Picture:
    """Labels of every pixel of the scene's grid, from a raster of them."""
    step, levels = scene.live_step, levels_of(scene)
    grid = scene.grid.decimated(step)
    detail = FinishedDetail(services.native_tiles(), levels, path, step, f"{path}") if levels else None
    return Picture(grid, read_on_grid(path, grid)[0], colours, step, detail)


def _words(dates: TwoDates, look: Look) -> tuple[str, str]:
    return dates.names[look.is_later], look.what.lower()
