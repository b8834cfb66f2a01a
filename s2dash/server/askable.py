"""The live results that a browser may ask about pixels of, under tokens that nobody can guess."""

from __future__ import annotations

import secrets
import threading
from pathlib import Path
from weakref import WeakKeyDictionary, WeakValueDictionary

from s2dash.server.live_engine import LiveAnswer


class Askable:
    """Live results by token, each for as long as a page or a cache holds it; safe to use from any thread."""

    def __init__(self) -> None:
        self._answers: WeakValueDictionary[str, LiveAnswer] = WeakValueDictionary()
        self._tokens: WeakKeyDictionary[LiveAnswer, str] = WeakKeyDictionary()
        self._full: WeakKeyDictionary[LiveAnswer, Path] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def token_of(self, answer: LiveAnswer) -> str:
        """The token of a result, hexadecimal digits, the same while it lives."""
        with self._lock:
            token = self._tokens.setdefault(answer, secrets.token_hex(16))
            self._answers[token] = answer
            return token

    def put_full(self, answer: LiveAnswer, labels_path: Path) -> None:
        """Know where the labels of every pixel of a result lie."""
        with self._lock:
            self._full[answer] = labels_path

    def full_of(self, answer: LiveAnswer) -> Path | None:
        """The labels of every pixel of a result; None where nobody made them, or they are gone."""
        path = self._full.get(answer)
        return path if path is not None and path.exists() else None

    def get(self, token: str) -> LiveAnswer | None:
        """The result of a token; None where nobody holds it any more, or it never was."""
        return self._answers.get(token)
