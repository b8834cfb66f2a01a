"""Whether a folder takes new files, found out by trying before anything is computed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from s2dash.errors import OutputConflict


def require_writable_folder(folder: Path) -> None:
    """Make and remove a file in the folder; raises OutputConflict where that fails."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".s2dash-") as file:
            file.write(b"0")
    except OSError as error:
        raise OutputConflict(
            f"Nothing can be written to {folder}: {error.strerror or error}. Choose another folder, or change who may "
            "write there."
        ) from error
