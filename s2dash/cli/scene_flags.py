"""The flags that say how files are understood, and the scene they give."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from s2dash.cli import progress_line
from s2dash.cli.arguments import file_path, finite, listed, scene_location
from s2dash.errors import UnreadableFile
from s2dash.raster.location import Location, paths_of

if TYPE_CHECKING:
    from s2dash.core.scene import Scene
    from s2dash.core.scene_reading import AreaFile, SceneReading
    from s2dash.core.types import CancelToken, Progress


_PATH_HELP = "a GeoTIFF or JP2, several of one scene, a zip, .SAFE or .zarr, or the https:// address of a tiled GeoTIFF"


def add_paths(command: argparse.ArgumentParser) -> None:
    """The files of one scene."""
    command.add_argument("paths", nargs="+", metavar="PATH", type=scene_location, help=_PATH_HELP)


def add_scene_flags(command: argparse.ArgumentParser) -> None:
    """What a `SceneReading` says, and the area."""
    group = command.add_argument_group("scene", "What the files do not say, or say wrong.")
    group.add_argument("--band-names", metavar="B02,B03", help="what the bands are, in their order")
    group.add_argument("--tile", metavar="33UUU", help="the tile to take where there are several")
    group.add_argument("--also", action="append", default=[], metavar="AOT.tif", help="a file to use that is left out")
    group.add_argument("--offset", type=finite, metavar="N", help="added to stored numbers: 0, or -1000")
    group.add_argument("--quantification", type=finite, metavar="N", help="what they are divided by, usually 10000")
    group.add_argument("--nodata", type=finite, metavar="N", help="leave out pixels that are N in every band")
    group.add_argument(
        "--area",
        type=file_path,
        metavar="FILE",
        help="leave out what lies outside: polygons (GeoJSON, GeoPackage, shapefile, KML, KMZ, FlatGeobuf), raster",
    )
    group.add_argument(
        "--guess-clouds",
        action="store_true",
        help="Level-1C without a cloud mask: guess where clouds are, by s2cloudless, where that is installed",
    )


@contextlib.contextmanager
def opened(arguments: argparse.Namespace) -> Iterator[Scene]:
    """The scene: the operator's own file where it lies, or a rewritten copy that goes with the block."""
    locations: list[Location] = arguments.paths
    for path in [*paths_of(locations), *([arguments.area] if arguments.area else [])]:
        if not path.exists():
            raise UnreadableFile(f"There is no file {path}. Check the path.")
    # Workers of a cluster reach the result's folder, but not this machine's folder of temporary files.
    shared = arguments.output.parent if getattr(arguments, "scheduler", None) else None
    with tempfile.TemporaryDirectory(prefix="s2dash-" if shared is None else ".s2dash-", dir=shared) as scratch:
        yield open_scene(arguments, locations, Path(scratch), progress_line.show)


def open_scene(
    arguments: argparse.Namespace,
    locations: list[Location],
    folder: Path,
    progress: Progress,
    cancel: CancelToken | None = None,
) -> Scene:
    """One scene, as the flags say it is understood; what is rewritten goes into `folder`."""
    from s2dash import ingest

    reading = reading_of(arguments)
    # Rewritten, it is known by what it holds, as on the page, which is to know it by its pack.
    may_stay = len(locations) == 1 and getattr(arguments, "pack", None) is None
    scene = ingest.open_in_place(locations[0], reading) if may_stay else None
    if scene is None:
        scene = ingest.ingest(locations, folder / "scene", progress=progress, cancel=cancel, reading=reading)
    if reading.guesses_clouds and not scene.has_scl:  # of a batch some may say it themselves
        scene = ingest.with_guessed_clouds(scene, folder / "clouds", progress, cancel)
    if arguments.area:
        scene = ingest.with_area(scene, arguments.area, folder / "area", progress=progress, cancel=cancel)
    return scene


def reading_of(arguments: argparse.Namespace, area: tuple[AreaFile, ...] = ()) -> SceneReading:
    """How the flags say that files are understood."""
    from s2dash.core.scene_reading import SceneReading

    return SceneReading(
        tile=arguments.tile,
        also=tuple(arguments.also),
        band_names=tuple(listed(arguments.band_names)) if arguments.band_names else None,
        quantification=arguments.quantification,
        offset=arguments.offset,
        nodata=() if arguments.nodata is None else (arguments.nodata,),
        area=area,
        guesses_clouds=arguments.guess_clouds,
    )


def scene_words(scene: Scene) -> list[str]:
    """The scene's notes, and what is or may be no data, with the flags that decide it."""
    from s2dash import ingest

    return [*ingest.flagged_words(scene), *ingest.doubtful_words(scene)]
