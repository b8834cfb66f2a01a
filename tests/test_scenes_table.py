"""The table of a run over many scenes: states, shares and areas, and text from outside that stays text."""

from __future__ import annotations

from pathlib import Path

from coloraide import Color

from s2dash.batch import SceneReport, Source
from s2dash.batch.manifest import Finished, TableRow
from s2dash.core.sight import ink_on
from s2dash.raster.location import FileLocation
from s2dash.ui.scenes_table import scenes_table

HOSTILE = "<img src=x onerror=hacked=1>\"'"


def report(
    name: str, state: str, area_ha: float | None = 50.0, error: str = "", class_name: str = "Water"
) -> SceneReport:
    finished = None
    if state == "done":
        rows = tuple(TableRow(name, i, class_name, c, 5, 0.5, area_ha) for i, c in ((1, "#102030"), (2, "#f0e0d0")))
        finished = Finished(name, "digest", (), "", rows, ())
    return SceneReport(Source(FileLocation(Path(name)), name), state, error, finished)


def test_shares_appear_as_scenes_finish() -> None:
    waiting = scenes_table([report("a", "waiting"), report("b", "learning")])
    assert "%" not in waiting
    assert waiting.count("<tr>") == 3
    some = scenes_table([report("a", "done"), report("b", "labelling")])
    assert some.count("50.0 %") == 2
    assert '<td class="figure">100</td>' in some
    assert "classifying" in some


def test_areas_share_a_unit_and_are_left_out_without_a_place() -> None:
    both = scenes_table([report("a", "done", 100_000.0), report("b", "done", None)])
    assert "km²" in both
    assert ">2,000<" in both
    assert ">–<" in both
    assert "Hectares" not in scenes_table([report("a", "done", None)])


def test_numbers_can_be_read_on_any_colour() -> None:
    table = scenes_table([report("a", "done")])
    assert "background:#102030;color:#ffffff" in table
    assert "background:#f0e0d0;color:#000000" in table


def test_text_from_outside_is_text() -> None:
    table = scenes_table([report(HOSTILE, "done", class_name=HOSTILE), report("b", "failed", error=HOSTILE)])
    assert "<img" not in table
    assert "\"'" not in table
    seen = scenes_table([report(HOSTILE, "done")], {HOSTILE: ("data:a", "data:b")}, HOSTILE, can_look=True)
    assert seen.count("<img") == 2
    assert "<img src=x" not in seen
    assert "\"'" not in seen


def test_numbers_contrast_with_every_swatch() -> None:
    # black and white contrast alike, 4.58 : 1, on greys between #757575 and #767676
    colours = [f"#{level:02x}{level:02x}{level:02x}" for level in range(256)]
    colours += [f"#{value:06x}" for value in range(0, 1 << 24, 40_009)]
    assert min(Color(colour).contrast(ink_on(colour), method="wcag21") for colour in colours) >= 4.58
