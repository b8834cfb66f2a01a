"""Colours of classes: the rule of families, colours that stay apart for every kind of sight, and never two alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import combinations, pairwise

import numpy as np
import pytest
import rasterio
from coloraide import Color
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from s2dash.core import sentinel2
from s2dash.core.palette import (
    _FAMILY_COLOURS,
    _WIDE_FAMILY_COLOURS,
    FAMILY_WORDS,
    PALETTES,
    carried_colours,
    class_colours,
    families,
)
from s2dash.core.sight import least_differences
from s2dash.ingest import sample_scene

BANDS = ("B02", "B03", "B04", "B08", "B11")
EXAMPLES = {
    # NDVI 0.04, mean 0.059, MNDWI 0.09
    "dark": (0.06, 0.06, 0.06, 0.065, 0.05),
    # NDVI -0.33, NDWI 0.5, MNDWI 0.8, V 0.083
    "water": (0.10, 0.09, 0.06, 0.03, 0.01),
    # NDVI 0.71
    "vegetation": (0.05, 0.08, 0.06, 0.35, 0.20),
    # NDVI 0.03, V 0.407, B04 1.05 x B02, MNDWI 0
    "bright": (0.40, 0.40, 0.42, 0.45, 0.40),
    # NDVI 0.15, B11 1.22 x B08, V 0.157
    "bare": (0.12, 0.15, 0.20, 0.27, 0.33),
    # NDVI 0.13, MNDWI 0.17, B11 0.59 x B08
    "other": (0.15, 0.14, 0.13, 0.17, 0.10),
}
SIGHTS = (None, *((kind, how) for kind in ("deutan", "protan") for how in ("brettel", "machado")))


def one(spectrum: Sequence[float], names: Sequence[str | None] = BANDS) -> str:
    return families(np.array([spectrum]), names)[0]


def mix(members: Sequence[str], seed: int = 0) -> np.ndarray:
    """Class means near the examples of the given families, no two equally bright."""
    light = np.random.default_rng(seed).uniform(0.96, 1.04, len(members))
    return np.array([EXAMPLES[family] for family in members]) * light[:, None]


@cache
def difference(one: str, other: str) -> float:
    """CIEDE2000 in the sight that tells the two least apart."""
    return min(as_seen(one, sight).delta_e(as_seen(other, sight), method="2000") for sight in SIGHTS)


@cache
def as_seen(colour: str, sight: tuple[str, str] | None) -> Color:
    seen = Color(colour)
    return seen if sight is None else seen.filter(sight[0], 1, method=sight[1]).convert("srgb").clip()


def least_difference(colours: Sequence[str]) -> float:
    return min(difference(*sorted(pair)) for pair in combinations(colours, 2))


def luminance(colour: str) -> float:
    return float(Color(colour).luminance())


def test_the_measure_agrees_with_a_published_pair_and_tells_sights_apart() -> None:
    # Sharma, Wu and Dalal (2005), table 1, pair 1
    published = Color("lab-d65", [50, 2.6772, -79.7751]).delta_e(
        Color("lab-d65", [50, 0, -82.7485]), method="2000", space="lab-d65"
    )
    assert published == pytest.approx(2.0425, abs=1e-4)
    red, olive = "#a05030", "#6b6b2b"
    assert difference(red, olive) < Color(red).delta_e(olive, method="2000") / 2


@pytest.mark.parametrize("family", EXAMPLES)
def test_a_spectrum_worked_out_by_hand_falls_in_its_family(family: str) -> None:
    assert one(EXAMPLES[family]) == family


@pytest.mark.parametrize(
    ("family", "spectrum"),
    [
        ("water", (0.08, 0.06, 0.05, 0.04, 0.02)),  # dark, but MNDWI is 0.5: open water
        ("dark", (0.05, 0.05, 0.05, 0.05, 0.03)),  # as dark, MNDWI is 0.25: wet ground
        ("bright", (0.50, 0.50, 0.50, 0.45, 0.10)),  # MNDWI is 0.67, but V is above 0.32: snow or foam
        ("bright", (0.22, 0.24, 0.27, 0.32, 0.40)),  # V is 0.243, B04 1.23 x B02
        ("bare", (0.20, 0.24, 0.27, 0.32, 0.40)),  # V is 0.237, B04 1.35 x B02
        ("vegetation", (0.05, 0.07, 0.07, 0.13, 0.10)),  # NDVI is exactly 0.30
    ],
)
def test_at_the_edges_the_first_family_that_fits_wins(family: str, spectrum: tuple[float, ...]) -> None:
    assert one(spectrum) == family


def test_bands_count_by_name_not_by_place() -> None:
    order = [3, 0, 4, 2, 1]
    for family, spectrum in EXAMPLES.items():
        assert one([spectrum[i] for i in order], [BANDS[i] for i in order]) == family


def test_several_dates_of_a_band_are_averaged() -> None:
    plants, soil = np.array(EXAMPLES["vegetation"]), np.array(EXAMPLES["bare"])
    assert one([*plants, *plants], BANDS * 2) == "vegetation"
    assert one([*plants, *soil], BANDS * 2) == one((plants + soil) / 2)


def test_water_whose_corrected_reflectance_is_below_zero_is_not_taken_for_plants() -> None:
    # As they stand, B08 = -0.004 and B04 = -0.002 would give NDVI 0.33.
    assert one((0.020, 0.015, -0.002, -0.004, 0.001)) == "water"


def test_a_date_without_values_does_not_darken_the_others() -> None:
    for family, spectrum in EXAMPLES.items():
        assert one([*spectrum, *[np.nan] * len(spectrum)], BANDS * 2) == family


@pytest.mark.parametrize("band", sentinel2.ATMOSPHERE_BANDS)
def test_bands_made_for_the_air_have_no_say(band: str) -> None:
    for family, spectrum in EXAMPLES.items():
        assert one([*spectrum, 0.9], [*BANDS, band]) == family


def test_narrow_near_infrared_stands_in_for_near_infrared() -> None:
    names = [name.replace("B08", "B8A") for name in BANDS]
    for family, spectrum in EXAMPLES.items():
        assert one(spectrum, names) == family


def test_four_bands_without_shortwave_infrared_are_enough_for_water_plants_and_ground() -> None:
    for family in ("water", "vegetation", "bare"):
        assert one(EXAMPLES[family][:4], BANDS[:4]) == family


def test_every_family_has_words_that_are_a_hint() -> None:
    assert set(FAMILY_WORDS) == set(EXAMPLES)
    assert all(words.strip() for words in FAMILY_WORDS.values())
    assert list(PALETTES) == ["character", "true-colour", "tab20", "hsv"]


@pytest.mark.parametrize("family", EXAMPLES)
@pytest.mark.parametrize("count", [2, 3, 8, 20])
def test_the_darker_class_gets_the_darker_colour_also_in_overflow(family: str, count: int) -> None:
    means = mix([family] * count)
    assert set(families(means, BANDS)) == {family}
    colours = class_colours(means, BANDS)
    by_brightness = [luminance(colours[i]) for i in np.argsort(means.mean(axis=1))]
    # Luminance may be reckoned with or without gamma: near ties may stand either way.
    assert all(darker < brighter + 0.02 for darker, brighter in pairwise(by_brightness))


def test_order_of_the_classes_does_not_matter() -> None:
    means = mix([*EXAMPLES] * 4)
    shuffled = np.random.default_rng(3).permutation(len(means))
    colours = class_colours(means, BANDS)
    assert class_colours(means[shuffled], BANDS) == tuple(colours[i] for i in shuffled)


@pytest.mark.parametrize("family", EXAMPLES)
def test_overflow_never_takes_a_blue_of_water_or_a_green_of_plants(family: str) -> None:
    of_water, of_plants = (set(class_colours(mix([name] * 8), BANDS)) for name in ("water", "vegetation"))
    used = set(class_colours(mix([family] * 255), BANDS))
    claimed = {"water": of_plants, "vegetation": of_water}.get(family, of_water | of_plants)
    assert not used & claimed
    own = set(class_colours(mix([family] * 20), BANDS)) if family in ("water", "vegetation") else set()
    own |= set(_WIDE_FAMILY_COLOURS.get(family, ())) | set(_FAMILY_COLOURS[family])
    strangers = [Color(colour).convert("oklch") for colour in used - own]
    assert not [c.to_string() for c in strangers if c["chroma"] > 0.03 and 115 < c["hue"] < 265]


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize(
    "names", [BANDS, BANDS[:3], ("B8A", "B11"), (None,) * 3], ids=["five", "visible", "infrared", "unnamed"]
)
def test_colours_are_distinct_well_formed_and_repeatable_for_any_k(palette: str, names: tuple[str | None, ...]) -> None:
    rng = np.random.default_rng(0)
    for k in range(2, 256) if names == BANDS else (2, 8, 20, 21, 64, 255):
        means = rng.uniform(0, 0.6, (k, len(names)))
        colours = class_colours(means, names, palette)
        assert len(colours) == len(set(colours)) == k
        assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)
    assert class_colours(means.copy(), names, palette) == colours


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("value", [0.0, 0.1, 1.0, -0.01, np.nan])
def test_classes_of_one_mean_still_get_distinct_colours(palette: str, value: float) -> None:
    for k in (1, 2, 21, 255):
        assert len(set(class_colours(np.full((k, len(BANDS)), value), BANDS, palette))) == k


def test_a_mean_that_is_missing_leaves_the_other_classes_as_they_are() -> None:
    means = mix([*EXAMPLES])
    means[2] = np.nan
    found = families(means, BANDS)
    assert [name for i, name in enumerate(found) if i != 2] == [name for i, name in enumerate(EXAMPLES) if i != 2]


def test_inputs_are_left_alone() -> None:
    means = mix([*EXAMPLES])
    means.flags.writeable = False
    for palette in PALETTES:
        class_colours(means, BANDS, palette)


def test_without_near_infrared_brighter_classes_are_lighter_from_blue_to_yellow() -> None:
    visible = np.array([[0.3, 0.3, 0.3], [0.1, 0.1, 0.1], [0.2, 0.2, 0.2]])
    assert families(visible, BANDS[:3]) == ("other",) * 3
    light, dark, middle = (Color(colour).convert("oklch") for colour in class_colours(visible, BANDS[:3]))
    assert dark["lightness"] < middle["lightness"] < light["lightness"]
    assert 220 < dark["hue"] < 290
    assert 80 < light["hue"] < 115


def test_true_colour_is_the_colour_of_the_class() -> None:
    red, green, blue = class_colours(
        np.array([[0.05, 0.05, 0.2], [0.05, 0.2, 0.05], [0.2, 0.05, 0.05]]), BANDS[:3], "true-colour"
    )
    for colour, channel in ((red, "red"), (green, "green"), (blue, "blue")):
        value = {name: Color(colour)[name] for name in ("red", "green", "blue")}
        assert max(value, key=value.__getitem__) == channel


def test_true_colour_without_visible_bands_is_grey_by_brightness() -> None:
    colours = class_colours(np.array([[0.3, 0.2], [0.1, 0.1]]), ("B8A", "B11"), "true-colour")
    assert all(Color(colour).convert("oklch")["chroma"] < 0.01 for colour in colours)
    assert luminance(colours[0]) > luminance(colours[1])


@pytest.mark.parametrize("k", [4, 8, 12, 20])
def test_any_mix_of_families_stays_apart_in_every_sight(k: int) -> None:
    rng = np.random.default_rng(k)
    for round_ in range(15):
        shares = rng.dirichlet(np.ones(len(EXAMPLES)))
        means = mix(list(rng.choice([*EXAMPLES], k, p=shares)), seed=round_)
        assert least_difference(class_colours(means, BANDS)) >= 6


def compositions(total: int) -> list[list[str]]:
    """Classes of one family, of each two families in each share, and a sample of all other mixes."""
    rng = np.random.default_rng(total)
    out = [[one] * n + [other] * (total - n) for one, other in combinations(EXAMPLES, 2) for n in range(total + 1)]
    out += [list(rng.choice([*EXAMPLES], total, p=rng.dirichlet(np.ones(len(EXAMPLES))))) for _ in range(60)]
    return out


@pytest.mark.parametrize(
    ("k", "least"), [*((k, 9.5) for k in (2, 4, 6, 8, 9, 10, 11)), *((k, 6) for k in (12, 16, 20))]
)
def test_any_composition_of_families_keeps_the_promise(k: int, least: float) -> None:
    found = {" ".join(members): least_difference(class_colours(mix(members), BANDS)) for members in compositions(k)}
    assert not {members: round(value, 1) for members, value in found.items() if value < least}


@pytest.mark.parametrize("kind", [*EXAMPLES, "any"])
def test_colours_that_classes_keep_stay_apart_from_those_of_new_ones(kind: str) -> None:
    """Classes come and go one by one, as k moves, also where all are of one family."""
    rng = np.random.default_rng(7)
    kinds = list(EXAMPLES) if kind == "any" else [kind]
    members, colours, least = list(rng.choice(kinds, 2)), list[str | None]([None, None]), 100.0
    for step in range(24):
        if len(members) < 3 or (len(members) < 11 and rng.random() < 0.6):
            place = int(rng.integers(len(members) + 1))
            members.insert(place, str(rng.choice(kinds)))
            colours.insert(place, None)
        else:
            place = int(rng.integers(len(members)))
            del members[place], colours[place]
        kept = {number: colour for number, colour in enumerate(colours, 1) if colour}
        now = carried_colours(kept, mix(members, step), BANDS)
        assert {number: now[number - 1] for number in kept} == kept
        least, colours = min(least, least_difference(now)), list(now)
    assert least >= 9.5


def test_the_products_own_measure_is_that_of_the_reference() -> None:
    colours = [f"#{value:06x}" for value in np.random.default_rng(5).integers(0, 1 << 24, 20)]
    found = least_differences(colours)
    for i, j in combinations(range(len(colours)), 2):
        assert found[i, j] == pytest.approx(difference(*sorted((colours[i], colours[j]))), abs=1e-3)


@pytest.mark.parametrize("k", range(2, 21))
def test_without_near_infrared_classes_stay_apart_too(k: int) -> None:
    means = np.linspace(0.05, 0.4, k)[:, None].repeat(3, axis=1)
    colours = class_colours(means, BANDS[:3])
    assert [*map(luminance, colours)] == sorted(map(luminance, colours))
    assert least_difference(colours) >= (9.5 if k <= 11 else 6)


@pytest.fixture(scope="module", params=["coast", "desert"])
def real(request: pytest.FixtureRequest) -> tuple[np.ndarray, tuple[str, ...]]:
    """A sample of a real scene's pixels, shape (pixels, bands), reflectance, and its band names."""
    scene = sample_scene(request.param)
    (path,) = scene.paths
    with rasterio.open(path, driver="GTiff") as dataset:
        pixels = dataset.read()[: len(scene.bands)].reshape(len(scene.bands), -1).T
    chosen = np.random.default_rng(0).choice(len(pixels), 10_000, replace=False)
    return pixels[chosen] / 10_000, scene.band_names


@pytest.mark.parametrize("seed", range(3))
def test_on_real_scenes_classes_stay_apart_in_every_sight(real: tuple[np.ndarray, tuple[str, ...]], seed: int) -> None:
    """Of a desert all classes are of one family."""
    pixels, names = real
    land = pixels[:, [name in sentinel2.BAND_SETS["All land"] for name in names]]
    standardised = (land - land.mean(axis=0)) / land.std(axis=0)
    least = {}
    for k in (*range(2, 12), 12, 16, 20):
        with threadpool_limits(1):
            labels = KMeans(k, n_init=1, random_state=seed).fit_predict(standardised)
        means = np.array([pixels[labels == label].mean(axis=0) for label in range(k)])
        least[k] = least_difference(class_colours(means, names))
    assert not {k: round(value, 1) for k, value in least.items() if value < (9.5 if k <= 11 else 6)}
