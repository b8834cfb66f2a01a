"""From checked files to one scene: which band is where, on which grids, with which masks and what reflectance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp

from s2dash.core import missions, sentinel2
from s2dash.core.grid import Grid, decimated_shape
from s2dash.core.scene import FILE_MASK, SCL, Band, Fill, Layer, Masking, MaskLayer, Reflectance, Scene, valid_pixels
from s2dash.errors import UnreadableFile
from s2dash.ingest import places
from s2dash.ingest.align import in_one_place, scene_grids
from s2dash.ingest.canonical import Code, Source, raster_name
from s2dash.ingest.checks import NO_PLACE, checked_grid, header_damage_told, open_checked, read_grid, stored_bytes
from s2dash.ingest.damage import complaint_notes, listening, size_notes
from s2dash.ingest.describe import (
    CIRRUS_AMONG,
    CIRRUS_BEFORE_LAST,
    CLASS_MAP,
    acquisition_date,
    any_date,
    contradicted,
    doubts_about_numbers,
    doubts_about_offset,
    guessed_reflectance,
    has_internal_mask,
    in_one,
    is_cirrus,
    layout_of,
    looks_like_classes,
    may_hold_offset,
    named_bands,
    power_to_divide_by,
    scaled,
    stated_reflectance,
)
from s2dash.ingest.fill import fill_words, found_fill, held_in_all, zero_fill
from s2dash.ingest.mission_metadata import MissionMetadata
from s2dash.ingest.product import UNKNOWN_OFFSET, UNKNOWN_OFFSET_OF_FRACTIONS
from s2dash.ingest.set_aside import told_nothing, with_set_aside, without_codes_in_order
from s2dash.settings import INGEST_LIMITS

_LEAST_VALID = 2
_NEITHER_BIT = 255.0
"""Tagged where all bands are of one bit: both of its values count, for without zero there is nothing to group."""
_NO_SYSTEM = (
    "Coordinates are there, but not which system they are in. Save the file with it, or give its .prj file too."
)
_LOOKED_AT = 100_000
_LEAST_REFLECTANCE, _MOST_REFLECTANCE = -0.05, 1.6
"""Between which most values of a picture of ground lie, whatever the sensor."""
_MOST_OF_8_BITS = 5_000
"""8 bits hold reflectance where the factors of metadata are for them: Level-1 of the first Landsats."""
_FINEST_HLS_M = 25.0
"""Pixels of HLS have 30 m; smaller ones among which an Fmask lies are of something else."""
_FINEST_SENTINEL_2_M = 5.0
"""Pixels below are of another sensor, unless names say otherwise."""
UNKNOWN_SENSOR = (
    "Nothing tells which satellite the picture is from, so no source is attributed in what is made from it. Name the "
    "source yourself."
)
_LOOKED_AT_TOGETHER = 4_000_000


@dataclass(frozen=True)
class InputFile:
    """A raster that goes into the scene, and what its name says."""

    path: Path
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
class Plan:
    """A scene whose rasters are still to be written, and the files they are made of."""

    scene: Scene
    """Its reflectance, year and digest are settled by `finished`."""
    sources: tuple[Source, ...]
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


@dataclass(frozen=True, eq=False)
class _Header:
    """What one file's header says."""

    file: InputFile
    grid: Grid
    indexes: tuple[int, ...]
    texts: tuple[str, ...]
    classifications: tuple[tuple[int, str | None], ...]
    """Place and date of each band that is a scene classification among others."""
    dtype: str
    mask: str | int | None
    nodata: tuple[float | None, ...]
    stated: Reflectance | None
    tags: dict[str, str]
    is_bilevel: bool
    is_guessed: bool
    is_palette: bool
    notes: tuple[str, ...]
    stored: int
    said: missions.Said | None = None
    """What is believed of a mission that is not Sentinel-2."""
    codes: tuple[tuple[Code, str | None], ...] = ()
    """Quality bands, each with its date."""

    @property
    def mission(self) -> missions.Mission | None:
        return self.said.mission if self.said is not None else None


def plan(files: Sequence[InputFile], provenance: Provenance, folder: Path, are_numbers_given: bool = False) -> Plan:
    """Read all headers and lay the scene out; its rasters will lie in `folder`.

    Parameters
    ----------
    are_numbers_given : whether the user says how numbers become reflectance, so that metadata are not needed for it

    Raises UnreadableFile for a file that cannot be used, or files that do not go together.
    """
    if provenance.complaint:
        if not are_numbers_given:
            raise UnreadableFile(provenance.complaint)
        doubt = provenance.doubt or (None if provenance.reflectance else UNKNOWN_OFFSET)
        notes_so_far = (*provenance.notes, f"Not used: {provenance.complaint}")
        provenance = replace(provenance, notes=notes_so_far, doubt=doubt)
    headers = _in_zone_of_tile([_read_header(file, provenance) for file in files])
    if all(header.is_bilevel and set(header.nodata) == {None} for header in headers):
        headers = [replace(header, nodata=(_NEITHER_BIT,) * len(header.nodata)) for header in headers]
    _require_budget(headers)
    if all(header.file.is_scl for header in headers):
        what = "quality band" if headers[0].file.quality else "scene classification"
        raise UnreadableFile(f"{headers[0].file.name} is a {what}, not satellite bands. Add the bands it belongs to.")
    placed = in_one_place(_with_known_places(headers, provenance), [header.file.name for header in headers])
    grids, grid_notes = scene_grids(placed.grids)
    band_count = sum(len(header.indexes) for header in headers if not header.file.is_scl)
    layers: list[Layer] = []
    masks: list[MaskLayer] = []
    texts: list[str] = []
    of: list[missions.Mission | None] = []
    nodata: list[float | None] = []
    sources = []
    for number, (header, grid) in enumerate(zip(headers, placed.grids, strict=True)):
        path = folder / raster_name(number)
        slots = []
        if header.file.is_scl:
            slots.append(band_count + len(masks))
            concerned = _bands_of_date(headers, header)
            masks.append(MaskLayer(SCL, Layer(path, 1, grid), concerned, quality=header.file.quality))
        else:
            for index, text in enumerate(header.texts, 1):
                slots.append(len(layers))
                layers.append(Layer(path, index, grid))
                texts.append(text)
                of.append(header.mission)
            nodata.extend(header.nodata)
            own = tuple(slots) if len(slots) < band_count else ()
            in_stack: list[tuple[str | None, str | None]] = [(None, day) for _, day in header.classifications]
            in_stack += [(code.kind, day) for code, day in header.codes]
            first, whole = len(header.texts) + 1, tuple(slots)
            for index, (kind, day) in enumerate(in_stack, first):
                slots.append(band_count + len(masks))
                concerned = tuple(slot for slot in whole if day is not None and any_date(texts[slot]) == day)
                masks.append(MaskLayer(SCL, Layer(path, index, grid), concerned or own, quality=kind))
            if header.mask is not None:
                slots.append(band_count + len(masks))
                masks.append(MaskLayer(FILE_MASK, Layer(path, len(slots), grid), own))
        sources.append(_source(header, grid, tuple(slots)))
    bands = named_bands(texts, of)
    helpers = [band.name for band in bands if band.is_helper]
    date, year = _date(headers, provenance)
    notes = [*provenance.notes, *(note for header in headers for note in header.notes), *placed.notes, *grid_notes]
    if provenance.doubt and not any(header.stated for header in headers):
        notes.append(provenance.doubt)
    if helpers:
        notes.append(
            f"Left out, as no bands of the ground: {', '.join(helpers)}. Choose them to use them all the same."
        )
    whose = _missions_of(headers, bands, provenance)
    if len(whose) > 1:
        notes.append(
            f"The bands are of several missions, {missions.title_of(whose)}. Those of the same kind of light count as "
            "the same, though each measures it a little differently."
        )
    if not grids[0].has_place:
        notes.insert(0, NO_PLACE)
        if not grids[0].transform.is_identity:
            notes.insert(1, _NO_SYSTEM)
    scene = Scene(
        title=provenance.title,
        grid=grids[0],
        bands=bands,
        layers=tuple(layers),
        dtype=str(np.result_type(*(np.dtype(h.dtype) for h in headers if not h.file.is_scl))),
        nodata=tuple(nodata),
        reflectance=Reflectance(1.0, (0.0,) * band_count, ""),
        digest="",
        masks=tuple(masks),
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
    usual, usual_notes = _usual(scene, headers, provenance)
    return Plan(
        scene,
        tuple(sources),
        _stated(scene, headers, provenance),
        usual=usual,
        usual_notes=usual_notes,
        texts=tuple(texts),
        is_told_sentinel_2=_is_told_sentinel_2(headers, provenance),
        is_told=provenance.reflectance is not None or any(header.stated for header in headers),
        is_mission=provenance.is_mission,
        latest=max((day for day in days if day), default=None),
        is_palette=all(header.is_palette for header in headers),
    )


def _origins(headers: Sequence[_Header]) -> tuple[str, ...]:
    """The file that each band is from; empty where there is only one."""
    of_bands = [header for header in headers if not header.file.is_scl]
    if len(of_bands) < 2:
        return ()
    return tuple(
        header.file.name if len(header.indexes) == 1 else f"{header.file.name}, band {index}"
        for header in of_bands
        for index in header.indexes
    )


def brought_down(planned: Plan, preview: np.ndarray) -> Plan | None:
    """The plan with divisors for files whose numbers are beyond any measurement; None where there are none.

    Groups and pictures depend on the proportions of numbers, which a common divisor leaves as they are.
    """
    scene = planned.scene
    powers = []
    for source in planned.sources:
        bands = zip(source.slots, source.nodata, strict=False)
        floating = np.issubdtype(np.dtype(source.dtype), np.floating)
        slots = [(slot, nodata) for slot, nodata in bands if floating and slot < len(scene.bands)]
        most = _LOOKED_AT // max(1, len(slots))
        stored = [_some(_stored(preview[slot], [nodata]), most) for slot, nodata in slots]
        powers.append(power_to_divide_by(np.concatenate(stored)) if stored else 0)
    power = max(powers)
    if not power:
        return None
    sources = []
    nodata = list(scene.nodata)
    for source, own in zip(planned.sources, powers, strict=True):
        kind = np.dtype(source.dtype).type
        if own:
            divisor = 10.0**power
            changed = tuple(None if n is None else float(kind(n) / kind(divisor)) for n in source.nodata)
            for slot, value in zip(source.slots, changed, strict=False):
                nodata[slot] = value
            source = replace(source, divisor=divisor, nodata=changed)
        sources.append(source)
    note = f"The values are far too large for reflectance: they are divided by 10 to the power of {power}."
    return replace(
        planned,
        scene=replace(scene, nodata=tuple(nodata), notes=(*scene.notes, note)),
        sources=tuple(sources),
        stated=None,
    )


def finished(planned: Plan, preview: np.ndarray, valid_counts: Sequence[int], digest: str) -> Scene:
    """The scene once its pixels are known: their scale, whether they contradict the metadata, whether any is valid.

    Raises UnreadableFile where fewer than two pixels hold data.
    """
    scene = with_found_fill(planned.scene, preview)
    if max(valid_counts) < _LEAST_VALID:
        raise _no_data(scene)
    most = min(_LOOKED_AT, _LOOKED_AT_TOGETHER // len(scene.bands))
    together = [(fill, held_in_all(fill, preview)) for fill in scene.fills if not fill.is_alone]
    bare = replace(scene, fills=tuple(fill for fill in scene.fills if fill.is_alone))
    found = []
    in_all = np.ones(preview.shape[1:], dtype=bool)
    strange = []
    for i in scene.measured:
        # Band by band: for all together, arrays as large as the picture would be made.
        valid = valid_pixels(bare, [i], preview, Masking())
        for fill, held in together:
            if i in fill.positions:
                valid &= ~held
        if valid.any():
            in_all &= valid
        found.append(_some(preview[i][valid], most))
        strange.append(doubts_about_numbers(_stored(preview[i], scene.missing_values(i))))
    if scene.live_step == 1 and (in_all.sum() < _LEAST_VALID or not any(values.size for values in found)):
        raise _no_data(scene)
    left_out = told_nothing(scene, found)
    if missions.SENTINEL_2 in scene.missions:
        scene = without_codes_in_order(scene, left_out)
    by_band = [one for one in zip(scene.measured, found, strict=True) if one[0] not in left_out]
    light = {i: _light(scene, values) for i, values in by_band}
    measured = np.concatenate([*light.values(), *(() if light else found)])
    otherwise = planned.stated and contradicted(planned.stated, scene.dtype, measured)
    usual = None if planned.stated else _fitting(planned.usual, scene, found) or _by_values(planned, scene, measured)
    reflectance = otherwise or planned.stated or usual or _guessed(planned, scene, light, measured)
    scene = _with_likely_names(scene, found, reflectance)
    scene = with_set_aside(scene, left_out)
    lowest = [float(np.percentile(values, 1)) for _, values in by_band if values.size]
    darkest = [float(np.percentile(values, 1)) for i, values in by_band if _can_be_dark(scene, i, values)]
    notes = [*scene.notes, *doubts_about_offset(reflectance, lowest), *(note for one in strange for note in one)]
    notes += planned.usual_notes if usual else ()
    is_sentinel_2 = missions.SENTINEL_2 in scene.missions and planned.usual is None
    if (
        not planned.is_told
        and is_sentinel_2
        and may_hold_offset(reflectance, darkest, planned.latest, planned.is_mission)
    ):
        notes.append(UNKNOWN_OFFSET if reflectance.quantification > 1 else UNKNOWN_OFFSET_OF_FRACTIONS)
    if otherwise:
        notes.append(otherwise.sentence)
    if looks_like_classes(scene.dtype, found, planned.is_palette):
        notes.append(CLASS_MAP)
    scene = replace(scene, reflectance=reflectance, digest=digest, notes=tuple(dict.fromkeys(notes)))
    return _with_likely_missions(planned, scene, found)


def _light(scene: Scene, values: np.ndarray) -> np.ndarray:
    """Of a band's valid values those that a picture of ground is told by: not zero, nor what may stand for no data."""
    extremes = [scene.saturated, *(fill.value for fill in scene.doubtful_fills)]
    if np.issubdtype(values.dtype, np.integer) and values.dtype.itemsize > 1:
        extremes.append(float(np.iinfo(values.dtype).max))
    for value in (0.0, *extremes):
        if value is not None:
            values = values[values != value]
    return values


def _guessed(planned: Plan, scene: Scene, light: Mapping[int, np.ndarray], measured: np.ndarray) -> Reflectance:
    """How numbers become reflectance by their size; file by file where files of other kinds of numbers are together.

    Fractions beside whole numbers, or 8 bits beside 16, are not of one scale.
    """
    are_bands = any(band.standard for band in scene.bands)
    whole = guessed_reflectance(scene.dtype, measured, len(scene.bands), are_bands)
    kinds: dict[str, list[int]] = {}
    for source in planned.sources:
        slots = [slot for slot in source.slots if slot in light and scene.bands[slot].standard]
        kind = np.dtype(source.dtype)
        name = "fractions" if np.issubdtype(kind, np.floating) else "8 bits" if kind.itemsize == 1 else "whole"
        kinds.setdefault(name, []).extend(slots)
    guesses = {}
    for name, slots in kinds.items():
        values = np.concatenate([light[slot] for slot in slots]) if slots else np.empty(0)
        if values.size:
            dtype = {"fractions": "float64", "8 bits": "uint8", "whole": "uint16"}[name]
            guesses[name] = guessed_reflectance(dtype, values, len(scene.bands))
    if len({guess.quantification for guess in guesses.values()}) < 2:
        return whole
    most = max(guesses, key=lambda name: len(kinds[name]))
    own = [guesses[most].quantification] * len(scene.bands)
    for name, guess in guesses.items():
        for slot in kinds[name]:
            own[slot] = guess.quantification
    parts = (
        f"{', '.join(scene.bands[slot].name for slot in kinds[name])} divided by {guess.quantification:g}"
        for name, guess in guesses.items()
    )
    words = f"The files hold numbers of other kinds, each read by its own: {', '.join(parts)}."
    return Reflectance(guesses[most].quantification, whole.offsets, words, tuple(own))


def _can_be_dark(scene: Scene, position: int, values: np.ndarray) -> bool:
    """Whether a band can tell by its lowest values what was added to it: it changes and is of the ground."""
    standard = scene.bands[position].standard
    is_ground = standard is not None and standard not in sentinel2.ATMOSPHERE_BANDS
    return is_ground and bool(values.size and (values != values[0]).any())


def _with_likely_names(scene: Scene, found: Sequence[np.ndarray], reflectance: Reflectance) -> Scene:
    """The scene whose unnamed bands are in another order than the usual one, if the tenth of them is cirrus."""
    other = {len(order): order for order in (CIRRUS_AMONG, CIRRUS_BEFORE_LAST)}.get(len(scene.layers))
    if not scene.names_are_guessed or other is None or scene.band_names != sentinel2.guess_band_names(len(other)):
        return scene
    guessed, listed = ", ".join(scene.band_names), ", ".join(other)
    remark = " (top of the atmosphere, without B8A)" if "B8A" not in other else ""
    if not is_cirrus(found[9], found[8], reflectance.quantification):
        note = f"12 bands can also be {listed}{remark}. Change the names if yours are."
        return replace(scene, notes=(*scene.notes, note)) if remark else scene
    note = (
        f"The file does not name its {len(other)} bands. The tenth is almost empty, as B10 is: they are taken as "
        f"{listed}{remark}, not as {guessed}. Change the names if that is wrong."
    )
    kept = [one for one in scene.notes if guessed not in one]
    return replace(scene, bands=named_bands(other), notes=(*kept, note))


def with_found_fill(scene: Scene, stack: np.ndarray) -> Scene:
    """The scene with the fill that its pixels show, and the notes that say so; `stack` is as for `found_fill`."""
    found = found_fill(scene, stack)
    known = tuple(replace(fill, share=float(held_in_all(fill, stack).mean())) for fill in scene.fills)
    ranges = {fill.positions for fill in found.certain if fill.least is not None}
    held = [fill for fill in known if fill.share and fill.positions not in ranges] + list(found.certain)
    notes = dict.fromkeys([*scene.notes, *(fill_words(fill, scene) for fill in held)])
    return replace(scene, fills=(*known, *found.certain), doubtful_fills=found.doubtful, notes=tuple(notes))


def _some(values: np.ndarray, most: int) -> np.ndarray:
    """Enough of the values to know their percentiles: up to twice as many as `most`."""
    return values[:: max(1, values.size // most)].copy()


def _no_data(scene: Scene) -> UnreadableFile:
    return UnreadableFile(
        f"{scene.title} has fewer than {_LEAST_VALID} pixels with data in all of its bands, so there is nothing to "
        "group. Choose another file, or leave out the empty band."
    )


def _stored(band: np.ndarray, missing: Sequence[float | None]) -> np.ndarray:
    """A band's values but for those that stand for no data."""
    kept = band.ravel()
    for value in missing:
        if value is not None and not np.isnan(value):
            kept = kept[kept != value]
    return kept


def _read_header(file: InputFile, provenance: Provenance) -> _Header:
    with (
        listening() as complaints,
        open_checked(file.path, name=file.name) as dataset,
        header_damage_told(file.name),
    ):
        tags = dataset.tags()
        said = _settled(file, dataset, provenance)
        layout = layout_of(dataset, file.name, said)
        indexes, texts, notes = layout.indexes, layout.texts, layout.notes
        classifications = () if file.is_scl else tuple((i, day or file.date) for i, day in layout.classifications)
        codes = tuple((Code(kind, (i,)), day or file.date) for i, kind, day in layout.quality)
        if file.quality is not None:
            read = dataset.indexes[:8] if file.quality == missions.UDM2 else (1,)
            indexes, texts, notes, classifications = (), (), (), ()
            codes = ((Code(file.quality, tuple(read)), file.date),)
        elif file.is_scl:
            indexes, texts, notes, codes = (1,), ("SCL",), (), ()
            _require_codes(dataset, file)
        elif file.band and len(indexes) == 1:
            texts = (f"{file.band} {file.date}" if file.date else file.band,)
            notes = ()
        elif file.date:
            texts = tuple(_dated(text, file.date, said) for text in texts)
        mask: str | int | None = layout.mask_index
        if mask is None and has_internal_mask(dataset) and not file.is_scl:
            mask = "internal"
        grid, place_notes = _grid(dataset, file)
        return _Header(
            file=file,
            grid=grid,
            indexes=indexes,
            texts=texts,
            classifications=classifications,
            dtype=str(np.result_type(*(np.dtype(dataset.dtypes[i - 1]) for i in indexes))) if indexes else "uint8",
            mask=mask,
            nodata=tuple(_nodata(dataset, i, file, provenance, said) for i in indexes),
            stated=stated_reflectance(dataset, indexes, layout.measured) if indexes else None,
            tags=tags,
            is_bilevel=bool(indexes)
            and all(dataset.tags(i, ns="IMAGE_STRUCTURE").get("NBITS") == "1" for i in indexes),
            is_guessed=layout.is_guessed,
            is_palette=dataset.colorinterp[0] == ColorInterp.palette,
            notes=(
                *notes,
                *place_notes,
                *size_notes(dataset, file.path, file.name),
                *complaint_notes(complaints, file.name),
            ),
            stored=stored_bytes(dataset),
            said=said,
            codes=codes,
        )


def _settled(file: InputFile, dataset: rasterio.DatasetReader, provenance: Provenance) -> missions.Said | None:
    """What is believed of a file's mission, by its name, its tags, metadata beside it, and its bands together."""
    texts = [text or "" for text in dataset.descriptions]
    beside = {one.said.mission for one in provenance.others}
    metadata = provenance.others[0].said if len(beside) == 1 else None
    if file.said is None and (file.tile or missions.names_sentinel_2(file.name)):
        metadata = None
    bands = missions.mission_of_bands(texts)
    if bands is not None and bands.product == missions.HLS and dataset.crs is not None and dataset.crs.is_projected:
        bands = bands if min(dataset.res) >= _FINEST_HLS_M else None
    others = (missions.mission_of_tags(dataset.tags()), metadata, bands)
    return missions.settled(file.said, others, [*texts, file.band or ""])


def _grid(dataset: rasterio.DatasetReader, file: InputFile) -> tuple[Grid, tuple[str, ...]]:
    """Where a file lies by its header, else by its points, or by what lies beside it; and notes.

    Raises UnreadableFile as `read_grid` does.
    """
    own = read_grid(dataset, file.name)
    transform, crs_wkt, notes = own.transform, own.crs_wkt, []
    if dataset.crs and crs_wkt is None:
        notes.append(
            f"The coordinate system of {file.name} is a local one, which says nothing of a place on the Earth."
        )
    if transform.is_identity and crs_wkt is None:
        of_points, points_wkt, note = places.of_points(dataset, file.name)
        transform, crs_wkt = of_points or transform, points_wkt
        notes += [note] if note else []
    place = places.read_place(dict(file.side_cars)) if transform.is_identity or crs_wkt is None else None
    if place is not None:
        transform, crs_wkt, used = places.with_place(transform, crs_wkt, place)
        if used:
            notes.append(f"The place of {file.name} is from what lies beside it: {', '.join(used)}.")
    if (transform, crs_wkt) != (own.transform, own.crs_wkt):
        own = checked_grid(own.shape_rc, transform, crs_wkt, file.name)
    return own, tuple(notes)


def _in_zone_of_tile(headers: Sequence[_Header]) -> Sequence[_Header]:
    """The headers, placed in the UTM zone of the tile in their names where no file of the scene states its place."""
    if any(header.grid.has_place for header in headers):
        return headers
    return [_in_own_zone(header) for header in headers]


def _in_own_zone(header: _Header) -> _Header:
    tile = header.file.tile
    placed = places.in_zone_of_tile(header.grid, tile) if tile else None
    if tile is None or placed is None:
        return header
    code = places.zone_of_tile(tile)
    note = f"The files state no coordinate system: EPSG:{code} follows from tile {tile} in their names."
    grid = checked_grid(placed.shape_rc, placed.transform, placed.crs_wkt, header.file.name)
    return replace(header, grid=grid, notes=(*header.notes, note))


def _require_codes(dataset: rasterio.DatasetReader, file: InputFile) -> None:
    if dataset.count != 1 or np.dtype(dataset.dtypes[0]).itemsize > 2:
        raise UnreadableFile(f"{file.name} should be a scene classification: one band of whole numbers from 0 to 11.")


def _nodata(
    dataset: rasterio.DatasetReader,
    index: int,
    file: InputFile,
    provenance: Provenance,
    said: missions.Said | None,
) -> float | None:
    """The tagged value, else the product's; a band as JPEG 2000 by the mission's naming has 0 by its definition."""
    tagged = dataset.nodatavals[index - 1]
    if tagged is not None:
        return float(tagged)
    if np.issubdtype(np.dtype(dataset.dtypes[index - 1]), np.floating) or file.is_scl:
        return None
    if said is not None:
        return missions.usual_nodata(said.product)
    if provenance.nodata is not None:
        return provenance.nodata
    return 0.0 if file.band and dataset.driver == "JP2OpenJPEG" else None


def _require_budget(headers: Sequence[_Header]) -> None:
    bands = sum(len(header.indexes) for header in headers)
    if bands > INGEST_LIMITS.most_bands:
        raise UnreadableFile(f"The files have {bands:,} bands together; at most {INGEST_LIMITS.most_bands:,} are read.")
    stored = sum(header.stored for header in headers)
    if stored > INGEST_LIMITS.most_stored_bytes:
        raise UnreadableFile(
            f"The files declare {stored:,} bytes together when unpacked; at most "
            f"{INGEST_LIMITS.most_stored_bytes:,} are accepted."
        )


def _bands_of_date(headers: Sequence[_Header], of: _Header) -> tuple[int, ...]:
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


def _with_known_places(headers: Sequence[_Header], provenance: Provenance) -> list[Grid]:
    """Grids of the files, those without a place at the product's where its metadata has one of their shape."""
    known = provenance.places or {}
    return [h.grid if h.grid.has_place else known.get(h.grid.shape_rc, h.grid) for h in headers]


def _source(header: _Header, grid: Grid, slots: tuple[int, ...]) -> Source:
    return Source(
        path=header.file.path,
        name=header.file.name,
        grid=grid,
        indexes=(*header.indexes, *(index for index, _ in header.classifications)),
        dtype=header.dtype,
        mask=header.mask,
        slots=slots,
        nodata=(*header.nodata, *(None for _ in header.classifications)),
        codes=tuple(code for code, _ in header.codes),
    )


def _date(headers: Sequence[_Header], provenance: Provenance) -> tuple[str | None, int | None]:
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


def _level(headers: Sequence[_Header]) -> str | None:
    said = next((h.said.level for h in headers if h.said is not None and h.said.level), None)
    return said or next((h.tags["PROCESSING_LEVEL"][:20] for h in headers if h.tags.get("PROCESSING_LEVEL")), None)


def _dated(text: str, date: str, said: missions.Said | None = None) -> str:
    """A band's text with its day, where it has none: after naming, so that `blue` stays B02."""
    if not text or any_date(text):
        return text
    if said is not None and missions.own_band(said.mission, text):
        return f"{text} {date}"
    return f"{text} {date}" if sentinel2.standard_band_name(text) else f"{text}_{date}"


def _days_in(texts: Iterable[str]) -> list[str | None]:
    return [acquisition_date({}, text)[0] for text in texts if text]


def _stated(scene: Scene, headers: Sequence[_Header], provenance: Provenance) -> Reflectance | None:
    """What metadata or headers say of the numbers; None where values must tell."""
    by_header = [h.stated for h in headers if not h.file.is_scl]
    told = [stated for stated in by_header if stated is not None]
    if len(told) == len(by_header):
        return in_one(told)
    if provenance.reflectance is None or any(h.mission is not None for h in headers):
        return None
    quantification, offsets, sentence = provenance.reflectance
    if not np.issubdtype(np.dtype(scene.dtype), np.integer) or np.dtype(scene.dtype).itemsize < 2:
        return None
    return Reflectance(quantification, tuple(offsets.get(b.standard or "", 0.0) for b in scene.bands), sentence)


def _usual(
    scene: Scene, headers: Sequence[_Header], provenance: Provenance
) -> tuple[Reflectance | None, tuple[str, ...]]:
    """What missions or their metadata say of the numbers of all bands, and notes; None where one of them is silent."""
    of_files = [header for header in headers if not header.file.is_scl]
    if all(header.said is None for header in of_files):
        return None, ()
    pairs: list[tuple[float, float]] = []
    sentences: list[str] = []
    notes: list[str] = []
    for header in of_files:
        bands = scene.bands[len(pairs) : len(pairs) + len(header.texts)]
        found = _own_numbers(header, bands, provenance)
        if found is None:
            return None, ()
        own, sentence, note = found
        pairs += own
        sentences.append(sentence)
        notes += [note] if note else []
    reflectance = replace(scaled(pairs), sentence=" ".join(dict.fromkeys(sentences)))
    return reflectance, tuple(dict.fromkeys(notes))


def _own_numbers(
    header: _Header, bands: Sequence[Band], provenance: Provenance
) -> tuple[list[tuple[float, float]], str, str] | None:
    """Scale and offset of each band of a file, the sentence, and what is to be noted; None where nothing says them."""
    if header.stated is not None:
        both = zip(header.stated.quantifications, header.stated.offsets, strict=True)
        return [(1 / divisor, offset / divisor) for divisor, offset in both], header.stated.sentence, ""
    if header.said is None:
        quantification, offsets, sentence = provenance.reflectance or (10_000.0, {}, "Sentinel-2: divided by 10,000.")
        own = [(1 / quantification, offsets.get(b.standard or "", 0.0) / quantification) for b in bands]
        return own, sentence, ""
    said = header.said
    is_surface = said.product not in (missions.LEVEL_1, missions.PLANET_RADIANCE)
    for metadata in provenance.others:
        fits = metadata.said.mission is said.mission and metadata.said.product in (None, said.product)
        if fits and metadata.scales and not (is_surface and said.mission is missions.PLANETSCOPE):
            keys = [
                str(number) if said.mission is missions.PLANETSCOPE else missions.code_of(band.root)
                for number, band in enumerate(bands, 1)
            ]
            first = next(iter(metadata.scales.values()))
            if any(key in metadata.scales for key in keys):
                return [metadata.scales.get(key, first) for key in keys], metadata.sentence, ""
    numbers = missions.usual_numbers(said.mission, said.product)
    if numbers is None:
        return None
    return [(numbers.scale, numbers.offset)] * len(bands), numbers.sentence, numbers.note


def _fitting(usual: Reflectance | None, scene: Scene, found: Sequence[np.ndarray]) -> Reflectance | None:
    """Usual numbers if they make reflectance of the values: some programs apply them, and say nothing of it.

    Parameters
    ----------
    found : valid stored values of each of the scene's measured bands
    """
    if usual is None:
        return None
    raw = np.concatenate(found)
    is_floating = np.issubdtype(np.dtype(scene.dtype), np.floating)
    if not raw.size:
        return usual
    is_picture = np.dtype(scene.dtype).itemsize == 1 and max(usual.quantifications) > _MOST_OF_8_BITS
    if is_picture or (is_floating and np.percentile(raw, 75) <= 2):
        return None
    by_band = zip(scene.measured, found, strict=True)
    made = np.concatenate([(v.astype(np.float64) + usual.offsets[i]) / usual.quantifications[i] for i, v in by_band])
    middle, high = np.percentile(made, (50, 75))
    return usual if middle > _LEAST_REFLECTANCE and high <= _MOST_REFLECTANCE else None


def _by_values(planned: Plan, scene: Scene, measured: np.ndarray) -> Reflectance | None:
    """What whole numbers of one mission are by their size, where no name says which of its products they are."""
    is_whole = np.issubdtype(np.dtype(scene.dtype), np.integer) and np.dtype(scene.dtype).itemsize > 1
    if planned.usual is not None or len(scene.missions) != 1 or not is_whole or not measured.size:
        return None
    numbers = missions.numbers_by_values(scene.missions[0], float(np.percentile(measured, 1)))
    if numbers is None:
        return None
    return replace(scaled([(numbers.scale, numbers.offset)] * len(scene.bands)), sentence=numbers.sentence)


def _missions_of(
    headers: Sequence[_Header], bands: Sequence[Band], provenance: Provenance
) -> tuple[missions.Mission, ...]:
    """Whose pictures the files are, by all that names and headers say; empty where nothing fits."""
    found: list[missions.Mission] = []
    first = 0
    for header in (one for one in headers if not one.file.is_scl):
        own = bands[first : first + len(header.texts)]
        first += len(own)
        if header.mission is not None:
            found += [header.mission] if header.mission is not missions.FOREIGN else []
        elif _is_named_sentinel_2(header, provenance) or any(band.standard for band in own):
            found.append(missions.SENTINEL_2)
    return tuple(dict.fromkeys(found))


def _is_named_sentinel_2(header: _Header, provenance: Provenance) -> bool:
    """Whether a file's name or tags, or the product's metadata, speak of Sentinel-2."""
    if header.mission is not None:
        return False
    told = (header.file.name, provenance.title, *(value[:200] for value in header.tags.values()))
    return bool(provenance.baseline or header.file.tile) or any(missions.names_sentinel_2(text) for text in told)


def _is_told_sentinel_2(headers: Sequence[_Header], provenance: Provenance) -> bool:
    return any(_is_named_sentinel_2(header, provenance) for header in headers)


def _with_likely_missions(planned: Plan, scene: Scene, found: Sequence[np.ndarray]) -> Scene:
    """The scene that is not called Sentinel-2's where only a guess says so and values or pixels do not fit it."""
    if scene.missions == (missions.SENTINEL_2,) and not planned.is_told_sentinel_2:
        is_counted = any(sentinel2.band_of_words(text) is None for text in planned.texts)
        size = scene.grid.pixel_size_m
        is_fine = size is not None and min(size) < _FINEST_SENTINEL_2_M
        is_usual_size = size is not None and any(abs(min(size) / usual - 1) < 0.05 for usual in (10, 20, 60))
        is_picture = np.dtype(scene.dtype).itemsize == 1 and not is_usual_size
        likely = not (scene.names_are_guessed and (is_picture or not _is_sensible(scene, found)))
        if (is_fine and (scene.names_are_guessed or not is_counted)) or not likely:
            scene = replace(scene, missions=())
    return scene if scene.missions else replace(scene, notes=(*scene.notes, UNKNOWN_SENSOR))


def _is_sensible(scene: Scene, found: Sequence[np.ndarray]) -> bool:
    """Whether values can be the reflectance of ground: hardly below zero, and not all of them far above one."""
    by_band = zip(scene.measured, found, strict=True)
    numbers = scene.reflectance
    made = [(v.astype(np.float64) + numbers.offsets[i]) / numbers.quantifications[i] for i, v in by_band if v.size]
    if not made:
        return True
    low, high = np.percentile(np.concatenate(made), (5, 75))
    return bool(low >= _LEAST_REFLECTANCE and high <= _MOST_REFLECTANCE)


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
        return [given.path.name, given.index, grids.index(given.grid)]

    return {
        "title": scene.title,
        "grids": [grid_facts(grid) for grid in grids],
        "scene_grids": len(scene.grids),
        "bands": [[band.name, band.standard, band.is_helper, _own_facts(band.own)] for band in scene.bands],
        "layers": [layer(one) for one in scene.layers],
        "masks": [[mask.kind, layer(mask.layer), mask.positions, mask.quality] for mask in scene.masks],
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
        return Layer(folder / Path(name).name, int(index), grids[grid])

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
            MaskLayer(kind, layer(one), tuple(positions), quality=quality)
            for kind, one, positions, quality in facts["masks"]
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
