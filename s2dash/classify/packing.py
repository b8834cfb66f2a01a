"""What a pack holds that only a fit and its scene can tell: how sure each pixel is, and which scene it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from s2dash.classify.fitted import Fitted
from s2dash.classify.sureness import SureSteps
from s2dash.classify.sureness_file import sureness_in, write_sureness
from s2dash.core.pack import PackedScene
from s2dash.core.scene import Scene
from s2dash.core.types import CancelToken, Progress
from s2dash.export.contents import file_stem, one_line
from s2dash.export.pack import Pack, write_pack
from s2dash.export.pack.contents import SCENE_FOLDER

_SURE_SHARE = 0.4
"""Of the time that a pack takes where how sure each pixel is must be worked out for it."""
_SURE_NAME = "sure.tif"


def write_whole_pack(
    pack: Pack, fitted: Fitted, limits: SureSteps, out: Path, progress: Progress, cancel: CancelToken | None = None
) -> tuple[str, ...]:
    """Write a pack (`export.pack.write_pack`), after having worked out how sure each pixel is where nobody has yet.

    Parameters
    ----------
    out : the zip; how sure each pixel is lies beside it for as long as it is written
    """
    if pack.handover.sureness is not None:
        return write_pack(pack, out, progress, cancel)
    sure, handover = out.with_name(f".{out.name}.{_SURE_NAME}"), pack.handover

    def asking(share: float, what: str) -> None:
        progress(share * _SURE_SHARE, what)

    def packing(share: float, what: str) -> None:
        progress(_SURE_SHARE + share * (1 - _SURE_SHARE), what)

    try:
        write_sureness(fitted, handover.result.classmap, limits, sure, asking, cancel)
        known = replace(pack, handover=replace(handover, sureness=sureness_in(sure)))
        return write_pack(known, out, packing, cancel)
    finally:
        sure.unlink(missing_ok=True)


def packed_scene(
    scene: Scene, files: Sequence[str], example: str = "", within: Sequence[tuple[Path, str]] = ()
) -> PackedScene:
    """What a pack says of a scene.

    Parameters
    ----------
    files : names of what it was made of
    example : key of the example that it is
    within : the files that go into the pack, each with what it was called
    """
    names = () if example else tuple(map(one_line, files))
    members = tuple(
        (f"{SCENE_FOLDER}/{number:03d}-{file_stem(path.name)}", name) for number, (path, name) in enumerate(within, 1)
    )
    return PackedScene(title=one_line(scene.title), files=names, example=example, members=members)
