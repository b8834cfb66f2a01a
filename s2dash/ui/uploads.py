"""Taking in an uploaded file: spooled to disk at once, read by the ingest process, and forgotten by Streamlit."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from s2dash import ingest
from s2dash.jobs import ScratchFolder
from s2dash.legend import clean_name
from s2dash.scene import Scene


@dataclass(frozen=True, eq=False)
class Loaded:
    """A scene and the folder that its raster lives in, which goes when nobody holds this any more."""

    scene: Scene
    folder: ScratchFolder | None = None


def take_in(upload: Any) -> Loaded:
    """Make a scene of Streamlit's uploaded file, with progress where the call stands on the page.

    Raises UnreadableFile; the folder and all in it are gone then.
    """
    folder = ScratchFolder("s2dash-scene-")
    bar = st.progress(0.0, text="Reading the file …")

    def show(share: float, what: str) -> None:
        bar.progress(share, text=f"{what} …")

    try:
        spooled = folder.path / _safe_file_name(upload.name)
        with spooled.open("wb") as file:
            shutil.copyfileobj(upload, file, 1 << 20)
        title = clean_name(Path(upload.name).stem) or "Scene"
        scene = ingest.ingest(spooled, folder.path / "scene", title, show)
        spooled.unlink()
    except BaseException:
        folder.remove()
        raise
    finally:
        bar.empty()
    return Loaded(scene, folder)


def _safe_file_name(name: str) -> str:
    """The name of the file as errors may quote it, with plain characters only."""
    last = re.sub(r"[^A-Za-z0-9._-]+", "_", name.replace("\\", "/").rsplit("/", 1)[-1]).lstrip(".")
    return last[-100:] or "upload"
