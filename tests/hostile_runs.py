"""Takes one hostile file in, in a process of its own that stands for the server, and says all that came of it.

A process for each file, so that what its children took of memory is that file's alone.
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rasterio
from answers import preview, wrong_scene
from forked_door import ended, forked
from scenes import make_scene

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.cli import main as cli
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene
from s2dash.errors import S2DashError
from s2dash.settings import GDAL_ENVIRONMENT

CANARY = "hush-3f1c9a7e-canary-of-the-servers-environment"
"""Stands in the environment of the process that stands for the server."""

_SECRET_BYTES = 12
"""How much of each line of a secret file is looked for: a raster may hold its start only."""
_LEAST_SECRET_BYTES = 8


@dataclass(frozen=True)
class Outcome:
    """What came of one file."""

    is_scene: bool
    message: str
    """The refusal; empty for a scene."""
    notes: tuple[str, ...]
    fault: str | None
    """What is wrong with the scene; None where nothing is."""
    classes: tuple[int, ...]
    """The labels of a classification into two classes; empty where it was refused."""
    classify_message: str
    """Why it was refused."""
    leaked: tuple[str, ...]
    """Secrets that were found in an output."""
    left: tuple[str, ...]
    """What is on the disk that should not be."""
    reference: str
    """The refusal as a map to name classes by; empty where it is one."""
    in_place: str
    """What the command line's door for the operator's own files says; empty where it opens or declines."""
    seconds: float
    """Of a processor, in the reading process."""
    child_mb: int
    server_mb: int


def take_in(path: Path, folder: Path) -> Outcome:
    """Bring a file in at the door for strangers, read all of it back, classify it."""
    _become_a_server(folder)
    with forked():
        return _taken_in(path, folder)


def _taken_in(path: Path, folder: Path) -> Outcome:
    target = folder / "scene"
    message, scene = "", None
    reference, told = _as_reference(path, folder)
    try:
        scene = ingest.ingest(path, target)
    except S2DashError as error:
        message = str(error)
    seconds = sum(one.cpu_seconds for one in ended)
    child_mb = max((one.peak_kb for one in ended), default=0) // 1024
    texts = [message, told]
    fault, classes, classify_message, leaked = None, (), "", ()
    if scene is not None:
        fault = wrong_scene(scene, target)
        texts += [scene.title, *scene.band_names, *scene.notes, scene.reflectance.sentence, str(scene)]
        leaked = secrets_in_pixels(scene)
        classes, classify_message = _classified(scene)
        shutil.rmtree(target)
    texts.append(classify_message)
    return Outcome(
        is_scene=scene is not None,
        message=message,
        notes=() if scene is None else scene.notes,
        fault=fault,
        classes=classes,
        classify_message=classify_message,
        leaked=(*leaked, *_secrets_in("\n".join(texts).encode())),
        left=tuple(str(found.relative_to(folder)) for found in folder.rglob("*")),
        reference=reference,
        in_place=_in_place(path),
        seconds=seconds,
        child_mb=child_mb,
        server_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    )


def run_command(words: list[str], folder: Path) -> tuple[int, str, str]:
    """The command line's exit status, standard output and standard error."""
    _become_a_server(folder)
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        status = cli.main(words)
    return status, out.getvalue(), errors.getvalue()


def secrets() -> dict[str, bytes]:
    """What no output may hold, by what it is."""
    found = {"the environment": CANARY.encode()}
    for name in ("/etc/passwd", "/etc/hostname"):
        with contextlib.suppress(OSError):
            for number, line in enumerate(Path(name).read_bytes().splitlines()):
                found[f"{name}, line {number + 1}"] = line[:_SECRET_BYTES]
    return {name: value for name, value in found.items() if len(value) >= _LEAST_SECRET_BYTES}


def _become_a_server(folder: Path) -> None:
    os.environ.update(GDAL_ENVIRONMENT)
    os.environ["S2DASH_CANARY"] = CANARY
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(folder)


def _classified(scene: Scene) -> tuple[tuple[int, ...], str]:
    recipe = replace(default_recipe(scene).plain(), algorithm="kmeans", k=2, params=(("n_init", 1),))
    try:
        found = pipeline.run_live(pipeline.fitted_to(scene, recipe)).classmap.labels
    except S2DashError as error:
        return (), str(error)
    assert found is not None
    return tuple(int(label) for label in np.unique(found)), ""


def _as_reference(path: Path, folder: Path) -> tuple[str, str]:
    """What is wrong with a file as a map to name classes by, and all that comes of it where nothing is."""
    made = make_scene(folder)
    try:
        found = ingest.read_reference(made, path, folder / "reference")
    except S2DashError as error:
        return str(error), str(error)
    finally:
        for one in (folder / "reference", *made.paths):
            shutil.rmtree(one) if one.is_dir() else one.unlink(missing_ok=True)
    codes = b"".join(one.astype("uint8").tobytes() + one.astype(">u2").tobytes() for one in found.codes.values())
    return "", "\n".join([found.name, *found.names.values(), codes.decode("latin-1")])


def _in_place(path: Path) -> str:
    try:
        ingest.open_in_place(path)
    except S2DashError as error:
        return str(error)
    return ""


def secrets_in_pixels(scene: Scene) -> tuple[str, ...]:
    """Secrets among the bytes of the files, and of the pixels in them in any order of bytes and numbers."""
    found: list[str] = []
    arrays = [preview(scene)]
    for path in scene.paths:
        found += _secrets_in(path.read_bytes())
        with rasterio.open(path, driver="GTiff") as dataset:
            arrays.append(dataset.read())
            found += _secrets_in(repr((dataset.tags(), dataset.descriptions)).encode())
    for array in arrays:
        with np.errstate(invalid="ignore"):
            narrow = array.astype("uint8")
        for kind in (array, array.byteswap(), narrow):
            found += _secrets_in(kind.tobytes()) + _secrets_in(np.moveaxis(kind, 0, -1).tobytes())
    return tuple(found)


def _secrets_in(data: bytes) -> list[str]:
    return [name for name, value in secrets().items() if value in data]
