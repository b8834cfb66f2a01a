"""The command line: `info`, `classify` and `batch`, through the same functions as the page, and `app`, which starts it.

Results go to standard output as JSON, progress to standard error. Exit status 0 is success, 2 bad
input (the last line of standard error says what and what to do), 1 a bug.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import s2dash
from s2dash import __version__
from s2dash.cli import batch as cli_batch
from s2dash.core import sentinel2
from s2dash.errors import (
    BadSetting,
    BrokenResult,
    Cancelled,
    ClusterError,
    ClusterLost,
    InputError,
    OutputConflict,
    PixelsGone,
    RecipeError,
    S2DashError,
    UnreadableFile,
)
from s2dash.raster.location import Location, paths_of
from s2dash.raster.writable import require_writable_folder
from s2dash.server import memory
from s2dash.settings import require_sane

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from s2dash.classify.evaluate import Scores
    from s2dash.classify.pipeline import Fitted
    from s2dash.core.classmap import Result
    from s2dash.core.legend import Legend
    from s2dash.core.recipe import ParamValue, Recipe
    from s2dash.core.scene import Scene
    from s2dash.core.scene_reading import AreaFile, SceneReading
    from s2dash.core.types import CancelToken, Progress

EXIT_STATUS: dict[type[S2DashError], int] = {
    InputError: 2,
    RecipeError: 2,
    ClusterError: 2,
    Cancelled: 2,
    PixelsGone: 2,
    BadSetting: 2,
    BrokenResult: 1,
}
"""What each kind of error ends with."""

_PATH_HELP = "a GeoTIFF or JP2, several of one scene, a zip, a .SAFE, or the https:// address of a tiled GeoTIFF"


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    started = time.perf_counter()
    arguments = _parser().parse_args(argv)
    memory.share_pools()
    try:
        require_sane()
        try:
            output: dict[str, Any] | None = arguments.run(arguments, started)
        finally:
            _line.end()
    except S2DashError as error:
        print(f"s2dash: {error}", file=sys.stderr)
        return next((status for kind, status in EXIT_STATUS.items() if isinstance(error, kind)), 1)
    except KeyboardInterrupt:
        print("s2dash: Stopped. Nothing was changed.", file=sys.stderr)
        return 2
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        print(
            f"s2dash: The computer refused a file: {error.strerror or error}{where}. "
            "Check that the folders still exist, may be written and have space left.",
            file=sys.stderr,
        )
        return 2
    if output is None:
        return 0
    only_ascii = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    json.dump(output, sys.stdout, indent=2, ensure_ascii=only_ascii, allow_nan=False)
    print()
    complaint: str | None = arguments.complaint(output)
    if complaint:
        print(f"s2dash: {complaint}", file=sys.stderr)
    return 2 if complaint else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="s2dash" if Path(sys.argv[0]).stem == "s2dash" else "python -m s2dash",
        description="Groups the pixels of a Sentinel-2 picture that look alike, and writes the groups as a map.",
    )
    parser.add_argument("--version", action="version", version=f"s2dash {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    app = commands.add_parser("app", help="start the page in a browser, on this computer")
    app.set_defaults(run=_app)
    app.add_argument("--port", type=int, metavar="N", help="where it listens: 8501, or the next that is free")
    app.add_argument("--address", metavar="0.0.0.0", help="who may see it: this computer only, unless you say so")
    info = commands.add_parser("info", help="print what is known of a file, as JSON")
    info.set_defaults(run=_info)
    classify = commands.add_parser("classify", help="write the class map of a file as a GeoTIFF")
    classify.set_defaults(run=_classify)
    batch = commands.add_parser("batch", help="write the class maps of many scenes, with the same classes")
    batch.set_defaults(run=_batch)
    commands.add_parser("examples", help="print the example scenes and where they lie").set_defaults(run=_examples)
    parser.set_defaults(complaint=lambda output: None)
    batch.set_defaults(complaint=cli_batch.complaint)
    for command in (info, classify):
        command.add_argument("paths", nargs="+", metavar="PATH", type=cli_batch.scene_location, help=_PATH_HELP)
    cli_batch.add_arguments(batch)
    for command in (info, classify, batch):
        _add_scene_flags(command)
    classify.add_argument(
        "-o", "--output", required=True, type=cli_batch.file_path, metavar="OUT.tif", help="the GeoTIFF to write"
    )
    classify.add_argument("--scheduler", metavar="tcp://HOST:8786", help="label a large scene on this Dask cluster")
    batch.add_argument("--scheduler", metavar="tcp://HOST:8786", help="label large scenes on this Dask cluster")
    for command in (classify, batch):
        _add_recipe_flags(command)
    return parser


def _add_scene_flags(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("scene", "What the files do not say, or say wrong.")
    group.add_argument("--band-names", metavar="B02,B03", help="what the bands are, in their order")
    group.add_argument("--tile", metavar="33UUU", help="the tile to take where there are several")
    group.add_argument("--also", action="append", default=[], metavar="AOT.tif", help="a file to use that is left out")
    group.add_argument("--offset", type=_finite, metavar="N", help="added to stored numbers: 0, or -1000")
    group.add_argument("--quantification", type=_finite, metavar="N", help="what they are divided by, usually 10000")
    group.add_argument("--nodata", type=_finite, metavar="N", help="leave out pixels that are N in every band")
    group.add_argument(
        "--area",
        type=cli_batch.file_path,
        metavar="FILE",
        help="leave out what lies outside: polygons (GeoJSON, GeoPackage, shapefile, KML, KMZ, FlatGeobuf), raster",
    )


def _add_recipe_flags(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group(
        "recipe", "Every choice; what is not given stays as in --recipe, or the default."
    )
    group.add_argument("--recipe", type=cli_batch.file_path, metavar="R.json", help="start from a saved recipe")
    group.add_argument(
        "--save-recipe", type=cli_batch.file_path, metavar="R.json", help="save the recipe that was used"
    )
    group.add_argument("--bands", metavar="all|B02,B03", help="bands to look at")
    group.add_argument("--indices", metavar="NDVI,NDWI", help="spectral indices as further features")
    group.add_argument("--scale", metavar="none|standard|robust", help="let every band count equally")
    group.add_argument("--clip", metavar="none|1,99", help="cut outliers at these percentiles")
    group.add_argument("--pca", metavar="none|0.99|3", help="principal components: their share of variance, or number")
    group.add_argument("--smooth", metavar="none|3", help="take the mean of 3 x 3 pixels first")
    group.add_argument("--mask", metavar="auto|none", help="leave out pixels without data, and the next two")
    group.add_argument(
        "--mask-scl", metavar="default|none|3,8,9", help="classes of the scene classification to leave out"
    )
    group.add_argument("--mask-saturated", metavar="yes|no", help="leave out saturated pixels")
    group.add_argument("--pixel-size", metavar="finest|10|20|60", help="the grid to work on, in units of the CRS")
    group.add_argument("--atmosphere", metavar="none|dos1", help="subtract haze by dark objects, for Level-1C")
    group.add_argument("--algorithm", metavar="NAME", help="kmeans and others: see the documentation")
    group.add_argument("--k", type=_whole, metavar="N", help="number of classes, 2 to 255")
    group.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="a setting of the algorithm")
    group.add_argument("--seed", type=_whole, metavar="N", help="another seed, another random start")
    group.add_argument("--sample", metavar="N|all", help="pixels to learn from")


_RECIPE_FLAGS = (
    *("bands", "indices", "scale", "clip", "pca", "smooth", "mask", "mask_scl", "mask_saturated", "pixel_size"),
    *("atmosphere", "algorithm", "k", "param", "seed", "sample"),
)
"""What `_recipe` looks at, beside the saved recipe."""


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def _finite(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def _examples(arguments: argparse.Namespace, started: float) -> dict[str, Any]:
    from s2dash.ingest import EXAMPLES

    return {one.key: {"path": str(one.path), "k": one.k, "description": one.description} for one in EXAMPLES}


def _info(arguments: argparse.Namespace, started: float) -> dict[str, Any]:
    from s2dash.core.recipe import default_recipe
    from s2dash.core.scene import masked_shares, valid_pixels
    from s2dash.raster.reading import read_preview_stack, read_scattered_stack

    with _opened(arguments) as scene:
        is_looked_through = scene.live_step == 1 or scene.locations[0].is_near
        stack = read_preview_stack(scene) if is_looked_through else read_scattered_stack(scene)
        every_band = [i for i in scene.measured if i not in scene.set_aside]
        masking = default_recipe(scene).masking
        hidden = ~valid_pixels(scene, every_band, stack, masking)
        causes = dict(masked_shares(scene, every_band, stack, masking))
        return {
            "title": scene.title,
            "width": scene.grid.width,
            "height": scene.grid.height,
            "crs": scene.grid.crs_label,
            "pixel_size": list(scene.grid.pixel_size),
            "pixel_sizes": [list(grid.pixel_size) for grid in scene.grids],
            "sensor": scene.sensor,
            "bands": list(scene.band_names),
            "light": {band.name: band.description for band in scene.bands},
            "attribution": scene.attribution or None,
            "level": scene.level,
            "baseline": scene.baseline,
            "offset": scene.reflectance.offset,
            "quantification": None if scene.reflectance.by_band else scene.reflectance.quantification,
            "reflectance": scene.reflectance.sentence,
            "date": scene.date,
            "nodata_share": 0.0 if scene.zero_is_nodata else round(causes.get("no data", 0.0), 6),
            "masked_share": round(float(hidden.mean()), 6),
            "masked": {cause: round(share, 6) for cause, share in causes.items()},
            "warnings": [*_scene_words(scene), *([] if is_looked_through else [_SCATTERED])],
        }


_SCATTERED = "Shares are of some places of the picture, so that not all of it has to be fetched."


def _scene_words(scene: Scene) -> list[str]:
    """The scene's notes, and what is or may be no data, with the flags that decide it."""
    from s2dash import ingest

    return [*ingest.flagged_words(scene), *ingest.doubtful_words(scene)]


def _classify(arguments: argparse.Namespace, started: float) -> dict[str, Any]:
    from s2dash.classify import pipeline
    from s2dash.classify.algorithms import load_libraries
    from s2dash.core import palette
    from s2dash.core.legend import default_legend
    from s2dash.export.geotiff import sidecar_path, write_geotiff_and_sidecar

    out: Path = arguments.output
    given = [*paths_of(arguments.paths), *(path for path in (arguments.recipe, arguments.area) if path)]
    _require_writable(out, "-o", given)
    _require_writable(sidecar_path(out), "-o", given)
    if arguments.save_recipe:
        _require_writable(arguments.save_recipe, "--save-recipe", [*paths_of(arguments.paths), out, sidecar_path(out)])

    with _executor(arguments) as executor, _opened(arguments) as scene, _labels_place(arguments) as labels_path:
        recipe = _recipe(arguments, scene)
        pipeline.resolve(scene, recipe)
        load_libraries()
        imported = time.perf_counter()
        result, fitted = pipeline.run(scene, recipe, labels_path, _show_progress, executor=executor)
        scores = pipeline.sample_scores(fitted)
        standards = [band.standard for band in scene.bands]
        legend = default_legend(palette.class_colours(fitted.mean_reflectance, standards))
        if executor is None or result.classmap.path is None:
            write_geotiff_and_sidecar(result, legend, out)
        else:
            _write_by_a_worker(executor, result, legend, out)
        if arguments.save_recipe:
            _replace_text(arguments.save_recipe, recipe.to_json() + "\n")
        ended = time.perf_counter()
        names = [entry.name for entry in legend.entries]
        seconds = {"work": ended - imported, "total": ended - started}
        return _summary(result, names, scores, _masked(fitted, result), seconds)


def _batch(arguments: argparse.Namespace, started: float) -> dict[str, Any]:
    from s2dash import ingest
    from s2dash.batch import Opener

    def open_scene(location: Location, folder: Path, progress: Progress, cancel: CancelToken) -> Scene:
        if location.is_missing:
            raise UnreadableFile(f"There is no file {location.where}. Check the path.")
        return _open(arguments, [location], folder, progress, cancel)

    if arguments.recipe:
        _saved_recipe(arguments.recipe)
    if arguments.save_recipe:
        _require_writable(arguments.save_recipe, "--save-recipe", paths_of(arguments.scenes))
    reading = _reading(arguments, ingest.area_files(arguments.area) if arguments.area else ())
    opener = Opener(open_scene, reading.to_json())
    with _executor(arguments) as executor:
        output = cli_batch.run(
            arguments, started, opener, lambda scene: _recipe(arguments, scene), _RECIPE_FLAGS, executor
        )
    if arguments.save_recipe:
        _replace_text(arguments.save_recipe, json.dumps(output["recipe"]) + "\n")
    return output


@contextlib.contextmanager
def _executor(arguments: argparse.Namespace) -> Iterator[Executor | None]:
    """The cluster that was asked for; None for this process's own threads."""
    if arguments.scheduler is None:
        yield None
        return
    from s2dash.classify.cluster import connected

    with connected(arguments.scheduler) as executor:
        try:
            yield executor
        except KeyboardInterrupt:
            raise Cancelled("Stopped. Finished parts are kept: run it again to go on.") from None


@contextlib.contextmanager
def _labels_place(arguments: argparse.Namespace) -> Iterator[Path]:
    """Where the labels are gathered before they become the result: where workers reach them, if there are any."""
    with tempfile.TemporaryDirectory(prefix="s2dash-") as scratch:
        if arguments.scheduler is None:
            yield Path(scratch) / "labels.tif"
            return
        # The same name each time: it is by this that a second run finds the parts of the first.
        out = arguments.output.absolute()
        labels_path = out.with_name(f".s2dash-{out.name}.labels")
        try:
            yield labels_path
        finally:
            labels_path.unlink(missing_ok=True)


def _write_by_a_worker(executor: Executor, result: Result, legend: Legend, out: Path) -> None:
    """Write the GeoTIFF where the labels are near; here if the cluster is lost at this last step."""
    from s2dash.classify.parts import result_of
    from s2dash.export.geotiff import write_geotiff_and_sidecar

    try:
        result_of(executor.submit(write_geotiff_and_sidecar, result, legend, out.absolute()), executor)
    except ClusterLost:
        write_geotiff_and_sidecar(result, legend, out)


def _masked(fitted: Fitted, result: Result) -> dict[str, float]:
    """The share of the pixels that is masked, and of each cause where the decimated copy is there to count in."""
    from s2dash.core.scene import masked_shares
    from s2dash.raster.reading import read_preview_stack

    scene, recipe = fitted.scene, fitted.recipe
    together = {"together": round(result.masked_share, 6)}
    if scene.live_step > 1 and scene.preview_path is None:
        return together
    shares = masked_shares(scene, scene.positions(recipe.bands), read_preview_stack(scene), recipe.masking)
    return together | {cause: round(share, 6) for cause, share in shares}


def _summary(
    result: Result, names: list[str], scores: Scores, masked: dict[str, float], seconds: dict[str, float]
) -> dict[str, Any]:
    return {
        "classes": [
            {
                "id": row.id,
                "name": name,
                "count": row.count,
                "share": round(row.share, 6),
                "area_ha": None if row.area_ha is None else round(row.area_ha, 4),
                "mean_reflectance": {
                    band: round(value, 6) if math.isfinite(value) else None
                    for band, value in zip(result.scene.band_names, row.mean_reflectance, strict=True)
                },
            }
            for row, name in zip(result.rows, names, strict=True)
        ],
        "scores": scores.to_dict(),
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "masked": masked,
        "engine": result.engine,
        "recipe": result.recipe.to_dict(),
        "attribution": result.scene.attribution or None,
        "warnings": [
            *_scene_words(result.scene),
            *(words for words in result.warnings if words not in result.scene.notes),
        ],
    }


def _recipe(arguments: argparse.Namespace, scene: Scene) -> Recipe:
    """The default or the given recipe with every flag that was given."""
    from s2dash.classify import pipeline
    from s2dash.core.recipe import default_recipe

    recipe = default_recipe(scene)
    if arguments.recipe:
        recipe = _saved_recipe(arguments.recipe)
    if arguments.algorithm is not None and arguments.algorithm != recipe.algorithm:
        recipe = pipeline.apply_algorithm(recipe, arguments.algorithm)
    given: dict[str, Any] = {}
    if arguments.bands is not None:
        every = tuple(scene.band_names[i] for i in scene.measured)
        given["bands"] = every if arguments.bands == "all" else _bands(scene, _list(arguments.bands))
    if arguments.indices is not None:
        given["indices"] = () if arguments.indices == "none" else tuple(_list(arguments.indices))
    if arguments.clip is not None:
        given["clip"] = None if arguments.clip == "none" else _percentiles(arguments.clip)
    if arguments.pca is not None:
        given["pca"] = None if arguments.pca == "none" else _components(arguments.pca)
    if arguments.smooth is not None:
        given["smooth"] = 0 if arguments.smooth == "none" else _number("--smooth", arguments.smooth)
    if arguments.sample is not None:
        given["sample"] = None if arguments.sample == "all" else _number("--sample", arguments.sample)
    if arguments.param:
        params = recipe.params_dict | dict(_param(text) for text in arguments.param)
        given["params"] = tuple(sorted(params.items()))
    if arguments.mask_scl is not None:
        given["mask_scl"] = _scl_classes(arguments.mask_scl)
    if arguments.mask_saturated is not None:
        given["mask_saturated"] = _yes("--mask-saturated", arguments.mask_saturated)
    if arguments.pixel_size is not None:
        given["pixel_size"] = None if arguments.pixel_size == "finest" else _size(arguments.pixel_size)
    for name in ("scale", "mask", "k", "seed", "atmosphere"):
        if getattr(arguments, name) is not None:
            given[name] = getattr(arguments, name)
    return replace(recipe, **given)


def _saved_recipe(path: Path) -> Recipe:
    from s2dash.core.recipe import Recipe

    try:
        return Recipe.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"The recipe {path} cannot be read: {error}.") from error


def _bands(scene: Scene, names: list[str]) -> tuple[str, ...]:
    return tuple(scene.band_names[position] for position in scene.positions(names))


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _percentiles(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise RecipeError(f"--clip takes two percentiles such as 1,99, or none; not {text[:40]!r}.") from None
    return low, high


def _components(text: str) -> int | float:
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    raise RecipeError(
        f"--pca takes a share such as 0.99, a number of components such as 3, or none; not {text[:40]!r}."
    )


def _number(flag: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise RecipeError(f"{flag} takes a whole number; not {text[:40]!r}.") from None


def _scl_classes(text: str) -> tuple[int, ...]:
    if text in ("default", "none"):
        return sentinel2.SCL_MASKED if text == "default" else ()
    return tuple(sorted({_number("--mask-scl", part) for part in _list(text)}))


def _yes(flag: str, text: str) -> bool:
    if text not in ("yes", "no"):
        raise RecipeError(f"{flag} takes yes or no; not {text[:40]!r}.")
    return text == "yes"


def _size(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise RecipeError(f"--pixel-size takes a number such as 10, or finest; not {text[:40]!r}.") from None


def _param(text: str) -> tuple[str, ParamValue]:
    name, equals, value = text.partition("=")
    if not equals:
        raise RecipeError(f"--param takes NAME=VALUE; not {text[:40]!r}.")
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return name.strip(), kind(value)
    return name.strip(), value.strip()


def _app(arguments: argparse.Namespace, started: float) -> None:
    """Serve the page until it is stopped."""
    from streamlit.web import cli as streamlit

    flags = [("--server.port", arguments.port), ("--server.address", arguments.address)]
    given = [f"{flag}={value}" for flag, value in flags if value is not None]
    streamlit.main(["run", str(Path(s2dash.__file__).parent / "server" / "app.py"), *given], standalone_mode=False)


@contextlib.contextmanager
def _opened(arguments: argparse.Namespace) -> Iterator[Scene]:
    """The scene: the operator's own file where it lies, or a rewritten copy that goes with the block."""
    locations: list[Location] = arguments.paths
    for path in [*paths_of(locations), *([arguments.area] if arguments.area else [])]:
        if not path.exists():
            raise UnreadableFile(f"There is no file {path}. Check the path.")
    # Workers of a cluster reach the result's folder, but not this machine's folder of temporary files.
    shared = arguments.output.parent if getattr(arguments, "scheduler", None) else None
    with tempfile.TemporaryDirectory(prefix="s2dash-" if shared is None else ".s2dash-", dir=shared) as scratch:
        yield _open(arguments, locations, Path(scratch), _show_progress)


def _open(
    arguments: argparse.Namespace,
    locations: list[Location],
    folder: Path,
    progress: Progress,
    cancel: CancelToken | None = None,
) -> Scene:
    """One scene, as the flags say it is understood; what is rewritten goes into `folder`."""
    from s2dash import ingest

    reading = _reading(arguments)
    scene = ingest.open_in_place(locations[0], reading) if len(locations) == 1 else None
    if scene is None:
        scene = ingest.ingest(locations, folder / "scene", progress=progress, cancel=cancel, reading=reading)
    if arguments.area:
        scene = ingest.with_area(scene, arguments.area, folder / "area", progress=progress, cancel=cancel)
    return scene


def _reading(arguments: argparse.Namespace, area: tuple[AreaFile, ...] = ()) -> SceneReading:
    """How the flags say that files are understood."""
    from s2dash.core.scene_reading import SceneReading

    return SceneReading(
        tile=arguments.tile,
        also=tuple(arguments.also),
        band_names=tuple(_list(arguments.band_names)) if arguments.band_names else None,
        quantification=arguments.quantification,
        offset=arguments.offset,
        nodata=() if arguments.nodata is None else (arguments.nodata,),
        area=area,
    )


def _require_writable(path: Path, flag: str, taken: list[Path]) -> None:
    """Raise OutputConflict where the path that `flag` leads to is one of those taken, or cannot be a new file."""
    try:
        for other in taken:
            same = path.exists() and other.exists() and path.samefile(other)
            if same or path.resolve() == other.resolve():
                raise OutputConflict(f"{flag} would write over {other}. Give another name there.")
        if path.is_dir():
            raise OutputConflict(f"{path} is a folder. Give a file name such as {path / 'classes.tif'} for {flag}.")
        if path.exists() and not path.is_file():
            raise OutputConflict(f"{path} is a device, not a file. Give another name for {flag}.")
        if not path.parent.is_dir():
            raise OutputConflict(f"There is no folder {path.parent}. Make it first, or write elsewhere ({flag}).")
        os.lstat(path)  # a name that is too long, for one
    except FileNotFoundError:
        pass
    except OSError as error:
        raise OutputConflict(f"{path} cannot be written: {error.strerror}. Give another name for {flag}.") from error
    require_writable_folder(path.parent)


def _replace_text(path: Path, text: str) -> None:
    """Write a text under a temporary name and move it into place; raises OutputConflict where that fails."""
    from s2dash.export.contents import staged

    with staged(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


class _Progress:
    """How far the work is, on one line of standard error."""

    def __init__(self) -> None:
        self._is_open = False

    def __call__(self, share: float, what: str) -> None:
        self._is_open = share < 1
        print(f"\r{what}: {share:4.0%}", end="" if self._is_open else "\n", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Go on to the next line, where anything stands on this one."""
        if self._is_open:
            print(file=sys.stderr, flush=True)
        self._is_open = False


_line = _Progress()


def _show_progress(share: float, what: str) -> None:
    _line(share, what)
