"""The one door for files: whatever a user brings goes in here and a Scene comes out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from s2dash.core.scene import Scene
from s2dash.core.scene_reading import AS_FOUND, SceneReading
from s2dash.core.types import CancelToken, Progress, no_progress
from s2dash.errors import UnreadableFile
from s2dash.ingest.about_scene import proposed_about
from s2dash.ingest.apply_reading import read_as, rename_bands, with_nodata, with_numbers
from s2dash.ingest.area.on_scene import area_files, with_area, without_area
from s2dash.ingest.check_points import read_check
from s2dash.ingest.composed import beside
from s2dash.ingest.doubts import doubtful_numbers, doubtful_words, doubts_offset, flagged_words, is_calibrated
from s2dash.ingest.examples import EXAMPLES, Example
from s2dash.ingest.guessed_clouds import (
    can_guess_clouds,
    has_guessed_clouds,
    may_guess_clouds,
    with_guessed_clouds,
    without_guessed_clouds,
)
from s2dash.ingest.in_place import SAMPLE_PATH, open_in_place, sample_scene
from s2dash.ingest.known_ground import read_known_ground
from s2dash.ingest.look import LOOK_FOLDER, LOOK_FROM_PIXELS, FirstLook, first_look_of
from s2dash.ingest.pack import OpenedPack, read_pack
from s2dash.ingest.pile import shown as shown_name
from s2dash.ingest.process import removed_on_error, run_in_new_folder
from s2dash.ingest.reference import read_reference
from s2dash.ingest.scene_facts import PREVIEW_NAME, scene_of
from s2dash.ingest.titles import names_of, title_of_names
from s2dash.raster.location import Place, files_only

__all__ = [
    "EXAMPLES",
    "SAMPLE_PATH",
    "Example",
    "FirstLook",
    "OpenedPack",
    "area_files",
    "can_guess_clouds",
    "doubtful_numbers",
    "doubtful_words",
    "doubts_offset",
    "flagged_words",
    "has_guessed_clouds",
    "ingest",
    "is_calibrated",
    "may_guess_clouds",
    "open_in_place",
    "proposed_about",
    "read_as",
    "read_check",
    "read_known_ground",
    "read_pack",
    "read_reference",
    "rename_bands",
    "sample_scene",
    "shown_name",
    "with_area",
    "with_guessed_clouds",
    "with_nodata",
    "with_numbers",
    "with_side_cars",
    "without_area",
    "without_guessed_clouds",
]


def ingest(
    paths: Place | Sequence[Place],
    folder: Path,
    title: str | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
    names: Sequence[str] | None = None,
    reading: SceneReading = AS_FOUND,
    may_ask_for_numbers: bool = False,
    on_look: Callable[[FirstLook], None] | None = None,
) -> Scene:
    """Open files in a process of its own, with limits, and rewrite them into `folder` as rasters of our own.

    Parameters
    ----------
    paths : one GeoTIFF or JP2, several that make up one scene, one zip, or the folder of a product
    folder : made if missing; receives the rasters and their decimated copy, and is removed again
        after an error or a cancellation
    title : the scene's name where the files tell none better
    names : what the files were called where they came from, with folders; their own names where None
    reading : how they are to be understood, but for its area, which `with_area` adds
    may_ask_for_numbers : whether metadata that cannot be read are left out, and said, as the user can give the numbers
        that they would have told; so it is where `reading` has numbers
    on_look : is given a first look at a large scene while it is read, as its files are found; its rasters lie in
        `folder` until the scene is there

    Raises UnreadableFile that says what is wrong, also for files on web servers; UnknownName for a tile that is
    not there; Cancelled on request; and as `read_as` does.
    """
    given = files_only(paths if isinstance(paths, Sequence) else [paths])
    twice = next((path for path in given if [p.resolve() for p in given].count(path.resolve()) > 1), None)
    if twice is not None:
        raise UnreadableFile(f"{twice.name} is given twice. Give each file once.")
    title = title or title_of_names(names_of(given) if names is None else names)
    if names is None:
        given = list(with_side_cars(given))
    are_numbers_given = reading.quantification is not None or reading.offset is not None
    request = {
        "kind": "scene",
        "paths": [str(path.resolve()) for path in given],
        "names": names_of(given) if names is None else list(names),
        "folder": str(folder.resolve()),
        "title": title,
        "tile": reading.tile,
        "are_numbers_given": are_numbers_given or may_ask_for_numbers,
        "also": list(reading.also),
        "preview": PREVIEW_NAME,
        "look_from": None if on_look is None else LOOK_FROM_PIXELS,
    }
    show = on_look or (lambda look: None)
    facts = run_in_new_folder(request, folder, progress, cancel, lambda look: show(first_look_of(look, folder)))
    shutil.rmtree(folder / LOOK_FOLDER, ignore_errors=True)
    with removed_on_error(folder):
        return read_as(scene_of(facts, folder, folder / PREVIEW_NAME), reading)


def with_side_cars(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The same files with those that lie beside them and belong to them: a header, a world file, a product's pixels.

    For files where they lie, of the operator; what lies beside an upload may be somebody else's.
    """
    return tuple(dict.fromkeys([*paths, *(path for one in paths for path in beside(one))]))
