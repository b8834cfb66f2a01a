"""Uploads in pieces: what arrives is byte for byte what was sent, what is refused and why, and that nothing stays."""

from __future__ import annotations

import gc
import importlib
import re
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.testclient import TestClient
from waiting import wait_until

from s2dash.server import upload_store
from s2dash.server.upload_store import (
    AnnouncedFile,
    Upload,
    UploadRefused,
    UploadStore,
    display_name,
    read_announcement,
    safe_file_name,
    size_words,
    upload_routes,
    upload_url,
)
from s2dash.settings import UPLOAD_LIMITS

LIMITS = replace(
    UPLOAD_LIMITS,
    most_bytes=5_000,
    most_files=4,
    chunk_bytes=1_000,
    idle_seconds=100,
    most_uploads=2,
    free_disk_bytes=0,
)
PLENTY = 10**12
BLUE, GREEN = bytes(range(256)) * 9, b"green" * 20


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where uploads lie during this test; empty at first."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def free() -> dict[str, int]:
    return {"bytes": PLENTY}


@pytest.fixture
def store(clock: Clock, free: dict[str, int], temporary: Path) -> UploadStore:
    return UploadStore(clock, lambda: free["bytes"])


@pytest.fixture
def client(store: UploadStore) -> TestClient:
    return TestClient(Starlette(routes=upload_routes(lambda: store)))


@pytest.fixture
def upload(store: UploadStore) -> Upload:
    return store.open(LIMITS)


def announce(client: TestClient, upload: Upload, *files: tuple[str, int], modified: int = 0, **headers: str) -> Any:
    entries = [{"name": name, "size": size, "modified": modified} for name, size in files]
    return client.post(upload_url(upload.token), json={"files": entries}, headers=headers)


def put(client: TestClient, upload: Upload, number: object, offset: object, data: bytes, **headers: str) -> Any:
    url = f"{upload_url(upload.token)}/{number}"
    return client.put(url, content=data, headers={"Upload-Offset": str(offset)} | headers)


def send(client: TestClient, upload: Upload, number: int, data: bytes, start: int = 0) -> None:
    step = upload.limits.chunk_bytes
    for offset in range(start, len(data), step):
        answer = put(client, upload, number, offset, data[offset : offset + step])
        assert answer.json() == {"size": min(len(data), offset + step)}


# ---- what arrives --------------------------------------------------------------------------------------------------


def test_files_arrive_whole_under_their_names(
    client: TestClient, store: UploadStore, upload: Upload, temporary: Path
) -> None:
    files = {"S2A.SAFE/GRANULE/R10m/B02.jp2": BLUE, "S2A.SAFE/GRANULE/R20m/B02.jp2": GREEN, "empty.xml": b""}
    answer = announce(client, upload, *((name, len(data)) for name, data in files.items()))
    assert answer.json() == {"sizes": [0, 0, 0]}
    send(client, upload, 1, GREEN)
    assert store.finished(upload.token) == ()
    send(client, upload, 0, BLUE)
    assert client.get(upload_url(upload.token)).json() == {"sizes": [len(BLUE), len(GREEN), 0]}
    arrived = store.finished(upload.token)
    assert {file.name: file.path.read_bytes() for file in arrived} == files
    assert [file.path.name for file in arrived] == ["B02.jp2", "B02.jp2", "empty.xml"]
    assert all(file.path.resolve().is_relative_to(temporary.resolve()) for file in arrived)


def test_a_piece_counts_only_where_the_file_ends(client: TestClient, upload: Upload) -> None:
    announce(client, upload, ("a.tif", len(BLUE)))
    put(client, upload, 0, 0, BLUE[:700])
    for offset in (0, 699, 701, 5_000):
        answer = put(client, upload, 0, offset, BLUE[:100])
        assert (answer.status_code, answer.json()["size"]) == (409, 700)
    send(client, upload, 0, BLUE, start=700)
    assert upload.finished()[0].path.read_bytes() == BLUE


def test_the_same_list_goes_on_where_it_was(client: TestClient, upload: Upload) -> None:
    announce(client, upload, ("a.tif", len(BLUE)), modified=7)
    put(client, upload, 0, 0, BLUE[:700])
    assert announce(client, upload, ("a.tif", len(BLUE)), modified=7).json() == {"sizes": [700]}
    assert announce(client, upload, ("a.tif", len(BLUE)), modified=8).json() == {"sizes": [0]}


def test_a_later_request_takes_over_the_file(upload: Upload, store: UploadStore) -> None:
    store.announce(upload, [AnnouncedFile("a.tif", 10)])
    first = upload.writer(0, 0)
    first.append(b"abc")
    second = upload.writer(0, 3)
    with pytest.raises(UploadRefused) as refused:
        first.append(b"xyz")
    assert (refused.value.status, refused.value.size) == (409, 3)
    first.close()
    second.append(b"defghij")
    second.close()
    assert upload.finished()[0].path.read_bytes() == b"abcdefghij"


@pytest.fixture
def live_port(store: UploadStore) -> Iterator[int]:
    """The routes on a real server, because a broken connection cannot be played."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(Starlette(routes=upload_routes(lambda: store)), lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    listener.close()


def request_head(upload: Upload, offset: int, length: int) -> bytes:
    lines = (
        f"PUT {upload_url(upload.token)}/0 HTTP/1.1",
        "Host: x",
        f"Upload-Offset: {offset}",
        f"Content-Length: {length}",
        "\r\n",
    )
    return "\r\n".join(lines).encode()


def test_what_came_before_the_connection_broke_stays(store: UploadStore, live_port: int) -> None:
    upload = store.open(replace(LIMITS, most_bytes=10**7, chunk_bytes=10**7))
    data = bytes(range(256)) * 12_000
    store.announce(upload, [AnnouncedFile("a.tif", len(data))])
    with socket.create_connection(("127.0.0.1", live_port)) as broken:
        broken.sendall(request_head(upload, 0, len(data)) + data[:2_000_000])
        wait_until(lambda: upload.sizes[0] > 0)
    wait_until(lambda: upload._incoming[0].writer is None)
    here = upload.sizes[0]
    assert 0 < here <= 2_000_000
    with socket.create_connection(("127.0.0.1", live_port)) as again:
        again.sendall(request_head(upload, here, len(data) - here) + data[here:])
        assert again.recv(100).startswith(b"HTTP/1.1 200")
    assert upload.finished()[0].path.read_bytes() == data


def test_a_silent_connection_is_given_up_and_the_file_stays(store: UploadStore, live_port: int) -> None:
    upload = store.open(replace(LIMITS, stall_seconds=0.1))
    store.announce(upload, [AnnouncedFile("a.tif", 900)])
    with socket.create_connection(("127.0.0.1", live_port)) as silent:
        silent.sendall(request_head(upload, 0, 900) + b"x" * 300)
        silent.settimeout(10)
        assert silent.recv(100).startswith(b"HTTP/1.1 408")
    assert upload.sizes == (300,)


# ---- what is refused -----------------------------------------------------------------------------------------------


def test_unknown_uploads_and_files_are_not_found(client: TestClient, upload: Upload, store: UploadStore) -> None:
    stranger = UploadStore().open(LIMITS)
    assert announce(client, stranger, ("a.tif", 1)).status_code == 404
    assert put(client, stranger, 0, 0, b"a").status_code == 404
    assert client.get(upload_url(stranger.token)).status_code == 404
    assert client.delete(upload_url(stranger.token)).status_code == 404
    assert store.finished(stranger.token) == ()
    assert put(client, upload, 0, 0, b"a").status_code == 410
    announce(client, upload, ("a.tif", 1))
    assert put(client, upload, 1, 0, b"a").status_code == 404


@pytest.mark.parametrize(
    ("number", "offset"), [("x", 0), ("-1", 0), (0, ""), (0, "-1"), (0, "1e3"), ("٣", 0), (0, "9" * 99)]
)
def test_places_that_are_no_numbers_are_refused(
    client: TestClient, upload: Upload, number: object, offset: object
) -> None:
    announce(client, upload, ("a.tif", 10))
    assert put(client, upload, number, offset, b"a").status_code == 400
    assert upload.sizes == (0,)


def test_too_much_is_refused_in_words(client: TestClient, upload: Upload) -> None:
    for files in ([("a.tif", 2_501), ("b.tif", 2_500)], [("a.tif", 1)] * 5):
        answer = announce(client, upload, *files)
        assert answer.status_code == 413
        assert re.search(r"at most .* can be sent at once", answer.json()["message"])
    announce(client, upload, ("a.tif", 2_000))
    assert put(client, upload, 0, 0, b"a" * 1_001).status_code == 413
    assert put(client, upload, 0, 0, iter([b"a" * 600, b"a" * 600])).status_code == 413
    assert upload.sizes == (0,)
    send(client, upload, 0, b"a" * 1_900)
    answer = put(client, upload, 0, 1_900, b"a" * 101)
    assert answer.status_code == 413
    assert "a.tif has grown" in answer.json()["message"]
    assert upload.sizes == (1_900,)


def test_the_disk_is_never_filled(client: TestClient, upload: Upload, store: UploadStore, free: dict[str, int]) -> None:
    upload.limits = replace(LIMITS, free_disk_bytes=10_000)
    free["bytes"] = 12_000
    answer = announce(client, upload, ("a.tif", 2_001))
    assert answer.status_code == 507
    assert "room for 2 kB" in answer.json()["message"]
    assert announce(client, upload, ("a.tif", 2_000)).status_code == 200
    other = store.open(replace(LIMITS, free_disk_bytes=10_000))
    assert announce(client, other, ("b.tif", 1)).status_code == 507  # what the first has announced counts
    free["bytes"] = 10_500
    assert put(client, upload, 0, 0, b"a").status_code == 507
    assert upload.sizes == (0,)


def test_a_full_disk_is_said_in_words(client: TestClient, upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    announce(client, upload, ("a.tif", 10))
    writer = upload.writer(0, 0)

    class Full:
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "_file", Full())
    with pytest.raises(UploadRefused, match="disk cannot take more"):
        writer.append(b"abc")
    monkeypatch.undo()
    writer.close()
    assert upload.sizes == (0,)


def test_only_so_many_at_once(client: TestClient, store: UploadStore) -> None:
    first, second, third = (store.open(LIMITS) for _ in range(3))
    assert announce(client, first, ("a.tif", 1)).status_code == 200
    assert announce(client, second, ("a.tif", 1)).status_code == 200
    assert announce(client, third, ("a.tif", 1)).status_code == 503
    assert announce(client, second, ("b.tif", 1)).status_code == 200
    put(client, first, 0, 0, b"x")
    assert first.finished()
    assert announce(client, third, ("a.tif", 1)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://testserver:8080"},
        {"Origin": "http://testserver.elsewhere.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://testserver"},
    ],
)
def test_other_sites_are_refused(client: TestClient, upload: Upload, headers: dict[str, str]) -> None:
    assert announce(client, upload, ("a.tif", 1), **headers).status_code == 403
    announce(client, upload, ("a.tif", 1))
    assert put(client, upload, 0, 0, b"a", **headers).status_code == 403
    assert client.delete(upload_url(upload.token), headers=headers).status_code == 403
    assert upload.sizes == (0,)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://testserver"},
        {"Origin": "http://TestServer:80"},
        {"Origin": "https://maps.example", "X-Forwarded-Host": "maps.example"},
        {"Origin": "https://maps.example", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_this_page_is_let_in(client: TestClient, upload: Upload, headers: dict[str, str]) -> None:
    assert announce(client, upload, ("a.tif", 1), **headers).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"files": 3}',
        b'{"files": {}}',
        b'{"files": [{"name": "a"}]}',
        b'{"files": [{"name": 3, "size": 1, "modified": 0}]}',
        b'{"files": [{"name": "a", "size": -1, "modified": 0}]}',
        b'{"files": [{"name": "a", "size": 1.5, "modified": 0}]}',
        b'{"files": [{"name": "a", "size": true, "modified": 0}]}',
        b'{"files": [{"name": "a", "size": 1' + b"0" * 400 + b', "modified": 0}]}',
        b'{"files": [{"name": "a", "size": NaN, "modified": 0}]}',
        b"[" * 100_000,
    ],
)
def test_only_a_list_of_files_is_an_announcement(client: TestClient, upload: Upload, body: bytes) -> None:
    answer = client.post(upload_url(upload.token), content=body)
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert upload.sizes == ()


# ---- that nothing stays --------------------------------------------------------------------------------------------


def test_cancelling_leaves_nothing(client: TestClient, upload: Upload, temporary: Path) -> None:
    announce(client, upload, ("a.tif", 10))
    put(client, upload, 0, 0, b"abc")
    assert list(temporary.iterdir())
    assert client.delete(upload_url(upload.token)).status_code == 204
    assert list(temporary.iterdir()) == []
    assert put(client, upload, 0, 3, b"def").status_code == 410
    assert announce(client, upload, ("a.tif", 10)).json() == {"sizes": [0]}


def test_cancelling_stops_a_request_under_way(upload: Upload, store: UploadStore, temporary: Path) -> None:
    store.announce(upload, [AnnouncedFile("a.tif", 10)])
    writer = upload.writer(0, 0)
    upload.cancel()
    with pytest.raises(UploadRefused) as refused:
        writer.append(b"abc")
    writer.close()
    assert refused.value.status == 410
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("is_whole", [False, True])
def test_what_nobody_holds_any_more_goes(
    client: TestClient, store: UploadStore, temporary: Path, is_whole: bool
) -> None:
    upload = store.open(LIMITS)
    token = upload.token
    announce(client, upload, ("a.tif", 10))
    put(client, upload, 0, 0, b"0123456789" if is_whole else b"0")
    assert bool(store.finished(token)) == is_whole
    del upload
    gc.collect()
    assert list(temporary.iterdir()) == []
    assert client.get(upload_url(token)).status_code == 404


def test_closing_leaves_nothing(client: TestClient, upload: Upload, temporary: Path) -> None:
    announce(client, upload, ("a.tif", 1))
    put(client, upload, 0, 0, b"0")
    assert upload.finished()
    upload.close()
    assert list(temporary.iterdir()) == []
    assert upload.finished() == ()


def test_an_idle_upload_expires(
    client: TestClient, store: UploadStore, upload: Upload, clock: Clock, temporary: Path
) -> None:
    announce(client, upload, ("a.tif", 10))
    clock.now = 90
    put(client, upload, 0, 0, b"abc")
    clock.now = 180
    store.reap()
    assert upload.sizes == (3,)
    clock.now = 191
    store.reap()
    assert list(temporary.iterdir()) == []
    answer = put(client, upload, 0, 3, b"def")
    assert answer.status_code == 410
    assert "nothing came for too long" in answer.json()["message"]
    assert announce(client, upload, ("a.tif", 10)).json() == {"sizes": [0]}


def test_what_the_page_has_taken_stays_as_it_is(
    client: TestClient, store: UploadStore, upload: Upload, clock: Clock
) -> None:
    announce(client, upload, ("a.tif", 3))
    put(client, upload, 0, 0, b"abc")
    path = upload.finished()[0].path
    clock.now = 10_000
    store.reap()
    assert client.delete(upload_url(upload.token)).status_code == 423
    assert announce(client, upload, ("b.tif", 3)).status_code == 423
    assert put(client, upload, 0, 3, b"d").status_code == 413
    assert path.read_bytes() == b"abc"


def test_idle_uploads_expire_by_themselves(temporary: Path) -> None:
    def watches() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if thread.name == "s2dash-uploads"}

    store, others = UploadStore(), watches()
    upload = store.open(replace(LIMITS, idle_seconds=0.1))
    for _ in range(2):  # also after the watch has ended once
        store.announce(upload, [AnnouncedFile("a.tif", 10)])
        wait_until(lambda: not list(temporary.iterdir()))
        assert upload.sizes == ()
        wait_until(lambda: watches() <= others)


def test_a_folder_that_vanished_is_said_in_words(client: TestClient, upload: Upload, temporary: Path) -> None:
    from s2dash.server.jobs import remove_scratch_folders

    announce(client, upload, ("a.tif", 10))
    remove_scratch_folders()
    assert put(client, upload, 0, 0, b"abc").status_code == 410


# ---- names, addresses, one store -----------------------------------------------------------------------------------

NAMES = st.text(st.characters() | st.sampled_from("./\\\0:~ \u202e"), max_size=150)


@given(NAMES)
def test_any_name_is_a_plain_file_name(name: str) -> None:
    safe = safe_file_name(name)
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,100}", safe, re.ASCII)
    assert safe.split(".")[0].lower() not in {"con", "nul", "aux", "prn", "com1", "lpt9"}


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("S2A.SAFE/B02.jp2", "B02.jp2"),
        ("../../etc/passwd", "passwd"),
        (r"C:\scenes\B02.tif", "B02.tif"),
        ("..", "upload"),
        (".bashrc", "bashrc"),
        ("nul.tif", "_nul.tif"),
        ("Ä b(1).TIF", "_b_1_.TIF"),
        ("x" * 300 + ".tif", "x" * 96 + ".tif"),
    ],
)
def test_safe_names_by_hand(name: str, safe: str) -> None:
    assert safe_file_name(name) == safe


@given(NAMES)
def test_any_name_can_be_shown(name: str) -> None:
    shown = display_name(name)
    assert shown.isprintable() or all(c.isprintable() or c.isspace() for c in shown)
    assert not {"", ".", ".."} & set(shown.split("/"))
    assert shown.encode()


@pytest.mark.parametrize(
    "name", ["../../x.tif", "/etc/cron.d/x.tif", "a/../../x.tif", "..\\..\\x.tif", "\0x.tif", "\ud800x.tif"]
)
def test_tricks_in_names_lead_nowhere(client: TestClient, upload: Upload, temporary: Path, name: str) -> None:
    body = upload_store.json.dumps({"files": [{"name": name, "size": 1, "modified": 0}]})
    assert client.post(upload_url(upload.token), content=body).status_code == 200
    put(client, upload, 0, 0, b"x")
    (file,) = upload.finished()
    assert file.path.resolve().relative_to(temporary.resolve()).parts[1:] == ("0000", file.path.name)
    assert file.path.name in ("x.tif", "_x.tif")
    assert ".." not in file.name


def test_reads_what_browsers_announce() -> None:
    body = b'{"files": [{"name": "a/b.tif", "size": 3, "modified": 1700000000000}]}'
    assert read_announcement(body) == (AnnouncedFile("a/b.tif", 3, 1_700_000_000_000),)


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 kB"), (12_345, "12 kB"), (3_400_000, "3.4 MB"), (20_000_000_000, "20 GB"), (512_300_000_000, "512 GB")],
)
def test_sizes_in_words(size: int, words: str) -> None:
    assert size_words(size) == words


def test_tokens_cannot_be_guessed(store: UploadStore) -> None:
    uploads = [store.open() for _ in range(20)]
    tokens = {upload.token for upload in uploads}
    assert len(tokens) == 20
    assert all(re.fullmatch(r"[0-9a-f]{64}", token) for token in tokens)


@pytest.mark.parametrize("base_path", ["", "maps", "/a/b/"])
def test_routes_stand_below_the_base_path(store: UploadStore, upload: Upload, base_path: str) -> None:
    client = TestClient(Starlette(routes=upload_routes(lambda: store, base_path)))
    store.announce(upload, [AnnouncedFile("a.tif", 3)])
    assert client.get(upload_url(upload.token, base_path)).json() == {"sizes": [0]}


def test_one_store_per_process_also_after_the_module_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    first = upload_store.process_upload_store()
    monkeypatch.delitem(sys.modules, "s2dash.server.upload_store")
    assert importlib.import_module("s2dash.server.upload_store").process_upload_store() is first
