"""Makes the other example scenes from the public files they were published in, and all small pictures of them.

Run from the project's folder, with a folder of the files named in `CUTS` (README.md says where they lie):

    python -m s2dash.data.make_examples FOLDER

The same files and the same GDAL give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from PIL import Image

from s2dash import ingest
from s2dash.core import sentinel2
from s2dash.data.make_sample_scene import Window, cut_nearest, write_sample
from s2dash.errors import S2DashError, UnreadableFile
from s2dash.ingest.examples import EXAMPLES, Example, example
from s2dash.raster.reading import read_preview_stack
from s2dash.tiles.stretch import picture_rgba

THUMBNAIL_SIZE = (96, 64)


@dataclass(frozen=True)
class Cut:
    """How one example is cut from published files."""

    key: str
    files: tuple[str, ...]
    """Where each band lies under the folder, in order; inside the zip where `archive` names one."""
    names: tuple[str, ...]
    window: Window
    tags: dict[str, str]
    sha256: str
    """Of all files one after the other, or of the archive."""
    driver: str = "GTiff"
    archive: str | None = None
    transform: Affine | None = None
    """Where the files' pixels lie, for files that do not say it."""
    nodata: int | None = None


def _tags(title: str, date: str, tile: str, baseline: str, source: str) -> dict[str, str]:
    return {
        "TITLE": title,
        "ACQUISITION_DATE": date,
        "PROCESSING_LEVEL": "Level-2A",
        "PROCESSING_BASELINE": baseline,
        "TILE": tile,
        "ATTRIBUTION": sentinel2.attribution(int(date[:4])),
        "SOURCE": source,
    }


_PRODUCT = "S2A_MSIL2A_20181229T095411_N0211_R079_T33SVB_20181229T112231"
_IMAGES = f"{_PRODUCT}.SAFE/GRANULE/L2A_T33SVB_A018380_20181229T095413/IMG_DATA"
_FINE = ("B02", "B03", "B04", "B08")
_LAND = sentinel2.BAND_SETS["All land"]

CUTS = (
    Cut(
        "desert",
        tuple(f"29RKH_l2a_cogs/{name}.tif" for name in (*_LAND, "SCL")),
        (*_LAND, "SCL"),
        Window(32629, Affine(100.0, 0.0, 199980.0 + 15000, 0.0, -100.0, 2800020.0 - 39000), (708, 708)),
        _tags(
            "Sahara, Mauritania",
            "2020-02-19",
            "29RKH",
            "02.14",
            "rio-tiler-pds test fixtures (S2A_29RKH_20200219_0_L2A, pixels of 100 m), cut to 708 x 708 pixels; "
            "bands of 200 m by nearest neighbour",
        ),
        "ca06864291c5cd70da81f12b5f03f22fe5ab9b7e7f8d4708f1c620b0459b9a5d",
        nodata=0,
    ),
    Cut(
        "mountains",
        tuple(f"33TWL_jp2_named_tif/S2A_33TWL_20230815_0_L2A_{name}.tif" for name in (*_FINE, "SCL")),
        (*_FINE, "SCL"),
        Window(32633, Affine(120.0, 0.0, 499980.0 + 36000, 0.0, -120.0, 5100000.0 - 2400), (400, 560)),
        _tags(
            "Mountains near Zagreb",
            "2023-08-15",
            "33TWL",
            "05.09",
            "mapchete-eo test data (S2A_33TWL_20230815_0_L2A, pixels of 120 m), cut to 560 x 400 pixels; "
            "place from its STAC item",
        ),
        "f15a7e8fcd3610f3c417f29fa2af115f380b2ee2b608f25e3b9edf3c3ed1c368",
        driver="JP2OpenJPEG",
        transform=Affine(120.0, 0.0, 499980.0, 0.0, -120.0, 5100000.0),
        nodata=0,
    ),
    Cut(
        "farmland",
        tuple(f"{_IMAGES}/R10m/T33SVB_20181229T095411_{name}_10m.jp2" for name in _FINE),
        _FINE,
        Window(32633, Affine(10.0, 0.0, 419170.0, 0.0, -10.0, 4161300.0), (246, 192)),
        _tags(
            "Farmland in Sicily",
            "2018-12-29",
            "33SVB",
            "02.11",
            f"mapchete-eo test data ({_PRODUCT}, cropped): its bands of 10 m",
        ),
        "c516fb8943bd87b2b73bcd924090b6bbbd74ccfcb95f4ca3e65a8bf8343d83c7",
        driver="JP2OpenJPEG",
        archive=f"{_PRODUCT}_cropped.SAFE.zip",
    ),
)


def check_sources(cut: Cut, folder: Path) -> None:
    """Raises UnreadableFile where what lies in `folder` is not, byte for byte, what the example is made from."""
    found = hashlib.sha256()
    for name in (cut.archive,) if cut.archive else cut.files:
        path = folder / name
        if not path.is_file():
            raise UnreadableFile(f"{path} is missing. s2dash/data/README.md says where it comes from.")
        found.update(path.read_bytes())
    if found.hexdigest() != cut.sha256:
        raise UnreadableFile(f"The files of {cut.key} have sha256 {found.hexdigest()}, expected {cut.sha256}.")


def make_example(cut: Cut, folder: Path, output: Path) -> None:
    """Cuts one example out of the published files and writes it. Raises UnreadableFile as `check_sources`."""
    check_sources(cut, folder)
    with tempfile.TemporaryDirectory() as scratch:
        if cut.archive:
            with zipfile.ZipFile(folder / cut.archive) as archive:
                archive.extractall(scratch, cut.files)
        root = Path(scratch) if cut.archive else folder
        bands = [cut_nearest(root / name, cut.window, cut.driver, cut.transform) for name in cut.files]
    write_sample(np.stack(bands).astype(np.uint16), output, cut.window, cut.names, cut.tags, cut.nodata)


def path_of(cut: Cut) -> Path:
    """Where the package has the example."""
    return example(cut.key).path


def thumbnail(one: Example) -> Image.Image:
    """The scene in true colour, its middle cut to 3 : 2 and shrunk to 96 x 64 pixels of 256 colours at most."""
    scene = ingest.sample_scene(one.key)
    rgba = picture_rgba(scene, read_preview_stack(scene), ("B04", "B03", "B02"))
    height, width = rgba.shape[:2]
    scale = min(width / THUMBNAIL_SIZE[0], height / THUMBNAIL_SIZE[1])
    half_x, half_y = (side * scale / 2 for side in THUMBNAIL_SIZE)
    box = (width / 2 - half_x, height / 2 - half_y, width / 2 + half_x, height / 2 + half_y)
    small = Image.fromarray(rgba).convert("RGB").resize(THUMBNAIL_SIZE, Image.Resampling.BOX, box)
    return small.quantize(256)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; the exit status is 0, or 2 where the files cannot be had or used."""
    parser = argparse.ArgumentParser(description="Make the example scenes that s2dash ships beside the coast.")
    parser.add_argument("folder", type=Path, help="where the published files lie")
    folder = parser.parse_args(arguments).folder
    try:
        for cut in CUTS:
            make_example(cut, folder, path_of(cut))
    except S2DashError as error:
        print(error, file=sys.stderr)
        return 2
    for one in EXAMPLES:
        thumbnail(one).save(one.thumbnail, optimize=True)
        print(f"{one.path}: {one.path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
