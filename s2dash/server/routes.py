"""What the server is made of: the page, and the routes that bring map tiles, scripts and styles from the same port."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

import s2dash
from s2dash.server import memory
from s2dash.server.offline_assets import ContentSecurityPolicy, asset_routes
from s2dash.server.page_head import PageHead
from s2dash.server.upload_store import process_upload_store, upload_routes
from s2dash.tiles.store import process_tile_store, tile_routes
from s2dash.ui.services import warmed_up

PAGE = Path(s2dash.__file__).parent / "ui" / "page.py"


def server_parts() -> dict[str, Any]:
    """What `st.App` takes: page, lifespan, routes, middleware."""
    memory.share_pools()
    base_path = str(st.get_option("server.baseUrlPath"))
    return {
        "script_path": PAGE,
        "lifespan": warmed_up,
        "routes": [
            *tile_routes(process_tile_store, base_path),
            *upload_routes(process_upload_store, base_path),
            *asset_routes(base_path),
        ],
        "middleware": [Middleware(ContentSecurityPolicy), Middleware(PageHead)],
    }
