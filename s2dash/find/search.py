"""Asking a catalogue: which scenes there are of some ground, between two days, under so many clouds."""

from __future__ import annotations

import itertools
import json
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from pystac_client import Client
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from pystac_client.warnings import PystacClientWarning

from s2dash.errors import InputError, NotFetched
from s2dash.find.catalogue import Catalogue
from s2dash.find.door import Door
from s2dash.find.items import FoundScene, scene_from
from s2dash.find.places import Box
from s2dash.settings import FETCH_LIMITS

_PAGE_ITEMS = 50
_NO_CATALOGUE = "The catalogue's answer is not one of a STAC API. Try again later."
_METHODS = ("GET", "POST")


@dataclass(frozen=True)
class Query:
    """What is looked for."""

    box: Box
    first: date | None = None
    last: date | None = None
    most_cloud: float = 100.0
    """Percent of the tile."""
    most_scenes: int = 10

    @property
    def days(self) -> str | None:
        """As STAC writes it, with both ends; None for any time."""
        if self.first is None and self.last is None:
            return None
        start = ".." if self.first is None else f"{self.first}T00:00:00Z"
        end = ".." if self.last is None else f"{self.last}T23:59:59Z"
        return f"{start}/{end}"


def search(query: Query, catalogue: Catalogue, door: Door) -> tuple[FoundScene, ...]:
    """The newest scenes that fit, newest first.

    Raises NotFetched where the catalogue cannot be asked, and UnreadableValue for what is none of its answers.
    """
    door = door.within(FETCH_LIMITS.most_search_seconds)
    found: dict[str, FoundScene] = {}
    for box in query.box.parts:
        asked: dict[str, Any] = {"bbox": box.bounds, "datetime": query.days}
        found |= {one.id: one for one in _searched(query.most_scenes, query.most_cloud, asked, catalogue, door)}
    newest_first = sorted(found.values(), key=lambda one: one.date, reverse=True)
    return tuple(newest_first[: query.most_scenes])


def scenes_by_id(names: Sequence[str], catalogue: Catalogue, door: Door) -> tuple[FoundScene, ...]:
    """The scenes of these names, in their order; raises as `search` does, and NotFetched for a name that is unknown."""
    door = door.within(FETCH_LIMITS.most_search_seconds)
    found = {one.id: one for one in _searched(len(names), 100.0, {"ids": list(names)}, catalogue, door)}
    missing = [name for name in names if name not in found]
    if missing:
        raise NotFetched(f"The catalogue has no scene {missing[0][:100]}. `find` says which there are.")
    return tuple(found[name] for name in names)


def renewal(catalogue: Catalogue, door: Door) -> Callable[[FoundScene], FoundScene]:
    """What asks the catalogue for a scene again, once for each: its signed addresses are good for some hours only."""
    known: dict[str, FoundScene] = {}

    def renewed(scene: FoundScene) -> FoundScene:
        if scene.id not in known:
            known[scene.id] = scenes_by_id([scene.id], catalogue, door)[0]
        return known[scene.id]

    return renewed


def _searched(
    most_scenes: int, most_cloud: float, asked: dict[str, Any], catalogue: Catalogue, door: Door
) -> Iterator[FoundScene]:
    """Clouds are looked at here too: not every catalogue takes a question about them.

    So are more scenes than are wanted where it takes none about their order.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PystacClientWarning)
            client = Client.open(catalogue.address, stac_io=_DoorIO(door))
            is_sorted = _understands(client, "sort")
            found = client.search(
                collections=[catalogue.collection],
                limit=_PAGE_ITEMS,
                max_items=FETCH_LIMITS.most_items,
                sortby="-properties.datetime" if is_sorted else None,
                **_bound_of_clouds(client, most_cloud),
                **asked,
            )
        scenes = (scene_from(item) for item in found.items_as_dicts())
        fitting = (one for one in scenes if one.cloud is None or one.cloud <= most_cloud)
        yield from itertools.islice(fitting, most_scenes if is_sorted else None)
    except InputError:
        raise
    except (APIError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise NotFetched(_NO_CATALOGUE) from error


def _bound_of_clouds(client: Client, most_cloud: float) -> dict[str, Any]:
    is_asked = most_cloud < 100 and _understands(client, "query")
    return {"query": {"eo:cloud_cover": {"lte": most_cloud}}} if is_asked else {}


def _understands(client: Client, what: str) -> bool:
    """Whether a catalogue says that it takes more than the core, in any version 1: pystac-client knows 1.0 alone."""
    form = re.compile(rf"https://api\.stacspec\.org/v1\..*/item-search#{what}")
    return any(form.fullmatch(one) for one in client.get_conforms_to() if isinstance(one, str))


class _DoorIO(StacApiIO):
    """pystac-client's way to the catalogue, through the one door."""

    def __init__(self, door: Door) -> None:
        super().__init__(max_retries=None)
        self._door = door

    def read_text(self, source: Any, *args: Any, **kwargs: Any) -> str:
        """Never a file of this machine, which a catalogue's link may name."""
        if isinstance(source, str) and not source.lower().startswith(("http://", "https://")):
            raise NotFetched("The catalogue names an address that is none of a server, and it is not asked.")
        return str(super().read_text(source, *args, **kwargs))

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> str:
        """The text at an address; headers that a link asks for are not sent."""
        way = (method or "GET").upper()
        if way not in _METHODS:
            raise NotFetched(_NO_CATALOGUE)
        body = json.dumps(parameters or {}).encode() if way == "POST" else None
        if way == "GET" and parameters:
            href = f"{href}{'&' if '?' in href else '?'}{urlencode(parameters)}"
        return self._door.ask(href, FETCH_LIMITS.most_answer_bytes, body=body).body.decode("utf-8")
