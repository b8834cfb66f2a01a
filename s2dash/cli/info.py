"""The command `info`: what is known of a file."""

from __future__ import annotations

import argparse
from typing import Any

from s2dash.cli.scene_flags import add_paths, add_scene_flags, opened, scene_words


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What `info` takes."""
    add_paths(command)
    add_scene_flags(command)


def run(arguments: argparse.Namespace, started: float) -> dict[str, Any]:
    """What is known of the file, in plain values."""
    from s2dash.core.recipe import default_recipe
    from s2dash.core.scene import masked_shares, valid_pixels
    from s2dash.raster.reading import read_preview_stack, read_scattered_stack

    with opened(arguments) as scene:
        is_looked_through = scene.live_step == 1 or scene.locations[0].is_near
        stack = read_preview_stack(scene) if is_looked_through else read_scattered_stack(scene)
        every_band = [i for i in scene.measured if i not in scene.set_aside]
        masking = default_recipe(scene).masking
        hidden = ~valid_pixels(scene, every_band, stack, masking)
        causes = dict(masked_shares(scene, every_band, stack, masking))
        return {
            "title": scene.title,
            "width": scene.grid.width,
            "height": scene.grid.height,
            "crs": scene.grid.crs_label,
            "pixel_size": list(scene.grid.pixel_size),
            "pixel_sizes": [list(grid.pixel_size) for grid in scene.grids],
            "sensor": scene.sensor,
            "bands": list(scene.band_names),
            "light": {band.name: band.description for band in scene.bands},
            "attribution": scene.attribution or None,
            "level": scene.level,
            "baseline": scene.baseline,
            "offset": scene.reflectance.offset,
            "quantification": None if scene.reflectance.by_band else scene.reflectance.quantification,
            "reflectance": scene.reflectance.sentence,
            "date": scene.date,
            "nodata_share": 0.0 if scene.zero_is_nodata else round(causes.get("no data", 0.0), 6),
            "masked_share": round(float(hidden.mean()), 6),
            "masked": {cause: round(share, 6) for cause, share in causes.items()},
            "warnings": [*scene_words(scene), *([] if is_looked_through else [_SCATTERED])],
        }


_SCATTERED = "Shares are of some places of the picture, so that not all of it has to be fetched."
