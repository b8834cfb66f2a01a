"""The look of the place that the map stands in, on the page around its frame.

Apart from `map_view`, which loads streamlit-folium: that only works inside a run of a page.
"""

from __future__ import annotations

MAP_CSS = """
.st-key-map iframe {
  height: clamp(360px, min(100dvh - 240px, 75vw), 880px) !important;
  border-radius: 8px; display: block;
}
.st-key-map { min-height: clamp(360px, min(100dvh - 240px, 75vw), 880px); }
:root[data-present] .st-key-map iframe {
  position: fixed; inset: 0; z-index: 1000000; width: 100vw; height: 100dvh !important; border-radius: 0;
}
:root[data-present] body, :root[data-present] [data-testid=stAppViewContainer] { overflow: hidden; }
:root [class*="st-key-before-"] { display: none; }
[class*="st-key-before-"] [data-words]::before { content: attr(data-words); }
:root h3[data-words] { font-size: 1.2rem; font-weight: 600; line-height: 1.2; letter-spacing: -.005em; margin: 0; }
:root p[data-words] { font-size: .875rem; line-height: 1.6; margin: 0; opacity: .82; }
"""
"""Rules for the page's `<style>`: the frame's height, which follows the window, also when presented; `WithMap`."""
