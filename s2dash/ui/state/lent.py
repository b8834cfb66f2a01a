"""What a page's session holds of the scene that lends its picture to an embedding."""

from __future__ import annotations

from s2dash.ui.loaded import Loaded
from s2dash.ui.session import Field, Uploader
from s2dash.ui.state.scene import Incoming

LENT: Field[tuple[str, Loaded] | None] = Field("lent picture", None)
"""Digest of the whole scene that it is lent to, and the lender."""
LENT_UPLOADER = Uploader("lent picture upload")
INCOMING_LENT = Incoming("reading a picture to be lent")
LENT_SCENE = "scene that lends its picture"
"""Key of the menu of scenes that the session has had."""
