"""Files of yearly embeddings: how their numbers are read, and what they do not go together with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from s2dash.core import missions
from s2dash.core.legend import clean_name
from s2dash.core.scene import Reflectance
from s2dash.errors import UnreadableFile
from s2dash.ingest.assemble.headers import FileHeader
from s2dash.ingest.embeddings import NEVER_MIXED, NO_DATA, Change, of_length_one, require_one_version, squared_codes

_CODED = ("int8", "int16")
_SENTENCE = "{}: a yearly embedding, not reflectance. {}"
_CODES_WORDS = "Its 8-bit codes are read as sign(v) (|v| / 127.5)²."
_LENGTH_WORDS = "Each vector is brought to length one."
_FRACTION_WORDS = "Its numbers are used as they are."


def as_embedding(header: FileHeader) -> FileHeader:
    """The header of an embedding with its numbers stated; any other as it is.

    Raises UnreadableFile for kinds of numbers that embeddings do not have.
    """
    mission = header.mission
    if mission is None or not mission.is_embedding:
        return header
    is_floating = np.issubdtype(np.dtype(header.dtype), np.floating)
    is_whole_tessera = mission is missions.TESSERA and len(header.indexes) == missions.TESSERA_AXES
    coded = _CODED if mission is missions.ALPHAEARTH else ("int8",) if is_whole_tessera else ()
    if not is_floating and header.dtype not in coded:
        raise UnreadableFile(
            f"{header.file.name} has the bands of a yearly embedding ({mission.title}), but {header.dtype} numbers, "
            "which it does not come in. Export all of its bands as signed 8-bit numbers, or as fractions."
        )
    if is_whole_tessera:
        change = partial(of_length_one, nodata=header.nodata[0])
        return _with_version(_in_whole_numbers(header, change, _LENGTH_WORDS))
    if not is_floating:
        return _in_whole_numbers(header, squared_codes, _CODES_WORDS)
    words = _SENTENCE.format(mission.title, _FRACTION_WORDS)
    stated = Reflectance(1.0, (0.0,) * len(header.indexes), words)
    return replace(header, dtype="float32", stated=stated, is_guessed=False)


def _with_version(header: FileHeader) -> FileHeader:
    """The header with a note of which TESSERA it is, as far as anything says."""
    version, variant, year = (clean_name(header.tags.get(tag, "")[:20]) for tag in NEVER_MIXED)
    if not version or not year:
        what = "version" if year else "year" if version else "version and year"
        note = f"Nothing says which {what} of TESSERA this is: its classes cannot be compared with those of another."
    else:
        note = f"The embedding is TESSERA {version.removeprefix('v')}{f' ({variant})' if variant else ''} of {year}."
    return replace(header, notes=(*header.notes, note))


def _in_whole_numbers(header: FileHeader, change: Change, words: str) -> FileHeader:
    """The header of an embedding whose values are kept in 16 bits."""
    count, title = len(header.indexes), missions.title_of([header.mission] if header.mission else [])
    return replace(
        header,
        dtype="int16",
        nodata=(float(NO_DATA),) * count,
        stated=Reflectance(missions.CODES_SQUARED, (0.0,) * count, _SENTENCE.format(title, words)),
        is_guessed=False,
        change=change,
    )


def require_alike(headers: Sequence[FileHeader]) -> None:
    """Raises UnreadableFile where an embedding lies beside something else, or another of its versions or years."""
    of_bands = [header for header in headers if not header.file.is_scl]
    embeddings = [one for one in of_bands if one.mission is not None and one.mission.is_embedding]
    others = [one for one in of_bands if one not in embeddings]
    if embeddings and others:
        raise UnreadableFile(
            f"{embeddings[0].file.name} is a yearly embedding and {others[0].file.name} is not. Open them one by one: "
            "their numbers have no common scale."
        )
    require_one_version([header.tags for header in embeddings])
