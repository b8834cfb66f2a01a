"""What each kind of interaction costs: runs of the page, fits, and pictures that are made for the map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from page_driver import Page, downloads, start
from scenes import make_scene

from s2dash.classify import pipeline
from s2dash.core.scene import Scene
from s2dash.server.live_engine import LiveEngine
from s2dash.tiles.store import TileStore
from s2dash.ui import look
from s2dash.ui.legend_event import LegendEvent

__all__ = ["downloads", "start"]  # fixtures

K = "Number of classes (k)"
SHAPE_RC = (48, 65)
"""Of this scene alone: what an earlier test's page still fits is not counted."""


@dataclass
class Counts:
    """Since it was last asked."""

    seen: dict[str, int] = field(default_factory=dict)

    def of(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **how: Any) -> Any:
            self.seen[name] = self.seen.get(name, 0) + 1
            return call(*args, **how)

        return counted

    def taken(self) -> tuple[int, int, int]:
        """Runs of the page, fits, and pictures that were made for the map."""
        seen, self.seen = self.seen, {}
        return seen.get("runs", 0), seen.get("fits", 0), seen.get("pictures", 0)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    counts = Counts()
    monkeypatch.setattr(look, "apply_look", counts.of("runs", look.apply_look))
    fit, counted = pipeline.fit, counts.of("fits", pipeline.fit)
    monkeypatch.setattr(
        pipeline, "fit", lambda prepared: (counted if prepared.scene.grid.shape_rc == SHAPE_RC else fit)(prepared)
    )
    monkeypatch.setattr(TileStore, "put", counts.of("pictures", TileStore.put))
    # What is likely to be asked next is made beside it.
    monkeypatch.setattr(LiveEngine, "foresee", lambda *_: None)
    return counts


def test_each_interaction_does_what_it_needs_and_no_more(
    start: Callable[[Scene], Page], tmp_path: Path, counts: Counts
) -> None:
    page = start(make_scene(tmp_path, SHAPE_RC, names=("B02", "B03", "B04", "B08", "B11", "B12")))
    counts.taken()

    def cost(act: Callable[[], object]) -> tuple[int, int, int]:
        act()
        return counts.taken()

    assert cost(page.run) == (1, 0, 0)
    assert cost(lambda: page.choose("slider", K, 5)) == (1, 1, 1)
    assert cost(lambda: page.choose("slider", K, 8)) == (1, 0, 0)
    assert cost(lambda: page.choose("selectbox", "Algorithm", "minibatch-kmeans")) == (1, 1, 1)
    assert cost(lambda: page.press("Undo")) == (1, 0, 0)
    assert cost(lambda: page.press("Redo")) == (1, 0, 0)
    assert cost(lambda: page.edit_legend(LegendEvent(names={1: "Sea"}))) == (1, 0, 0)
    assert cost(lambda: page.edit_legend(LegendEvent(colours={1: "#123456"}))) == (1, 0, 1)
    assert cost(lambda: page.edit_legend(LegendEvent(isolates=True, isolated=2))) == (1, 0, 1)
    assert cost(lambda: page.edit_legend(LegendEvent(isolates=True))) == (1, 0, 0)
    assert cost(lambda: page.edit_legend(LegendEvent(opened=3))) == (1, 0, 1)
    assert cost(lambda: page.choose("selectbox", "Merge class 3 into", 4)) == (1, 0, 1)
    assert cost(lambda: page.press("Split in two")) == (1, 0, 1)
    assert cost(lambda: page.press("Undo")) == (1, 0, 0)
    assert cost(lambda: page.press("Redo")) == (1, 0, 0)
    assert cost(lambda: page.press("Leave out")) == (1, 0, 1)
    assert cost(lambda: page.press("Remove all edits")) == (1, 0, 0)
    assert cost(lambda: page.choose("selectbox", "Picture", "False colour")) == (1, 0, 1)
    assert cost(lambda: page.open("hand over")) == (1, 0, 0)
