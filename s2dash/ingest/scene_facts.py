"""A scene as plain values and back: what goes through the pipe between the confined process and ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from affine import Affine

from s2dash.core import missions
from s2dash.core.grid import Grid
from s2dash.core.scene import Band, Fill, Layer, MaskLayer, Reflectance, Scene
from s2dash.raster.location import FileLocation

PREVIEW_NAME = "preview.npy"
"""The decimated copy beside a scene's rasters."""


def grid_facts(grid: Grid) -> list[Any]:
    """A grid as plain values."""
    return [*grid.shape_rc, *grid.transform[:6], grid.crs_wkt]


def grid_of(facts: Sequence[Any]) -> Grid:
    """What `grid_facts` gave."""
    height, width, *transform, crs_wkt = facts
    return Grid((int(height), int(width)), Affine(*(float(v) for v in transform)), crs_wkt)


def facts_of(scene: Scene, valid_counts: Sequence[int]) -> dict[str, Any]:
    """The scene as plain values, without its folder: what goes through the pipe. `scene_of` reads it back."""
    grids = list(dict.fromkeys([*scene.grids, *(la.grid for la in scene.layers), *(m.layer.grid for m in scene.masks)]))

    def layer(given: Layer) -> list[Any]:
        return [given.location.file_name, given.index, grids.index(given.grid)]

    return {
        "title": scene.title,
        "grids": [grid_facts(grid) for grid in grids],
        "scene_grids": len(scene.grids),
        "bands": [[band.name, band.standard, band.is_helper, _own_facts(band.own)] for band in scene.bands],
        "layers": [layer(one) for one in scene.layers],
        "masks": [[m.kind, layer(m.layer), m.positions, m.quality, m.notes] for m in scene.masks],
        "dtype": scene.dtype,
        "nodata": [None if n is None else repr(float(n)) for n in scene.nodata],
        "reflectance": _reflectance_facts(scene.reflectance),
        "saturated": scene.saturated,
        "digest": scene.digest,
        "level": scene.level,
        "baseline": scene.baseline,
        "year": scene.year,
        "date": scene.date,
        "notes": scene.notes,
        "missions": [mission.key for mission in scene.missions],
        "left_out": scene.left_out,
        "origins": scene.origins,
        "names_are_guessed": scene.names_are_guessed,
        "set_aside": scene.set_aside,
        "fills": [_fill_facts(fill) for fill in scene.fills],
        "doubtful_fills": [_fill_facts(fill) for fill in scene.doubtful_fills],
        "valid_shares": [
            count / max(1, one.grid.pixel_count) for count, one in zip(valid_counts, scene.layers, strict=True)
        ],
    }


def _own_facts(own: missions.OwnBand | None) -> list[Any] | None:
    return None if own is None else [own.name, own.common_name, own.wavelength_nm, own.standard, own.mission]


def _reflectance_facts(reflectance: Reflectance) -> list[Any]:
    return [reflectance.quantification, reflectance.offsets, reflectance.sentence, reflectance.by_band]


def _reflectance_of(facts: Sequence[Any]) -> Reflectance:
    quantification, offsets, sentence, by_band = facts
    return Reflectance(float(quantification), tuple(map(float, offsets)), sentence, tuple(map(float, by_band)))


def _fill_facts(fill: Fill) -> list[Any]:
    return [repr(fill.value), fill.positions, fill.is_alone, fill.share, fill.least]


def _fill_of(facts: Sequence[Any]) -> Fill:
    value, positions, is_alone, share, least = facts
    return Fill(float(value), tuple(positions), bool(is_alone), float(share), None if least is None else float(least))


def scene_of(facts: dict[str, Any], folder: Path, preview: Path) -> Scene:
    """The scene that `facts_of` told of, its rasters in `folder`."""
    grids = [grid_of(one) for one in facts["grids"]]

    def layer(given: Sequence[Any]) -> Layer:
        name, index, grid = given
        return Layer(FileLocation(folder / Path(name).name), int(index), grids[grid])

    return Scene(
        title=facts["title"],
        grid=grids[0],
        bands=tuple(
            Band(name, standard, bool(is_helper), None if own is None else missions.OwnBand(*own))
            for name, standard, is_helper, own in facts["bands"]
        ),
        layers=tuple(layer(one) for one in facts["layers"]),
        dtype=facts["dtype"],
        nodata=tuple(None if n is None else float(n) for n in facts["nodata"]),
        reflectance=_reflectance_of(facts["reflectance"]),
        digest=facts["digest"],
        masks=tuple(
            MaskLayer(kind, layer(one), tuple(positions), tuple(notes), quality)
            for kind, one, positions, quality, notes in facts["masks"]
        ),
        missions=tuple(missions.MISSIONS[key] for key in facts["missions"]),
        left_out=tuple(facts["left_out"]),
        origins=tuple(facts["origins"]),
        saturated=facts["saturated"],
        grids=tuple(grids[: facts["scene_grids"]]),
        level=facts["level"],
        baseline=facts["baseline"],
        year=facts["year"],
        date=facts["date"],
        notes=tuple(facts["notes"]),
        names_are_guessed=facts["names_are_guessed"],
        set_aside=tuple(facts["set_aside"]),
        fills=tuple(_fill_of(one) for one in facts["fills"]),
        doubtful_fills=tuple(_fill_of(one) for one in facts["doubtful_fills"]),
        previews=(preview,),
        valid_shares=tuple(float(share) for share in facts["valid_shares"]),
    )
