"""What a pack holds that only a fit and its scene can tell: how sure each pixel is, and which scene it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from s2dash.classify.fitted import Fitted
from s2dash.classify.sureness import SureSteps
from s2dash.classify.sureness_file import write_sureness
from s2dash.core.pack import PackedScene
from s2dash.core.scene import Scene
from s2dash.core.types import CancelToken, no_progress
from s2dash.export import Handover
from s2dash.export.bundle import SURENESS_SUFFIX
from s2dash.export.contents import file_stem, one_line
from s2dash.export.pack import Part


def sureness_part(fitted: Fitted, limits: SureSteps, handover: Handover) -> Part:
    """How sure each pixel's class is, beside the map for a GIS."""

    def write(out: Path, cancel: CancelToken) -> None:
        write_sureness(fitted, handover.result.classmap, limits, out, no_progress, cancel)

    return Part(f"gis/{file_stem(handover.title)}{SURENESS_SUFFIX}", "How sure", write)


def packed_scene(scene: Scene, files: Sequence[str], example: str = "") -> PackedScene:
    """What a pack says of a scene whose pixels it has not.

    Parameters
    ----------
    files : names of what it was made of
    example : key of the example that it is
    """
    names = () if example else tuple(map(one_line, files))
    return PackedScene(title=one_line(scene.title), files=names, example=example)
