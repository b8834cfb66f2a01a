"""Bringing files in: spooled to disk at once, read on a thread, and followed on the page with a bar and a cancel."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from s2dash import ingest
from s2dash.core.legend import clean_name
from s2dash.core.scene_reading import AreaFile, SceneReading
from s2dash.core.types import CancelToken, Progress
from s2dash.errors import Cancelled, PackGiven, S2DashError, UnreadableFile
from s2dash.server.folders import ScratchFolder
from s2dash.server.jobs import Job
from s2dash.settings import PACK_LIMITS
from s2dash.ui import text
from s2dash.ui.loaded import Brought, Loaded
from s2dash.ui.messages import words_for
from s2dash.ui.session import page_is_open
from s2dash.ui.state import LOADED, Incoming, Looking

_AT_ONCE_SECONDS = 2.0
_LOOK_SECONDS = 0.1
_FOLLOW_SECONDS = 0.5


def bring(incoming: Incoming, uploads: Sequence[Any], read: Callable[[Brought], None]) -> None:
    """Give Streamlit's uploaded files to `read`; where there is no room for them, `follow(incoming)` says so."""
    try:
        brought = spooled(uploads)
    except S2DashError as error:
        forget(incoming)
        incoming.words.set(words_for(error))
    else:
        read(brought)


def spooled(uploads: Sequence[Any]) -> Brought:
    """Streamlit's uploaded files on disk; in memory, where it would hold them as long as the page is open, they go.

    Raises UnreadableFile where the disk has no room for them.
    """
    names = tuple(upload.name for upload in uploads)
    folder = None
    try:
        folder = ScratchFolder("s2dash-upload-")
        paths = tuple(_on_disk(upload, folder.path / str(number)) for number, upload in enumerate(uploads))
    except BaseException as error:
        if folder is not None:
            folder.remove()
        if isinstance(error, OSError):
            raise UnreadableFile("The server has no room for these files. Tell whoever runs it.") from error
        raise
    finally:
        free(uploads)
    return Brought(paths, names, (folder,), folder.remove, can_stay=True)


def _on_disk(upload: Any, folder: Path) -> Path:
    path = folder / safe_file_name(upload.name)
    folder.mkdir()
    with path.open("wb") as file:
        shutil.copyfileobj(upload, file, 1 << 20)
    return path


def free(uploads: Sequence[Any]) -> None:
    """Take files from Streamlit's memory: a browser asks for that only when its user removes them by hand."""
    context = get_script_run_ctx()
    for upload in uploads:
        if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
            context.uploaded_file_mgr.remove_file(context.session_id, upload.file_id)
        upload.close()


def read_scene(incoming: Incoming, brought: Brought, also: Sequence[str] = ()) -> None:
    """Begin to read files as one scene; `follow(incoming)` gives it. What was being read there before is cancelled.

    A pack gives the scene that is in use, with what was in the pack.
    Metadata that cannot be read do not refuse it: the page offers the two numbers that they would have told.

    Parameters
    ----------
    also : names of pictures to use that would be left out
    """
    looking, now = Looking(), LOADED.get()

    def work(folder: Path, progress: Progress, cancel: CancelToken) -> Loaded:
        kept = None
        try:
            found = ingested(brought, SceneReading(also=tuple(also)), folder, progress, cancel, looking=looking)
            is_wanted = found.scene.left_out or also or is_small(brought)
            kept = brought if brought.can_stay and is_wanted else None
        except PackGiven:
            if now is None:
                raise
            return _of_pack(brought, now, folder, progress, cancel)
        finally:
            if kept is None and not also:
                # Files that are read again still belong to the scene on the page, should that fail.
                brought.drop()
        return replace(found, held=kept.held if kept else (), brought=kept)

    begin(incoming, work, "s2dash-scene-", looking)


def ingested(
    brought: Brought,
    reading: SceneReading,
    folder: Path,
    progress: Progress,
    cancel: CancelToken,
    title: str | None = None,
    looking: Looking | None = None,
) -> Loaded:
    """Files as one scene, read in the confined process, called as one file is where no title is given.

    Raises as `ingest.ingest`.
    """
    if title is None and len(brought.names) == 1:
        title = clean_name(Path(brought.names[0]).stem)
    scene = ingest.ingest(
        brought.paths,
        folder / "scene",
        title,
        progress,
        cancel,
        brought.names,
        reading=reading,
        may_ask_for_numbers=True,
        on_look=None if looking is None else looking.show,
    )
    return Loaded(scene, reading=reading, files=tuple(clean_name(Path(name).name) for name in brought.names))


def is_small(brought: Brought) -> bool:
    """Whether files are kept as they came, so that a pack may have them."""
    are_files = all(path.is_file() for path in brought.paths)
    return are_files and sum(path.stat().st_size for path in brought.paths) <= PACK_LIMITS.most_scene_bytes


def _of_pack(brought: Brought, now: Loaded, folder: Path, progress: Progress, cancel: CancelToken) -> Loaded:
    """What was in a pack, with its picture where that is within, else with the scene that is in use."""
    path, name = _the_pack(brought)
    pack = ingest.read_pack(path, folder / "pack", name, progress, cancel)
    if not pack.files:
        return replace(now, pack=pack)
    paths, names = zip(*pack.files, strict=True)
    within, asked = Brought(paths, names, can_stay=True), pack.manifest.shown_run.run.reading
    found = ingested(within, SceneReading(tile=asked.tile, also=asked.also), folder, progress, cancel)
    return replace(found, brought=within, pack=pack)


def _the_pack(brought: Brought) -> tuple[Path, str]:
    """The one file of those that were brought that can be a pack, and its name; what lies beside it is let go."""
    pairs = [*zip(brought.paths, brought.names, strict=True)]
    return next(((path, name) for path, name in pairs if name.lower().endswith(".zip")), pairs[0])


def read_area(incoming: Incoming, loaded: Loaded, brought: Brought, said: tuple[AreaFile, ...] | None = None) -> None:
    """Begin to put an area on a scene; `follow(incoming)` gives the scene with it.

    Parameters
    ----------
    said : what the reading says of the area; that of its files where None
    """

    def work(folder: Path, progress: Progress, cancel: CancelToken) -> Loaded:
        try:
            area = ingest.area_files(brought.paths, brought.names) if said is None else said
            whole = loaded.whole
            scene = ingest.with_area(whole, brought.paths, folder / "area", brought.names, progress, cancel)
        finally:
            brought.drop()
        return replace(loaded, scene=scene, reading=SceneReading(area=area), before_area=(scene.digest, whole))

    begin(incoming, work, "s2dash-area-")


def follow(incoming: Incoming, look_is_shown: bool = False) -> Loaded | None:
    """Show how far the reading begun there is; what it brought on the one run in which it has ended.

    Small files are waited for; for others a line with a bar, the time left and a cancel stays on the
    page, which can be used meanwhile. What went wrong is said there until something else is begun. A first look
    at what is read draws the page anew, unless it shows it.
    """
    place = st.empty()  # one for all that may stand here, so that none of it is ever seen twice
    job = incoming.job.get()
    if job is not None:
        _wait_for_small(incoming, job, place)
    if job is not None and job.is_done:
        incoming.job.pop()
        incoming.look.pop()
        try:
            found = job.result()
        except Cancelled:
            place.empty()
        except S2DashError as error:
            incoming.words.set(f"{words_for(error)} The map still shows the last scene.")
        except Exception as error:  # noqa: BLE001 - the last result must stay on the page, whatever broke
            incoming.words.set(words_for(error))
        else:
            return replace(found, held=(*found.held, job.folder))
    elif job is not None:
        if _has_look(incoming) and not look_is_shown:
            st.rerun()
        with place.container():
            st.fragment(_line, run_every=_FOLLOW_SECONDS)(incoming, job, look_is_shown)
    if words := incoming.words.get():
        place.markdown(words)
    return None


def forget(incoming: Incoming) -> None:
    """Cancel what is being read there, and take back what was said of it."""
    job = incoming.job.pop()
    if job is not None:
        job.cancel()
    incoming.look.pop()
    incoming.words.pop()


def begin(
    incoming: Incoming,
    work: Callable[[Path, Progress, CancelToken], Loaded],
    prefix: str,
    looking: Looking | None = None,
) -> None:
    """Begin this work in the place of what was being done there; `follow(incoming)` gives what comes of it."""
    forget(incoming)
    incoming.look.set(looking)
    incoming.job.set(Job(work, prefix).start(page_is_open()))


def _has_look(incoming: Incoming) -> bool:
    looking = incoming.look.get()
    return looking is not None and looking.look is not None


def _wait_for_small(incoming: Incoming, job: Job[Loaded], place: DeltaGenerator) -> None:
    ends = job.started + _AT_ONCE_SECONDS
    while not job.is_done and not _has_look(incoming) and time.perf_counter() < ends:
        place.progress(job.share, text=_words(job))
        job.wait(_LOOK_SECONDS)


def _words(job: Job[Loaded]) -> str:
    return f"{job.what or 'Opening the files'} …{text.time_left(job.seconds_left)}"


def _line(incoming: Incoming, job: Job[Loaded], look_is_shown: bool) -> None:
    if job.is_done or _has_look(incoming) != look_is_shown:
        st.rerun()
    st.progress(job.share, text=_words(job))
    if st.button(
        "Cancel", key=f"{incoming.name} cancel", help="Stops reading; nothing is kept, and the map stays as it is."
    ):
        forget(incoming)
        st.rerun()


def safe_file_name(name: str) -> str:
    """The name of the file as errors may quote it, with plain characters only."""
    last = re.sub(r"[^A-Za-z0-9._-]+", "_", name.replace("\\", "/").rsplit("/", 1)[-1]).lstrip(".")
    return last[-100:] or "upload"
