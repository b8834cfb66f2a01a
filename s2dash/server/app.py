"""The server as `s2dash app` starts it: a file in which Streamlit finds `app`, as app.py of the project is.

Its settings lie beside it in `.streamlit`, equal to those of the project.
"""

import streamlit as st

from s2dash.server.assembly import server_parts

app = st.App(**server_parts())
