"""The routes by which the map asks what is at a place, and where else it looks like that.

    GET /points/{token}?latitude=…&longitude=…        ->  the pixel there, `classify.point.Point` as JSON
    GET /points/{token}/like?latitude=…&longitude=…   ->  {"url": tiles of what is alike, "steps": [...]}

Without a place on the Earth, latitude is minus the row and longitude the column, as the map has it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from s2dash.classify.point import ask
from s2dash.core.types import Window
from s2dash.errors import PixelsGone
from s2dash.server.askable import Askable
from s2dash.server.live_engine import LiveAnswer
from s2dash.tiles.alike import KEY, alike_picture
from s2dash.tiles.native import NativeTiles, translated_to_pixels_gone
from s2dash.tiles.placing import pixel_at, place_of_pixel
from s2dash.tiles.store import TileStore, url_prefix, url_template

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

_Answered = dict[str, Any]
_OUTSIDE: _Answered = {"message": "This place is outside of the scene."}
_LEFT_OUT: _Answered = {"message": "This place is left out, so there is nothing to compare with."}


def point_url(token: str, base_path: str = "") -> str:
    """Where the map asks about the pixels of a result; `base_path` is Streamlit's `server.baseUrlPath`."""
    return f"{url_prefix(base_path)}/points/{token}"


def point_routes(askable: Askable, native: NativeTiles, tiles: TileStore, base_path: str = "") -> list[Route]:
    """The routes at `point_url`, as this module's first lines describe them.

    200, with a message instead where a place is outside of the scene or has nothing to compare with; 400 for what is
    no place, 404 for a token that is unknown or whose result is gone, 410 where its files are gone.
    """

    def point(answer: LiveAnswer, latitude: float, longitude: float) -> _Answered:
        fitted = answer.fitted
        at = pixel_at(fitted.scene.grid, latitude, longitude)
        if at is None:
            return _OUTSIDE
        native.tidy_later()
        with translated_to_pixels_gone(), native.reader(fitted.scene) as reader:
            found = ask(fitted, answer.sureness.limits, reader, *at, known=known_label(answer, *at))
        return asdict(found) | {"at": place_of_pixel(fitted.scene.grid, *at)}

    def known_label(answer: LiveAnswer, row: int, col: int) -> int | None:
        """The class that a map of all pixels shows there; None where there is none."""
        classmap, path = answer.result.classmap, askable.full_of(answer)
        if classmap.labels is not None and classmap.step == 1:
            return int(classmap.labels[row, col])
        if path is None:
            return None
        with native.dataset(path) as dataset:
            return int(dataset.read(1, window=Window(row, col, 1, 1).ranges_rc)[0, 0])

    def like(answer: LiveAnswer, latitude: float, longitude: float) -> _Answered:
        fitted = answer.fitted
        at = pixel_at(fitted.scene.grid, latitude, longitude)
        if at is None:
            return _OUTSIDE
        key = f"alike {answer.result.digest} {fitted.scene.paths} {at}"
        token = tiles.token_of(key)
        if token is None:
            with translated_to_pixels_gone():
                picture = alike_picture(native, fitted, answer.result.digest, *at)
            if picture is None:
                return _LEFT_OUT
            token = tiles.put(key, picture, fitted.scene.paths)
        return {"url": url_template(token, base_path), "steps": KEY}

    def route(make: Callable[[LiveAnswer, float, float], _Answered]) -> Callable[[Request], Any]:
        async def answered(request: Request) -> Response:
            answer = askable.get(request.path_params["token"])
            if answer is None:
                return _json(404, {"message": "This map is no longer there."})
            place = _place(request)
            if place is None:
                return _json(400, {"message": "latitude and longitude must be numbers."})
            try:
                return _json(200, await run_in_threadpool(make, answer, *place))
            except PixelsGone as error:
                return _json(410, {"message": str(error)})

        return answered

    path = point_url("{token}", base_path)
    return [
        Route(path, route(point), methods=["GET"]),
        Route(f"{path}/like", route(like), methods=["GET"]),
    ]


def _place(request: Request) -> tuple[float, float] | None:
    try:
        latitude, longitude = (float(request.query_params[name]) for name in ("latitude", "longitude"))
    except (KeyError, ValueError):
        return None
    return (latitude, longitude) if math.isfinite(latitude) and math.isfinite(longitude) else None


def _json(status: int, content: dict[str, Any]) -> Response:
    return Response(json.dumps(content), status, _HEADERS, media_type="application/json")
