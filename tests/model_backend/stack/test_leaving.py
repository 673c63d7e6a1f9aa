"""Labels that leave: told with their answers, asked about, kept, and there again when they come back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.store import Image, Observed, Project, Source, Store, Submission, record_annotation
from model_backend.stack.leaving import let_leave


@pytest.fixture
def answered(sqlite_store: Store, make_project: Callable[..., Project]) -> Store:
    """A project: one answer says cat and no dog, another dog."""
    with sqlite_store.session() as session:
        project = make_project(session, "cat, dog, tree, car")
        first, second, _ = session.scalars(select(Image).order_by(Image.id)).all()
        record(session, project, first, Observed("cat", 1, Source.TAG), Observed("dog", -1, Source.REJECTED))
        record(session, project, second, Observed("dog", 1, Source.TAG))
    return sqlite_store


def record(session: Session, project: Project, image: Image, *observed: Observed) -> None:
    submission = Submission(
        studio_annotation=image.id,
        result=[],
        skipped=False,
        annotator="ann",
        lead_time=None,
        suggested_version=None,
        suggested=None,
        observed=observed,
        at=datetime.now(UTC),
    )
    record_annotation(session, project, image, submission)


def test_labels_with_answers_are_told_and_asked_about(answered: Store) -> None:
    said: list[str] = []
    asked: list[str] = []

    def yes(question: str) -> bool:
        asked.append(question)
        return True

    let_leave(answered, 1, ["dog", "car"], said.append, yes)
    assert "2 labels leave the project: dog, car." in said[0]
    assert "dog (2 answers: 1 present, 1 absent)" in said[0]
    assert "count again" in said[0]
    assert len(asked) == 1


@pytest.mark.parametrize(("answer", "way_out"), [(None, "--yes"), (False, "Nothing was changed")])
def test_without_a_yes_they_stay(answered: Store, answer: bool | None, way_out: str) -> None:
    with pytest.raises(OnetagError, match=way_out):
        let_leave(answered, 1, ["dog"], lambda _: None, lambda _: answer)


def test_labels_that_no_answer_speaks_of_are_only_told(answered: Store) -> None:
    said: list[str] = []
    let_leave(answered, 1, ["car"], said.append, lambda _: pytest.fail("nobody needs to be asked"))
    assert said == ["1 labels leave the project: car."]
    let_leave(answered, 1, [], said.append, lambda _: pytest.fail("nothing leaves"))
    assert len(said) == 1
