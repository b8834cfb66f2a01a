"""EOPF products of Sentinel-2, ESA's successor of SAFE: their arrays found, and the inputs of one scene made of them.

Product format: https://eopf-public.gitlab.io/sentinel-2 and the samples of https://zarr.eopf.copernicus.eu.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affine import Affine

from s2dash.core.grid import Grid
from s2dash.core.legend import clean_name
from s2dash.core.missions import CLASSI, PROBABILITY
from s2dash.core.scene import Reflectance
from s2dash.core.sentinel2 import BANDS
from s2dash.errors import UnknownName, UnreadableFile
from s2dash.ingest.assemble.values import InputFile, Provenance
from s2dash.ingest.blobs import Blob
from s2dash.ingest.checks import checked_grid
from s2dash.ingest.inputs import Inputs
from s2dash.ingest.pile import Pile, shown
from s2dash.ingest.product.cloud_files import CloudFile
from s2dash.ingest.product.names import L1C, L2A, SCL, baseline_in, date_in, parts_of, tile_in
from s2dash.ingest.product.radiometry import offset_rule
from s2dash.ingest.reflectance import scaled
from s2dash.ingest.zarr.array import Cache, ZarrArray, require_within, shared_cache
from s2dash.ingest.zarr.clouds import LikelyClouds
from s2dash.ingest.zarr.documents import mapping, number, text, values_named
from s2dash.ingest.zarr.metadata import ArrayMetadata, fits
from s2dash.ingest.zarr.names import CLASSES, CLOUD_MASK, PIXEL_GROUPS, PROBABILITIES, REFLECTANCE, Product, plain_name
from s2dash.ingest.zarr.place import crs_wkt_of, transform_of, transform_of_centres
from s2dash.ingest.zarr.store import Store
from s2dash.raster.location import FileLocation

_LEVEL = re.compile(r"(?:MSI)?_?L(1C|2A)", re.ASCII)
_LEAST_SCALE = 1e-9
_SATURATED = 65_535
_FEW_MISSING = 3
_MASK_NAME = "l1c_classification_b00"
_LIKELY_CLOUDS = (
    "The product has no scene classification: clouds are what it holds for likely, from 35 % (medium) and 65 % (high) "
    "on, and snow from 50 % on."
)


def inputs_of_product(
    product: Product, pile: Pile, title: str, tile: str | None, also: Sequence[str], left: Sequence[str]
) -> Inputs:
    """One scene's inputs of a product that lies in a pile.

    Parameters
    ----------
    left : names of what was brought with it and is not used

    Raises UnreadableFile for what is damaged, refused, or has no bands; UnknownName for another tile than its own, or
    a picture that is not there.
    """
    blobs = pile.blobs(product.wanted(pile.names))
    store = Store({plain_name(name)[len(product.root) :]: blob for name, blob in blobs.items()})
    facts = _facts(product, store, pile.name)
    if tile is not None and tile.strip().upper().removeprefix("T") != facts.tile:
        raise UnknownName(f"No file is of tile {clean_name(tile)[:20]}. The tiles there are: {facts.tile or 'none'}.")
    if also:
        raise UnknownName(f"There is no picture {clean_name(also[0])} among the files. Give the name of one of them.")
    found = list(_arrays(store))
    bands = [band for band, _ in found if band != SCL]
    if not bands:
        raise UnreadableFile(f"{product.name} holds no bands under {REFLECTANCE}. Download the product again.")
    cache = shared_cache(one.metadata for _, one in found)
    files = tuple(_file(band, one, store, cache, facts) for band, one in found)
    notes = (*_missing_chunks(files), *_missing_bands(bands, facts.level), *_left_out(left))
    clouds = _NO_CLOUDS if len(bands) < len(found) else _clouds(store, facts)
    provenance = _provenance(facts, files, title, (*notes, *clouds.notes))
    return Inputs((*files, *clouds.files), provenance, clouds.masks)


def _file(band: str, one: _Found, store: Store, cache: Cache, facts: _Facts) -> InputFile:
    is_scl = band == SCL
    return InputFile(
        location=FileLocation(Path(one.path)),
        name=one.name,
        band=None if is_scl else band,
        is_scl=is_scl,
        date=facts.date,
        tile=facts.tile,
        pixels=_pixels(one, store, cache, is_band=not is_scl),
    )


@dataclass(frozen=True)
class _Facts:
    """What names and attributes say of all of a product."""

    level: str | None
    baseline: str | None
    date: str | None
    tile: str | None
    platform: str
    """`Sentinel-2B`, or nothing."""


def _facts(product: Product, store: Store, pile_name: str) -> _Facts:
    attributes = store.attributes("")
    stac = mapping(attributes.get("stac_discovery"))
    properties = mapping(stac.get("properties"))
    names = [*parts_of(plain_name(pile_name)), *product.root.rstrip("/").split("/"), text(stac.get("id"))]
    said = text(properties.get("processing:level")) or next((n for n in reversed(names) if _LEVEL.search(n)), "")
    level = _LEVEL.search(said)
    is_l2a = any(name.startswith(f"{CLASSES}/") for name in store.files)
    stated = (text(properties.get(key)) for key in ("start_datetime", "datetime"))
    version = text(properties.get("processing:version"))
    codes = [text(value) for value in values_named(properties, "s2:mgrs_tile", "grid:code")]
    return _Facts(
        level=f"Level-{level[1]}" if level else L2A if is_l2a else None,
        baseline=next(filter(None, map(baseline_in, reversed(names))), None)
        or (version if re.fullmatch(r"\d\d\.\d\d", version, re.ASCII) else None),
        date=next(filter(None, (date_in([one]) for one in stated if one)), None) or date_in(names),
        tile=tile_in(names) or tile_in([f"T{code.removeprefix('MGRS-').removeprefix('T')}" for code in codes]),
        platform=_platform(text(properties.get("platform")), names),
    )


def _platform(said: str, names: Sequence[str]) -> str:
    found = re.search(r"sentinel-2([a-d])\b", said, re.IGNORECASE | re.ASCII)
    found = found or next((m for name in reversed(names) if (m := re.match(r"S2([A-D])_", name))), None)
    return f"Sentinel-2{found[1].upper()}" if found else ""


@dataclass(frozen=True)
class _Found:
    """An array of a product."""

    path: str
    name: str
    """`r10m/b02`"""
    metadata: ArrayMetadata
    text: bytes


def _arrays(store: Store) -> Iterator[tuple[str, _Found]]:
    """Each band at its finest, by its usual name and in the usual order, then `SCL`."""
    places = {band: (REFLECTANCE, band.lower()) for band in BANDS} | {SCL: (CLASSES, "scl")}
    for band, (folder, last) in places.items():
        for group in PIXEL_GROUPS:
            one = _found(store, f"{folder}/{group}/{last}", f"{group}/{last}")
            if one is not None:
                yield band, one
                break


def _found(store: Store, path: str, name: str) -> _Found | None:
    array = store.array(path, name)
    return None if array is None else _Found(path, name, *array)


@dataclass(frozen=True)
class _Clouds:
    """What stands in for a scene classification that is not there."""

    masks: tuple[tuple[CloudFile, ZarrArray], ...] = ()
    files: tuple[InputFile, ...] = ()
    notes: tuple[str, ...] = ()


_NO_CLOUDS = _Clouds()


def _clouds(store: Store, facts: _Facts) -> _Clouds:
    """The mask of Level-1C, else what Level-2A holds for likely; what is wrong with them is a note."""
    try:
        mask = _found(store, f"{CLOUD_MASK}/r60m/b00", _MASK_NAME)
        if mask is not None:
            pixels = _pixels(mask, store, shared_cache([mask.metadata]), is_band=False)
            return _Clouds(((CloudFile(_MASK_NAME, CLASSI, facts.date), pixels),))
        likely = _likely_clouds(store)
    except UnreadableFile as error:
        return _Clouds(notes=(f"The product's cloud mask is not used: {str(error).partition('. ')[0]}.",))
    if likely is None:
        return _NO_CLOUDS
    place = FileLocation(Path(PROBABILITIES))
    file = InputFile(place, likely.name, None, True, facts.date, quality=PROBABILITY, pixels=likely)
    return _Clouds(files=(file,), notes=(_LIKELY_CLOUDS,))


def _likely_clouds(store: Store) -> LikelyClouds | None:
    """At the finest pixels that there are."""
    for group in PIXEL_GROUPS:
        cloud, snow = (_found(store, f"{PROBABILITIES}/{group}/{last}", f"{group}/{last}") for last in ("cld", "snw"))
        if cloud is not None:
            there = [one for one in (cloud, snow) if one is not None]
            cache = shared_cache(one.metadata for one in there)
            return LikelyClouds(tuple(_pixels(one, store, cache, is_band=False) for one in there))
    return None


def _pixels(one: _Found, store: Store, cache: Cache, is_band: bool) -> ZarrArray:
    chunks = store.chunks(one.path)
    require_within(one.metadata, chunks, one.name)
    attributes = one.metadata.attributes
    group = one.path.rpartition("/")[0]
    return ZarrArray(
        name=one.name,
        metadata=one.metadata,
        text=one.text,
        files=chunks,
        cache=cache,
        grid=_grid(one, store, group),
        nodata=_nodata(one.metadata) if is_band else None,
        stated=_stated(attributes) if is_band else None,
    )


def array_elsewhere(store: Store, path: str, files: Callable[[ArrayMetadata], Mapping[str, Blob]]) -> ZarrArray | None:
    """An array of a store whose files nobody lists: `files` finds each when it is read. None where there is no array.

    Raises UnreadableFile as reading a product does, for more chunks or larger ones than are accepted too.
    """
    group, _, last = path.rpartition("/")
    one = _found(store, path, f"{group.rpartition('/')[2]}/{last}")
    if one is None:
        return None
    require_within(one.metadata, {}, one.name)
    cache, grid = shared_cache([one.metadata]), _grid(one, store, group)
    return ZarrArray(one.name, one.metadata, one.text, files(one.metadata), cache, grid, _nodata(one.metadata))


def _nodata(metadata: ArrayMetadata) -> float | None:
    """By xarray's attribute, else EOPF's own, else what stands where nothing is stored; of fractions NaN needs none."""
    own = mapping(metadata.attributes.get("_eopf_attrs"))
    stated = (metadata.attributes.get("_FillValue"), metadata.attributes.get("fill_value"), own.get("fill_value"))
    known = (value for one in stated if (value := number(one)) is not None and fits(value, metadata.dtype))
    found = next(known, metadata.fill)
    return None if found != found else found


def _stated(attributes: Mapping[str, Any]) -> Reflectance | None:
    """How numbers become reflectance, where that is stated: nothing more is then to be subtracted."""
    found = scale_and_offset(attributes)
    return None if found is None else scaled([found])


def scale_and_offset(attributes: Mapping[str, Any]) -> tuple[float, float] | None:
    """What an array states of its numbers; None where it says nothing of reflectance."""
    own = mapping(attributes.get("_eopf_attrs"))
    scale, offset = (number(attributes.get(key, own.get(key))) for key in ("scale_factor", "add_offset"))
    if scale is None or not _LEAST_SCALE < scale <= 1 or (scale, offset or 0.0) == (1.0, 0.0):
        return None
    return scale, offset or 0.0


def _grid(one: _Found, store: Store, group: str) -> Grid:
    bands = f"{REFLECTANCE}/{group.rpartition('/')[2]}"
    sources = [one.metadata.attributes, *(store.attributes(path) for path in (group, bands))]
    root = store.attributes("")
    shape_rc = one.metadata.shape_rc
    wkt = crs_wkt_of([*sources, root.get("stac_discovery"), root.get("other_metadata"), root])
    transform = transform_of(sources, shape_rc)
    transform = transform or _of_coordinates(store, group, shape_rc) or _of_coordinates(store, bands, shape_rc)
    return checked_grid(shape_rc, transform or Affine.identity(), wkt if transform else None, one.name)


def _of_coordinates(store: Store, group: str, shape_rc: tuple[int, int]) -> Affine | None:
    """By the arrays `x` and `y` beside an array of this shape; None where there are none that fit."""
    found = []
    for axis, count in (("x", shape_rc[1]), ("y", shape_rc[0])):
        path, name = f"{group}/{axis}", f"{group.rpartition('/')[2]}/{axis}"
        array = store.array(path, name)
        if array is None or array[0].shape_rc != (1, count):
            return None
        chunks = store.chunks(path)
        require_within(array[0], chunks, name)
        grid = Grid((1, count), Affine.identity(), None)
        found.append(ZarrArray(name, *array, chunks, shared_cache([array[0]]), grid).read_all()[0])
    return transform_of_centres(*found)


def _missing_chunks(files: Sequence[InputFile]) -> Iterator[str]:
    """That a band lacks chunks which another of the same grid has: ground that is missing is so in all of them."""
    arrays = [file.pixels for file in files if not file.is_scl and isinstance(file.pixels, ZarrArray)]
    for grid in dict.fromkeys(one.grid for one in arrays):
        there = {one.name: one.stored_files() for one in arrays if one.grid == grid}
        most = frozenset().union(*there.values())
        for name, held in there.items():
            if held < most:
                yield (
                    f"{name} lacks {len(most - held):,} of its {len(most):,} files, and has no data there. If that "
                    "surprises you, download the product again."
                )


def _missing_bands(bands: Sequence[str], level: str | None) -> Iterator[str]:
    missing = [band for band in BANDS if band not in bands and not (level == L2A and band == "B10")]
    if 0 < len(missing) <= _FEW_MISSING:
        yield f"The product has no {', '.join(missing)}: it may be incomplete."


def _left_out(left: Sequence[str]) -> Iterator[str]:
    if left:
        yield f"Left out, as no band: {', '.join(map(shown, left[:3]))}{' and more' if left[3:] else ''}."


def _provenance(facts: _Facts, files: Sequence[InputFile], title: str, notes: tuple[str, ...]) -> Provenance:
    """What is known of all bands; where none states its scale, the baseline decides as it does of a SAFE."""
    are_stated = any(file.pixels is not None and file.pixels.stated for file in files)
    rule = offset_rule(facts.level, facts.baseline)
    title = title.removesuffix(".zarr")
    if facts.tile:
        title = f"Tile {facts.tile}"
    elif facts.platform and facts.date:
        title = f"{facts.platform}, {facts.date}"
    return Provenance(
        title=title,
        level=facts.level,
        baseline=facts.baseline,
        date=facts.date,
        reflectance=None if are_stated else (rule.quantification, dict(rule.offsets), rule.sentence),
        saturated=float(_SATURATED),
        notes=notes,
        is_mission=facts.level in (L1C, L2A),
        doubt=None if are_stated else rule.warning,
    )
