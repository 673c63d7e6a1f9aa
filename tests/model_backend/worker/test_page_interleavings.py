"""Whatever people say on the page and do in Label Studio, in whatever order either hears of it: both agree.

As in `test_interleavings`, with answers and undoings on the page, tellings that are killed just after Label
Studio did what it was asked, and a Label Studio that is away. After each sequence:

- the store says what Label Studio says, as a fresh store reads it there, and nobody has a second annotation;
- where nothing was done in Label Studio itself, that is what a naive model of the page says, label by label.
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

from annotator.labelstudio.errors import LabelStudioUnreachable
from annotator.labelstudio.reconcile import reconcile
from annotator.labelstudio.replay import replay
from annotator.labelstudio.telling import tell_studio
from annotator.labelstudio.told import key_in
from annotator.store import Image, Label, Observation, PageAnnotation, Project, Source, Store
from annotator.store.page_answers import ImageAnswer, record_answer, undo_answer
from annotator.store.states import Telling
from model_backend.worker import inbox
from tests.model_backend.worker.test_interleavings import Killed, Step, World, new_project, said

SEQUENCES = {"sqlite": 40, "postgresql": 20}
PEOPLE = ("ann", "bob")
Values = dict[tuple[int, str], int]  # (task, label): +1 or -1


class PageWorld(World):
    """The same with a page, and a naive model of what is said there: a stack of dictionaries a person."""

    def __init__(self, store: Store, number: int) -> None:
        super().__init__(store, number)
        reconcile(store, self.studio, self.project_id)
        self.stacks: dict[str, list[Values]] = {who: [{}] for who in PEOPLE}

    def _say(self, one: int, other: int) -> None:
        """One of two says that a label or two are there or not, of a task or of both."""
        who, labels = PEOPLE[one % 2], self.studio.labels
        tasks = sorted(self.studio.tasks)[: 1 + other % 2] if other % 3 else sorted(self.studio.tasks)[-1:]
        values = {labels[one % 3]: 1 if other % 4 else -1} | ({labels[other % 3]: -1} if one % 5 == 0 else {})
        with self.store.session() as session:
            project = session.get_one(Project, self.project_id)
            images = select(Image.id).where(Image.project_id == project.id, Image.studio_task.in_(tasks))
            known = dict(
                session.execute(select(Label.name, Label.id).where(Label.project_id == project.id)).all()
            )
            present, absent = (
                [known[name] for name, value in values.items() if value == wanted] for wanted in (1, -1)
            )
            answers = [ImageAnswer(image, present, absent) for image in session.scalars(images)]
            done = record_answer(session, project, who, answers)
        if done.answer_id:
            fresh = {(task, name): value for task in tasks for name, value in values.items()}
            self.stacks[who].append(self.stacks[who][-1] | fresh)

    def _undo(self, one: int, _other: int) -> None:
        who = PEOPLE[one % 2]
        with self.store.session() as session:
            undo_answer(session, session.get_one(Project, self.project_id), who)
        self.stacks[who] = self.stacks[who][:-1] or [{}]

    def _tell(self, one: int, other: int) -> None:
        """Tell Label Studio; now and then the worker is killed after something, or nothing answers."""
        plain = self.studio
        fault = [None, None, Killed(), LabelStudioUnreachable("Nothing answers.", "Start it.")][one % 4]
        asked: Any = plain if fault is None else Faulty(plain, fault, 1 + other % 4)
        with suppress(Killed, LabelStudioUnreachable):
            tell_studio(self.store, asked, self.project_id)

    def _replay(self, _one: int, _other: int) -> None:
        replay(self.store, everything=True)


class Faulty:
    """A Label Studio that does what it is asked `times` times, and with the last one something happens."""

    def __init__(self, studio: Any, fault: Exception, times: int) -> None:
        self._studio, self._fault, self._times = studio, fault, times

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            done = getattr(self._studio, name)(*args, **options)
            self._times -= 1
            if self._times == 0:
                raise self._fault
            return done

        return call


def settle(world: PageWorld) -> None:
    """All events arrive, all is told."""
    for _ in range(2):
        world.step(("flow", 0, 0))
        tell_studio(world.store, world.studio, world.project_id)
    reconcile(world.store, world.studio, world.project_id)
    tell_studio(world.store, world.studio, world.project_id)
    report = reconcile(world.store, world.studio, world.project_id, full=True)
    assert (bool(report), report.problems) == (False, []), report


def check(world: PageWorld) -> None:
    """The first promise of this module's head."""
    store, studio = world.store, world.studio
    settle(world)
    with store.reading() as session:
        live = (
            select(PageAnnotation.telling)
            .join(Image)
            .where(PageAnnotation.project_id == world.project_id, Image.removed_at.is_(None))
        )
        assert set(session.scalars(live)) <= {Telling.TOLD}
    keys = [key for each in studio.annotations.values() if (key := key_in(each["result"]))]
    assert len(set(keys)) == len(keys)
    fresh_id = new_project(store, studio, like=world.project_id)
    reconcile(store, studio, fresh_id)
    (_, cells), (_, fresh_cells) = said(store, world.project_id), said(store, fresh_id)
    told = {each for each in cells if each[3] != Source.COMPLETE}
    assert told == {each for each in fresh_cells if each[3] != Source.COMPLETE}


def on_the_page(world: PageWorld, who: str) -> Values:
    """What a person's annotations say; each cell once."""
    with world.store.reading() as session:
        chosen = (
            select(Image.studio_task, Label.name, Observation.value)
            .join(Image, Image.id == Observation.image_id)
            .join(Label, Label.id == Observation.label_id)
            .where(
                Image.project_id == world.project_id,
                Observation.annotator == who,
                Observation.retired_at.is_(None),
            )
        )
        rows = session.execute(chosen).all()
    values = {(task or 0, name): value for task, name, value in rows}
    assert len(values) == len(rows)
    return values


page = ["say", "say", "say", "say", "undo", "undo", "tell", "tell", "tell"]
wire = ["flow", "deliver", "deliver", "lose", "work", "replay", "wait"]
studio = ["answer", "edit", "submit", "edit", "submit", "delete", "star", "tasks", "compare"]


def sequences(kinds: list[str]) -> Any:
    step = st.tuples(st.sampled_from(kinds), st.integers(0, 30), st.integers(0, 40))
    return st.lists(step, min_size=4, max_size=16)


@pytest.fixture
def numbers(store: Store, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(inbox, "PAUSE_SECONDS", 0)  # nobody else writes here
    if store.file is not None:  # what is tested is not the disk
        event.listen(store.engine, "connect", lambda opened, _: opened.execute("PRAGMA synchronous = OFF"))
    return count(1)


def many(engine_name: str) -> settings:
    return settings(
        max_examples=SEQUENCES[engine_name],
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.timeout(900)
def test_what_is_said_on_the_page_alone_is_as_in_a_naive_model(
    store: Store, engine_name: str, numbers: Any
) -> None:
    @many(engine_name)
    @given(sequences([*page, *wire]))
    def sequence(happening: list[Step]) -> None:
        world = PageWorld(store, next(numbers))
        for each in happening:
            world.step(each)
        check(world)
        assert {who: on_the_page(world, who) for who in PEOPLE} == {
            who: stack[-1] for who, stack in world.stacks.items()
        }

    sequence()


@pytest.mark.timeout(900)
def test_whatever_is_done_in_label_studio_both_agree(store: Store, engine_name: str, numbers: Any) -> None:
    @many(engine_name)
    @given(sequences([*page, *wire, *studio]))
    def sequence(happening: list[Step]) -> None:
        world = PageWorld(store, next(numbers))
        for each in happening:
            world.step(each)
        check(world)
        for who in PEOPLE:
            on_the_page(world, who)

    sequence()
