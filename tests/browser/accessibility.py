"""Asks axe-core what breaks WCAG 2.2 AA in the page as it stands, in the map's frame too."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

WCAG_2_2_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_STILL = "*, *::before, *::after { transition: none !important; animation: none !important; }"
"""Colours that are on their way to others are neither the ones nor the others."""


def violations(page: Page) -> list[str]:
    """One line for each element that breaks a rule; nothing is left out."""
    _prepare(page)
    found: list[dict[str, Any]] = page.evaluate(
        "async tags => (await axe.run(document, {runOnly: {type: 'tag', values: tags}})).violations", WCAG_2_2_AA
    )
    return [
        f"{rule['id']}: {node['target']} {node['html'][:200]}: {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


def _prepare(page: Page) -> None:
    """Put axe and stillness into every frame."""
    for frame in page.frames:
        if not frame.evaluate("typeof axe === 'object'"):
            frame.evaluate(_axe())
            frame.add_style_tag(content=_STILL)


@cache
def _axe() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
