"""The one door for files: whatever a user brings goes in here and a Scene comes out."""

from __future__ import annotations

import hashlib
import math
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from s2dash.core.legend import clean_name
from s2dash.core.scene import AREA, Band, Fill, Layer, MaskLayer, Reflectance, Scene
from s2dash.core.types import CancelToken, Progress, no_progress
from s2dash.errors import RecipeError, UnknownName, UnreadableFile
from s2dash.ingest.area_sources import shapefile_parts
from s2dash.ingest.assemble import Plan, brought_down, finished, grid_facts, plan, scene_of
from s2dash.ingest.checks import driver_of, open_checked, refuse_web
from s2dash.ingest.composed import beside
from s2dash.ingest.describe import has_internal_mask, named_bands, title_from
from s2dash.ingest.examples import EXAMPLES as EXAMPLES
from s2dash.ingest.examples import Example as Example
from s2dash.ingest.examples import example
from s2dash.ingest.fill import doubt_words, fill_words
from s2dash.ingest.inputs import Inputs, gather, gather_one
from s2dash.ingest.kinds import kind_of
from s2dash.ingest.pile import Given, shown
from s2dash.ingest.process import run_child
from s2dash.ingest.product import UNKNOWN_OFFSET, UNKNOWN_OFFSET_OF_FRACTIONS
from s2dash.raster import web, web_files
from s2dash.raster.door import GDAL_ERRORS
from s2dash.raster.reading import read_edge_stack, read_preview_stack

SAMPLE_PATH = example("coast").path
UNTITLED = "Your scene"
PREVIEW_NAME = "preview.npy"
_DOUBTS = (UNKNOWN_OFFSET, UNKNOWN_OFFSET_OF_FRACTIONS)
_SWITCH_OFF = "--mask none switches this off."


def sample_scene(key: str = "coast") -> Scene:
    """A scene that comes with the package, by its key in `EXAMPLES`. Raises UnknownName where there is none of it."""
    one = example(key)
    scene = open_in_place(one.path)
    assert scene is not None
    return replace(scene, title=one.title)


def open_in_place(path: Path) -> Scene | None:
    """A scene that reads the operator's own GeoTIFF where it lies; None where it must be rewritten to read well.

    For the command line only: a stranger's file goes through `ingest`. The file may lie on a web server
    (`web.path_of`); its layers then have the path of its version. Raises UnreadableFile as the checks do,
    and for a web file as `web.found` does.
    """
    if web.is_web(path):
        path = web_files.found(path)
    elif path.is_dir():
        return None
    if driver_of(path) != "GTiff":
        return None
    try:
        return _opened_in_place(path)
    except GDAL_ERRORS as error:
        raise UnreadableFile(
            f"{web.shown(path)} is damaged: not all of it can be read. Download or export it again."
        ) from (None if web.is_web(path) else error)


def _opened_in_place(path: Path) -> Scene | None:
    with open_checked(path) as dataset:
        blocks = set(dataset.block_shapes)
        tiled = len(blocks) == 1 and dataset.profile.get("tiled", False)
        if not tiled or has_internal_mask(dataset) or len(set(dataset.dtypes)) > 1:
            return None
        inputs = _gathered(path)
        planned = plan(inputs.files, inputs.provenance, path.parent)
        if any(source.codes for source in planned.sources):
            return None
        planned = _in_place(planned, path)
        identity = _identity(path)
        look = read_preview_stack if planned.scene.live_step == 1 else read_edge_stack
        stack = look(planned.scene)
        if brought_down(planned, stack) is not None:
            return None
        return finished(planned, stack, [stack[0].size] * len(planned.scene.bands), identity)


def _gathered(path: Path) -> Inputs:
    name = web.file_name(path)
    given, title = Given(name, path), title_from(Path(name))
    if web.is_web(path):
        return gather_one(given, title)
    files = [given, *(Given(one.name, one) for one in beside(path))]
    return gather(files, path.parent, title, None, _unheard)


def ingest(
    paths: Path | Sequence[Path],
    folder: Path,
    title: str | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
    names: Sequence[str] | None = None,
    tile: str | None = None,
    are_numbers_given: bool = False,
    also: Sequence[str] = (),
) -> Scene:
    """Open files in a process of its own, with limits, and rewrite them into `folder` as rasters of our own.

    Parameters
    ----------
    paths : one GeoTIFF or JP2, several that make up one scene, one zip, or the folder of a product
    folder : made if missing; receives the rasters and their decimated copy, and is removed again
        after an error or a cancellation
    title : the scene's name where the files tell none better
    names : what the files were called where they came from, with folders; their own names where None
    tile : which one to take where there are several
    are_numbers_given : whether numbers can be given after, so that metadata that cannot be read are left out, and said
    also : names of pictures to use as bands though they would be left out, as `Scene.left_out` has them

    Raises UnreadableFile that says what is wrong, also for files on web servers; UnknownName for a tile that is
    not there; Cancelled on request.
    """
    given = [paths] if isinstance(paths, Path) else list(paths)
    refuse_web(given)
    twice = next((path for path in given if [p.resolve() for p in given].count(path.resolve()) > 1), None)
    if twice is not None:
        raise UnreadableFile(f"{twice.name} is given twice. Give each file once.")
    title = title or _title(_names(given) if names is None else names)
    if names is None:
        given = list(with_what_lies_beside(given))
    names = _names(given) if names is None else list(names)
    request = {
        "kind": "scene",
        "paths": [str(path.resolve()) for path in given],
        "names": names,
        "folder": str(folder.resolve()),
        "title": title,
        "tile": tile,
        "are_numbers_given": are_numbers_given,
        "also": list(also),
        "preview": PREVIEW_NAME,
    }
    facts = _in_new_folder(request, folder, progress, cancel)
    return scene_of(facts, folder, folder / PREVIEW_NAME)


def with_what_lies_beside(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The same files with those that lie beside them and belong to them: a header, a world file, a product's pixels.

    For files where they lie, of the operator; what lies beside an upload may be somebody else's.
    """
    return tuple(dict.fromkeys([*paths, *(path for one in paths for path in beside(one))]))


def with_area(
    scene: Scene,
    paths: Path | Sequence[Path],
    folder: Path,
    names: Sequence[str] | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> Scene:
    """The scene with an area outside of which nothing counts: polygons, or a raster mask.

    Parameters
    ----------
    paths : polygons, the files of a shapefile, or a raster in which 0 and nodata are outside
    folder : made if missing, for the mask; removed again after an error or a cancellation
    names : what the files were called where they came from; where None, they are the operator's own, and what lies
        beside a shapefile belongs to it

    Raises UnreadableFile that says what is wrong, Cancelled on request.
    """
    given = [paths] if isinstance(paths, Path) else list(paths)
    refuse_web(given)
    if names is None:
        given += [part for path in given for part in shapefile_parts(path) if part not in given]
    called = [path.name for path in given] if names is None else [clean_name(name) for name in names]
    # The file with the shapes gives the area its name.
    called, given = map(list, zip(*sorted(zip(called, given, strict=True), key=_is_beside_shapes), strict=True))
    request = {
        "kind": "area",
        "paths": [str(path.resolve()) for path in given],
        "names": called,
        "folder": str(folder.resolve()),
        "grid": grid_facts(scene.grids[0]),
    }
    facts = _in_new_folder(request, folder, progress, cancel)
    bare = without_area(scene)
    layer = Layer(folder / Path(str(facts["raster"])).name, 1, scene.grids[0])
    notes = tuple(str(note) for note in facts["notes"])
    marked = hashlib.sha256(f"{bare.digest} {facts['digest']}".encode()).hexdigest()
    changed = replace(
        bare,
        masks=(*bare.masks, MaskLayer(AREA, layer, notes=notes)),
        digest=marked,
        previews=(),
        notes=(*bare.notes, *notes),
    )
    if bare.previews and bare.previews[0] is not None:
        before = np.load(bare.previews[0], allow_pickle=False)
        inside = np.load(folder / Path(str(facts["preview"])).name, allow_pickle=False)
        both = np.concatenate([before[: len(bare.bands) + len(bare.masks)], inside[None].astype(before.dtype)])
        np.save(folder / PREVIEW_NAME, both, allow_pickle=False)
        changed = replace(changed, previews=(folder / PREVIEW_NAME,))
    return changed


def _is_beside_shapes(one: tuple[str, Path]) -> bool:
    return not one[0].lower().endswith(".shp")


def without_area(scene: Scene) -> Scene:
    """The scene as it was before an area was drawn."""
    areas = [mask for mask in scene.masks if mask.kind == AREA]
    if not areas:
        return scene
    said = {note for area in areas for note in area.notes}
    kept = tuple(mask for mask in scene.masks if mask.kind != AREA)
    notes = tuple(note for note in scene.notes if note not in said)
    return replace(scene, masks=kept, notes=notes, digest=hashlib.sha256(f"{scene.digest} whole".encode()).hexdigest())


def rename_bands(scene: Scene, names: list[str]) -> Scene:
    """The scene with other band names, in the order of its bands; raises UnknownName for a wrong number of them."""
    if len(names) != len(scene.bands):
        raise UnknownName(f"{len(names)} names are given for {len(scene.bands)} bands. Give one name for each band.")
    bands = _renamed(scene, names)
    marked = hashlib.sha256("\n".join([scene.digest, *(b.name for b in bands)]).encode()).hexdigest()
    return replace(scene, bands=bands, digest=marked, names_are_guessed=False)


def _renamed(scene: Scene, names: Sequence[str]) -> tuple[Band, ...]:
    """Bands of these names; one that keeps its own stays what it is, whatever its number means elsewhere."""
    known = {band.name: band for band in scene.bands if band.own is not None}
    fresh = iter(named_bands([name for name in names if name not in known]))
    bands = [known[name] if name in known else next(fresh) for name in names]
    if len({band.name for band in bands}) < len(bands):
        return named_bands(names)
    return tuple(bands)


def with_numbers(scene: Scene, quantification: float | None = None, offset: float | None = None) -> Scene:
    """The scene whose reflectance is (stored + offset) / quantification, as the user says; None leaves a number.

    Raises RecipeError for numbers that cannot be.
    """
    found = scene.reflectance
    by_band = found.by_band if quantification is None else ()
    quantification = found.quantification if quantification is None else quantification
    if not 1e-6 <= quantification <= 1e9:
        raise RecipeError(f"The quantification is {quantification:g}, but it must be above 0, usually 10000.")
    if offset is not None and not abs(offset) <= 1e9:
        raise RecipeError(f"The offset is {offset:g}, but it must be a number in stored units, usually 0 or -1000.")
    offsets = found.offsets if offset is None else (float(offset),) * len(scene.bands)
    if (quantification, offsets, by_band) == (found.quantification, found.offsets, found.by_band):
        return scene
    shown = f"{offset:g}" if offset is not None else "as found"
    divided = "as found" if by_band else f"by {quantification:g}"
    sentence = f"Set by hand: divided {divided}, offset {shown}."
    # Who has set the offset need not be told to.
    notes = scene.notes if offset is None else tuple(note for note in scene.notes if note not in _DOUBTS)
    changed = scene.with_reflectance(Reflectance(quantification, offsets, sentence, by_band))
    return replace(changed, notes=notes)


def with_nodata(scene: Scene, value: float) -> Scene:
    """The scene in which pixels that hold a stored number in every band of the ground have no data, as the user says.

    Raises RecipeError for what is not a number.
    """
    if not math.isfinite(value):
        raise RecipeError(f"{value} cannot stand for no data. Give a finite number, such as 0 or -9999.")
    asked = [fill for fill in scene.doubtful_fills if fill.value == value]
    fills = asked or [Fill(value, scene.optical_bands())]
    if any(fill in scene.fills for fill in fills):
        return scene
    marked = hashlib.sha256(f"{scene.digest} nodata {value!r}".encode()).hexdigest()
    # Where grids are brought together it must not mix with its neighbours: the decimated copy holds it mixed.
    previews = scene.previews if len({layer.grid for layer in scene.layers}) == 1 else ()
    return replace(scene, fills=(*scene.fills, *fills), digest=marked, previews=previews)


def doubts_offset(scene: Scene) -> bool:
    """Whether 1000, or 0.1 of fractions, may have to be subtracted and nothing says so."""
    return any(doubt in scene.notes for doubt in _DOUBTS)


def doubtful_numbers(scene: Scene) -> tuple[tuple[float, str, float], ...]:
    """What may be no data: each number, which pixels in words, and the share of the pixels that hold it."""
    words: dict[float, list[str]] = {}
    shares: dict[float, float] = {}
    for fill in scene.doubtful_fills:
        words.setdefault(fill.value, []).append(doubt_words(fill, scene))
        shares[fill.value] = max(fill.share, shares.get(fill.value, 0.0))
    return tuple((value, " or ".join(dict.fromkeys(words[value])), share) for value, share in shares.items())


def doubtful_words(scene: Scene) -> tuple[str, ...]:
    """What may be no data, with the flag that leaves it out, in plain words: for the command line."""
    left_out = {fill.value for fill in scene.doubtful_fills if fill in scene.fills}
    return tuple(
        f"{share:.1%} of the pixels are {words}. If nothing was measured there, leave them out: --nodata {value:.17g}."
        for value, words, share in doubtful_numbers(scene)
        if value not in left_out
    )


def flagged_words(scene: Scene) -> tuple[str, ...]:
    """The scene's notes as the command line says them: those of fill with the flag that switches it off."""
    found = {fill_words(fill, scene) for fill in scene.fills}
    return tuple(f"{note[:-1]}; {_SWITCH_OFF}" if note in found else note for note in scene.notes)


def shown_name(name: str) -> str:
    """A name of `Scene.left_out` as messages quote it."""
    return shown(name)


def _unheard(share: float) -> None:
    """Progress of what is done at once."""


def _in_new_folder(
    request: dict[str, Any], folder: Path, progress: Progress, cancel: CancelToken | None
) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return run_child(request, folder, progress, cancel or CancelToken())
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _names(paths: Sequence[Path]) -> list[str]:
    """File names; with their folders where names alone do not tell the files apart."""
    alone = [path.name or str(path) for path in (path.resolve() for path in paths)]
    return alone if len(set(alone)) == len(alone) else ["/".join(path.resolve().parts[-3:]) for path in paths]


_DAY_IN_NAME = re.compile(r"(?<!\d)(?:19|20)\d\d([-_.]?)[01]\d\1[0-3]\d(?!\d)")


def _title(names: Sequence[str]) -> str:
    """What the names of all pictures begin with; the first one's where that is little. A day cut in half is none."""
    pictures = [name for name in names if kind_of(name).tells] or list(names)
    stems = [Path(name.replace("\\", "/").rstrip("/")).name for name in pictures]
    stems = [stem.rsplit(".", 1)[0].removesuffix(".tar") if "." in stem else stem for stem in stems]
    if len(stems) == 1:
        return clean_name(stems[0]) or UNTITLED
    length = next((n for n, letters in enumerate(zip(*stems, strict=False)) if len(set(letters)) > 1), len(stems[0]))
    days = (day for day in _DAY_IN_NAME.finditer(stems[0]) if day.start() < length < day.end())
    length = next((day.start() for day in days), length)
    shared = stems[0][:length]
    if any(stem[length : length + 1].isdigit() for stem in stems):
        shared = shared.rstrip("0123456789")
    shared = shared.strip(" _-.(")
    # What names of bands begin with is no title: B of B02, SR_B of SR_B4.
    shared = re.sub(r"(?:^|[ _.-]+)(?:band|b|bn|sr_b|layer|fre|sre|nbart)$", "", shared, flags=re.IGNORECASE)
    shared = shared.strip(" _-.(")
    return clean_name(shared) if len(shared) >= 2 and not re.fullmatch(r"[\d _.-]+", shared) else UNTITLED


def _in_place(planned: Plan, path: Path) -> Plan:
    """The plan with its layers where the file's bands are."""
    (source,) = planned.sources
    scene = planned.scene
    # In the raster that would be written, the mask follows the bands.
    places = [*source.indexes, int(source.mask or 0)]
    layers = tuple(Layer(path, places[layer.index - 1], source.grid) for layer in scene.layers)
    masks = tuple(replace(mask, layer=Layer(path, places[mask.layer.index - 1], source.grid)) for mask in scene.masks)
    return replace(planned, scene=replace(scene, layers=layers, masks=masks))


def _identity(path: Path) -> str:
    """A digest of which file this is and when it changed: reading a large one whole would take longer than its use."""
    if web.is_web(path):
        return hashlib.sha256(web.identity(path).encode()).hexdigest()
    found = path.resolve()
    state = found.stat()
    return hashlib.sha256(f"{found}\n{state.st_size}\n{state.st_mtime_ns}".encode()).hexdigest()
