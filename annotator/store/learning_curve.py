"""How right each version was about answers that came after it: nothing that it had learned from.

Every version is asked by what people said of the images on which its suggestions were shown, so each point of
the curve is measured on other answers than the version was trained on (prequential: first tested, then
trained; Dawid 1984, "Present position and potential developments").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.store.feedback import suggestion_feedback
from annotator.store.models import ModelVersion, Observation, TrainingRun
from annotator.store.shares import Share
from annotator.store.states import Source
from annotator.store.vectors import load_vectors

VERSIONS = 50  # the newest
TAGS_AT_ONCE = 500  # of one version, the newest: enough for an interval of four points


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
    """The newest versions with what answers told of each, the oldest first."""
    newest = select(ModelVersion).where(ModelVersion.project_id == project_id)
    versions = session.scalars(newest.order_by(ModelVersion.id.desc()).limit(VERSIONS)).all()[::-1]
    trained = dict(
        session.execute(
            select(TrainingRun.version_id, TrainingRun.observations).where(
                TrainingRun.version_id.in_([version.id for version in versions])
            )
        ).all()
    )
    feedback = suggestion_feedback(session, project_id, VERSIONS)
    return [
        Step(
            version.name,
            version.created_at,
            trained.get(version.id, 0),
            _share(feedback.values[feedback.version_ids == version.id] > 0),
            _found(session, version),
        )
        for version in versions
    ]


def _found(session: Session, version: ModelVersion) -> Share:
    """Of the labels that people named first while the version was shown, those at or above its threshold."""
    named = (
        select(Observation.image_id, Observation.label_id)
        .where(
            Observation.label_id.in_(version.label_ids),
            Observation.suggested_version == version.name,
            Observation.source == Source.TAG,
            Observation.retired_at.is_(None),
        )
        .order_by(Observation.id.desc())
        .limit(TAGS_AT_ONCE)
    )
    tags = session.execute(named).all()
    image_ids, vectors = load_vectors(session, version.id, sorted({image for image, _ in tags}))
    rows = {image: row for row, image in enumerate(image_ids)}
    columns = {label: column for column, label in enumerate(version.label_ids)}
    return _share(
        [
            vectors[rows[image], columns[label]] >= version.thresholds[columns[label]]
            for image, label in tags
            if image in rows
        ]
    )


def _share(right: Sequence[bool] | np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Share:
    return Share(int(np.sum(right)), len(right))
