"""The page with a yearly embedding: it speaks of vectors, not of light, and names whose they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from embeddings import SHAPE_RC, coded, write
from loose import taken_in
from page_driver import Page, downloads, start
from scenes import write_scene

from s2dash.core.palette import PALETTES_OF_EMBEDDINGS
from s2dash.ui.loaded import Loaded
from s2dash.ui.state import LOADED
from s2dash.ui.state.lent import LENT

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
    of_light = page.widget("selectbox", "Colours")
    assert of_light.value == "character"
    embedding = taken_in(write(tmp_path / "x.tif", coded(), nodata=-128), tmp_path)
    page.test.session_state[LOADED.key] = Loaded(embedding)
    page.run()
    assert page.widget("selectbox", "Colours").options == list(PALETTES_OF_EMBEDDINGS.values())
    # A browser's answer to the one menu is nothing to the other, whose labels differ.
    assert page.widget("selectbox", "Colours").key.partition(".")[0] != of_light.key.partition(".")[0]
    page.widget("selectbox", "Colours").set_value("tab20").run()
    assert not page.test.exception


def test_the_picture_of_a_scene_that_lends_it_comes_first(tmp_path: Path, start: Callable[..., Page]) -> None:
    embedding = taken_in(write(tmp_path / "x.tif", coded(), nodata=-128), tmp_path / "x")
    lender = taken_in(write_scene(tmp_path / "S2_20240601.tif", SHAPE_RC), tmp_path / "light")
    page = start(embedding)
    page.test.session_state[LENT.key] = (embedding.digest, Loaded(lender))
    page.run()
    picture = page.widget("selectbox", "Picture")
    assert (picture.options, picture.value) == (["True colour", "Embedding", "Three bands …"], "True colour")
    told = page.map_told
    assert "Contains modified Copernicus Sentinel data 2024" in told
    assert "2024-06-01" in told
    picture.set_value("Embedding").run()
    assert "Copernicus" not in page.map_told
    page.test.session_state[LOADED.key] = Loaded(lender)
    page.run()
    assert "Embedding" not in page.widget("selectbox", "Picture").options
    assert not page.test.exception
