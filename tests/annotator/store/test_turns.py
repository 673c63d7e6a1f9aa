"""Several who write records of one project at the same time never stand in each other's way for good."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import event, select, text, update
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.store import (
    Annotation,
    Image,
    Project,
    Store,
    retire_annotation,
    sync_images,
    sync_labels,
)
from annotator.store.turns import take_turn

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
Annotate = Callable[..., Annotation | None]
MakeProject = Callable[..., Project]
IMAGES, ROUNDS = 6, 12


def at_once(*works: Callable[[], object]) -> list[BaseException]:
    """Do all of it in threads of their own; returns what went wrong."""
    wrong: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def test_reconcile_and_intake_write_in_opposite_orders(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    """Each transaction writes several images and labels, as a batch of events and a page of tasks do."""
    with store.session() as session:
        project = make_project(session, images=IMAGES)

    def writer(order: list[int], name: str) -> Callable[[], None]:
        def transactions() -> None:
            chance = random.Random(name)
            for round_ in range(ROUNDS):
                with store.session() as session:
                    for number in order:
                        second = 10.0 * round_ + chance.random()
                        task, said = 100 + number, chance.choice(["cat", "dog", "tree"])
                        annotate(session, project, said, number=number, task=task, second=second)
                        time.sleep(0.001)
                    sync_images(session, project.id, {100 + order[0]: f"/data/{chance.random()}.jpg"})
                    retire_annotation(session, project, 50 + order[0], NOON)
                    sync_labels(session, project, ["cat", "dog", "tree"][:: chance.choice([1, -1])])

        return transactions

    numbers = list(range(1, IMAGES + 1))
    assert at_once(writer(numbers, "intake"), writer(numbers[::-1], "reconcile")) == []
    with store.reading() as session:
        live = session.scalars(select(Annotation.studio_annotation).where(Annotation.retired_at.is_(None)))
        assert sorted(number or 0 for number in live) == numbers


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_a_transaction_that_the_engine_undid_for_another_is_done_again(
    store: Store, make_project: MakeProject
) -> None:
    """Two that lock two images in opposite orders, without taking turns: PostgreSQL undoes one of them."""
    with store.session() as session:
        make_project(session, images=2)
    met = threading.Barrier(2)
    tries: list[str] = []

    def writer(order: list[int], name: str) -> Callable[[], None]:
        def work(session: Session) -> None:
            tries.append(name)
            for place, task in enumerate(order):
                session.execute(update(Image).where(Image.studio_task == task).values(digest=name))
                if place == 0 and len(tries) <= 2:
                    met.wait(10)

        return lambda: store.write(work)

    assert at_once(writer([101, 102], "one"), writer([102, 101], "other")) == []
    assert len(tries) == 3
    with store.reading() as session:
        assert len(set(session.scalars(select(Image.digest)))) == 1


def test_other_errors_are_not_tried_again(store: Store) -> None:
    tries: list[int] = []

    def work(session: Session) -> None:
        tries.append(1)
        session.execute(text("SELECT nothing_like_it FROM projects"))

    with pytest.raises(OnetagError):
        store.write(work)
    assert len(tries) == 1


@contextmanager
def counted(store: Store) -> Iterator[list[str]]:
    """The statements that lock a project while this lasts."""
    locks: list[str] = []

    def look(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "FROM projects" in statement:
            locks.append(statement)

    event.listen(store.engine, "before_cursor_execute", look)
    try:
        yield locks
    finally:
        event.remove(store.engine, "before_cursor_execute", look)


def test_a_turn_is_taken_once_a_transaction(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project, other = make_project(session), make_project(session, title="Plants")
    with counted(store) as locks:
        for _ in range(2):
            with store.session() as session:
                take_turn(session, project.id)
                with session.begin_nested():
                    take_turn(session, project.id)
                take_turn(session, project.id)
                take_turn(session, other.id)
    assert len(locks) == 4


def test_what_a_savepoint_locked_is_locked_again_after_it(store: Store, make_project: MakeProject) -> None:
    """PostgreSQL lets go of it where the savepoint is rolled back."""
    with store.session() as session:
        project = make_project(session)
    with counted(store) as locks, store.session() as session:
        savepoint = session.begin_nested()
        take_turn(session, project.id)
        savepoint.rollback()
        take_turn(session, project.id)
    assert len(locks) == 2


def test_whoever_takes_a_turn_reads_what_the_one_before_has_written(
    store: Store, make_project: MakeProject
) -> None:
    with store.session() as session:
        project = make_project(session)
    ours = threading.Event()
    seen: list[str] = []

    def first() -> None:
        with store.session() as session:
            take_turn(session, project.id)
            ours.set()
            time.sleep(0.2)
            session.get_one(Project, project.id).title = "Trees"

    def second() -> None:
        ours.wait(10)
        with store.session() as session:
            known = session.get_one(Project, project.id)
            take_turn(session, project.id)
            seen.append(known.title)

    assert at_once(first, second) == []
    assert seen == ["Trees"]
