"""Watches, frame by frame, where the map stands and what the page says beside it."""

from __future__ import annotations

from dataclasses import dataclass

from app_driver import AppPage
from playwright.sync_api import Page

COUNT_SHIFTS = """
    window.layoutShift = 0;
    new PerformanceObserver(list => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.layoutShift += entry.value;
    }).observe({type: 'layout-shift', buffered: true});
"""
"""A script for a page before it loads: sums up how much of what it shows moves by itself."""

_WATCH = """() => {
    const main = document.querySelector('[data-testid=stMain]');
    const seen = window.watchedLayout = {places: new Set(), both: false};
    const look = () => {
        const frames = document.querySelectorAll('iframe[title^=streamlit_folium], .st-key-map iframe');
        const {top, height} = frames[0] ? frames[0].getBoundingClientRect() : {top: null, height: null};
        seen.places.add(JSON.stringify([top === null ? top : top + main.scrollTop, height]));
        const strip = document.querySelector('.st-key-strip')?.innerText ?? '';
        if (strip.includes('Up to date') && /Classifying|Stopping/.test(strip)) seen.both = true;
        requestAnimationFrame(look);
    };
    look();
}"""


@dataclass(frozen=True)
class LayoutWatch:
    page: Page

    @property
    def places(self) -> list[str]:
        """Top in the page and height of the map's frame, each pair that was ever drawn."""
        return list(self.page.evaluate("[...window.watchedLayout.places]"))

    @property
    def has_stood_still(self) -> bool:
        return len(self.places) == 1

    @property
    def saw_up_to_date_beside_a_run(self) -> bool:
        return bool(self.page.evaluate("window.watchedLayout.both"))


def watch_layout(app: AppPage) -> LayoutWatch:
    """Begin to watch."""
    app.page.evaluate(_WATCH)
    return LayoutWatch(app.page)
