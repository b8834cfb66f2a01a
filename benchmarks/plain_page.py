"""A plain Streamlit script with k-means, as tutorials have it: the measure beside which `load.py` puts the page."""

from __future__ import annotations

import matplotlib
import numpy as np
import rasterio
import streamlit as st
from rasterio.io import MemoryFile
from sklearn.cluster import KMeans

SAMPLE = "s2dash/data/coast.tif"


@st.cache_data(max_entries=20)
def read(content: bytes | None) -> np.ndarray:
    """All bands of a GeoTIFF, shape (bands, rows, cols)."""
    if content is None:
        with rasterio.open(SAMPLE) as dataset:
            return np.asarray(dataset.read())
    with MemoryFile(content) as file, file.open() as dataset:
        return np.asarray(dataset.read())


@st.cache_data(max_entries=20)
def group(content: bytes | None, k: int) -> np.ndarray:
    """The number of each pixel's group, shape (rows, cols)."""
    bands = read(content)
    pixels = bands.reshape(len(bands), -1).T.astype(np.float32)
    return np.asarray(KMeans(k, n_init=1, random_state=0).fit_predict(pixels)).reshape(bands.shape[1:])


upload = st.file_uploader("Scene")
k = st.slider("Number of classes (k)", 2, 20, 8)
scene = upload.getvalue() if upload else None
st.markdown(f"### {upload.name if upload else 'Sample'}")
labels = group(scene, int(k))
st.image((matplotlib.colormaps["tab20"](labels)[..., :3] * 255).astype(np.uint8))
st.bar_chart(np.bincount(labels.ravel()))
