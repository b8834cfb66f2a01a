"""A real STAC API on loopback for tests: stac-fastapi, as catalogues run it, over a store of SQLite in memory.

What it takes and refuses of a question is decided by stac-fastapi; `stac_server.py` is for what catalogues do wrong.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import attr
import uvicorn
from stac_fastapi.api.app import StacApi
from stac_fastapi.api.models import create_get_request_model, create_post_request_model
from stac_fastapi.extensions.pagination import TokenPaginationExtension
from stac_fastapi.extensions.query import QueryExtension
from stac_fastapi.extensions.sort import SearchSortExtension
from stac_fastapi.types.config import ApiSettings
from stac_fastapi.types.core import BaseCoreClient
from stac_fastapi.types.errors import NotFoundError
from waiting import wait_until

_TABLE = "create table items (id, collection, day, cloud, west, south, east, north, document)"
_EXTENSIONS = [SearchSortExtension(), QueryExtension(), TokenPaginationExtension()]
_ENDLESS = ("0000", "9999")


@attr.s
class Store(BaseCoreClient):
    """Items in SQLite, and how they are searched."""

    items: Iterable[dict[str, Any]] = attr.ib(factory=list)
    page_items: int = attr.ib(default=2)

    def __attrs_post_init__(self) -> None:
        self._lock = threading.Lock()
        self._held = sqlite3.connect(":memory:", check_same_thread=False)
        self._held.execute(_TABLE)
        for one in self.items:
            said = one["properties"]
            row = (
                one["id"],
                one["collection"],
                said["datetime"],
                said["eo:cloud_cover"],
                *one["bbox"],
                json.dumps(one),
            )
            self._held.execute("insert into items values (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def post_search(self, search_request: Any, **kwargs: Any) -> dict[str, Any]:
        asked = search_request.model_dump(mode="json", exclude_none=True)
        where, values = _conditions(asked)
        start = int(asked.get("token") or 0)
        order = "desc" if any(one["direction"] == "desc" for one in asked.get("sortby", [])) else "asc"
        count = min(self.page_items, asked["limit"])
        with self._lock:
            rows = self._held.execute(
                f"select document from items where {where} order by day {order} limit ? offset ?",
                (*values, count + 1, start),
            ).fetchall()
        found = [json.loads(document) for (document,) in rows]
        onward = {"rel": "next", "href": str(kwargs["request"].url), "method": "POST", "merge": True}
        onward["body"] = {"token": str(start + count)}
        rest = [onward] if len(found) > count else []
        return {"type": "FeatureCollection", "features": found[:count], "links": rest}

    def get_search(self, **kwargs: Any) -> dict[str, Any]:
        raise NotFoundError("asked by POST only")

    def get_item(self, item_id: str, collection_id: str, **kwargs: Any) -> dict[str, Any]:
        raise NotFoundError(item_id)

    def get_collection(self, collection_id: str, **kwargs: Any) -> dict[str, Any]:
        raise NotFoundError(collection_id)

    def all_collections(self, **kwargs: Any) -> dict[str, Any]:
        return {"collections": [], "links": []}

    def item_collection(self, collection_id: str, **kwargs: Any) -> dict[str, Any]:
        raise NotFoundError(collection_id)


def _conditions(asked: dict[str, Any]) -> tuple[str, list[Any]]:
    """What SQL is to look for, and its values."""
    where, values = ["1"], []
    for column, key in (("collection", "collections"), ("id", "ids")):
        if wanted := asked.get(key):
            where.append(f"{column} in ({', '.join('?' * len(wanted))})")
            values += wanted
    if box := asked.get("bbox"):
        where.append("west < ? and east > ? and south < ? and north > ?")
        values += [box[2], box[0], box[3], box[1]]
    if days := asked.get("datetime"):
        where.append("day between ? and ?")
        values += [end if end != ".." else least for end, least in zip(days.split("/"), _ENDLESS, strict=True)]
    if clouds := asked.get("query", {}).get("eo:cloud_cover"):
        where.append("cloud <= ?")
        values.append(clouds["lte"])
    return " and ".join(where), values


@contextlib.contextmanager
def real_catalogue(items: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The address of a catalogue of these items, for the block."""
    api = StacApi(
        settings=ApiSettings(),
        client=Store(items=items, extensions=_EXTENSIONS),
        extensions=_EXTENSIONS,
        search_get_request_model=create_get_request_model(_EXTENSIONS),
        search_post_request_model=create_post_request_model(_EXTENSIONS),
    )
    server = uvicorn.Server(uvicorn.Config(api.app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
