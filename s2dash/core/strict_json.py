"""The one codec of values that leave the program: JSON without loss, and a sentence for all that it does not know."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec

from s2dash.errors import UnreadableValue

T = TypeVar("T", bound=msgspec.Struct)


class Versioned(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A value whose JSON says which version of its form it has."""

    version: int = 1


def parse(text: str, what: str) -> dict[str, Any]:
    """The object that a JSON text holds; `what` names it in messages ("a run").

    Raises UnreadableValue for anything else: no JSON, no object, a field twice, numbers that are not finite, halves of
    characters.
    """
    try:
        found = _DECODER.decode(text)
        _require_whole(text, found)
    except (ValueError, RecursionError) as error:
        raise UnreadableValue(f"This is not {what}: it is not valid JSON ({_said(error)}).") from error
    if not isinstance(found, dict):
        raise UnreadableValue(f"This is not {what}: it should be a JSON object, in braces.")
    return found


def decoded(kind: type[T], given: object, what: str, newest: int = 1) -> T:
    """The value that plain objects stand for, as `plain` gives them.

    Raises UnreadableValue for fields that are unknown, missing or of the wrong type, and for a newer version.
    """
    if not isinstance(given, dict):
        raise UnreadableValue(f"This is not {what}: it should be a JSON object, in braces.")
    version = given.get("version", 1)
    if isinstance(version, int) and not isinstance(version, bool) and version > newest:
        raise UnreadableValue(
            f"This is {what} of form {version}, and this s2dash reads up to {newest}. Open it with a newer s2dash."
        )
    try:
        return msgspec.convert(given, kind, strict=True)
    except (msgspec.ValidationError, ValueError) as error:
        raise UnreadableValue(f"This is not {what} as s2dash writes it: {_said(error)}.") from error


def plain(value: msgspec.Struct) -> dict[str, Any]:
    """The value as plain objects that JSON has."""
    found: dict[str, Any] = msgspec.to_builtins(value, str_keys=True)
    return found


def to_text(given: dict[str, Any]) -> str:
    """One line of JSON; raises ValueError for numbers that JSON does not have, so that nothing is lost in silence."""
    return json.dumps(given, allow_nan=False, ensure_ascii=False)


def _refused(word: str) -> float:
    raise ValueError(f"{word} is not a number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field is given twice")
    return found


_DECODER = json.JSONDecoder(parse_constant=_refused, object_pairs_hook=_once)


def _require_whole(text: str, found: object) -> None:
    """Raises ValueError for halves of characters, which JSON can name and no page can show nor file hold."""
    # Without an escape what is found holds the text's own characters, which need not be written out once more.
    try:
        (json.dumps(found, ensure_ascii=False) if "\\u" in text else text).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("it holds characters that do not exist") from None


def _said(error: BaseException) -> str:
    text = str(error)[:200]
    return text[:1].lower() + text[1:].rstrip(".")
