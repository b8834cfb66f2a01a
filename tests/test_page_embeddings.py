"""The page with a yearly embedding: it speaks of vectors, not of light, and names whose they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from embeddings import coded, write
from loose import taken_in
from page_driver import Page, downloads, start
from scenes import write_scene

from s2dash.core.palette import PALETTES_OF_EMBEDDINGS
from s2dash.ui.loaded import Loaded
from s2dash.ui.state import LOADED

__all__ = ["downloads", "start"]  # fixtures


def test_the_page_speaks_of_an_embedding_and_not_of_light(tmp_path: Path, start: Callable[..., Page]) -> None:
    page = start(taken_in(write(tmp_path / "x.tif", coded(), nodata=-128), tmp_path))
    assert "AlphaEarth embedding" in page.words
    assert "produced by Google and Google DeepMind (CC BY 4.0)" in page.words
    assert "yearly embedding, not reflectance" in page.words
    rest = page.words.replace("yearly embedding, not reflectance", "")
    for word in ("reflect", "Copernicus", "Check the band names", "Please check", "infrared"):
        assert word not in rest, next(line for line in rest.splitlines() if word in line)
    assert "Mean embedding value" in rest or "embedding value" in rest
    assert page.widget("selectbox", "Picture").options == ["Embedding", "Three bands …"]
    assert page.widget("selectbox", "Algorithm").value == "spectral-angle-kmeans"
    labels = {widget.label for widget in (*page.test.selectbox, *page.test.multiselect, *page.test.toggle)}
    assert not {"Indices", "Transform", "Guess clouds", "Subtract haze (dark objects)"} & labels


def test_colours_have_words_of_their_own_and_both_kinds_of_scene_follow_each_other(
    tmp_path: Path, start: Callable[..., Page]
) -> None:
    page = start(taken_in(write_scene(tmp_path / "S2.tif"), tmp_path / "light"))
    assert page.widget("selectbox", "Colours").value == "character"
    embedding = taken_in(write(tmp_path / "x.tif", coded(), nodata=-128), tmp_path)
    page.test.session_state[LOADED.key] = Loaded(embedding)
    page.run()
    assert page.widget("selectbox", "Colours").options == list(PALETTES_OF_EMBEDDINGS.values())
    page.widget("selectbox", "Colours").set_value("tab20").run()
    assert not page.test.exception
