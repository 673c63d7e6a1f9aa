"""Predictions for tasks: stored suggestions where there are some, computed within bounds where not."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.labelstudio.config import LabelConfig
from annotator.labelstudio.payloads import Task, read
from annotator.labelstudio.predictions import empty_prediction
from annotator.labelstudio.projects import Identity, find_project
from annotator.labelstudio.questions import asked_now, asked_prediction
from annotator.labelstudio.reading import project_config
from annotator.settings import Settings, renewed
from annotator.store import Image, ModelVersion, Store, Suggested, Suggestion, chances_of
from annotator.store.labels import current_names
from annotator.store.runs import queue_in_place_of_damaged
from annotator.store.versions import active_version
from model_backend.engine.wanted import TooLate, Wanted
from model_backend.errors import Damaged, LearningError

if TYPE_CHECKING:
    from model_backend.engine.resources import LearningResources
    from model_backend.images import DecodingRoom

DEADLINE = 45.0  # seconds; Label Studio waits 100, and one image that hangs may cost `request_timeout` more
WAITING = 4  # requests that may compute or wait for it; the others answer with what is stored
PIECE = 500  # tasks looked up at once

log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """Where the prediction of a task came from, or why it is empty."""

    NO_MODEL = "no model"
    STORED = "stored"
    COMPUTED = "computed"
    UNREADABLE = "unreadable"
    UNUSABLE = "unusable"
    NOT_COMPUTED = "not computed"


@dataclass
class Predictions:
    """Exactly one prediction a task, in their order, and how many of them had which outcome."""

    items: list[dict[str, Any]]
    outcomes: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Context:
    """What every prediction for one request has in common: the version, the label config, and what the live
    labels are called now, by the names that the version may know them by.
    """

    version: ModelVersion
    config: LabelConfig
    names: Mapping[str, str]

    def prediction(
        self, suggested: Suggested | Suggestion, chances: Mapping[str, float] | None = None
    ) -> dict[str, Any]:
        asked = asked_now(suggested, chances or {}, self.names)
        version, score, cluster = self.version.name, suggested.score, suggested.cluster
        return asked_prediction(self.config, asked, version, score, cluster=cluster)


class Predictor:
    """Answers the prediction requests of all projects of one Label Studio. Threads may share it.

    open_resources: gives what learning needs; called when the first image must be computed. Unless given, the
    resources of the settings, which decode in `room`.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        open_resources: Callable[[], LearningResources] | None = None,
        *,
        deadline: float = DEADLINE,
        room: DecodingRoom | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._open_resources = open_resources
        self._resources: LearningResources | None = None
        self._deadline = deadline
        self._room = room
        self._waiting = threading.BoundedSemaphore(WAITING)
        self._turn = threading.Lock()  # one request computes at a time: two would only slow each other down

    def predict(self, identity: Identity | None, tasks: Sequence[Any]) -> Predictions:
        """Exactly one valid prediction for each task, whatever the tasks look like.

        Raises OnetagError when the store cannot be read.
        """
        before = time.monotonic() + self._deadline
        predictions = Predictions([empty_prediction() for _ in tasks])
        with self._store.reading() as session:
            context = self._context(session, identity)
            if context is None:
                predictions.outcomes[Outcome.NO_MODEL] += len(tasks)
                return predictions
            missing = _from_store(session, context, tasks, predictions)
        for chunk in self._chunks(missing, before):
            if not self._compute(context, chunk, predictions, before):
                break
        left = len(tasks) - predictions.outcomes.total()
        if left:
            predictions.outcomes[Outcome.NOT_COMPUTED] += left
            log.warning("%d of %d tasks get no suggestions for now.", left, len(tasks))
        return predictions

    def _context(self, session: Session, identity: Identity | None) -> _Context | None:
        if identity is None:
            return None
        project = find_project(session, renewed(self._settings).label_studio_url, identity)
        version = active_version(session, project.id) if project else None
        if project is None or version is None:
            return None
        return _Context(version, project_config(project), current_names(session, project.id))

    def _chunks(self, missing: Sequence[Wanted], before: float) -> Iterator[Sequence[Wanted]]:
        """Batches to compute, each in its turn, for as long as there is time."""
        if not missing or not self._waiting.acquire(blocking=False):
            return
        try:
            size = self._settings.predict_batch
            for start in range(0, len(missing), size):
                if not self._turn.acquire(timeout=max(before - time.monotonic(), 0.0)):
                    return
                try:
                    yield missing[start : start + size]
                finally:
                    self._turn.release()
        finally:
            self._waiting.release()

    def _compute(
        self, context: _Context, chunk: Sequence[Wanted], predictions: Predictions, before: float
    ) -> bool:
        """Fill in the predictions of one batch; says whether the next one is worth a try."""
        # The server starts without torch, and may never need it.
        from model_backend.engine.compute import compute  # noqa: PLC0415 (torch is slow to import)

        try:
            resources = self._opened_resources()
            found = compute(self._store, resources, context.version, chunk, before=before)
            with self._store.reading() as session:
                chances = chances_of(session, context.version, list(found.values()))
        except Damaged as error:
            self._make_again(context.version, error)
            return False
        except TooLate:
            log.warning("No time left to compute more suggestions; ask for fewer tasks at once.")
            return False
        except (OnetagError, LearningError, SQLAlchemyError, OSError) as error:
            reason = error if isinstance(error, OnetagError | LearningError) else type(error).__name__
            log.warning("Version %s cannot suggest for new images: %s", context.version.name, reason)
            return False
        for wanted in chunk:
            made = found.get(wanted.place)
            predictions.outcomes[Outcome.COMPUTED if made else Outcome.UNREADABLE] += 1
            predictions.items[wanted.place] = (
                context.prediction(made, chances.get(made.image_id))
                if made
                else empty_prediction(context.version.name)
            )
        return True

    def _make_again(self, version: ModelVersion, error: Damaged) -> None:
        log.warning("Version %s cannot suggest for new images: %s", version.name, error)
        with suppress(OnetagError, SQLAlchemyError), self._store.session() as session:
            if queue_in_place_of_damaged(session, version.project_id) is not None:
                log.info("A training of project %d is queued in its place.", version.project_id)

    def _opened_resources(self) -> LearningResources:
        settings = renewed(self._settings)
        if self._resources is None or settings != self._settings:  # `onetag connect` has told of another one
            from model_backend.engine.resources import open_resources  # noqa: PLC0415 (torch is slow)

            opened = self._open_resources or partial(open_resources, settings, room=self._room)
            self._resources, self._settings = opened(), settings
        return self._resources


def _from_store(
    session: Session, context: _Context, tasks: Sequence[Any], predictions: Predictions
) -> list[Wanted]:
    """Fill in what is stored; returns what is not and could be computed."""
    readable = dict(_readable(tasks))
    rows = _stored(session, context.version, sorted({task.id for task in readable.values()}))
    stored = [suggestion for _, suggestion in rows.values() if suggestion is not None]
    chances = chances_of(session, context.version, stored)
    missing = []
    for place, task in readable.items():
        uri, suggestion = rows.get(task.id, (None, None))
        if suggestion is not None:
            predictions.items[place] = context.prediction(suggestion, chances.get(suggestion.image_id))
            predictions.outcomes[Outcome.STORED] += 1
            continue
        with suppress(OnetagError):
            uri = uri or task.image(context.config.image_field)
            missing.append(Wanted(place, task.id, uri))
    if unusable := len(tasks) - predictions.outcomes.total() - len(missing):
        predictions.outcomes[Outcome.UNUSABLE] += unusable
    return missing


def _readable(tasks: Sequence[Any]) -> Iterator[tuple[int, Task]]:
    """The tasks that have a number, with their places."""
    for place, sent in enumerate(tasks):
        if isinstance(sent, dict):  # to be told by pydantic that something is none would take long
            with suppress(OnetagError):
                yield place, read(Task, sent)


def _stored(
    session: Session, version: ModelVersion, numbers: Sequence[int]
) -> dict[int, tuple[str, Suggestion | None]]:
    """By task: the image's address and, where there is one, the version's suggestion."""
    with_suggestion = (Suggestion.image_id == Image.id) & (Suggestion.version_id == version.id)
    chosen = (
        select(Image.studio_task, Image.uri, Suggestion)
        .outerjoin(Suggestion, with_suggestion)
        .where(Image.project_id == version.project_id)
    )
    found: dict[int, tuple[str, Suggestion | None]] = {}
    for start in range(0, len(numbers), PIECE):
        wanted = chosen.where(Image.studio_task.in_(numbers[start : start + PIECE]))
        found |= {
            task: (uri, suggestion) for task, uri, suggestion in session.execute(wanted) if task is not None
        }
    return found
