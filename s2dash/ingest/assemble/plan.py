"""From headers to a scene that is still to be written: which band is where, on which grids, with which masks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from s2dash.core import missions
from s2dash.core.grid import Grid, decimated_shape
from s2dash.core.scene import FILE_MASK, SCL, Band, Layer, MaskLayer, Reflectance, Scene
from s2dash.errors import UnreadableFile
from s2dash.ingest.align import in_one_place, scene_grids
from s2dash.ingest.assemble.attribution import are_told_sentinel_2, missions_of
from s2dash.ingest.assemble.embedding_files import as_embedding, require_alike
from s2dash.ingest.assemble.headers import FileHeader, in_zone_of_tile, read_header
from s2dash.ingest.assemble.numbers import stated_numbers, usual_numbers
from s2dash.ingest.assemble.values import InputFile, Provenance, ScenePlan
from s2dash.ingest.canonical import RasterSource, raster_name
from s2dash.ingest.checks import NO_PLACE
from s2dash.ingest.describe import acquisition_date, any_date, named_bands
from s2dash.ingest.fill import zero_fill
from s2dash.ingest.product.radiometry import UNKNOWN_OFFSET
from s2dash.raster.location import FileLocation, Location
from s2dash.settings import INGEST_LIMITS

_NEITHER_BIT = 255.0
"""Tagged where all bands are of one bit: both of its values count, for without zero there is nothing to group."""
_NO_SYSTEM = (
    "Coordinates are there, but not which system they are in. Save the file with it, or give its .prj file too."
)


def plan_scene(
    files: Sequence[InputFile], provenance: Provenance, folder: Path, are_numbers_given: bool = False
) -> ScenePlan:
    """Read all headers and lay the scene out; its rasters will lie in `folder`.

    Parameters
    ----------
    are_numbers_given : whether the user says how numbers become reflectance, so that metadata are not needed for it

    Raises UnreadableFile for a file that cannot be used, or files that do not go together.
    """
    if provenance.complaint:
        provenance = _without_metadata(provenance, provenance.complaint, are_numbers_given)
    headers = _headers(files, provenance)
    placed = in_one_place(_with_known_places(headers, provenance), [header.file.name for header in headers])
    grids, grid_notes = scene_grids(placed.grids)
    stack = _Stack.of(headers, placed.grids, folder)
    bands = named_bands(stack.texts, stack.missions)
    date, year = _date(headers, provenance)
    whose = missions_of(headers, bands, provenance)
    notes = [*provenance.notes, *(note for header in headers for note in header.notes), *placed.notes, *grid_notes]
    if provenance.doubt and not any(header.stated for header in headers):
        notes.append(provenance.doubt)
    notes = [*_place_notes(grids[0]), *notes, *_band_notes(bands, whose)]
    scene = Scene(
        title=provenance.title,
        grid=grids[0],
        bands=bands,
        layers=tuple(stack.layers),
        dtype=str(np.result_type(*(np.dtype(h.dtype) for h in headers if not h.file.is_scl))),
        nodata=tuple(stack.nodata),
        reflectance=Reflectance(1.0, (0.0,) * len(bands), ""),
        digest="",
        masks=tuple(stack.masks),
        saturated=provenance.saturated,
        grids=grids,
        level=provenance.level or _level(headers),
        baseline=provenance.baseline,
        year=year,
        date=date,
        notes=tuple(dict.fromkeys(notes)),
        names_are_guessed=any(header.is_guessed for header in headers),
        missions=whose,
        left_out=provenance.left_out,
        origins=_origins(headers),
    )
    scene = replace(scene, fills=zero_fill(scene))
    _require_small_picture(scene)
    days = [h.file.date for h in headers] + [date] + _days_in(band.suffix for band in bands)
    usual, usual_notes = usual_numbers(scene, headers, provenance)
    return ScenePlan(
        scene,
        tuple(stack.sources),
        stated_numbers(scene, headers, provenance),
        usual=usual,
        usual_notes=usual_notes,
        texts=tuple(stack.texts),
        is_told_sentinel_2=are_told_sentinel_2(headers, provenance),
        is_told=provenance.reflectance is not None or any(header.stated for header in headers),
        is_mission=provenance.is_mission,
        latest=max((day for day in days if day), default=None),
        is_palette=all(header.is_palette for header in headers),
    )


def _without_metadata(provenance: Provenance, complaint: str, are_numbers_given: bool) -> Provenance:
    """What is known without metadata that cannot be used; raises UnreadableFile where they are needed."""
    if not are_numbers_given:
        raise UnreadableFile(complaint)
    doubt = provenance.doubt or (None if provenance.reflectance else UNKNOWN_OFFSET)
    return replace(provenance, notes=(*provenance.notes, f"Not used: {complaint}"), doubt=doubt)


def _headers(files: Sequence[InputFile], provenance: Provenance) -> Sequence[FileHeader]:
    """The headers of files that can be a scene together."""
    headers = in_zone_of_tile([as_embedding(read_header(file, provenance)) for file in files])
    require_alike(headers)
    if all(header.is_bilevel and set(header.nodata) == {None} for header in headers):
        headers = [replace(header, nodata=(_NEITHER_BIT,) * len(header.nodata)) for header in headers]
    _require_budget(headers)
    if all(header.file.is_scl for header in headers):
        what = "quality band" if headers[0].file.quality else "scene classification"
        raise UnreadableFile(f"{headers[0].file.name} is a {what}, not satellite bands. Add the bands it belongs to.")
    return headers


@dataclass
class _Stack:
    """What the files make together: first all bands, behind them the masks, as the decimated copy has them."""

    band_count: int
    layers: list[Layer] = field(default_factory=list)
    masks: list[MaskLayer] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    missions: list[missions.Mission | None] = field(default_factory=list)
    nodata: list[float | None] = field(default_factory=list)
    sources: list[RasterSource] = field(default_factory=list)

    @staticmethod
    def of(headers: Sequence[FileHeader], grids: Sequence[Grid], folder: Path) -> _Stack:
        """One source for each file, whose raster will lie in `folder`."""
        stack = _Stack(sum(len(header.indexes) for header in headers if not header.file.is_scl))
        for number, (header, grid) in enumerate(zip(headers, grids, strict=True)):
            location = FileLocation(folder / raster_name(number))
            if header.file.is_scl:
                concerned = _bands_of_date(headers, header)
                slots = [
                    stack._add_mask(MaskLayer(SCL, Layer(location, 1, grid), concerned, quality=header.file.quality))
                ]
            else:
                slots = stack._add_bands(header, location, grid)
            stack.sources.append(_source(header, grid, tuple(slots)))
        return stack

    def _add_mask(self, mask: MaskLayer) -> int:
        self.masks.append(mask)
        return self.band_count + len(self.masks) - 1

    def _add_bands(self, header: FileHeader, location: Location, grid: Grid) -> list[int]:
        """The places of a file's bands, and of the masks that lie among and behind them."""
        first = len(self.layers)
        whole = tuple(range(first, first + len(header.texts)))
        self.layers += [Layer(location, index, grid) for index in range(1, len(whole) + 1)]
        self.texts += header.texts
        self.missions += [header.mission] * len(whole)
        self.nodata += header.nodata
        own = whole if len(whole) < self.band_count else ()
        slots = list(whole)
        in_stack: list[tuple[str | None, str | None]] = [(None, day) for _, day in header.classifications]
        in_stack += [(code.kind, day) for code, day in header.codes]
        for index, (kind, day) in enumerate(in_stack, len(whole) + 1):
            concerned = tuple(slot for slot in whole if day is not None and any_date(self.texts[slot]) == day)
            slots.append(self._add_mask(MaskLayer(SCL, Layer(location, index, grid), concerned or own, quality=kind)))
        if header.mask is not None:
            slots.append(self._add_mask(MaskLayer(FILE_MASK, Layer(location, len(slots) + 1, grid), own)))
        return slots


def _place_notes(grid: Grid) -> tuple[str, ...]:
    if grid.has_place:
        return ()
    return (NO_PLACE,) if grid.transform.is_identity else (NO_PLACE, _NO_SYSTEM)


def _band_notes(bands: Sequence[Band], whose: Sequence[missions.Mission]) -> Iterable[str]:
    helpers = [band.name for band in bands if band.is_helper]
    if helpers:
        yield f"Left out, as no bands of the ground: {', '.join(helpers)}. Choose them to use them all the same."
    if len(whose) > 1:
        yield (
            f"The bands are of several missions, {missions.title_of(whose)}. Those of the same kind of light count as "
            "the same, though each measures it a little differently."
        )


def _origins(headers: Sequence[FileHeader]) -> tuple[str, ...]:
    """The file that each band is from; empty where there is only one."""
    of_bands = [header for header in headers if not header.file.is_scl]
    if len(of_bands) < 2:
        return ()
    return tuple(
        header.file.name if len(header.indexes) == 1 else f"{header.file.name}, band {index}"
        for header in of_bands
        for index in header.indexes
    )


def _require_budget(headers: Sequence[FileHeader]) -> None:
    bands = sum(len(header.indexes) for header in headers)
    if bands > INGEST_LIMITS.most_bands:
        raise UnreadableFile(f"The files have {bands:,} bands together; at most {INGEST_LIMITS.most_bands:,} are read.")
    stored = sum(header.stored for header in headers)
    if stored > INGEST_LIMITS.most_stored_bytes:
        raise UnreadableFile(
            f"The files declare {stored:,} bytes together when unpacked; at most "
            f"{INGEST_LIMITS.most_stored_bytes:,} are accepted."
        )


def _bands_of_date(headers: Sequence[FileHeader], of: FileHeader) -> tuple[int, ...]:
    """Positions of the bands of a classification's date and mission, and of those without a date; empty for all."""
    bands = [(h.file.date, h.mission) for h in headers if not h.file.is_scl for _ in h.indexes]
    missions_there = {mission for _, mission in bands}
    found = tuple(
        position
        for position, (date, mission) in enumerate(bands)
        if (of.file.date is None or date in (None, of.file.date))
        and (mission == of.mission or of.mission not in missions_there)
    )
    return found if len(found) < len(bands) else ()


def _require_small_picture(scene: Scene) -> None:
    shape_rc = decimated_shape(scene.grid.shape_rc, scene.live_step)
    itemsize = np.dtype(scene.dtype).itemsize
    found = (len(scene.bands) + len(scene.masks)) * shape_rc[0] * shape_rc[1] * itemsize
    if found > INGEST_LIMITS.most_picture_bytes:
        raise UnreadableFile(
            f"The {len(scene.bands)} bands of {8 * itemsize}-bit numbers take {found:,} bytes to look at together; at "
            f"most {INGEST_LIMITS.most_picture_bytes:,} are accepted. Give fewer bands or dates, or 16-bit numbers."
        )


def _with_known_places(headers: Sequence[FileHeader], provenance: Provenance) -> list[Grid]:
    """Grids of the files, those without a place at the product's where its metadata has one of their shape."""
    known = provenance.places or {}
    return [h.grid if h.grid.has_place else known.get(h.grid.shape_rc, h.grid) for h in headers]


def _source(header: FileHeader, grid: Grid, slots: tuple[int, ...]) -> RasterSource:
    return RasterSource(
        location=header.file.location,
        name=header.file.name,
        grid=grid,
        indexes=(*header.indexes, *(index for index, _ in header.classifications)),
        dtype=header.dtype,
        mask=header.mask,
        slots=slots,
        nodata=(*header.nodata, *(None for _ in header.classifications)),
        codes=tuple(code for code, _ in header.codes),
        pixels=header.file.pixels,
        change=header.change,
    )


def _date(headers: Sequence[FileHeader], provenance: Provenance) -> tuple[str | None, int | None]:
    dates = {header.file.date for header in headers if header.file.date}
    if provenance.date:
        return provenance.date, int(provenance.date[:4])
    dates |= {header.said.date for header in headers if header.said is not None and header.said.date}
    if len(dates) > 1:
        return None, int(max(dates)[:4])
    if dates:
        (day,) = dates
        return day, int(day[:4])
    return acquisition_date(headers[0].tags, next(iter(dates), provenance.title))


def _level(headers: Sequence[FileHeader]) -> str | None:
    said = next((h.said.level for h in headers if h.said is not None and h.said.level), None)
    return said or next((h.tags["PROCESSING_LEVEL"][:20] for h in headers if h.tags.get("PROCESSING_LEVEL")), None)


def _days_in(texts: Iterable[str]) -> list[str | None]:
    return [acquisition_date({}, text)[0] for text in texts if text]
