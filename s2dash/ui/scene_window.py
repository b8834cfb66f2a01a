"""The window `Choose a scene`: how a scene comes in, and what its bands and numbers are."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import streamlit as st

from s2dash import ingest
from s2dash.core import sentinel2
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene
from s2dash.core.scene_reading import SceneReading
from s2dash.errors import S2DashError
from s2dash.settings import data_folder
from s2dash.ui import services, state, text
from s2dash.ui.as_read import as_read, divided, names_are_doubted, subtracted
from s2dash.ui.large_upload import large_upload
from s2dash.ui.loaded import Brought, Loaded
from s2dash.ui.messages import words_for
from s2dash.ui.packs.opening import take_pack
from s2dash.ui.server_files import server_files
from s2dash.ui.session import draw_again
from s2dash.ui.uploads import bring, follow, forget, read_scene


def take_what_came(look_is_shown: bool = False) -> None:
    """Show how far the reading of a scene is, and make it the page's once it is there."""
    found = follow(state.INCOMING_SCENE, look_is_shown)
    if found is not None:
        use(found)
        st.rerun()


def use(loaded: Loaded) -> None:
    """Make a scene, or what a pack brings, the current one; what was being read for the last was meant for that."""
    forget(state.INCOMING_AREA)
    forget(state.INCOMING_CLOUDS)
    if loaded.pack is None:
        state.LOADED.set(loaded)
    else:
        take_pack(replace(loaded, pack=None), loaded.pack)
    state.INCOMING_SCENE.words.pop()
    if state.WINDOW.get() in ("scene", "find"):
        state.close_window()


def _dismissed() -> None:
    state.close_window()
    state.INCOMING_SCENE.words.pop()


@st.dialog("Choose a scene", width="large", on_dismiss=_dismissed)
def scene_window(shown: Loaded) -> None:
    """The window over a page that shows this."""
    with st.container(key="scenewindow"):
        with st.container(key="bringing", gap="small"):
            _uploader()
            st.caption(
                "GeoTIFF, JPEG 2000, or a product as it was downloaded: zipped .SAFE or .zarr, all bands at once. "
                "Or a pack from “Hand over”."
            )
            with st.expander("Large files or folders", type="compact"):
                _large_files()
            _way_to_find()
            take_what_came()
        loaded = state.loaded()
        with st.container(key="reading", gap="small"):
            st.markdown("##### How the numbers are read", anchors=False)
            _numbers(loaded)
            _fill(loaded)
            _names(loaded.scene)
            _left_out(loaded)
    if loaded is not shown:
        st.rerun()


def _uploader() -> None:
    uploads = st.file_uploader(
        "Sentinel-2 files",
        accept_multiple_files=True,
        key=state.SCENE_UPLOADER.key,
        help="A product as it was downloaded (zip or tar), or the files of one scene chosen together: GeoTIFF, JP2, "
        "or ENVI with its header, one band each or several, at 10, 20 and 60 m; or a yearly embedding: a GeoTIFF, or "
        "TESSERA's .npy with its _scales.npy and .tiff. What lies beside them may be chosen "
        "too. Up to 200 MB a file; larger ones go in below. "
        "Files go with this page at the latest; what is made of them is kept as “What is kept” says.",
    )
    if uploads:
        bring(state.INCOMING_SCENE, uploads, partial(read_scene, state.INCOMING_SCENE))
        state.SCENE_UPLOADER.empty()
        draw_again()


def _way_to_find() -> None:
    if st.button(
        "Find a scene",
        icon=":material/travel_explore:",
        key="find a scene",
        help="Looks for Sentinel-2 pictures of a place in a public catalogue, and loads the ground you choose.",
    ):
        state.WINDOW.set("find")
        st.rerun()


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
        draw_again()
    folder = data_folder()
    if folder is not None:
        chosen = server_files(folder, key="server files")
        if chosen:
            found = ingest.with_side_cars(chosen)
            read_scene(state.INCOMING_SCENE, Brought(found, tuple(path.name for path in found), can_stay=True))
            draw_again()


def _names(scene: Scene) -> None:
    """A small form to say what the bands are, where the files do not."""
    if not names_are_doubted(scene) and state.NAMING.get() != str(scene.paths[0]):
        return
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
                draw_again()


def _fill(loaded: Loaded) -> None:
    """Questions about numbers that may stand for no data: one line each, with its switch."""
    for value, words, share in ingest.doubtful_numbers(loaded.scene):
        is_none = state.stands_for_no_data(value)
        st.toggle(
            f"Leave out pixels that are {words} ({text.share(share)})?",
            key=is_none.shown(),
            on_change=is_none.take,
            help="Nothing in the file says whether these were measured. Look at the picture: what lies around a "
            "cut-out is no data; snow, clouds and dark water are measured.",
        )


def _numbers(loaded: Loaded) -> None:
    """How stored numbers become reflectance: what was found, and two inputs to say otherwise."""
    scene = loaded.scene
    sentence = st.empty()
    if scene.is_embedding:
        sentence.caption(text.plain(scene.reflectance.sentence))
        return
    with st.expander("Change how numbers are read", type="compact", expanded=ingest.doubts_offset(scene)):
        offset, quantification = subtracted(scene), divided(scene)
        st.number_input(
            "Subtract",
            value=None,
            step=100.0 if scene.reflectance.quantification > 1 else 0.1,
            format="%g",
            placeholder="as found, by band",
            key=offset.shown(),
            on_change=offset.take,
            help="Taken from each stored number first. 1000 for products made since January 2022, 0.1 of fractions, "
            "unless it has been done already. It changes indices and spectra, not k-means on bands.",
        )
        st.number_input(
            "Then divide by",
            min_value=1e-6,
            value=None,
            step=100.0,
            format="%g",
            placeholder="as found, by band",
            key=quantification.shown(),
            on_change=quantification.take,
            help="The stored number that means all light is reflected: usually 10000; 65535 for web exports, "
            "1 where numbers are from 0 to 1.",
        )
    try:
        sentence.caption(text.plain(as_read(loaded).scene.reflectance.sentence))
    except S2DashError as error:
        sentence.markdown(words_for(error))
