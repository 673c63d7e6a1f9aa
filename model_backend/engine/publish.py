"""Bring a version's suggestions into Label Studio's queue.

Push the window, switch the queue to the new version, and only later clear the old ones: annotators never see
an empty queue, and a page that still shows an old suggestion can be submitted. What is published is noted
with the version, so an interrupted publication is taken up again, without duplicates. Where two processes
publish two versions at once, the newest ends up in the queue.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.labelstudio.backends import BACKEND_TITLE
from annotator.labelstudio.predictions import NO_VERSION
from annotator.labelstudio.questions import asked_now, asked_prediction, told_of_suggestions
from annotator.labelstudio.reading import project_config
from annotator.settings import Settings
from annotator.store import (
    ModelVersion,
    Project,
    Publication,
    Store,
    chances_of,
    mark_pushed,
    next_suggestions,
    suggestion_feedback,
)
from annotator.store.labels import current_names
from annotator.store.last_failures import remembered
from annotator.store.states import Work
from model_backend.engine.suggest import in_turns

PAGE_OPEN = timedelta(minutes=30)  # a page whose prediction is gone cannot be submitted any more

log = logging.getLogger(__name__)


class LabelingQueue(Protocol):
    """What publishing needs of Label Studio's client."""

    url: str

    def push_predictions(self, project: int, items: Sequence[dict[str, Any]]) -> int:
        """Add predictions; how many were taken."""

    def clear_version(self, project: int, version: str) -> int:
        """Remove every prediction of a version."""

    def clear_superseded(
        self, project: int, current: str, ours: Collection[str], *, older_than: timedelta
    ) -> list[str]:
        """Remove the predictions of our other versions that are older than that."""

    def queue_version(self, project: int) -> str | None:
        """The version whose scores the queue follows."""

    def set_queue(self, project: int, version: str) -> None:
        """Let the queue follow a version's scores."""

    def backends(self, project: int) -> list[dict[str, Any]]:
        """The ML backends of a project."""

    def upsert_backend(self, project: int, url: str, title: str, secret: SecretStr) -> int:
        """Change the title of the ML backend at an address."""


@dataclass(frozen=True)
class Window:
    """The predictions to push for one version."""

    version_id: int
    version: str
    studio_project: int
    begun: bool
    published: set[int]  # versions whose publication was complete before this one began
    image_ids: list[int]
    predictions: list[dict[str, Any]]


def publish(store: Store, settings: Settings, project_id: int, studio: LabelingQueue) -> int:
    """Publish the project's active version; returns how many predictions were pushed.

    May be called again at any time: what is published already is left alone, what was begun is begun anew.
    Where the queue follows the version by then, its predictions are all there, and clearing would empty it.
    """
    with store.reading() as session:
        window = _window(session, settings, project_id, studio.url)
    if window is None:
        return 0
    if window.begun and studio.queue_version(window.studio_project) == window.version:
        _switched(store, project_id, window, studio)
        return 0
    if window.begun:
        studio.clear_version(window.studio_project, window.version)
    _note(store, window.version_id, Publication.PUBLISHING)
    if window.predictions:
        studio.push_predictions(window.studio_project, window.predictions)
        if _active(store, project_id) != window.version_id:
            log.info("Version %s leaves the queue to a newer one.", window.version)
            _note(store, window.version_id, Publication.OVERTAKEN)
            return len(window.predictions)
        studio.set_queue(window.studio_project, window.version)
    _switched(store, project_id, window, studio)
    return len(window.predictions)


def _switched(store: Store, project_id: int, window: Window, studio: LabelingQueue) -> None:
    """Note that the queue follows the version, or leave it to one that was published meanwhile."""
    _note(store, window.version_id, Publication.PUBLISHED, window.image_ids)
    newest = _meanwhile(store, project_id, window)
    if newest is not None:
        studio.set_queue(window.studio_project, newest)


def publish_if_possible(store: Store, settings: Settings, project_id: int, studio: LabelingQueue) -> bool:
    """Publish the active version; where Label Studio does not take it, log why and return False.

    Such a version stays active, and the worker's periodic check publishes it later.
    """
    try:
        with remembered(store, project_id, Work.PUBLICATION):
            publish(store, settings, project_id, studio)
    except OnetagError as error:
        log.warning("Project %d waits to be published: %s", project_id, error)
        return False
    return True


def unpublished(session: Session, studio_url: str) -> list[int]:
    """Projects of this Label Studio whose active version has not reached it."""
    waiting = (
        select(Project.id)
        .join(ModelVersion, ModelVersion.id == Project.active_version_id)
        .where(Project.studio_url == studio_url, ModelVersion.publication != Publication.PUBLISHED)
    )
    return list(session.scalars(waiting.order_by(Project.id)))


def clear_old(store: Store, project_id: int, studio: LabelingQueue) -> list[str]:
    """Remove older versions' predictions from Label Studio once no page should show them; names them."""
    place = _in_studio(store, project_id, studio.url)
    if place is None:
        return []
    left = place.left_before(datetime.now(UTC) - PAGE_OPEN)
    return studio.clear_superseded(place.project, place.version, left, older_than=PAGE_OPEN)


def title_backends(store: Store, project_id: int, studio: LabelingQueue, secret: SecretStr) -> None:
    """Give our backend the published version as its title: else tasks beyond the window ask for nothing."""
    place = _in_studio(store, project_id, studio.url)
    if place is None:
        return
    for backend in studio.backends(place.project):
        if backend.get("title") in {BACKEND_TITLE, *place.ours} - {place.version}:
            studio.upsert_backend(place.project, str(backend["url"]), place.version, secret)


@dataclass(frozen=True)
class _Place:
    """A project as Label Studio knows it: its number, the published version, and when each of ours was."""

    project: int
    version: str
    published: Mapping[str, datetime | None]

    @property
    def ours(self) -> frozenset[str]:
        """The names of all of our versions, and of what is predicted before there is one."""
        return frozenset({NO_VERSION, *self.published})

    def left_before(self, moment: datetime) -> frozenset[str]:
        """Those that no page has shown since: each is shown until the next one is published, however old."""
        order = sorted((at, name) for name, at in self.published.items() if at is not None)
        followed = zip([NO_VERSION, *(name for _, name in order)], order, strict=False)
        left = {name for name, (at, _) in followed if at <= moment}
        never = {name for name, at in self.published.items() if at is None}
        return frozenset(left | never) - {self.version}


def _in_studio(store: Store, project_id: int, studio_url: str) -> _Place | None:
    """None while the active version has not been published, and for a project of another Label Studio."""
    with store.reading() as session:
        project = session.get_one(Project, project_id)
        versions = session.scalars(select(ModelVersion).where(ModelVersion.project_id == project_id)).all()
    current = next((each for each in versions if each.id == project.active_version_id), None)
    if project.studio_url != studio_url or project.studio_project is None:
        return None
    if current is None or not _is_published(current):
        return None
    return _Place(
        project.studio_project, current.name, {version.name: version.published_at for version in versions}
    )


def _active(store: Store, project_id: int) -> int | None:
    with store.reading() as session:
        return session.get_one(Project, project_id).active_version_id


def _meanwhile(store: Store, project_id: int, window: Window) -> str | None:
    """The published version to set the queue to, if another was published at the same time; else None.

    Each publication looks here after it noted itself, so of two at least one sees the other.
    """
    with store.reading() as session:
        published = _published(session, project_id)
        active = session.get_one(Project, project_id).active_version_id
    if published.keys() <= window.published | {window.version_id}:
        return None
    return None if active is None else published.get(active)


def _published(session: Session, project_id: int) -> dict[int, str]:
    """The names of the published versions by id."""
    published = select(ModelVersion.id, ModelVersion.name).where(
        ModelVersion.project_id == project_id, ModelVersion.publication == Publication.PUBLISHED
    )
    return {row.id: row.name for row in session.execute(published)}


def _is_published(version: ModelVersion) -> bool:
    return version.publication is Publication.PUBLISHED


def _window(session: Session, settings: Settings, project_id: int, studio_url: str) -> Window | None:
    """None when there is nothing to publish, or when the project lives in another Label Studio."""
    project = session.get_one(Project, project_id)
    if project.studio_url != studio_url:
        return None
    version = session.get(ModelVersion, project.active_version_id) if project.active_version_id else None
    if version is None or project.studio_project is None or _is_published(version):
        return None
    names = current_names(session, project_id)
    config = project_config(project)
    chosen = next_suggestions(session, version.id, settings.window)
    chances = chances_of(session, version, [each for _, each in chosen])
    note = told_of_suggestions([value > 0 for value in suggestion_feedback(session, project_id).values])
    scores = in_turns([each.score for _, each in chosen], [each.cluster for _, each in chosen])
    return Window(
        version_id=version.id,
        version=version.name,
        studio_project=project.studio_project,
        begun=version.publication is not Publication.NONE,
        published=set(_published(session, project_id)),
        image_ids=[suggestion.image_id for _, suggestion in chosen],
        predictions=[
            asked_prediction(
                config,
                asked_now(
                    suggestion,
                    chances.get(suggestion.image_id, {}),
                    names,
                    note if suggestion.labels else "",
                ),
                version.name,
                score,
                task=task,
            )
            for (task, suggestion), score in zip(chosen, scores, strict=True)
        ],
    )


def _note(store: Store, version_id: int, publication: Publication, image_ids: Sequence[int] = ()) -> None:
    with store.session() as session:
        version = session.get_one(ModelVersion, version_id)
        version.publication = publication
        if publication is Publication.PUBLISHED:
            version.published_at = datetime.now(UTC)
        mark_pushed(session, version_id, image_ids)
