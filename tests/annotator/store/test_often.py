"""Which labels of a long list have buttons: those that people name most of late, and those that had one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from annotator.store import Annotation, Project, Store, sync_labels
from annotator.store import often as rule
from annotator.store.often import often_chosen

Annotate = Callable[..., Annotation | None]
MakeProject = Callable[..., Project]


def test_what_is_named_most_comes_first_and_once_is_too_little(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog, tree", images=3)
        assert often_chosen(session, project.id) == ()
        annotate(session, project, "dog", "cat", task=101, number=1)
        annotate(session, project, "dog", "cat", task=102, number=2)
        annotate(session, project, "dog", "tree", task=103, number=3)
        assert often_chosen(session, project.id) == ("dog", "cat")


def test_what_is_said_to_be_absent_or_taken_back_earns_nothing(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=2)
        for task in (101, 102):
            annotate(session, project, "-cat", "dog", task=task, number=task)
            annotate(session, project, "-dog", task=task, number=task, second=9)
        assert often_chosen(session, project.id) == ()


def test_who_has_a_button_keeps_it_and_its_place(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog, tree", images=2)
        for task in (101, 102):
            annotate(session, project, "dog", task=task, number=task)
        assert often_chosen(session, project.id, ["tree"]) == ("tree", "dog")


def test_the_newest_count_and_there_is_an_end(
    store: Store, make_project: MakeProject, annotate: Annotate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule, "RECENT", 2)
    monkeypatch.setattr(rule, "MOST", 2)
    with store.session() as session:
        project = make_project(session, "cat, dog, tree", images=4)
        for task, name in ((101, "cat"), (102, "cat"), (103, "dog"), (104, "dog")):
            annotate(session, project, name, task=task, number=task)
        assert often_chosen(session, project.id) == ("dog",)
        assert often_chosen(session, project.id, ["tree", "cat"]) == ("tree", "cat")


def test_a_label_that_left_earns_no_button(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=2)
        for task in (101, 102):
            annotate(session, project, "dog", task=task, number=task)
        sync_labels(session, project, ["cat"])
        assert often_chosen(session, project.id) == ()
