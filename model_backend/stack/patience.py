"""Waiting where people can see it: a bar that fills by the time it usually takes, and a word now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Say = Callable[[str], None]
Bar = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]
"""Opens a progress bar with a title; it yields a function of (done, total)."""

TICK = 0.5  # seconds
WORD_EVERY = 20.0  # seconds


@contextmanager
def patiently(what: str, usual: float, say: Say, bar: Bar, word_every: float = WORD_EVERY) -> Iterator[None]:
    """Show that `what` goes on while the block runs. usual: the seconds that it takes mostly.

    The bar stops short of its end when it takes longer; then, and where there is no terminal for a bar, a
    line every `word_every` seconds tells how long it has been.
    """
    over = threading.Event()
    with bar(f"{what} (seconds)") as progress:
        thread = threading.Thread(
            target=_tell, args=(what, usual, say, progress, word_every, over), name="patience", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _tell(
    what: str,
    usual: float,
    say: Say,
    progress: Callable[[int, int], None],
    word_every: float,
    over: threading.Event,
) -> None:
    began, words = time.monotonic(), 1
    total = max(1, round(usual))
    progress(0, total)
    while not over.wait(min(TICK, word_every)):
        elapsed = time.monotonic() - began
        progress(min(int(elapsed), total), total)
        if elapsed >= words * word_every:
            words = int(elapsed / word_every) + 1
            say(
                f"{what}: {elapsed:.0f} s so far; it takes about {total} s, longer on a slow or busy machine."
            )
