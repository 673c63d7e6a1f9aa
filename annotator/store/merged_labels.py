"""Labels that were merged into others: who says that one is present, says that the other is.

Nothing is said of the other where one is said to be absent. A merged label is archived; it is itself again as
soon as it is back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from annotator.store.models import Annotation, Image, Label, Observation
from annotator.store.records import Observed
from annotator.store.states import Source


@dataclass(frozen=True)
class MergedLabel:
    """A label that was merged once: its name, how results write it, and the name of the label that it counts
    for; None where it is itself again.
    """

    name: str
    written: str
    into: str | None


def merged_labels(session: Session, project_id: int) -> list[MergedLabel]:
    """The labels of a project that were merged; one that went into another merged one counts for the last."""
    made = []
    for each in _merged(session, project_id):
        chain = _chain(session, each)
        made.append(MergedLabel(each.name, each.alias or each.name, chain[-1].name if chain else None))
    return made


def that_mean(session: Session, project_id: int, names: set[str]) -> set[str]:
    """The labels of these names, and those that were merged into one of them."""
    merged = _merged(session, project_id)
    return names | {each.name for each in merged if names & {label.name for label in _chain(session, each)}}


def counted(observed: Sequence[Observed], into: Mapping[str, str]) -> list[Observed]:
    """What one answer makes known, once merged labels count for others. into: those others, by the merged.

    Who ticked the one and not the other meant what both are now: it is present, also where the answer says
    that the other one is absent. A confirmed suggestion of the one was none of the other.

    >>> counted([Observed("pup", 1, Source.TAG), Observed("dog", -1, Source.COMPLETE)], {"pup": "dog"})
    [Observed(label='dog', value=1, source=<Source.TAG: 'tag'>, area=None)]
    """
    present = {each.label for each in observed if each.label not in into and each.value > 0}
    for each in observed:
        if each.label in into and each.value > 0:
            present.add(into[each.label])
    made: dict[str, Observed] = {}
    for each in observed:
        label = into.get(each.label, each.label)
        if each.value < 0 and (each.label in into or label in present):
            continue
        source = Source.ADDED if label != each.label and each.source is Source.CONFIRMED else each.source
        if label == each.label or label not in made:
            made[label] = replace(each, label=label, source=source)
    return list(made.values())


@dataclass(frozen=True)
class MergeNumbers:
    """What merging a label into another one is about.

    present: images of which somebody says that the one is there. known: those of them of which somebody says
    that the other one is there, too. conflicts: those of which the same person says that the other one is
    not. absent: images of which the one is said not to be there, which says nothing of the other. kept:
    statements that the one is there which cannot be read anew, since no answer of Label Studio holds them.
    """

    present: int
    known: int
    conflicts: int
    absent: int
    kept: int


def merge_numbers(session: Session, label: Label, into: Label) -> MergeNumbers:
    """Look at both, live labels of one project."""
    other = aliased(Observation)
    same = (
        other.image_id == Observation.image_id,
        other.label_id == into.id,
        other.retired_at.is_(None),
    )
    person = or_(
        other.annotator == Observation.annotator,
        and_(other.annotator.is_(None), other.annotation_id == Observation.annotation_id),
    )
    present, absent = _said(label, Observation.value > 0), _said(label, Observation.value < 0)
    nowhere = or_(Observation.import_id.is_not(None), Annotation.studio_annotation.is_(None))
    kept = present.outerjoin(Annotation, Annotation.id == Observation.annotation_id).where(nowhere)
    return MergeNumbers(
        present=_images(session, present),
        known=_images(session, present.join(other, and_(*same)).where(other.value > 0)),
        conflicts=_images(session, present.join(other, and_(*same)).where(other.value < 0, person)),
        absent=_images(session, absent),
        kept=session.scalar(kept.with_only_columns(func.count())) or 0,
    )


def _said(label: Label, *conditions: ColumnElement[bool]) -> Select[int]:
    return (
        select(Observation.image_id)
        .join(Image, Image.id == Observation.image_id)
        .where(
            Observation.label_id == label.id,
            Observation.retired_at.is_(None),
            Image.removed_at.is_(None),
            *conditions,
        )
    )


def _images(session: Session, said: Select[int]) -> int:
    return session.scalar(said.with_only_columns(func.count(Observation.image_id.distinct()))) or 0


def _merged(session: Session, project_id: int) -> Sequence[Label]:
    merged = select(Label).where(Label.project_id == project_id, Label.merged_at.is_not(None))
    return session.scalars(merged.order_by(Label.id)).all()


def _chain(session: Session, label: Label) -> list[Label]:
    """The labels that one counts for, one after the other; none where it is itself."""
    chain: list[Label] = []
    while label.merged_into_id is not None:
        label = session.get_one(Label, label.merged_into_id)
        chain.append(label)
    return chain
