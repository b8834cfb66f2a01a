"""Our search against a STAC API that others wrote: stac-fastapi checks what we ask, and answers as catalogues do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from stac_fastapi_server import real_catalogue
from stac_server import COLLECTION, item

from s2dash.cli.main import main
from s2dash.errors import NotFetched
from s2dash.find.catalogue import Catalogue, Hosts
from s2dash.find.door import Door, door_to
from s2dash.find.places import Box
from s2dash.find.search import Query, scenes_by_id, search

FILES = {"red": "https://files.example/B04.tif", "scl": "https://files.example/SCL.tif"}
DAYS = {"2024-05-03": 80.0, "2024-06-02": 5.0, "2024-07-30": 0.5, "2024-08-19": 40.0, "2024-09-01": 1.0}
BAVARIA = Box(12.5, 48.9, 12.7, 49.1)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    items = [item(f"S2A_{day}", day, cloud, FILES) for day, cloud in DAYS.items()]
    items += [one | {"id": "other", "collection": "landsat"} for one in items[:1]]
    items += [one | {"id": "beyond", "bbox": [-180.0, -18.0, -179.0, -17.0]} for one in items[1:2]]
    items += [one | {"id": "before", "bbox": [179.0, -18.0, 180.0, -17.0]} for one in items[2:3]]
    with real_catalogue(items) as address:
        yield address


@pytest.fixture(scope="module")
def catalogue(address: str) -> Catalogue:
    return Catalogue(address, COLLECTION, Hosts(frozenset(), frozenset({address.removeprefix("http://")})))


@pytest.fixture(scope="module")
def door(catalogue: Catalogue) -> Iterator[Door]:
    with door_to(catalogue.hosts) as door:
        yield door


@pytest.mark.parametrize(
    ("wanted", "days"),
    [
        ({}, ["2024-09-01", "2024-08-19", "2024-07-30", "2024-06-02", "2024-05-03"]),
        ({"most_scenes": 3}, ["2024-09-01", "2024-08-19", "2024-07-30"]),
        ({"most_cloud": 5.0}, ["2024-09-01", "2024-07-30", "2024-06-02"]),
        ({"first": date(2024, 6, 2), "last": date(2024, 8, 19)}, ["2024-08-19", "2024-07-30", "2024-06-02"]),
        ({"first": date(2024, 8, 20)}, ["2024-09-01"]),
        ({"last": date(2024, 5, 2)}, []),
    ],
)
def test_what_is_asked_is_understood(catalogue: Catalogue, door: Door, wanted: dict[str, Any], days: list[str]) -> None:
    """Over all pages: it gives two scenes each."""
    assert [one.date for one in search(Query(BAVARIA, **wanted), catalogue, door)] == days


def test_scenes_by_name(catalogue: Catalogue, door: Door) -> None:
    names = ["S2A_2024-07-30", "S2A_2024-05-03", "S2A_2024-09-01"]
    assert [one.id for one in scenes_by_id(names, catalogue, door)] == names
    with pytest.raises(NotFetched, match="no scene nobody"):
        scenes_by_id(["nobody"], catalogue, door)


def test_both_sides_of_the_antimeridian(catalogue: Catalogue, door: Door) -> None:
    assert [one.id for one in search(Query(Box(179.5, -17.9, -179.5, -17.5)), catalogue, door)] == ["before", "beyond"]


def test_by_the_command(address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("S2DASH_FIND_CATALOGUE", address)
    monkeypatch.setenv("S2DASH_FIND_OWN_HOSTS", address.removeprefix("http://"))
    assert main(["find", "--bbox", "12.5,48.9,12.7,49.1", "--cloud", "2", "--json"]) == 0
    assert [one["id"] for one in json.loads(capsys.readouterr().out)["scenes"]] == ["S2A_2024-09-01", "S2A_2024-07-30"]
