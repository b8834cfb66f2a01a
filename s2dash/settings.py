"""Every limit that an administrator may want to change, in one place; each admits any real Sentinel-2 product."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class IngestLimits:
    """What a file may ask of the machine. Checked from the header, before any pixel is read."""

    most_pixels: int = 600_000_000
    """Rows x columns. A Sentinel-2 tile at 10 m has 120,560,400."""
    most_bands: int = 400
    """Enough for thirty dates of thirteen bands."""
    most_side: int = 200_000
    """Rows or columns."""
    most_block_bytes: int = 600_000_000
    """A strip or tile is decoded whole, so this bounds memory."""
    most_stored_bytes: int = 64_000_000_000
    """All pixels of all bands once decoded."""
    free_stored_bytes: int = 200_000_000
    """Below this, how strongly the file is compressed does not matter."""
    most_compression: int = 1_500
    """Decoded bytes for each byte of the file; empty margins compress to about 1,000."""
    address_space_bytes: int = 4_000_000_000
    """Address space of the process that opens files."""
    cpu_seconds: int = 900
    wall_seconds: int = 1_200


INGEST_LIMITS = IngestLimits()

GDAL_ENVIRONMENT = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_NUM_THREADS": "1",
    "GDAL_CACHEMAX": "128",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}",
    "VRT_VIRTUAL_OVERVIEWS": "NO",
}
"""Set in a process's environment before GDAL is loaded: no side-cars, no network, one thread a decode."""


def thread_count() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
