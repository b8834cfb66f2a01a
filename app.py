"""The server: the page, and the routes that bring its map tiles, scripts and styles from the same port."""

import os
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from s2dash import memory
from s2dash.offline_assets import ContentSecurityPolicy, asset_routes
from s2dash.page_head import PageHead
from s2dash.settings import GDAL_ENVIRONMENT
from s2dash.tiles import process_tile_store, tile_routes
from s2dash.ui.services import warmed_up
from s2dash.upload_store import process_upload_store, upload_routes

memory.share_pools()
os.environ.update(GDAL_ENVIRONMENT)
base_path = str(st.get_option("server.baseUrlPath"))

app = st.App(
    Path(__file__).parent / "s2dash" / "ui" / "page.py",
    lifespan=warmed_up,
    routes=[
        *tile_routes(process_tile_store, base_path),
        *upload_routes(process_upload_store, base_path),
        *asset_routes(base_path),
    ],
    middleware=[Middleware(ContentSecurityPolicy), Middleware(PageHead)],
)
