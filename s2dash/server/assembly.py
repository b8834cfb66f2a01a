"""What the server is made of: the page, and the routes that bring map tiles, scripts and styles from the same port."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

import s2dash
from s2dash.errors import BadSetting
from s2dash.server import memory
from s2dash.server.lifespan import warmed_up
from s2dash.server.offline_assets import ContentSecurityPolicy, asset_routes
from s2dash.server.page_head import PageHead
from s2dash.server.routes.areas import area_routes
from s2dash.server.routes.checks import check_routes
from s2dash.server.routes.packs import pack_routes
from s2dash.server.routes.points import point_routes
from s2dash.server.routes.tracked_maps import map_routes
from s2dash.server.routes.uploads import upload_routes
from s2dash.server.state import server_state
from s2dash.settings import require_sane
from s2dash.tiles.store import tile_routes

PAGE = Path(s2dash.__file__).parent / "ui" / "page.py"


def server_parts() -> dict[str, Any]:
    """What `st.App` takes: page, lifespan, routes, middleware. Ends the process where its settings are not sane."""
    try:
        require_sane()
    except BadSetting as error:
        sys.exit(f"s2dash: {error}")
    memory.share_pools()
    state, base_path = server_state(), str(st.get_option("server.baseUrlPath"))
    return {
        "script_path": PAGE,
        "lifespan": partial(warmed_up, state),
        "routes": [
            *tile_routes(state.tiles, base_path),
            *point_routes(state.askable, state.native, state.tiles, base_path),
            *area_routes(state.askable, base_path),
            *upload_routes(state.uploads, base_path),
            *map_routes(state.maps, base_path),
            *check_routes(state.checks, base_path),
            *pack_routes(state.packs, base_path),
            *asset_routes(base_path),
        ],
        "middleware": [Middleware(ContentSecurityPolicy), Middleware(PageHead)],
    }
