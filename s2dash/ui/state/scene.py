"""What a page's session holds of its scene: which it is, how it is read, what is still coming in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from s2dash import ingest
from s2dash.core.scene import Scene
from s2dash.core.scene_reading import SceneReading
from s2dash.server.jobs import Job
from s2dash.server.uploads import Upload
from s2dash.ui.loaded import Loaded
from s2dash.ui.session import Control, Field, Uploader

LOADED: Field[Loaded | None] = Field("loaded", None)
LARGE_UPLOAD: Field[Upload | None] = Field("large upload", None)
NAMING: Field[str | None] = Field("naming", None)
"""First path of the scene whose bands the user has named."""
USE_AREA = "use area"
DRAWING_ASKED = Field("drawing asked number", 0)
"""How often the sidebar has asked the map to draw."""


def loaded() -> Loaded:
    """The scene in use, once there is one."""
    found = LOADED.get()
    assert found is not None
    return found


def read_anew(scene: Scene, **reading: Any) -> None:
    """Put another reading of the same files in the place of the scene in use; `reading` are changed fields of it."""
    now = loaded()
    LOADED.set(replace(now, scene=scene, reading=_changed_reading(now.reading, reading)))


def use_area(found: Loaded) -> None:
    """Put a scene with an area in the place of the one in use, of which something may have been said meanwhile."""
    area = found.reading.to_dict()["area"]
    LOADED.set(replace(found, reading=_changed_reading(loaded().reading, {"area": area})))


def use_whole_scene() -> None:
    """Put the scene without its area in the place of the one in use."""
    read_anew(loaded().whole, area=[])


def go_back_to(found: Loaded) -> None:
    """Have the same scene as it was with another area, or with none; what is being drawn on it is given up."""
    now = LOADED.get()
    if now is not None and now.scene.digest == found.scene.digest:
        return
    job = INCOMING_DRAWN.job.pop()
    if job is not None:
        job.cancel()
    LOADED.set(found)


def guesses_clouds(begin: Callable[[], None]) -> Control[bool]:
    """Whether clouds are guessed, or are just being; `begin` begins it."""

    def get() -> bool:
        return INCOMING_CLOUDS.job.get() is not None or ingest.has_guessed_clouds(loaded().scene)

    def put(is_so: bool) -> None:
        job = INCOMING_CLOUDS.job.pop()
        if job is not None:
            job.cancel()
        INCOMING_CLOUDS.words.pop()
        if is_so:
            begin()
        elif ingest.has_guessed_clouds(loaded().scene):
            read_anew(loaded().unguessed, guesses_clouds=False)

    return Control("guess clouds", get, put)


def use_clouds(found: Loaded) -> None:
    """Put a scene with guessed clouds in the place of the one in use, of which something may have been said since."""
    LOADED.set(replace(found, reading=_changed_reading(loaded().reading, {"guesses_clouds": True})))


def _changed_reading(reading: SceneReading, fields: dict[str, Any]) -> SceneReading:
    return SceneReading.from_dict(reading.to_dict() | fields)


def subtracted(found: float | None) -> Control[float | None]:
    """What is taken from stored numbers; `found` where nobody has said anything."""

    def get() -> float | None:
        offset = loaded().reading.offset
        return found if offset is None else 0.0 - offset

    return Control("subtract", get, lambda v: read_anew(loaded().scene, offset=None if v is None else 0.0 - v))


def divided(found: float | None) -> Control[float | None]:
    """What stored numbers are divided by; `found` where nobody has said anything."""

    def get() -> float | None:
        quantification = loaded().reading.quantification
        return found if quantification is None else quantification

    return Control("divide", get, lambda v: read_anew(loaded().scene, quantification=v))


def stands_for_no_data(number: float) -> Control[bool]:
    """Whether the user says that a stored number stands for no data."""

    def put(is_so: bool) -> None:
        others = [other for other in loaded().reading.nodata if other != number]
        read_anew(loaded().scene, nodata=[*others, number] if is_so else others)

    return Control(f"fill {number!r}", lambda: number in loaded().reading.nodata, put)


def band_name(number: int, name: str, scene: Scene) -> str:
    """Key of the form's widget for the name of a band."""
    return f"name {number} {name} {scene.paths[0]}"


SCENE_UPLOADER, AREA_UPLOADER = Uploader("upload"), Uploader("area")


@dataclass(eq=False)
class Looking:
    """What a thread that reads a scene puts where the page finds it."""

    look: ingest.FirstLook | None = None

    def show(self, look: ingest.FirstLook) -> None:
        """Have the page show it."""
        self.look = look


@dataclass(frozen=True)
class Incoming:
    """What is being read, and what there is to say of it."""

    name: str

    @property
    def job(self) -> Field[Job[Loaded] | None]:
        return Field(self.name, None)

    @property
    def look(self) -> Field[Looking | None]:
        return Field(f"{self.name} look", None)

    @property
    def words(self) -> Field[str | None]:
        return Field(f"{self.name} words", None)


INCOMING_SCENE, INCOMING_AREA = Incoming("reading a scene"), Incoming("reading an area")
INCOMING_DRAWN = Incoming("reading what was drawn")
INCOMING_LINKED = Incoming("reading the area of a link")
INCOMING_CLOUDS = Incoming("guessing clouds")


def first_look() -> ingest.FirstLook | None:
    """What there is to see of the scene that is being read."""
    looking = INCOMING_SCENE.look.get()
    return None if looking is None or INCOMING_SCENE.job.get() is None else looking.look


DRAWN_ON = Field("scene drawn on", "")
"""The scene of the last drawing, as the map knows it: what is said of it goes with that scene."""
REFUSED_DRAWN = Field("drawings refused number", 0)
"""How many drawn areas could not be used, by which the map knows of another one."""


def folder_in_view(picker: str) -> Field[str]:
    """Where a picker of the server's files stands."""
    return Field(f"{picker}: folder in view", "")


def next_folder(picker: str, place: str) -> Field[str]:
    """The folder that is chosen in another."""
    return Field(f"{picker} folder {place}", place)


def chosen_files(picker: str, place: str) -> str:
    """Key of the widget for the files of a folder."""
    return f"{picker} files {place}"
