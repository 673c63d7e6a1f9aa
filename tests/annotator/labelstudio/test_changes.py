"""A comparison reads what changed, and everything where that may not be enough."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from annotator.labelstudio.comparing import ReconcileReport
from annotator.labelstudio.reconcile import reconcile
from annotator.store import Annotation, Image, Project, Reconciliation, Store, sync_labels
from annotator.store.reconciliations import forget_reconciliation
from tests.annotator.labelstudio.in_memory import InMemory

LABELS = ("cat", "dog", "tree")


class Compared:
    """A project in both, compared in full once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.studio: Any = InMemory(5, LABELS)
        with store.session() as session:
            project = Project(
                title="t", label_config=self.studio.label_config, studio_project=5, studio_url="http://in"
            )
            session.add(project)
            session.flush()
            sync_labels(session, project, LABELS)
            self.project_id = project.id
        for _ in range(5):
            self.studio.add_task()
        for task in (1, 2, 3):
            self.answer(task)
        self.studio.wait(3600)
        assert self.compare().full
        self.studio.wait(3600)

    def answer(self, task: int, label: str = "cat") -> None:
        self.studio.open(1, task)
        self.studio.wait(2)
        self.studio.submit(self.studio.pages[-1], [label])

    def edit(self, number: int, label: str) -> None:
        self.studio.open(1, self.studio.annotations[number]["task"], number)
        self.studio.submit(self.studio.pages[-1], [label])

    def compare(self, *, full: bool = False) -> ReconcileReport:
        return reconcile(self.store, self.studio, self.project_id, full=full)

    def agreed(self) -> bool:
        return not reconcile(self.store, self.studio, self.project_id, full=True)

    def ago(self, **columns: datetime) -> None:
        with self.store.session() as session:
            session.execute(update(Reconciliation).values(**columns))

    def last(self) -> Reconciliation:
        with self.store.reading() as session:
            return session.scalars(select(Reconciliation)).one()


@pytest.fixture
def compared(store: Store) -> Compared:
    return Compared(store)


def test_with_nothing_new_no_task_is_read(compared: Compared) -> None:
    report = compared.compare()
    assert (report.full, report.tasks, report.annotations, bool(report)) == (False, 0, 0, False)


def test_what_was_done_to_an_answer_is_found_among_what_changed(compared: Compared) -> None:
    compared.edit(1, "dog")
    compared.studio.star(2)
    compared.answer(4)
    compared.studio.add_task(annotated_with="tree")
    compared.studio.change_data(5)
    report = compared.compare()
    assert (report.full, report.tasks, report.recorded) == (False, 5, 4)
    assert (report.images_added, report.images_changed) == (1, 1)
    assert compared.agreed()


def test_a_deleted_answer_of_a_task_is_found_among_what_changed(compared: Compared) -> None:
    compared.studio.delete(2)
    report = compared.compare()
    assert (report.full, report.retired) == (False, 1)
    assert compared.agreed()


def test_a_star_that_went_without_an_event_is_found(compared: Compared) -> None:
    """Label Studio takes it from the task's other answers, whose own moment does not change."""
    compared.studio.open(2, 1)
    compared.studio.submit(compared.studio.pages[-1], ["dog"])
    compared.studio.star(1)
    compared.compare()
    compared.studio.wait(600)
    compared.studio.star(4)
    assert compared.compare().recorded == 2
    assert compared.agreed()


def test_deleted_tasks_are_told_by_the_numbers_alone(compared: Compared) -> None:
    compared.studio.delete_task(2)
    report = compared.compare()
    assert (report.full, report.images_removed) == (True, 1)
    assert not compared.compare().full


def test_an_answer_that_the_store_lost_is_told_by_the_numbers(compared: Compared) -> None:
    with compared.store.session() as session:
        lost = select(Annotation).where(Annotation.studio_annotation == 3)
        session.scalars(lost).one().retired_at = datetime.fromisoformat("2031-01-01T00:00:00+00:00")
    report = compared.compare()
    assert (report.full, report.recorded) == (True, 1)
    assert not compared.compare().full


def test_a_clock_that_was_set_back_has_everything_read(compared: Compared) -> None:
    compared.studio.now -= timedelta(hours=2)
    compared.edit(1, "dog")
    report = compared.compare()
    assert (report.full, report.recorded) == (True, 1)


def test_once_a_day_everything_is_read(compared: Compared) -> None:
    compared.ago(full_at=compared.last().full_at - timedelta(days=1))
    assert compared.compare().full
    assert not compared.compare().full


def test_what_changed_between_a_backup_and_its_return_only_a_full_one_finds(compared: Compared) -> None:
    earlier = compared.studio.annotations[1].copy()
    compared.edit(1, "dog")
    compared.compare()
    compared.studio.wait(3600)
    compared.compare()
    compared.studio.annotations[1] = earlier  # the numbers stay as they are, and so do the moments
    assert not compared.compare()
    report = compared.compare(full=True)
    assert (report.full, report.recorded) == (True, 1)


def test_another_image_field_has_everything_read(compared: Compared) -> None:
    with compared.store.session() as session:
        forget_reconciliation(session, compared.project_id)
    assert compared.compare().full


def test_what_cannot_be_recorded_is_no_reason_to_read_everything_again(compared: Compared) -> None:
    compared.studio.tasks[9] = {"id": -9, "data": {}, "updated_at": compared.studio.tasks[1]["updated_at"]}
    assert compared.compare().full
    last = compared.last()
    assert (last.tasks_apart, last.answers_apart) == (1, 0)
    assert not compared.compare().full


def test_what_is_deleted_while_it_is_read_is_gone_with_the_next_comparison(compared: Compared) -> None:
    compared.studio.add_task()

    def delete() -> None:
        compared.studio.between = lambda: None
        compared.studio.delete_task(6)

    compared.studio.between = delete
    compared.compare()
    assert compared.compare().images_removed == 1
    with compared.store.reading() as session:
        live = select(Image.studio_task).where(Image.removed_at.is_(None)).order_by(Image.studio_task)
        assert list(session.scalars(live)) == [1, 2, 3, 4, 5]
