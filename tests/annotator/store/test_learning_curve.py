"""What answers told of each version, after it was trained."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.store import (
    Image,
    Label,
    ModelVersion,
    Observed,
    Project,
    RunReason,
    RunState,
    Source,
    Store,
    TrainingRun,
    store_vectors,
)
from annotator.store.learning_curve import learning_curve
from annotator.store.shares import Share
from annotator.store.states import Review
from annotator.store.types import utc_now

Annotate = Callable[..., Any]


@pytest.fixture
def project(store: Store, make_project: Callable[..., Project]) -> Project:
    with store.session() as session:
        return make_project(session)


def version(session: Session, project: Project, name: str, vectors: list[list[float]]) -> ModelVersion:
    """A version trained on 7 observations, that suggests from 0.5 on."""
    labels = session.scalars(select(Label).order_by(Label.position)).all()
    made = ModelVersion(
        project_id=project.id,
        name=name,
        labels=[label.name for label in labels],
        label_ids=[label.id for label in labels],
        folder="",
        backbone="none",
        thresholds=[0.5] * len(labels),
    )
    session.add(made)
    session.flush()
    session.add(
        TrainingRun(
            project_id=project.id,
            state=RunState.DONE,
            reason=RunReason.ASKED_FOR,
            observations=7,
            version_id=made.id,
            finished_at=utc_now(),
        )
    )
    images = session.scalars(select(Image.id).order_by(Image.id).limit(len(vectors))).all()
    store_vectors(session, made.id, images, np.array(vectors))
    return made


def test_each_version_is_measured_by_the_answers_that_it_was_shown_for(
    store: Store, project: Project, annotate: Annotate
) -> None:
    with store.session() as session:
        version(session, project, "v0001", [[0.9, 0.1, 0.2], [0.2, 0.9, 0.1], [0.3, 0.2, 0.4]])
        version(session, project, "v0002", [[0.9, 0.1, 0.2], [0.2, 0.9, 0.1], [0.3, 0.2, 0.4]])
        tag = Source.TAG
        checked = {"review": Review.SUGGESTIONS}
        said = [Observed("cat", 1, tag), Observed("dog", -1, Source.REJECTED)]
        annotate(session, project, task=101, number=1, observed=said, suggested=["cat", "dog"], **checked)
        found = [Observed("dog", 1, tag), Observed("cat", 1, Source.CONFIRMED)]
        annotate(session, project, task=102, number=2, observed=found, suggested=["dog", "cat"], **checked)
        annotate(session, project, task=103, number=3, observed=[Observed("tree", 1, tag)], suggested=[])
    with store.reading() as session:
        first, second = learning_curve(session, project.id)
    assert (first.version, first.observations) == ("v0001", 7)
    assert first.right == Share(3, 4)  # cat, dog and cat were there; one dog was not
    assert first.found == Share(2, 3)  # tree had 0.4
    assert second.right == second.found == Share(0, 0)
    assert second.right.value is None


def test_without_a_version_there_is_no_curve(store: Store, project: Project) -> None:
    with store.reading() as session:
        assert learning_curve(session, project.id) == []
