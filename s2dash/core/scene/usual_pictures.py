"""The pictures that a scene is usually looked at by, as the bands that it calls red, green and blue."""

from __future__ import annotations

from s2dash.core import sentinel2
from s2dash.core.scene.scene import Scene


def usual_pictures(scene: Scene) -> dict[str, tuple[tuple[str, str, str], str]]:
    """The usual three bands that this scene has, and what their colours mean, by what the page calls them."""
    by_standard = {band.standard: band.name for band in reversed(scene.bands) if band.standard}
    if "B08" in by_standard and any(band.own for band in scene.bands):
        # Other missions have one near infrared, which stands for both.
        by_standard.setdefault("B8A", by_standard["B08"])
    return {
        name: ((by_standard[bands[0]], by_standard[bands[1]], by_standard[bands[2]]), label)
        for name, (bands, label) in sentinel2.LAYERS.items()
        if all(b in by_standard for b in bands)
    }
