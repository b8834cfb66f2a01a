"""The map by itself, in a browser: what it loads, what stays when it is told of something new, and every view."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import FrameLocator, Route, expect
from streamlit.testing.v1 import AppTest
from waiting import PATIENCE_SECONDS, wait_until

from s2dash.ui.map_place import MAP_CSS
from s2dash.ui.map_view import scene_token, script_expression

if TYPE_CHECKING:
    from conftest import Visit

HOSTILE = "</script><img src=x onerror=hacked=1>`${hacked=1}`{{'hacked'}}\u2028'\"\\_b2 & é"
COAST = "((37.27, -75.95), (37.34, -75.86))"
COAST_JSON = COAST.replace("(", "[").replace(")", "]")

APP = """
    import io
    import streamlit as st
    from PIL import Image
    from starlette.middleware import Middleware
    from starlette.responses import Response
    from starlette.routing import Route
    from s2dash.server.offline_assets import ContentSecurityPolicy, asset_routes

    def tile(request):
        colour = tuple(bytes.fromhex(request.path_params["token"])[:3])
        out = io.BytesIO()
        Image.new("RGB", (256, 256), colour).save(out, "PNG")
        return Response(out.getvalue(), media_type="image/png")

    routes = [Route("/tiles/{token}/{z}/{x}/{y}.png", tile), *asset_routes()]
    app = st.App("page.py", routes=routes, middleware=[Middleware(ContentSecurityPolicy)])
"""

PAGE = """
    import streamlit as st
    from s2dash.ui.map_place import MAP_CSS
    from s2dash.ui.map_view import LegendRow, MapState, show_map

    st.set_page_config(layout="wide")
    st.html(f"<style>{MAP_CSS}</style>")
    st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    st.text(f"runs: {st.session_state['runs']}")
    number = st.slider("Number", 1, 9, 1)
    view = st.radio("View", ["Swipe", "Classes", "Picture"])
    scene = st.radio("Scene", ["scene_a", "scene_b", "no place"])
    above = st.container()
    if st.checkbox("A line above"):
        above.write("This line was not here before.")
    if st.checkbox("No classes"):
        number = 0
    bounds = {"scene_a": COAST, "scene_b": ((40.0, 10.0), (40.1, 10.2)), "no place": ((-2745, 0), (0, 3300))}[scene]
    names = {2: LABEL}
    classes = [LegendRow(i, names.get(i, f"Class {i}"), "#b68535", i / 105, f"{i} %") for i in range(1, 15)]
    with st.container(key="map"):
        show_map(
            MapState(
                bounds=bounds,
                has_place=scene != "no place",
                picture_url="/tiles/224422aa/{z}/{x}/{y}.png",
                picture_label=LABEL,
                classes_url=f"/tiles/{number:02x}7733cc/{{z}}/{{x}}/{{y}}.png" if number else None,
                view=view,
                attribution=LABEL,
                dark=st.context.theme.type == "dark",
                scene_key=scene,
                title=scene + LABEL,
                facts=LABEL,
                legend=tuple(classes[: number + 5]) if number else (),
                alone=2 if number == 3 else None,
            ),
            key="map",
        )
"""


def written_app(folder: Path) -> Path:
    page = textwrap.dedent(PAGE).replace("COAST", COAST).replace("LABEL", ascii(HOSTILE))
    (folder / "page.py").write_text(page)
    (folder / "app.py").write_text(textwrap.dedent(APP))
    return folder / "app.py"


# ---- without a browser ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [HOSTILE, {"a_b": [HOSTILE, None, 1.5, True]}, ((-1.0, 2.0), (3.0, 4.0)), ""])
def test_any_text_may_stand_in_a_script(value: object) -> None:
    expression = script_expression(value)
    literal = re.fullmatch(r"JSON\.parse\((\".*\")\)", expression)
    assert literal
    assert json.loads(json.loads(literal[1])) == json.loads(json.dumps(value))
    assert expression.isascii()
    assert not set(expression) & set("<>&'`${}_\n")


def component_arguments(**choices: str | int) -> dict[str, Any]:
    """What the page sends to the map's frame after the choices are made, by a widget's label."""
    page = textwrap.dedent(PAGE).replace("COAST", COAST).replace("LABEL", ascii(HOSTILE))
    test = AppTest.from_string(page, default_timeout=PATIENCE_SECONDS).run()
    for label, value in choices.items():
        widget = next(w for w in (*test.slider, *test.radio) if w.label == label)
        widget.set_value(value).run()
    assert not test.exception
    proto = test.get("component_instance")[0].proto
    return {"frame": proto.id, **json.loads(proto.json_args)}


def test_only_the_message_changes() -> None:
    """Else streamlit-folium would mount the map anew: it would be blank for seconds, and its view lost."""
    before = component_arguments()
    for choices in ({"Number": 2}, {"View": "Classes"}, {"Scene": "scene_b"}, {"Scene": "no place"}):
        after = component_arguments(**choices)
        assert after["feature_group"] != before["feature_group"]
        assert {k: v for k, v in after.items() if k != "feature_group"} == {
            k: v for k, v in before.items() if k != "feature_group"
        }


def test_links_go_to_our_own_port_and_are_few() -> None:
    arguments = component_arguments()
    links = [*arguments["js_links"], *arguments["css_links"]]
    assert len(links) == 2
    assert all(link.startswith("/assets/") for link in links)


# ---- in a browser --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def map_url(start_app: Callable[..., str], chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return start_app(written_app(tmp_path_factory.mktemp("map_app")))


class MapPage:
    """The test page with its map."""

    def __init__(self, visit: Visit, url: str) -> None:
        self.visit = visit
        self.page = visit.page
        self.page.goto(url)
        self.wait_for_classes("01")

    @property
    def frame(self) -> FrameLocator:
        return self.page.locator(".st-key-map iframe").content_frame

    def pause(self, seconds: float) -> None:
        self.page.wait_for_timeout(1000 * seconds)

    def run(self, script: str) -> Any:
        return self.frame.locator("body").evaluate(f"() => {{ {script} }}")

    def wait_for_classes(self, number: str) -> None:
        expect(self.frame.locator("body")).to_have_attribute("data-classes-loaded", f"{number}7733cc")

    def choose(self, group: str, name: str) -> None:
        self.page.get_by_role("radiogroup", name=group).get_by_text(name, exact=True).click()

    def next_number(self) -> None:
        self.page.get_by_role("slider", name="Number").press("ArrowRight")

    def view(self) -> list[float]:
        """Latitude, longitude and zoom."""
        return list(self.run("const m = s2dash.map, c = m.getCenter(); return [c.lat, c.lng, m.getZoom()];"))

    def move(self) -> list[float]:
        """Move and zoom as a user would end up; a mark in the frame tells whether it is the same one later."""
        self.run("const c = s2dash.map.getCenter(); s2dash.map.setView([c.lat + .01, c.lng], 14, {animate: false});")
        self.run("window.sameFrame = true;")
        return self.view()

    def pane(self, name: str) -> dict[str, str]:
        script = f"const s = getComputedStyle(document.querySelector('.leaflet-{name}-pane'));"
        return dict(self.run(f"{script} return {{display: s.display, opacity: s.opacity, clip: s.clipPath}};"))

    def layers_in_classes(self) -> int:
        return int(self.run("return document.querySelectorAll('.leaflet-classes-pane > .leaflet-layer').length;"))


@pytest.fixture
def open_map(new_page: Callable[..., Visit], map_url: str) -> Callable[..., MapPage]:
    return lambda **look: MapPage(new_page(**look), map_url)


in_browser = pytest.mark.browser


@in_browser
@pytest.mark.main_path
def test_everything_comes_from_our_own_port(open_map: Callable[..., MapPage]) -> None:
    shown = open_map()
    shown.next_number()
    shown.wait_for_classes("02")
    assert shown.visit.foreign == []
    assert {url.rpartition(".")[2] for url in shown.visit.asked if "/assets/" in url} == {"js", "css"}


@in_browser
def test_view_swipe_and_frame_stay_when_anything_but_the_scene_changes(open_map: Callable[..., MapPage]) -> None:
    shown = open_map()
    where = shown.move()
    swipe = shown.frame.get_by_role("slider", name=re.compile("Swipe"))
    swipe.press("PageUp")
    shown.next_number()
    shown.wait_for_classes("02")
    for view in ("Classes", "Picture", "Swipe"):
        shown.choose("View", view)
        expect(shown.frame.locator("body")).to_have_attribute("data-view", view)
    shown.page.get_by_text("A line above").click()
    expect(shown.page.get_by_text("This line was not here before.")).to_be_visible()
    assert shown.view() == pytest.approx(where)
    assert shown.run("return window.sameFrame;") is True
    expect(swipe).to_have_attribute("aria-valuenow", "60")


@in_browser
def test_another_scene_is_shown_whole(open_map: Callable[..., MapPage]) -> None:
    shown = open_map()
    shown.move()
    shown.choose("Scene", "scene_b")
    expect(shown.frame.locator("body")).to_have_attribute("data-scene", scene_token("scene_b"))
    expect(shown.frame.locator(".s2-map")).to_have_count(1)
    expect(shown.frame.locator(".leaflet-control-scale")).to_be_visible()
    assert shown.run("return s2dash.map.getBounds().contains([[40.0, 10.0], [40.1, 10.2]]);") is True
    assert shown.run("return window.sameFrame;") is True


@in_browser
def test_the_view_outlives_a_reload(open_map: Callable[..., MapPage]) -> None:
    shown = open_map()
    where = shown.move()
    shown.page.reload()
    shown.wait_for_classes("01")
    assert shown.view() == pytest.approx(where)


@in_browser
def test_the_swipe_goes_by_keys_and_by_hand(open_map: Callable[..., MapPage]) -> None:
    shown = open_map()
    centre = shown.view()
    swipe = shown.frame.get_by_role("slider", name=re.compile("Swipe"))
    for key, value in (("ArrowLeft", "48"), ("Shift+ArrowRight", "58"), ("Home", "2"), ("End", "98")):
        swipe.press(key)
        expect(swipe).to_have_attribute("aria-valuenow", value)
    swipe.press("PageDown")
    before = shown.pane("classes")["clip"]
    box = shown.page.locator(".st-key-map iframe").bounding_box()
    assert box
    knob = swipe.locator(".s2-knob").bounding_box()
    assert knob
    shown.page.mouse.move(knob["x"] + 20, knob["y"] + 20)
    shown.page.mouse.down()
    shown.page.mouse.move(box["x"] + box["width"] * 0.25, knob["y"] + 60, steps=4)
    shown.page.mouse.up()
    expect(swipe).to_have_attribute("aria-valuenow", re.compile("2[3-7]"))
    assert shown.pane("classes")["clip"] != before
    assert shown.view() == pytest.approx(centre)


@in_browser
def test_the_sides_of_the_swipe_show_picture_and_classes(open_map: Callable[..., MapPage]) -> None:
    shown = open_map()
    corners = re.compile(r"(-?[\d.]+)px (-?[\d.]+)px")
    left, right = (corners.findall(shown.pane(name)["clip"]) for name in ("picture", "classes"))
    assert float(left[1][0]) == pytest.approx(float(right[0][0]))
    assert float(left[0][0]) < float(left[1][0]) < float(right[1][0])
    expect(shown.frame.locator(".s2-side[data-side=left]")).to_have_text(HOSTILE, use_inner_text=False)
    expect(shown.frame.locator(".s2-side[data-side=right]")).to_have_text("Classes")


@in_browser
def test_opacity_needs_no_rerun_and_stays(open_map: Callable[..., MapPage]) -> None:
    shown = open_map()
    opacity = shown.frame.get_by_label("Class opacity")
    expect(opacity).to_be_hidden()
    shown.choose("View", "Classes")
    expect(opacity).to_be_visible()
    runs = shown.page.get_by_text("runs:").inner_text()
    where = shown.view()
    for _ in range(8):
        opacity.press("ArrowLeft")
    assert shown.pane("classes")["opacity"] == "0.6"
    assert shown.view() == pytest.approx(where)
    assert shown.page.get_by_text("runs:").inner_text() == runs
    shown.next_number()
    shown.wait_for_classes("02")
    assert shown.pane("classes")["opacity"] == "0.6"
    shown.choose("View", "Picture")
    expect(opacity).to_be_hidden()
    assert shown.pane("classes")["display"] == "none"


@in_browser
def test_panning_and_zooming_need_no_rerun(open_map: Callable[..., MapPage]) -> None:
    shown = open_map()
    runs = shown.page.get_by_text("runs:").inner_text()
    shown.move()
    shown.frame.get_by_role("button", name="Zoom in").click()
    shown.page.wait_for_timeout(600)
    assert shown.page.get_by_text("runs:").inner_text() == runs
    shown.frame.get_by_role("button", name="Show the whole scene").click()
    wait_until(lambda: shown.run(f"return s2dash.map.getBounds().contains({COAST_JSON});") is True, shown.pause)


@in_browser
def test_tiles_are_a_whole_number_of_pixels_wide_at_any_zoom(open_map: Callable[..., MapPage]) -> None:
    shown = open_map()
    for zoom in (12.3, 13.71, 14.49):
        shown.run(f"s2dash.map.setView([37.3, -75.9], {zoom}, {{animate: false}});")
        widths = shown.run(
            "return [...document.querySelectorAll('.leaflet-classes-pane .leaflet-tile')]"
            ".flatMap(t => { const r = t.getBoundingClientRect(); return [r.left, r.top, r.width]; });"
        )
        assert widths
        assert [abs(w - round(w)) < 0.01 for w in widths] == [True] * len(widths)


@in_browser
def test_without_a_place_there_is_neither_scale_nor_background(open_map: Callable[..., MapPage]) -> None:
    shown = open_map()
    shown.choose("Scene", "no place")
    expect(shown.frame.locator(".leaflet-control-scale")).to_have_count(0)
    shown.wait_for_classes("01")
    expect(shown.frame.get_by_role("button", name="Background map")).to_have_count(0)
    assert shown.run("return s2dash.map.getBounds().contains([[-2745, 0], [0, 3300]]);") is True
    levels = {int(level) for url in shown.visit.asked for level in re.findall(r"7733cc/(-?\d+)/", url)}
    assert min(levels) < 0
    assert shown.visit.foreign == []


@in_browser
def test_names_are_text(open_map: Callable[..., MapPage]) -> None:
    shown = open_map()
    assert shown.run("return window.hacked === undefined && document.querySelector('img[src=x]') === null;") is True
    assert HOSTILE in shown.frame.locator(".leaflet-control-attribution").evaluate("e => e.textContent")


@in_browser
def test_backgrounds_are_off_until_chosen_and_only_pictures_are_asked_for(open_map: Callable[..., MapPage]) -> None:
    shown = open_map()
    shown.visit.expect_complaint(r"net::ERR_FAILED \[https://tile\.openstreetmap\.org/")
    assert shown.visit.foreign == []
    shown.frame.get_by_role("button", name="Background map").press("Enter")
    expect(shown.frame.get_by_role("radio", name="None")).to_be_checked()
    shown.frame.get_by_role("radio", name="OpenStreetMap").press("Space")
    expect(shown.frame.get_by_role("status")).to_contain_text("cannot be reached")
    assert shown.visit.foreign
    assert all(url.startswith("https://tile.openstreetmap.org/") for url in shown.visit.foreign)
    shown.next_number()
    shown.wait_for_classes("02")
    expect(shown.frame.get_by_role("radio", name="OpenStreetMap")).to_be_checked()
    shown.frame.get_by_role("radio", name="None").press("Space")
    expect(shown.frame.get_by_role("status")).to_have_text("")


def told(shown: MapPage, token: str) -> None:
    """Tell the mounted map of other classes, as the page does."""
    state = {
        "picture": "/tiles/224422aa/{z}/{x}/{y}.png",
        "classes": f"/tiles/{token}/{{z}}/{{x}}/{{y}}.png",
        "view": "Classes",
        "label": "True colour",
        "attribution": "",
        "dark": False,
        "scene": {"key": "scene_a", "bounds": json.loads(COAST_JSON), "hasPlace": True},
        "title": "",
        "facts": "",
        "legend": [],
        "alone": None,
        "asking": None,
        "compared": None,
        "area": {"rings": [], "isOfFile": False, "isReading": False, "asked": 0, "refused": 0, "why": ""},
    }
    shown.run(f"s2dash.update({json.dumps(state)});")


@in_browser
def test_the_old_classes_stay_until_the_last_wanted_ones_are_there(open_map: Callable[..., MapPage]) -> None:
    shown = open_map()
    held: list[Route] = []
    for token in ("aaaaaaaa", "bbbbbbbb"):
        shown.page.route(f"**/tiles/{token}/**", lambda route: held.append(route))
    told(shown, "aaaaaaaa")
    told(shown, "bbbbbbbb")
    wait_until(lambda: any("bbbbbbbb" in route.request.url for route in held), shown.pause)
    visible = "return [...document.querySelectorAll('.leaflet-classes-pane > .leaflet-layer')]"
    visible += ".filter(l => getComputedStyle(l).opacity !== '0').map(l => l.querySelector('img').src);"
    assert ["017733cc" in src for src in shown.run(visible)] == [True]
    for route in held:
        route.continue_()
    expect(shown.frame.locator("body")).to_have_attribute("data-classes-loaded", "bbbbbbbb")
    wait_until(lambda: ["bbbbbbbb" in src for src in shown.run(visible)] == [True], shown.pause)
    assert shown.layers_in_classes() == 1


@in_browser
def test_classes_that_cannot_be_loaded_do_not_replace_those_that_could(open_map: Callable[..., MapPage]) -> None:
    shown = open_map()
    shown.visit.expect_complaint(r"net::ERR_FAILED \[.*/tiles/abababab/")
    fails = [True]

    def answer(route: Route) -> None:
        route.abort() if fails[0] else route.continue_()

    shown.page.route("**/tiles/abababab/**", answer)
    told(shown, "abababab")
    expect(shown.frame.get_by_role("status")).to_contain_text("could not be loaded")
    assert shown.layers_in_classes() == 1
    assert shown.frame.locator("body").get_attribute("data-classes-loaded") == "017733cc"
    fails[0] = False
    expect(shown.frame.locator("body")).to_have_attribute("data-classes-loaded", "abababab")
    expect(shown.frame.get_by_role("status")).to_have_text("")


@in_browser
def test_without_classes_the_picture_stands_alone(open_map: Callable[..., MapPage]) -> None:
    shown = open_map()
    shown.page.get_by_text("No classes").click()
    expect(shown.frame.locator("body")).to_have_attribute("data-view", "Picture")
    assert shown.layers_in_classes() == 0


@in_browser
@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_has_a_map_of_fair_height_in_the_theme(open_map: Callable[..., MapPage], dark: bool) -> None:
    shown = open_map(width=390, height=844, dark=dark)
    assert "100dvh" in MAP_CSS
    box = shown.page.locator(".st-key-map iframe").bounding_box()
    assert box
    assert box["height"] == pytest.approx(360, abs=1)
    assert shown.run("return document.documentElement.dataset.theme;") == ("dark" if dark else "light")
    assert shown.run("return s2dash.map.getContainer().clientHeight;") == pytest.approx(360, abs=1)
    assert (
        shown.run(
            "return Math.max(...[...document.querySelectorAll('.leaflet-pane')]"
            ".filter(p => /picture|classes|background/.test(p.className)).map(p => +p.style.zIndex));"
        )
        < 400
    )
