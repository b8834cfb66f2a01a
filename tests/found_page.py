"""The window `Find a scene` without a browser, over a catalogue of one tile on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import from_origin
from stac_server import StacApi, item
from streamlit.testing.v1 import AppTest
from waiting import PATIENCE_SECONDS, wait_until
from web_server import serving

from s2dash.ui.find.finding import Finding

PAGE = Path(__file__).parents[1] / "s2dash" / "ui" / "page.py"
BANDS = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08", "swir16": "B11", "scl": "SCL"}
SIDE_M = 24_000
"""Of the tile, with Ulm (9.99 degrees east, 48.40 north) in its middle."""
DAYS = {"2024-07-30": 0.5, "2024-06-02": 12.0, "2024-05-03": 80.0}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def write_tile(folder: Path) -> None:
    """The bands of a tile as GeoTIFFs with overviews, and a small picture."""
    random = np.random.default_rng(1)
    for name in BANDS.values():
        size = 20 if name in ("B11", "SCL") else 10
        coarse = random.integers(1_200, 9_000, (30, 30)) if name != "SCL" else random.integers(4, 7, (30, 30))
        values = np.kron(coarse, np.ones((SIDE_M // size // 30,) * 2, dtype=np.int64))
        kind = "uint8" if name == "SCL" else "uint16"
        side = values.shape[0]
        place = {"crs": "EPSG:32632", "transform": from_origin(561_000, 5_372_000, size, size), "nodata": 0}
        with rasterio.open(
            folder / f"{name}.tif", "w", driver="COG", width=side, height=side, count=1, dtype=kind, **place
        ) as made:
            made.write(values.astype(kind), 1)
    (folder / "look.png").write_bytes(PNG)


@contextmanager
def catalogue_of(folder: Path, days: Mapping[str, float] = DAYS) -> Iterator[StacApi]:
    """A catalogue of some days of the tile in a folder, each with its percent of clouds."""
    with serving(folder) as server:
        api = StacApi(server)
        files = {key: server.address(f"{name}.tif") for key, name in BANDS.items()}
        files["thumbnail"] = server.address("look.png")
        for day, cloud in days.items():
            name = f"S2A_T32UNU_{day.replace('-', '')}T101031_L2A"
            one = item(name, day, cloud, files, **{"grid:code": "MGRS-32UNU"})
            api.items.append(placed(one, (9.8, 48.25, 10.2, 48.5)))
        server.misbehave = api
        yield api


def placed(item: dict[str, Any], box: tuple[float, float, float, float]) -> dict[str, Any]:
    w, s, e, n = box
    ring = [[w, s], [e, s], [e, n], [w, n], [w, s]]
    return item | {"bbox": list(box), "geometry": {"type": "Polygon", "coordinates": [ring]}}


def settings_of(api: StacApi) -> dict[str, str]:
    """The environment in which it is the catalogue."""
    return {"S2DASH_FIND_CATALOGUE": api.root, "S2DASH_FIND_OWN_HOSTS": api.root.split("/")[2]}


class FindPage:
    """The page with the window open."""

    def __init__(self, place: str = "Ulm, DE") -> None:
        self.test = AppTest.from_file(str(PAGE), default_timeout=PATIENCE_SECONDS)
        said = {"from": None, "cloud": 100, "km": 10, "pixel": 20, "place": place}
        for name, value in said.items():
            self.test.session_state[f"find {name} chosen"] = value
        self.test.session_state["window"] = "find"
        self.run()

    def run(self) -> FindPage:
        self.test.run()
        assert not self.test.exception, self.test.exception
        return self

    def widget(self, kind: str, label: str) -> Any:
        return next(one for one in self.test.get(kind) if one.label == label)

    def has(self, kind: str, label: str) -> bool:
        return any(one.label == label for one in self.test.get(kind))

    def set(self, kind: str, label: str, value: object) -> FindPage:
        self.widget(kind, label).set_value(value)
        return self.run()

    def press(self, label: str) -> FindPage:
        self.widget("button", label).click()
        return self.run()

    def search(self) -> FindPage:
        """Search, and wait for all that comes of it."""
        self.press("Search")
        if self.has_found:
            wait_until(lambda: self.finding.job.is_done)
        return self.run()

    def choose(self, *days: str) -> FindPage:
        self.test.session_state["found chosen"] = tuple(one.id for one in self.finding.scenes or () if one.date in days)
        return self.run()

    @property
    def has_found(self) -> bool:
        return "finding" in self.test.session_state

    @property
    def finding(self) -> Finding:
        found = self.test.session_state["finding"]
        assert isinstance(found, Finding)
        return found

    @property
    def words(self) -> str:
        return "\n".join(element.value for element in (*self.test.markdown, *self.test.caption))

    @property
    def rows(self) -> str:
        """The list as HTML."""
        told = [json.loads(component.proto.json) for component in self.test.get("bidi_component")]
        return next((str(one["rows"]) for one in told if "chosen" in one), "")

    @property
    def title(self) -> str:
        return str(self.test.session_state["loaded"].scene.title)
