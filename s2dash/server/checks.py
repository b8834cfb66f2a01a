"""Checks under way: what people answer goes from their browser straight into the page's check, and runs no page."""

from __future__ import annotations

import secrets
import threading
import weakref
from collections.abc import Callable, Mapping

from s2dash.core.accuracy import Check
from s2dash.core.check_answers import Answered


class CheckBook:
    """The check of one page that is being answered. Safe to use from any thread."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(16)
        """By which the page's browser, and nobody else, answers."""
        self._lock = threading.Lock()
        self._run = self._of = ""
        self._check: Check | None = None
        self._names: frozenset[str] = frozenset()
        self._changed: Callable[[str, Check], None] | None = None

    def open(self, run: str, of: str, check: Check, names: frozenset[str]) -> None:
        """Take answers of this check from now on; what is answered of any other is void.

        Parameters
        ----------
        run : key of the run that it is of
        of : by which it is known from other checks
        names : that answers may have
        """
        with self._lock:
            if of != self._of:  # or what was answered since the page looked would be lost
                self._run, self._of, self._check = run, of, check
            self._names = names

    def close(self) -> None:
        """Take no more answers."""
        with self._lock:
            self._run, self._of, self._check = "", "", None

    def check_of(self, run: str) -> Check | None:
        """The check of this run, with all its answers; None where that of another one is open."""
        with self._lock:
            return self._check if run == self._run else None

    def answer(self, of: str, answers: Mapping[int, Answered]) -> bool:
        """Put answers into the check, by number of the place, all or none; returns whether they are there."""
        with self._lock:
            check = self._check
            if check is None or of != self._of or not all(self._fits(check, *one) for one in answers.items()):
                return False
            for number, one in answers.items():
                check = check.answered(number, one.name, one.unsure)
            self._check, changed, run = check, self._changed, self._run
        if changed is not None:
            changed(run, check)
        return True

    def _fits(self, check: Check, number: int, one: Answered) -> bool:
        return 0 <= number < len(check.places) and (one.name is None or one.name in self._names)

    def on_answer(self, changed: Callable[[str, Check], None]) -> None:
        """Have this called at every change, with the key of the run and its check; it has to return at once."""
        self._changed = changed


class CheckBooks:
    """The checks of all open pages, by token; a page's is gone with it."""

    def __init__(self) -> None:
        self._books: weakref.WeakValueDictionary[str, CheckBook] = weakref.WeakValueDictionary()

    def new(self) -> CheckBook:
        """One for a page, which has to hold it."""
        made = CheckBook()
        self._books[made.token] = made
        return made

    def get(self, token: str) -> CheckBook | None:
        """That of a page; None where there is no such page."""
        return self._books.get(token)
