"""Writes docs/settings.md from s2dash/settings.py: `python tests/settings_table.py`. A test holds the two equal."""

from __future__ import annotations

import ast
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from s2dash import settings  # noqa: E402 - after the path to it

PAGE = ROOT / "docs" / "settings.md"

_FOUND_IN = {
    "S2DASH_FIND_CATALOGUE": "an address | The STAC API that `find` and `fetch` ask; set to nothing, both are off.",
    "S2DASH_FIND_COLLECTION": "a name | Its collection of Sentinel-2 Level-2A.",
    "S2DASH_FIND_HOSTS": "names, with commas | Servers beside the catalogue's that files of scenes may lie on; "
    "asked by https only, at public addresses only.",
    "S2DASH_FIND_OWN_HOSTS": "names, with commas | Those of your own network: http and private addresses are right "
    "there. `host` or `host:port`.",
}

_HEAD = """# Settings

Variables of the environment that whoever runs s2dash may set.
They hold for `streamlit run app.py`, `s2dash app` and the command line alike:

    S2DASH_TILES_MOST_BYTES=200000000 S2DASH_UPLOADS_MOST_FILES=500 streamlit run app.py

A value that is no number, or beyond what makes sense, ends the start with one sentence that names the variable.
A name of no setting does too.
An empty value counts as none.
The process that opens strangers' files gets the same numbers.
Workers of a Dask cluster have an environment of their own: set there what is to hold there.
Address, port, size of Streamlit's own uploads and the theme stand in `.streamlit/config.toml`.

This page is written by `python tests/settings_table.py` from `s2dash/settings.py`.

## What the server offers

| variable | default | unit | what it does |
|---|--:|---|---|
| `S2DASH_DATA_FOLDER` | none | a folder | Every visitor may open what lies in it, nothing else. |
| `S2DASH_KEEP_FOLDER` | `~/.local/share/s2dash` | a folder | Where sessions are kept; for the server alone. |
| `S2DASH_SCHEDULER` | none | an address | The Dask scheduler for full scenes ([scaling.md](scaling.md)). |
{found}| `HTTPS_PROXY`, `NO_PROXY` | none | an address; names | `find` and `fetch` ask the internet through it. |
| `TMPDIR` | the system's | a folder | Where temporary files go: uploads, scenes, copies of scenes, labels. |

A proxy looks names up itself, so `find` and `fetch` cannot check that a name leads to the public internet.
What stands for it: only listed names go through it, by https, and s2dash looks at the certificate behind it itself.
Servers of `S2DASH_FIND_OWN_HOSTS` are always asked directly.
"""


def page() -> str:
    """What docs/settings.md is to hold."""
    rows = [
        f"| `{name}` | {f'`{default}`' if default else 'none'} | {_FOUND_IN[name]} |\n"
        for name, default in settings.FIND_DEFAULTS.items()
    ]
    return "\n".join(
        [_HEAD.replace("{found}", "".join(rows)), *(_section(group.name) for group in fields(settings.Limits))]
    )


def _section(group: str) -> str:
    limits = getattr(settings.Limits(), group)
    words = docstrings()[type(limits).__name__]
    rows = [
        f"| `{variable_of(group, one)}` | {_number(getattr(limits, one.name))} "
        f"| {one.metadata['unit']} | {words[one.name]} |"
        for one in fields(limits)
    ]
    head = [f"## `{group}`", "", words[""], "", "| variable | default | unit | what it does |", "|---|--:|---|---|"]
    return "\n".join([*head, *rows, ""])


def _number(value: float) -> str:
    return f"{int(value) if value == int(value) else value:,}"


def variable_of(group: str, one: Any) -> str:
    """The variable that sets a field."""
    return one.metadata["variable"] or f"S2DASH_{group}_{one.name}".upper()


def docstrings() -> dict[str, dict[str, str]]:
    """By class, what stands under each of its fields, on one line; under "" what stands under the class itself."""
    tree = ast.parse(Path(settings.__file__).read_text(encoding="utf-8"))
    found: dict[str, dict[str, str]] = {}
    for one in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        texts = found[one.name] = {"": _line(ast.get_docstring(one) or "")}
        for line, after in zip(one.body, one.body[1:], strict=False):
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and _is_text(after):
                texts[line.target.id] = _line(after.value.value)  # type: ignore[attr-defined]
    return found


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
