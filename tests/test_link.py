"""Links to maps: whatever a run holds comes back, whatever strangers write is refused, and the page opens with both."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from page_driver import Downloads, Page, downloads
from scenes import write_scene
from test_values import RUNS

from s2dash.core.edits import ClassEdits
from s2dash.core.recipe import Recipe
from s2dash.core.run import Run, View
from s2dash.core.shared_map import SharedMap, from_link, shared
from s2dash.errors import UnreadableValue
from s2dash.settings import LinkLimits

__all__ = ["downloads"]  # a fixture

WIDE = LinkLimits(most_characters=30_000, most_bytes=1_000_000)
RUN = Run("d" * 64, Recipe(("B04", "B08")), edits=ClassEdits(names={1: "Sea"}), scene_title="Bay")


def link_of(given: object) -> str:
    """As `to_link` writes it, of anything."""
    text = given if isinstance(given, str) else json.dumps(given)
    return base64.urlsafe_b64encode(zlib.compress(text.encode())).decode().rstrip("=")


def plain(**changes: Any) -> dict[str, Any]:
    """What a link to RUN holds, with changed fields."""
    kept = shared(RUN).run.to_dict()
    for gone in ("scores", "made", "seconds", "versions"):
        del kept[gone]
    return kept | changes


@given(RUNS, st.sampled_from(("", "coast", "farmland")))
def test_a_run_comes_back_by_its_link_whatever_is_in_it(run: Run, example: str) -> None:
    assume(not (example and (run.reading.area or run.reading.also)))
    link = shared(run, example).to_link(WIDE)
    back = from_link(link, WIDE)
    assert back == shared(run, example)
    assert back.run == replace(
        run, scene_digest=back.run.scene_digest, scores=None, made=None, seconds=None, versions={}
    )
    assert link.isascii()
    assert set("&?#%+/=\\. ").isdisjoint(link)


def test_a_usual_link_is_short() -> None:
    names = {number: f"A class with a name {number}" for number in range(1, 13)}
    assert len(shared(replace(RUN, edits=ClassEdits(names=names))).to_link()) < 800


def test_a_map_with_too_much_for_a_link_says_so() -> None:
    noise = np.random.default_rng(0).integers(0x4E00, 0x9000, (255, 60))
    names = {number + 1: "".join(map(chr, row)) for number, row in enumerate(noise)}
    with pytest.raises(UnreadableValue, match="too many names"):
        shared(replace(RUN, edits=ClassEdits(names=names))).to_link()


HOSTILE = {
    "empty": "",
    "no base64": "../../etc/passwd",
    "no text": "é" * 10,
    "not packed": base64.urlsafe_b64encode(b"{}").decode(),
    "cut": link_of(plain())[:-9],
    "more behind it": base64.urlsafe_b64encode(zlib.compress(b"{}") + b"{}").decode().rstrip("="),
    "huge": "A" * 100_000,
    "a bomb": link_of(" " * 4_000_000),
    "a bomb of lists": link_of("[" * 60_000),
    "a list": link_of([1, 2]),
    "no recipe": link_of({"scene_digest": "d"}),
    "no digest": link_of({name: value for name, value in plain().items() if name != "scene_digest"}),
    "unknown field": link_of(plain(run="import os")),
    "a session's own": link_of(plain(versions={"s2dash": "1"})),
    "wrong types": link_of(plain(scene_digest=["d"])),
    "a recipe of words": link_of(plain(recipe="kmeans")),
    "too many classes": link_of(plain(recipe=RUN.recipe.to_dict() | {"k": 10**9})),
    "a number without end": link_of('{"scene_digest": "d", "recipe": {"bands": ["B04"], "k": ' + "9" * 9_000 + "}}"),
    "not finite": link_of('{"scene_digest": "d", "recipe": {"bands": ["B04"], "pixel_size": NaN}}'),
    "an example by path": link_of(plain(example="../coast")),
    "an example by number": link_of(plain(example=1)),
    "an example with an area": link_of(plain(example="coast", reading={"area": [{"name": "a.gpkg"}]})),
    "half a character": link_of(json.dumps(plain()).replace("Bay", "\\ud800")),
    "a newer form": link_of(plain(version=99)),
}


@pytest.mark.parametrize("text", list(HOSTILE.values()), ids=list(HOSTILE))
def test_what_is_no_link_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(UnreadableValue) as refused:
        from_link(text)
    assert str(refused.value).endswith((".", "s2dash."))
    assert len(str(refused.value)) < 600


@given(st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"), max_size=300))
def test_noise_is_refused(text: str) -> None:
    with pytest.raises(UnreadableValue):
        from_link(text)


# ---- the page ------------------------------------------------------------------------------------------------------


@pytest.fixture
def open_link(downloads: Downloads) -> Callable[[str], Page]:
    """The page as somebody finds it who opens a link."""
    return lambda link: Page(downloads, map=link)


EDITS = ClassEdits(names={1: "Deep water"}, colours={2: "#aabbcc"})


def of_example(**changes: Any) -> str:
    recipe = Recipe(("B03", "B04", "B08"), k=5, seed=3)
    run = Run("", recipe, edits=EDITS, view=View(side="Classes", alone=2))
    return shared(replace(run, **changes), "mountains").to_link()


def test_the_link_of_an_example_opens_it_with_recipe_names_and_view(open_link: Callable[[str], Page]) -> None:
    page = open_link(of_example())
    assert "Mountains near Zagreb" in page.title
    assert page.recipe == Recipe(("B03", "B04", "B08"), k=5, seed=3)
    assert page.rows[0]["name"] == "Deep water"
    assert page.rows[1]["colour"] == "#aabbcc"
    assert page.test.session_state["view chosen"] == "Classes"


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("nonsense", "cut or changed"),
        (of_example(recipe=Recipe(("B03",), algorithm="pickle")), "no algorithm 'pickle'"),
        (of_example(recipe=Recipe(("B99",))), "does not fit the scene"),
        (of_example(recipe=Recipe(("B03",), params=(("shell", "ls"),))), "shell"),
        (of_example(view=View(zoom=9.0)), "only half"),
        (of_example(view=View(zoom=99.0, centre_lonlat=(16.0, 45.9))), "where no map goes"),
        (of_example(view=View(zoom=9.0, centre_lonlat=(1e300, 45.9))), "where no map goes"),
        (SharedMap(RUN, "nowhere").to_link(), "no example nowhere"),
    ],
)
def test_a_bad_link_opens_the_page_with_a_sentence(open_link: Callable[[str], Page], link: str, words: str) -> None:
    page = open_link(link)
    assert "Virginia coast" in page.title
    assert len(page.rows) == 8
    assert "leads to no map" in page.words
    assert words in page.words
    page.press("Forget the link")
    assert "leads to no map" not in page.words


def test_a_link_waits_for_its_file_and_then_gives_the_same_labels(downloads: Downloads, tmp_path: Path) -> None:
    own = write_scene(tmp_path / "bay.tif", (90, 80), ("B03", "B04", "B08")).read_bytes()
    other = write_scene(tmp_path / "other.tif", (70, 80), ("B03", "B04", "B08")).read_bytes()
    sender = Page(downloads).upload("bay.tif", own)
    sender.choose("slider", "Number of classes (k)", 4)
    sender.choose("number_input", "Subtract", 1000.0)
    sender.press("Hand over")
    link, labels, recipe = sender.link, sender.geotiff, sender.recipe

    page = Page(downloads, map=link)
    assert "Virginia coast" in page.title
    assert "This link is of a scene that is not here" in page.words
    assert "**bay**" in page.words
    page.upload("other.tif", other)
    assert "The scene here is not that of the link" in page.words
    assert len(page.rows) == 8
    page.upload("renamed.tif", own)
    assert "link" not in "".join(words for words in page.fragments if words.startswith(":material/link"))
    assert page.recipe == recipe
    np.testing.assert_array_equal(page.geotiff, labels)
