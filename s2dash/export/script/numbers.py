"""Values as Python source text: exact, wrapped, and plain to read."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np

from s2dash.export.learnt import Fork

_WIDTH = 110


def text_of(value: object) -> str:
    """Any plain value as source, its text in ASCII, so that no character of a name can be mistaken for code."""
    if isinstance(value, str):
        return ascii(value)
    if isinstance(value, float):
        return {"inf": "np.inf", "-inf": "-np.inf"}.get(repr(value), repr(value))
    if isinstance(value, Mapping):
        return _wrapped("{", [f"{text_of(key)}: {text_of(one)}" for key, one in value.items()], "}")
    if isinstance(value, tuple):
        inside = ", ".join(text_of(one) for one in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, Sequence):
        return _wrapped("[", [text_of(one) for one in value], "]")
    return repr(value)


def array(values: np.ndarray) -> str:
    """A numpy array as source that gives the same bits."""
    return f"np.array({text_of(values.tolist())})"


def tree(fork: Fork | int) -> str:
    """A tree of forks as nested tuples: (two centres, left, right)."""
    if isinstance(fork, int):
        return str(fork)
    centres = text_of(np.asarray(fork.centres, dtype=np.float64).tolist())
    left, right = (textwrap.indent(tree(one), "    ") for one in (fork.left, fork.right))
    return f"(\n{textwrap.indent(centres, '    ')},\n{left},\n{right},\n)"


def _wrapped(start: str, items: Sequence[str], end: str) -> str:
    line = f"{start}{', '.join(items)}{end}"
    if len(line) <= _WIDTH:
        return line
    if all("\n" not in item and len(item) < 30 for item in items):
        body = textwrap.fill(", ".join(items), _WIDTH, break_long_words=False, break_on_hyphens=False)
        return f"{start}\n{textwrap.indent(body, '    ')},\n{end}"
    return f"{start}\n" + "".join(f"{textwrap.indent(item, '    ')},\n" for item in items) + end
