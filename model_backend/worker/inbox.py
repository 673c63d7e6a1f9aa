"""Processing the inbox: every recorded event once, in order, however many workers there are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from annotator.labelstudio.attempts import Allowance, EventOutcome
from annotator.labelstudio.events import process_event
from annotator.store import EventState, RunReason, Store, move_arrivals, queue_run, waiting_events
from annotator.store.turns import take_turn

BATCH_PARTS, BATCH_SECONDS = 50, 0.1
"""What one transaction takes in at most: others may have to wait for its end."""
PAUSE_SECONDS = 0.005
"""Between two of them: SQLite lets no one else write while one ends and the next begins at once."""


@dataclass
class InboxOutcome:
    """What the inbox held: the projects it was about, and whether Label Studio knows more than it told."""

    projects: set[int] = field(default_factory=set)
    reconcile: bool = False


def process_inbox(store: Store) -> InboxOutcome:
    """Process every waiting event; Label Studio's Train button queues a training on the way.

    The oldest events are read in the transaction that finishes them: on SQLite it holds the one write lock,
    on PostgreSQL it locks their rows, so two workers never take the same event and never overtake each other.
    Raises OnetagError when the store cannot be used; then the events wait.
    """
    outcome = InboxOutcome()
    while True:
        moved, outcomes = move_arrivals(store), _process_batch(store)
        outcome.projects |= {each.project_id for each in outcomes if each.project_id is not None}
        outcome.reconcile |= any(each.reconcile for each in outcomes)
        if not moved and not outcomes:
            return outcome
        time.sleep(PAUSE_SECONDS)


def _process_batch(store: Store) -> list[EventOutcome]:
    """What became of the oldest events; empty when none waits."""

    def work(session: Session) -> list[EventOutcome]:
        outcomes = list(_outcomes(session))
        for project_id in {each.project_id for each in outcomes if each.train and each.project_id}:
            queue_run(session, project_id, RunReason.ASKED_FOR)
        return outcomes

    return store.write(work)


def _outcomes(session: Session) -> Iterator[EventOutcome]:
    allowance = Allowance(BATCH_PARTS, BATCH_SECONDS)
    held: set[int | None] = set()  # projects of which an event is to be tried again first
    for event in waiting_events(session, BATCH_PARTS):
        if event.project_id in held:
            continue
        if event.project_id is not None:
            take_turn(session, event.project_id)  # once for all events of this transaction
        yield process_event(session, event, allowance)
        if allowance.used_up:
            return
        if event.state is EventState.WAITING and event.project_id is not None:
            held.add(event.project_id)
