"""The server: `streamlit run app.py` from the project's folder; `s2dash app` from anywhere (s2dash/server)."""

import streamlit as st

from s2dash.server.assembly import server_parts

app = st.App(**server_parts())
