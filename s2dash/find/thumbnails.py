"""Small pictures of found scenes, fetched by the door: handed on as they are, and never opened here."""

from __future__ import annotations

import base64

from s2dash.errors import NotFetched
from s2dash.find.door import Door
from s2dash.find.items import FoundScene

MOST_BYTES = 300_000
_KINDS = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


def thumbnail(scene: FoundScene, door: Door) -> str | None:
    """The picture as a `data:` address, which a browser shows without asking anybody; None where there is none.

    Only a browser decodes it, which is made for strangers' pictures.

    Raises NotFetched where its server fails, or sends what is no picture or a large one.
    """
    if scene.thumbnail is None:
        return None
    content = door.ask(scene.thumbnail, MOST_BYTES).body
    kind = next((kind for start, kind in _KINDS.items() if content.startswith(start)), None)
    if kind is None:
        raise NotFetched("The scene's small picture is none.")
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
