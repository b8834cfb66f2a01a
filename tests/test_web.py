"""Scenes by their web address: the labels of the path, few bytes, plain errors, no secrets told, nothing elsewhere."""

from __future__ import annotations

import ast
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import pytest
import rasterio
from clusters import local_cluster
from hypothesis import given
from hypothesis import strategies as st
from scenes import write_raster, write_scene
from web_server import FileServer, send_status, serving

from s2dash import ingest
from s2dash.classify import parts, pipeline
from s2dash.cli import main as cli
from s2dash.cli import progress_line
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene
from s2dash.core.types import windows
from s2dash.errors import ClusterError, UnreadableFile
from s2dash.ingest import child
from s2dash.ingest.checks import open_checked
from s2dash.raster import http, location_web
from s2dash.raster.location import FileLocation, files_only, parse, require_unchanged
from s2dash.settings import GDAL_ENVIRONMENT

SHAPE = (240, 330)
WINDOW = (8, 32)
FAST = ("--param", "n_init=1", "--k", "4")
SECRET_USER, SECRET_TOKEN = "ann:s%40cret@", "t0ken"
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _as_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """GDAL's doors are closed as in the product, no proxy stands between, and nobody waits to try again."""
    for name, value in GDAL_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(http, "WEB_LIMITS", replace(http.WEB_LIMITS, retry_seconds=0))
    monkeypatch.setitem(location_web._OPTIONS, "retry_delay", 0)


def web(address: str) -> location_web.WebLocation:
    found = parse(address)
    assert isinstance(found, location_web.WebLocation)
    return found


@pytest.fixture
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures count as large, and windows are small."""
    monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 10_000)
    monkeypatch.setattr(pipeline, "run_full", partial(pipeline.run_full, window_shape_rc=WINDOW))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    (tmp_path / "served").mkdir()
    with serving(tmp_path / "served") as started:
        yield started


def written(server: FileServer, name: str = "scene.tif", shape_rc: tuple[int, int] = SHAPE, **how: Any) -> Path:
    return write_scene(server.folder / name, shape_rc, **how)


def opened(server: FileServer, name: str = "scene.tif") -> Scene:
    scene = ingest.open_in_place(parse(server.address(name)))
    assert scene is not None
    return scene


def labels_of(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def broken_off(handler: BaseHTTPRequestHandler) -> bool:
    handler.close_connection = True
    return True


def answering(status: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], bool]:
    return partial(send_status, status=status, **headers)


class TestAddresses:
    @given(
        host=st.from_regex(r"[a-z][a-z0-9]{0,8}(\.[a-z]{2,5})?(:[1-9][0-9]{1,3})?", fullmatch=True),
        folders=st.lists(st.text(min_size=1, max_size=9), max_size=3),
        name=st.from_regex(r"[A-Za-z0-9_ +&=%-]{1,20}\.tif", fullmatch=True),
        query=st.text(max_size=20).filter(lambda text: "#" not in text),
    )
    def test_an_address_survives_as_gdals_name(self, host: str, folders: list[str], name: str, query: str) -> None:
        quoted = "/".join(quote(part, safe="") for part in (*folders, name))
        address = f"https://{host}/{quoted}?q={quote(query)}"
        location = web(address)
        assert location.address == address
        assert location.file_name == name
        for one in (location, replace(location, version_bytes=12, mark="abc")):
            assert len(Path(one.gdal_name).parts) == 2
            assert str(Path(one.gdal_name).absolute()) == one.gdal_name
            assert unquote(one.gdal_name.rpartition("&url=")[2]) == f"{address}#{one.version}"
        assert one.version == "12-abc"
        assert one != location

    def test_what_is_shown_has_no_secrets(self) -> None:
        location = web(f"https://{SECRET_USER}host.org:8443/secret/folder/scene%20a.tif?sig={SECRET_TOKEN}#x")
        assert location.shown == location.where == "host.org/…/scene a.tif"
        request = location._request()
        assert request.address == f"https://host.org:8443/secret/folder/scene%20a.tif?sig={SECRET_TOKEN}"
        assert request.user == ("ann", "s@cret")
        assert "cret" not in location.identity().replace("/secret/", "")
        assert "cret" not in repr(location)
        assert SECRET_TOKEN not in f"{location} {[location]}"

    def test_without_a_file_name_the_server_names_it(self) -> None:
        assert parse("https://host.org/?id=3").shown == "host.org"

    def test_spaces_and_letters_beyond_ascii_are_encoded(self) -> None:
        assert web("HTTPS://münchen.example/a b/ü.tif ").address == "https://xn--mnchen-3ya.example/a%20b/%C3%BC.tif"

    def test_digests_and_names_of_outputs_stay(self) -> None:
        """Outputs of a batch are found again by them."""
        location = replace(web(f"https://{SECRET_USER}h.org:8443/x/a%20b.tif?sig=t#x"), version_bytes=12, mark="abc")
        assert location.identity() == "https://h.org:8443/x/a%20b.tif?sig=t 12-abc"
        assert location.gdal_name.startswith("/vsicurl?empty_dir=yes&max_retry=2&retry_delay=")
        assert location.gdal_name.endswith(
            "&low_speed_limit=1&use_head=yes"
            "&url=https%3A%2F%2Fann%3As%2540cret%40h.org%3A8443%2Fx%2Fa%2520b.tif%3Fsig%3Dt%2312-abc"
        )

    @pytest.mark.parametrize("text", ["s3://bucket/a.tif", "ftp://host/a.tif", "file:///etc/passwd"])
    def test_other_kinds_are_refused(self, text: str) -> None:
        with pytest.raises(UnreadableFile, match=r"cannot be read\. Give one of https://"):
            parse(text)

    @pytest.mark.parametrize(
        "text", ["https://", "https:///a.tif", "http://host:port/a", "http://[::1/a", "http://a..b/"]
    )
    def test_no_server_in_it(self, text: str) -> None:
        with pytest.raises(UnreadableFile, match="no usable name of a server"):
            parse(text)

    @pytest.mark.parametrize(
        "text",
        ["scene.tif", "/data/scene.tif", "C:\\scene.tif", "vsicurl?url=http://a", "/vsicurl/http://a", "http:/a"],
    )
    def test_paths_are_no_addresses(self, text: str) -> None:
        assert parse(text) == FileLocation(Path(text))
        assert files_only([parse(text)]) == [Path(text)]


class TestLabels:
    @pytest.mark.parametrize("large", [False, True])
    @pytest.mark.parametrize("how", [{}, {"compress": "deflate"}, {"interleave": "pixel", "nodata": 0}])
    def test_the_same_as_from_the_path(
        self,
        server: FileServer,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        request: pytest.FixtureRequest,
        how: dict[str, Any],
        large: bool,
    ) -> None:
        if large:
            request.getfixturevalue("small_is_large")
        path = written(server, masked=((slice(20, 31), slice(33, 47)),), **how)
        found = []
        for name, given_as in (("path", str(path)), ("web", server.address())):
            out = tmp_path / f"{name}.tif"
            assert cli.main(["classify", given_as, "-o", str(out), *FAST]) == 0
            table = json.loads(capsys.readouterr().out)
            del table["seconds"]
            if large:  # whose zeros are looked for on the disk, and not through the network
                table["warnings"] = [words for words in table["warnings"] if "zero in every band" not in words]
            with rasterio.open(out) as dataset:
                differs = {"S2DASH_RESULT", *(["S2DASH_NOTES"] if large else [])}
                tags = {key: text for key, text in dataset.tags().items() if key not in differs}
                found.append((table, dataset.read(1).tolist(), tags))
        assert found[0] == found[1]

    def test_info_says_the_same(self, server: FileServer, capsys: pytest.CaptureFixture[str]) -> None:
        path = written(server, masked=((slice(20, 31), slice(33, 47)),))
        told = []
        for given_as in (str(path), server.address("scene.tif?token=a&b=c#d")):
            assert cli.main(["info", given_as]) == 0
            told.append(json.loads(capsys.readouterr().out))
        assert told[0] == told[1]
        assert told[1]["title"] == "scene"

    def test_a_batch_of_addresses_goes_on(
        self, server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("a.tif", "b.tif"):
            written(server, name, (48, 64), seed=ord(name[0]))
        words = [
            "batch",
            server.address("a.tif?sig=t0ken"),
            server.address("b.tif"),
            "-o",
            str(tmp_path / "out"),
            *FAST,
        ]
        assert cli.main(words) == 0
        first = json.loads(capsys.readouterr().out)
        assert [one["path"] for one in first["scenes"]] == ["127.0.0.1/…/a.tif", "127.0.0.1/…/b.tif"]
        assert [one["output"][-13:] for one in first["scenes"]] == ["a-classes.tif", "b-classes.tif"]
        written(server, "b.tif", (48, 64), seed=5)
        assert cli.main(words) == 0
        again = json.loads(capsys.readouterr().out)
        assert [one["state"] for one in again["scenes"]] == ["done", "done"]
        assert cli.main(words) == 0
        assert [one["state"] for one in json.loads(capsys.readouterr().out)["scenes"]] == ["unchanged", "unchanged"]
        told = [path for path in (tmp_path / "out").iterdir() if b"t0ken" in path.read_bytes()]
        assert told == []

    @pytest.mark.slow
    @pytest.mark.usefixtures("small_is_large")
    def test_on_a_cluster(self, server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        pytest.importorskip("distributed")
        path = written(server)
        (tmp_path / "out").mkdir()
        other = write_scene(tmp_path / "other.tif", (SHAPE[0] + 16, SHAPE[1]), seed=3)
        assert cli.main(["classify", str(path), "-o", str(tmp_path / "path.tif"), *FAST]) == 0
        with local_cluster(tmp_path / "dask") as local:
            server.forget()
            out = tmp_path / "out" / "web.tif"
            address = server.address(f"scene.tif?sig={SECRET_TOKEN}", SECRET_USER)
            command = ["classify", address, "-o", str(out), *FAST, "--scheduler", local.address]
            assert cli.main(command) == 0
            assert np.array_equal(labels_of(out), labels_of(tmp_path / "path.tif"))
            assert {asked.authorization for asked in server.asked} == {"Basic YW5uOnNAY3JldA=="}
            # Workers ask for each part whether the file is still the same.
            whole = [asked for asked in server.asked if asked.range == "bytes=0-4095"]
            assert len(whole) > len(list(windows(SHAPE, (4 * WINDOW[0], WINDOW[1]))))

            def is_late() -> bool:
                return len([asked for asked in server.asked if asked.range == "bytes=0-4095"]) >= 20

            def gone(handler: BaseHTTPRequestHandler) -> bool:
                return handler.headers["Range"] == "bytes=0-4095" and is_late() and send_status(handler, 404)

            def swapped(handler: BaseHTTPRequestHandler) -> bool:
                if is_late() and other.exists():
                    other.replace(path)
                return False

            for misbehave, words in (
                (gone, "127.0.0.1/…/scene.tif cannot be read: the server has no such file"),
                (swapped, "127.0.0.1/…/scene.tif was changed on the server since it was opened"),
            ):
                capsys.readouterr()
                server.forget()
                server.misbehave = misbehave
                assert (
                    cli.main(["classify", address, "-o", str(out), *FAST, "--seed", "2", "--scheduler", local.address])
                    == 2
                )
                last = capsys.readouterr().err.splitlines()[-1]
                assert words in last
                assert "Every worker must reach this address." in last
            logs = "".join(log.read_text(errors="replace") for log in (tmp_path / "dask").glob("process-*.log"))
            assert SECRET_TOKEN not in logs
            assert "cret%" not in logs


class TestBytes:
    @pytest.mark.usefixtures("small_is_large")
    def test_info_takes_a_fraction(self, server: FileServer, capsys: pytest.CaptureFixture[str]) -> None:
        how = {"blockxsize": 64, "blockysize": 64, "masked": ((slice(0, 1024), slice(0, 512)),)}
        path = written(server, shape_rc=(1024, 1024), **how)
        assert cli.main(["info", server.address()]) == 0
        told = json.loads(capsys.readouterr().out)
        assert server.sent_bytes < 0.3 * path.stat().st_size
        assert told["masked"]["no data"] == pytest.approx(0.5, abs=0.15)
        assert any("not all of it has to be fetched" in warning for warning in told["warnings"])

    def test_opening_a_large_one_takes_little(self, server: FileServer, small_is_large: None) -> None:
        path = written(server, shape_rc=(1024, 1024), blockxsize=64, blockysize=64)
        opened(server)
        assert server.sent_bytes < 0.05 * path.stat().st_size

    @pytest.mark.parametrize("status", [403, 405])
    def test_a_server_without_head(self, server: FileServer, status: int) -> None:
        written(server)
        server.misbehave = lambda handler: handler.command == "HEAD" and send_status(handler, status)
        server.forget()
        assert opened(server).grid.shape_rc == SHAPE


class TestVersions:
    def test_another_content_is_another_digest(self, server: FileServer) -> None:
        written(server, seed=1)
        first, same = opened(server), opened(server)
        written(server, seed=2)
        other = opened(server)
        assert first.digest == same.digest != other.digest
        assert first.locations == same.locations != other.locations
        fitted = pipeline.fitted_to(other, default_recipe(other).plain())
        assert pipeline.run_live(fitted).rows
        # The first version is gone: nothing that was kept of it is mixed with what is there now.
        with pytest.raises(UnreadableFile, match=r"scene\.tif was changed on the server since it was opened\. Run"):
            require_unchanged(first.locations)
        require_unchanged(other.locations)

    def test_without_any_mark_the_start_tells(self, server: FileServer) -> None:
        server.has_etag = False
        written(server, shape_rc=(16, 64), seed=1)
        first = opened(server)
        written(server, shape_rc=(16, 64), seed=2)
        assert opened(server).digest != first.digest

    def test_who_asks_changes_nothing(self, server: FileServer) -> None:
        written(server)
        alone = opened(server)
        named = ingest.open_in_place(parse(server.address(user="ann:b@")))
        assert named is not None
        assert named.digest == alone.digest

    @pytest.mark.usefixtures("small_is_large")
    def test_changed_while_it_is_read(
        self, server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written(server, seed=1)
        (server.folder / "other").mkdir()
        other = write_scene(server.folder / "other" / "scene.tif", SHAPE, seed=2)

        def change(share: float, what: str) -> None:
            if other.exists():
                other.replace(server.folder / "scene.tif")

        monkeypatch.setattr(progress_line, "show", change)
        assert cli.main(["classify", server.address(), "-o", str(tmp_path / "out.tif"), *FAST]) == 2
        assert "was changed on the server" in capsys.readouterr().err.splitlines()[-1]
        assert not (tmp_path / "out.tif").exists()

    def test_a_worker_refuses_another_size(self, server: FileServer, tmp_path: Path) -> None:
        written(server)
        scene = opened(server)
        job = parts.make_job(scene, 3, _zeros, WINDOW, "key", tmp_path / "labels.tif")
        parts.prepare_folder(job)
        parts.label_part(job, job.parts()[0])
        written(server, shape_rc=(SHAPE[0] + 16, SHAPE[1]))
        with pytest.raises(
            ClusterError, match=r"On the worker .*changed on the server .*[\d,]+ bytes then, [\d,]+ now"
        ):
            parts.label_part(job, job.parts()[0])
        assert server.address() not in repr(job)


def _zeros(reader: Any, window: Any) -> np.ndarray:
    return np.zeros((window.height, window.width), dtype=np.uint8)


class TestErrors:
    @pytest.mark.parametrize(
        ("misbehave", "words"),
        [
            (answering(404), "the server has no such file (status 404). Check the address."),
            (answering(401), "the server refuses access (status 401). Check the name and password"),
            (answering(403), "it may have run out."),
            (answering(503), "the server is busy or out of order (status 503). Try again later."),
            (answering(418), "the server answers with status 418."),
            (answering(200), "cannot be read in parts: its server gives files only whole"),
            (answering(206), "cannot be read in parts: its server gives files only whole"),
            (answering(302, Location="scene.tif"), "from one address to the next without end"),
            (answering(302, Location="file:///etc/passwd"), "from one address to the next without end"),
            (broken_off, "the connection broke off. Check the network, and try again."),
        ],
    )
    def test_what_servers_do(
        self, server: FileServer, capsys: pytest.CaptureFixture[str], misbehave: Any, words: str
    ) -> None:
        written(server)
        server.misbehave = misbehave
        assert cli.main(["info", server.address(f"scene.tif?sig={SECRET_TOKEN}", SECRET_USER)]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("s2dash: 127.0.0.1/…/scene.tif ")
        assert words in said.err
        assert SECRET_TOKEN not in said.err
        assert "cret" not in said.err

    def test_a_busy_server_is_asked_again(self, server: FileServer) -> None:
        written(server)
        server.misbehave = lambda handler: len(server.asked) < 3 and send_status(handler, 503)
        assert opened(server).grid.shape_rc == SHAPE

    @pytest.mark.parametrize("misbehave", [answering(404), answering(200), broken_off])
    def test_errors_carry_no_causes(self, server: FileServer, misbehave: Any) -> None:
        written(server)
        server.misbehave = misbehave
        with pytest.raises(UnreadableFile) as caught:
            opened(server)
        assert (caught.value.__cause__, caught.value.__context__) == (None, None)

    def test_nobody_there(self, server: FileServer) -> None:
        address = server.address()
        server.close()
        with pytest.raises(UnreadableFile, match="nobody answers at this address"):
            ingest.open_in_place(parse(address))

    def test_a_web_page(self, server: FileServer) -> None:
        (server.folder / "scene.tif").write_text("\n<!doctype html><p>Sign in</p>")
        with pytest.raises(UnreadableFile, match="is a web page, not a file"):
            opened(server)

    def test_an_empty_file(self, server: FileServer) -> None:
        (server.folder / "scene.tif").write_bytes(b"")
        with pytest.raises(UnreadableFile, match="it is empty"):
            opened(server)

    @pytest.mark.parametrize("kind", ["striped", "internal mask", "zip"])
    def test_what_would_have_to_be_rewritten(
        self, server: FileServer, capsys: pytest.CaptureFixture[str], kind: str
    ) -> None:
        path = server.folder / "scene.tif"
        if kind == "zip":
            path.write_bytes(b"PK\x03\x04" + b"0" * 100)
        elif kind == "striped":
            written(server, tiled=False)
        else:
            values = np.full((3, 32, 64), 900, dtype=np.uint16)
            write_raster(path, values, mask=np.ones((32, 64), dtype=bool))
        assert cli.main(["info", server.address()]) == 2
        assert "cannot be read where it lies" in (said := capsys.readouterr().err)
        assert "Download it and give its path, or convert it to a cloud-optimised GeoTIFF" in said

    def test_beside_other_files(self, server: FileServer, capsys: pytest.CaptureFixture[str]) -> None:
        path = written(server)
        assert cli.main(["info", server.address(), str(path)]) == 2
        assert "is an address beside other files" in capsys.readouterr().err

    def test_damage_is_said(self, server: FileServer) -> None:
        path = written(server, compress="deflate")
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(UnreadableFile) as caught:
            opened(server)
        assert "127.0.0.1/…/scene.tif" in str(caught.value)

    @pytest.mark.usefixtures("small_is_large")
    @pytest.mark.parametrize(
        ("misbehave", "share"), [(broken_off, 0.2), (broken_off, 0.8), (answering(500), 0.5), (answering(404), 0.5)]
    )
    def test_gone_while_it_is_read(
        self,
        server: FileServer,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture,
        misbehave: Any,
        share: float,
    ) -> None:
        written(server, compress="deflate", shape_rc=(512, 512))
        address = server.address(f"scene.tif?sig={SECRET_TOKEN}", SECRET_USER)
        words = ["classify", address, "-o", str(tmp_path / "out.tif"), *FAST]
        assert cli.main([*words[:3], str(tmp_path / "whole.tif"), *FAST]) == 0
        last = int(share * len(server.asked))
        # What was kept of the file must not help.
        written(server, compress="deflate", shape_rc=(512, 512), seed=1)
        server.forget()
        server.misbehave = lambda handler: len(server.asked) > last and misbehave(handler)
        capsys.readouterr()
        with caplog.at_level(logging.WARNING):
            assert cli.main(words) == 2
        said = capsys.readouterr().err + caplog.text
        assert "127.0.0.1/…/scene.tif" in said
        assert SECRET_TOKEN not in said
        assert "cret" not in said
        assert not (tmp_path / "out.tif").exists()

    @pytest.mark.parametrize("flag", ["-o", "--area", "--recipe", "--save-recipe"])
    def test_only_scenes_are_addresses(self, flag: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        words = ["classify", "scene.tif", "-o", str(tmp_path / "out.tif"), flag, "https://host/a.tif"]
        with pytest.raises(SystemExit):
            cli.main(words)
        assert "this takes a path, not an address" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
class TestCertificates:
    def test_one_variable_says_whom_to_trust(self, server: FileServer, tmp_path: Path) -> None:
        written(server)
        certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
        how = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
        made = ["openssl", *how.split(), "-keyout", str(key), "-out", str(certificate)]
        subprocess.run(made, check=True, capture_output=True)
        server.encrypt(certificate, key)
        address = server.address().replace("http:", "https:")

        def info(**more: str) -> subprocess.CompletedProcess[str]:
            words = [sys.executable, "-m", "s2dash", "info", address]
            return subprocess.run(words, cwd=ROOT, env=os.environ | more, capture_output=True, text=True, check=False)

        assert "certificate cannot be trusted" in (untrusted := info()).stderr
        assert untrusted.returncode == 2
        assert json.loads(info(GDAL_CURL_CA_BUNDLE=str(certificate)).stdout)["width"] == SHAPE[1]
        assert "GDAL_CURL_CA_BUNDLE names is not there" in info(GDAL_CURL_CA_BUNDLE=str(tmp_path / "none")).stderr


class TestElsewhere:
    def test_ingest_refuses(self, server: FileServer, tmp_path: Path) -> None:
        written(server)
        with pytest.raises(UnreadableFile, match="cannot be read where it lies"):
            ingest.ingest(parse(server.address()), tmp_path / "in")
        scene = opened(server)
        with pytest.raises(UnreadableFile, match="cannot be read where it lies"):
            ingest.with_area(scene, scene.locations[0], tmp_path / "area")
        assert scene.paths == ()
        assert not (tmp_path / "in").exists()

    @pytest.mark.parametrize("kind", ["scene", "area"])
    def test_the_child_refuses(
        self, server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
    ) -> None:
        request = {"kind": kind, "paths": [server.address()]}
        assert child.serve(request, tmp_path) == 2
        assert "cannot be read where it lies" in json.loads(capsys.readouterr().out)["error"]
        assert server.asked == []

    @pytest.mark.parametrize("given_as", ["curl", "options"])
    def test_a_path_that_looks_like_gdals_name_is_a_path(
        self, server: FileServer, tmp_path: Path, given_as: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        written(server)
        address = server.address()
        path = Path(f"/vsicurl/{address}" if given_as == "curl" else web(address).gdal_name)
        for refused in (
            lambda: ingest.ingest(path, tmp_path / "in"),
            lambda: ingest.open_in_place(path),
            lambda: open_checked(path),
            lambda: FileLocation(path).state(),
        ):
            with pytest.raises(UnreadableFile):
                refused()
        assert cli.main(["info", str(path)]) == 2
        assert "There is no file" in capsys.readouterr().err
        assert server.asked == []

    def test_gdal_reaches_no_other_file(self, server: FileServer) -> None:
        written(server)
        opened(server)
        server.forget()
        for path in (web(server.address()).gdal_name, f"/vsicurl/{server.address()}"):
            with pytest.raises(rasterio.errors.RasterioIOError):
                rasterio.open(path, driver="GTiff")
        assert server.asked == []

    def test_the_page_knows_no_addresses(self) -> None:
        pages = [*(ROOT / "s2dash" / "ui").rglob("*.py"), ROOT / "s2dash" / "server" / "server_folder.py"]
        for path in [ROOT / "app.py", *pages]:
            text = path.read_text(encoding="utf-8")
            names = {alias.name for node in ast.walk(ast.parse(text)) for alias in getattr(node, "names", ())}
            assert not names & {"parse", "WebLocation", "location", "location_web"}, path
            assert not any("location_web" in name for name in names), path
            assert "open_in_place" not in text, path
