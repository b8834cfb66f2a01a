"""What the server keeps of sessions beyond their pages: runs, what was said of them, and scenes, under an address.

The address is a secret of the page; here only a hash of it is known. One SQLite file (`database`) holds
the runs and the map that classes are named by (`references`), a folder the rasters (`scenes`), `store` brings both
together, and `keeper` writes beside the page's own work.
"""

from s2dash.server.session_store.keeper import Keeper, Writer
from s2dash.server.session_store.store import SessionGone, SessionStore, SessionUnread, new_address
from s2dash.server.session_store.values import Change, Snapshot, StoredReference, StoredRun, StoredScene, StoredSession

__all__ = [
    "Change",
    "Keeper",
    "SessionGone",
    "SessionStore",
    "SessionUnread",
    "Snapshot",
    "StoredReference",
    "StoredRun",
    "StoredScene",
    "StoredSession",
    "Writer",
    "new_address",
]
