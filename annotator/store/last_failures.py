"""What the worker could not do for a project, from the first time that it failed until it succeeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.store.engine import Store
from annotator.store.models import Failure, Project, TrainingRun
from annotator.store.runs import ENDED, failures_in_a_row
from annotator.store.states import Work
from annotator.store.types import utc_now


@dataclass(frozen=True)
class LastFailure:
    """Work that failed and has not succeeded since.

    error: with its cure. failed_at: the last time. since: the first time. times: in a row.
    """

    work: Work
    error: str
    failed_at: datetime
    since: datetime
    times: int


@contextmanager
def remembered(
    store: Store, project_id: int, work: Work, errors: tuple[type[Exception], ...] = (OnetagError,)
) -> Iterator[None]:
    """Note that work for a project fails with an error for people, which goes on, or that it succeeds."""
    try:
        yield
    except errors as error:
        with suppress(OnetagError), store.session() as session:  # the store itself may be what fails
            _note(session, project_id, work, str(error))
        raise
    with store.reading() as session:
        failed = session.get(Failure, (project_id, work)) is not None
    if failed:
        with store.session() as session:
            session.execute(delete(Failure).where(Failure.project_id == project_id, Failure.work == work))


def last_failures(session: Session, project_id: int) -> Sequence[LastFailure]:
    """What fails at present, the newest failure first; the last training, where that failed, among it."""
    found = [
        LastFailure(each.work, each.error, each.failed_at, each.since, each.times)
        for each in session.scalars(select(Failure).where(Failure.project_id == project_id))
    ]
    found += _trainings(session, project_id)
    return sorted(found, key=lambda each: each.failed_at, reverse=True)


def forget_failures(session: Session, project_id: int) -> None:
    """Forget what failed, the trainings apart: what still does is noted again."""
    session.execute(delete(Failure).where(Failure.project_id == project_id))


def _note(session: Session, project_id: int, work: Work, error: str) -> None:
    if session.get(Project, project_id) is None:
        return
    now, known = utc_now(), session.get(Failure, (project_id, work), with_for_update=True)
    if known is None:
        session.add(Failure(project_id=project_id, work=work, error=error, failed_at=now, since=now, times=1))
        return
    known.error, known.failed_at, known.times = error, now, known.times + 1


def _trainings(session: Session, project_id: int) -> list[LastFailure]:
    """The trainings that failed in a row up to the last one, as one."""
    times = failures_in_a_row(session, project_id)
    if not times:
        return []
    ended = select(TrainingRun).where(TrainingRun.project_id == project_id, TrainingRun.state.in_(ENDED))
    failed = session.scalars(ended.order_by(TrainingRun.id.desc()).limit(times)).all()
    last, first = (each.finished_at or each.queued_at for each in (failed[0], failed[-1]))
    return [LastFailure(Work.TRAINING, failed[0].error or "", last, first, times)]
