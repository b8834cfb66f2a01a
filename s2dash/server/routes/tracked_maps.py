"""The routes by which a browser tells where its map looks, whenever that has changed, and what it has drawn.

    POST /maps/{token}/{scene}     {"centre": [x, y], "zoom": number}, or null for the whole scene
    POST /drawn/{token}/{tiles}

`scene` is what the page's message to the map calls it, `tiles` the token of the class tiles that are on the screen.
Nothing is answered, as nobody waits for it.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from s2dash.core.map_position import from_json
from s2dash.errors import UnreadableValue
from s2dash.server.routes.small import bare_answer, small_body
from s2dash.server.tracked_maps import TrackedMaps
from s2dash.tiles.store import url_prefix

_MOST_BYTES = 300


def map_url(token: str, base_path: str = "") -> str:
    """Where a browser tells of its map; `base_path` is Streamlit's `server.baseUrlPath`."""
    return f"{url_prefix(base_path)}/maps/{token}"


def drawn_url(token: str, base_path: str = "") -> str:
    """Where a browser tells what its map has drawn."""
    return f"{url_prefix(base_path)}/drawn/{token}"


def map_routes(maps: TrackedMaps, base_path: str = "") -> list[Route]:
    """The routes: 204, also for a page that is gone, 413 for too much and 400 for what is no position."""

    async def tell(request: Request) -> Response:
        body = await small_body(request, _MOST_BYTES)
        if isinstance(body, int):
            return bare_answer(body)
        try:
            position = from_json(body)
        except UnreadableValue:
            return bare_answer(400)
        tracked = maps.get(request.path_params["token"])
        if tracked is not None:
            tracked.tell(request.path_params["scene"], position)
        return bare_answer(204)

    def drawn(request: Request) -> Response:
        tracked = maps.get(request.path_params["token"])
        if tracked is not None:
            tracked.tell_drawn(request.path_params["tiles"])
        return bare_answer(204)

    return [
        Route(map_url("{token}", base_path) + "/{scene}", tell, methods=["POST"]),
        Route(drawn_url("{token}", base_path) + "/{tiles}", drawn, methods=["POST"]),
    ]
