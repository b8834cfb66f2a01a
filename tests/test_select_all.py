"""All files of a folder chosen together: bands are used, what lies beside them is left out and said, once."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from loose import ground, placed, taken_in, write_band
from scenes import write_raster

from s2dash import ingest
from s2dash.core.scene_reading import SceneReading
from s2dash.errors import UnreadableFile
from s2dash.ingest.gather import gather
from s2dash.ingest.inputs import Inputs
from s2dash.ingest.kinds import is_beside, kind_of
from s2dash.ingest.pile import GivenFile

pytestmark = pytest.mark.usefixtures("door_is_here")

BESIDE = (
    *("scene_MTL.txt", "request.json", "metadata.json", "area.prj", "INSPIRE.xml", "B09.tif.aux.xml", "B02.tif.ovr"),
    *("B02.tif.msk", "notes.csv", "report.html", "footprint.kml", "preview.png", "quicklook.jpg", ".DS_Store"),
    *("Thumbs.db", "desktop.ini", "style.qml", "~.lock", "area.dbf", "area.shp", "area.shx", "area.cpg", "README.md"),
    *("manifest.safe", "area.geojson", "area.gpkg", "report.pdf", "_SUCCESS", "project.qgz"),
)
BYTES = {
    ".png": b"\x89PNG\r\n\x1a\n",
    ".jpg": b"\xff\xd8\xff\xe0",
    ".json": b"{}",
    ".xml": b"<a/>",
    ".ovr": b"II*\x00" + bytes(20),
    ".msk": b"II*\x00" + bytes(20),
    ".shp": b"\x00\x00\x27\x0a",
    ".gpkg": b"SQLite format 3\x00",
    ".pdf": b"%PDF-1.7",
}


def bands(folder: Path, names: Sequence[str] = ("B02", "B03", "B08")) -> list[Path]:
    shape = (24, 30)
    return [
        write_band(folder / f"{name}.tif", np.rint(ground(shape, n) * 10_000).astype("uint16"), placed(shape, 10))
        for n, name in enumerate(names)
    ]


def beside(folder: Path, names: Sequence[str] = BESIDE) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in names]
    for path in paths:
        path.write_bytes(BYTES.get(path.suffix, b"some words\n") if path.name != "_SUCCESS" else b"")
    return paths


def gathered(paths: Sequence[Path], tmp_path: Path, names: Sequence[str] | None = None) -> Inputs:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    given = [GivenFile(name, path) for name, path in zip(names or [p.name for p in paths], paths, strict=True)]
    return gather(given, scratch, "title", None, lambda share: None)


def used(inputs: Inputs) -> list[str]:
    return [file.name for file in inputs.files]


@pytest.mark.parametrize("name", BESIDE)
def test_each_kind_beside_bands_is_left_out_and_named(tmp_path: Path, name: str) -> None:
    inputs = gathered([*bands(tmp_path), *beside(tmp_path, [name])], tmp_path)
    assert used(inputs) == ["B02.tif", "B03.tif", "B08.tif"]
    assert inputs.provenance.notes == (f"Left out, as no band: {name}.",)


def test_all_together_are_one_note(tmp_path: Path) -> None:
    inputs = gathered([*beside(tmp_path), *bands(tmp_path)], tmp_path)
    assert used(inputs) == ["B02.tif", "B03.tif", "B08.tif"]
    (note,) = inputs.provenance.notes
    assert note.startswith("Left out, as no band: ")
    assert note.endswith(f" and {len(BESIDE) - 3} more.")


def test_what_might_have_been_meant_is_named_first(tmp_path: Path) -> None:
    extra = write_band(tmp_path / "AOT.tif", np.full((24, 30), 100, "uint16"), placed((24, 30), 10))
    (note,) = gathered([*beside(tmp_path), *bands(tmp_path), extra], tmp_path).provenance.notes
    assert "AOT.tif" in note


@pytest.mark.parametrize("how", ["folder", "zip", "names with folders"])
def test_in_folders_and_archives_too(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "export"
    paths = [*bands(folder), *beside(folder)]
    names = None
    if how == "folder":
        given = [folder]
    elif how == "zip":
        with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
            for path in paths:
                archive.write(path, path.name)
        given = [tmp_path / "export.zip"]
    else:
        given, names = paths, [f"export/{path.name}" for path in paths]
    inputs = gathered(given, tmp_path, names)
    assert used(inputs) == ["B02.tif", "B03.tif", "B08.tif"]
    (note,) = inputs.provenance.notes
    assert note.endswith(f" and {len(BESIDE) - 3} more.")


def test_an_archive_beside_texts(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        for path in bands(tmp_path / "in"):
            archive.write(path, path.name)
    inputs = gathered([tmp_path / "export.zip", *beside(tmp_path, ["notes.txt", "preview.png"])], tmp_path)
    assert used(inputs) == ["B02.tif", "B03.tif", "B08.tif"]
    assert inputs.provenance.notes == ("Left out, as no band: preview.png, notes.txt.",)


def test_an_archive_of_polygons_beside_bands(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "area.zip", "w") as archive:
        archive.writestr("area.shp", b"\x00\x00\x27\x0a")
    inputs = gathered([*bands(tmp_path), tmp_path / "area.zip"], tmp_path)
    assert used(inputs) == ["B02.tif", "B03.tif", "B08.tif"]
    assert inputs.provenance.notes == ("Left out, as no band: area.zip.",)


def test_a_folder_without_pictures_beside_bands(tmp_path: Path) -> None:
    beside(tmp_path / "texts", ["notes.txt"])
    inputs = gathered([*bands(tmp_path), tmp_path / "texts"], tmp_path)
    assert used(inputs) == ["B02.tif", "B03.tif", "B08.tif"]
    assert inputs.provenance.notes == ("Left out, as no band: texts.",)


def test_two_archives_of_pictures_are_told_of_many_scenes(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for path in bands(tmp_path / "in"):
                archive.write(path, path.name)
    with pytest.raises(UnreadableFile, match=r"a\.zip is a zip beside other files.*Many scenes.*batch"):
        gathered([tmp_path / "a.zip", tmp_path / "b.zip"], tmp_path)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["holiday.jpg"], "holiday.jpg is a photo (JPEG), not satellite bands."),
        (["holiday.jpg", "notes.txt"], "holiday.jpg is a photo (JPEG), not satellite bands."),
        (["notes.txt"], "notes.txt is a text, not satellite bands."),
        (["a.json", "stack.vrt", "b.txt"], "stack.vrt is a virtual raster (VRT)"),
        (["style.qml", "area.shp", "area.dbf"], "area.shp is a shapefile"),
        (["metadata.xml"], "metadata.xml is a text file in XML, not satellite bands."),
    ],
)
def test_nothing_but_other_files_is_refused_by_the_most_telling(tmp_path: Path, names: list[str], words: str) -> None:
    paths = beside(tmp_path, names)
    for path in paths:
        if path.suffix == ".vrt":
            path.write_text("<VRTDataset/>")
    with pytest.raises(UnreadableFile) as caught:
        gathered(paths, tmp_path)
    assert words in str(caught.value)


def test_overviews_and_masks_are_beside_though_they_are_tiff_by_their_bytes() -> None:
    assert is_beside("B02.tif.ovr")
    assert is_beside("a/b/B02.TIF.MSK")
    assert not is_beside("B02.tif")
    assert kind_of("x.bin", b"II*\x00").words == "neither a GeoTIFF nor a JP2"


def test_through_the_door(tmp_path: Path) -> None:
    scene = taken_in([*bands(tmp_path), *beside(tmp_path)], tmp_path)
    assert scene.band_names == ("B02", "B03", "B08")
    assert sum(note.startswith("Left out") for note in scene.notes) == 1


def test_pictures_that_are_no_bands_are_said_inside_a_folder_and_a_zip(tmp_path: Path) -> None:
    folder = tmp_path / "clip"
    folder.mkdir()
    values = np.random.default_rng(0).integers(1, 5_000, (1, 40, 50)).astype("uint16")
    for name in ("B02", "B08", "AOT", "QA60", "NDVI"):
        write_raster(folder / f"{name}.tif", values)
    with zipfile.ZipFile(tmp_path / "clip.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    for number, given in enumerate((folder, tmp_path / "clip.zip")):
        scene = ingest.ingest(given, tmp_path / f"taken {number}")
        assert scene.band_names == ("B02", "B08")
        (note,) = [note for note in scene.notes if note.startswith("Left out")]
        assert all(f"{name}.tif" in note for name in ("AOT", "QA60", "NDVI"))
        assert len(scene.left_out) == 3
        ndvi = next(name for name in scene.left_out if name.endswith("NDVI.tif"))
        with_it = ingest.ingest(given, tmp_path / f"again {number}", reading=SceneReading(also=(ndvi,)))
        assert with_it.band_names == ("B02", "B08", "NDVI")
