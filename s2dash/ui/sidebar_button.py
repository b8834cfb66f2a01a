"""The button above the map that opens the sidebar where it is closed, as nobody finds Streamlit's own.

It presses that one: a sidebar opened by the script would close again at the next change.
"""

from __future__ import annotations

import streamlit as st

_HTML = """
<button type="button">
  <svg viewBox="0 0 18 18" width="18" height="18" fill="none" stroke="currentColor" stroke-width="1.6"
    stroke-linecap="round" aria-hidden="true">
    <path d="M2 5h7M13 5h3M2 13h3M9 13h7"/><circle cx="11" cy="5" r="2"/><circle cx="7" cy="13" r="2"/>
  </svg>
  Change bands and groups
</button>
"""
_CSS = """
button {
  align-items: center; background: var(--st-secondary-background-color); border: 1px solid var(--st-border-color);
  border-radius: var(--st-button-radius, 8px); color: var(--st-text-color); cursor: pointer; display: flex;
  font: inherit; font-family: var(--st-font); font-size: 0.92rem; gap: 0.5rem; justify-content: center;
  min-height: 38px; padding-inline: 0.9rem; white-space: nowrap; width: 100%;
}
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
"""
_JS = """
export default ({ parentElement }) => {
  parentElement.querySelector("button").onclick = () => {
    document.querySelector("[data-testid=stExpandSidebarButton]")?.click();
  };
};
"""
_component = st.components.v2.component("s2dash_sidebar_button", html=_HTML, css=_CSS, js=_JS)


def sidebar_button(*, key: str) -> None:
    """Draw the button, full width of its container; look.css shows it only where the sidebar is closed."""
    _component(data={}, key=key)
