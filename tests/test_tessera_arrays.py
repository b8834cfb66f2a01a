"""TESSERA's tiles as arrays of NumPy: read by direction, put together, never mixed; what is wrong is a sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from embeddings import SHAPE_RC, TILE, kinds, laid_out, npy, packed, put, spoilt, tile_arrays, tile_files
from hypothesis import given
from hypothesis import strategies as st
from loose import taken_in

from s2dash.batch.sources import gather_sources
from s2dash.classify.pipeline import fitted_to, run_live
from s2dash.cli.main import main
from s2dash.core.missions import CODES_SQUARED
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene
from s2dash.errors import UnreadableFile
from s2dash.ingest.npy import open_npy
from s2dash.ingest.tessera import composed_tiles
from s2dash.raster.reading import read_preview_stack

pytestmark = pytest.mark.usefixtures("door_is_here")

OTHER = "grid_0.25_52.05"


def directions() -> np.ndarray:
    """What the arrays mean, of length one, shape (128, rows, cols)."""
    quantised, scales = tile_arrays()
    exact = quantised * scales[..., None].astype(np.float64)
    return np.asarray((exact / np.linalg.norm(exact, axis=2, keepdims=True)).transpose(2, 0, 1))


def values_of(scene: Scene) -> np.ndarray:
    return scene.to_reflectance(read_preview_stack(scene))


def test_three_files_are_one_embedding_read_by_direction(tmp_path: Path) -> None:
    scene = taken_in(put(tmp_path / "in", tile_files(tmp_path)), tmp_path)
    assert (scene.sensor, scene.dtype, len(scene.bands)) == ("TESSERA embedding", "int16", 128)
    assert scene.band_names[5] == "Tessera_Band_5"
    assert scene.grid.has_place
    there = np.ones(SHAPE_RC, dtype=bool)
    there[:5, :5] = False
    np.testing.assert_allclose(values_of(scene)[:, there], directions()[:, there], atol=1 / CODES_SQUARED)
    labels = run_live(fitted_to(scene, replace(default_recipe(scene), k=4))).classmap.labels
    assert labels is not None
    assert ((labels > 0) == there).all()
    for number in range(1, 5):
        assert np.unique(kinds()[labels == number]).size == 1
    assert any(note.startswith("Nothing says which version and year of TESSERA this is") for note in scene.notes)


def test_a_scale_for_each_axis_turns_the_vectors(tmp_path: Path) -> None:
    quantised, scales = tile_arrays()
    stretch = np.linspace(0.5, 2, 128, dtype="float32")
    files = tile_files(tmp_path) | {f"{TILE}_scales.npy": npy(scales[..., None] * stretch)}
    scene = taken_in(put(tmp_path / "in", files), tmp_path)
    exact = (quantised * stretch).astype(np.float64)
    exact /= np.linalg.norm(exact, axis=2, keepdims=True)
    found = values_of(scene)
    np.testing.assert_allclose(found[:, 10:], exact.transpose(2, 0, 1)[:, 10:], atol=1 / CODES_SQUARED)
    assert (read_preview_stack(scene)[:, :5, :5] == scene.nodata[0]).all()


def test_a_download_packed_as_it_lies_says_version_and_year_and_tiles_are_put_together(tmp_path: Path) -> None:
    files = laid_out(tile_files(tmp_path) | tile_files(tmp_path, OTHER, right=SHAPE_RC[1]))
    said = {"dataset_version": "1.1", "dataset_variant": "cambridge"}
    path = tmp_path / "tiles.zip"
    path.write_bytes(
        packed(
            {f"out/{name}": content for name, content in files.items()}
            | {"out/tessera_metadata.json": json.dumps(said).encode()}
        )
    )
    scene = taken_in(path, tmp_path)
    assert scene.grid.shape_rc == (SHAPE_RC[0], 2 * SHAPE_RC[1])
    assert "The embedding is TESSERA 1.1 (cambridge) of 2024." in scene.notes
    assert any(note.startswith("2 tiles were put together as tessera_2024.tif.") for note in scene.notes)
    values = values_of(scene)
    np.testing.assert_allclose(values[:, 10:, : SHAPE_RC[1]], directions()[:, 10:], atol=1 / CODES_SQUARED)
    np.testing.assert_allclose(values[:, 10:, SHAPE_RC[1] :], directions()[:, 10:], atol=1 / CODES_SQUARED)


def test_years_are_never_mixed_and_the_sentence_says_which(tmp_path: Path) -> None:
    first, other = laid_out(tile_files(tmp_path), "2023"), laid_out(tile_files(tmp_path, OTHER, right=SHAPE_RC[1]))
    put(tmp_path / "in", first | other)
    with pytest.raises(UnreadableFile, match=r"several years of the embedding \(2023, 2024\).* Open one at a time"):
        taken_in(tmp_path / "in", tmp_path)


def test_versions_by_the_folders_of_the_server_are_never_mixed() -> None:
    names = [
        f"npy/{version}/2024/{TILE}/{TILE}{end}" for version in ("v1", "v1.1-cam") for end in (".npy", "_scales.npy")
    ]
    assert len(composed_tiles([*names, f"landmasks/v1/{TILE}.tiff"])) == 2


def test_tiles_off_the_grid_of_each_other_are_refused(tmp_path: Path) -> None:
    files = tile_files(tmp_path) | tile_files(tmp_path, OTHER, right=SHAPE_RC[1])
    half = rasterio.open(tmp_path / "mask.tiff", "r+")
    with half as dataset:
        dataset.transform = dataset.transform @ rasterio.Affine.translation(0.5, 0)
    files[f"{OTHER}.tiff"] = (tmp_path / "mask.tiff").read_bytes()
    with pytest.raises(UnreadableFile, match="other grids of pixels"):
        taken_in(put(tmp_path / "in", files), tmp_path)


def test_the_command_line_finds_what_belongs_to_an_array(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "in", laid_out(tile_files(tmp_path)))
    (array,) = (tmp_path / "in").rglob(f"{TILE}.npy")
    assert main(["info", str(array)]) == 0
    assert "TESSERA embedding" in capsys.readouterr().out


def test_a_batch_takes_each_array_for_a_scene_and_a_download_for_one(tmp_path: Path) -> None:
    loose, download = tmp_path / "loose", tmp_path / "download"
    files = tile_files(tmp_path) | tile_files(tmp_path, OTHER)
    put(loose, files | {"numbers.npy": npy(np.ones(3)), "S2.tif": b"", "S2.npy": b""})
    put(download, laid_out(files))
    assert [source.name for source in gather_sources([loose])] == [TILE, OTHER, "S2"]
    assert [source.location.path for source in gather_sources([download])] == [download]


@pytest.mark.parametrize("missing", [".npy", "_scales.npy", ".tiff"])
def test_what_is_missing_is_named(tmp_path: Path, missing: str) -> None:
    files = tile_files(tmp_path)
    del files[f"{TILE}{missing}"]
    with pytest.raises(UnreadableFile, match=f"Give {TILE}{missing} together with it"):
        taken_in(put(tmp_path / "in", files), tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("objects", "never opened"),
        ("fractions", "8-bit codes"),
        ("fortran", "Fortran order"),
        ("cut", "header says 448,000"),
        ("longer", "header says 448,000"),
        ("lying shape", "but its header says"),
        ("huge header", "header of 2,147,483,648 bytes"),
        ("code", "does not write"),
        ("one axis", "rows x columns x 128"),
        ("empty", "not an array of NumPy"),
        ("scales of another tile", "no scales for"),
        ("place of another tile", "grid_0.15_52.05.tiff"),
    ],
)
def test_what_is_no_tile_is_refused_for_what_is_wrong(tmp_path: Path, name: str, words: str) -> None:
    which, content = spoilt(name)
    with pytest.raises(UnreadableFile, match=words):
        taken_in(put(tmp_path / "in", tile_files(tmp_path) | {which: content}), tmp_path)
    assert not (tmp_path / "taken-in").exists()


def test_a_description_that_says_nothing_readable_is_refused(tmp_path: Path) -> None:
    for text in (b"[" * 90_000, b"{", b"\xff" * 200_000):
        with pytest.raises(UnreadableFile, match="which version of TESSERA"):
            taken_in(put(tmp_path / "in", tile_files(tmp_path) | {"tessera_metadata.json": text}), tmp_path)


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_an_array_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, tail: bytes, magic: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.npy"
    path.write_bytes((b"\x93NUMPY\x01\x00" if magic else b"") + tail)
    try:
        array = open_npy(path, "any.npy")
    except UnreadableFile:
        return
    assert path.stat().st_size == array.offset + np.prod(array.shape, dtype=int) * array.dtype.itemsize


@given(st.sampled_from(["|i1", "<f4"]), st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_what_numpy_writes_is_read_as_numpy_reads_it(
    tmp_path_factory: pytest.TempPathFactory, kind: str, shape: list[int]
) -> None:
    path = tmp_path_factory.getbasetemp() / "good.npy"
    values = np.arange(np.prod(shape)).reshape(shape).astype(kind)
    path.write_bytes(npy(values))
    array = open_npy(path, "good.npy")
    np.testing.assert_array_equal(array.rows(0, shape[0]), values)
