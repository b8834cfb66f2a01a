"""Names and colours of the classes as GIS programs take them: the styles as texts, and what QGIS makes of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
import zipfile
from functools import cache
from pathlib import Path

import pytest
from test_export import GRIDS, HOSTILE, make_legend, make_result

from s2dash.core.about import About
from s2dash.export import EXPORTS, Handover
from s2dash.export.contents import listed_facts
from s2dash.export.styles import clr_text, polygon_qml_text, qml_text, sld_text

OPENER = Path(__file__).parents[1] / "docs" / "open_in_qgis.py"
SYSTEM_PYTHON = "/usr/bin/python3"
K = len(HOSTILE)
RESULT, LEGEND = make_result(k=K), make_legend(K, HOSTILE)
CLASSES = listed_facts(RESULT, LEGEND)
EXPECTED = [(str(c.id), c.colour, c.name) for c in CLASSES]


def test_qml_has_number_colour_and_name_of_each_class() -> None:
    root = ET.fromstring(qml_text(CLASSES))
    entries = root.iter("paletteEntry")
    assert [(e.get("value"), e.get("color"), e.get("label")) for e in entries] == EXPECTED


def test_sld_has_them_as_single_values() -> None:
    root = ET.fromstring(sld_text(CLASSES, HOSTILE[11]).encode())
    (colours,) = root.iter("{http://www.opengis.net/sld}ColorMap")
    assert colours.get("type") == "values"
    assert [(e.get("quantity"), e.get("color"), e.get("label")) for e in colours] == EXPECTED


def test_clr_has_four_numbers_on_a_line() -> None:
    lines = [line.split() for line in clr_text(CLASSES).splitlines()]
    assert [(n, "#" + bytes(map(int, rgb)).hex()) for n, *rgb in lines] == [(n, colour) for n, colour, _ in EXPECTED]


def test_polygons_are_filled_by_their_class() -> None:
    root = ET.fromstring(polygon_qml_text(CLASSES, "class"))
    categories = list(root.iter("category"))
    assert [(c.get("value"), c.get("label")) for c in categories] == [(n, name) for n, _, name in EXPECTED]
    assert len({c.get("symbol") for c in categories}) == len(list(root.iter("symbol"))) == K


@cache
def has_qgis() -> bool:
    if shutil.which(SYSTEM_PYTHON) is None:
        return False
    return subprocess.run([SYSTEM_PYTHON, "-c", "import qgis.core"], capture_output=True, check=False).returncode == 0


def legend_in_qgis(path: Path, folder: Path) -> list[list[str]]:
    """Names and colours that QGIS shows; it draws the map as well."""
    if not has_qgis():
        pytest.skip("no QGIS here (Debian: apt-get install qgis python3-qgis)")
    picture = folder / "picture.png"
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "QT_QPA_PLATFORM": "offscreen"}
    said = subprocess.run(
        [SYSTEM_PYTHON, OPENER, path, picture], capture_output=True, text=True, check=True, env=environment, cwd=folder
    )
    assert picture.stat().st_size > 1000
    legend: list[list[str]] = json.loads(said.stdout.splitlines()[-1])
    return legend


@pytest.mark.slow
def test_qgis_shows_the_maps_names_and_colours_by_itself(tmp_path: Path) -> None:
    handover = Handover(make_result(GRIDS["north-up"], K), LEGEND, About(title="Shore"))
    EXPORTS["bundle"].write(handover, tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        archive.extractall(tmp_path)
    assert legend_in_qgis(tmp_path / "Shore-classes.tif", tmp_path) == [[c.name, c.colour] for c in CLASSES]
