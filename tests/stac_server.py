"""A small STAC API on loopback for tests: landing page, conformance, collection, and item search by GET and POST.

It answers what https://github.com/radiantearth/stac-api-spec asks of core, item search, sort and query, over items
that a test gives, in pages; `tests/web_server.py` listens, and may misbehave for it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from web_server import FileServer

COLLECTION = "sentinel-2-c1-l2a"
_API = "https://api.stacspec.org/v1.0.0"
CONFORMS = [f"{_API}/core", f"{_API}/item-search", f"{_API}/item-search#sort", f"{_API}/item-search#query"]


@dataclass
class StacApi:
    """The answers; as a `Misbehaviour` it takes all addresses under `/stac`."""

    server: FileServer
    items: list[dict[str, Any]] = field(default_factory=list)
    conforms: list[str] = field(default_factory=lambda: list(CONFORMS))
    page_items: int = 2
    asked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def root(self) -> str:
        return self.server.address().partition("/data/")[0] + "/stac"

    def __call__(self, handler: BaseHTTPRequestHandler) -> bool:
        parts = urlsplit(handler.path)
        if not parts.path.startswith("/stac"):
            return False
        length = int(handler.headers["Content-Length"] or 0)
        question: dict[str, Any] = json.loads(handler.rfile.read(length)) if length else dict(parse_qsl(parts.query))
        send_json(handler, self._answer(parts.path, question))
        return True

    def _answer(self, path: str, question: dict[str, Any]) -> dict[str, Any]:
        if path == "/stac/search":
            return self._search(question)
        if path == "/stac/conformance":
            return {"conformsTo": self.conforms}
        return {
            "type": "Catalog",
            "id": "test",
            "stac_version": "1.0.0",
            "description": "of tests",
            "conformsTo": self.conforms,
            "links": [
                {"rel": "self", "href": self.root},
                {"rel": "root", "href": self.root},
                {"rel": "search", "href": f"{self.root}/search", "method": "POST", "type": "application/geo+json"},
                {"rel": "search", "href": f"{self.root}/search", "method": "GET", "type": "application/geo+json"},
            ],
        }

    def _search(self, question: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(question)
        found = [one for one in self.items if _fits(one, question)]
        if question.get("sortby"):
            found.sort(key=lambda one: one["properties"]["datetime"], reverse=True)
        start = int(question.get("page", 0)) * self.page_items
        page, rest = found[start : start + self.page_items], found[start + self.page_items :]
        body = {**question, "page": int(question.get("page", 0)) + 1}
        onward = {"rel": "next", "href": f"{self.root}/search", "method": "POST", "body": body}
        return {"type": "FeatureCollection", "features": page, "links": [onward] if rest else []}


def _fits(item: dict[str, Any], question: dict[str, Any]) -> bool:
    said = item["properties"]
    west, south, east, north = question.get("bbox") or (-180, -90, 180, 90)
    w, s, e, n = item["bbox"]
    first, _, last = (question.get("datetime") or "../..").partition("/")
    clouds = question.get("query", {}).get("eo:cloud_cover", {}).get("lte", 100)
    return (
        item["collection"] in question.get("collections", [COLLECTION])
        and (not question.get("ids") or item["id"] in question["ids"])
        and (w < east and e > west and s < north and n > south)
        and (first == ".." or said["datetime"] >= first)
        and (last == ".." or said["datetime"] <= last)
        and said.get("eo:cloud_cover", 0) <= clouds
    )


def item(name: str, day: str, cloud: float, assets: dict[str, str], **said: Any) -> dict[str, Any]:
    """An item of tile 33UUU as Earth Search's Collection 1 has them; `assets` are addresses by asset key."""
    box = [12.0, 48.6, 13.5, 49.6]
    w, s, e, n = box
    stated = {"raster:bands": [{"nodata": 0, "data_type": "uint16", "scale": 0.0001, "offset": -0.1}]}
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": COLLECTION,
        "bbox": box,
        "geometry": {"type": "Polygon", "coordinates": [[[w, s], [e, s], [e, n], [w, n], [w, s]]]},
        "properties": {
            "datetime": f"{day}T10:10:31.024000Z",
            "eo:cloud_cover": cloud,
            "grid:code": "MGRS-33UUU",
            "s2:processing_baseline": "05.10",
            **said,
        },
        "assets": {
            key: {"href": href, **({} if key in ("scl", "thumbnail") else stated)} for key, href in assets.items()
        },
        "links": [],
    }


def send_json(handler: BaseHTTPRequestHandler, value: object, status: int = 200, **headers: str) -> None:
    body = json.dumps(value).encode()
    handler.send_response(status)
    for name, told in headers.items():
        handler.send_header(name.replace("_", "-"), told)
    handler.send_header("Content-Type", "application/geo+json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
