"""Keeps the parts of an installation alive: what dies is started again, unless it dies every time."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from annotator.errors import OnetagError

PATIENCE = 5
"""Deaths within WINDOW seconds after which a part is given up."""
WINDOW = 60.0
INTERVAL = 0.25


class Part(Protocol):
    """A process that is started, watched, and stopped."""

    name: str

    def start(self) -> None:
        """Start it, without waiting."""

    def wait_ready(self) -> None:
        """Wait until it does its work. Raises OnetagError when it does not come to that."""

    def alive(self) -> bool:
        """Whether it runs."""

    def stop(self) -> None:
        """Stop it and wait; nothing happens when it does not run."""

    def last_words(self) -> str:
        """The end of its log."""


class Supervisor:
    """Starts parts in order, watches them from a thread, and stops them in reverse order."""

    def __init__(self, say: Callable[[str], None], revived: Callable[[str], None] | None = None) -> None:
        """`say` tells people; `revived` is called with the name of each part that was started again."""
        self._say = say
        self._revived = revived or (lambda _: None)
        self._parts: list[Part] = []
        self._deaths: dict[str, deque[float]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self.failure: OnetagError | None = None

    def add(self, part: Part) -> None:
        """Start a part; from the first `watch` on it is kept alive."""
        self._parts.append(part)
        part.start()
        part.wait_ready()

    def watch(self) -> None:
        """Keep every part alive, from a thread of its own."""
        self._thread.start()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until everything is over, but `seconds` at most; whether it is.

        Raises OnetagError that says which part was given up, and its last words.
        """
        over = self._over.wait(seconds)
        self.check()
        return over

    def check(self) -> None:
        """Raise the OnetagError of a part that was given up, if one was."""
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        """Stop every part, the last one first."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        while self._parts:
            part = self._parts.pop()
            self._say(f"Stopping {part.name} ...")
            part.stop()

    def _watch(self) -> None:
        while not self._over.wait(INTERVAL):
            for part in self._parts:
                if part.alive() or self._over.is_set():
                    continue
                try:
                    self._revive(part)
                except OnetagError as error:
                    self.failure = error
                    self._over.set()
                    return

    def _revive(self, part: Part) -> None:
        deaths = self._deaths.setdefault(part.name, deque(maxlen=PATIENCE))
        deaths.append(time.monotonic())
        if len(deaths) == PATIENCE and deaths[-1] - deaths[0] < WINDOW:
            words = part.last_words()
            raise OnetagError(
                f"{part.name} stopped {PATIENCE} times within a minute.", f"Its last words:\n{words}"
            )
        self._say(f"{part.name} has stopped by itself; starting it again.")
        try:
            part.start()
            part.wait_ready()
        except OnetagError as error:  # the next look finds it dead, and counts
            self._say(str(error))
        else:
            self._revived(part.name)
