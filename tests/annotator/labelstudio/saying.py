"""People who say on the page what is in pictures, and what the record then holds of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from annotator.labelstudio.events import process_event
from annotator.labelstudio.reconcile import reconcile
from annotator.labelstudio.telling import tell_studio
from annotator.store import (
    Annotation,
    Image,
    Label,
    Observation,
    PageAnnotation,
    Project,
    Store,
    record_event,
    waiting_events,
)
from annotator.store.page_answers import Answered, ImageAnswer, record_answer, undo_answer
from annotator.store.states import Telling

Values = dict[str, int]


def controls_of(annotation: dict[str, Any]) -> dict[str, Any]:
    """What stands in each control of an annotation of Label Studio."""
    return {each["from_name"]: each["value"] for each in annotation["result"]}


def page_controls(values: Values, labels: Sequence[str], who: str) -> dict[str, Any]:
    """How an annotation on our screen says just this: its question about ticks, answered."""
    named = [name for name in labels if name in values]
    there = [name for name in named if values[name] > 0]
    return {
        "onetag_question": {"choices": ["check suggestions"]},
        "onetag_about": {"choices": named},
        "onetag_note": {"text": [f"Said on the page by {who}."]},
        **({"suggested": {"choices": there}} if there else {}),
        "review": {"choices": ["Suggestions checked"]},
    }


class Saying:
    """One project in a store and in Label Studio; `task` is the image that is meant where none is named."""

    def __init__(self, store: Store, studio: Any, project_id: int, task: int) -> None:
        self.store, self.studio, self.project_id, self.task = store, studio, project_id, task

    def say(self, *tasks: int, who: str = "ann", **values: int) -> None:
        """Answer on the page, of all these images at once: `say(cat=1, dog=-1)`."""
        self.answer(values, *tasks, who=who)

    def answer(self, values: Values, *tasks: int, who: str = "ann") -> None:
        """The same, with what is said as a dictionary."""
        with self.store.session() as session:
            project = session.get_one(Project, self.project_id)
            images = session.scalars(select(Image.id).where(Image.studio_task.in_(tasks or [self.task])))
            labels = dict(session.execute(select(Label.name, Label.id)).all())
            present, absent = (
                [labels[name] for name, value in values.items() if value == wanted] for wanted in (1, -1)
            )
            record_answer(session, project, who, [ImageAnswer(image, present, absent) for image in images])

    def undo(self, who: str = "ann") -> Answered:
        """Take back the newest answer."""
        with self.store.session() as session:
            done = undo_answer(session, session.get_one(Project, self.project_id), who)
        assert done is not None
        return done

    def tell(self) -> int:
        """Tell Label Studio."""
        return tell_studio(self.store, self.studio, self.project_id)

    def reconcile(self, *, full: bool = False) -> None:
        """Compare with Label Studio."""
        reconcile(self.store, self.studio, self.project_id, full=full)

    def hear(self, *events: tuple[str, dict[str, Any]]) -> None:
        """These events come, in this order."""
        for action, payload in events:
            with self.store.session() as session:
                record_event(session, action, payload)
        with self.store.session() as session:
            for each in waiting_events(session, 100):
                process_event(session, each)

    def said(self, who: str = "ann", task: int | None = None) -> Values:
        """What a person says of an image, every cell once."""
        with self.store.reading() as session:
            chosen = (
                select(Label.name, Observation.value)
                .join(Label, Label.id == Observation.label_id)
                .join(Image, Image.id == Observation.image_id)
                .where(
                    Observation.annotator == who,
                    Observation.retired_at.is_(None),
                    Image.studio_task == (task or self.task),
                )
            )
            rows = session.execute(chosen).all()
        assert len({name for name, _ in rows}) == len(rows)
        return dict(rows)

    def sources(self) -> set[str]:
        """How all that is known came about."""
        with self.store.reading() as session:
            return set(session.scalars(select(Observation.source).where(Observation.retired_at.is_(None))))

    def states(self) -> list[Telling]:
        """How far Label Studio has been told."""
        with self.store.reading() as session:
            return list(session.scalars(select(PageAnnotation.telling).order_by(PageAnnotation.id)))

    def revisions(self) -> int:
        """How many annotations there are, with their earlier revisions."""
        with self.store.reading() as session:
            return len(session.scalars(select(Annotation.id)).all())
