"""A label that people rename stays the label that it was, in Label Studio and here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from annotator.errors import OnetagError
from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config, parse_config
from annotator.labelstudio.events import process_event
from annotator.labelstudio.label_changes import LabelChanger
from annotator.labelstudio.projects import get_or_create_project, identity_of
from annotator.labelstudio.reconcile import reconcile
from annotator.labelstudio.replay import replay
from annotator.store import (
    Image,
    Label,
    Observation,
    Project,
    Store,
    live_labels,
    record_event,
    sync_labels,
    waiting_events,
)
from annotator.store.models import FormerName

URL = "http://studio.test"
LABELS = ("cat", "dog", "tree")
MakeProject = Callable[..., Project]


class Standing:
    """Label Studio's project 7, as far as its label config goes."""

    url = URL

    def __init__(self, label_config: str) -> None:
        self.label_config = label_config
        self.failure: OnetagError | None = None

    def project(self, _number: int) -> dict[str, Any]:
        return {"id": 7, "label_config": self.label_config}

    def update_project(self, _number: int, *, label_config: str) -> dict[str, Any]:
        if self.failure is not None:
            raise self.failure
        self.label_config = label_config
        return self.project(7)


class Here:
    """A project in the store, in Label Studio too unless it has none, with three images."""

    def __init__(self, store: Store, studio: Any, label_config: str) -> None:
        self.store, self.studio, self.sent = store, studio, 0
        with store.session() as session:
            where: dict[str, Any] = {"studio_url": URL, "studio_project": 7} if studio else {}
            project = Project(title="photos", label_config=label_config, **where)
            session.add(project)
            session.flush()
            sync_labels(session, project, parse_config(label_config).labels)
            session.add_all(Image(project_id=project.id, studio_task=task, uri="x") for task in (1, 2, 3))
            self.project_id = project.id

    def label(self, name: str) -> Label:
        with self.store.reading() as session:
            return next(each for each in live_labels(session, self.project_id) if each.name == name)

    def rename(self, old: str, new: str) -> None:
        LabelChanger(self.store, self.studio, "Ann").rename(self.label(old), new)

    def event(self, action: str, label_config: str | None = None, **payload: Any) -> None:
        """What Label Studio sends, with the label config that it has or had."""
        config = label_config or self.studio.label_config
        sent = {"action": action, "project": {"id": 7, "label_config": config}, **payload}
        with self.store.session() as session:
            record_event(session, action, sent)
            for each in waiting_events(session, 10):
                process_event(session, each)

    def answer(self, task: int, word: str, label_config: str | None = None) -> None:
        """An annotator tags a task; what is on the page is written as `word`."""
        self.sent += 1
        region = {"id": "r", "from_name": "label", "to_name": "image", "type": "choices", "origin": "manual"}
        annotation = {
            "id": self.sent,
            "task": task,
            "result": [{**region, "value": {"choices": [word]}}],
            "completed_by": 1,
            "created_at": "2031-05-04T12:00:00Z",
            "updated_at": f"2031-05-04T12:00:{self.sent:02}Z",
        }
        self.event("ANNOTATION_CREATED", label_config, annotation=annotation, task={"id": task})

    def known(self) -> list[Any]:
        """(task, label, value) of all that is known."""
        chosen = (
            select(Image.studio_task, Label.name, Observation.value)
            .join_from(Observation, Image, Image.id == Observation.image_id)
            .join(Label, Label.id == Observation.label_id)
            .where(Observation.retired_at.is_(None))
        )
        with self.store.reading() as session:
            return sorted((task, name, value) for task, name, value in session.execute(chosen))


@pytest.fixture
def here(store: Store) -> Here:
    return Here(store, Standing(build_config(LABELS)), build_config(LABELS))


def test_a_renamed_label_keeps_its_number_its_observations_and_its_former_name(here: Here) -> None:
    dog = here.label("dog")
    here.answer(1, "dog")
    here.rename("dog", "  hound ")
    assert parse_config(here.studio.label_config).labels == ("cat", "hound", "tree")
    assert here.label("hound").id == dog.id
    assert here.known() == [(1, "hound", 1)]
    with here.store.reading() as session:
        former = session.scalars(select(FormerName)).one()
        assert (former.label_id, former.name, former.renamed_by) == (dog.id, "dog", "Ann")


def test_an_answer_with_the_old_name_counts_for_the_label_however_late_it_comes(here: Here) -> None:
    old = here.studio.label_config
    here.rename("dog", "hound")
    here.answer(1, "dog", old)  # its event was sent before the label config changed
    here.answer(2, "dog")
    here.event("PROJECT_UPDATED")
    assert here.label("hound")
    assert here.known() == [(1, "hound", 1), (2, "hound", 1)]


def test_the_event_may_be_quicker_than_the_page(here: Here) -> None:
    quick = here.studio.update_project

    def patch(number: int, *, label_config: str) -> dict[str, Any]:
        sent: dict[str, Any] = quick(number, label_config=label_config)
        here.event("PROJECT_UPDATED")
        return sent

    here.studio.update_project = patch
    dog = here.label("dog")
    here.rename("dog", "hound")
    assert here.label("hound").id == dog.id


def test_an_edit_in_label_studio_that_was_not_heard_of_yet_stays(here: Here) -> None:
    here.studio.label_config = build_config((*LABELS, "bird"))
    here.rename("dog", "hound")
    with here.store.reading() as session:
        names = [each.name for each in live_labels(session, here.project_id)]
    assert names == ["cat", "hound", "tree", "bird"]


def test_derived_again_everything_is_as_before(here: Here) -> None:
    here.answer(1, "dog")
    here.rename("dog", "hound")
    here.rename("hound", "puppy")
    here.answer(2, "dog")
    replay(here.store, everything=True)
    assert here.known() == [(1, "puppy", 1), (2, "puppy", 1)]


def test_a_person_who_keeps_the_alias_renames_in_label_studio_too(here: Here) -> None:
    dog = here.label("dog")
    changed = here.studio.label_config.replace('value="dog"', 'value="hound" alias="dog"')
    here.event("PROJECT_UPDATED", changed)
    assert here.label("hound").id == dog.id


def test_a_project_without_label_studio_has_its_labels_renamed_here(store: Store) -> None:
    here = Here(store, None, build_config(LABELS))
    dog = here.label("dog")
    here.rename("dog", "hound")
    assert here.label("hound").id == dog.id


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "no name"),
        ("dog", "called 'dog' already"),
        ("Lion", "Another label is called 'lion'"),
        ("CAT", "Another label was once called 'cat'"),
        ("old", "Another label is called 'old', which has been archived"),
        ("do\u200bg", "cannot be seen"),
        ("$dog", "fields of a task"),
        ("x" * 601, "more than 600"),
    ],
)
def test_what_is_no_new_name_is_refused(here: Here, name: str, why: str) -> None:
    with here.store.session() as session:
        project = session.get_one(Project, here.project_id)
        sync_labels(session, project, ["lion", "dog", "tree", "old"], renamed={"cat": "lion"})
        sync_labels(session, project, ["lion", "dog", "tree"])
    before = here.studio.label_config
    with pytest.raises(OnetagError, match=why):
        here.rename("dog", name)
    assert here.studio.label_config == before


def test_where_label_studio_takes_no_change_nothing_is_changed_here(here: Here) -> None:
    here.studio.failure = OnetagError("It is away.", "Wait.")
    with pytest.raises(OnetagError, match="away"):
        here.rename("dog", "hound")
    assert here.label("dog")
    here.studio = None
    with pytest.raises(OnetagError, match="not known here"):
        here.rename("dog", "hound")


@pytest.mark.studio
def test_a_real_label_studio_shows_the_new_name_and_old_answers_count_on(
    sqlite_store: Store, studio: Studio, new_studio_project: Callable[..., int]
) -> None:
    number = new_studio_project(LABELS, ("data:image/png;base64,a", "data:image/png;base64,b"))
    tasks = sorted(each["id"] for each in studio.tasks(number))
    region = {"id": "r", "from_name": "label", "to_name": "image", "type": "choices", "origin": "manual"}
    tag = [{**region, "value": {"choices": ["dog"]}}]
    studio.annotate(tasks[0], tag)
    sent = studio.project(number)
    with sqlite_store.session() as session:
        project = get_or_create_project(session, studio.url, identity_of(sent), sent["label_config"])
        project_id = project.id
    reconcile(sqlite_store, studio, project_id)
    with sqlite_store.reading() as session:
        dog = session.scalars(select(Label).where(Label.name == "dog")).one()

    LabelChanger(sqlite_store, studio, "Ann").rename(dog, "hound")

    config = studio.project(number)["label_config"]
    assert parse_config(config).labels == ("cat", "hound", "tree")
    studio.validate_config(number, config)  # as its own page asks before it saves
    studio.annotate(tasks[1], tag)  # as every page writes it
    reconcile(sqlite_store, studio, project_id, full=True)
    replay(sqlite_store, everything=True)
    with sqlite_store.reading() as session:
        live = select(Observation.label_id, Observation.value).where(Observation.retired_at.is_(None))
        assert session.execute(live).all() == [(dog.id, 1), (dog.id, 1)]
        assert session.get_one(Label, dog.id).name == "hound"
