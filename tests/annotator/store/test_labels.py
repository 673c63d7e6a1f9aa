"""The labels follow the label config; what leaves it is archived."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import func, select

from annotator.errors import OnetagError
from annotator.store import Label, LabelChanges, Project, Store, live_labels, sync_labels
from annotator.store.labels import NamedLabels, current_names, labels_by_name, labels_named
from annotator.store.models import FormerName

MakeProject = Callable[..., Project]


def names(labels: Sequence[Label]) -> list[str]:
    return [label.name for label in labels]


def test_labels_keep_the_order_of_the_config(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session, "tree, cat, dog")
        assert names(live_labels(session, project.id)) == ["tree", "cat", "dog"]
        assert not sync_labels(session, project, ["dog", "tree", "cat"])
        assert names(live_labels(session, project.id)) == ["dog", "tree", "cat"]


def test_a_removed_label_is_archived_and_comes_back_as_itself(
    store: Store, make_project: MakeProject
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog")
        before = {label.name: label.id for label in live_labels(session, project.id)}
        assert sync_labels(session, project, ["cat"]) == LabelChanges((), ("dog",), ())
        assert names(live_labels(session, project.id)) == ["cat"]
        assert sync_labels(session, project, ["dog", "cat"]) == LabelChanges((), (), ("dog",))
        assert {label.name: label.id for label in live_labels(session, project.id)} == before


def test_another_name_alone_makes_another_label(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog")
        assert sync_labels(session, project, ["cat", "hound"]) == LabelChanges(("hound",), ("dog",), ())
        assert session.scalar(select(func.count(Label.id))) == 3


def test_a_renamed_label_is_found_by_every_name_that_it_had(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog")
        dog = live_labels(session, project.id)[1].id
        assert not sync_labels(session, project, ["cat", "hound"], renamed={"dog": "hound"}, by="Ann")
        sync_labels(session, project, ["cat", "puppy"], renamed={"hound": "puppy"})
        assert {name: each.id for name, each in labels_by_name(session, project.id).items()} == {
            "cat": live_labels(session, project.id)[0].id,
            **dict.fromkeys(("dog", "hound", "puppy"), dog),
        }
        assert current_names(session, project.id)["dog"] == "puppy"
        former = session.scalars(select(FormerName).order_by(FormerName.id))
        assert [(each.name, each.renamed_by) for each in former] == [("dog", "Ann"), ("hound", None)]


def test_labels_may_be_named_as_they_were_but_not_brought_back_where_a_person_archived_them(
    store: Store, make_project: MakeProject
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog, tree, owl")
        sync_labels(session, project, ["cat", "hound", "tree", "owl"], renamed={"dog": "hound"})
        sync_labels(session, project, ["cat", "hound", "tree"])
        sync_labels(session, project, ["cat", "hound"], by="Ann")
        named = labels_named(session, project.id, ["tree", "dog", "hound", "owl", "new", "cat"])
        assert named == NamedLabels(("hound", "owl", "new", "cat"), ("tree",))
        assert labels_named(session, project.id, []) == NamedLabels(())


def test_a_name_in_use_means_the_label_that_has_it(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog")
        sync_labels(session, project, ["cat", "hound"], renamed={"dog": "hound"})
        sync_labels(session, project, ["cat", "hound", "dog"])
        assert current_names(session, project.id) == {"cat": "cat", "hound": "hound", "dog": "dog"}


def test_a_name_that_an_archived_label_has_is_not_taken_from_it(
    store: Store, make_project: MakeProject
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog")
        dog = live_labels(session, project.id)[1].id
        sync_labels(session, project, ["cat"])
        assert sync_labels(session, project, ["dog"], renamed={"cat": "dog"}).restored == ("dog",)
        assert [each.id for each in live_labels(session, project.id)] == [dog]


def test_names_are_kept_to_the_letter(store: Store, make_project: MakeProject) -> None:
    odd = ['5" & <more>', "naïve", "日本", "a;b|c", "Cat", "cat", " spaced "]
    with store.session() as session:
        sync_labels(session, project := make_project(session), odd)
        assert names(live_labels(session, project.id)) == odd


def test_five_hundred_labels(store: Store, make_project: MakeProject) -> None:
    many = [f"label {number}" for number in range(500)]
    with store.session() as session:
        project = make_project(session, "one")
        assert len(sync_labels(session, project, many).added) == 500
        assert names(live_labels(session, project.id)) == many


@pytest.mark.parametrize(
    ("wrong", "told"),
    [([], "has no labels"), (["cat", " "], "without a name"), (["cat", "dog", "cat"], "twice: cat")],
)
def test_what_is_no_set_of_labels_is_refused(
    store: Store, make_project: MakeProject, wrong: list[str], told: str
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog")
        with pytest.raises(OnetagError, match=told):
            sync_labels(session, project, wrong)
        assert names(live_labels(session, project.id)) == ["cat", "dog"]


def test_projects_do_not_share_labels(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        first, second = make_project(session, "cat"), make_project(session, "cat", title="Plants")
        ids = [live_labels(session, project.id)[0].id for project in (first, second)]
        assert len(set(ids)) == 2


def test_a_label_that_joins_later_remembers_when(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog")
        sync_labels(session, project, ["cat", "bird"])
        added = dict(session.execute(select(Label.name, Label.created_at)).all())
    assert (added["cat"], added["dog"]) == (None, None)
    assert added["bird"] is not None


def test_a_label_with_a_character_that_cannot_be_seen_is_refused(
    store: Store, make_project: MakeProject
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog")
        with pytest.raises(OnetagError, match=r"U\+200B ZERO WIDTH SPACE"):
            sync_labels(session, project, ["cat", "do\u200bg"])
