"""What a version suggests, and which images to ask about first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from annotator.store.bulk import chunked, upsert
from annotator.store.models import Annotation, Image, ModelVersion, Suggestion
from annotator.store.states import Question
from annotator.store.types import utc_now
from annotator.store.unused import done
from annotator.store.vectors import load_vectors


@dataclass(frozen=True)
class Suggested:
    """What is asked of one image: the lowest `score` first, turns are taken by `cluster`.

    labels: those suggested, or, where `question` asks by name, those that it names.
    """

    image_id: int
    labels: list[str]
    score: float
    cluster: int
    question: Question = Question.TAG


def store_suggestions(session: Session, version_id: int, suggested: Iterable[Suggested]) -> None:
    """Store what a version suggests, replacing what it suggested for the same images."""
    rows = [{"version_id": version_id, "pushed_at": None, **asdict(each)} for each in suggested]
    upsert(session, Suggestion, rows)


def next_suggestions(session: Session, version_id: int, limit: int) -> list[tuple[int, Suggestion]]:
    """The (task, suggestion) of the images to ask first: live, with a task, not answered or skipped yet."""
    chosen = (
        select(Image.studio_task, Suggestion)
        .join(Image, Image.id == Suggestion.image_id)
        .where(*_to_ask(version_id))
        .order_by(Suggestion.score, Suggestion.image_id)
        .limit(limit)
    )
    return [(task, suggestion) for task, suggestion in session.execute(chosen) if task is not None]


def chances_of(
    session: Session, version: ModelVersion, suggestions: Sequence[Suggestion | Suggested]
) -> dict[int, dict[str, float]]:
    """What a version gives each label that it suggests, by image; nothing for images without a vector."""
    image_ids, vectors = load_vectors(session, version.id, sorted({each.image_id for each in suggestions}))
    rows, columns = dict(zip(image_ids, vectors, strict=True)), list(version.labels)
    return {
        each.image_id: {
            name: float(rows[each.image_id][columns.index(name)]) for name in each.labels if name in columns
        }
        for each in suggestions
        if each.image_id in rows
    }


def suggestions_left(session: Session, version_id: int) -> int:
    """How many images are left to ask of those that a version has a suggestion for."""
    chosen = select(func.count()).select_from(Suggestion).join(Image, Image.id == Suggestion.image_id)
    return session.scalar(chosen.where(*_to_ask(version_id))) or 0


def _to_ask(version_id: int) -> tuple[ColumnElement[bool], ...]:
    answered = select(Annotation.id).where(
        Annotation.image_id == Suggestion.image_id, Annotation.retired_at.is_(None), done()
    )
    return (
        Suggestion.version_id == version_id,
        Image.studio_task.is_not(None),
        Image.removed_at.is_(None),
        ~answered.exists(),
    )


def mark_pushed(session: Session, version_id: int, image_ids: Sequence[int]) -> None:
    """Note that Label Studio now has these suggestions."""
    for piece in chunked(image_ids):
        pushed = (Suggestion.version_id == version_id, Suggestion.image_id.in_(piece))
        session.execute(update(Suggestion).where(*pushed).values(pushed_at=utc_now()))
