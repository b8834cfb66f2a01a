"""Drives the page without a browser: what it shows, its widgets by name, and what its downloads hold."""

from __future__ import annotations

import functools
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from rasterio.io import MemoryFile
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from waiting import PATIENCE_SECONDS

from s2dash.core.recipe import Recipe
from s2dash.core.scene import Scene
from s2dash.ui import full_run, services, uploads
from s2dash.ui.legend_event import LegendEvent

PAGE = Path(__file__).parents[1] / "s2dash" / "ui" / "page.py"
AREA_UPLOADER = "Area to keep"
"""Offered once an area is wanted."""

# Every AppTest reads what is said of a hundred installed packages; it stays the same.
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)

Downloads = dict[str, "Download"]


@dataclass(frozen=True)
class Download:
    """A download button as it was last drawn."""

    data: Callable[[], bytes] | bytes | str
    file_name: str
    disabled: bool
    help: str

    def content(self) -> bytes:
        assert not self.disabled
        made = self.data() if callable(self.data) else self.data
        return made.encode() if isinstance(made, str) else made


def whole_name(label: str) -> str:
    """A button's name for those who listen: of a long one only a part is seen."""
    return re.sub(r":gray\[(.*?)\]", r"\1", label)


class Page:
    """The page in a session of its own."""

    def __init__(self, downloads: Downloads, **address: str) -> None:
        """`address` is what stands behind the page's address, by name."""
        self._downloads = downloads
        self.test = AppTest.from_file(str(PAGE), default_timeout=PATIENCE_SECONDS)
        for name, value in address.items():
            self.test.query_params[name] = value
        self.run()

    def run(self) -> Page:
        """Draw the page; of a large scene until its map is of smoothed pixels."""
        self._run_once()
        while self._found_markdown("A first look"):
            time.sleep(0.05)
            self._run_once()
        return self

    def _run_once(self) -> None:
        self._downloads.clear()
        self.test.run()
        assert not self.test.exception, self.test.exception

    def _found_markdown(self, words: str) -> bool:
        return any(words in one.value for one in self.test.markdown)

    def widget(self, kind: str, label: str) -> Any:
        """A widget of the page, or else of the window of the scene, which is opened for it."""
        found = self._found(kind, label)
        if found is None:
            self.open("scene")
            found = self._found(kind, label)
        assert found is not None, label
        return found

    def _found(self, kind: str, label: str) -> Any:
        return next((w for w in self.test.get(kind) if whole_name(w.label).split(" · ")[0] == label), None)

    def open(self, window: str) -> Page:
        """Open a window by its button, where it is not open; at most one is."""
        state = self.test.session_state
        if "window" not in state or state["window"] != window:
            self._found("button", {"scene": "Change", "hand over": "Hand over"}[window]).click()
            self.run()
        return self

    @property
    def downloads(self) -> Downloads:
        """The download buttons by label, as the window draws them now."""
        self.open("hand over")
        return self._downloads

    def choose(self, kind: str, label: str, value: object) -> Page:
        self.widget(kind, label).set_value(value)
        return self.run()

    def press(self, label: str) -> Page:
        self.widget("button", label).click()
        return self.run()

    def upload(self, name: str, content: bytes) -> Page:
        return self.upload_together((name, content))

    def upload_together(self, *files: tuple[str, bytes], label: str = "Sentinel-2 files") -> Page:
        """Files by name and content, chosen in one go."""
        if label == AREA_UPLOADER:
            self.choose("toggle", "Keep only an area", True)
        self.widget("file_uploader", label).set_value([(*file, "application/octet-stream") for file in files])
        return self.run()

    def look_at(self, tab: str) -> Page:
        """Click on a tab beneath the map."""
        self.test.session_state["charts"] = tab
        return self.run()

    def edit_legend(self, event: LegendEvent) -> Page:
        """As if the legend's table had just sent this."""
        self.test.session_state["legend: edits to take"] = event
        return self.run()

    @property
    def link(self) -> str:
        """What the link of the map holds, as the window with the downloads offers it."""
        self.open("hand over")
        told = [json.loads(component.proto.json) for component in self.test.get("bidi_component")]
        return next(str(one["link"]) for one in told if "link" in one)

    @property
    def bands(self) -> list[str]:
        return list(self.widget("multiselect", "Bands").value)

    @property
    def fragments(self) -> list[str]:
        """Every text that the page shows as Markdown."""
        return [element.value for element in (*self.test.markdown, *self.test.caption)]

    @property
    def words(self) -> str:
        return "\n".join(self.fragments)

    @property
    def title(self) -> str:
        return next(m.value for m in self.test.markdown if m.value.startswith("### "))

    @property
    def recipe(self) -> Recipe:
        """The recipe whose result is shown."""
        return Recipe.from_json(self.downloads["Recipe (JSON)"].content().decode())

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of the legend; none where there is no legend."""
        told = [json.loads(component.proto.json) for component in self.test.get("bidi_component")]
        return next((list(one["rows"]) for one in told if "rows" in one and "total" in one), [])

    @property
    def tiles(self) -> list[str]:
        """Tokens of the tiles on the map: the picture's, then the classes' where there are any."""
        arguments = json.loads(self.test.get("component_instance")[0].proto.json_args)
        return re.findall(r"tiles/([0-9a-f]{32})/", arguments["feature_group"])

    @property
    def map_told(self) -> str:
        """What the map is told, as text."""
        return str(json.loads(self.test.get("component_instance")[0].proto.json_args)["feature_group"])

    @property
    def map_frame(self) -> dict[str, Any]:
        """Everything that makes the map anew when it changes."""
        proto = self.test.get("component_instance")[0].proto
        arguments = json.loads(proto.json_args)
        return {"frame": proto.id} | {name: value for name, value in arguments.items() if name != "feature_group"}

    @property
    def geotiff(self) -> np.ndarray:
        """Labels in the GeoTIFF to download."""
        with MemoryFile(self.downloads["Download GeoTIFF"].content()) as file, file.open() as dataset:
            return np.asarray(dataset.read(1))


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> Downloads:
    """The download buttons by label, as the last run drew them; AppTest itself gives no bytes.

    Pages wait for files however busy the machine is, and full runs for their button.
    """
    monkeypatch.setattr(uploads, "_AT_ONCE_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(full_run, "RUN_LIMITS", replace(full_run.RUN_LIMITS, at_once_seconds=0))
    found: Downloads = {}
    draw = st.download_button

    def recorded(label: str, data: Any, file_name: str, *args: Any, **kwargs: Any) -> bool:
        # Of a long label only a part is seen, the rest is for those who listen.
        found[re.sub(r":gray\[(.*?)\]", r"\1", label)] = Download(
            data, file_name, kwargs.get("disabled", False), kwargs["help"]
        )
        return draw(label, data, file_name, *args, **kwargs)

    monkeypatch.setattr(st, "download_button", recorded)
    return found


@pytest.fixture
def start(downloads: Downloads, monkeypatch: pytest.MonkeyPatch) -> Callable[[Scene], Page]:
    """`start(scene)`: the page with that scene in the place of the sample, which is larger than most tests need."""

    def begin(scene: Scene) -> Page:
        monkeypatch.setattr(services, "sample_scene", lambda key="coast": scene)
        return Page(downloads)

    return begin


InPage = Callable[[Callable[[], Any]], Any]


def actor(page: Page, monkeypatch: pytest.MonkeyPatch) -> InPage:
    """Does something as a callback of the page would, runs it, and returns what came of it."""
    waiting: list[Callable[[], Any]] = []
    found: list[Any] = []

    def come_back() -> None:
        while waiting:
            found.append(waiting.pop()())

    monkeypatch.setattr(full_run, "come_back", come_back)

    def act(what: Callable[[], Any]) -> Any:
        waiting.append(what)
        page.run()
        return found.pop()

    return act
