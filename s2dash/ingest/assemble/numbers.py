"""What stored numbers mean: as metadata or headers state it, as a mission usually has it, or as the values tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from s2dash.core import missions
from s2dash.core.scene import Band, Reflectance, Scene
from s2dash.ingest.assemble.headers import FileHeader
from s2dash.ingest.assemble.values import Provenance, ScenePlan
from s2dash.ingest.reflectance import guessed_reflectance, in_one, power_to_divide_by, scaled

MOST_LOOKED_AT = 100_000
LEAST_REFLECTANCE, MOST_REFLECTANCE = -0.05, 1.6
"""Between which most values of a picture of ground lie, whatever the sensor."""
_MOST_OF_8_BITS = 5_000
"""8 bits hold reflectance where the factors of metadata are for them: Level-1 of the first Landsats."""


def rescaled(planned: ScenePlan, preview: np.ndarray) -> ScenePlan | None:
    """The plan with divisors for files whose numbers are beyond any measurement; None where there are none.

    Groups and pictures depend on the proportions of numbers, which a common divisor leaves as they are.
    """
    scene = planned.scene
    powers = []
    for source in planned.sources:
        bands = zip(source.slots, source.nodata, strict=False)
        floating = np.issubdtype(np.dtype(source.dtype), np.floating)
        slots = [(slot, nodata) for slot, nodata in bands if floating and slot < len(scene.bands)]
        most = MOST_LOOKED_AT // max(1, len(slots))
        stored = [subsample(present_values(preview[slot], [nodata]), most) for slot, nodata in slots]
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


def guessed_numbers(
    planned: ScenePlan, scene: Scene, light: Mapping[int, np.ndarray], measured: np.ndarray
) -> Reflectance:
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


def subsample(values: np.ndarray, most: int) -> np.ndarray:
    """Enough of the values to know their percentiles: up to twice as many as `most`."""
    return values[:: max(1, values.size // most)].copy()


def present_values(band: np.ndarray, missing: Sequence[float | None]) -> np.ndarray:
    """A band's values but for those that stand for no data."""
    kept = band.ravel()
    for value in missing:
        if value is not None and not np.isnan(value):
            kept = kept[kept != value]
    return kept


def stated_numbers(scene: Scene, headers: Sequence[FileHeader], provenance: Provenance) -> Reflectance | None:
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


def usual_numbers(
    scene: Scene, headers: Sequence[FileHeader], provenance: Provenance
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
    header: FileHeader, bands: Sequence[Band], provenance: Provenance
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


def usual_if_fitting(usual: Reflectance | None, scene: Scene, found: Sequence[np.ndarray]) -> Reflectance | None:
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
    return usual if middle > LEAST_REFLECTANCE and high <= MOST_REFLECTANCE else None


def numbers_by_values(planned: ScenePlan, scene: Scene, measured: np.ndarray) -> Reflectance | None:
    """What whole numbers of one mission are by their size, where no name says which of its products they are."""
    is_whole = np.issubdtype(np.dtype(scene.dtype), np.integer) and np.dtype(scene.dtype).itemsize > 1
    if planned.usual is not None or len(scene.missions) != 1 or not is_whole or not measured.size:
        return None
    numbers = missions.numbers_by_values(scene.missions[0], float(np.percentile(measured, 1)))
    if numbers is None:
        return None
    return replace(scaled([(numbers.scale, numbers.offset)] * len(scene.bands)), sentence=numbers.sentence)
