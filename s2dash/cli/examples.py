"""The command `examples`: the example scenes and where they lie."""

from __future__ import annotations

import argparse
from typing import Any


def run(arguments: argparse.Namespace, started: float) -> dict[str, Any]:
    """The example scenes by key: path, number of classes and what is to be seen."""
    from s2dash.ingest import EXAMPLES

    return {one.key: {"path": str(one.path), "k": one.k, "description": one.description} for one in EXAMPLES}
