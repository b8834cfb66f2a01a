"""What a page's session holds of names for classes: the list to choose from, and a map to name classes by."""

from __future__ import annotations

from s2dash.core.reference import Reference
from s2dash.core.scene import Scene
from s2dash.core.schemes import Scheme
from s2dash.ui.session import Field, Uploader, kept_control

REFERENCE: Field[Reference | None] = Field("reference", None)
REFERENCE_WORDS: Field[str | None] = Field("reference words", None)
"""What there is to say of the map that was given last."""
REFERENCE_UPLOADER, SCHEME_UPLOADER = Uploader("reference file"), Uploader("scheme file")
OWN_SCHEME: Field[Scheme | None] = Field("own scheme", None)
SCHEME_WORDS: Field[str | None] = Field("scheme words", None)
SCHEME = kept_control("scheme", "No list")
"""Title of the list in use."""
SCHEME_COLOURS = kept_control("scheme colours", False)
"""Whether a name of the list brings its colour."""
REFERENCE_LEGEND = kept_control("reference legend", "")
"""What the map's codes mean, one of `naming.legends.LEGENDS`."""


def reference_of(scene: Scene) -> Reference | None:
    """The map to name classes by, where it was given for a scene of the same grids."""
    found = REFERENCE.get()
    return found if found is not None and scene.grid in found.codes else None
