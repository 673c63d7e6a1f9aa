"""What fails for a project is told until it succeeds: how often, since when, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import pytest
from sqlalchemy import select

from annotator.errors import OnetagError
from annotator.store import Project, RunFailure, RunReason, Store, claim_run, fail_run, finish_run, queue_run
from annotator.store.last_failures import LastFailure, forget_failures, last_failures, remembered
from annotator.store.models import Failure
from annotator.store.states import Work

MakeProject = Callable[..., Project]
REFUSED = OnetagError("Label Studio refuses the token.", "Run `onetag connect` with another one.")


@pytest.fixture
def project(store: Store, make_project: MakeProject) -> Project:
    with store.session() as session:
        return make_project(session)


def fail(store: Store, project_id: int, work: Work, error: Exception = REFUSED) -> None:
    with pytest.raises(type(error)), remembered(store, project_id, work):
        raise error


def told(store: Store, project: Project) -> list[LastFailure]:
    with store.reading() as session:
        return list(last_failures(session, project.id))


def test_it_is_told_with_its_cure_until_it_succeeds(store: Store, project: Project) -> None:
    fail(store, project.id, Work.PUBLICATION)
    fail(store, project.id, Work.PUBLICATION)
    (failure,) = told(store, project)
    assert (failure.work, failure.error, failure.times) == (Work.PUBLICATION, str(REFUSED), 2)
    assert failure.since < failure.failed_at
    with remembered(store, project.id, Work.PUBLICATION):
        pass
    assert told(store, project) == []


def test_the_newest_comes_first_and_one_success_mends_one(store: Store, project: Project) -> None:
    for work in (Work.RECONCILE, Work.IMAGES, Work.PUBLICATION, Work.RECONCILE):
        fail(store, project.id, work)
    assert [each.work for each in told(store, project)] == [Work.RECONCILE, Work.PUBLICATION, Work.IMAGES]
    with remembered(store, project.id, Work.PUBLICATION):
        pass
    assert [each.work for each in told(store, project)] == [Work.RECONCILE, Work.IMAGES]


def test_what_nobody_can_mend_is_no_failure_of_this_kind(store: Store, project: Project) -> None:
    fail(store, project.id, Work.RECONCILE, ZeroDivisionError())
    assert told(store, project) == []


def test_a_store_that_fails_does_not_hide_what_failed(
    store: Store, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_order() -> NoReturn:
        raise OnetagError("The disk is full.", "Free some space.")

    monkeypatch.setattr(store, "session", out_of_order)
    fail(store, project.id, Work.RECONCILE)


def test_a_project_that_is_not_there_is_no_matter(store: Store) -> None:
    fail(store, 404, Work.RECONCILE)
    with store.reading() as session:
        assert session.scalars(select(Failure)).all() == []


def test_trainings_tell_of_themselves(store: Store, project: Project) -> None:
    for error in ("The first.", "The disk is full. Free some space."):
        with store.session() as session:
            run = queue_run(session, project.id, RunReason.ASKED_FOR)
            assert run is not None
            claim_run(session, run.id)
            fail_run(session, run.id, RunFailure.ERROR, error)
    (failure,) = told(store, project)
    assert (failure.work, failure.times) == (Work.TRAINING, 2)
    assert failure.error == "The disk is full. Free some space."
    assert failure.since < failure.failed_at
    with store.session() as session:
        run = queue_run(session, project.id, RunReason.ASKED_FOR)
        assert run is not None
        claim_run(session, run.id)
        finish_run(session, run.id, version_id=None, observations=1, metrics={})
    assert told(store, project) == []


def test_they_can_be_forgotten(store: Store, project: Project) -> None:
    fail(store, project.id, Work.CLEARING)
    with store.session() as session:
        forget_failures(session, project.id)
    assert told(store, project) == []
