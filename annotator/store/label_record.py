"""What is on record of one label, in numbers: what a change of it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annotator.store.label_cells import unknown_estimates
from annotator.store.models import FormerName, Image, Label, ModelVersion, Observation
from annotator.store.states import Source
from annotator.store.vectors import reaches
from annotator.store.versions import active_version


@dataclass(frozen=True)
class Kind:
    """Live observations of one kind: how they came about, and on how many images present and absent."""

    source: Source
    present: int
    absent: int


@dataclass(frozen=True)
class LabelRecord:
    """images: live ones of which anything is said of the label. kinds: the observations of them, the most
    first. suggestions: images of which it is unknown and on which the version in use suggests it. versions:
    how many estimate the label. former: names that it had, the oldest first.
    """

    images: int
    kinds: Sequence[Kind]
    suggestions: int
    versions: int
    former: Sequence[FormerName]

    @property
    def observations(self) -> int:
        """All of them."""
        return sum(kind.present + kind.absent for kind in self.kinds)


def label_record(session: Session, label: Label) -> LabelRecord:
    """Look at one label, archived ones too."""
    live = (
        select(Observation)
        .join(Image, Image.id == Observation.image_id)
        .where(Observation.label_id == label.id, Observation.retired_at.is_(None), Image.removed_at.is_(None))
    )
    images = session.scalar(live.with_only_columns(func.count(Observation.image_id.distinct())))
    counted = live.with_only_columns(
        Observation.source,
        func.count().filter(Observation.value > 0),
        func.count().filter(Observation.value < 0),
    ).group_by(Observation.source)
    kinds = [Kind(*row) for row in session.execute(counted)]
    of_project = select(ModelVersion.label_ids).where(ModelVersion.project_id == label.project_id)
    former = select(FormerName).where(FormerName.label_id == label.id).order_by(FormerName.id)
    return LabelRecord(
        images=images or 0,
        kinds=sorted(kinds, key=lambda kind: (-kind.present - kind.absent, kind.source)),
        suggestions=_suggestions(session, label),
        versions=sum(label.id in label_ids for label_ids in session.scalars(of_project)),
        former=session.scalars(former).all(),
    )


def _suggestions(session: Session, label: Label) -> int:
    version = active_version(session, label.project_id)
    if version is None or label.id not in version.label_ids or not version.thresholds:
        return 0
    threshold = version.thresholds[version.label_ids.index(label.id)]
    return int(reaches(unknown_estimates(session, label, version), threshold).sum())
