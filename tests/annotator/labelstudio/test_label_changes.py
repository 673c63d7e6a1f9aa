"""A label that people rename stays the label that it was, in Label Studio and here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from annotator.errors import OnetagError
from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config, parse_config
from annotator.labelstudio.label_changes import LabelChanger, can_be_merged
from annotator.labelstudio.projects import get_or_create_project, identity_of
from annotator.labelstudio.reconcile import reconcile
from annotator.labelstudio.replay import replay
from annotator.labelstudio.telling import tell_studio
from annotator.store import (
    Image,
    Label,
    Observation,
    Project,
    Store,
    observed_matrix,
    sync_labels,
)
from annotator.store.labels import archived
from annotator.store.merged_labels import MergeNumbers
from annotator.store.models import FormerName
from annotator.store.page_answers import ImageAnswer, record_answer
from annotator.store.snapshots import take_snapshot
from tests.annotator.labelstudio.in_memory import InMemory
from tests.annotator.labelstudio.standing import URL, Here, Standing

LABELS = ("cat", "dog", "tree")
MakeProject = Callable[..., Project]


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
    old = here.studio.project(7)
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
    with here.store.reading() as session:
        assert session.scalars(select(FormerName.renamed_by)).all() == ["Ann"], "who it was is known"
    here.archive("hound")
    with here.store.reading() as session:
        assert [each.archived_by for each in archived(session, 1)] == ["Ann"]


def test_an_edit_in_label_studio_that_was_not_heard_of_yet_stays(here: Here) -> None:
    here.studio.label_config = build_config((*LABELS, "bird"))
    here.rename("dog", "hound")
    assert here.live() == ["cat", "hound", "tree", "bird"]


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
    here.studio.update_project(7, label_config=changed)
    here.event("PROJECT_UPDATED")
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


def test_an_archived_label_is_left_aside_with_all_that_was_said_of_it(here: Here) -> None:
    here.answer(1, "dog")
    here.archive("dog")
    assert parse_config(here.studio.label_config).labels == ("cat", "tree")
    assert here.live() == ["cat", "tree"]
    with here.store.reading() as session:
        assert [(each.name, each.archived_by) for each in archived(session, here.project_id)] == [
            ("dog", "Ann")
        ]
        matrix = observed_matrix(session, here.project_id)
        assert matrix.label_names == ["cat", "tree"]
        assert not matrix.values.any()
    assert here.known() == [(1, "dog", 1)]


def test_a_label_that_is_back_counts_again_with_what_was_answered_meanwhile(here: Here) -> None:
    old = here.studio.project(7)
    here.answer(1, "dog")
    here.archive("dog")
    here.answer(2, "dog", old)  # from a page that was open; its event is older than the change
    here.event("PROJECT_UPDATED")
    here.answer(3, "dog")  # the same, sent later
    replay(here.store, everything=True)
    here.bring_back("dog")
    assert here.live() == ["cat", "tree", "dog"]
    assert here.known() == [(1, "dog", 1), (2, "dog", 1), (3, "dog", 1)]


def test_a_renamed_label_comes_back_with_the_word_that_answers_write(here: Here) -> None:
    here.rename("dog", "hound")
    here.archive("hound")
    here.answer(1, "dog")
    here.bring_back("hound")
    assert here.known() == [(1, "hound", 1)]
    here.archive("cat")
    here.bring_back("cat")
    assert here.live() == ["tree", "hound", "cat"]


def test_a_training_is_due_without_an_archived_label(here: Here) -> None:
    with here.store.reading() as session:
        before = take_snapshot(session, here.project_id)
    here.archive("dog")
    with here.store.reading() as session:
        assert take_snapshot(session, here.project_id) != before


def test_the_last_label_is_not_archived(here: Here) -> None:
    here.archive("cat")
    here.archive("dog")
    with pytest.raises(OnetagError, match="the only label"):
        here.archive("tree")
    assert here.live() == ["tree"]


def test_who_says_that_a_merged_label_is_there_says_that_the_other_is(here: Here) -> None:
    here.answer(1, "dog")
    here.answer(2, "cat")
    here.merge("dog", "tree")
    assert here.live() == ["cat", "tree"]
    assert here.known() == [(1, "tree", 1), (2, "cat", 1)]
    here.answer(3, "dog")  # from a page that is still open
    replay(here.store, everything=True)
    assert here.known() == [(1, "tree", 1), (2, "cat", 1), (3, "tree", 1)]


def test_within_one_answer_what_is_ticked_is_there_and_absence_says_nothing(here: Here) -> None:
    here.answer(1, "dog", complete=True)
    here.answer(2, "cat", complete=True)
    before = here.known()
    assert before == [
        *((1, name, 1 if name == "dog" else -1) for name in LABELS),
        *((2, name, 1 if name == "cat" else -1) for name in LABELS),
    ]
    with here.store.reading() as session:
        numbers = can_be_merged(session, here.label("dog"), here.label("tree"))
    assert numbers == MergeNumbers(present=1, known=0, conflicts=1, absent=1, kept=0)
    here.merge("dog", "tree")
    merged = [(1, "cat", -1), (1, "tree", 1), (2, "cat", 1), (2, "tree", -1)]
    assert [each for each in here.known() if each[1] != "dog"] == merged
    replay(here.store, everything=True)
    assert [each for each in here.known() if each[1] != "dog"] == merged


def test_brought_back_a_merged_label_is_itself_again(here: Here) -> None:
    here.answer(1, "dog", complete=True)
    here.answer(2, "tree")
    before = here.known()
    here.merge("dog", "tree")
    here.bring_back("dog")
    assert here.known() == before
    here.answer(3, "dog")
    assert here.known() == [*before, (3, "dog", 1)]


def test_a_label_that_went_into_a_merged_one_counts_for_the_last(here: Here) -> None:
    here.answer(1, "dog")
    here.merge("dog", "cat")
    here.merge("cat", "tree")
    assert here.known() == [(1, "tree", 1)]
    here.rename("tree", "oak")
    assert here.known() == [(1, "oak", 1)]
    here.bring_back("cat")
    assert here.known() == [(1, "cat", 1)]
    here.bring_back("dog")
    assert here.known() == [(1, "dog", 1)]


def test_answers_on_the_page_that_label_studio_has_are_merged_and_come_back(sqlite_store: Store) -> None:
    studio: Any = InMemory(7, LABELS, url=URL)
    here = Here(sqlite_store, studio, build_config(LABELS))
    for _ in range(3):
        studio.add_task()
    ids = {name: here.label(name).id for name in LABELS}
    with sqlite_store.session() as session:
        project = session.get_one(Project, here.project_id)
        image = session.scalars(select(Image.id).where(Image.studio_task == 1)).one()
        record_answer(session, project, "Ann", [ImageAnswer(image, [ids["dog"]], [ids["tree"], ids["cat"]])])
    here.studio = Standing(build_config(LABELS))
    with pytest.raises(OnetagError, match="1 statements stand"):
        here.merge("dog", "tree")
    tell_studio(sqlite_store, studio, here.project_id)
    before = here.known()
    here.merge("dog", "tree")
    assert here.known() == [(1, "cat", -1), (1, "tree", 1)]
    here.bring_back("dog")
    assert here.known() == before == [(1, "cat", -1), (1, "dog", 1), (1, "tree", -1)]


def test_an_event_that_is_older_than_the_merge_does_not_undo_it(here: Here) -> None:
    old = here.studio.project(7)
    here.merge("dog", "tree")
    here.answer(1, "dog", old)
    here.event("PROJECT_UPDATED")
    assert here.live() == ["cat", "tree"]
    assert here.known() == [(1, "tree", 1)]


def test_a_label_is_not_merged_into_itself(here: Here) -> None:
    with pytest.raises(OnetagError, match="into itself"):
        here.merge("dog", "dog")


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
        hound = session.get_one(Label, dog.id)
        assert hound.name == "hound"

    LabelChanger(sqlite_store, studio, "Ann").archive(hound)
    assert parse_config(studio.project(number)["label_config"]).labels == ("cat", "tree")
    with sqlite_store.reading() as session:
        hound = session.get_one(Label, dog.id)
    LabelChanger(sqlite_store, studio, "Ann").bring_back(hound)
    reconcile(sqlite_store, studio, project_id, full=True)
    with sqlite_store.reading() as session:
        assert parse_config(session.get_one(Project, project_id).label_config).labels == (
            "cat",
            "tree",
            "hound",
        )
        assert session.execute(live).all() == [(dog.id, 1), (dog.id, 1)]
        tree = session.scalars(select(Label).where(Label.name == "tree")).one()

    LabelChanger(sqlite_store, studio, "Ann").merge(hound, tree)
    studio.annotate(tasks[1], tag)
    reconcile(sqlite_store, studio, project_id, full=True)
    replay(sqlite_store, everything=True)
    with sqlite_store.reading() as session:
        assert set(session.execute(live).all()) == {(tree.id, 1)}
        assert len(session.execute(live).all()) == 3
