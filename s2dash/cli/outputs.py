"""Files that a command is to write: whether it may, and small ones written whole."""

from __future__ import annotations

import os
from pathlib import Path

from s2dash.errors import OutputConflict
from s2dash.raster.writable import require_writable_folder


def require_writable(path: Path, flag: str, taken: list[Path]) -> None:
    """Raise OutputConflict where the path that `flag` leads to is one of those taken, or cannot be a new file."""
    try:
        for other in taken:
            same = path.exists() and other.exists() and path.samefile(other)
            if same or path.resolve() == other.resolve():
                raise OutputConflict(f"{flag} would write over {other}. Give another name there.")
        if path.is_dir():
            raise OutputConflict(f"{path} is a folder. Give a file name such as {path / 'classes.tif'} for {flag}.")
        if path.exists() and not path.is_file():
            raise OutputConflict(f"{path} is a device, not a file. Give another name for {flag}.")
        if not path.parent.is_dir():
            raise OutputConflict(f"There is no folder {path.parent}. Make it first, or write elsewhere ({flag}).")
        os.lstat(path)  # a name that is too long, for one
    except FileNotFoundError:
        pass
    except OSError as error:
        raise OutputConflict(f"{path} cannot be written: {error.strerror}. Give another name for {flag}.") from error
    require_writable_folder(path.parent)


def replace_text(path: Path, text: str) -> None:
    """Write a text under a temporary name and move it into place; raises OutputConflict where that fails."""
    from s2dash.export.contents import staged

    with staged(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
