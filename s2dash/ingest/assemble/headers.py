"""What one file's header says: its bands and their names, its place, its nodata and masks, and its mission."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import rasterio
from rasterio.enums import ColorInterp

from s2dash.core import missions, sentinel2
from s2dash.core.grid import Grid
from s2dash.core.scene import Reflectance
from s2dash.errors import UnreadableFile
from s2dash.ingest import places
from s2dash.ingest.assemble.values import InputFile, Provenance
from s2dash.ingest.canonical import Code
from s2dash.ingest.checks import checked_grid, open_checked, read_grid, stored_bytes, translated_header_errors
from s2dash.ingest.damage import complaint_notes, listening, size_notes
from s2dash.ingest.describe import any_date, has_internal_mask, layout_of
from s2dash.ingest.embeddings import Change
from s2dash.ingest.pixels import PixelSource
from s2dash.ingest.reflectance import stated_reflectance

_FINEST_HLS_M = 25.0
"""Pixels of HLS have 30 m; smaller ones among which an Fmask lies are of something else."""


@dataclass(frozen=True, eq=False)
class FileHeader:
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
    change: Change | None = None
    """What makes whole numbers of the values of an embedding as they are read."""

    @property
    def mission(self) -> missions.Mission | None:
        return self.said.mission if self.said is not None else None


def read_header(file: InputFile, provenance: Provenance) -> FileHeader:
    """Open a file by the checks, and say what its header means; raises UnreadableFile as they do."""
    if file.pixels is not None:
        return _header_of_pixels(file, file.pixels)
    with (
        listening() as complaints,
        open_checked(file.location, name=file.name) as dataset,
        translated_header_errors(file.name),
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
        return FileHeader(
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
                *size_notes(dataset, file.location, file.name),
                *complaint_notes(complaints, file.name),
            ),
            stored=stored_bytes(dataset),
            said=said,
            codes=codes,
        )


def _header_of_pixels(file: InputFile, pixels: PixelSource) -> FileHeader:
    """The header of a band, or of a scene classification, that was checked as it was found."""
    if file.is_scl and np.dtype(pixels.dtype).itemsize > 2:
        raise _no_codes(file)
    text = "SCL" if file.is_scl else f"{file.band} {file.date}" if file.date else str(file.band)
    return FileHeader(
        file=file,
        grid=pixels.grid,
        indexes=(1,),
        texts=(text,),
        classifications=(),
        dtype=pixels.dtype,
        mask=None,
        nodata=(pixels.nodata,),
        stated=pixels.stated,
        tags={},
        is_bilevel=False,
        is_guessed=False,
        is_palette=False,
        notes=pixels.notes,
        stored=np.dtype(pixels.dtype).itemsize * pixels.grid.pixel_count,
    )


def _settled(file: InputFile, dataset: rasterio.DatasetReader, provenance: Provenance) -> missions.Said | None:
    """What is believed of a file's mission, by its name, its tags, metadata beside it, and its bands together."""
    texts = [text or "" for text in dataset.descriptions]
    words = " ".join((file.name, *(value[:500] for value in dataset.tags().values())))
    embedding = missions.embedding_of(texts, dataset.dtypes, dataset.nodatavals, words)
    if embedding is not None:
        return missions.Said(embedding)
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


def in_zone_of_tile(headers: Sequence[FileHeader]) -> Sequence[FileHeader]:
    """The headers, placed in the UTM zone of the tile in their names where no file of the scene states its place."""
    if any(header.grid.has_place for header in headers):
        return headers
    return [_in_own_zone(header) for header in headers]


def _in_own_zone(header: FileHeader) -> FileHeader:
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
        raise _no_codes(file)


def _no_codes(file: InputFile) -> UnreadableFile:
    return UnreadableFile(f"{file.name} should be a scene classification: one band of whole numbers from 0 to 11.")


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


def _dated(text: str, date: str, said: missions.Said | None = None) -> str:
    """A band's text with its day, where it has none: after naming, so that `blue` stays B02."""
    if not text or any_date(text):
        return text
    if said is not None and missions.own_band(said.mission, text):
        return f"{text} {date}"
    return f"{text} {date}" if sentinel2.standard_band_name(text) else f"{text}_{date}"
