"""The report in a browser that reaches nothing: what it says, its line to drag, and names that mean no harm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from accessibility import violations
from playwright.sync_api import expect
from scenes import make_scene, prepared_on

from s2dash.classify import pipeline
from s2dash.core.about import About
from s2dash.core.legend import default_legend
from s2dash.core.recipe import default_recipe
from s2dash.export import export_bytes
from s2dash.export.handover import Handover

if TYPE_CHECKING:
    from conftest import Visit


HOSTILE = ('"><img src=x onerror=alert(1)>', "</script><script>alert(1)</script>", "=1+1", "\u202emirrored")


@pytest.fixture(scope="module")
def handover(tmp_path_factory: pytest.TempPathFactory) -> Handover:
    scene = make_scene(tmp_path_factory.mktemp("report"), names=("B02", "B03", "B04", "B08", "B11", "B12"))
    fitted = pipeline.fit(prepared_on(scene, default_recipe(scene)))
    legend = default_legend([f"#10{number:02x}80" for number in fitted.numbers], fitted.numbers)
    legend = legend.edited(dict(zip(fitted.numbers, HOSTILE, strict=False)), {})
    about = About(title=f"Salt {HOSTILE[0]}", place="Virginia", author=HOSTILE[1], notes="By eye.\nTwice.")
    return Handover(pipeline.run_live(fitted), legend, about)


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True])
def test_it_works_alone(handover: Handover, new_page: Callable[..., Visit], tmp_path: Path, dark: bool) -> None:
    path = tmp_path / "report.html"
    path.write_bytes(export_bytes("report", handover))
    visit = new_page(width=390 if dark else 1280, dark=dark)
    page = visit.page
    page.goto(path.as_uri())
    expect(page.get_by_role("heading", level=1)).to_have_text(handover.about.title)
    for row in handover.result.rows:
        entry = next(entry for entry in handover.legend.entries if entry.id == row.id)
        expect(page.get_by_role("rowheader").filter(has_text=f"{row.id}{entry.name}").first).to_be_visible()
    line = page.get_by_role("slider")
    line.focus()
    before = page.locator(".swipe").evaluate("frame => frame.style.getPropertyValue('--at')")
    line.press("Home")
    assert before == "50%"
    assert page.locator(".swipe").evaluate("frame => frame.style.getPropertyValue('--at')") == "0%"
    assert all(url.startswith(("file:", "data:")) for url in visit.asked)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.browser
def test_it_breaks_no_rule(handover: Handover, new_page: Callable[..., Visit], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    # axe comes from outside, which the report's own policy forbids.
    text = export_bytes("report", replace(handover, about=About())).decode()
    path.write_text(text.replace("script-src 'unsafe-inline'", "script-src 'unsafe-inline' 'unsafe-eval'"), "utf-8")
    page = new_page().page
    page.goto(path.as_uri())
    assert violations(page) == []
