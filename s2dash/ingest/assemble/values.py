"""The values that assembling a scene goes by: files with what their names say, what is known of all, and the plan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from s2dash.core import missions
from s2dash.core.grid import Grid
from s2dash.core.scene import Reflectance, Scene
from s2dash.ingest.canonical import RasterSource
from s2dash.ingest.mission_metadata import MissionMetadata
from s2dash.ingest.pixels import PixelSource
from s2dash.raster.location import Location


@dataclass(frozen=True)
class InputFile:
    """A raster that goes into the scene, and what its name says."""

    location: Location
    name: str
    """What errors and notes call it: text from outside, cleaned."""
    band: str | None = None
    """The band that a file of one band holds by its name; None where the file itself must say."""
    is_scl: bool = False
    date: str | None = None
    """`2017-02-16`, by its name."""
    side_cars: tuple[tuple[str, Path], ...] = ()
    """What lies beside it and may say its place, by names that errors use; read only where its header does not."""
    tile: str | None = None
    """By its name: `33UUU`."""
    said: missions.Said | None = None
    """What its name, or that of metadata beside it, says of another mission than Sentinel-2."""
    quality: str | None = None
    """The kind of quality band that it is; `is_scl` then."""
    pixels: PixelSource | None = None
    """Its one band, where GDAL opens nothing and `location` only tells which array of a store it is."""


@dataclass(frozen=True)
class Provenance:
    """What product metadata and names say of all files together; None where nothing does."""

    title: str
    level: str | None = None
    baseline: str | None = None
    date: str | None = None
    reflectance: tuple[float, dict[str, float], str] | None = None
    """Quantification, offset by band (others have none), and the sentence."""
    nodata: float | None = None
    saturated: float | None = None
    places: dict[tuple[int, int], Grid] | None = None
    """The product's grids by shape, for files without coordinates."""
    notes: tuple[str, ...] = ()
    is_mission: bool = False
    """Whether names say that it is of this mission, by its tile."""
    complaint: str | None = None
    """What is wrong with metadata that cannot be used."""
    doubt: str | None = None
    """Why the offset may be another; counts where no file's header states one."""
    others: tuple[MissionMetadata, ...] = ()
    """What metadata of other missions say."""
    left_out: tuple[str, ...] = ()
    """Pictures that were brought and are not used, by their names."""


@dataclass(frozen=True, eq=False)
class ScenePlan:
    """A scene whose rasters are still to be written, and the files they are made of."""

    scene: Scene
    """Its reflectance, year and digest are settled by `finished`."""
    sources: tuple[RasterSource, ...]
    stated: Reflectance | None
    is_told: bool = True
    """Whether metadata, a baseline or the files' headers say which offset holds."""
    is_mission: bool = False
    """Whether names say that it is of this mission."""
    latest: str | None = None
    """The latest day of a picture, `2022-01-25`."""
    is_palette: bool = False
    usual: Reflectance | None = None
    """What the missions of the bands usually have, where nothing is stated; believed where the values fit it."""
    usual_notes: tuple[str, ...] = ()
    """What is to be said where it is believed."""
    texts: tuple[str, ...] = ()
    """What names or headers call the bands."""
    is_told_sentinel_2: bool = False
    """Whether names, tags or metadata speak of Sentinel-2, so that values need not."""
