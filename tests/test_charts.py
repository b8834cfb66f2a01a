"""The page's charts: what is drawn, where, and in which words."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import altair as alt
import jsonschema
import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from s2dash.core import sentinel2
from s2dash.core.classmap import ClassMap, ClassRow, Result
from s2dash.core.grid import Grid
from s2dash.core.legend import Legend, LegendEntry
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Band, Layer, Reflectance, Scene
from s2dash.raster.location import FileLocation
from s2dash.ui import charts

NASTY = 'a.b[0] "quoted" \\ <b>&</b> \u2028 {x}'


def make_result(bands: list[Band], k: int = 3, chosen: tuple[str, ...] | None = None) -> Result:
    grid = Grid((20, 30), Affine(10, 0, 0, 0, -10, 0), "EPSG:32618")
    layers = tuple(Layer(FileLocation(Path("t.tif")), index, grid) for index in range(1, len(bands) + 1))
    reflectance = Reflectance(10_000, (0,) * len(bands), "")
    nodata = (None,) * len(bands)
    scene = Scene("t", grid, tuple(bands), layers, "uint16", nodata, reflectance, "d")
    means = np.random.default_rng(0).uniform(0.01, 0.6, (k, len(bands)))
    rows = tuple(ClassRow(i + 1, 600 // k, 1 / k, 6 / k, tuple(map(float, means[i]))) for i in range(k))
    names = chosen or scene.band_names[:1]
    return Result(scene, Recipe(bands=names, k=max(2, k)), ClassMap(grid, k, None), rows, "numpy", "r")


def make_legend(k: int = 3, name: str = "Class") -> Legend:
    return Legend(tuple(LegendEntry(i, f"{name} {i}", f"#{i:02x}8040") for i in range(1, k + 1)))


STANDARD = [Band(name, name) for name in sentinel2.BANDS]
DATES = [Band(f"{name}_{date}", name) for date in ("2018-04-19", "2018-06-03") for name in ("B04", "B02", "B08")]
FREE = [Band(NASTY, None), Band("radar.x[1]", None), Band("B04", "B04")]
ONE = [Band("B08", "B08")]
SCENES = {"standard": STANDARD, "dates": DATES, "free": FREE, "one": ONE}


def layers(chart: Any) -> list[dict[str, Any]]:
    """Layers of the specification, each with its rows under `rows`."""
    return [{**layer, "rows": json.loads(layer["data"]["values"])} for layer in chart["layer"]]


def looked_up(layer: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows with what the browser finds for each: facts of its class, and texts that it puts together."""
    rows = layer["rows"]
    for step in layer.get("transform", []):
        if "lookup" in step:
            facts = {row[step["from"]["key"]]: row for row in step["from"]["data"]["values"]}
            fields = step["from"]["fields"]
            rows = [{**row, **{field: facts[row[step["lookup"]]][field] for field in fields}} for row in rows]
        else:
            words, _, field = step["calculate"].rpartition(" + datum.")
            rows = [{**row, step["as"]: f"{json.loads(words)}{row[field]:g}"} for row in rows]
    return rows


def rows_with(chart: Any, field: str) -> list[dict[str, Any]]:
    return next(rows for layer in layers(chart) if (rows := looked_up(layer)) and field in rows[0])


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("bands", SCENES.values(), ids=SCENES)
@pytest.mark.parametrize("k", [2, 20])
def test_spectra_show_every_class_in_every_shown_band(bands: list[Band], k: int, dark: bool) -> None:
    result, legend = make_result(bands, k), make_legend(k)
    rows = rows_with(charts.spectra_chart(result, legend, dark), "mean")
    shown = {band.name for band in bands if band.standard not in ("B09", "B10")}
    assert {(row["class"], row["band"]) for row in rows} == {(e.name, b) for e in legend.entries for b in shown}
    for row in rows:
        position = [band.name for band in bands].index(row["band"])
        mean = result.rows[int(row["class"].split()[1]) - 1].mean_reflectance[position]
        assert row["reflectance"] == pytest.approx(100 * mean, abs=0.001)
        assert row["colour"] == legend.entries[int(row["class"].split()[1]) - 1].colour


def test_bands_for_the_air_are_shown_only_where_the_recipe_uses_them() -> None:
    legend = make_legend()
    without = rows_with(charts.spectra_chart(make_result(STANDARD, chosen=("B02",)), legend, False), "band")
    with_them = rows_with(charts.spectra_chart(make_result(STANDARD, chosen=("B02", "B09")), legend, False), "band")
    assert not {row["band"] for row in without} & set(sentinel2.ATMOSPHERE_BANDS)
    assert {row["band"] for row in with_them} - {row["band"] for row in without} == {"B09"}


def test_wavelength_is_the_axis_where_each_band_has_its_own() -> None:
    chart = charts.spectra_chart(make_result(STANDARD), make_legend(), False)
    x = layers(chart)[0]["encoding"]["x"]
    assert x["scale"]["type"] == "log"
    for row in rows_with(chart, "mean"):
        assert row["x"] == sentinel2.BANDS[row["band"]].wavelength_nm
        assert x["scale"]["domain"][0] < row["x"] < x["scale"]["domain"][1]


def test_dates_stand_apart_and_lines_do_not_cross_them() -> None:
    chart = charts.spectra_chart(make_result(DATES), make_legend(), False)
    places = {(row["band"], row["x"], row["group"]) for row in rows_with(chart, "mean")}
    in_order = [band for band, _, _ in sorted(places, key=lambda place: place[1])]
    assert in_order == [f"{b}_{date}" for date in ("2018-04-19", "2018-06-03") for b in ("B02", "B04", "B08")]
    assert len({x for _, x, _ in places}) == len(DATES)
    assert {(band.split("_")[1], group) for band, _, group in places} == {("2018-04-19", 0), ("2018-06-03", 1)}
    assert [row["heading"] for row in rows_with(chart, "heading")] == ["2018-04-19", "2018-06-03"]


def test_bands_without_wavelength_keep_the_order_of_the_scene() -> None:
    rows = rows_with(charts.spectra_chart(make_result(FREE, 1), make_legend(1), False), "mean")
    assert [row["band"] for row in sorted(rows, key=lambda row: row["x"])] == [band.name for band in FREE]


def test_a_single_band_gives_bars() -> None:
    (bars,) = layers(charts.spectra_chart(make_result(ONE), make_legend(), False))
    assert bars["mark"]["type"] == "bar"
    assert [row["number"] for row in bars["rows"]] == ["1", "2", "3"]


def test_the_selected_class_stands_out_and_lies_on_top() -> None:
    rows = rows_with(charts.spectra_chart(make_result(STANDARD), make_legend(), False, selected=2), "mean")
    opacities = {row["id"]: row["opacity"] for row in rows}
    assert opacities[2] == 1
    assert max(opacities[1], opacities[3]) < 0.3
    assert rows[-1]["id"] == 2


@pytest.mark.parametrize("bands", SCENES.values(), ids=SCENES)
def test_text_from_outside_is_only_ever_a_value(bands: list[Band]) -> None:
    legend = make_legend(name=NASTY)
    one = charts.spectra_chart(make_result(bands), legend, False)
    x = np.arange(10.0)
    other = charts.scatter_chart(x, x, np.ones(10, int), legend, NASTY, "image", False)
    for chart in (one, other):
        for layer in layers(chart):
            for name, channel in layer["encoding"].items():
                for part in channel if isinstance(channel, list) else [channel]:
                    assert part.get("field", "x").isidentifier(), name
                    assert name != "tooltip" or part["title"] in {
                        *("Class", "Band", "Light", "Wavelength", "Mean reflectance", "Across", "Up")
                    }


def test_tick_labels_are_data_to_the_expression_language() -> None:
    chart = charts.spectra_chart(make_result(FREE), make_legend(), False)
    expression = layers(chart)[0]["encoding"]["x"]["axis"]["labelExpr"]
    table = json.loads(expression.removesuffix("[datum.value]"))
    assert "".join(table["0"]).replace(" ", "") == (NASTY if len(NASTY) <= 28 else f"{NASTY[:27]}…").replace(" ", "")
    assert expression.isascii()


@pytest.mark.parametrize(
    ("label", "lines"),
    [
        ("red", ("red", "")),
        ("Wet ground under pine forest", ("Wet ground under", "pine forest")),
        ("abcdefghijklmnopqrstuvwxyz12", ("abcdefghijklmnop", "qrstuvwxyz12")),
        ("normalised_difference_red_edge_2", ("normalised_diffe", "rence_red_e…")),
    ],
)
def test_labels_of_28_characters_are_whole_in_two_lines(label: str, lines: tuple[str, str]) -> None:
    assert charts.in_two_lines(label) == lines


def test_the_name_of_the_chart_is_short_however_many_classes() -> None:
    assert charts.spectra_name(make_result(STANDARD), make_legend()) == "Mean reflectance of 3 classes in 11 bands"


def test_unknown_means_are_left_out() -> None:
    result = make_result(STANDARD)
    nothing = ClassRow(1, 0, 0.0, 0.0, (math.nan,) * len(STANDARD))
    result = Result(result.scene, result.recipe, result.classmap, (nothing, *result.rows[1:]), "numpy", "r")
    assert {row["id"] for row in rows_with(charts.spectra_chart(result, make_legend(), False), "mean")} == {2, 3}
    assert "Class 1: not known." in charts.spectra_alt(result, make_legend())
    json.dumps(charts.spectra_chart(result, make_legend(), False), allow_nan=False)


@pytest.mark.parametrize("bands", SCENES.values(), ids=SCENES)
def test_the_words_name_every_class(bands: list[Band]) -> None:
    words = charts.spectra_alt(make_result(bands), make_legend(name="Field"))
    assert all(f"Field {i} (class {i}):" in words for i in (1, 2, 3))


@given(st.lists(st.floats(0, 300), max_size=40), st.floats(1, 20))
def test_line_end_numbers_are_apart_in_order_and_inside(heights: list[float], gap: float) -> None:
    spread = charts.spread_apart(heights, gap, 300)
    room = min(gap, 300 / max(1, len(heights) - 1))
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    for below, above in itertools.pairwise(order):
        assert spread[above] - spread[below] >= room - 1e-6
    assert all(-1e-6 <= height <= 300 + 1e-6 for height in spread)


def test_numbers_with_room_stay_where_they_are_and_a_pair_parts_evenly() -> None:
    assert charts.spread_apart([10, 50, 90], 12, 300) == [10, 50, 90]
    assert charts.spread_apart([100, 100], 12, 300) == [94, 106]


def test_scatter_draws_each_class_by_its_share_and_at_most_2000_points() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice([0, 1, 2, 3], size=100_000, p=[0.2, 0.4, 0.36, 0.04]).astype(np.uint8)
    x, y = rng.random(100_000), rng.random(100_000)
    x[labels == 1] = np.where(rng.random((labels == 1).sum()) < 0.5, np.nan, x[labels == 1])
    points = rows_with(charts.scatter_chart(x, y, labels, make_legend(), "B04", "B08", False), "across")
    assert len(points) == charts.MOST_SCATTER_POINTS
    counts = {name: sum(point["class"] == name for point in points) for name in ("Class 1", "Class 2", "Class 3")}
    assert counts["Class 1"] / 2000 == pytest.approx(0.2 / 0.6, abs=0.02)
    assert counts["Class 3"] / 2000 == pytest.approx(0.04 / 0.6, abs=0.01)


def test_scatter_points_carry_their_own_values() -> None:
    x, y = np.array([0.1, 0.2, np.inf]), np.array([1.0, 2.0, 3.0])
    points = rows_with(charts.scatter_chart(x, y, np.array([2, 0, 1]), make_legend(), "B04", "B08", False), "across")
    assert [(p["x"], p["y"], p["class"], p["across"]) for p in points] == [(0.1, 1.0, "Class 2", "B04: 0.1")]


def test_scatter_without_any_point_is_still_a_chart() -> None:
    empty = np.empty(0)
    json.dumps(charts.scatter_chart(empty, empty, empty, make_legend(), "a", "b", True), allow_nan=False)


def test_scatter_refuses_unequal_lengths_with_the_numbers() -> None:
    with pytest.raises(ValueError, match="3, 2 and 3"):
        charts.scatter_chart(np.ones(3), np.ones(2), np.ones(3), make_legend(), "a", "b", False)


def test_scatter_words_count_what_is_drawn() -> None:
    assert charts.scatter_alt(np.array([0, 1, 3, 9]), make_legend(), "B04", "B08").startswith("2 pixels")


def every_chart() -> Iterator[charts.Spec]:
    """Charts of every kind of scene, with and without a class that stands out, in both themes; and scatters."""
    for bands, (k, selected) in itertools.product(SCENES.values(), ((2, None), (30, 2))):
        yield charts.spectra_chart(make_result(bands, k), make_legend(k, NASTY), k > 2, selected)
    x = np.arange(10.0)
    for count, selected in itertools.product((0, 10), (None, 2)):
        labels = 1 + np.arange(count) % 3
        yield charts.scatter_chart(x[:count], x[:count], labels, make_legend(), NASTY, NASTY, False, selected)
    for bands in (STANDARD, DATES, FREE):
        yield class_spectrum(make_result(bands))


def class_spectrum(result: Result) -> charts.Spec:
    """The chart of a result's first class, whose spread is half of its mean to one and a half of it."""
    spread = np.outer([0.5, 1.5], result.rows[0].mean_reflectance)
    spec = charts.class_spectrum_chart(result, make_legend(3, NASTY).entries[0], result.rows[0], spread, False)
    assert spec is not None
    return spec


def test_the_spread_of_a_class_lies_around_its_mean_and_one_band_is_no_spectrum() -> None:
    result = make_result(STANDARD)
    span, _, line, _ = layers(class_spectrum(result))
    assert span["rows"] == line["rows"]
    for row in span["rows"]:
        assert row["low"] == pytest.approx(row["reflectance"] / 2, abs=2e-3)
        assert row["high"] == pytest.approx(row["reflectance"] * 1.5, abs=2e-3)
    one, entry = make_result(ONE), make_legend().entries[0]
    assert charts.class_spectrum_chart(one, entry, one.rows[0], np.zeros((2, 1)), False) is None
    unknown = np.full((2, len(STANDARD)), np.nan)
    assert charts.class_spectrum_chart(result, entry, result.rows[0], unknown, False) is None


def check_schema(spec: charts.Spec) -> None:
    """Raise where a specification is not what Vega-Lite takes; of rows, which are any JSON, one is enough."""
    few = [
        {**layer, "data": {**layer["data"], "values": json.dumps(json.loads(layer["data"]["values"])[:1])}}
        for layer in spec["layer"]
    ]
    alt.LayerChart.from_dict(json.loads(json.dumps({**spec, "layer": few}, allow_nan=False)), validate=True)


@pytest.mark.slow
def test_every_chart_is_what_vega_lite_takes() -> None:
    """Nothing checks a chart as it is drawn, so that this is where a wrong one is found."""
    for spec in every_chart():
        check_schema(spec)


@pytest.mark.parametrize("wrong", [{"mark": "lines"}, {"encoding": {"x": {"field": "x", "type": "number"}}}])
def test_what_vega_lite_does_not_take_would_be_found(wrong: dict[str, Any]) -> None:
    spec = charts.spectra_chart(make_result(STANDARD), make_legend(), False)
    with pytest.raises(jsonschema.ValidationError):
        check_schema({**spec, "layer": [{**spec["layer"][0], **wrong}, *spec["layer"][1:]]})


def test_no_chart_brings_libraries_with_it() -> None:
    code = "import sys, s2dash.ui.charts; sys.exit(sorted({'altair', 'pandas'} & set(sys.modules)) or 0)"
    subprocess.run([sys.executable, "-c", code], check=True)
