"""The command `app`: starts the page on this computer."""

from __future__ import annotations

import argparse
from pathlib import Path

import s2dash


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What `app` takes."""
    command.add_argument("--port", type=int, metavar="N", help="where it listens: 8501, or the next that is free")
    command.add_argument("--address", metavar="0.0.0.0", help="who may see it: this computer only, unless you say so")


def run(arguments: argparse.Namespace, started: float) -> None:
    """Serve the page until it is stopped."""
    from streamlit.web import cli as streamlit

    flags = [("--server.port", arguments.port), ("--server.address", arguments.address)]
    given = [f"{flag}={value}" for flag, value in flags if value is not None]
    streamlit.main(["run", str(Path(s2dash.__file__).parent / "server" / "app.py"), *given], standalone_mode=False)
