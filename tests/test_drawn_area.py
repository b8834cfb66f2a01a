"""An area drawn on the map: what is taken of a message from outside, and that it is the same as a file of polygons."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_driver import AREA_UPLOADER, Downloads, Page, actor, downloads, start
from pyproj import Geod
from scenes import open_scene, write_scene

from s2dash import ingest
from s2dash.classify.inside import burnt, on_grid
from s2dash.core.drawn_area import NAME, area_ha, area_said, as_geojson, drawn_rings
from s2dash.core.edits import ClassEdits, LeaveOutInside, SetInside
from s2dash.core.scene import AREA, Scene
from s2dash.core.scene_reading import Ring, SceneReading
from s2dash.errors import UnreadableValue
from s2dash.ingest.area.polygons import read_area
from s2dash.ui import drawn_area, present, state
from s2dash.ui.legend_event import LegendEvent
from s2dash.ui.map_view import scene_token

__all__ = ["downloads", "start"]  # fixtures
GEOD = Geod(ellps="WGS84")
CORNERS = st.lists(st.tuples(st.floats(-180, 180), st.floats(-89, 89)), min_size=3, max_size=8)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=20,
)


def closed(corners: list[tuple[float, float]]) -> Ring:
    return (*corners, corners[0])


RINGS = st.lists(CORNERS.map(closed), max_size=4).map(tuple)
"""Of drawings; they may cross themselves."""


@given(RINGS)
def test_what_is_drawn_is_taken_as_it_is(rings: tuple[Ring, ...]) -> None:
    sent = json.loads(json.dumps(rings))
    assert drawn_rings(sent) == rings


@given(RINGS)
def test_a_reading_says_where_it_was_drawn(rings: tuple[Ring, ...]) -> None:
    reading = SceneReading(area=(area_said(rings),))
    assert SceneReading.from_json(reading.to_json()) == reading
    assert reading.area[0].name == NAME == "drawn on the map"
    assert reading.area[0].digest == hashlib.sha256(as_geojson(rings).encode()).hexdigest()


def test_a_file_says_no_more_than_before() -> None:
    reading = SceneReading.from_dict({"area": [{"name": "a.gpkg", "digest": "ab"}]})
    assert json.loads(reading.to_json())["area"] == [{"name": "a.gpkg", "digest": "ab"}]


@given(ANYTHING)
def test_nothing_else_gets_through(sent: Any) -> None:
    with suppress(UnreadableValue):
        for ring in drawn_rings(sent):
            assert ring[0] == ring[-1]
            assert len(ring) > 3


SQUARE = [[9.0, 45.0], [9.1, 45.0], [9.1, 45.1], [9.0, 45.1], [9.0, 45.0]]


@pytest.mark.parametrize(
    ("rings", "words"),
    [
        ([SQUARE[:-1]], "not closed"),
        ([[[9, 45], [9.1, 45], [9, 45]]], "fewer than three corners"),
        ([[]], "not closed"),
        ([[[math.nan, 45.0], *SQUARE[1:]]], "not a finite number"),
        ([[[math.inf, 45.0], *SQUARE[1:]]], "not a finite number"),
        ([[[900.0, 45.0], *SQUARE[1:-1], [900.0, 45.0]]], "nowhere on the Earth"),
        ([[[9.0, 91.0], *SQUARE[1:-1], [9.0, 91.0]]], "nowhere on the Earth"),
        ([[["9", 45.0], *SQUARE[1:]]], "no list of corners"),
        ([[[True, 45.0], *SQUARE[1:]]], "no list of corners"),
        ([[[9.0, 45.0, 3.0], *SQUARE[1:]]], "no list of corners"),
        ([[[10**400, 45.0], *SQUARE[1:]]], "damaged"),
        ({"type": "Polygon"}, "no list of corners"),
        (None, "no list of corners"),
        ([SQUARE] * 51, "at most 50"),
        ([SQUARE * 210], "at most 1,000"),
    ],
)
def test_what_is_wrong_is_said(rings: object, words: str) -> None:
    with pytest.raises(UnreadableValue, match=words):
        drawn_rings(rings)


@given(st.floats(-170, 170), st.floats(-80, 79), st.floats(0.001, 1), st.floats(0.001, 1), st.booleans())
def test_hectares_are_of_the_ellipsoid(west: float, south: float, wide: float, high: float, is_back: bool) -> None:
    """Of a rectangle, whose parallels a geodesic polygon follows in short steps."""
    steps = np.linspace(0, 1, 200)
    xs = np.concatenate([west + wide * steps, west + wide * steps[::-1]])
    ys = np.concatenate([np.full(200, south), np.full(200, south + high)])
    expected = abs(GEOD.polygon_area_perimeter(xs, ys)[0]) / 10_000
    ring = closed([(west, south), (west + wide, south), (west + wide, south + high), (west, south + high)])
    assert area_ha(ring[::-1] if is_back else ring) == pytest.approx(expected, rel=1e-4)


@given(RINGS.filter(bool))
def test_the_file_holds_the_same_polygons(tmp_path_factory: pytest.TempPathFactory, rings: tuple[Ring, ...]) -> None:
    found = json.loads(as_geojson(rings))
    assert [feature["properties"]["name"] for feature in found["features"]] == [
        f"Area {number}" for number, _ in enumerate(rings, 1)
    ]
    for feature, ring in zip(found["features"], rings, strict=True):
        [written] = feature["geometry"]["coordinates"]
        assert [tuple(corner) for corner in written] in (list(ring), list(ring)[::-1])


def test_the_file_is_read_as_any_other(tmp_path: Path) -> None:
    path = tmp_path / "drawn.geojson"
    path.write_text(as_geojson(drawn_rings([SQUARE, SQUARE[::-1]])), "utf-8")
    area = read_area(path)
    assert area.polygon_count == 2
    assert not area.notes


# ---- on the page -----------------------------------------------------------------------------------------------------


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return open_scene(write_scene(tmp_path / "plain.tif", (40, 50), ("B02", "B03", "B04", "B08")))


@pytest.fixture
def page(start: Callable[[Scene], Page], scene: Scene) -> Page:
    return start(scene)


class Drawing:
    """Sends messages as the map's frame does, and looks at what the page has in use."""

    def __init__(self, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
        self.page = page
        self._act = actor(page, monkeypatch)
        self._sent = 0
        self._monkeypatch = monkeypatch

    def send(self, rings: object, scene: str | None = None) -> None:
        """Draw these rings; on the scene in use, unless told otherwise."""
        self._wish("area", {"rings": rings}, scene)

    def act(self, **what: object) -> None:
        """Do this with an area that is drawn on the scene in use."""
        self._wish("areaStep", what)

    def _wish(self, name: str, what: dict[str, object], scene: str | None = None) -> None:
        self._sent += 1

        def receive() -> None:
            token = scene_token(drawn_area.scene_key(state.loaded().scene)) if scene is None else scene
            wish = {"number": self._sent, name: {"scene": token, **what}}
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(present, "sent", lambda key, name: wish)
                present._receive("present", 2, 20)

        self._act(receive)

    @property
    def loaded(self) -> SimpleNamespace:
        return self._act(lambda: SimpleNamespace(**vars(state.loaded()), drawn=state.loaded().drawn))

    @property
    def mask(self) -> np.ndarray:
        scene = self.loaded.scene
        [layer] = [mask.layer for mask in scene.masks if mask.kind == AREA]
        with layer.location.open() as dataset:
            return np.asarray(dataset.read(1))

    @property
    def shares(self) -> list[tuple[str, float]]:
        return [(row["area"], row["share"]) for row in self.page.rows]


@pytest.fixture
def drawing(page: Page, monkeypatch: pytest.MonkeyPatch) -> Drawing:
    return Drawing(page, monkeypatch)


def part_of(scene: Scene, west: float, south: float, east: float, north: float) -> list[list[float]]:
    """A ring by shares of the scene's width and height, from its south-west corner."""
    bounds = scene.grid.bounds_lonlat
    assert bounds is not None
    x = [bounds[0] + share * (bounds[2] - bounds[0]) for share in (west, east)]
    y = [bounds[1] + share * (bounds[3] - bounds[1]) for share in (south, north)]
    return [[x[0], y[0]], [x[1], y[0]], [x[1], y[1]], [x[0], y[1]], [x[0], y[0]]]


def test_what_is_drawn_is_the_same_as_a_file_of_it(drawing: Drawing, scene: Scene, tmp_path: Path) -> None:
    rings = [part_of(scene, 0.1, 0.2, 0.5, 0.7), part_of(scene, 0.6, 0.1, 0.9, 0.4)]
    drawing.send(rings)
    drawn, labels = drawing.loaded, drawing.page.geotiff
    path = tmp_path / "same.geojson"
    path.write_text(as_geojson(drawn_rings(rings)), "utf-8")
    by_file = ingest.with_area(scene, path, tmp_path / "area")
    assert drawn.scene.digest == by_file.digest
    assert [area.name for area in drawn.reading.area] == ["drawn on the map"]
    assert drawn.reading.area[0].digest == ingest.area_files(path)[0].digest
    with by_file.masks[-1].layer.location.open() as dataset:
        inside = dataset.read(1)
    assert np.array_equal(drawing.mask, inside)
    assert np.array_equal(labels > 0, inside > 0)
    assert 0 < inside.sum() < inside.size


def test_drawn_areas_are_listed_changed_and_removed(drawing: Drawing, scene: Scene) -> None:
    one, two = part_of(scene, 0.1, 0.2, 0.5, 0.7), part_of(scene, 0.6, 0.1, 0.9, 0.4)
    drawing.send([one, two])
    page = drawing.page
    both, digest = int(drawing.mask.sum()), drawing.loaded.scene.digest
    assert "Area 1 · " in page.words
    assert "Area 2 · " in page.words
    assert page._downloads["Download as GeoJSON"].content().decode() == as_geojson(drawn_rings([one, two]))
    drawing.send([one])
    first = int(drawing.mask.sum())
    assert 0 < first < both
    drawing.send([one, two])
    assert drawing.loaded.scene.digest == digest, "the way to an area does not count"
    next(b for b in page.test.button if b.label == "Remove").click()
    page.run()
    assert drawing.loaded.drawn == drawn_rings([two])
    assert int(drawing.mask.sum()) == both - first
    next(b for b in page.test.button if b.label == "Remove").click()
    page.run()
    assert drawing.loaded.scene.digest == scene.digest
    assert "Area 1" not in page.words


def test_what_counts_is_undone_and_redone_as_any_step(drawing: Drawing, scene: Scene) -> None:
    page, labels = drawing.page, drawing.page.geotiff
    page.test.session_state["window"] = None
    page.edit_legend(LegendEvent(names={2: "Sea"}))
    drawing.send([part_of(scene, 0.1, 0.2, 0.5, 0.7)])
    first, drawn = drawing.loaded.scene.digest, drawing.loaded.drawn
    drawing.send([part_of(scene, 0.3, 0.2, 0.9, 0.7)])
    help_words = [next(b.help for b in page.test.button if b.label == label) for label in ("Undo", "Redo")]
    assert "another area" in help_words[0]
    page.press("Undo")
    assert (drawing.loaded.scene.digest, drawing.loaded.drawn) == (first, drawn)
    page.press("Undo")
    assert drawing.loaded.scene.digest == scene.digest
    assert page.rows[1]["name"] == "Sea"
    page.press("Undo")
    assert page.rows[1]["name"] == "Class 2"
    assert np.array_equal(page.geotiff, labels)
    page.test.session_state["window"] = None
    page.press("Redo").press("Redo")
    assert drawing.loaded.drawn == drawn
    assert np.array_equal(page.geotiff > 0, drawing.mask > 0)


def test_an_area_is_left_out_or_given_a_class(drawing: Drawing, scene: Scene) -> None:
    page, before = drawing.page, drawing.page.geotiff
    page.test.session_state["window"] = None
    ring = part_of(scene, 0.1, 0.2, 0.5, 0.7)
    drawing.send([ring])
    inside = drawing.mask > 0
    page.press("Undo")
    drawing.act(act="leave out", rings=[ring])
    assert "Edits: leave out an area." in page.words
    drawing.act(act="set class", number=3, rings=[part_of(scene, -1, -1, 2, 2)])
    assert "leave out an area, then set an area to 3" in page.words
    assert np.array_equal(page.geotiff, np.where(inside, 0, 3))
    edits = ClassEdits.from_json(page.downloads["Edits (JSON)"].content().decode())
    assert [type(step) for step in edits.steps] == [LeaveOutInside, SetInside]
    page.test.session_state["window"] = None
    page.press("Undo").press("Undo")
    assert np.array_equal(page.geotiff, before)
    assert drawing.loaded.scene.digest == scene.digest


def test_what_lies_inside_is_regrouped(drawing: Drawing, scene: Scene) -> None:
    page, before = drawing.page, drawing.page.geotiff
    page.test.session_state["window"] = None
    ring = part_of(scene, 0.1, 0.2, 0.7, 0.9)
    drawing.act(act="regroup", k=3, rings=[ring])
    assert "Edits: regroup an area in 3." in page.words
    after, inside = page.geotiff, burnt(on_grid(drawn_rings([ring]), scene.grid), np.arange(40), np.arange(50))
    k = before.max()
    assert np.array_equal(after, np.where(inside, after, before))
    assert set(np.unique(after[inside])) == {k + 1, k + 2, k + 3}
    page.test.session_state["window"] = None
    colours = {row["id"]: row["colour"] for row in page.rows}
    assert len(set(colours.values())) == len(colours)
    drawing.act(act="regroup", k=2, rings=[ring])
    assert "Edits: regroup an area in two." in page.words
    page.edit_legend(LegendEvent(opened=int(k + 1)))  # the card of a class that the sample knows nothing of
    assert "Split" in page.words or page.test.get("vega_lite_chart")
    page.press("All classes").press("Undo")
    assert "Edits: regroup an area in 3." in page.words
    page.press("Undo")
    assert np.array_equal(page.geotiff, before)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"act": "regroup", "k": 5, "rings": [SQUARE]}, ""),
        ({"act": "regroup", "k": "2", "rings": [SQUARE]}, ""),
        ({"act": "regroup", "k": 2, "rings": [SQUARE]}, "No pixel of the map"),
        ({"act": "leave out", "rings": [[[0, 0], [1, 1]]]}, "not closed"),
        ({"act": "leave out", "rings": []}, "No pixel of the map"),
        ({"act": "leave out", "rings": [SQUARE]}, "No pixel of the map"),
        ({"act": "set class", "number": 99, "rings": [SQUARE]}, ""),
        ({"act": "set class", "number": True, "rings": [SQUARE]}, ""),
        ({"act": "explode", "rings": [SQUARE]}, ""),
    ],
)
def test_a_step_that_cannot_be_is_said_or_counts_for_nothing(
    drawing: Drawing, what: dict[str, object], words: str
) -> None:
    drawing.act(**what)
    assert words in drawing.page.words
    assert "Edits:" not in drawing.page.words


def test_a_message_is_of_one_scene(drawing: Drawing, scene: Scene) -> None:
    drawing.send([part_of(scene, 0.1, 0.2, 0.5, 0.7)], scene="another")
    assert not drawing.loaded.drawn
    assert drawing.loaded.scene is scene


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda scene: [part_of(scene, 2, 2, 3, 3)], "lie outside the scene"),
        (lambda scene: [part_of(scene, 0.501, 0.501, 0.502, 0.502)], "leaves nothing of the scene"),
        (lambda scene: [part_of(scene, 0.1, 0.2, 0.5, 0.7)[:-1]], "not closed"),
        (lambda scene: "no rings", "no list of corners"),
    ],
)
def test_what_cannot_be_used_is_said_and_the_map_stays(
    drawing: Drawing, scene: Scene, make: Callable[[Scene], object], words: str
) -> None:
    drawing.send(make(scene))
    assert words in drawing.page.words
    assert drawing.loaded.scene is scene
    arguments = json.loads(drawing.page.test.get("component_instance")[0].proto.json_args)
    assert words.split()[-1] in arguments["feature_group"], "the map says it too, and offers the drawing again"
    drawing.send([part_of(scene, 0.1, 0.2, 0.5, 0.7)])
    assert words not in drawing.page.words
    assert drawing.loaded.drawn


def test_a_polygon_that_crosses_itself_is_repaired_and_said(drawing: Drawing, scene: Scene) -> None:
    corners = part_of(scene, 0.1, 0.2, 0.5, 0.7)
    drawing.send([[corners[i] for i in (0, 2, 1, 3, 0)]])
    assert drawing.mask.sum() > 0
    assert any("repaired" in note for note in drawing.loaded.scene.notes)


def test_a_drawn_area_takes_the_place_of_a_file_and_the_other_way_round(drawing: Drawing, scene: Scene) -> None:
    page, one = drawing.page, part_of(scene, 0.1, 0.2, 0.5, 0.7)
    file = as_geojson(drawn_rings([part_of(scene, 0.6, 0.1, 0.9, 0.4)])).encode()
    page.upload_together(("mine.geojson", file), label=AREA_UPLOADER)
    assert [area.name for area in drawing.loaded.reading.area] == ["mine.geojson"]
    drawing.send([one])
    assert [area.name for area in drawing.loaded.reading.area] == ["drawn on the map"]
    page.press("Use the whole scene again")
    assert drawing.loaded.scene.digest == scene.digest
    assert not drawing.loaded.reading.area


def test_a_link_brings_its_drawn_area_to_the_same_file(
    drawing: Drawing, downloads: Downloads, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content = write_scene(tmp_path / "mine.tif", (30, 40), seed=4).read_bytes()
    drawing.page.upload("mine.tif", content)
    drawing.send([part_of(drawing.loaded.scene, 0.1, 0.2, 0.5, 0.7)])
    link, labels, rings = drawing.page.link, drawing.page.geotiff, drawing.loaded.drawn
    there = Page(downloads, map=link)
    there.upload("another.tif", write_scene(tmp_path / "another.tif", (30, 40), seed=5).read_bytes())
    act = actor(there, monkeypatch)
    assert not act(lambda: state.loaded().drawn)
    there.upload("mine.tif", content)
    assert act(lambda: state.loaded().drawn) == rings
    assert np.array_equal(there.geotiff, labels)


def test_a_link_of_an_example_with_a_drawn_area_opens_it(downloads: Downloads, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(downloads)
    drawing = Drawing(page, monkeypatch)
    drawing.send([part_of(drawing.loaded.scene, 0.1, 0.2, 0.5, 0.7)])
    link, found = page.link, drawing.loaded
    there = Page(downloads, map=link)
    again = actor(there, monkeypatch)(state.loaded)
    assert (again.drawn, again.scene.digest) == (found.drawn, found.scene.digest)
