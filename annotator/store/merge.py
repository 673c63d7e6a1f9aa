"""Two records of one project made one again, nothing lost: every revision, version and event is kept.

Two come about when one project was met at two addresses and taken for two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session, aliased

from annotator.store.bulk import chunked
from annotator.store.last_failures import forget_failures
from annotator.store.layouts import forget_layout
from annotator.store.models import (
    Annotation,
    Base,
    Deletion,
    Image,
    Label,
    ModelVersion,
    Project,
    TrainingRun,
)
from annotator.store.reconciliations import forget_reconciliation
from annotator.store.retiring import retire
from annotator.store.runs import open_run
from annotator.store.states import RunFailure, RunState
from annotator.store.thresholds import retire_doubled
from annotator.store.turns import take_turn
from annotator.store.types import utc_now

PIECE = 500  # annotations looked at together
MERGED_RUN = "Its project was found to be recorded twice; it goes on with the other record."


def merge_projects(session: Session, kept: int, double: int) -> Project:
    """Move everything that the project with the id `double` has to the one with the id `kept`, and delete it.

    Images are the same when their tasks are, labels when their names are, annotations when their numbers are.
    Of two live revisions of one annotation the newer stays, and of two that say the same the first: it knows
    what was shown. A training of `double` that is open ends.
    """
    for project in sorted((kept, double)):
        take_turn(session, project)
    _end_open_run(session, kept, double)
    _merge_labels(session, kept, double)
    _merge_images(session, kept, double)
    _merge_annotations(session, kept, double)
    _merge_deletions(session, kept, double)
    _merge_versions(session, kept, double)
    for project in (kept, double):  # what was compared with the one was not with the other
        forget_reconciliation(session, project)
        forget_failures(session, project)
        forget_layout(session, project)
    for table, column in _references(Project):
        session.execute(update(table).where(column == double).values({column.key: kept}))
    session.execute(delete(Project).where(Project.id == double).execution_options(synchronize_session=False))
    session.expire_all()
    return session.get_one(Project, kept)


def _references(model: type[Base]) -> Iterator[tuple[Any, Any]]:
    """(table, column) of every foreign key to the ids of a model."""
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if any(key.column.table is model.__table__ for key in column.foreign_keys):
                yield table, column


def _end_open_run(session: Session, kept: int, double: int) -> None:
    run = open_run(session, double)
    if run is not None and open_run(session, kept) is not None:
        run.state, run.failure, run.finished_at = RunState.FAILED, RunFailure.LOST, utc_now()
        run.error = MERGED_RUN
        session.flush()


def _merge_labels(session: Session, kept: int, double: int) -> None:
    names = dict(session.execute(select(Label.name, Label.id).where(Label.project_id == kept)).all())
    theirs = session.scalars(select(Label).where(Label.project_id == double)).all()
    same = {label.id: names[label.name] for label in theirs if label.name in names}
    retire_doubled(session, same)
    for table, column in _references(Label):
        for old, new in same.items():
            session.execute(update(table).where(column == old).values({column.key: new}))
    _rename_in_lists(session, double, same)
    session.execute(delete(Label).where(Label.id.in_(same)))
    session.expire_all()


def _rename_in_lists(session: Session, double: int, same: dict[int, int]) -> None:
    for version in session.scalars(select(ModelVersion).where(ModelVersion.project_id == double)):
        version.label_ids = [same.get(label, label) for label in version.label_ids]
    for run in session.scalars(select(TrainingRun).where(TrainingRun.project_id == double)):
        if run.snapshot_labels is not None:
            run.snapshot_labels = [same.get(label, label) for label in run.snapshot_labels]
    session.flush()


def _merge_images(session: Session, kept: int, double: int) -> None:
    """What is said of an image of the double is said of the kept one with the same task."""
    ours, theirs = aliased(Image), aliased(Image)
    pairs = (
        (ours.project_id == kept) & (theirs.project_id == double) & (ours.studio_task == theirs.studio_task)
    )
    same = select(theirs.id).join(ours, pairs)
    for table, column in _references(Image):
        twin = select(ours.id).join(theirs, pairs).where(theirs.id == column).scalar_subquery()
        session.execute(update(table).where(column.in_(same)).values({column.key: twin}))
    session.execute(delete(Image).where(Image.id.in_(same)).execution_options(synchronize_session=False))


def _merge_annotations(session: Session, kept: int, double: int) -> None:
    either = Annotation.project_id.in_((kept, double))
    twice = (
        select(Annotation.studio_annotation)
        .where(either, Annotation.studio_annotation.is_not(None))
        .group_by(Annotation.studio_annotation)
        .having(func.count(Annotation.project_id.distinct()) == 2)
    )
    for numbers in chunked(list(session.scalars(twice)), PIECE):
        chosen = select(Annotation).where(either, Annotation.studio_annotation.in_(numbers))
        revisions: dict[int, list[Annotation]] = {}
        for row in session.scalars(chosen.order_by(Annotation.updated_at, Annotation.id)):
            revisions.setdefault(row.studio_annotation or 0, []).append(row)
        for rows in revisions.values():
            _make_one_history(session, kept, rows)
            for row in rows:  # one piece at a time in memory
                session.expunge(row)


def _make_one_history(session: Session, kept: int, rows: Sequence[Annotation]) -> None:
    """One annotation's revisions of both records, oldest first: at most one stays live, as the last."""
    live = [row for row in rows if row.retired_at is None]
    stays = next((row for row in live if _says(row) == _says(live[-1])), None)
    if stays is not None:
        retire(session, [row for row in live if row is not stays], stays.updated_at)
    ordered = [row for row in rows if row is not stays] + ([stays] if stays is not None else [])
    for number, row in enumerate(ordered, start=1):
        row.revision = -number
    session.flush()
    for number, row in enumerate(ordered, start=1):
        row.revision, row.project_id = number, kept
    session.flush()


def _says(row: Annotation) -> tuple[Any, ...]:
    return row.image_id, row.result, row.skipped, row.annotator


def _merge_deletions(session: Session, kept: int, double: int) -> None:
    ours = select(Deletion.studio_annotation).where(Deletion.project_id == kept)
    known_twice = Deletion.project_id == double, Deletion.studio_annotation.in_(ours)
    session.execute(delete(Deletion).where(*known_twice).execution_options(synchronize_session=False))


def _merge_versions(session: Session, kept: int, double: int) -> None:
    """The versions of both; of the two active ones the pinned one is active, else the newer one."""
    ours, theirs = session.get_one(Project, kept), session.get_one(Project, double)
    names = set(session.scalars(select(ModelVersion.name).where(ModelVersion.project_id == kept)))
    for version in session.scalars(select(ModelVersion).where(ModelVersion.project_id == double)):
        if version.name in names:  # made in the same second by both
            version.name = f"{version.name}-{theirs.key}"
    active = [
        (each.version_pinned, session.get_one(ModelVersion, each.active_version_id).created_at, each)
        for each in (ours, theirs)
        if each.active_version_id is not None
    ]
    if active:
        pinned, _, chosen = max(active, key=lambda one: one[:2])
        ours.active_version_id, ours.version_pinned = chosen.active_version_id, pinned
    theirs.active_version_id = None
    if ours.expected_positives is None:
        ours.expected_positives = theirs.expected_positives
    session.flush()
