"""The first look at a large scene: a small one, from the lower resolution that its files hold, before all is read."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine

from s2dash.core.grid import Grid
from s2dash.core.scene import Layer, Scene
from s2dash.ingest.assemble.finish import finished
from s2dash.ingest.assemble.numbers import rescaled
from s2dash.ingest.assemble.plan import plan_scene
from s2dash.ingest.assemble.values import ScenePlan
from s2dash.ingest.canonical import RasterSource, raster_name, rewrite
from s2dash.ingest.checks import block_bytes, open_checked
from s2dash.ingest.gather import gather
from s2dash.ingest.member_location import MemberLocation
from s2dash.ingest.pile import GivenFile, is_archive
from s2dash.ingest.scene_facts import PREVIEW_NAME, facts_of, grid_facts, grid_of, scene_of
from s2dash.raster.door import make_on_grid
from s2dash.raster.location import FileLocation
from s2dash.settings import INGEST_LIMITS, thread_count

LOOK_FOLDER = "look"
"""Within the folder of the scene; it goes when the scene is there."""
LOOK_FROM_PIXELS = 30_000_000
"""Of all bands together: fewer are read in about two seconds, and need no look before."""
_LEAST_SIDE = 512
"""Of the look, at least where the scene has as much: it has fewer than twice as many, and so is shown in full."""
_ROUNDED = 1e-6
_LEAST_BYTES = 1 / 16
"""A pixel, of pictures with anything to see: a smaller file holds too few of them to be worth a glance."""


@dataclass(frozen=True, eq=False)
class FirstLook:
    """What can be shown of a scene while it is read, and is never to leave the page."""

    scene: Scene
    """Every n-th pixel on each side, by the files' own lower resolution; without classifications."""
    whole: Grid
    """Of the scene that is being read."""
    first_path: Path
    """The first of that scene, by which a map knows it."""


def told(planned: ScenePlan, folder: Path, least_pixels: int) -> dict[str, Any] | None:
    """Read the first look into `LOOK_FOLDER` of a folder; what goes through the pipe for `first_look_of`.

    None where the whole is read soon, where it has no place, by which a map brings both together, where files hold no
    lower resolution, or where the look shows too little to understand its numbers. What is wrong with files is for
    the reading of the whole to say.
    """
    if not planned.scene.grid.has_place:
        return None
    if sum(source.grid.pixel_count * len(source.indexes) for source in planned.sources) < least_pixels:
        return None
    try:
        return _told(planned, folder / LOOK_FOLDER)
    except Exception:  # noqa: BLE001 - a look that fails is none, whatever is wrong with the files
        return None


def told_before_unpacking(
    given: Sequence[GivenFile],
    folder: Path,
    title: str,
    tile: str | None,
    also: Sequence[str],
    are_numbers_given: bool,
    least_pixels: int,
) -> dict[str, Any] | None:
    """What `told` tells of a scene in a zip, whose bands are read where they lie; else None, as for packed ones.

    Arguments are those of `gather` and `plan_scene`.
    """
    try:
        if len(given) != 1 or not _may_be_large(given[0].path, least_pixels):
            return None
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            inputs = gather(given, Path(scratch), title, tile, lambda share: None, also, is_glance=True)
            if not any(isinstance(file.location, MemberLocation) for file in inputs.files):
                return None
            planned = plan_scene(inputs.files, inputs.provenance, folder, are_numbers_given)
            return told(planned, folder, least_pixels)
    except Exception:  # noqa: BLE001 - as in `told`
        return None


def _may_be_large(path: Path, least_pixels: int) -> bool:
    """Whether a file is an archive that may hold as many pixels."""
    return path.is_file() and is_archive(path) and path.stat().st_size >= least_pixels * _LEAST_BYTES


def first_look_of(facts: dict[str, Any], folder: Path) -> FirstLook:
    """The look that `told` told of."""
    place = folder / LOOK_FOLDER
    scene = scene_of(facts["scene"], place, place / PREVIEW_NAME)
    return FirstLook(scene, grid_of(facts["whole"]), folder / Path(facts["first"]).name)


def steps_of(finest: Grid, grids: Iterable[Grid]) -> dict[Grid, int]:
    """Every how many pixels of each grid the look takes one: powers of two, about the same distance on all."""
    side, step = max(finest.shape_rc), 1
    while side // (2 * step) >= _LEAST_SIDE:
        step *= 2
    apart = step * finest.pixel_size[0] * (1 + _ROUNDED)
    return {grid: 1 << max(0, int(apart / grid.pixel_size[0]).bit_length() - 1) for grid in (finest, *grids)}


def coarser(grid: Grid, step: int) -> Grid:
    """The grid of a lower resolution as JPEG 2000 has it, which may reach beyond the last pixels."""
    rows, cols = (-(-length // step) for length in grid.shape_rc)
    return Grid((rows, cols), grid.transform @ Affine.scale(step), grid.crs_wkt)


def _told(planned: ScenePlan, folder: Path) -> dict[str, Any] | None:
    whole = planned.scene
    wanted = [one for one in (_of_bands(source, whole) for source in planned.sources) if one is not None]
    steps = steps_of(whole.grid, (source.grid for source in wanted))
    blocks = [_block_bytes(source, steps[source.grid]) for source in wanted]
    if not all(blocks):
        return None
    shutil.rmtree(folder, ignore_errors=True)  # of a look that failed before
    folder.mkdir()
    at_once = max(1, min(thread_count(), INGEST_LIMITS.most_piece_bytes // max(blocks)))
    with ThreadPoolExecutor(at_once) as pool:
        copies = [folder / f"level_{number}.tif" for number in range(len(wanted))]
        sources = list(pool.map(lambda source, copy: _copied(source, steps[source.grid], copy), wanted, copies))
    scene, sources = _laid_out(whole, sources, coarser(whole.grid, steps[whole.grid]), folder)
    gathered = rewrite(sources, scene, folder, lambda share: None)
    small = replace(planned, scene=scene, sources=tuple(sources))
    if rescaled(small, gathered.preview) is not None:
        return None
    scene = finished(small, gathered.preview, gathered.valid_counts, gathered.digest)
    np.save(folder / PREVIEW_NAME, gathered.preview, allow_pickle=False)
    return {
        "scene": facts_of(scene, gathered.valid_counts),
        "whole": grid_facts(whole.grid),
        "first": whole.layers[0].location.file_name,
    }


def _of_bands(source: RasterSource, scene: Scene) -> RasterSource | None:
    """A source without classifications, as classes that were mixed are others; None where nothing else is in it."""
    is_band = [slot < len(scene.bands) for slot in source.slots[: len(source.indexes)]]
    if not any(is_band):
        return None
    mask = source.slots[-1:] if source.mask is not None else ()
    return replace(
        source,
        indexes=tuple(compress(source.indexes, is_band)),
        nodata=tuple(compress(source.nodata, is_band)),
        slots=(*compress(source.slots, is_band), *mask),
        codes=(),
    )


def _block_bytes(source: RasterSource, step: int) -> int:
    """What decoding takes; 0 where the source holds neither this resolution nor the next finer one.

    GDAL offers the resolutions of a tile of JPEG 2000 down to 128 pixels: every eighth pixel of 1024.
    """
    if source.pixels is not None:
        return 0
    with open_checked(source.location, name=source.name) as dataset:
        near = {max(2, step // 2), step}
        has_it = step == 1 or all(near & {*dataset.overviews(index)} for index in source.indexes)
        return block_bytes(dataset) if has_it else 0


def _copied(source: RasterSource, step: int, path: Path) -> RasterSource:
    """Write a source's bands and mask at a lower resolution; returns the source that is read in its place."""
    grid = coarser(source.grid, step)
    with open_checked(source.location, name=source.name) as dataset:
        values = dataset.read(list(source.indexes), out_shape=(len(source.indexes), *grid.shape_rc))
        values = values.astype(source.dtype, copy=False)
        if isinstance(source.mask, int):
            shown = dataset.read(source.mask, out_shape=grid.shape_rc)
        elif source.mask is not None:
            shown = dataset.dataset_mask(out_shape=grid.shape_rc)
        else:
            shown = None
    if shown is not None:
        values = np.concatenate([values, (shown != 0)[None].astype(values.dtype)])
    with make_on_grid(path, grid, source.dtype, count=len(values)) as copy:
        copy.write(values)
    count = len(source.indexes)
    mask = None if shown is None else count + 1
    return replace(source, location=FileLocation(path), grid=grid, indexes=tuple(range(1, count + 1)), mask=mask)


def _laid_out(
    whole: Scene, sources: Sequence[RasterSource], grid: Grid, folder: Path
) -> tuple[Scene, list[RasterSource]]:
    """The scene that the sources make together, and the sources with its places in its stack."""
    layers = {
        slot: Layer(FileLocation(folder / raster_name(number)), index, source.grid)
        for number, source in enumerate(sources)
        for index, slot in enumerate(source.slots, 1)
    }
    places = {slot: place for place, slot in enumerate(sorted(layers))}
    count = len(whole.bands)
    scene = replace(
        whole,
        grid=grid,
        grids=(grid,),
        layers=tuple(layers[slot] for slot in range(count)),
        masks=tuple(
            replace(mask, layer=layers[slot]) for slot, mask in enumerate(whole.masks, count) if slot in layers
        ),
    )
    return scene, [replace(source, slots=tuple(places[slot] for slot in source.slots)) for source in sources]
