"""The route by which the map asks what classes lie within an area that is being drawn.

POST /points/{token}/inside  [[[longitude, latitude], …], …]  ->  `classify.area_shares.AreaShares` as JSON
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from s2dash.classify.area_shares import area_shares
from s2dash.core.drawn_area import drawn_rings
from s2dash.errors import RecipeError, UnreadableValue
from s2dash.server.askable import Askable
from s2dash.server.routes.points import point_url
from s2dash.server.routes.small import bare_answer, small_body

_MOST_BYTES = 100_000


def area_routes(askable: Askable, base_path: str = "") -> list[Route]:
    """The route, as this module's first lines describe it.

    200; 400 for what is no area, and of a scene without a place; 404 for a result that is gone, 413 for too much.
    """

    async def inside(request: Request) -> Response:
        body = await small_body(request, _MOST_BYTES)
        if isinstance(body, int):
            return bare_answer(body)
        answer = askable.get(request.path_params["token"])
        if answer is None:
            return bare_answer(404)
        try:
            rings = drawn_rings(json.loads(body))
            found = await run_in_threadpool(area_shares, answer.result, rings)
        except (ValueError, RecursionError, UnreadableValue, RecipeError):
            return bare_answer(400)
        return _json(asdict(found))

    return [Route(f"{point_url('{token}', base_path)}/inside", inside, methods=["POST"])]


def _json(content: dict[str, Any]) -> Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(json.dumps(content), 200, headers, media_type="application/json")
