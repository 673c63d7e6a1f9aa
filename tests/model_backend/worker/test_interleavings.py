"""Whatever people do and the wire does with it: in the end the store says what Label Studio says, no more.

Hypothesis makes sequences of what annotators and administrators do on a model of Label Studio
(`tests/annotator/labelstudio/in_memory.py`), of what the wire does with the events (late, lost, doubled, in
another order), of kills in the middle of a batch, and of comparisons, while which people go on.
`SEQUENCES` tells how many run on each engine. After each one:

- a comparison with what changed leaves nothing for one with everything to find;
- a fresh store that knows the labels' moments and compares once says the same of every answer, of what is
  present, and of what was rejected; what it knows to be absent the store knows too;
- what the store knows to be absent besides, and the fresh one too, somebody said who saw the label; but for
  a label that left and came back while nothing at all was heard of it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from annotator.labelstudio.events import process_event
from annotator.labelstudio.reconcile import reconcile
from annotator.store import (
    Annotation,
    Image,
    Label,
    Observation,
    Project,
    Source,
    Store,
    record_event,
    sync_labels,
    waiting_events,
)
from model_backend.worker import inbox
from model_backend.worker.inbox import process_inbox
from tests.annotator.labelstudio.in_memory import InMemory

SEQUENCES = {"sqlite": 700, "postgresql": 350}
LABELS = ("cat", "dog", "tree", "car", "bird", "fox")
Step = tuple[str, int, int]


class Killed(Exception):  # noqa: N818
    """The worker, in the middle of its work."""


class World:
    """A Label Studio, a store, and the wire between them."""

    def __init__(self, store: Store, number: int) -> None:
        self.store = store
        self.studio: Any = InMemory(number, LABELS[:3])
        self.project_id = new_project(store, self.studio)
        for _ in range(2):
            self.studio.add_task()

    def step(self, step: Step) -> None:
        """One thing that happens; the numbers choose of what there is."""
        name, one, other = step
        getattr(self, f"_{name}")(one, other)

    # People

    def _answer(self, one: int, other: int) -> None:
        """An annotator opens a task and submits at once, some seconds later."""
        self._open(one, other)
        self.studio.wait(3)
        self._submit(-1, one * 8 + other)

    def _open(self, one: int, other: int) -> None:
        if (task := self._chosen(self.studio.tasks, other)) is not None:
            self.studio.open(one % 2, task)

    def _edit(self, one: int, other: int) -> None:
        if (number := self._chosen(self.studio.annotations, other)) is not None:
            self.studio.open(one % 2, self.studio.annotations[number]["task"], number)
            self.studio.wait(2)

    def _submit(self, one: int, other: int) -> None:
        if self.studio.pages:
            page = self.studio.pages[one % len(self.studio.pages)]
            first, second = (
                page.labels[other % len(page.labels)],
                page.labels[(other // 8) % len(page.labels)],
            )
            ticked = list(dict.fromkeys([first, second][: 1 + other % 2]))
            self.studio.submit(page, ticked, review=other % 3 > 0, skip=other % 11 == 10)

    def _reload(self, one: int, _other: int) -> None:
        self.studio.reload(one % 2)

    def _delete(self, one: int, other: int) -> None:
        found = [self._chosen(self.studio.annotations, each) for each in (one, other)]
        chosen = {number for number in found if number is not None}
        if chosen:
            self.studio.delete(*sorted(chosen))

    def _star(self, one: int, _other: int) -> None:
        if (number := self._chosen(self.studio.annotations, one)) is not None:
            self.studio.star(number)

    def _tasks(self, one: int, other: int) -> None:
        task = self._chosen(self.studio.tasks, one)
        if other % 4 == 0 and task is not None:
            self.studio.delete_task(task)
        elif other % 4 == 1 and task is not None:
            self.studio.change_data(task)
        else:
            self.studio.add_task(annotated_with=self.studio.labels[0] if other % 4 == 2 else None)

    def _config(self, one: int, other: int) -> None:
        """Add a label, take one away, or rename one."""
        label, others = LABELS[one % len(LABELS)], [each for each in LABELS if each not in self.studio.labels]
        labels = self.studio.labels
        if label not in labels:
            self.studio.configure((*labels, label))
        elif other % 2 and others:
            self.studio.configure(tuple(others[0] if each == label else each for each in labels))
        else:
            self.studio.configure(tuple(each for each in labels if each != label))

    def _wait(self, one: int, _other: int) -> None:
        self.studio.wait([1, 30, 600, 13 * 3600][one % 4])

    # The wire, and the worker

    def _flow(self, _one: int, _other: int) -> None:
        """All events arrive in their order, and are taken in."""
        while self.studio.outbox:
            self._deliver(0, 0)
        self._work(0, 0)

    def _deliver(self, one: int, other: int) -> None:
        """One event arrives, not always the oldest; some arrive twice."""
        if self.studio.outbox:
            place = one % len(self.studio.outbox)
            action, payload = self.studio.outbox[place]
            if other % 5 != 4:
                del self.studio.outbox[place]
            with self.store.session() as session:
                record_event(session, action, payload)

    def _lose(self, one: int, _other: int) -> None:
        if self.studio.outbox:
            del self.studio.outbox[one % len(self.studio.outbox)]

    def _work(self, one: int, _other: int) -> None:
        """Take the inbox in; now and then the worker is killed in the middle of it."""
        if one % 3 == 2:
            with suppress(Killed), self.store.session() as session:
                for each in waiting_events(session, 1 + one % 2):
                    process_event(session, each)
                raise Killed
        process_inbox(self.store)

    def _compare(self, one: int, other: int) -> None:
        """Reconcile, while something else happens after a page was read."""
        meanwhile: list[Callable[[], None]] = [
            lambda: None,
            lambda: self._answer(one, other),
            lambda: self._delete(one, other),
            lambda: self._tasks(one, other),
            lambda: (self._edit(one, other), self._submit(-1, other + 5)),  # type: ignore[list-item, func-returns-value]
            lambda: self._config(one, other),
        ]
        happens = meanwhile[one % len(meanwhile)]

        def once() -> None:
            self.studio.between = lambda: None
            happens()
            if other % 2:
                self._flow(0, 0)

        self.studio.between = once
        reconcile(self.store, self.studio, self.project_id)
        self.studio.between = lambda: None

    @staticmethod
    def _chosen(numbers: dict[int, Any], place: int) -> int | None:
        return sorted(numbers)[place % len(numbers)] if numbers else None


def new_project(store: Store, studio: InMemory, like: int | None = None) -> int:
    """A project for that Label Studio; with the labels of another, and their moments, if there is one."""
    with store.session() as session:
        fresh = Project(
            title="photos",
            label_config=studio.label_config,
            studio_url=f"http://{studio.number}.{like or 0}",
            studio_project=studio.number,
            studio_created_at=studio.made,
        )
        session.add(fresh)
        session.flush()
        if like is None:
            sync_labels(session, fresh, studio.labels)
        for label in session.scalars(select(Label).where(Label.project_id == like)).all():
            columns = ("name", "position", "created_at", "seen_from", "archived_at")
            session.add(Label(project_id=fresh.id, **{name: getattr(label, name) for name in columns}))
        return fresh.id


Cells = set[tuple[int, str, int, str]]


def said(store: Store, project_id: int) -> tuple[dict[str, Any], Cells]:
    """What is on record of live tasks and answers; and (annotation, label, value, source) of live labels."""
    with store.reading() as session:
        live = Image.project_id == project_id, Image.removed_at.is_(None)
        tasks = session.execute(select(Image.studio_task, Image.uri).where(*live)).all()
        answers = session.execute(
            select(Annotation, Image.studio_task).join(Image).where(*live, Annotation.retired_at.is_(None))
        ).all()
        cells = session.execute(
            select(Annotation.studio_annotation, Label.name, Observation.value, Observation.source)
            .select_from(Observation)
            .join(Annotation, Annotation.id == Observation.annotation_id)
            .join(Image, Image.id == Observation.image_id)
            .join(Label, Label.id == Observation.label_id)
            .where(*live, Observation.retired_at.is_(None), Label.archived_at.is_(None))
        )
        labels = select(Label.name).where(Label.project_id == project_id, Label.archived_at.is_(None))
        records = {
            "tasks": sorted(map(tuple, tasks)),
            "labels": list(session.scalars(labels.order_by(Label.position))),
            "answers": sorted(
                (
                    each.studio_annotation,
                    task,
                    str(each.result),
                    each.skipped,
                    each.annotator,
                    each.ground_truth,
                )
                for each, task in answers
            ),
        }
        return records, {(number or 0, name, value, source) for number, name, value, source in cells}


def check(world: World) -> None:
    """The promises of this module's head."""
    store, studio = world.store, world.studio
    reconcile(store, studio, world.project_id)
    report = reconcile(store, studio, world.project_id, full=True)
    assert (bool(report), report.problems) == (False, []), report
    fresh_id = new_project(store, studio, like=world.project_id)
    reconcile(store, studio, fresh_id)
    records, cells = said(store, world.project_id)
    fresh_records, fresh_cells = said(store, fresh_id)
    assert records == fresh_records
    absent, fresh_absent = (
        {each for each in told if each[3] == Source.COMPLETE} for told in (cells, fresh_cells)
    )
    assert cells - absent == fresh_cells - fresh_absent
    assert fresh_absent <= absent
    unheard = came_back_unheard(world)
    for number, label, _value, _source in absent:
        told = label in studio.absent[number] or label in unheard
        assert told, f"nobody said in {number} that there is no {label}"


def came_back_unheard(world: World) -> set[str]:
    """Labels that left and came back while nothing arrived that tells of it, not even a comparison.

    Nothing in Label Studio shows any more that they were away.
    """
    with world.store.reading() as session:
        labels = session.scalars(select(Label).where(Label.project_id == world.project_id)).all()
        came = {each.name: each.seen_from for each in labels if each.created_at is None or each.seen_from}
    at = world.studio.came_at
    return {name for name, known in came.items() if name in at and (known is None or known < at[name])}


people = [
    "answer",
    "answer",
    "answer",
    "open",
    "edit",
    "submit",
    "submit",
    "reload",
    "delete",
    "star",
    "tasks",
]
others = ["config", "config", "wait", "wait", "flow", "flow", "deliver", "deliver", "lose", "work", "compare"]
steps = st.tuples(st.sampled_from(people + others), st.integers(0, 30), st.integers(0, 40))


@pytest.mark.timeout(900)
def test_whatever_happens_the_store_says_in_the_end_what_label_studio_says(
    store: Store, engine_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = count(1)
    monkeypatch.setattr(inbox, "PAUSE_SECONDS", 0)  # nobody else writes here
    if store.file is not None:  # what is tested is not the disk
        event.listen(store.engine, "connect", lambda opened, _: opened.execute("PRAGMA synchronous = OFF"))

    @settings(
        max_examples=SEQUENCES[engine_name],
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(steps, min_size=4, max_size=16))
    def sequence(happening: list[Step]) -> None:
        world = World(store, next(numbers))
        for each in happening:
            world.step(each)
        check(world)

    sequence()
    assert next(numbers) > SEQUENCES[engine_name]
