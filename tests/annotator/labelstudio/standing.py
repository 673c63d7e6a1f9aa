"""A project whose labels people change: in the store and, as far as that goes, in Label Studio."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from annotator.errors import OnetagError
from annotator.labelstudio.config import ALL_LABELS_MARKED, parse_config
from annotator.labelstudio.events import process_event
from annotator.labelstudio.label_changes import LabelChanger
from annotator.labelstudio.listing import Census
from annotator.store import (
    Image,
    Label,
    Observation,
    Project,
    Store,
    live_labels,
    record_event,
    sync_labels,
    waiting_events,
)
from annotator.store.labels import archived
from annotator.store.models import Base

URL = "http://studio.test"


class Standing:
    """Label Studio's project 7, as far as its label config goes."""

    url = URL

    def __init__(self, label_config: str) -> None:
        self.label_config = label_config
        self.saved = datetime(2031, 5, 4, 12, tzinfo=UTC)
        self.failure: OnetagError | None = None

    def project(self, _number: int) -> dict[str, Any]:
        return {"id": 7, "label_config": self.label_config, "updated_at": self.saved.isoformat()}

    def census(self, number: int) -> Census:
        return Census(self.project(number), 0, 0, self.saved)

    def update_project(self, number: int, *, label_config: str) -> dict[str, Any]:
        if self.failure is not None:
            raise self.failure
        self.label_config, self.saved = label_config, self.saved + timedelta(seconds=1)
        return self.project(number)


class Here:
    """A project in the store, in Label Studio too unless it has none, with three images."""

    def __init__(self, store: Store, studio: Any, label_config: str) -> None:
        self.store, self.studio, self.sent = store, studio, 0
        with store.session() as session:
            where: dict[str, Any] = {"studio_url": URL, "studio_project": 7} if studio else {}
            project = Project(title="photos", label_config=label_config, **where)
            session.add(project)
            session.flush()
            sync_labels(session, project, parse_config(label_config).labels)
            session.add_all(Image(project_id=project.id, studio_task=task, uri="x") for task in (1, 2, 3))
            self.project_id = project.id

    def label(self, name: str) -> Label:
        with self.store.reading() as session:
            return next(each for each in live_labels(session, self.project_id) if each.name == name)

    def rename(self, old: str, new: str) -> None:
        LabelChanger(self.store, self.studio, "Ann").rename(self.label(old), new)

    def archive(self, name: str) -> None:
        LabelChanger(self.store, self.studio, "Ann").archive(self.label(name))

    def bring_back(self, name: str) -> None:
        with self.store.reading() as session:
            label = next(each for each in archived(session, self.project_id) if each.name == name)
        LabelChanger(self.store, self.studio, "Ann").bring_back(label)

    def merge(self, name: str, into: str) -> None:
        LabelChanger(self.store, self.studio, "Ann").merge(self.label(name), self.label(into))

    def live(self) -> list[str]:
        with self.store.reading() as session:
            return [each.name for each in live_labels(session, self.project_id)]

    def event(self, action: str, project: dict[str, Any] | None = None, **payload: Any) -> None:
        """What Label Studio sends, with the project as it is or was."""
        sent = {"action": action, "project": project or self.studio.project(7), **payload}
        with self.store.session() as session:
            record_event(session, action, sent)
            for each in waiting_events(session, 10):
                process_event(session, each)

    def answer(
        self, task: int, word: str, project: dict[str, Any] | None = None, *, complete: bool = False
    ) -> None:
        """An annotator tags a task, with what answers write as `word`; complete: and says that it is all."""
        self.sent += 1
        region = {"id": "r", "from_name": "label", "to_name": "image", "type": "choices", "origin": "manual"}
        tag = {**region, "value": {"choices": [word]}}
        marked = {**region, "id": "a", "from_name": "review", "value": {"choices": [ALL_LABELS_MARKED]}}
        annotation = {
            "id": self.sent,
            "task": task,
            "result": [tag, marked] if complete else [tag],
            "completed_by": 1,
            "created_at": "2031-05-04T12:00:00Z",
            "updated_at": f"2031-05-04T12:00:{self.sent:02}Z",
        }
        self.event("ANNOTATION_CREATED", project, annotation=annotation, task={"id": task})

    def known(self) -> list[Any]:
        """(task, label, value) of all that is known."""
        chosen = (
            select(Image.studio_task, Label.name, Observation.value)
            .join_from(Observation, Image, Image.id == Observation.image_id)
            .join(Label, Label.id == Observation.label_id)
            .where(Observation.retired_at.is_(None))
        )
        with self.store.reading() as session:
            return sorted((task, name, value) for task, name, value in session.execute(chosen))

    def forget(self) -> None:
        """Let the next one begin with an empty store."""
        with self.store.session() as session:
            for table in reversed(Base.metadata.sorted_tables):
                session.execute(table.delete())
