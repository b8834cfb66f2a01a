"""The sidebar's first section: which scene, how it comes in, and what its bands and numbers are."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import streamlit as st

from s2dash import ingest
from s2dash.core import sentinel2
from s2dash.core.recipe import default_recipe
from s2dash.core.scene_reading import SceneReading
from s2dash.errors import S2DashError
from s2dash.settings import data_folder
from s2dash.ui import services, state, text
from s2dash.ui.large_upload import large_upload
from s2dash.ui.loaded import Brought, Loaded
from s2dash.ui.messages import words_for
from s2dash.ui.server_files import server_files
from s2dash.ui.uploads import bring, follow, forget, read_scene


def choose_scene() -> Loaded:
    """The scene in use: the sample at first, then whatever was brought last and could be read."""
    if not state.LOADED.is_set:
        state.LOADED.set(Loaded(services.sample_scene()))
    if st.button(
        "Try the sample scene",
        icon=":material/landscape:",
        width="stretch",
        help=ingest.EXAMPLES[0].description,
    ):
        _use_example(ingest.EXAMPLES[0])
    with st.popover("Other examples", icon=":material/photo_library:", width="stretch"):
        for example in ingest.EXAMPLES[1:]:
            if st.button(example.title, width="stretch", help=example.description):
                _use_example(example)
    uploads = st.file_uploader(
        "Sentinel-2 files",
        accept_multiple_files=True,
        key=state.SCENE_UPLOADER.key,
        help="A product as it was downloaded (zip or tar), or the files of one scene chosen together: GeoTIFF, JP2, "
        "or ENVI with its header, one band each or several, at 10, 20 and 60 m. What lies beside them may be chosen "
        "too. Up to 200 MB a file; larger ones go in below. "
        "The files stay on this server for as long as this page is open.",
    )
    if uploads:
        bring(state.INCOMING_SCENE, uploads, partial(read_scene, state.INCOMING_SCENE))
        state.SCENE_UPLOADER.empty()
        st.rerun()
    with st.expander("Large files or folders", type="compact"):
        _large_files()
    found = follow(state.INCOMING_SCENE)
    if found is not None:
        _use(found)
        st.rerun()
    with st.container():
        named = _with_names(state.loaded())
        _left_out(named)
    return _with_fill(_with_numbers(named))


def _large_files() -> None:
    """The ways for what is too large for a form: sent in pieces, or lying on the server already."""
    upload = state.LARGE_UPLOAD.get()
    if upload is None:
        upload = services.upload_store().open()
        state.LARGE_UPLOAD.set(upload)
    files = large_upload(upload, key="large files")
    if files:
        state.LARGE_UPLOAD.set(services.upload_store().open())
        paths, names = tuple(file.path for file in files), tuple(file.name for file in files)
        read_scene(state.INCOMING_SCENE, Brought(paths, names, (upload,), upload.close))
        st.rerun()
    folder = data_folder()
    if folder is not None:
        chosen = server_files(folder, key="server files")
        if chosen:
            found = ingest.with_side_cars(chosen)
            read_scene(state.INCOMING_SCENE, Brought(found, tuple(path.name for path in found), can_stay=True))
            st.rerun()


def _use_example(example: ingest.Example) -> None:
    forget(state.INCOMING_SCENE)
    _use(Loaded(services.sample_scene(example.key)))


def _use(loaded: Loaded) -> None:
    """Make a scene the current one; an area that was being read was meant for the last."""
    forget(state.INCOMING_AREA)
    state.LOADED.set(loaded)
    state.INCOMING_SCENE.words.pop()


def _with_names(loaded: Loaded) -> Loaded:
    """A small form to say what the bands are, where the files do not."""
    scene = loaded.scene
    in_doubt = scene.names_are_guessed or any(band.standard is None and band.own is None for band in scene.bands)
    if not in_doubt and state.NAMING.get() != str(scene.paths[0]):
        return loaded
    with st.popover("Check the band names", icon=":material/edit:", width="stretch"):
        st.caption("The file does not say which band is which. Say what you know; the rest may stay as it is.")
        options = [*sentinel2.BANDS, *(n for n in scene.band_names if n not in sentinel2.BANDS)]
        described = {band.name: band.description for band in scene.bands}
        with st.form("band names", border=False):
            origins = scene.origins or tuple(f"Band {number}" for number in range(1, len(scene.bands) + 1))
            names = [
                st.selectbox(
                    text.plain(origins[number - 1]),
                    options,
                    options.index(name),
                    format_func=lambda one: described.get(one) or sentinel2.describe_band(one),
                    key=state.band_name(number, name, scene),
                )
                for number, name in enumerate(scene.band_names, 1)
            ]
            if st.form_submit_button("Use these names", type="primary"):
                renamed = ingest.read_as(scene, SceneReading(band_names=tuple(names)))
                state.NAMING.set(str(scene.paths[0]))
                state.read_anew(renamed, band_names=names)
                state.bands(renamed.band_names).set(list(default_recipe(renamed).bands))
                st.rerun()
    return loaded


def _left_out(loaded: Loaded) -> None:
    """Files that were left out, to be used as bands by hand where they are still there."""
    names, brought = loaded.scene.left_out, loaded.brought
    if not names or brought is None:
        return
    with st.popover(f"Files left out · {len(names)}", icon=":material/layers:", width="stretch"):
        st.caption(
            "They are no bands of the ground: masks, by-products, pictures. One that you choose is read as a band."
        )
        with st.form("files left out", border=False):
            chosen = st.multiselect("Use as bands", names, format_func=ingest.shown_name)
            if st.form_submit_button("Read again with these", type="primary") and chosen:
                read_scene(state.INCOMING_SCENE, brought, chosen)
                st.rerun()


def _with_fill(loaded: Loaded) -> Loaded:
    """Questions about numbers that may stand for no data: one line each, with its switch."""
    scene, left_out = loaded.scene, []
    for value, words, share in ingest.doubtful_numbers(scene):
        is_none = state.stands_for_no_data(value)
        if st.toggle(
            f"Leave out pixels that are {words} ({text.share(share)})?",
            key=is_none.shown(),
            on_change=is_none.take,
            help="Nothing in the file says whether these were measured. Look at the picture: what lies around a "
            "cut-out is no data; snow, clouds and dark water are measured.",
        ):
            left_out.append(value)
    return replace(loaded, scene=ingest.read_as(scene, SceneReading(nodata=tuple(left_out))))


def _with_numbers(loaded: Loaded) -> Loaded:
    """How stored numbers become reflectance: what was found, and two inputs to say otherwise."""
    scene = loaded.scene
    found = scene.reflectance
    sentence = st.empty()
    with st.expander("Change how numbers are read", type="compact", expanded=ingest.doubts_offset(scene)):
        subtracted = state.subtracted(None if found.offset is None else -found.offset + 0.0)
        offset = st.number_input(
            "Subtract",
            value=None,
            step=100.0 if found.quantification > 1 else 0.1,
            format="%g",
            placeholder="as found, by band",
            key=subtracted.shown(),
            on_change=subtracted.take,
            help="Taken from each stored number first. 1000 for products made since January 2022, 0.1 of fractions, "
            "unless it has been done already. It changes indices and spectra, not k-means on bands.",
        )
        divided = state.divided(None if found.by_band else float(found.quantification))
        quantification = st.number_input(
            "Then divide by",
            min_value=1e-6,
            value=None,
            step=100.0,
            format="%g",
            placeholder="as found, by band",
            key=divided.shown(),
            on_change=divided.take,
            help="The stored number that means all light is reflected: usually 10000; 65535 for web exports, "
            "1 where numbers are from 0 to 1.",
        )
    try:
        numbers = SceneReading(quantification=quantification, offset=None if offset is None else 0.0 - offset)
        changed = ingest.read_as(scene, numbers)
    except S2DashError as error:
        sentence.markdown(words_for(error))
        return loaded
    sentence.caption(text.plain(changed.reflectance.sentence))
    return replace(loaded, scene=changed)
