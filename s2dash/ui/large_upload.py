"""The uploader for large files and folders: what the browser may send, and what has arrived.

It is a Streamlit component; its markup, look and behaviour stand beside this file. The files travel
to the routes of `upload_store`, past Streamlit, and lie on disk when they arrive.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from s2dash.ingest.zarr.names import FOLDER_PATTERN, METADATA_PATTERN
from s2dash.server.routes.uploads import upload_url
from s2dash.server.uploads import Upload, UploadedFile, size_words

ENDINGS = (
    *(".jp2", ".tif", ".tiff", ".xml", ".zip", ".tar", ".tgz", ".tar.gz", ".geojson", ".gpkg"),
    *(".hdr", ".dat", ".img", ".bsq", ".bil", ".bip", ".dim", ".tfw", ".tifw", ".j2w", ".wld", ".prj"),
    *(".npy", "tessera_metadata.json"),
)
"""Of a folder, files with these endings are sent, whatever their case."""
SKIPPED_FOLDERS = ("QI_DATA", "AUX_DATA", "HTML", "rep_info", "__MACOSX")
"""Of a folder, nothing that lies anywhere in these is sent."""
SKIPPED_FILES = r"_(TCI|AOT|WVP)(_\d+m)?\.jp2$"
"""Of a folder, files whose names this JavaScript pattern finds are not sent: pictures derived from the bands."""
ZARR_FILES = rf"(?:^[^/]+|\.zarr)/(?:{METADATA_PATTERN})$|/(?:{FOLDER_PATTERN})/"
"""Of a folder, files whose paths this JavaScript pattern finds are sent too: what is read of an EOPF product."""

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "s2dash_large_upload",
    html=(_HERE / "large_upload.html").read_text("utf-8"),
    css=(_HERE / "large_upload.css").read_text("utf-8"),
    js=(_HERE / "large_upload.js").read_text("utf-8"),
)


def large_upload(upload: Upload, *, key: str) -> tuple[UploadedFile, ...]:
    """Draw the uploader, full width of its container; all files once every one has arrived whole, else none.

    The page reruns when they have arrived. From then on every call gives the files, and the uploader
    waits, until the page draws it with another `upload`: put a new one into the session first, then
    read the files and close the old one, also where they cannot be read.
    """
    files = upload.finished()
    _component(data=uploader_data(upload, bool(files)), key=key, on_finished_change=_rerun_only)
    return files


def uploader_data(upload: Upload, is_finished: bool) -> dict[str, Any]:
    """Everything the uploader needs to know, as plain values."""
    return {
        "url": upload_url(upload.token, str(st.get_option("server.baseUrlPath"))),
        "is_finished": is_finished,
        "chunk_bytes": upload.limits.chunk_bytes,
        "idle_seconds": upload.limits.idle_seconds,
        "most": size_words(upload.limits.most_bytes),
        "endings": list(ENDINGS),
        "skipped_folders": list(SKIPPED_FOLDERS),
        "skipped_files": SKIPPED_FILES,
        "zarr_files": ZARR_FILES,
    }


def _rerun_only() -> None:
    """The rerun is the message; what has arrived is asked of the store."""
