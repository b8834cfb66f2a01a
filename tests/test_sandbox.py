"""The confined ingest process: what it still can do, what it no longer can, what it says where the system lacks a part.

Every case confines a process of its own, since nobody comes back from there.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from waiting import PATIENCE_SECONDS

from s2dash.ingest.sandbox import LANDLOCK_TCP, NAMESPACE, Protections

ROOT = Path(__file__).resolve().parents[1]

PRELUDE = """
import dataclasses, json, os, socket, subprocess, sys, time, types
from pathlib import Path
import s2dash

# The package itself loads rasterio; here the libraries are to be loaded by a process that is confined already.
package = types.ModuleType("s2dash.ingest")
package.__path__ = [str(Path(s2dash.__file__).parent / "ingest")]
sys.modules["s2dash.ingest"] = package
from s2dash.ingest import sandbox
from s2dash.settings import IngestLimits

given = json.loads(sys.argv[1])
readable = [Path(given["readable"])]
writable = Path(given["writable"])
outside = Path(given["outside"])

def attempt(act):
    try:
        return ["done", act()]
    except (OSError, MemoryError) as error:
        return [type(error).__name__, str(error)]

def facts(protections):
    return dataclasses.asdict(protections) | {"sentence": protections.sentence()}

def pretend(name, answer):
    was = getattr(sandbox, name)
    def instead(*arguments):
        found = answer(*arguments)
        if isinstance(found, OSError):
            raise found
        return was(*arguments) if found is None else found
    setattr(sandbox, name, instead)
"""

EVERYTHING = """
assert "numpy" not in sys.modules
start = time.process_time()
protections = sandbox.confine(readable, writable, IngestLimits())
seconds = time.process_time() - start

import numpy, pyproj, rasterio, resource
from rasterio.transform import from_origin

def rewrite():
    with rasterio.open(readable[0]) as source:
        pixels, profile = source.read(), source.profile
    with rasterio.open(writable / "half.tif", "w", **profile) as target:
        target.write(pixels)
    os.replace(writable / "half.tif", writable / "whole.tif")
    with rasterio.open(writable / "whole.tif") as target:
        return bool((target.read() == pixels).all()) and target.crs.to_epsg() == 32632

def keep_house():
    folder = writable / "inner"
    folder.mkdir()
    (folder / "note.txt").write_text("x" * 100)
    (folder / "note.txt").write_text("y")
    (folder / "note.txt").rename(folder / "other.txt")
    (folder / "other.txt").unlink()
    folder.rmdir()
    return not folder.exists()

def connect():
    with socket.create_connection(("127.0.0.1", given["tcp"]), timeout=5):
        return "connected"

def send():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        return sender.sendto(b"hello", ("127.0.0.1", given["udp"]))

def listen():
    with socket.create_server(("127.0.0.1", 0)):
        return "listening"

def limit(name):
    return resource.getrlimit(getattr(resource, name))

print(json.dumps({
    "seconds": seconds,
    "protections": facts(protections),
    "limits": {name: limit(name) for name in ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_CORE", "RLIMIT_FSIZE")},
    "rewrite": attempt(rewrite),
    "keep house": attempt(keep_house),
    "transform": attempt(lambda: pyproj.Transformer.from_crs(32632, 4326, always_xy=True).transform(5e5, 5e6)),
    "discard": attempt(lambda: Path("/dev/null").write_text("x")),
    "read /etc/passwd": attempt(lambda: Path("/etc/passwd").read_text()),
    "read own environment": attempt(lambda: Path("/proc/self/environ").read_text()),
    "read first environment": attempt(lambda: Path("/proc/1/environ").read_text()),
    "read sibling": attempt(lambda: (outside / "sibling.tif").read_bytes()[:2].decode()),
    "rasterio reads sibling": attempt(lambda: rasterio.open(outside / "sibling.tif").count),
    "list folder of siblings": attempt(lambda: os.listdir(outside)),
    "read project": attempt(lambda: (Path(given["root"]) / "pyproject.toml").read_text()),
    "list project": attempt(lambda: os.listdir(given["root"])),
    "list home": attempt(lambda: os.listdir(Path.home())),
    "write readable": attempt(lambda: readable[0].open("r+b").close()),
    "truncate readable": attempt(lambda: os.truncate(readable[0], 0)),
    "write library": attempt(lambda: (Path(numpy.__file__).parent / "new.py").write_text("")),
    "create sibling": attempt(lambda: (outside / "new.txt").write_text("x")),
    "remove sibling": attempt(lambda: (outside / "sibling.tif").unlink()),
    "move out": attempt(lambda: (writable / "whole.tif").rename(outside / "moved.tif")),
    "link in": attempt(lambda: os.link(outside / "sibling.tif", writable / "linked.tif")),
    "symbolic link": attempt(lambda: os.symlink("/etc/passwd", writable / "link.tif")),
    "shell": attempt(lambda: subprocess.run(["/bin/sh", "-c", "cat /etc/passwd"], capture_output=True).returncode),
    "python": attempt(lambda: subprocess.run([sys.executable, "-c", ""], capture_output=True).returncode),
    "become another": attempt(lambda: os.setuid(12345)),
    "signal parent": attempt(lambda: os.kill(os.getppid(), 0)),
    "connect": attempt(connect),
    "listen": attempt(listen),
    "send": attempt(send),
}))
"""

FORBIDDEN = (
    "read /etc/passwd",
    "read own environment",
    "read first environment",
    "read sibling",
    "list folder of siblings",
    "read project",
    "list project",
    "list home",
    "write readable",
    "write library",
    "create sibling",
    "remove sibling",
    "symbolic link",
    "shell",
    "python",
)


def write_raster(path: Path) -> None:
    pixels = np.arange(2 * 40 * 50, dtype=np.uint16).reshape(2, 40, 50)
    transform = Affine(10, 0, 500_000, 0, -10, 5_000_000)
    with rasterio.open(
        path, "w", driver="GTiff", height=40, width=50, count=2, dtype="uint16", crs="EPSG:32632", transform=transform
    ) as target:
        target.write(pixels)


def run(folder: Path, script: str, **more: Any) -> dict[str, Any]:
    """What a script prints as JSON, run after PRELUDE in a process whose files are laid out in `folder`."""
    outside, writable = folder / "outside", folder / "results"
    for path in (outside, writable):
        path.mkdir(exist_ok=True)
    for name in ("scene.tif", "sibling.tif"):
        if not (outside / name).exists():
            write_raster(outside / name)
    given = {"readable": outside / "scene.tif", "writable": writable, "outside": outside, "root": ROOT} | more
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + script, json.dumps(given, default=str)],
        # A variable that names a folder around everything must not open it.
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}", "OPENBLAS_NUM_THREADS": "1"},
        cwd=writable,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def receiver() -> Iterator[socket.socket]:
    """A datagram socket on loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        opened.settimeout(0.2)
        yield opened


@pytest.fixture(scope="module")
def confined(tmp_path_factory: pytest.TempPathFactory, receiver: socket.socket) -> dict[str, Any]:
    """What came of every attempt of one confined process."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ports = {"tcp": server.getsockname()[1], "udp": receiver.getsockname()[1]}
        return run(tmp_path_factory.mktemp("confined"), EVERYTHING, **ports)


@pytest.fixture(scope="module")
def landlock(confined: dict[str, Any]) -> int:
    """The ABI of Landlock in force; skips where there is none."""
    abi: int = confined["protections"]["landlock_abi"]
    if not abi:
        pytest.skip(confined["protections"]["sentence"])
    return abi


@pytest.fixture(scope="module")
def namespace(confined: dict[str, Any]) -> None:
    """Skips where the process could not leave the network."""
    if NAMESPACE not in confined["protections"]["network"]:
        pytest.skip(confined["protections"]["sentence"])


def test_takes_no_time_to_speak_of(confined: dict[str, Any]) -> None:
    assert confined["seconds"] < 0.5


def test_libraries_work_and_own_files_are_read_and_written(confined: dict[str, Any]) -> None:
    assert confined["rewrite"] == ["done", True]
    assert confined["keep house"] == ["done", True]
    assert confined["discard"] == ["done", 1]


def test_projection_database_is_found(confined: dict[str, Any]) -> None:
    outcome, lonlat = confined["transform"]
    assert outcome == "done"
    # The central meridian of zone 32.
    assert lonlat[0] == pytest.approx(9)


@pytest.mark.usefixtures("landlock")
@pytest.mark.parametrize("name", FORBIDDEN)
def test_landlock_forbids(confined: dict[str, Any], name: str) -> None:
    assert confined[name][0] == "PermissionError", confined[name]


@pytest.mark.usefixtures("landlock")
def test_gdal_cannot_open_a_sibling(confined: dict[str, Any]) -> None:
    assert confined["rasterio reads sibling"][0] == "RasterioIOError"


@pytest.mark.usefixtures("landlock")
@pytest.mark.parametrize("name", ["move out", "link in"])
def test_nothing_crosses_the_folder(confined: dict[str, Any], name: str) -> None:
    """The kernel may answer as if the two folders lay on different devices (EXDEV)."""
    assert confined[name][0] in {"PermissionError", "OSError"}


def test_truncating_is_writing(confined: dict[str, Any], landlock: int) -> None:
    if landlock < 3:
        pytest.skip(f"Landlock's ABI {landlock} does not know truncation")
    assert confined["truncate readable"][0] == "PermissionError"


def test_parent_cannot_be_signalled(confined: dict[str, Any], landlock: int) -> None:
    if landlock < 6:
        pytest.skip(f"Landlock's ABI {landlock} does not know signals")
    assert confined["signal parent"][0] == "PermissionError"


@pytest.mark.parametrize("name", ["connect", "listen"])
def test_tcp_is_closed(confined: dict[str, Any], name: str) -> None:
    if LANDLOCK_TCP not in confined["protections"]["network"]:
        pytest.skip(confined["protections"]["sentence"])
    assert confined[name][0] == "PermissionError"


@pytest.mark.usefixtures("namespace")
def test_datagrams_do_not_arrive(confined: dict[str, Any], receiver: socket.socket) -> None:
    assert confined["send"][0] == "OSError"
    with pytest.raises(TimeoutError):
        receiver.recv(10)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the privileges to drop")
def test_root_is_no_longer_root(confined: dict[str, Any]) -> None:
    assert confined["protections"]["privileges_dropped"]
    assert confined["become another"][0] == "PermissionError"


def test_resources_are_limited(confined: dict[str, Any]) -> None:
    pytest.importorskip("resource", reason="this system has no resource limits")
    from s2dash.settings import INGEST_LIMITS

    bounds = {name: hard for name, (_, hard) in confined["limits"].items()}
    assert 0 < bounds["RLIMIT_AS"] <= INGEST_LIMITS.address_space_bytes
    assert 0 < bounds["RLIMIT_CPU"] <= INGEST_LIMITS.cpu_seconds
    assert 0 < bounds["RLIMIT_FSIZE"] <= INGEST_LIMITS.most_written_bytes
    assert bounds["RLIMIT_CORE"] == 0
    assert all(confined["protections"][name] for name in ("address_space", "cpu", "core", "file_size"))


def test_exceeded_limits_are_python_errors(tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="this system has no resource limits")
    found = run(
        tmp_path,
        """
limits = dataclasses.replace(IngestLimits(), address_space_bytes=1_000_000_000, most_written_bytes=1_000)
sandbox.confine(readable, writable, limits)
print(json.dumps({
    "memory": attempt(lambda: len(bytearray(2_000_000_000))),
    "little memory": attempt(lambda: len(bytearray(10_000_000))),
    "file": attempt(lambda: (writable / "large").write_bytes(bytes(2_000))),
    "small file": attempt(lambda: (writable / "small").write_bytes(bytes(500))),
}))
""",
    )
    assert found["memory"][0] == "MemoryError"
    assert found["little memory"] == ["done", 10_000_000]
    assert found["file"][0] == "OSError"
    assert found["small file"] == ["done", 500]


def test_lower_limits_of_the_system_stay(tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="this system has no resource limits")
    found = run(
        tmp_path,
        """
import resource
resource.setrlimit(resource.RLIMIT_CPU, (5, 7))
protections = sandbox.confine(readable, writable, IngestLimits())
print(json.dumps({"cpu": protections.cpu, "bound": resource.getrlimit(resource.RLIMIT_CPU)[1]}))
""",
    )
    assert found == {"cpu": True, "bound": 7}


def test_says_so_without_landlock(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        """
import errno
pretend("_syscall", lambda *arguments: OSError(errno.ENOSYS, "Function not implemented"))
protections = sandbox.confine(readable, writable, IngestLimits())
print(json.dumps(facts(protections) | {"read": attempt(lambda: len(readable[0].read_bytes()) > 0)}))
""",
    )
    assert found["landlock_abi"] == 0
    assert LANDLOCK_TCP not in found["network"]
    assert "Landlock is not available on this system (Function not implemented)" in found["sentence"]
    assert "files are protected by checks only" in found["sentence"]
    assert found["read"] == ["done", True]


@pytest.mark.usefixtures("landlock")
@pytest.mark.parametrize("step", ["_ADD_RULE", "_RESTRICT_SELF"])
def test_says_so_if_landlock_fails(tmp_path: Path, step: str) -> None:
    found = run(
        tmp_path,
        f"""
import errno
broken = OSError(errno.EINVAL, "Invalid argument")
pretend("_syscall", lambda number, *rest: broken if number == sandbox.{step} else None)
print(json.dumps(facts(sandbox.confine(readable, writable, IngestLimits()))))
""",
    )
    assert found["landlock_abi"] == 0
    assert "is there but could not be applied (Invalid argument)" in found["sentence"]


@pytest.mark.usefixtures("landlock")
def test_says_so_if_another_thread_would_stay_free(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        """
import threading
over = threading.Event()
threading.Thread(target=over.wait).start()
print(json.dumps(facts(sandbox.confine(readable, writable, IngestLimits()))))
over.set()
""",
    )
    assert found["landlock_abi"] == 0
    assert "another thread" in found["sentence"]


@pytest.mark.parametrize("older", [1, 2, 3, 4, 5])
def test_older_kernels_protect_what_they_can(tmp_path: Path, landlock: int, older: int) -> None:
    if landlock < older:
        pytest.skip(f"this kernel knows Landlock's ABI {landlock} only")
    found = run(
        tmp_path,
        f"""
pretend("_syscall", lambda number, *rest: {older} if rest == (None, 0, sandbox._CREATE_RULESET_VERSION) else None)
print(json.dumps(facts(sandbox.confine(readable, writable, IngestLimits())) | {{
    "write": attempt(lambda: (writable / "a").write_text("x")),
    "replace": attempt(lambda: os.replace(writable / "a", writable / "b")),
    "sibling": attempt(lambda: (outside / "sibling.tif").read_bytes()[:2].decode()),
}}))
""",
    )
    assert found["landlock_abi"] == older
    assert (LANDLOCK_TCP in found["network"]) == (older >= 4)
    assert ("cannot close TCP" in found["sentence"]) == (older < 4)
    assert found["write"][0] == found["replace"][0] == "done"
    assert found["sibling"][0] == "PermissionError"


def test_says_so_where_the_network_cannot_be_left(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        """
import errno
pretend("_call", lambda name, *rest: OSError(errno.EPERM, "Operation not permitted") if name == "unshare" else None)
print(json.dumps(facts(sandbox.confine(readable, writable, IngestLimits()))))
""",
    )
    assert NAMESPACE not in found["network"]
    assert "No own network namespace (Operation not permitted)" in found["sentence"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.usefixtures("landlock")
def test_works_without_being_root(tmp_path: Path) -> None:
    """The same for an ordinary user, whose network namespace needs a user namespace around it."""
    found = run(
        tmp_path,
        """
os.chown(writable, 12345, 12345)
(writable / "scene.tif").write_text("II")
os.chown(writable / "scene.tif", 12345, 12345)
os.chmod(writable / "scene.tif", 0o600)
os.setgroups([])
os.setresgid(12345, 12345, 12345)
os.setresuid(12345, 12345, 12345)
# The way here leads through folders of root; the working folder can still be named.
protections = sandbox.confine([], Path("."), IngestLimits())
print(json.dumps(facts(protections) | {
    "read": attempt(lambda: Path("scene.tif").read_text()),
    "write": attempt(lambda: Path("new.txt").write_text("x")),
    "same owner": attempt(lambda: Path("new.txt").stat().st_uid == Path("scene.tif").stat().st_uid),
    "passwd": attempt(lambda: Path("/etc/passwd").read_text()),
    "become root": attempt(lambda: os.setuid(0)),
}))
""",
    )
    assert found["landlock_abi"]
    assert found["read"] == ["done", "II"]
    assert found["write"] == ["done", 1]
    assert found["same owner"] == ["done", True]
    assert found["passwd"][0] == "PermissionError"
    # EINVAL where a user namespace does not know the number at all.
    assert found["become root"][0] in {"PermissionError", "OSError"}
    assert (tmp_path / "results" / "new.txt").stat().st_uid == 12345


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_run_unprotected_and_say_so(tmp_path: Path, platform: str) -> None:
    found = run(
        tmp_path,
        f"""
sys.platform = {platform!r}
sys.modules["resource"] = None
print(json.dumps(facts(sandbox.confine(readable, writable, IngestLimits()))))
""",
    )
    assert found["landlock_abi"] == 0
    assert found["network"] == []
    assert not any(found[name] for name in ("address_space", "cpu", "core", "file_size", "privileges_dropped"))
    assert found["sentence"].startswith("ingest process: not protected by the system. Resource limits are not")
    assert "the network is not closed" in found["sentence"]


COMPLETE = Protections(
    address_space=True,
    cpu=True,
    core=True,
    file_size=True,
    landlock_abi=7,
    network=(LANDLOCK_TCP, NAMESPACE),
    privileges_dropped=True,
    missing=(),
)


def test_sentence_is_one_line_that_names_what_protects() -> None:
    assert COMPLETE.sentence() == (
        "ingest process: resource limits, Landlock (files and TCP, ABI 7), own network namespace, privileges dropped"
    )


def test_sentence_names_what_is_missing() -> None:
    some = replace(COMPLETE, address_space=False, landlock_abi=2, network=(), missing=("This is gone.", "That too."))
    assert some.sentence() == (
        "ingest process: resource limits (processor time, core files, size of files), Landlock (files, ABI 2), "
        "privileges dropped. This is gone. That too."
    )
