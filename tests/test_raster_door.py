"""The one door to GDAL: its environment holds for whoever imports the package, and one driver looks at a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from s2dash.raster.door import GDAL_ERRORS, make_geotiff, open_raster
from s2dash.settings import GDAL_ENVIRONMENT

PLACE = Affine(10, 0, 0, 0, -10, 0)


@pytest.mark.parametrize(
    "module",
    ["s2dash", "s2dash.raster.reading", "s2dash.ingest", "s2dash.classify.pipeline", "s2dash.classify.dask_cluster"],
)
def test_the_environment_holds_for_other_peoples_code_before_gdal_is_loaded(module: str, tmp_path: Path) -> None:
    program = f"""
import json, os, sys
seen = {{}}
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "rasterio":
            seen.update(os.environ)
sys.meta_path.insert(0, Watch())
import {module}
import rasterio
print(json.dumps(seen))
"""
    clean = {name: value for name, value in os.environ.items() if name not in GDAL_ENVIRONMENT}
    clean["PYTHONPATH"] = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", program], env=clean, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    seen = json.loads(done.stdout)
    assert {name: seen.get(name) for name in GDAL_ENVIRONMENT} == GDAL_ENVIRONMENT


def test_a_side_car_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "plain.tif"
    with make_geotiff(path, (8, 9), "uint16", transform=PLACE, crs_wkt="EPSG:32633") as out:
        out.write(np.ones((1, 8, 9), dtype=np.uint16))
    words = "<PAMDataset><PAMRasterBand band='1'><NoDataValue>1</NoDataValue></PAMRasterBand></PAMDataset>"
    path.with_name("plain.tif.aux.xml").write_text(words)
    with open_raster(path) as dataset:
        assert dataset.nodata is None
        assert dataset.crs == rasterio.crs.CRS.from_epsg(32633)


def test_only_the_named_driver_looks_at_a_file(tmp_path: Path) -> None:
    path = tmp_path / "picture.tif"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    with pytest.raises(GDAL_ERRORS):
        open_raster(path)


@pytest.mark.parametrize("block", [None, 16, 512])
def test_what_is_made_comes_back(block: int | None, tmp_path: Path) -> None:
    values = np.arange(2 * 30 * 40, dtype=np.float32).reshape(2, 30, 40)
    path = tmp_path / "made.tif"
    with make_geotiff(path, (30, 40), "float32", count=2, block=block, transform=PLACE, nodata=-1) as out:
        out.write(values)
    with open_raster(path) as dataset:
        assert np.array_equal(dataset.read(), values)
        assert dataset.nodata == -1
        assert block is None or dataset.block_shapes == [(block, block)] * 2
