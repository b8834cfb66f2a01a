"""The JSON of strangers' Zarr stores: read within limits, and asked for values without trusting a type."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from s2dash.core.legend import clean_name
from s2dash.errors import UnreadableFile
from s2dash.ingest.blobs import Blob
from s2dash.settings import ARCHIVE_LIMITS

_MOST_TEXT = 20_000
_LARGEST = 1e300
_DEEPEST = 8
"""How deep below the root a value is looked for."""


def read_object(blob: Blob, name: str) -> tuple[dict[str, Any], bytes]:
    """The JSON object in a file, and its bytes; NaN and infinity are let through, as xarray writes them.

    Raises UnreadableFile for what is too large, no JSON, nested without end, or no object.
    """
    size, most = blob.size, ARCHIVE_LIMITS.most_metadata_bytes
    if size > most:
        raise UnreadableFile(f"{name} has {size:,} bytes, and {most:,} are allowed. Download the product again.")
    text = blob.read()
    try:
        found = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"{name} is damaged: it is not well-formed JSON. Download the product again.") from error
    if not isinstance(found, dict):
        raise UnreadableFile(f"{name} is damaged: it holds no JSON object. Download the product again.")
    return found, text


def mapping(value: object) -> Mapping[str, Any]:
    """The value where it is an object, an empty one otherwise."""
    return value if isinstance(value, dict) else {}


def number(value: object) -> float | None:
    """The value where it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LARGEST:
        return None
    return float(value)


def numbers(value: object) -> tuple[float, ...] | None:
    """The values of a short list of finite numbers."""
    if not isinstance(value, list) or len(value) > _MOST_TEXT:
        return None
    found = [number(one) for one in value]
    return None if None in found else tuple(one for one in found if one is not None)


def whole(value: object) -> int | None:
    """The value where it is a whole number, however it is written."""
    found = number(value)
    return int(found) if found is not None and math.isfinite(found) and found == int(found) else None


def text(value: object) -> str:
    """The value where it is a text of usual length, else nothing."""
    return value.strip() if isinstance(value, str) and len(value) <= _MOST_TEXT else ""


def shown(value: object) -> str:
    """What a message quotes of a value."""
    return clean_name(str(value)[:60])[:40] if isinstance(value, str | int | float) else "something else"


def values_named(document: object, *keys: str) -> Iterator[Any]:
    """The values of these keys, in either case, in objects within objects; first those that lie higher."""
    wanted = {key.lower() for key in keys}
    level = [document]
    for _ in range(_DEEPEST):
        inner: list[object] = []
        for one in level:
            if isinstance(one, dict):
                yield from (value for key, value in one.items() if key.lower() in wanted)
                inner += one.values()
        level = inner
