"""The route by which a browser fetches a pack, straight from the disk.

    GET /packs/{token}

With parts of it for a browser that goes on where the connection was lost. 404 for a pack that is gone.
"""

from __future__ import annotations

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from s2dash.server.packs import MadePack, MadePacks
from s2dash.server.routes.small import bare_answer
from s2dash.tiles.store import url_prefix

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def pack_url(token: str, base_path: str = "") -> str:
    """Where a pack is fetched; `base_path` is Streamlit's `server.baseUrlPath`."""
    return f"{url_prefix(base_path)}/packs/{token}"


def pack_routes(packs: MadePacks, base_path: str = "") -> list[Route]:
    """The route, for the packs of this store."""

    def fetch(request: Request) -> Response:
        found = packs.get(request.path_params["token"])
        if found is None or not found.path.is_file():
            return bare_answer(404)
        return FileResponse(
            found.path,
            media_type="application/zip",
            filename=found.file_name,
            headers=_HEADERS,
            background=BackgroundTask(_held_until_here, found),
        )

    return [Route(pack_url("{token}", base_path), fetch, methods=["GET"])]


def _held_until_here(pack: MadePack) -> None:
    """Nothing: that it is handed over holds the file until it has been sent."""
