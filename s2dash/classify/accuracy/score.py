"""What the answers at places say of a map: its accuracy, also where it was made after the places were drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from s2dash.classify.accuracy.estimators import OUTSIDE, Ratio, Sample, sample_of
from s2dash.classify.accuracy.sampling import class_names, labels_at, pixels_by_name
from s2dash.core.accuracy import Accuracy, Check, ClassAccuracy, Estimate
from s2dash.core.classmap import Mapped
from s2dash.core.legend import Legend

_METHODS = (
    "Stratified estimators of Olofsson et al. (2014), with 95 % intervals.",
    "The map was changed after the places were drawn: estimators of Stehman (2014) for strata that are not its "
    "classes, with 95 % intervals.",
)


def check_accuracy(check: Check, result: Mapped, legend: Legend) -> Accuracy:
    """How far a map can be trusted by the answers of a check, which may have been drawn from an earlier map.

    Raises BrokenResult where labels cannot be read.
    """
    places = [place for place in check.places if place.is_answered]
    names = class_names(legend)
    mapped = [names.get(int(number), OUTSIDE) for number in labels_at(result.classmap, places)]
    found = [place.answer or "" for place in places]
    pixels = pixels_by_name(result, legend)
    sizes = {stratum.name: stratum.pixels for stratum in check.strata}
    strata = [place.stratum for place in places]
    same = _are_the_classes(dict(zip(strata, mapped, strict=True)), strata, mapped, sizes, pixels)
    sample = sample_of(strata, mapped, found, sizes, finite=not same)
    map_names = tuple(dict.fromkeys(names.values()))
    reference_names = (*map_names, *sorted(set(found) - set(map_names)))
    total = max(1, sum(pixels.values()))
    shares = tuple(pixels.get(name, 0) / total for name in map_names)
    return Accuracy(
        how="own places",
        design=f"{check.allocation} {_METHODS[not same]}",
        answers=len(places) - mapped.count(OUTSIDE),
        overall=_estimate(sample.overall()),
        classes=tuple(_class_accuracy(name, sample, result, shares, map_names) for name in reference_names),
        map_names=map_names,
        reference_names=reference_names,
        matrix=confusion(mapped, found, map_names, reference_names),
        mapped_shares=shares,
        notes=tuple(_notes(check, sample, mapped.count(OUTSIDE))),
    )


def confusion(
    mapped: Sequence[str], found: Sequence[str], map_names: Sequence[str], reference_names: Sequence[str]
) -> tuple[tuple[int, ...], ...]:
    """How many answers have each pair of classes; those of other names are not counted."""
    rows, cols = ({name: i for i, name in enumerate(names)} for names in (map_names, reference_names))
    counts = np.zeros((len(rows), len(cols)), dtype=np.int64)
    for one, other in zip(mapped, found, strict=True):
        if one in rows and other in cols:
            counts[rows[one], cols[other]] += 1
    return tuple(tuple(int(count) for count in row) for row in counts)


def _are_the_classes(
    partner: dict[str, str], strata: list[str], mapped: list[str], sizes: dict[str, int], pixels: dict[str, int]
) -> bool:
    """Whether the strata are still the classes of the map, whatever they are called now."""
    stay = all(partner[stratum] == name for stratum, name in zip(strata, mapped, strict=True))
    return stay and all(pixels.get(name) == sizes[stratum] for stratum, name in partner.items())


def _class_accuracy(
    name: str, sample: Sample, result: Mapped, shares: tuple[float, ...], map_names: tuple[str, ...]
) -> ClassAccuracy:
    area = _estimate(sample.area(name))
    share = shares[map_names.index(name)] if name in map_names else 0.0
    known_ha = None if result.mapped_ha is None else result.mapped_ha * (1 - sample.unanswered_share)
    return ClassAccuracy(
        name=name,
        users=_estimate(sample.users(name)),
        producers=_estimate(sample.producers(name)),
        area_share=area,
        area_ha=area.times(known_ha) if area is not None and known_ha is not None else None,
        mapped_share=share,
        mapped_ha=None if result.mapped_ha is None else share * result.mapped_ha,
    )


def _estimate(ratio: Ratio | None) -> Estimate | None:
    return None if ratio is None else ratio.estimate


def _notes(check: Check, sample: Sample, outside: int) -> list[str]:
    notes = []
    if left := [name for name, size in sample.sizes.items() if size and name not in sample.answered]:
        share = f"{sample.unanswered_share:.0%}".replace("%", " %")
        notes.append(f"Left out, as nobody has answered there yet: {_listed(left)} ({share} of the map).")
    if check.unsure_count:
        notes.append(f"{check.unsure_count} of {len(check.places)} places could not be told and are left out.")
    if outside:
        notes.append(f"{outside} of the answered places have no class on this map and are left out.")
    return notes


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
