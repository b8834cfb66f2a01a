"""Files that nobody made on purpose: random headers, cuts, flipped bits, random zips. Each is a scene, or refused.

Most go through a process that is confined like the ingest child and serves many of them, since starting
one takes longer than reading a small file. Two such processes fill freed memory with different bytes: what
both make of a file is the same unless freed memory shows in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import struct
import subprocess
import sys
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from answers import MOST_CHILD_MB, MOST_SECONDS, preview, wrong_scene, wrong_words
from embeddings import packed, tile_files
from hostile_zarr import sharded, store, zipped_store
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from products import write_safe, zip_folder
from scenes import DEGREES, UTM, UTM_10M, land_cover, write_raster, write_scene
from waiting import PATIENCE_SECONDS

from s2dash import ingest
from s2dash.core.scene import AREA, Masking, Scene, masked_shares
from s2dash.core.types import CancelToken, Progress
from s2dash.errors import S2DashError, UnknownName, UnreadableFile
from s2dash.ingest import process
from s2dash.ingest.process import run_child as one_shot
from s2dash.settings import GDAL_ENVIRONMENT

WORKER = Path(__file__).with_name("confined_worker.py")
FILLINGS = (0x55, 0xAA)

quick = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
thorough = settings(quick, max_examples=200)
"""For the slow ones, which try the same."""


@dataclass(eq=False)
class Worker:
    """A confined process that serves one request after another; it is started again where a file ended it."""

    inbox: Path
    outbox: Path
    filling: int
    crashes: list[str] = field(default_factory=list)
    peak_mb: int = 0
    seconds: float = 0
    """Of a processor, since the process was started."""
    _process: subprocess.Popen[str] | None = None

    def serve(self, request: Mapping[str, Any]) -> list[dict[str, Any]] | None:
        """All that the process says to a request; None where it died of it."""
        running = self._started()
        assert running.stdin is not None
        assert running.stdout is not None
        late = threading.Timer(PATIENCE_SECONDS, running.kill)
        late.start()
        try:
            running.stdin.write(json.dumps(dict(request)) + "\n")
            running.stdin.flush()
            said: list[dict[str, Any]] = []
            for line in running.stdout:
                said.append(json.loads(line))
                if "end" in said[-1]:
                    self.peak_mb, self.seconds = int(said[-1]["peak_mb"]), float(said[-1]["seconds"])
                    return said
        except BrokenPipeError:
            pass
        finally:
            late.cancel()
        self.close()
        assert running.returncode != -9, f"a file takes more than {PATIENCE_SECONDS:g} seconds"
        self.crashes.append(f"signal {-running.returncode}")
        return None

    def close(self) -> None:
        if self._process is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.communicate()
            self._process = None

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            self.seconds = 0
            root = str(Path(__file__).parents[1])
            kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
            threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(WORKER), str(self.inbox), str(self.outbox)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                cwd=self.outbox,
                env=kept | threads | GDAL_ENVIRONMENT | {"PYTHONPATH": root, "MALLOC_PERTURB_": str(self.filling)},
            )
        return self._process


@dataclass(eq=False)
class Door:
    """`ingest.ingest` with a lasting process in place of the one-shot one."""

    inbox: Path
    outbox: Path
    workers: tuple[Worker, ...]

    def try_file(self, name: str, content: bytes) -> None:
        """The property: a file becomes a scene that reads back wholly, or is refused in plain words; nothing stays."""
        path = self.inbox / name
        path.write_bytes(content)
        made = []
        for worker in self.workers:
            folder = self.outbox / "scene"
            try:
                with self._served_by(worker):
                    scene = ingest.ingest(path, folder)
            except S2DashError as error:
                event(f"{path.suffix}: refused")
                require_clean_refusal(str(error), folder)
                made.append(None)
            else:
                event(f"{path.suffix}: a scene")
                fault = wrong_scene(scene, folder)
                assert fault is None, fault
                made.append(preview(scene))
                shutil.rmtree(folder)
            assert list(self.outbox.iterdir()) == []
            if made[0] is None:
                break
        same = all((one is None) == (made[0] is None) for one in made)
        assert same, "it was taken in once and refused once"
        if made[0] is not None:
            floating = made[0].dtype.kind == "f"
            same = all(np.array_equal(made[0], one, equal_nan=floating) for one in made)
            assert same, "two processes read different pixels from it: those of freed memory"
        path.unlink()

    def try_area(self, scene: Scene, content: bytes) -> None:
        """The same of a raster that is given as the area of a scene."""
        path, folder = self.inbox / "area.tif", self.outbox / "area"
        path.write_bytes(content)
        try:
            with self._served_by(self.workers[0]):
                masked = ingest.with_area(scene, path, folder)
        except S2DashError as error:
            event("area: refused")
            require_clean_refusal(str(error), folder)
        else:
            event("area: a mask")
            assert [mask.kind for mask in masked.masks] == [AREA]
            assert masked_shares(masked, [0], preview(masked), Masking())
            with rasterio.open(masked.masks[0].layer.location.path) as dataset:
                assert np.array_equal(dataset.read(1), preview(masked)[-1])
            shutil.rmtree(folder)
        assert list(self.outbox.iterdir()) == []
        path.unlink()

    @contextlib.contextmanager
    def _served_by(self, worker: Worker) -> Iterator[None]:
        """In this block the lasting process answers in place of one-shot ones, in the time and memory of one."""
        before = worker.seconds
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(process, "run_child", self._run_by(worker))
            try:
                yield
            finally:
                assert worker.seconds - before < MOST_SECONDS
                assert worker.peak_mb < MOST_CHILD_MB

    def _run_by(self, worker: Worker) -> Callable[..., dict[str, Any]]:
        def run_child(
            request: Mapping[str, Any],
            folder: Path,
            progress: Progress,
            cancel: CancelToken,
            on_look: Callable[[dict[str, Any]], None],
        ) -> dict[str, Any]:
            said = worker.serve(request)
            if said is None:
                event("the process died")
                shutil.rmtree(folder)
                folder.mkdir()
                return one_shot(request, folder, progress, cancel, on_look)
            assert said[-1]["bug"] is None, said[-1]["bug"]
            for message in said:
                if "error" in message:
                    raise {"name": UnknownName, "file": UnreadableFile}[message["kind"]](message["error"])
                if "outcome" in message:
                    return dict(message["outcome"])
            raise AssertionError("the process answered nothing")

        return run_child


def require_clean_refusal(message: str, folder: Path) -> None:
    fault = wrong_words(message)
    assert fault is None, f"the refusal {fault}: {message}"
    assert not folder.exists()


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    inbox, outbox = tmp_path_factory.mktemp("inbox").resolve(), tmp_path_factory.mktemp("outbox").resolve()
    workers = tuple(Worker(inbox, outbox, filling) for filling in FILLINGS)
    yield Door(inbox, outbox, workers)
    for worker in workers:
        worker.close()
    print(f"\npeak of the reading processes: {max(w.peak_mb for w in workers)} MB; ", end="")
    print(f"died: {[crash for worker in workers for crash in worker.crashes] or 'never'}")


# ------------------------------------------------------------------------------------------ TIFF headers

EXTREMES = (0, 1, 2, 7, 8, 16, 255, 256, 512, 4_095, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1, 2**62)
TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
SANE = {256: 16, 257: 16, 258: 16, 259: 1, 262: 1, 273: 1_024, 277: 1, 278: 16, 279: 512, 284: 1, 339: 1}
"""A picture of 16 x 16 pixels in one strip."""
OTHER_TAGS = (254, 266, 292, 317, 320, 322, 323, 324, 325, 330, 338, 347, 532, 33550, 33922, 34264, 34735, 34736)
OTHER_TAGS += (34737, 34665, 42112, 42113, 50674, 50844, 65_000)
COMPRESSIONS = (1, 2, 3, 4, 5, 6, 7, 8, 32773, 32809, 32946, 34661, 34712, 34887, 34925, 50000, 50001, 50002, 65_535)

values_of_tags = st.one_of(st.sampled_from(EXTREMES), st.integers(0, 600), st.integers(0, 2**32 - 1))


@st.composite
def tiff_headers(draw: st.DrawFn) -> bytes:
    """A classic or a big TIFF of either byte order: a sane header with some entries changed, added or taken out."""
    order, is_big = draw(st.sampled_from("<>")), draw(st.booleans())
    entries = {tag: (4, 1, value) for tag, value in SANE.items()}
    if draw(st.booleans()):
        del entries[273], entries[278], entries[279]
        entries |= {322: (4, 1, 16), 323: (4, 1, 16), 324: (4, 1, 1_024), 325: (4, 1, 512)}
    if draw(st.booleans()):
        entries[259] = (3, 1, draw(st.sampled_from(COMPRESSIONS)))
    for tag in draw(st.lists(st.sampled_from((*SANE, *OTHER_TAGS)), max_size=6)):
        kind = draw(st.sampled_from((3, 4, 4, 16, *TYPE_BYTES)))
        count = draw(st.one_of(st.just(1), st.integers(0, 40), st.sampled_from(EXTREMES)))
        entries[tag] = (kind, count, draw(values_of_tags))
    for tag in draw(st.lists(st.sampled_from(tuple(SANE)), max_size=1)):
        entries.pop(tag, None)
    head = tiff_directory(order, is_big, entries)
    noise = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).bytes(draw(st.sampled_from((0, 100, 512, 4_000))))
    return head.ljust(1_024, b"\0")[: draw(st.sampled_from((1_024, 1_024, 600, 60)))] + noise


def tiff_directory(order: str, is_big: bool, entries: Mapping[int, tuple[int, int, int]]) -> bytes:
    """A TIFF's first bytes with one directory: type, count and value by tag; values that need a place have none."""
    mark = b"II" if order == "<" else b"MM"
    word, room = ("Q", 8) if is_big else ("I", 4)
    start = struct.pack(f"{order}HHHQ", 43, 8, 0, 16) if is_big else struct.pack(f"{order}HI", 42, 8)
    out = mark + start + struct.pack(f"{order}{'Q' if is_big else 'H'}", len(entries))
    for tag, (kind, count, value) in sorted(entries.items()):
        size = min(TYPE_BYTES[kind], room) if count <= 1 else room
        held = (value % 2 ** (8 * size)).to_bytes(size, "little" if order == "<" else "big")
        out += struct.pack(f"{order}HH{word}", tag, kind, count % 2 ** (8 * room)) + held.ljust(room, b"\0")
    return out + bytes(room)


class TestRandomHeaders:
    @given(content=tiff_headers())
    @quick
    def test_tiff(self, door: Door, content: bytes) -> None:
        door.try_file("a.tif", content)

    @pytest.mark.slow
    @given(content=tiff_headers())
    @thorough
    def test_tiff_many_more(self, door: Door, content: bytes) -> None:
        door.try_file("a.tif", content)


# -------------------------------------------------------------------------------------- cuts and flipped bits


class Genuine:
    """Good files, by ending. No dataclass: Hypothesis prints the fields of those that tests are called with."""

    def __init__(self, files: dict[str, tuple[bytes, ...]]) -> None:
        self.files = files


@pytest.fixture(scope="module")
def genuine(tmp_path_factory: pytest.TempPathFactory) -> Genuine:
    """Good files of a few kB each, by ending."""
    folder = tmp_path_factory.mktemp("genuine")
    small = (24, 40)
    ones = np.ones(small)
    tiffs = [
        write_scene(folder / "tiled.tif", small, compress="deflate"),
        write_scene(folder / "striped.tif", small, tiled=False, nodata=0),
        write_scene(folder / "lzw.tif", small, tiled=False, compress="lzw", predictor=2, interleave="band"),
        write_scene(folder / "zstd.tif", small, compress="zstd", BIGTIFF="YES"),
        write_scene(folder / "float.tif", small, dtype="float32", nodata=float("nan"), compress="lerc"),
        write_scene(folder / "packbits.tif", small, dtype="uint8", compress="packbits", alpha=ones * 255),
        write_scene(folder / "masked.tif", small, mask=ones, compress="deflate", crs="EPSG:4326", transform=DEGREES),
        write_raster(folder / "jpeg.tif", np.full((3, 32, 32), 90, "uint8"), compress="jpeg", tiled=False),
        write_raster(folder / "webp.tif", np.full((3, 32, 32), 90, "uint8"), compress="webp", interleave="pixel"),
        write_raster(folder / "double.tif", np.ones((2, 16, 16)), ENDIANNESS="BIG", compress="lzma"),
    ]
    jp2s = [
        write_jp2(folder / "tiled.jp2", BLOCKXSIZE=32, BLOCKYSIZE=32),
        write_jp2(folder / "whole.jp2"),
        write_jp2(folder / "bare.j2k", CODEC="J2K"),
    ]
    few = {"bands": ("B02", "B05"), "all_sizes": False, "size_m": 480, "with_extras": False}
    zips = [
        zip_folder(write_safe(folder / level, level=level, **few), folder / f"{level}.zip") for level in ("L1C", "L2A")
    ]
    kinds = {".tif": tiffs, ".jp2": jp2s, ".zip": zips}
    files = {ending: tuple(path.read_bytes() for path in paths) for ending, paths in kinds.items()}
    files[".zarr.zip"] = (zipped_store(store()), zipped_store(store({"compressor": None})), sharded())
    return Genuine(files | {".npy.zip": (packed(tile_files(folder, shape_rc=(6, 9))),)})


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A scene where the genuine files lie."""
    folder = tmp_path_factory.mktemp("base")
    return ingest.ingest(write_scene(folder / "base.tif", (24, 40)), folder / "scene")


def write_jp2(path: Path, **how: Any) -> Path:
    """Write a band of 96 x 96 pixels of land as a lossless JPEG 2000."""
    land = land_cover((96, 96), ("B08",)).astype("uint16")
    shape = {"height": 96, "width": 96, "count": 1, "dtype": "uint16"}
    how = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES", "crs": UTM, "transform": UTM_10M, **how}
    with rasterio.Env(GDAL_PAM_ENABLED="NO"), rasterio.open(path, "w", **shape, **how) as dataset:
        dataset.write(land)
    return path


@dataclass(frozen=True)
class Damage:
    """What happens to a good file."""

    which: int
    flips: tuple[tuple[int, int], ...]
    """Place and new byte; places count from the end where negative, and go around."""
    cut: float | None

    def done_to(self, files: tuple[bytes, ...]) -> bytes:
        return self.done_to_one(files[self.which % len(files)])

    def done_to_one(self, file: bytes) -> bytes:
        out = bytearray(file)
        for place, byte in self.flips:
            if out:
                out[place % len(out)] = byte
        return bytes(out if self.cut is None else out[: int(len(out) * self.cut)])


places = st.one_of(st.integers(0, 300), st.integers(0, 2**20), st.integers(-600, -1))
flips = st.tuples(places, st.one_of(st.integers(0, 255), st.sampled_from((0, 1, 127, 128, 255))))
damages = st.builds(
    Damage,
    which=st.integers(0, 9),
    flips=st.lists(flips, max_size=12).map(tuple),
    cut=st.one_of(st.none(), st.none(), st.floats(0.01, 0.999)),
)


class TestCutsAndFlips:
    @pytest.mark.parametrize("ending", [".tif", ".jp2", ".zip", ".zarr.zip"])
    @given(damage=damages)
    @quick
    def test_of_a_good_file(self, door: Door, genuine: Genuine, ending: str, damage: Damage) -> None:
        door.try_file(f"a{ending}", damage.done_to(genuine.files[ending]))

    @pytest.mark.parametrize("ending", [".tif", ".jp2", ".zip", ".zarr.zip"])
    @pytest.mark.slow
    @given(damage=damages)
    @thorough
    def test_of_a_good_file_many_more(self, door: Door, genuine: Genuine, ending: str, damage: Damage) -> None:
        door.try_file(f"a{ending}", damage.done_to(genuine.files[ending]))

    @pytest.mark.parametrize("ending", [".zip", ".zarr.zip", ".npy.zip"])
    @pytest.mark.slow
    @given(damage=damages, member=st.integers(0, 40))
    @settings(quick, max_examples=80)
    def test_inside_of_a_zip_whose_checksums_are_right(
        self, door: Door, genuine: Genuine, ending: str, damage: Damage, member: int
    ) -> None:
        files = genuine.files[ending]
        door.try_file(f"a{ending}", repacked(files[damage.which % len(files)], member, damage))

    @given(damage=damages)
    @quick
    def test_of_a_raster_given_as_an_area(self, door: Door, genuine: Genuine, base: Scene, damage: Damage) -> None:
        door.try_area(base, damage.done_to(genuine.files[".tif"]))

    def test_good_files_are_taken_in(self, door: Door, genuine: Genuine) -> None:
        for ending, files in genuine.files.items():
            for content in files:
                path = door.inbox / f"good{ending}"
                path.write_bytes(content)
                scene = ingest.ingest(path, door.outbox / "good")
                assert wrong_scene(scene, door.outbox / "good") is None
                shutil.rmtree(door.outbox / "good")
                path.unlink()


def repacked(archive: bytes, member: int, damage: Damage) -> bytes:
    """The zip with damage done to one member before it was packed."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(archive)) as given, zipfile.ZipFile(out, "w") as made:
        infos = given.infolist()
        for number, info in enumerate(infos):
            content = given.read(info)
            made.writestr(info, damage.done_to_one(content) if number == member % len(infos) else content)
    return out.getvalue()


# -------------------------------------------------------------------------------------------- zip directories

BAND_NAME = "GRANULE/L2A_T32TQM_A043000_20250601T101029/IMG_DATA/R10m/T32TQM_20250601T101031_{}_10m.jp2"
NAMES = (
    BAND_NAME.format("B02"),
    BAND_NAME.format("B03"),
    "S2B_MSIL2A_20250601T101031_N0511_R022_T32TQM_20250601T133000.SAFE/MTD_MSIL2A.xml",
    "B04.jp2",
    "B08.tif",
    "../B02.jp2",
    "/etc/passwd",
    "C:/B02.jp2",
    "a\\B02.jp2",
    "B02.jp2/B03.jp2",
    "b02.JP2",
    "a//B02.jp2",
    "folder/",
    "x" * 300 + "/B02.jp2",
    "B02\n.jp2",
    "B02\u202e.jp2",
    "",
)


@dataclass(frozen=True)
class Entry:
    """One member of a zip; what the table of contents says of it need not be true."""

    name: str
    content: int
    deflated: bool
    flags: int
    method: int | None
    attributes: int
    size_off: int
    stored_off: int
    place_off: int


offsets = st.one_of(st.just(0), st.just(0), st.sampled_from((-1, 1, 10, 2**31, 2**32 - 1)))
entries = st.builds(
    Entry,
    name=st.one_of(st.sampled_from(NAMES), st.sampled_from(NAMES[:4]), st.text(max_size=12)),
    content=st.integers(0, 5),
    deflated=st.booleans(),
    flags=st.sampled_from((0, 0, 0, 0x800, 0x800, 0x1, 0x8, 0x20, 0x2041, 0xFFFF)),
    method=st.one_of(st.none(), st.none(), st.none(), st.sampled_from((1, 9, 12, 14, 93, 99, 65_535))),
    attributes=st.sampled_from(
        (0, 0o100644 << 16, 0o100644 << 16, 0o120777 << 16, 0o40755 << 16, 0o20666 << 16, 0x400)
    ),
    size_off=offsets,
    stored_off=offsets,
    place_off=offsets,
)
ends = st.tuples(offsets, offsets, offsets, st.binary(max_size=40))


def zip_of(members: list[Entry], end: tuple[int, int, int, bytes], contents: tuple[bytes, ...]) -> bytes:
    """A zip whose directory says what the entries say (APPNOTE.TXT 4.3.7, 4.3.12 and 4.3.16)."""
    body, directory = b"", b""
    for entry in members:
        content = contents[entry.content % len(contents)]
        packer = zlib.compressobj(wbits=-15)
        stored = packer.compress(content) + packer.flush() if entry.deflated else content
        method = entry.method if entry.method is not None else 8 * entry.deflated
        name = entry.name.encode("utf-8", "replace")
        sizes = (
            zlib.crc32(content),
            (len(stored) + entry.stored_off) % 2**32,
            (len(content) + entry.size_off) % 2**32,
        )
        common = struct.pack("<HHHHIIIHH", entry.flags, method, 0, 0x5AC1, *sizes, len(name), 0)
        directory += struct.pack("<IHH", 0x02014B50, 0x314, 20) + common
        directory += struct.pack("<HHHII", 0, 0, 0, entry.attributes, (len(body) + entry.place_off) % 2**32) + name
        body += struct.pack("<IH", 0x04034B50, 20) + common + name + stored
    count, size, start, comment = end
    counts = ((len(members) + count) % 2**16,) * 2
    tail = struct.pack(
        "<IHHHHII", 0x06054B50, 0, 0, *counts, (len(directory) + size) % 2**32, (len(body) + start) % 2**32
    )
    return body + directory + tail + struct.pack("<H", len(comment)) + comment


@pytest.mark.slow
@given(members=st.lists(entries, max_size=6), end=ends)
@settings(quick, max_examples=80)
def test_random_zip_directories(
    door: Door, genuine: Genuine, members: list[Entry], end: tuple[int, int, int, bytes]
) -> None:
    contents = (
        genuine.files[".jp2"][0],
        genuine.files[".jp2"][1],
        genuine.files[".tif"][0],
        b"",
        b"<a/>",
        genuine.files[".zip"][0],
    )
    door.try_file("a.zip", zip_of(members, end, contents))


# ------------------------------------------------------------------------------------------- the real process


@given(damage=damages, ending=st.sampled_from((".tif", ".jp2", ".zip")))
@settings(quick, max_examples=12)
def test_through_a_process_of_its_own(door: Door, genuine: Genuine, damage: Damage, ending: str) -> None:
    path, folder = door.inbox / f"own{ending}", door.outbox / "own"
    path.write_bytes(damage.done_to(genuine.files[ending]))
    try:
        scene = ingest.ingest(path, folder)
    except S2DashError as error:
        require_clean_refusal(str(error), folder)
    else:
        assert wrong_scene(scene, folder) is None
        shutil.rmtree(folder)
    path.unlink()
