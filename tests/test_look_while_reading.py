"""The first look at a large scene: its files' own lower resolution, nothing more, and never in the reading's way."""

from __future__ import annotations

import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import rasterio
from hostile_files import write_file
from hypothesis import given
from hypothesis import strategies as st
from products import write_safe, zip_folder
from rasterio.enums import Resampling
from scenes import write_scene

from s2dash import ingest
from s2dash.core.grid import Grid
from s2dash.core.scene import Scene
from s2dash.errors import UnreadableFile
from s2dash.ingest import look
from s2dash.ingest.assemble.values import ScenePlan
from s2dash.raster.reading import read_preview_stack


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("product")
    return write_safe(folder, size_m=12_000, bands=("B02", "B04", "B8A"), all_sizes=False, with_extras=False)


def looked(
    monkeypatch: pytest.MonkeyPatch, paths: Path, folder: Path
) -> tuple[list[tuple[ingest.FirstLook, np.ndarray]], Scene]:
    """What was shown while the files were read, and the scene."""
    monkeypatch.setattr(ingest, "LOOK_FROM_PIXELS", 0)
    shown: list[tuple[ingest.FirstLook, np.ndarray]] = []
    scene = ingest.ingest(
        paths, folder / "scene", on_look=lambda one: shown.append((one, read_preview_stack(one.scene)))
    )
    return shown, scene


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.sampled_from([(1, 1), (1, 2), (1, 6), (2, 3)]))
def test_steps_are_powers_of_two_of_about_the_same_distance(rows: int, cols: int, sizes: tuple[int, int]) -> None:
    transform = rasterio.Affine(10, 0, 0, 0, -10, 0)
    finest = Grid((rows, cols), transform, None)
    coarse = Grid((rows, cols), transform @ rasterio.Affine.scale(sizes[1] / sizes[0]), None)
    steps = look.steps_of(finest, [coarse])
    assert all(step & (step - 1) == 0 for step in steps.values())
    assert max(look.coarser(finest, steps[finest]).shape_rc) < 1024
    apart = [steps[grid] * grid.pixel_size[0] for grid in (finest, coarse)]
    assert apart[1] <= apart[0] or steps[coarse] == 1
    assert apart[1] > apart[0] / 2


class TestThroughTheDoor:
    def test_a_product_is_shown_as_its_files_hold_it_coarser(
        self, product: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ((shown, stack),), scene = looked(monkeypatch, zip_folder(product, tmp_path / "p.zip"), tmp_path)
        assert shown.scene.band_names == scene.band_names
        assert shown.scene.reflectance == scene.reflectance
        assert shown.scene.digest != scene.digest
        assert (shown.whole, shown.first_path) == (scene.grid, scene.paths[0])
        assert shown.scene.grid == look.coarser(scene.grid, 2)
        path = next(product.rglob("*_B04_*10m.jp2"))
        with rasterio.open(path) as dataset:
            coarser = dataset.read(1, out_shape=shown.scene.grid.shape_rc)
        assert np.array_equal(stack[scene.band_names.index("B04")], coarser)
        assert scene.has_scl
        assert not shown.scene.has_scl, "classes that were mixed are others"

    def test_a_zip_is_shown_before_it_is_unpacked(
        self, product: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The same look as of the folder, and gone with it is all that was needed for it."""
        packed = zip_folder(product, tmp_path / "p.zip", method=zipfile.ZIP_STORED)
        told: list[str] = []
        monkeypatch.setattr(ingest, "LOOK_FROM_PIXELS", 0)
        shown: list[tuple[ingest.FirstLook, np.ndarray]] = []
        scene = ingest.ingest(
            packed,
            tmp_path / "scene",
            progress=lambda share, what: told.append(what),
            on_look=lambda one: (told.append("look"), shown.append((one, read_preview_stack(one.scene)))),
        )
        assert told[:2] == ["look", "Unpacking"]
        assert told.count("look") == 1
        ((of_folder, stack),), same = looked(monkeypatch, product, tmp_path / "folder")
        assert np.array_equal(shown[0][1], stack)
        assert shown[0][0].scene.digest == of_folder.scene.digest
        assert shown[0][0].first_path == scene.paths[0]
        assert scene.digest == same.digest
        assert not [path for path in (tmp_path / "scene").iterdir() if path.is_dir()]

    @pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    def test_a_zip_has_one_look_however_it_is_packed(
        self, product: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: int
    ) -> None:
        shown, scene = looked(monkeypatch, zip_folder(product, tmp_path / "p.zip", method=method), tmp_path)
        assert [one.whole for one, _ in shown] == [scene.grid]

    def test_a_zip_damaged_in_a_picture_is_refused_after_its_look(
        self, product: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is looked at is not held against its checksum; the whole is."""
        packed = zip_folder(product, tmp_path / "p.zip", method=zipfile.ZIP_STORED)
        whole = next(product.rglob("*_B04_*10m.jp2")).read_bytes()
        content = bytearray(packed.read_bytes())
        content[content.index(whole[-200:-100])] ^= 0xFF
        packed.write_bytes(content)
        with pytest.raises(UnreadableFile, match="damaged"):
            looked(monkeypatch, packed, tmp_path)
        assert not (tmp_path / "scene").exists()

    def test_nothing_of_it_is_left(self, product: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        _, scene = looked(monkeypatch, product, tmp_path)
        assert {path.name for path in (tmp_path / "scene").iterdir()} == {
            "preview.npy",
            *(path.name for path in scene.paths),
        }

    def test_the_scene_is_the_same_with_it(
        self, product: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, scene = looked(monkeypatch, product, tmp_path)
        without = ingest.ingest(product, tmp_path / "without")
        assert scene.digest == without.digest
        assert np.array_equal(read_preview_stack(scene), read_preview_stack(without))

    def test_small_scenes_need_none(self, product: Path, tmp_path: Path) -> None:
        shown: list[ingest.FirstLook] = []
        ingest.ingest(product, tmp_path / "scene", on_look=shown.append)
        assert not shown

    @pytest.mark.parametrize("has_overviews", [True, False])
    def test_a_geotiff_has_one_where_it_has_overviews(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_overviews: bool
    ) -> None:
        path = write_scene(tmp_path / "a.tif", (1100, 950), tiled=True)
        if has_overviews:
            with rasterio.open(path, "r+") as dataset:
                dataset.build_overviews([2], Resampling.nearest)
        shown, scene = looked(monkeypatch, path, tmp_path)
        assert len(shown) == has_overviews
        for one, stack in shown:
            assert np.array_equal(stack, read_preview_stack(scene)[:, ::2, ::2])
            assert one.scene.band_names == scene.band_names

    @pytest.mark.parametrize("name", ["jp2_noise.jp2", "jp2_tiled_cut_99.jp2"])
    def test_hostile_files_are_refused_all_the_same(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        path = write_file(tmp_path, name)
        with pytest.raises(UnreadableFile):
            looked(monkeypatch, path, tmp_path)
        assert not (tmp_path / "scene").exists()

    def test_what_breaks_later_is_refused_after_its_look(
        self, product: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = next(product.rglob("*_B04_*10m.jp2")).read_bytes()
        path = tmp_path / "cut.jp2"
        path.write_bytes(whole[: len(whole) * 2 // 3])
        with pytest.raises(UnreadableFile, match="damaged"):
            looked(monkeypatch, path, tmp_path)
        assert not (tmp_path / "scene").exists()


@pytest.mark.parametrize("error", [MemoryError(), UnreadableFile("It is damaged."), ValueError("Whatever else.")])
def test_a_look_that_fails_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(look, "_told", fails)
    scene = SimpleNamespace(grid=SimpleNamespace(has_place=True))
    assert look.told(cast(ScenePlan, SimpleNamespace(scene=scene, sources=())), tmp_path, 0) is None
