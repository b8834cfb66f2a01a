"""The dialog `Many scenes` without a browser: from files to a zip of class maps, bad ones, cancelling."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from rasterio.io import MemoryFile
from scenes import land_cover, make_scene, write_raster, write_scene
from streamlit.testing.v1 import AppTest
from waiting import PATIENCE_SECONDS, wait_until

from s2dash.batch import Given
from s2dash.batch.change.change_map import NO_CHANGE
from s2dash.classify.edge_smoothing import HALO
from s2dash.core.legend import Legend, LegendEntry
from s2dash.settings import DATA_FOLDER_VARIABLE
from s2dash.ui import scenes_batch, scenes_list, services
from s2dash.ui.scenes_batch import Batch

PAGE = Path(__file__).parents[1] / "s2dash" / "ui" / "page.py"
SIX = ("B02", "B03", "B04", "B08", "B11", "B12")


class Dialog:
    """The page with its dialog open."""

    def __init__(self) -> None:
        self.downloads: dict[str, Callable[[], bytes]] = {}
        self.test = AppTest.from_file(str(PAGE), default_timeout=PATIENCE_SECONDS)
        self.run()

    def run(self) -> Dialog:
        # A browser redraws the dialog alone, which stays open; here every run is one of the whole page.
        self.test.session_state["window"] = "many scenes"
        self.test.run()
        assert not self.test.exception, self.test.exception
        return self

    def widget(self, kind: str, label: str) -> Any:
        return next(w for w in self.test.get(kind) if w.label == label)

    def press(self, label: str) -> Dialog:
        self.widget("button", label).click()
        return self.run()

    @property
    def words(self) -> str:
        return "\n".join(element.value for element in (*self.test.markdown, *self.test.caption)) + self.table

    @property
    def table(self) -> str:
        told = [json.loads(component.proto.json) for component in self.test.get("bidi_component")]
        shown = [element.proto.body for element in self.test.get("html") if "scenes" in element.proto.body]
        return "".join([*shown, *(str(one["table"]) for one in told if isinstance(one.get("table"), str))])

    @property
    def batch(self) -> Batch:
        found = self.test.session_state["many scenes batch"]
        assert isinstance(found, Batch)
        return found

    def start(self) -> Dialog:
        """Press Start, and wait for the end."""
        self.press("Start")
        assert self.batch.job.wait(PATIENCE_SECONDS)
        return self.run()


@pytest.fixture
def dialog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dialog:
    scene = make_scene(tmp_path, names=SIX)
    monkeypatch.setattr(services, "sample_scene", lambda key="coast": scene)
    page = Dialog()
    draw = st.download_button

    def recorded(label: str, data: Any, *args: Any, **kwargs: Any) -> bool:
        page.downloads[label] = data
        return draw(label, data, *args, **kwargs)

    monkeypatch.setattr(st, "download_button", recorded)
    return page.run()


def zipped(dialog: Dialog) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(dialog.downloads["Download all (zip)"]())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def labels(content: bytes) -> np.ndarray:
    with MemoryFile(content) as file, file.open() as dataset:
        return np.asarray(dataset.read(1))


def test_uploads_become_maps(dialog: Dialog, tmp_path: Path) -> None:
    uploader = dialog.widget("file_uploader", "Scenes, one file each")
    for number in (1, 2):
        path = write_scene(tmp_path / f"up {number}.tif", (30, 40), SIX, seed=number)
        uploader.upload(path.name, path.read_bytes(), "image/tiff")
    dialog.run()
    dialog.widget("selectbox", "Put the maps together").set_value("none")
    dialog.run().start()
    assert "All 2 scenes are classified" in dialog.words
    assert len([name for name in zipped(dialog) if name.endswith("-classes.tif")]) == 2


def test_the_dialog_waits_for_scenes(dialog: Dialog) -> None:
    assert dialog.widget("button", "Start").disabled
    assert "the same 8 classes" in dialog.words


def test_the_page_stays_as_it_was_beside_it(dialog: Dialog) -> None:
    assert dialog.widget("multiselect", "Bands").value == list(SIX)
    assert "Up to date" in dialog.words


def test_server_files_become_maps_in_a_zip(dialog: Dialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    values = land_cover((40, 60), SIX, 4).astype(np.uint16)
    for name, cols in (("west", slice(0, 40)), ("east", slice(20, 60))):
        write_raster(folder / f"{name}.tif", values[:, :, cols], descriptions=SIX)
    (folder / "bad.tif").write_bytes(b"no picture")
    monkeypatch.setenv(DATA_FOLDER_VARIABLE, str(folder))
    dialog.run()
    # By key: the sidebar has such a picker too.
    dialog.test.multiselect(key="many server files files ").set_value(["bad.tif", "east.tif", "west.tif"])
    dialog.run()
    dialog.test.button(key="many server files open").click()
    dialog.run()
    assert "bad.tif, east.tif, west.tif" in dialog.words
    dialog.start()
    assert "1 of 3 scenes failed" in dialog.words
    assert "<b>failed</b> bad.tif" in dialog.table
    files = zipped(dialog)
    assert {"east-classes.tif", "west-classes.tif", "classes.csv", "recipe.json", "mosaic.vrt"} <= set(files)
    assert not any("batch" in name for name in files)
    east, west = labels(files["east-classes.tif"]), labels(files["west-classes.tif"])
    # Where neither lacks neighbours that the other has.
    assert np.array_equal(west[:, 20 + HALO : 40 - HALO], east[:, HALO : 20 - HALO])
    dialog.press("Other scenes")
    assert "many scenes batch" not in dialog.test.session_state


def test_the_classes_of_the_page_with_their_names(dialog: Dialog, tmp_path: Path) -> None:
    answer = dialog.test.session_state["answer"]
    paths = [write_scene(tmp_path / f"{name}.tif", (30, 40), SIX, seed=7) for name in "ab"]
    legend = Legend(tuple(LegendEntry(i, f"Name {i}", f"#0000{i:02x}") for i in range(1, 9)))
    batch = Batch(paths, answer, Given(answer.fitted, legend), "none", None)
    assert batch.job.wait(PATIENCE_SECONDS)
    with zipfile.ZipFile(io.BytesIO(batch.zip_bytes())) as archive:
        assert b"Name 3" in archive.read("classes.csv")
        with MemoryFile(archive.read("a-classes.tif")) as file, file.open() as dataset:
            assert dataset.colormap(1)[3] == (0, 0, 3, 255)


def test_cancelling_ends_soon_and_keeps_what_is_finished(dialog: Dialog, tmp_path: Path) -> None:
    answer = dialog.test.session_state["answer"]
    paths = [write_scene(tmp_path / f"s{number}.tif", (30, 40), SIX, seed=number) for number in range(6)]
    batch = Batch(paths, answer, None, "vrt", None)
    wait_until(lambda: any(one.state == "done" for one in batch.states.values()))
    batch.job.cancel()
    assert batch.job.wait(PATIENCE_SECONDS)
    report = batch.job.result()
    assert report.was_stopped
    assert 0 < len(report.finished) < 6
    dialog.test.session_state["many scenes batch"] = batch
    dialog.run()
    assert f"{len(report.finished)} of 6 scenes are finished" in dialog.words
    assert len([name for name in zipped(dialog) if name.endswith("-classes.tif")]) == len(report.finished)


def test_a_batch_that_nobody_holds_is_cancelled(dialog: Dialog, tmp_path: Path) -> None:
    paths = [write_scene(tmp_path / f"s{number}.tif", (30, 40), SIX, seed=number) for number in range(6)]
    batch = Batch(paths, dialog.test.session_state["answer"], None, "none", None)
    job = batch.job
    del batch
    assert job.wait(PATIENCE_SECONDS)
    assert job.result().was_stopped


def test_each_finished_scene_has_thumbnails_and_one_is_looked_at(
    dialog: Dialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [write_scene(tmp_path / f"{name}.tif", (300, 240), SIX, seed=7) for name in "ab"]
    batch = Batch(paths, dialog.test.session_state["answer"], None, "none", None)
    assert batch.job.wait(PATIENCE_SECONDS)
    dialog.test.session_state["many scenes batch"] = batch
    dialog.run()
    addresses = re.findall(r'<img src="data:image/webp;base64,([^"]+)"', dialog.table)
    assert len(addresses) == 4
    for address in addresses:
        with Image.open(io.BytesIO(base64.b64decode(address))) as picture:
            assert max(picture.size) <= 96
    assert dialog.table.count('aria-pressed="false"') == 2
    dialog.test.session_state["many scenes looked at"] = "b"
    dialog.run()
    assert 'aria-label="Look at b" aria-pressed="true"' in dialog.table
    told = [json.loads(component.proto.json) for component in dialog.test.get("bidi_component")]
    swiped = next(one for one in told if one.get("label") == "Where the classes begin")
    assert (swiped["left"]["words"], swiped["right"]["words"]) == ("b", "Classes")
    monkeypatch.setattr(scenes_list, "sent", lambda key, name: "c")
    scenes_list._receive(frozenset("ab"))
    assert dialog.test.session_state["many scenes looked at"] == "b"


def test_thumbnails_end_where_the_room_for_them_does(
    dialog: Dialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes_batch, "_MOST_THUMBNAIL_BYTES", 100)
    paths = [write_scene(tmp_path / f"{name}.tif", (30, 40), SIX, seed=7) for name in "abc"]
    batch = Batch(paths, dialog.test.session_state["answer"], None, "none", None)
    assert batch.job.wait(PATIENCE_SECONDS)
    assert len(batch.thumbnails) == 1
    assert len(batch.job.result().finished) == 3


def test_two_dates_are_compared(dialog: Dialog, tmp_path: Path) -> None:
    uploader = dialog.widget("file_uploader", "Scenes, one file each")
    for number in (1, 2):
        path = write_scene(tmp_path / f"up {number}.tif", (30, 40), SIX, seed=number)
        uploader.upload(path.name, path.read_bytes(), "image/tiff")
    dialog.run().start()
    before, after = dialog.batch.job.result().finished
    wait_until(lambda: dialog.batch.change(before, after).is_done)
    dialog.run()
    change = dialog.batch.change(before, after).result()
    assert "What changed" in dialog.words
    assert dialog.downloads["Transitions (CSV)"]().count(b"\r\n") > 1
    assert dialog.downloads["Transitions (Excel)"]().startswith(b"PK")
    with MemoryFile(dialog.downloads["Change map (GeoTIFF)"]()) as file, file.open() as dataset:
        moved = np.count_nonzero(dataset.read(1) > NO_CHANGE)
    assert moved == change.found.moved.count
    assert all(dialog.batch.look_of(one.name).exists() for one in (before, after))
    dialog.widget("selectbox", "To").set_value(before.name)
    dialog.run()
    assert "Choose two different scenes" in dialog.words
