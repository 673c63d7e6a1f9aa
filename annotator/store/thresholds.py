"""From which probability on people want labels suggested: kept until they take it back.

What a training chooses is its own affair; a person's threshold holds instead of it, in the version in use and
in all that come.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.store.models import Label, LabelThreshold, ModelVersion, Project
from annotator.store.turns import take_turn
from annotator.store.types import utc_now

NEVER = 1.01
"""Above every probability."""
SAME = 1e-6  # a version keeps its thresholds to the seven digits that a float32 has


def set_threshold(session: Session, label: Label, value: float, by: str | None) -> None:
    """Let a label be suggested from this probability on, or with NEVER not at all, until it is taken back.

    Raises OnetagError for a value that is neither.
    """
    if not (0 < value <= 1 or value == NEVER):
        raise OnetagError(f"{value:g} is no threshold.", "Choose one above 0 and at most 1.")
    take_turn(session, label.project_id)
    _retire(session, label, by)
    session.add(LabelThreshold(label_id=label.id, value=value, set_by=by))


def take_threshold_back(session: Session, label: Label, by: str | None) -> None:
    """Leave the threshold of a label to the trainings again."""
    take_turn(session, label.project_id)
    _retire(session, label, by)


def held_thresholds(session: Session, project_id: int) -> dict[int, LabelThreshold]:
    """What people have set, by the ids of the labels."""
    held = (
        select(LabelThreshold)
        .join(Label, Label.id == LabelThreshold.label_id)
        .where(Label.project_id == project_id, LabelThreshold.retired_at.is_(None))
    )
    return {each.label_id: each for each in session.scalars(held)}


def thresholds_in_force(version: ModelVersion, held: Mapping[int, LabelThreshold]) -> list[float]:
    """The thresholds of a version's labels as people want them, else as its training chose them."""
    learned = version.learned_thresholds or version.thresholds
    return [
        held[label_id].value if label_id in held else chosen
        for label_id, chosen in zip(version.label_ids, learned, strict=True)
    ]


def are_in_force(version: ModelVersion, held: Mapping[int, LabelThreshold]) -> bool:
    """Whether a version suggests by just those."""
    wanted = thresholds_in_force(version, held)
    return all(abs(one - other) < SAME for one, other in zip(version.thresholds, wanted, strict=True))


def projects_to_adjust(session: Session) -> list[int]:
    """The projects whose version in use suggests by other thresholds than people want."""
    active = select(ModelVersion).join(Project, Project.active_version_id == ModelVersion.id)
    return [
        version.project_id
        for version in session.scalars(active.where(ModelVersion.folder != "").order_by(Project.id))
        if version.thresholds and not are_in_force(version, held_thresholds(session, version.project_id))
    ]


def retire_doubled(session: Session, same: Mapping[int, int]) -> None:
    """Before labels are taken for others (`same`: old to new): where both have a threshold, the new one's
    holds.
    """
    live = select(LabelThreshold).where(
        LabelThreshold.label_id.in_({*same, *same.values()}), LabelThreshold.retired_at.is_(None)
    )
    by_label = {each.label_id: each for each in session.scalars(live)}
    for old, new in same.items():
        if old in by_label and new in by_label:
            by_label[old].retired_at = utc_now()
    session.flush()


def _retire(session: Session, label: Label, by: str | None) -> None:
    live = (LabelThreshold.label_id == label.id, LabelThreshold.retired_at.is_(None))
    session.execute(update(LabelThreshold).where(*live).values(retired_at=utc_now(), retired_by=by))
