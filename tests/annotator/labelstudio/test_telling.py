"""Label Studio is told what is said on the page: once, whenever it can be, and what is done there holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import select

from annotator.errors import OnetagError
from annotator.labelstudio.errors import LabelStudioMissing, LabelStudioRefused, LabelStudioUnreachable
from annotator.labelstudio.replay import replay
from annotator.labelstudio.told import key_in
from annotator.store import Image, Observation, Project, Source, Store, sync_labels
from annotator.store.last_failures import last_failures
from annotator.store.states import Telling, Work
from tests.annotator.labelstudio.in_memory import InMemory
from tests.annotator.labelstudio.saying import Saying, Values

LABELS = ("cat", "dog", "tree")


class Killed(Exception):  # noqa: N818
    """The worker, in the middle of its work."""


class Told(Saying):
    """A project in the store and in the Label Studio of memory, with two images."""

    def __init__(self, store: Store, label_config: str | None = None) -> None:
        studio: Any = InMemory(5, LABELS)
        with store.session() as session:
            config = label_config or studio.label_config
            project = Project(title="t", label_config=config, studio_project=5, studio_url="http://in-memory")
            session.add(project)
            session.flush()
            sync_labels(session, project, LABELS)
        super().__init__(store, studio, project.id, task=1)
        self.studio.add_task()
        self.studio.add_task()
        if label_config is None:
            self.reconcile()
        else:
            with store.session() as session:
                session.add_all(
                    Image(project_id=self.project_id, studio_task=task, uri="x") for task in (1, 2)
                )
        self.studio.outbox.clear()

    def flow(self) -> None:
        """Every event comes back, twice."""
        events, self.studio.outbox = self.studio.outbox, []
        self.hear(*events, *events)

    def edit(self, number: int, *ticked: str) -> None:
        """Change the ticks of an annotation in Label Studio."""
        self.studio.open(1, self.studio.annotations[number]["task"], number)
        self.studio.submit(self.studio.pages[-1], list(ticked))

    def there(self) -> list[Values]:
        """What the annotations of the first task in Label Studio say, by our screen."""
        found = []
        for each in self.studio.annotations.values():
            marked = {
                region["from_name"]: set(region["value"].get("choices", ())) for region in each["result"]
            }
            ticked = marked.get("suggested", set())
            values = {
                name: 1 if name in ticked else -1 for name in marked.get("onetag_about", set()) | ticked
            }
            found += [values] if each["task"] == 1 else []
        return found


@pytest.fixture
def told(store: Store) -> Told:
    return Told(store)


@pytest.fixture
def quick(sqlite_store: Store) -> Told:
    return Told(sqlite_store)


def settled(told: Told) -> Iterator[str]:
    """What may come afterwards, and changes nothing."""
    before, revisions = told.said(), told.revisions()
    for name, happens in (
        ("events", told.flow),
        ("reconcile", told.reconcile),
        ("a full one", lambda: told.reconcile(full=True)),
        ("replay", lambda: replay(told.store, everything=True)),
        ("telling", told.tell),
    ):
        happens()
        assert (told.said(), told.revisions()) == (before, revisions), name
        yield name


def test_an_answer_becomes_an_annotation_that_says_the_same(told: Told) -> None:
    told.say(cat=1, dog=-1)
    assert told.tell() == 1
    assert told.there() == [{"cat": 1, "dog": -1}]
    assert told.states() == [Telling.TOLD]
    assert list(settled(told))
    assert told.said() == {"cat": 1, "dog": -1}
    assert told.sources() == {Source.PAGE}
    assert len(told.studio.annotations) == 1


def test_the_answer_stays_its_persons_though_label_studio_has_it_by_another(told: Told) -> None:
    told.say(cat=1)
    told.tell()
    told.flow()
    told.edit(1, "cat", "tree")
    told.flow()
    assert told.said("ann") == {"cat": 1, "tree": 1}
    assert told.said("1") == {}


def test_two_people_make_two_annotations(told: Told) -> None:
    told.say(who="ann", cat=1)
    told.say(who="bob", cat=-1)
    told.tell()
    told.flow()
    assert told.there() == [{"cat": 1}, {"cat": -1}]
    assert (told.said("ann"), told.said("bob")) == ({"cat": 1}, {"cat": -1})


def test_a_second_answer_changes_the_same_annotation(told: Told) -> None:
    told.say(cat=1)
    told.tell()
    told.say(cat=-1, dog=1)
    told.tell()
    assert told.there() == [{"cat": -1, "dog": 1}]
    assert list(settled(told))


def test_several_answers_before_the_first_is_told_are_one_annotation(quick: Told) -> None:
    quick.say(cat=1)
    quick.say(dog=1)
    quick.tell()
    assert [action for action, _ in quick.studio.outbox] == ["ANNOTATION_CREATED"]
    assert quick.there() == [{"cat": 1, "dog": 1}]


def test_undoing_deletes_the_annotation(told: Told) -> None:
    told.say(cat=1)
    told.tell()
    told.undo()
    told.tell()
    assert told.there() == []
    assert list(settled(told))
    assert told.said() == {}


def test_undoing_a_second_answer_has_the_annotation_say_what_it_said_first(told: Told) -> None:
    told.say(cat=1)
    told.tell()
    told.say(cat=-1, dog=1)
    told.tell()
    told.undo()
    told.tell()
    assert told.there() == [{"cat": 1}]
    assert list(settled(told))


def test_what_was_undone_before_it_was_told_is_never_told(quick: Told) -> None:
    quick.say(cat=1)
    quick.undo()
    quick.tell()
    assert quick.studio.outbox == []
    assert quick.states() == [Telling.TOLD]


def test_events_and_comparisons_do_not_undo_an_undoing_that_is_not_told_yet(told: Told) -> None:
    told.say(cat=1)
    told.tell()
    told.undo()
    told.flow()
    told.reconcile(full=True)
    assert told.said() == {}
    told.tell()
    told.flow()
    assert (told.said(), told.there()) == ({}, [])


def test_events_and_comparisons_do_not_overrule_an_answer_that_is_not_told_yet(told: Told) -> None:
    told.say(cat=1)
    told.tell()
    told.say(cat=-1)
    told.flow()
    told.reconcile(full=True)
    assert told.said() == {"cat": -1}
    told.tell()
    assert told.there() == [{"cat": -1}]


def test_the_answer_is_safe_while_label_studio_is_away(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_args: Any, **_options: Any) -> None:
        raise LabelStudioUnreachable("Nothing answers.", "Start it.")

    told.say(cat=1)
    with monkeypatch.context() as patched:
        patched.setattr(told.studio, "annotate", away)
        for _ in range(3):
            with pytest.raises(LabelStudioUnreachable):
                told.tell()
        with told.store.reading() as session:
            assert [each.work for each in last_failures(session, told.project_id)] == [Work.TELLING]
    assert told.said() == {"cat": 1}
    told.tell()
    assert told.there() == [{"cat": 1}]
    with told.store.reading() as session:
        assert last_failures(session, told.project_id) == []


@pytest.mark.parametrize("events_first", [False, True])
def test_killed_between_telling_and_noting_it_is_there_once(told: Told, *, events_first: bool) -> None:
    told.say(cat=1)
    kill_after(told, "annotate")
    if events_first:
        told.flow()
        told.reconcile(full=True)
    told.tell()
    assert told.there() == [{"cat": 1}]
    assert list(settled(told))


def test_killed_after_making_it_it_can_still_be_undone(told: Told) -> None:
    told.say(cat=1)
    kill_after(told, "annotate")
    told.flow()
    told.undo()
    told.tell()
    assert (told.there(), told.said()) == ([], {})
    assert list(settled(told))


@pytest.mark.parametrize("method", ["update_annotation", "delete_annotation"])
def test_killed_after_changing_it_it_is_so_all_the_same(told: Told, method: str) -> None:
    told.say(cat=1)
    told.tell()
    if method == "update_annotation":
        told.say(dog=1)
    else:
        told.undo()
    kill_after(told, method)
    told.flow()
    told.tell()
    assert told.there() == ([{"cat": 1, "dog": 1}] if method == "update_annotation" else [])
    assert list(settled(told))


def test_two_workers_at_once_make_one_annotation(quick: Told) -> None:
    quick.say(cat=1)
    annotate = quick.studio.annotate

    def overtaken(*args: Any, **options: Any) -> Any:
        quick.studio.annotate = annotate
        quick.tell()
        return annotate(*args, **options)

    quick.studio.annotate = overtaken
    quick.tell()
    assert quick.there() == [{"cat": 1}]
    assert quick.states() == [Telling.TOLD]


def test_what_is_changed_in_label_studio_holds(told: Told) -> None:
    told.say(cat=1, dog=1)
    told.tell()
    told.edit(1, "cat", "tree")
    told.flow()
    assert told.said() == {"cat": 1, "dog": -1, "tree": 1}
    assert list(settled(told))
    done = told.undo()
    assert (done.images, done.changed) == ([], 1)
    assert told.said() == {"cat": 1, "dog": -1, "tree": 1}


def test_what_is_deleted_in_label_studio_holds(told: Told) -> None:
    told.say(cat=1)
    told.tell()
    told.flow()
    told.studio.delete(1)
    told.flow()
    assert told.said() == {}
    assert list(settled(told))
    told.say(dog=1)
    told.tell()
    assert (told.said(), told.there()) == ({"dog": 1}, [{"dog": 1}])
    assert list(settled(told))


@pytest.mark.parametrize("heard", [False, True])
def test_an_answer_comes_upon_what_was_changed_there_before_it_is_told(told: Told, *, heard: bool) -> None:
    told.say(cat=1, dog=1)
    told.tell()
    told.flow()
    told.say(cat=-1)
    told.edit(1, "cat", "tree")
    if heard:
        told.flow()
    told.tell()
    assert told.said() == {"cat": -1, "dog": -1, "tree": 1}
    assert told.there() == [told.said()]
    assert list(settled(told))
    told.undo()
    told.tell()
    assert told.said() == {"cat": 1, "dog": -1, "tree": 1}
    assert list(settled(told))


def test_an_answer_is_told_anew_where_the_annotation_was_deleted_before(told: Told) -> None:
    told.say(cat=1)
    told.tell()
    told.say(dog=1)
    told.studio.delete(1)
    told.flow()
    told.tell()
    assert told.said() == {"dog": 1}
    assert told.there() == [{"dog": 1}]
    assert list(settled(told))


def test_an_undoing_does_not_delete_what_was_changed_there_meanwhile(told: Told) -> None:
    told.say(cat=1)
    told.tell()
    told.undo()
    told.edit(1, "cat", "dog")
    told.tell()
    assert told.said() == {"cat": 1, "dog": 1}
    assert list(settled(told))


def test_a_deletion_that_came_before_the_annotation_was_known_holds(told: Told) -> None:
    told.say(cat=1)
    kill_after(told, "annotate")
    told.studio.delete(1)
    told.flow()
    told.tell()
    # It was said on the page, and nothing tells that the deletion came after it.
    assert told.there() == [{"cat": 1}]
    assert list(settled(told))


def test_a_star_given_in_label_studio_makes_it_ground_truth(told: Told) -> None:
    told.say(cat=1)
    told.tell()
    told.studio.star(1)
    told.flow()
    with told.store.reading() as session:
        assert session.scalars(
            select(Observation.ground_truth).where(Observation.retired_at.is_(None))
        ).all() == [True]
    told.say(dog=1)
    told.tell()
    with told.store.reading() as session:
        stars = select(Observation.ground_truth).where(Observation.retired_at.is_(None))
        assert set(session.scalars(stars)) == {True}
    assert list(settled(told))
    assert len(told.undo().images) == 1
    assert len(told.undo().images) == 1
    assert told.said() == {}


def test_one_that_is_refused_keeps_no_other_waiting(told: Told) -> None:
    annotate = told.studio.annotate

    def refuses(task: int, *args: Any, **options: Any) -> Any:
        if task == 1:
            raise LabelStudioRefused("It says no.", "Ask it.", 400)
        return annotate(task, *args, **options)

    told.studio.annotate = refuses
    told.say(1, cat=1)
    told.say(2, cat=1)
    with pytest.raises(OnetagError, match="does not take 1: It says no"):
        told.tell()
    assert told.states() == [Telling.WAITING, Telling.TOLD]
    told.studio.annotate = annotate
    told.tell()
    assert told.states() == [Telling.WAITING, Telling.TOLD], "it waits for a while"


def test_a_copy_made_in_label_studio_is_an_answer_of_its_own(quick: Told) -> None:
    quick.say(cat=1)
    quick.tell()
    copy = quick.studio.annotations[1]["result"]
    quick.studio.annotate(1, copy, unique_id="another")
    quick.flow()
    assert (quick.said("ann"), quick.said("1")) == ({"cat": 1}, {"cat": 1})
    quick.undo()
    quick.tell()
    quick.flow()
    assert (quick.said("ann"), quick.said("1")) == ({}, {"cat": 1})


MANY = (
    '<View><Image name="image" value="$image"/><Choices name="c" toName="image" choice="multiple">'
    + "".join(f'<Choice value="{name}"/>' for name in LABELS)
    + "</Choices></View>"
)


def test_a_plain_list_is_told_what_is_there(sqlite_store: Store) -> None:
    told = Told(sqlite_store, MANY)
    told.say(cat=1, dog=1)
    told.tell()
    assert [each["value"]["choices"] for each in told.studio.annotations[1]["result"]] == [["cat", "dog"]]
    told.studio.outbox.clear()
    replay(told.store, everything=True)
    assert (told.said(), told.sources()) == ({"cat": 1, "dog": 1}, {Source.PAGE})


def test_what_a_plain_list_cannot_say_is_kept_until_a_config_can(sqlite_store: Store) -> None:
    told = Told(sqlite_store, MANY)
    told.say(cat=1)
    told.tell()
    told.say(dog=-1)
    told.tell()
    assert told.studio.annotations == {}
    assert told.states() == [Telling.KEPT]
    assert told.said() == {"cat": 1, "dog": -1}
    told.reconcile()  # finds our screen there now
    told.tell()
    assert told.there() == [{"cat": 1, "dog": -1}]
    assert told.states() == [Telling.TOLD]


def test_the_annotation_tells_whose_answer_it_is(quick: Told) -> None:
    quick.say(cat=1)
    quick.tell()
    result = quick.studio.annotations[1]["result"]
    assert key_in(result)
    assert any(each["value"].get("text") == ["Said on the page by ann."] for each in result)


def kill_after(told: Told, method: str) -> None:
    """Tell, and be killed just after Label Studio did what it was asked."""
    does = getattr(told.studio, method)

    def killing(*args: Any, **options: Any) -> None:
        with suppress(LabelStudioMissing):
            does(*args, **options)
        raise Killed

    setattr(told.studio, method, killing)
    with pytest.raises(Killed):
        told.tell()
    setattr(told.studio, method, does)
