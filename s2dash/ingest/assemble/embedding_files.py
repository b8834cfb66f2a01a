"""Files of yearly embeddings: how their numbers are read, and what they do not go together with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from s2dash.core import missions
from s2dash.core.scene import Reflectance
from s2dash.errors import UnreadableFile
from s2dash.ingest.assemble.headers import FileHeader

_CODED = ("int8", "int16")
_SENTENCE = "{}: a yearly embedding, not reflectance. {}"
_CODES_WORDS = "Its 8-bit codes are read as sign(v) (|v| / 127.5)²."
_FRACTION_WORDS = "Its numbers are used as they are."


def as_embedding(header: FileHeader) -> FileHeader:
    """The header of an embedding with its numbers stated; any other as it is.

    Raises UnreadableFile for kinds of numbers that embeddings do not have.
    """
    mission = header.mission
    if mission is None or not mission.is_embedding:
        return header
    none = (0.0,) * len(header.indexes)
    if np.issubdtype(np.dtype(header.dtype), np.floating):
        words = _SENTENCE.format(mission.title, _FRACTION_WORDS)
        return replace(header, dtype="float32", stated=Reflectance(1.0, none, words), is_guessed=False)
    if header.dtype not in _CODED:
        raise UnreadableFile(
            f"{header.file.name} has the bands of an {mission.title}, but {header.dtype} numbers, which it does not "
            "come in. Export it as signed 8-bit numbers or as fractions."
        )
    no_data = float(-(missions.CODE_NODATA**2))
    return replace(
        header,
        dtype="int16",
        nodata=(no_data,) * len(header.indexes),
        stated=Reflectance(missions.CODES_SQUARED, none, _SENTENCE.format(mission.title, _CODES_WORDS)),
        is_guessed=False,
        is_squared=True,
    )


def require_alike(headers: Sequence[FileHeader]) -> None:
    """Raises UnreadableFile where an embedding lies beside something else: they have no common scale."""
    of_bands = [header for header in headers if not header.file.is_scl]
    embeddings = [one for one in of_bands if one.mission is not None and one.mission.is_embedding]
    others = [one for one in of_bands if one not in embeddings]
    if embeddings and others:
        raise UnreadableFile(
            f"{embeddings[0].file.name} is a yearly embedding and {others[0].file.name} is not. Open them one by one: "
            "their numbers have no common scale."
        )
