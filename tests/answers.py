"""What holds for every answer about a stranger's file, whatever the file: plain words, nothing leaked, nothing left."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import rasterio

from s2dash.core.scene import Scene
from s2dash.core.types import Window
from s2dash.raster.reading import SceneReader, read_preview_stack

MOST_SECONDS = 20
"""Of a processor, for one file."""
MOST_CHILD_MB = 1_000

_QUOTED = re.compile("“.*”")
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
_TECHNICAL = re.compile(
    r"Traceback|Error|Exception|\bNone\b|\bnan\b|<class|object at 0x|rasterio|GDAL|CPLE|errno|[\r\n\t]"
    r"|(?<![\w…“./])/(?:tmp|root|home|work|usr|etc|proc|var)/",
)
_LONGEST = 600


def wrong_words(message: str) -> str | None:
    """What makes a message unfit to be shown to users; None where it is one or two sentences in plain words."""
    ours = _QUOTED.sub("“a name”", message)
    technical = _TECHNICAL.search(ours)
    if technical:
        return f"says {technical[0]!r}"
    if not 1 <= len(_SENTENCE_END.findall(ours)) <= 2:
        return "is not one or two sentences"
    if len(message) > _LONGEST or not message.isprintable():
        return "is too long, or has characters that cannot be shown"
    return None


def wrong_scene(scene: Scene, folder: Path) -> str | None:
    """What is wrong with a scene that was taken in; None where all of it reads back and nothing else was left."""
    expected = {path.name for path in scene.paths} | {"preview.npy"}
    found = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    if found != expected:
        return f"left {sorted(found ^ expected)} in its folder"
    for path in scene.paths:
        with rasterio.open(path, driver="GTiff") as dataset:
            dataset.read()
    whole = Window(0, 0, *scene.grid.shape_rc)
    with SceneReader(scene) as reader:
        pixels = reader.read(range(len(scene.bands)), whole)
    if pixels.values.shape != (len(scene.bands), *scene.grid.shape_rc):
        return f"reads back in the shape {pixels.values.shape}"
    step = scene.live_step
    taken = pixels.values[:, step // 2 :: step, step // 2 :: step]
    if not np.array_equal(taken, preview(scene)[: len(scene.bands)], equal_nan=taken.dtype.kind == "f"):
        return "has a decimated copy that is not of its pixels"
    texts = [scene.title, *scene.band_names, scene.reflectance.sentence, *scene.notes]
    if not all(text.isprintable() and len(text) <= _LONGEST for text in texts):
        return "has texts that cannot be shown"
    return next((f"has a note that {w}: {note}" for note in scene.notes if (w := wrong_words(note))), None)


def preview(scene: Scene) -> np.ndarray:
    """The decimated copy that ingest wrote, shape (bands + masks, rows, cols)."""
    assert scene.preview_path is not None
    return read_preview_stack(scene)
