"""What a page's session holds of names for classes: the list to choose from, and a map to name classes by."""

from __future__ import annotations

from s2dash.core.reference import Reference
from s2dash.core.scene import Scene
from s2dash.core.schemes import Scheme
from s2dash.server.session_store import StoredReference
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
REFERENCE_COLOURS = kept_control("reference colours", False)
"""Whether a name that is taken from the map brings its colour."""
REFERENCE_LEGEND = kept_control("reference legend", "")
"""What the map's codes mean, one of `naming.legends.LEGENDS`."""


def reference_of(scene: Scene) -> Reference | None:
    """The map to name classes by, where it was given for a scene of the same grids."""
    found = REFERENCE.get()
    return found if found is not None and scene.grid in found.codes else None


def reference_to_keep() -> StoredReference | None:
    """The map to name classes by, with what was said of it."""
    found = REFERENCE.get()
    return None if found is None else StoredReference(found, REFERENCE_LEGEND.get(), REFERENCE_COLOURS.get())


def take_up_reference(kept: StoredReference | None) -> None:
    """Make what `reference_to_keep` gave the session's, where there is something."""
    if kept is not None:
        REFERENCE.set(kept.reference)
        REFERENCE_LEGEND.set(kept.legend)
        REFERENCE_COLOURS.set(kept.takes_colours)
