"""How right each version was about answers that came after it: nothing that it had learned from.

Every version is asked by what people said of the images on which its suggestions were shown, so each point of
the curve is measured on other answers than the version was trained on (prequential: first tested, then
trained; Dawid 1984, "Present position and potential developments").
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.store.feedback import suggestion_feedback
from annotator.store.models import Annotation, ModelVersion, Observation, TrainingRun
from annotator.store.shares import Share
from annotator.store.states import Source
from annotator.store.vectors import load_vectors, reaches

if TYPE_CHECKING:
    import numpy.typing as npt

VERSIONS = 50  # the newest
ANSWERS = 20_000  # the newest that are looked at


@dataclass(frozen=True)
class Step:
    """What a version turned out to be worth.

    observations: that it was trained on. right: of its suggestions that people checked, those that were
    there. found: of the labels that people named first, those that it would have suggested.
    """

    version: str
    made_at: datetime
    observations: int
    right: Share
    found: Share


def learning_curve(session: Session, project_id: int) -> list[Step]:
    """The newest versions with what the newest answers told of each, the oldest first."""
    newest = select(ModelVersion).where(ModelVersion.project_id == project_id)
    versions = session.scalars(newest.order_by(ModelVersion.id.desc()).limit(VERSIONS)).all()[::-1]
    runs = select(TrainingRun.version_id, TrainingRun.observations).where(
        TrainingRun.version_id.in_([version.derived_from_id or version.id for version in versions])
    )
    trained = dict(session.execute(runs).all())
    feedback = suggestion_feedback(session, project_id, VERSIONS)
    tags = _tags(session, project_id)
    return [
        Step(
            version.name,
            version.created_at,
            trained.get(version.derived_from_id or version.id, 0),
            _share(feedback.values[feedback.version_ids == version.id] > 0),
            _found(session, version, tags[version.name]),
        )
        for version in versions
    ]


def _tags(session: Session, project_id: int) -> dict[str, list[tuple[int, int]]]:
    """The (image, label) that people named first, by the version that was shown."""
    answers = (
        select(Annotation.id)
        .where(Annotation.project_id == project_id, Annotation.retired_at.is_(None))
        .order_by(Annotation.id.desc())
        .limit(ANSWERS)
    )
    named = select(Observation.suggested_version, Observation.image_id, Observation.label_id).where(
        Observation.annotation_id.in_(answers),
        Observation.source == Source.TAG,
        Observation.retired_at.is_(None),
    )
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for version, image, label in session.execute(named):
        if version is not None:
            found[version].append((image, label))
    return found


def _found(session: Session, version: ModelVersion, tags: Sequence[tuple[int, int]]) -> Share:
    """Of these (image, label), those at or above the version's threshold."""
    if not tags:
        return Share()
    image_ids, vectors = load_vectors(session, version.id, sorted({image for image, _ in tags}))
    rows = {image: row for row, image in enumerate(image_ids)}
    columns = {label: column for column, label in enumerate(version.label_ids)}
    reached = [
        reaches(vectors[rows[image], columns[label]], version.thresholds[columns[label]])
        for image, label in tags
        if image in rows and label in columns
    ]
    return _share(np.array(reached, dtype=np.bool_))


def _share(right: npt.NDArray[np.bool_]) -> Share:
    return Share(int(np.count_nonzero(right)), len(right))
