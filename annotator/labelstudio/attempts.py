"""One try at an event: what it led to, how much of it at once, and what becomes of a part that goes wrong."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.labelstudio.errors import noting
from annotator.store import Event, fail_event
from annotator.store.failures import is_passing

logger = logging.getLogger(__name__)


@dataclass
class EventOutcome:
    """What an event led to: records changed, and what should be done next."""

    project_id: int | None = None
    changed: int = 0  # annotations recorded or retired
    labels: tuple[str, ...] = ()  # labels that came, went or came back
    train: bool = False  # someone pressed Train
    reconcile: bool = False  # Label Studio knows more than the event
    problems: list[str] = field(default_factory=list)  # why the event, or a part of it, could not be used

    @property
    def problem(self) -> str | None:
        """All problems in one line; None when there was none."""
        return " ".join(self.problems) or None

    @contextmanager
    def go_on(self) -> Iterator[None]:
        """Go on after a part that cannot be used, note why, and have Label Studio asked for it."""
        before = len(self.problems)
        with noting(self.problems):
            yield
        self.reconcile = self.reconcile or len(self.problems) > before


@dataclass
class Allowance:
    """How much of the inbox one transaction may take in: others wait for its end, and events can be large."""

    parts: float = math.inf
    seconds: float = math.inf
    _started: float = field(default_factory=time.monotonic)

    def spend(self) -> None:
        """Count a part that was taken in."""
        self.parts -= 1

    @property
    def used_up(self) -> bool:
        """Whether what is left has to wait."""
        return self.parts <= 0 or time.monotonic() - self._started > self.seconds


@dataclass
class Try:
    """How one try ended."""

    again: bool = False  # it failed, and the event is to be tried again


@contextmanager
def trying(session: Session, event: Event, outcome: EventOutcome) -> Iterator[Try]:
    """Do all of something or nothing; what was of no use is noted, what failed counts as a try in vain."""
    attempt = Try()
    try:
        with session.begin_nested():
            yield attempt
    except OnetagError as error:
        outcome.problems.append(str(error))
        outcome.reconcile = True
    except Exception as error:  # whatever was sent must not stop what comes after it
        if isinstance(error, DBAPIError) and is_passing(error):
            raise
        logger.exception("event %s (%s) could not be taken in", event.id, event.action)
        attempt.again = fail_event(session, event, _in_words(error))
        outcome.reconcile = True


def _in_words(error: Exception) -> str:
    """What is known of a failure, without the values that were sent."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return f"It could not be taken in: {type(cause).__name__}."
