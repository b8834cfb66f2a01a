"""Every limit that an administrator may want to change, in one place; each admits any real Sentinel-2 product.

Each field of a group in `Limits` can be set by a variable of the environment that is named after both:
`S2DASH_TILES_MOST_BYTES` is `most_bytes` of `TileLimits`. docs/settings.md lists them all, and a test holds it true.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from s2dash.core.environment import limit, read_limits
from s2dash.errors import BadSetting

DATA_FOLDER_VARIABLE = "S2DASH_DATA_FOLDER"
SCHEDULER_VARIABLE = "S2DASH_SCHEDULER"
GRACE_VARIABLE = "S2DASH_GRACE_SECONDS"
KEEP_VARIABLE = "S2DASH_KEEP_FOLDER"
FIND_DEFAULTS = {
    "S2DASH_FIND_CATALOGUE": "https://earth-search.aws.element84.com/v1",
    "S2DASH_FIND_COLLECTION": "sentinel-2-c1-l2a",
    "S2DASH_FIND_HOSTS": "e84-earth-search-sentinel-data.s3.us-west-2.amazonaws.com",
    "S2DASH_FIND_OWN_HOSTS": "",
}
"""The catalogue that scenes are found in, and the servers that their files may lie on."""


@dataclass(frozen=True)
class IngestLimits:
    """What a file may ask of the machine. Checked from the header, before any pixel is read."""

    most_pixels: int = limit(600_000_000, "pixels")
    """Rows x columns. A Sentinel-2 tile at 10 m has 120,560,400."""
    most_bands: int = limit(400, "bands", most=65_535)
    """Bands of all files of a scene together. Enough for thirty dates of thirteen bands."""
    most_side: int = limit(200_000, "pixels", most=2**31 - 1)
    """Rows or columns."""
    most_block_bytes: int = limit(400_000_000, "bytes")
    """A strip or tile is decoded whole, so this bounds memory. A tile's band in a single strip has 241,120,800."""
    most_stored_bytes: int = limit(64_000_000_000, "bytes")
    """All pixels of all bands of all files once decoded."""
    most_picture_bytes: int = limit(300_000_000, "bytes")
    """The decimated copy of all bands together, which is held in memory. Ten dates of thirteen bands have 272 MB."""
    free_stored_bytes: int = limit(300_000_000, "bytes", least=0)
    """Below this, how strongly a file is compressed does not matter: a band may be empty almost everywhere."""
    most_compression: int = limit(1_500, "ratio")
    """Decoded bytes for each byte of the file; empty margins compress to about 1,000."""
    most_mask_pixels: int = limit(125_000_000, "pixels")
    """Rows x columns of a product's own cloud mask, which is held whole. One of a tile has 3,348,900; for a cut of a
    tile between its pixels it is made as fine as the bands."""
    most_piece_bytes: int = limit(300_000_000, "bytes", least=10_000_000)
    """Pixels that are on their way from a file into our own at once: where they are large, fewer threads work."""
    address_space_bytes: int = limit(4_000_000_000, "bytes", least=500_000_000)
    """Address space of the process that opens files, libraries and reserves included."""
    memory_bytes: int = limit(1_000_000_000, "bytes", least=100_000_000)
    """What this process may fill, where the system can tell (Linux). A band of a tile in one strip takes 500 MB."""
    most_written_bytes: int = limit(40_000_000_000, "bytes", least=1_000_000)
    """Size of any one file that this process writes."""
    cpu_seconds: int = limit(900, "seconds", most=86_400)
    """Time of the processor that reading a scene may take."""
    wall_seconds: int = limit(1_200, "seconds", most=86_400)
    """Time that reading a scene may take."""


@dataclass(frozen=True)
class AreaLimits:
    """What a file of polygons may ask of the machine."""

    most_bytes: int = limit(50_000_000, "bytes")
    """The file, unpacked."""
    most_vertices: int = limit(2_000_000, "corners", least=3)
    """Of all polygons together."""
    most_polygons: int = limit(200_000, "polygons")
    """Of features in the file, and of polygons in them."""
    most_json_lists: int = limit(3_500_000, "lists")
    """Lists and objects of a GeoJSON: each takes some 80 bytes once read. A vertex is a list."""
    most_json_members: int = limit(2_000_000, "names")
    """Names with a value; each may take 240 bytes."""
    most_json_values: int = limit(5_000_000, "commas")
    """Commas, wherever they stand; a vertex has two, or three with a height."""
    most_files: int = limit(200, "files")
    """Files of shapefiles in one archive."""
    most_drawn_polygons: int = limit(50, "polygons")
    """Drawn on the map."""
    most_drawn_corners: int = limit(1_000, "corners", least=4)
    """Drawn on the map, of all polygons together: they travel with every run that they belong to."""
    most_close_pairs: float = limit(2e7, "pairs")
    """Pairs of edges in one polygon whose boxes overlap, over all polygons: what a check of validity may cost."""
    most_crossings: float = limit(1e5, "pairs")
    """Pairs of edges that cross in polygons to be repaired; each costs 25 microseconds."""
    most_placed_vertices: int = limit(8_000_000, "corners", least=3)
    """Once long edges are divided so that they bend with the scene's projection."""
    most_edge_rows: int = limit(200_000_000, "rows")
    """Rows of the scene that edges cross, summed over the edges: what burning costs."""
    cpu_seconds: int = limit(240, "seconds", most=86_400)
    """Time of the processor that reading an area may take: polygons take seconds."""
    wall_seconds: int = limit(480, "seconds", most=86_400)
    """Time that reading an area may take: a mask of a large scene in another grid takes minutes."""


@dataclass(frozen=True)
class ArchiveLimits:
    """What a zip file and the metadata in it may ask of the machine. Checked before anything is unpacked."""

    most_members: int = limit(20_000, "files")
    """Files and folders. A product of 2015 with fifteen tiles has about 2,000."""
    most_directory_bytes: int = limit(8_000_000, "bytes")
    """The zip's own table of contents, which is read whole."""
    most_name_characters: int = limit(500, "characters")
    """A member's path inside the zip. Those of 2015 products have about 250."""
    most_member_bytes: int = limit(16_000_000_000, "bytes")
    """One member unpacked. Thirteen bands of a tile in 32 bits at 10 m have 6.3 GB."""
    most_total_bytes: int = limit(40_000_000_000, "bytes")
    """All members unpacked. A product of 2015 with fifteen tiles has about 8 GB."""
    free_declared_bytes: int = limit(300_000_000, "bytes", least=0)
    """Below this, how strongly a member is compressed does not matter. A band of a tile at 10 m has 241 MB."""
    most_compression: int = limit(200, "ratio")
    """Unpacked bytes for each stored one, of one member and of all together."""
    most_metadata_bytes: int = limit(10_000_000, "bytes")
    """One XML file. The largest, of a tile, have about 1 MB."""
    most_metadata_tags: int = limit(400_000, "tags")
    """Tags of one XML file: many small ones take far more memory than their text."""


@dataclass(frozen=True)
class UploadLimits:
    """What one upload in pieces, and all of them together, may ask of the machine."""

    most_bytes: int = limit(20_000_000_000, "bytes")
    """All files of one upload together. A zipped Sentinel-2 product has about 1 GB."""
    most_files: int = limit(5_000, "files")
    """An unpacked product has about 150."""
    chunk_bytes: int = limit(16 * 2**20, "bytes", 2**16, 2**30)
    """The largest piece sent in one request."""
    idle_seconds: float = limit(900, "seconds")
    """An upload of which nothing arrives for so long is removed."""
    stall_seconds: float = limit(60, "seconds")
    """A request of which nothing arrives for so long is given up; the upload stays."""
    most_uploads: int = limit(50, "uploads")
    """Uploads under way at once in this process."""
    free_disk_bytes: int = limit(2_000_000_000, "bytes", least=0)
    """Space that uploads, and copies of large scenes, leave free on the disk of temporary files (TMPDIR)."""


@dataclass(frozen=True)
class RunLimits:
    """How long full runs last without a page, and what they may take."""

    grace_seconds: float = limit(60, "seconds", least=0.1)
    """A run whose page was closed stops after so long, unless its user asked to keep it."""
    kept_seconds: float = limit(86_400, "seconds")
    """A run that was asked to be kept can be come back to for so long. The page speaks of a day."""
    most_kept: int = limit(20, "runs", least=0)
    """Kept runs of this process; each holds its labels on disk, about 30 MB for a tile."""
    look_seconds: float = limit(1, "seconds", 0.05, 60)
    """How often it is looked whether a run's page is still open."""
    most_scene_bytes: int = limit(1_000_000_000, "bytes", least=0)
    """Files of earlier scenes that a page keeps so that its user can go back to their maps, at most two of them."""
    at_once_seconds: float = limit(3, "seconds", least=0)
    """A large scene whose run is estimated to take less is run in full by itself. With 0 each waits for its button."""
    most_at_once: int = limit(2, "runs", least=1)
    """Of all users together; further ones wait, in the order in which they were asked for. Each takes all cores, and
    memory of its own."""
    most_patches: int = limit(4_000_000, "patches", least=1_000)
    """Of a map whose small patches are to go; where all of them are small, each takes 250 bytes."""


@dataclass(frozen=True)
class LinkLimits:
    """How much a link to a map may hold."""

    most_characters: int = limit(6_000, "characters", 100, 30_000)
    """Of what stands in the address; servers in between may refuse addresses of 8,000. A usual map has 500 to 700."""
    most_bytes: int = limit(65_536, "bytes", 1_000, 1_000_000)
    """What it may unpack to."""


@dataclass(frozen=True)
class PackLimits:
    """What packs, everything of a map in one zip, may hold."""

    most_scene_bytes: int = limit(200_000_000, "bytes", least=0)
    """Files of a picture that a page keeps as they came, so that a pack may have them; larger ones are asked for."""
    most_manifest_bytes: int = limit(20_000_000, "bytes", least=1_000_000)
    """Of a pack that is opened, what says what to bring back; fifty maps have 600 kB."""


@dataclass(frozen=True)
class SessionLimits:
    """How long what belongs to a page lasts once the page is closed."""

    grace_seconds: float = limit(100, "seconds", 1, 100, GRACE_VARIABLE)
    """So long a lost connection may take to come back; Streamlit itself gives up a session after 120.

    What is no number there counts as nothing, and what is beyond its bounds as the nearer of them.
    """
    look_seconds: float = limit(10, "seconds", 0.25, 30)
    """How often closed pages are looked for; a quarter of the grace at most."""


@dataclass(frozen=True)
class StoreLimits:
    """What is kept of sessions when their pages are closed, in the folder that `S2DASH_KEEP_FOLDER` names."""

    kept_days: float = limit(7, "days", least=0, most=3_650)
    """So long after it was last used a session's content is kept under its address. With 0 nothing is."""
    most_bytes: int = limit(20_000_000_000, "bytes", least=0)
    """Rasters of scenes, of all sessions together; a full tile has about 2 GB. What is used least goes first."""
    free_disk_bytes: int = limit(2_000_000_000, "bytes", least=0)
    """Space that kept scenes leave free on their disk."""
    most_sessions: int = limit(2_000, "sessions")
    """Sessions whose runs are kept, each up to 1 MB without its scenes. What was used longest ago goes first."""
    most_reference_bytes: int = limit(200_000_000, "bytes", least=0)
    """Maps that classes are named by, of all sessions together: 12 MB at most, and mostly far less, each.
    What was used longest ago goes first."""
    sweep_seconds: float = limit(600, "seconds", 0.1, 86_400)
    """How often it is looked for what is past its time."""
    most_import_bytes: int = limit(20_000_000, "bytes")
    """A file of runs that is brought in; fifty runs have 600 kB."""


@dataclass(frozen=True)
class TileLimits:
    """What the map's pictures and finished tiles may keep in memory."""

    most_bytes: int = limit(96 * 2**20, "bytes", least=0)
    """Pictures: about twenty of the largest size; the page makes again what was dropped."""
    most_png_bytes: int = limit(16 * 2**20, "bytes", least=0)
    """Finished tiles, for browsers that ask again: some five views."""


@dataclass(frozen=True)
class NativeLimits:
    """What is kept of the pixels that somebody looks at beyond the live picture."""

    most_cell_bytes: int = limit(128 * 2**20, "bytes", least=0)
    """Cells in memory, while somebody looks: the largest view of ten bands takes about as much."""
    most_label_bytes: int = limit(16 * 2**20, "bytes", least=0)
    """Labels of tiles in memory: some ten views, which another colour draws again without reading."""
    cell_idle_seconds: float = limit(60, "seconds")
    """Cells that nobody has looked at for so long go."""
    file_idle_seconds: float = limit(5, "seconds", least=0.1)
    """Files that nobody has looked at for so long are closed: open, they keep the disk space of removed scenes."""
    most_between_bytes: int = limit(10**9, "bytes", least=0)
    """One level between on disk; ten bands of a full tile have 600 MB at every second pixel. With 0 there are none."""
    most_between_scenes: int = limit(4, "scenes")
    """Scenes whose levels between lie on disk at once."""


@dataclass(frozen=True)
class GdalLimits:
    """What GDAL may keep in each process."""

    cache_bytes: int = limit(128 * 2**20, "bytes", least=2**20)
    """Decoded blocks of rasters, for a neighbour that is read next."""


@dataclass(frozen=True)
class LiveLimits:
    """What live results may keep in memory, and how many are made at once."""

    most_stack_bytes: int = limit(64 * 2**20, "bytes", least=0)
    """Pixels of live pictures: 27 MB for thirteen bands; reading one again takes a tenth of a second at most."""
    most_answer_bytes: int = limit(96 * 2**20, "bytes", least=0)
    """Results: up to 8 MB each, of which those of one sample share most."""
    most_smoothed_bytes: int = limit(100 * 2**20, "bytes", least=0)
    """Smoothed live pictures: 50 MB for twelve bands; making one again takes a pass over all pixels."""
    most_fits: int = limit(2, "fits", most=256)
    """Fits under way at once."""
    most_guesses: int = limit(6, "guesses", least=0)
    """Results that are made before they are asked for, of all sessions together. With 0 there are none."""
    quiet_seconds: float = limit(0.3, "seconds", 0, 3_600)
    """Before a guess is worked on: the answer before it is still on its way to the map."""
    most_near_bytes: int = limit(8 * 2**20, "bytes", least=0)
    """Pixels of samples brought together for k-means: 100 kB for ten features."""
    most_tree_bytes: int = limit(2 * 2**20, "bytes", least=0)
    """Trees of nested groups, which another k cuts elsewhere: 30 kB for ten features."""
    most_nearest_bytes: int = limit(16 * 2**20, "bytes", least=0)
    """Nearest small groups of samples and live pictures, for the same: a byte a pixel."""
    most_space_bytes: int = limit(2**20, "bytes", least=0)
    """What smoothing that keeps edges learnt of samples: a kilobyte each."""
    most_around_bytes: int = limit(512 * 2**20, "bytes", least=0)
    """What lies around samples of large scenes, until it is smoothed: 460 MB for ten bands. Beyond it pixels are read
    twice."""
    most_chart_bytes: int = limit(4 * 2**20, "bytes", least=0)
    """Charts of all sessions, as text: some hundred kilobytes each."""


@dataclass(frozen=True)
class AdviceLimits:
    """What advice on the number of classes may try."""

    highest_k: int = limit(15, "classes", 3, 40)
    """Numbers from 2 to this one are tried."""
    refits: int = limit(5, "fits", 2, 50)
    """Fits on other pixels for each number, which are compared two by two."""
    refit_pixels: int = limit(10_000, "pixels", 100, 1_000_000)
    """That each of them learns from."""
    most_at_once: int = limit(2, "fits", most=256)
    """Fits for advice under way at once, of all sessions together, while nobody waits for a map."""
    most_kept: int = limit(50, "sweeps")
    """Finished advice that is kept; a few kilobytes each."""
    unseen_seconds: float = limit(10, "seconds", 1, 3_600)
    """Advice that nobody has looked at for so long is given up."""


@dataclass(frozen=True)
class FolderLimits:
    """What is shown and opened of the server's own folder (`S2DASH_DATA_FOLDER`)."""

    most_entries: int = limit(2_000, "names")
    """Names shown of one folder."""
    most_product_files: int = limit(5_000, "files")
    """Files of a folder that is opened as one product; an unpacked one has about 150."""


@dataclass(frozen=True)
class WebLimits:
    """How patient the reading of web addresses is."""

    timeout_seconds: int = limit(20, "seconds", most=3_600)
    """How long a server of files may take to answer; a line on which nothing comes is given up after twice as long."""
    retry_seconds: int = limit(1, "seconds", 0, 600)
    """Before the second attempt; twice as long before the third."""


@dataclass(frozen=True)
class FetchLimits:
    """How patient the finding and loading of scenes is, and how much it takes."""

    timeout_seconds: int = limit(20, "seconds", most=3_600)
    """A server from which nothing comes for so long is given up."""
    most_seconds: int = limit(300, "seconds", most=86_400)
    """One answer may take so long in all, however slowly it drips."""
    most_search_seconds: int = limit(120, "seconds", most=86_400)
    """All answers to one search may take so long together."""
    most_load_seconds: int = limit(3_600, "seconds", most=604_800)
    """Loading the ground of one file may take so long, however slowly its servers answer."""
    most_wait_seconds: int = limit(60, "seconds", 0, 3_600)
    """Busy servers that ask to wait (`Retry-After`) are waited for, for one answer so long in all."""
    most_answer_bytes: int = limit(50_000_000, "bytes", least=10_000)
    """One answer of a catalogue; fifty scenes of Earth Search have about 1 MB."""
    most_items: int = limit(500, "scenes")
    """Scenes of a catalogue that one search looks through."""
    most_bytes: int = limit(20_000_000_000, "bytes", least=1_000_000)
    """Of one file that is read in parts; a band of a tile has about 200 MB."""


@dataclass(frozen=True)
class ClusterLimits:
    """How patient a run on a Dask cluster is."""

    connect_seconds: float = limit(15, "seconds", 0.1, 3_600)
    """How long a scheduler may take to answer, and then the first worker to join."""
    lonely_seconds: float = limit(60, "seconds", 0.1, 86_400)
    """How long a run waits for new workers after the last one has gone."""


@dataclass(frozen=True)
class BatchLimits:
    """What a batch of many scenes may keep on disk."""

    free_disk_bytes: int = limit(20_000_000_000, "bytes", least=0)
    """Rewritten scenes are kept from the fit to the labelling while the disk has so much space left."""


@dataclass(frozen=True)
class Limits:
    """All limits of a process, by the group that stands in the names of their variables."""

    ingest: IngestLimits = IngestLimits()
    area: AreaLimits = AreaLimits()
    archive: ArchiveLimits = ArchiveLimits()
    uploads: UploadLimits = UploadLimits()
    runs: RunLimits = RunLimits()
    links: LinkLimits = LinkLimits()
    packs: PackLimits = PackLimits()
    sessions: SessionLimits = SessionLimits()
    store: StoreLimits = StoreLimits()
    tiles: TileLimits = TileLimits()
    native: NativeLimits = NativeLimits()
    gdal: GdalLimits = GdalLimits()
    live: LiveLimits = LiveLimits()
    advice: AdviceLimits = AdviceLimits()
    folder: FolderLimits = FolderLimits()
    web: WebLimits = WebLimits()
    fetch: FetchLimits = FetchLimits()
    cluster: ClusterLimits = ClusterLimits()
    batch: BatchLimits = BatchLimits()


def _limits_at_import() -> tuple[Limits, BadSetting | None]:
    try:
        return read_limits(Limits(), os.environ), None
    except BadSetting as error:
        return Limits(), error


LIMITS, _refusal = _limits_at_import()
"""Those of this process."""
INGEST_LIMITS = LIMITS.ingest
AREA_LIMITS = LIMITS.area
AREA_INGEST_LIMITS = replace(INGEST_LIMITS, cpu_seconds=AREA_LIMITS.cpu_seconds, wall_seconds=AREA_LIMITS.wall_seconds)
"""Of the process that reads an area."""
ARCHIVE_LIMITS = LIMITS.archive
UPLOAD_LIMITS = LIMITS.uploads
RUN_LIMITS = LIMITS.runs
LINK_LIMITS = LIMITS.links
PACK_LIMITS = LIMITS.packs
SESSION_LIMITS = LIMITS.sessions
TILE_LIMITS = LIMITS.tiles
NATIVE_LIMITS = LIMITS.native
LIVE_LIMITS = LIMITS.live
ADVICE_LIMITS = LIMITS.advice
FOLDER_LIMITS = LIMITS.folder
WEB_LIMITS = LIMITS.web
FETCH_LIMITS = LIMITS.fetch
CLUSTER_LIMITS = LIMITS.cluster
BATCH_LIMITS = LIMITS.batch


def require_sane() -> None:
    """Raises BadSetting where the environment asks for what is not sane; whoever starts a process calls it first.

    Until then the defaults hold, so that importing the package never fails.
    """
    if _refusal is not None:
        raise _refusal


GDAL_ENVIRONMENT = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_NUM_THREADS": "1",
    "GDAL_CACHEMAX": str(LIMITS.gdal.cache_bytes),
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


def keep_folder() -> Path:
    """Where the server keeps sessions beyond their pages; nobody is offered what lies in it."""
    named = os.environ.get(KEEP_VARIABLE, "").strip()
    usual = os.environ.get("XDG_DATA_HOME", "").strip() or "~/.local/share"
    return (Path(named) if named else Path(usual, "s2dash")).expanduser().absolute()


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
