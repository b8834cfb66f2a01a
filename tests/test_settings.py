"""Limits from the environment: one rule for their names, refused where they make no sense, and listed in full."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import write_scene
from settings_table import PAGE, docstrings, page, variable_of

from s2dash.core.environment import as_environment, read_limits, variables
from s2dash.errors import BadSetting
from s2dash.settings import GRACE_VARIABLE, Limits

ROOT = Path(__file__).parents[1]
FIELDS = [(group.name, one) for group in fields(Limits) for one in fields(getattr(Limits(), group.name))]
BY_RULE = sorted(variables(Limits()))
START = "from s2dash.server.assembly import server_parts; server_parts(); print('started')"


def described(variable: str) -> tuple[Any, Any]:
    """The field that a variable sets, and its default."""
    group, name = variables(Limits())[variable]
    limits = getattr(Limits(), group)
    return next(one for one in fields(limits) if one.name == name), getattr(limits, name)


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("group", "one"), FIELDS, ids=lambda part: getattr(part, "name", part))
def test_every_limit_has_words_a_unit_and_a_sane_default(group: str, one: Any) -> None:
    limits = getattr(Limits(), group)
    default = getattr(limits, one.name)
    assert docstrings()[type(limits).__name__][one.name].endswith((".", ")"))
    assert one.metadata["unit"]
    assert one.metadata["least"] <= default <= one.metadata["most"]
    assert isinstance(default, int if one.type == "int" else (int, float))
    assert variable_of(group, one) in (*BY_RULE, GRACE_VARIABLE)


def test_the_page_of_settings_is_true() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python tests/settings_table.py"


def test_an_empty_environment_changes_nothing() -> None:
    assert read_limits(Limits(), {}) == Limits()
    assert (
        read_limits(Limits(), {"S2DASH_TILES_MOST_BYTES": " ", "S2DASH_CHROMIUM": "x", GRACE_VARIABLE: "soon"})
        == Limits()
    )
    assert as_environment(Limits(), Limits()) == {}


def test_the_rule_by_hand() -> None:
    limits = read_limits(Limits(), {"S2DASH_TILES_MOST_BYTES": "1000", "S2DASH_LIVE_QUIET_SECONDS": "0.5"})
    assert (limits.tiles.most_bytes, limits.live.quiet_seconds) == (1000, 0.5)
    assert limits.tiles.most_png_bytes == Limits().tiles.most_png_bytes


@given(st.data())
def test_what_an_environment_sets_another_process_gets(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(BY_RULE), unique=True, max_size=6))
    asked = {}
    for variable in chosen:
        one, _ = described(variable)
        least, most = one.metadata["least"], min(one.metadata["most"], 10**13)
        numbers = st.floats(least, most) if one.type == "float" else st.integers(int(least), int(most))
        asked[variable] = repr(data.draw(numbers))
    limits = read_limits(Limits(), asked)
    assert read_limits(Limits(), as_environment(limits, Limits())) == limits
    for variable, text in asked.items():
        group, name = variables(Limits())[variable]
        assert getattr(getattr(limits, group), name) == float(text)


@pytest.mark.parametrize("variable", BY_RULE)
def test_what_is_not_sane_is_refused_by_name(variable: str) -> None:
    one, _ = described(variable)
    bounds = [one.metadata["least"] - 1, one.metadata["most"] + 1]
    kinds = ["many", "-1", "nan", "inf", "1e", *map(str, bounds), *(["1.5"] if one.type == "int" else [])]
    for text in kinds:
        with pytest.raises(BadSetting, match=variable) as caught:
            read_limits(Limits(), {variable: text})
        assert str(caught.value).count(". ") == 0
        assert one.metadata["unit"] in str(caught.value)


@pytest.mark.parametrize("name", ["S2DASH_TILES_MOST_BITES", "S2DASH_INGEST_", "S2DASH_SESSIONS_GRACE_SECONDS"])
def test_a_name_of_no_setting_is_refused(name: str) -> None:
    with pytest.raises(BadSetting, match=name):
        read_limits(Limits(), {name: "5"})


@pytest.mark.parametrize(
    "command", [("-c", START), ("-m", "s2dash", "info", "nothing.tif")], ids=["server", "command line"]
)
def test_a_start_with_what_is_not_sane_ends_with_one_sentence(command: tuple[str, ...]) -> None:
    ended = run(*command, S2DASH_NATIVE_MOST_CELL_BYTES="-5")
    assert ended.returncode != 0
    assert ended.stdout == ""
    lines = [line for line in ended.stderr.splitlines() if "ScriptRunContext" not in line]
    assert len(lines) == 1
    assert "S2DASH_NATIVE_MOST_CELL_BYTES is '-5'" in lines[0]


def test_importing_never_fails() -> None:
    assert run("-c", "import s2dash.classify.pipeline", S2DASH_NATIVE_MOST_CELL_BYTES="-5").returncode == 0


INGEST = """
import sys
from pathlib import Path
from s2dash import ingest
from s2dash.errors import UnreadableFile
try:
    ingest.ingest([Path(sys.argv[1])], Path(sys.argv[2]))
except UnreadableFile as error:
    print(error)
else:
    print("read")
"""


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("S2DASH_INGEST_MOST_PIXELS", "1199", "1,199"),
        ("S2DASH_INGEST_MOST_BANDS", "2", "most 2"),
        ("S2DASH_INGEST_MOST_PIXELS", "1200", "read"),
    ],
)
def test_the_confined_process_has_the_same_limits(variable: str, value: str, words: str, tmp_path: Path) -> None:
    path = write_scene(tmp_path / "scene.tif", (30, 40), ("B02", "B03", "B04", "B08"))
    (tmp_path / "out").mkdir()
    ended = run("-c", INGEST, str(path), str(tmp_path / "out"), **{variable: value})
    assert words in ended.stdout, ended.stderr


def test_limits_cannot_be_changed_behind_their_readers() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Limits().tiles.most_bytes = 5  # type: ignore[misc]
