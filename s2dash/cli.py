"""The command line: `info` and `classify`, through the same functions as the page.

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

from s2dash import __version__
from s2dash.errors import (
    BrokenResult,
    Cancelled,
    InputError,
    OutputConflict,
    RecipeError,
    S2DashError,
    UnreadableFile,
)

if TYPE_CHECKING:
    from s2dash.classmap import Result
    from s2dash.evaluate import Scores
    from s2dash.recipe import ParamValue, Recipe
    from s2dash.scene import Scene

EXIT_STATUS: dict[type[S2DashError], int] = {InputError: 2, RecipeError: 2, Cancelled: 2, BrokenResult: 1}
"""What each kind of error ends with."""


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    started = time.perf_counter()
    arguments = _parser().parse_args(argv)
    _close_gdal_doors()
    try:
        output: dict[str, Any] = arguments.run(arguments, started)
    except S2DashError as error:
        print(f"s2dash: {error}", file=sys.stderr)
        return next((status for kind, status in EXIT_STATUS.items() if isinstance(error, kind)), 1)
    except KeyboardInterrupt:
        print("s2dash: Stopped. Nothing was changed.", file=sys.stderr)
        return 2
    only_ascii = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    json.dump(output, sys.stdout, indent=2, ensure_ascii=only_ascii, allow_nan=False)
    print()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m s2dash",
        description="Groups the pixels of a Sentinel-2 picture that look alike, and writes the groups as a map.",
    )
    parser.add_argument("--version", action="version", version=f"s2dash {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    info = commands.add_parser("info", help="print what is known of a file, as JSON")
    info.set_defaults(run=_info)
    classify = commands.add_parser("classify", help="write the class map of a file as a GeoTIFF")
    classify.set_defaults(run=_classify)
    for command in (info, classify):
        command.add_argument("paths", nargs="+", metavar="PATH", type=Path, help="a GeoTIFF with Sentinel-2 bands")
        command.add_argument("--band-names", metavar="B02,B03", help="what the file's bands are, where it does not say")
    classify.add_argument("-o", "--output", required=True, type=Path, metavar="OUT.tif", help="the GeoTIFF to write")
    _add_recipe_flags(classify)
    return parser


def _add_recipe_flags(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group(
        "recipe", "Every choice; what is not given stays as in --recipe, or the default."
    )
    group.add_argument("--recipe", type=Path, metavar="R.json", help="start from a saved recipe")
    group.add_argument("--save-recipe", type=Path, metavar="R.json", help="save the recipe that was used")
    group.add_argument("--bands", metavar="all|B02,B03", help="bands to look at")
    group.add_argument("--indices", metavar="NDVI,NDWI", help="spectral indices as further features")
    group.add_argument("--scale", metavar="none|standard|robust", help="let every band count equally")
    group.add_argument("--clip", metavar="none|1,99", help="cut outliers at these percentiles")
    group.add_argument("--smooth", metavar="none|3", help="take the mean of 3 x 3 pixels first")
    group.add_argument("--mask", metavar="auto|none", help="leave out pixels without data")
    group.add_argument("--algorithm", metavar="NAME", help="kmeans and others: see the documentation")
    group.add_argument("--k", type=_whole, metavar="N", help="number of classes, 2 to 255")
    group.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="a setting of the algorithm")
    group.add_argument("--seed", type=_whole, metavar="N", help="another seed, another random start")
    group.add_argument("--sample", metavar="N|all", help="pixels to learn from")


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def _info(arguments: argparse.Namespace, started: float) -> dict[str, Any]:
    import numpy as np

    from s2dash.scene import read_preview_stack, valid_pixels

    with _opened(arguments) as scene:
        stack = read_preview_stack(scene)
        every_band = range(len(scene.bands))
        auto = valid_pixels(scene, every_band, stack, "auto")
        tagged = _tagged_nodata(scene, stack)
        return {
            "width": scene.grid.width,
            "height": scene.grid.height,
            "crs": scene.grid.crs_label,
            "pixel_size": list(scene.grid.pixel_size),
            "bands": list(scene.band_names),
            "level": scene.level,
            "baseline": scene.baseline,
            "offset": scene.reflectance.offset,
            "quantification": scene.reflectance.quantification,
            "date": scene.date,
            "nodata_share": round(float(np.mean(tagged)), 6),
            "masked_share": round(1 - float(np.mean(auto)), 6),
            "warnings": [*scene.notes, *_mask_words(scene, auto)],
        }


def _tagged_nodata(scene: Scene, stack: Any) -> Any:
    """Where any band has its tagged nodata value or is not finite, shape (rows, cols), bool."""
    import numpy as np

    found = np.zeros(stack.shape[1:], dtype=bool)
    for index, nodata in zip(scene.band_indexes, scene.nodata, strict=True):
        band = stack[index - 1]
        if nodata is not None and not math.isnan(nodata):
            found |= band == nodata
        if np.issubdtype(band.dtype, np.floating):
            found |= ~np.isfinite(band)
    return found


def _mask_words(scene: Scene, valid: Any) -> list[str]:
    if not scene.zero_is_nodata or valid.all():
        return []
    return ["Pixels that are zero in every band count as nodata, as the file tags none; --mask none switches this off."]


def _classify(arguments: argparse.Namespace, started: float) -> dict[str, Any]:
    from s2dash import palette, pipeline
    from s2dash.algorithms import load_libraries
    from s2dash.export.geotiff import sidecar_path, write_geotiff_and_sidecar
    from s2dash.legend import default_legend

    out: Path = arguments.output
    given = [*arguments.paths, *([arguments.recipe] if arguments.recipe else [])]
    _require_writable(out, "-o", given)
    _require_writable(sidecar_path(out), "-o", given)
    if arguments.save_recipe:
        _require_writable(arguments.save_recipe, "--save-recipe", [*arguments.paths, out, sidecar_path(out)])

    with _opened(arguments) as scene, tempfile.TemporaryDirectory(prefix="s2dash-") as scratch:
        recipe = _recipe(arguments, scene)
        pipeline.check(scene, recipe)
        load_libraries()
        imported = time.perf_counter()
        result, fitted = pipeline.run(scene, recipe, Path(scratch) / "labels.tif", _show_progress)
        scores = pipeline.sample_scores(fitted)
        standards = [band.standard for band in scene.bands]
        legend = default_legend(palette.class_colours(fitted.mean_reflectance, standards))
        write_geotiff_and_sidecar(result, legend, out)
        if arguments.save_recipe:
            _replace_text(arguments.save_recipe, recipe.to_json() + "\n")
        ended = time.perf_counter()
        names = [entry.name for entry in legend.entries]
        return _summary(result, names, scores, {"work": ended - imported, "total": ended - started})


def _summary(result: Result, names: list[str], scores: Scores, seconds: dict[str, float]) -> dict[str, Any]:
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
        "engine": result.engine,
        "recipe": result.recipe.to_dict(),
        "attribution": result.scene.attribution,
        "warnings": list(result.warnings),
    }


def _recipe(arguments: argparse.Namespace, scene: Scene) -> Recipe:
    """The default or the given recipe with every flag that was given."""
    from s2dash import pipeline
    from s2dash.recipe import Recipe, default_recipe

    recipe = default_recipe(scene)
    if arguments.recipe:
        try:
            recipe = Recipe.from_json(arguments.recipe.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"The recipe {arguments.recipe} cannot be read: {error}.") from error
    if arguments.algorithm is not None and arguments.algorithm != recipe.algorithm:
        recipe = pipeline.apply_algorithm(recipe, arguments.algorithm)
    given: dict[str, Any] = {}
    if arguments.bands is not None:
        given["bands"] = scene.band_names if arguments.bands == "all" else _bands(scene, _list(arguments.bands))
    if arguments.indices is not None:
        given["indices"] = () if arguments.indices == "none" else tuple(_list(arguments.indices))
    if arguments.clip is not None:
        given["clip"] = None if arguments.clip == "none" else _percentiles(arguments.clip)
    if arguments.smooth is not None:
        given["smooth"] = 0 if arguments.smooth == "none" else _number("--smooth", arguments.smooth)
    if arguments.sample is not None:
        given["sample"] = None if arguments.sample == "all" else _number("--sample", arguments.sample)
    if arguments.param:
        params = recipe.params_dict | dict(_param(text) for text in arguments.param)
        given["params"] = tuple(sorted(params.items()))
    for name in ("scale", "mask", "k", "seed"):
        if getattr(arguments, name) is not None:
            given[name] = getattr(arguments, name)
    return replace(recipe, **given)


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


def _number(flag: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise RecipeError(f"{flag} takes a whole number; not {text[:40]!r}.") from None


def _param(text: str) -> tuple[str, ParamValue]:
    name, equals, value = text.partition("=")
    if not equals:
        raise RecipeError(f"--param takes NAME=VALUE; not {text[:40]!r}.")
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return name.strip(), kind(value)
    return name.strip(), value.strip()


@contextlib.contextmanager
def _opened(arguments: argparse.Namespace) -> Iterator[Scene]:
    """The scene: the operator's own file where it lies, or a rewritten copy that goes with the block."""
    from s2dash import ingest

    if len(arguments.paths) > 1:
        raise InputError(f"{len(arguments.paths)} files are given, but one GeoTIFF with all bands is read at a time.")
    path: Path = arguments.paths[0]
    if not path.is_file():
        raise UnreadableFile(f"There is no file {path}. Check the path.")
    with tempfile.TemporaryDirectory(prefix="s2dash-") as scratch:
        scene = ingest.open_in_place(path) or ingest.ingest(path, Path(scratch) / "scene", progress=_show_progress)
        if arguments.band_names:
            scene = ingest.rename_bands(scene, _list(arguments.band_names))
        yield scene


def _require_writable(path: Path, flag: str, taken: list[Path]) -> None:
    """Raise OutputConflict where the path that `flag` leads to is one of those taken, or cannot be a new file."""
    for other in taken:
        same = path.exists() and other.exists() and path.samefile(other)
        if same or path.resolve() == other.resolve():
            raise OutputConflict(f"{flag} would write over {other}. Give another name there.")
    if path.is_dir():
        raise OutputConflict(f"{path} is a folder. Give a file name such as {path / 'classes.tif'} for {flag}.")
    if not path.parent.is_dir():
        raise OutputConflict(f"There is no folder {path.parent}. Make it first, or write elsewhere ({flag}).")


def _replace_text(path: Path, text: str) -> None:
    """Write a text under a temporary name and move it into place."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".s2dash-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def _close_gdal_doors() -> None:
    """Set GDAL's environment before it is loaded: no side-cars, no other files."""
    from s2dash.settings import GDAL_ENVIRONMENT

    os.environ.update(GDAL_ENVIRONMENT)


def _show_progress(share: float, what: str) -> None:
    end = "\n" if share >= 1 else ""
    print(f"\r{what}: {share:4.0%}", end=end, file=sys.stderr, flush=True)
