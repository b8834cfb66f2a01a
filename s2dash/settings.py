"""Every limit that an administrator may want to change, in one place; each admits any real Sentinel-2 product."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class IngestLimits:
    """What a file may ask of the machine. Checked from the header, before any pixel is read."""

    most_pixels: int = 600_000_000
    """Rows x columns. A Sentinel-2 tile at 10 m has 120,560,400."""
    most_bands: int = 400
    """Enough for thirty dates of thirteen bands."""
    most_side: int = 200_000
    """Rows or columns."""
    most_block_bytes: int = 400_000_000
    """A strip or tile is decoded whole, so this bounds memory. A tile's band in a single strip has 241,120,800."""
    most_stored_bytes: int = 64_000_000_000
    """All pixels of all bands of all files once decoded."""
    most_picture_bytes: int = 300_000_000
    """The decimated copy of all bands together, which is held in memory. Ten dates of thirteen bands have 272 MB."""
    free_stored_bytes: int = 300_000_000
    """Below this, how strongly a file is compressed does not matter: a band may be empty almost everywhere."""
    most_compression: int = 1_500
    """Decoded bytes for each byte of the file; empty margins compress to about 1,000."""
    address_space_bytes: int = 4_000_000_000
    """Address space of the process that opens files, libraries and reserves included."""
    memory_bytes: int = 1_000_000_000
    """What this process may fill, where the system can tell (Linux). A band of a tile in one strip takes 500 MB."""
    most_written_bytes: int = 40_000_000_000
    """Size of any one file that this process writes."""
    cpu_seconds: int = 900
    wall_seconds: int = 1_200


INGEST_LIMITS = IngestLimits()


@dataclass(frozen=True)
class AreaLimits:
    """What a file of polygons may ask of the machine."""

    most_bytes: int = 50_000_000
    most_vertices: int = 2_000_000
    most_polygons: int = 200_000
    """Of features in the file, and of polygons in them."""
    most_json_lists: int = 3_500_000
    """Lists and objects of a GeoJSON: each takes some 80 bytes once read. A vertex is a list."""
    most_json_members: int = 2_000_000
    """Names with a value; each may take 240 bytes."""
    most_json_values: int = 5_000_000
    """Commas, wherever they stand; a vertex has two, or three with a height."""
    most_files: int = 200
    """Files of shapefiles in one archive."""
    most_close_pairs: float = 2e7
    """Pairs of edges in one polygon whose boxes overlap, over all polygons: what a check of validity may cost."""
    most_crossings: float = 1e5
    """Pairs of edges that cross in polygons to be repaired; each costs 25 microseconds."""
    most_placed_vertices: int = 8_000_000
    """Once long edges are divided so that they bend with the scene's projection."""
    most_edge_rows: int = 200_000_000
    """Rows of the scene that edges cross, summed over the edges: what burning costs."""


AREA_LIMITS = AreaLimits()
AREA_INGEST_LIMITS = replace(INGEST_LIMITS, cpu_seconds=240, wall_seconds=480)
"""Of the process that reads an area: polygons take seconds, a mask of a large scene in another grid minutes."""


@dataclass(frozen=True)
class ArchiveLimits:
    """What a zip file and the metadata in it may ask of the machine. Checked before anything is unpacked."""

    most_members: int = 20_000
    """Files and folders. A product of 2015 with fifteen tiles has about 2,000."""
    most_directory_bytes: int = 8_000_000
    """The zip's own table of contents, which is read whole."""
    most_name_characters: int = 500
    """A member's path inside the zip. Those of 2015 products have about 250."""
    most_member_bytes: int = 16_000_000_000
    """One member unpacked. Thirteen bands of a tile in 32 bits at 10 m have 6.3 GB."""
    most_total_bytes: int = 40_000_000_000
    """All members unpacked. A product of 2015 with fifteen tiles has about 8 GB."""
    free_declared_bytes: int = 300_000_000
    """Below this, how strongly a member is compressed does not matter. A band of a tile at 10 m has 241 MB."""
    most_compression: int = 200
    """Unpacked bytes for each stored one, of one member and of all together."""
    most_metadata_bytes: int = 10_000_000
    """One XML file. The largest, of a tile, have about 1 MB."""
    most_metadata_tags: int = 400_000
    """Tags of one XML file: many small ones take far more memory than their text."""


ARCHIVE_LIMITS = ArchiveLimits()


@dataclass(frozen=True)
class UploadLimits:
    """What one upload in pieces, and all of them together, may ask of the machine."""

    most_bytes: int = 20_000_000_000
    """All files of one upload together. A zipped Sentinel-2 product has about 1 GB."""
    most_files: int = 5_000
    """An unpacked product has about 150."""
    chunk_bytes: int = 16 * 2**20
    """The largest piece sent in one request."""
    idle_seconds: float = 900
    """An upload of which nothing arrives for so long is removed."""
    stall_seconds: float = 60
    """A request of which nothing arrives for so long is given up; the upload stays."""
    most_uploads: int = 50
    """Uploads under way at once in this process."""
    free_disk_bytes: int = 2_000_000_000
    """Space that uploads leave free on the disk of temporary files (TMPDIR)."""


UPLOAD_LIMITS = UploadLimits()


@dataclass(frozen=True)
class RunLimits:
    """How long full runs last without a page."""

    grace_seconds: float = 60
    """A run whose page was closed stops after so long, unless its user asked to keep it."""
    kept_seconds: float = 86_400
    """A run that was asked to be kept can be come back to for so long."""
    most_kept: int = 20
    """Kept runs of this process; each holds its labels on disk, about 30 MB for a tile."""


RUN_LIMITS = RunLimits()


@dataclass(frozen=True)
class SessionLimits:
    """How long what belongs to a page lasts once the page is closed."""

    grace_seconds: float = 100
    """So long a lost connection may take to come back; Streamlit itself gives up a session after 120."""
    look_seconds: float = 10
    """How often closed pages are looked for."""


SESSION_LIMITS = SessionLimits()

DATA_FOLDER_VARIABLE = "S2DASH_DATA_FOLDER"
SCHEDULER_VARIABLE = "S2DASH_SCHEDULER"
GRACE_VARIABLE = "S2DASH_GRACE_SECONDS"

GDAL_ENVIRONMENT = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_NUM_THREADS": "1",
    "GDAL_CACHEMAX": "128",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}",
    "VRT_VIRTUAL_OVERVIEWS": "NO",
    "PROJ_NETWORK": "OFF",
}
"""Set in a process's environment before GDAL is loaded: no side-cars, no network, one thread a decode."""


def thread_count() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def data_folder() -> Path | None:
    """The one folder of this server that every visitor may open files of; None, the default, offers none."""
    named = os.environ.get(DATA_FOLDER_VARIABLE, "").strip()
    return Path(named).expanduser().absolute() if named else None


def scheduler_address() -> str | None:
    """The Dask scheduler whose workers run full scenes for this server; None, the default, for its own threads."""
    return os.environ.get(SCHEDULER_VARIABLE, "").strip() or None


def session_limits() -> SessionLimits:
    """How long sessions last without their page; `S2DASH_GRACE_SECONDS` may shorten it, not below a second.

    What is no number there counts as nothing: a server must not fail at that.
    """
    try:
        wanted = float(os.environ.get(GRACE_VARIABLE, ""))
    except ValueError:
        return SESSION_LIMITS
    grace = min(max(wanted, 1.0), SESSION_LIMITS.grace_seconds)
    return SessionLimits(grace, min(SESSION_LIMITS.look_seconds, grace / 4))
