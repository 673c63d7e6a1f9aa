"""The labels of a project follow its label config; a label that leaves it is archived and never lost.

A renamed label stays the label that it was: it keeps its id, and remembers the names that it had.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.label_names import refuse_invisible, refuse_long
from annotator.store.models import FormerName, Image, Label, Observation, Project
from annotator.store.turns import take_turn
from annotator.store.types import utc_now


@dataclass(frozen=True)
class LabelChanges:
    """Names of the labels that came, went and came back."""

    added: tuple[str, ...]
    archived: tuple[str, ...]
    restored: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.archived or self.restored)


def live_labels(session: Session, project_id: int) -> list[Label]:
    """The labels that are not archived, in the order of the label config."""
    chosen = select(Label).where(Label.project_id == project_id, Label.archived_at.is_(None))
    return list(session.scalars(chosen.order_by(Label.position, Label.id)))


def archived(session: Session, project_id: int) -> list[Label]:
    """The labels that are archived, the last one first."""
    chosen = select(Label).where(Label.project_id == project_id, Label.archived_at.is_not(None))
    return list(session.scalars(chosen.order_by(Label.archived_at.desc(), Label.id)))


@dataclass(frozen=True)
class LabelAnswers:
    """A label, with the live answers that say something of it: how many, and what."""

    name: str
    answers: int
    present: int
    absent: int


def archived_labels(session: Session, project_id: int) -> list[LabelAnswers]:
    """The labels that left the label config and that answers speak of, in the order they had there."""
    return labels_in_use(session, Label.project_id == project_id, Label.archived_at.is_not(None))


def labels_in_use(session: Session, *conditions: ColumnElement[bool]) -> list[LabelAnswers]:
    """The labels of these conditions that live answers speak of."""
    labels = session.scalars(select(Label.id).where(*conditions)).all()
    if not labels:  # mostly: and then no observation has to be looked at
        return []
    chosen = (
        select(
            Label.name,
            func.count(Observation.annotation_id.distinct()),
            func.count().filter(Observation.value > 0),
            func.count().filter(Observation.value < 0),
        )
        .join(Observation, Observation.label_id == Label.id)
        .join(Image, Image.id == Observation.image_id)
        .where(Observation.retired_at.is_(None), Image.removed_at.is_(None), Label.id.in_(labels))
        .group_by(Label.id, Label.name, Label.position)
        .order_by(Label.position, Label.id)
    )
    return [LabelAnswers(*row) for row in session.execute(chosen)]


def sync_labels(
    session: Session,
    project: Project,
    names: Sequence[str],
    seen_from: datetime | None = None,
    *,
    renamed: Mapping[str, str] = MappingProxyType({}),
    by: str | None = None,
) -> LabelChanges:
    """Make `names` the live labels of the project, in this order.

    seen_from: from when annotators can see those that come or come back, by Label Studio's clock, if known.
    renamed: new names by the old ones; a label that another name stands for without being named here is an
    old and a new one. by: the person who renamed or archived them.
    Raises OnetagError when there is no name, an empty one, the same one twice, a new one that is too long, or
    one with a character that cannot be seen.
    """
    _check(names)
    take_turn(session, project.id)
    known = _known(session, project.id)
    refuse_long(renamed.values())
    for old, new in renamed.items():
        if old in known and new not in known:
            known[new] = _rename(session, known.pop(old), new, by)
    added = tuple(name for name in names if name not in known)
    refuse_long(added)
    restored = tuple(name for name in names if name in known and known[name].archived_at is not None)
    gone = [label for label in known.values() if label.name not in set(names) and label.archived_at is None]

    now = utc_now()
    for label in gone:
        label.archived_at, label.archived_by = now, by
    for position, name in enumerate(names):
        label = known.get(name) or Label(project_id=project.id, name=name)
        session.add(label)
        if known and name in {*added, *restored}:
            label.created_at, label.seen_from = now, seen_from
        label.position, label.archived_at, label.archived_by = position, None, None
        label.merged_into_id = None
    session.flush()
    return LabelChanges(added, tuple(label.name for label in gone), restored)


def sign_change(session: Session, label: Label, by: str) -> None:
    """Note who renamed or archived a label, of a change that was taken in before that was known.

    label: as it was before the change.
    """
    now = session.get_one(Label, label.id, populate_existing=True)
    if now.archived_at is not None and label.archived_at is None and now.archived_by is None:
        now.archived_by = by
    if now.name != label.name:
        this = (FormerName.label_id == label.id, FormerName.name == label.name)
        unsigned = update(FormerName).where(*this, FormerName.renamed_by.is_(None))
        session.execute(unsigned.values(renamed_by=by))


def date_labels(session: Session, project_id: int, seen_from: datetime) -> None:
    """Note from when labels can be seen that came later and of which that was not known yet."""
    undated = (Label.project_id == project_id, Label.created_at.is_not(None), Label.seen_from.is_(None))
    session.execute(update(Label).where(*undated).values(seen_from=seen_from))


def labels_by_name(session: Session, project_id: int) -> dict[str, Label]:
    """The labels of a project, archived ones too, by every name that they have had.

    A name that is in use means the label that has it, and another one the label that had it last.
    """
    had = (
        select(FormerName.name, Label)
        .join(Label, Label.id == FormerName.label_id)
        .where(Label.project_id == project_id)
        .order_by(FormerName.id)
    )
    return dict(session.execute(had).all()) | _known(session, project_id)


def current_names(session: Session, project_id: int) -> dict[str, str]:
    """What the live labels of a project are called, by every name that they have had."""
    named = labels_by_name(session, project_id)
    return {name: label.name for name, label in named.items() if label.archived_at is None}


@dataclass(frozen=True)
class NamedLabels:
    """Labels that were named by any of the names that they have had.

    now: what they are called, and names that nobody knows. put_away: those that a person archived.
    """

    now: tuple[str, ...]
    put_away: tuple[str, ...] = ()


def labels_named(session: Session, project_id: int, names: Sequence[str]) -> NamedLabels:
    """The labels of these names, each once. One that left the label config by an edit of it may come back by
    its name; one that a person archived may not.
    """
    known = labels_by_name(session, project_id)
    found = {known[name].name if name in known else name: known.get(name) for name in names}
    away = [name for name, label in found.items() if label is not None and label.archived_by is not None]
    return NamedLabels(tuple(name for name in found if name not in away), tuple(away))


def _rename(session: Session, label: Label, name: str, by: str | None) -> Label:
    session.add(FormerName(label_id=label.id, name=label.name, renamed_by=by))
    label.name = name
    session.flush()
    return label


def _known(session: Session, project_id: int) -> dict[str, Label]:
    chosen = select(Label).where(Label.project_id == project_id).order_by(Label.position, Label.id)
    labels = session.scalars(chosen.execution_options(populate_existing=True))
    return {label.name: label for label in labels}


def _check(names: Sequence[str]) -> None:
    if not names:
        raise OnetagError("The label config has no labels.", "Add at least one label.")
    if any(not name.strip() for name in names):
        raise OnetagError("The label config has a label without a name.", "Name it or remove it.")
    refuse_invisible(names)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise OnetagError(
            f"These labels are in the label config twice: {', '.join(twice)}.", "Remove one of each."
        )
