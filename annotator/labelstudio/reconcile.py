"""What webhooks lost or never sent, found by comparing with Label Studio: imports, deletions, downtime.

Most times only the tasks that changed since the last time are read, and the numbers of tasks and answers are
compared; all of it is read the first time, once a day, where the numbers differ, where Label Studio's clock
was set back, and when asked for. Only that finds what a restored backup changed and left the numbers as they
were, and what changed while the clocks of both machines were set back.

The API is read first and the records are changed afterwards, in short transactions: while Label Studio
answers slowly, nobody waits for the database.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.labelstudio.client import Studio
from annotator.labelstudio.comparing import Comparison, ReconcileReport, live_answers, live_tasks
from annotator.labelstudio.config import Chosen, parse_config
from annotator.labelstudio.errors import noting
from annotator.labelstudio.listing import Census
from annotator.labelstudio.projects import Identity, identity_of, same_moment
from annotator.labelstudio.reading import chosen_of
from annotator.labelstudio.sync import adopt_config
from annotator.store import Project, Reconciliation, Store
from annotator.store.labels import date_labels
from annotator.store.last_failures import remembered
from annotator.store.reconciliations import (
    Counts,
    counts_on_record,
    last_reconciliation,
    note_reconciliation,
)
from annotator.store.states import Work
from annotator.store.turns import take_turn
from annotator.store.types import utc_now

logger = logging.getLogger(__name__)

FULL_EVERY = timedelta(days=1)
OVERLAP = timedelta(minutes=2)
"""A change bears the moment at which it was begun, and shows when its transaction ends."""
CLOCK_STEP = timedelta(minutes=1)
"""By how much less time may have passed by Label Studio's clock than by ours."""
LOOKS = 3  # at a project that is worked on, until its numbers agree with the records
ReconcileProgress = Callable[[str, float], None]
"""Takes the stage and the share of it that is done, 0..1."""


@dataclass(frozen=True)
class _OnRecord:
    """What was on record before Label Studio was asked."""

    identity: Identity
    chosen: Chosen
    config_at: datetime | None
    last: Reconciliation | None


def reconcile(
    store: Store,
    studio: Studio,
    project_id: int,
    progress: ReconcileProgress | None = None,
    *,
    imported: bool = False,
    full: bool = False,
) -> ReconcileReport:
    """Make the records of a project what its Label Studio says, as its webhooks would have.

    `imported`: what is there was answered before the project was connected. `full`: read everything. Doing
    it again changes nothing. Raises LabelStudioError when Label Studio cannot be read.
    """
    tell = progress or (lambda _stage, _share: None)
    with remembered(store, project_id, Work.RECONCILE):
        return _compare(store, studio, project_id, tell, imported=imported, full=full)


def _compare(
    store: Store, studio: Studio, project_id: int, tell: ReconcileProgress, *, imported: bool, full: bool
) -> ReconcileReport:
    report = ReconcileReport()
    with store.reading() as session:
        record = _on_record(session, project_id)
    census = _census(studio, record.identity)
    store.write(lambda session: _follow_project(session, project_id, record, census, report))
    field = _image_field(str(census.project["label_config"]), record.chosen)
    # Label Studio's clock tells whole seconds, rounded down.
    until = census.at + timedelta(seconds=1) if imported and census.at else None
    comparison = Comparison(store, studio, project_id, field, report, until)
    with store.reading() as session:
        last = last_reconciliation(session, project_id)  # gone where another field is meant now
    since = None if full or not field else _since(last, census.at, utc_now())
    if since is None or last is None or not _compare_changes(comparison, record, since, last, census, tell):
        apart = _compare_all(comparison, record, tell)
        store.write(lambda session: note_reconciliation(session, project_id, census.at, apart=apart))
    else:
        store.write(lambda session: note_reconciliation(session, project_id, census.at))
    if report:
        logger.info("project %s reconciled: %s", project_id, report)
    return report


def _on_record(session: Session, project_id: int) -> _OnRecord:
    project = session.get(Project, project_id)
    if project is None or project.studio_project is None:
        raise OnetagError(
            f"Project {project_id} is not connected to a Label Studio.", "Run `onetag connect`."
        )
    identity = Identity(project.studio_project, project.studio_created_at)
    return _OnRecord(
        identity, chosen_of(project), project.config_at, last_reconciliation(session, project_id)
    )


def _census(studio: Studio, identity: Identity) -> Census:
    census = studio.census(identity.number)
    made = identity_of(census.project).made
    if identity.made and made and not same_moment(identity.made, made):
        raise OnetagError(
            f"Project {identity.number} at {studio.url} is another one than that which is recorded here.",
            f"Run `onetag connect --project {identity.number}`: it keeps the records of both apart.",
        )
    return census


def _follow_project(
    session: Session, project_id: int, record: _OnRecord, census: Census, report: ReconcileReport
) -> None:
    take_turn(session, project_id)
    project = session.get_one(Project, project_id)
    project.studio_created_at = identity_of(census.project).made or project.studio_created_at
    config = str(census.project["label_config"])
    told = project.config_at if project.config_at != record.config_at else None
    if told is not None and (census.at is None or told > census.at):
        return  # an event has told of a newer one than we have read
    if config != project.label_config:
        with noting(report.problems):
            report.labels = adopt_config(session, project, config, census.at)
    if census.at is not None:
        if project.config_at is None or not timedelta() <= project.config_at - census.at < CLOCK_STEP:
            project.config_at = census.at  # which is told to the second only
        date_labels(session, project_id, census.at)


def _image_field(label_config: str, chosen: Chosen) -> str:
    try:
        return parse_config(label_config, chosen).image_field
    except OnetagError:
        return ""  # told of when the config is followed; until it is mended the tasks stay as they are known


def _since(last: Reconciliation | None, at: datetime | None, now: datetime) -> datetime | None:
    """From when on changes have to be read, by Label Studio's clock; None where everything has to."""
    if last is None or last.until is None or at is None or now - last.full_at >= FULL_EVERY:
        return None
    set_back = at - last.until < now - last.done_at - CLOCK_STEP
    return None if set_back else last.until - OVERLAP


def _compare_changes(
    comparison: Comparison,
    record: _OnRecord,
    since: datetime,
    last: Reconciliation,
    census: Census,
    tell: ReconcileProgress,
) -> bool:
    """Compare what changed since then; False where the numbers tell that something else did, too."""
    explained, found = Counts(last.tasks_apart, last.answers_apart), list[Counts]()
    comparison.report.full = False
    for look in range(LOOKS):
        tell("reading what changed", look / LOOKS)
        for page in comparison.studio.changed_pages(record.identity.number, since):
            tasks = comparison.images(page)
            seen = comparison.answers(page)
            with comparison.store.reading() as session:
                known = live_answers(session, comparison.project_id, tasks)
            comparison.gone_answers(sorted(known - set(seen)))
            comparison.report.tasks += len(tasks)
        found.append(_apart(comparison.store, comparison.project_id, census))
        if found[-1] == explained:
            break
        census = _census(comparison.studio, record.identity)
    tell("reading what changed", 1.0)
    comparison.report.full = found[-1] != explained and found[-1] == found[-2]
    return not comparison.report.full


def _apart(store: Store, project_id: int, census: Census) -> Counts:
    """What Label Studio counts more than is on record."""
    with store.reading() as session:
        return Counts(census.tasks, census.answers) - counts_on_record(session, project_id)


def _compare_all(comparison: Comparison, record: _OnRecord, tell: ReconcileProgress) -> Counts:
    """Compare everything; returns what Label Studio counts more in the end: what cannot be recorded.

    Numbers that differ may also come from what was deleted between its being read and its being recorded;
    then a second time shows it.
    """
    last, apart = record.last, Counts(0, 0)
    for _ in range(2):
        _compare_once(comparison, record.identity.number, tell)
        apart = _apart(comparison.store, comparison.project_id, _census(comparison.studio, record.identity))
        if apart == Counts(0, 0) or (last and apart == Counts(last.tasks_apart, last.answers_apart)):
            break
    return apart


def _compare_once(comparison: Comparison, number: int, tell: ReconcileProgress) -> None:
    """Compare every task and every annotation; what came while it was read is not taken for deleted."""
    report, studio = comparison.report, comparison.studio
    with comparison.store.reading() as session:
        tasks, answers = (
            live_tasks(session, comparison.project_id),
            live_answers(session, comparison.project_id),
        )
    report.tasks = 0
    for page in studio.task_pages(number) if comparison.image_field else ():
        seen = comparison.images(page)
        tasks.difference_update(seen)
        report.tasks += len(seen)
    if comparison.image_field:
        comparison.gone_tasks(tasks)
    tell("reading annotations", 0.0)
    report.annotations = 0
    for page in studio.annotated_pages(number):
        answers.difference_update(comparison.answers(page))
    tell("reading annotations", 1.0)
    comparison.gone_answers(sorted(answers), lambda share: tell("looking for deleted ones", share))
