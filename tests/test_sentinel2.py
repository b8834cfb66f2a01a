"""Facts about Sentinel-2 and the names that people give its bands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2dash.core import sentinel2
from s2dash.core.sentinel2 import BANDS, guess_band_names, standard_band_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("B02", "B02"),
        ("B2", "B02"),
        ("b2", "B02"),
        ("band 2", "B02"),
        ("Band_08", "B08"),
        ("B8", "B08"),
        ("B8A", "B8A"),
        ("b08a", "B8A"),
        ("B12", "B12"),
        ("T33TWL_20230815T100559_B02_10m", "B02"),
        ("S2A_B8A", "B8A"),
        ("B2, central wavelength 490 nm", "B02"),
        ("B04_2018-04-19", "B04"),
        ("blue", "B02"),
        ("Near_Infrared", "B08"),
        ("SWIR 2", "B12"),
    ],
)
def test_names_are_normalised(text: str, expected: str) -> None:
    assert standard_band_name(text) == expected


@pytest.mark.parametrize("text", ["", "B13", "B0", "B22", "AB02", "B02 and B03", "elevation", "B2x", "20180219", "BB2"])
def test_no_name_or_more_than_one_is_none(text: str) -> None:
    assert standard_band_name(text) is None


def test_two_mentions_of_one_band_are_that_band() -> None:
    assert standard_band_name("B02 (band 2)") == "B02"


@given(text=st.text(max_size=30))
def test_any_text_gives_a_band_or_none(text: str) -> None:
    assert standard_band_name(text) in (None, *BANDS)


@pytest.mark.parametrize("name", BANDS)
def test_each_band_is_its_own_standard_name(name: str) -> None:
    assert BANDS[name].name == name
    assert standard_band_name(name) == name
    assert sentinel2.describe_band(name).startswith(name)
    assert f"{BANDS[name].wavelength_nm} nm" in sentinel2.describe_band(name)


def test_bands_stand_in_the_order_of_the_product_metadata() -> None:
    expected = "B01 B02 B03 B04 B05 B06 B07 B08 B8A B09 B10 B11 B12"
    assert list(BANDS) == expected.split()
    wavelengths = [facts.wavelength_nm for facts in BANDS.values()]
    assert wavelengths == sorted(wavelengths)


@pytest.mark.parametrize("count", [3, 4, 10, 12, 13])
def test_guesses_have_as_many_names_as_bands(count: int) -> None:
    names = guess_band_names(count)
    assert names is not None
    assert len(set(names)) == count
    assert set(names) <= set(BANDS)


@pytest.mark.parametrize("count", [0, 1, 2, 5, 14])
def test_other_counts_have_no_usual_order(count: int) -> None:
    assert guess_band_names(count) is None


def test_sets_and_layers_name_bands_that_exist() -> None:
    for names in (*sentinel2.BAND_SETS.values(), *(rgb for rgb, _ in sentinel2.LAYERS.values())):
        assert set(names) <= set(BANDS)


def test_attribution_carries_the_year_where_it_is_known() -> None:
    assert sentinel2.attribution(2016) == "Contains modified Copernicus Sentinel data 2016"
    assert sentinel2.attribution(None) == "Contains modified Copernicus Sentinel data"
