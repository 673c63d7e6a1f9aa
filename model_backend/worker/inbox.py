"""Processing the inbox: every recorded event once, in order, however many workers there are."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from annotator.labelstudio.events import EventOutcome, process_event
from annotator.store import RunReason, Store, queue_run, waiting_events

BATCH = 5  # events in one transaction: a webhook may have to wait for its end


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
    while outcomes := _process_batch(store):
        outcome.projects |= {each.project_id for each in outcomes if each.project_id is not None}
        outcome.reconcile |= any(each.reconcile for each in outcomes)
    return outcome


def _process_batch(store: Store) -> list[EventOutcome]:
    """What became of the oldest events; empty when none waits."""

    def work(session: Session) -> list[EventOutcome]:
        outcomes = [process_event(session, event) for event in waiting_events(session, BATCH)]
        for project_id in {each.project_id for each in outcomes if each.train and each.project_id}:
            queue_run(session, project_id, RunReason.ASKED_FOR)
        return outcomes

    return store.write(work)
