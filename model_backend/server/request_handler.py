"""What a host of the backend does with Label Studio's requests, whichever web framework brings them."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy.exc import SQLAlchemyError

from annotator.errors import OnetagError
from annotator.labelstudio.predictions import NO_VERSION, empty_prediction
from annotator.labelstudio.projects import Identity, find_project, get_or_create_project
from annotator.labelstudio.secret_names import strip_secrets
from annotator.settings import Settings, renewed
from annotator.store import Store
from annotator.store.versions import active_version
from model_backend.engine.predict import Predictor
from model_backend.log_context import about
from model_backend.server.bodies import studio_identity

FOUND_SECONDS = 10.0
"""How long a project that was found is taken for the same: the worker makes sure of it."""

log = logging.getLogger(__name__)


class InboxQueue(Protocol):
    """Where the worker is asked to look into the inbox."""

    def process_inbox(self) -> None:
        """Ask for the inbox to be processed. Raises OnetagError when the queue cannot be reached."""

    def tell(self) -> None:
        """Ask for what was said on the page to be told to Label Studio. Raises OnetagError like that."""

    def adjust_thresholds(self) -> None:
        """Ask for thresholds that people set to be brought into use. Raises OnetagError like that."""


class RequestHandler:
    """Meets projects, writes events down and hands predictions out; one for all requests."""

    def __init__(self, store: Store, settings: Settings, queue: InboxQueue, predictor: Predictor) -> None:
        self._store = store
        self._settings = settings
        self._queue = queue
        self._predictor = predictor
        self._found: dict[tuple[str | None, Identity], tuple[int, float]] = {}  # project's id, until when

    @property
    def _studio_url(self) -> str | None:
        """Label Studio's address, as soon as `onetag connect` has told it."""
        return renewed(self._settings).label_studio_url

    def get_or_create_project(self, identity: Identity | None, config: Any) -> str:
        """The active version's name; remembers the project on the way. Never fails for the store's sake.

        While no Label Studio is known, nobody can tell which one asks: `onetag connect` makes the project.
        """
        url = self._studio_url
        try:
            with self._store.reading() as session:
                project = find_project(session, url, identity) if identity else None
                version = active_version(session, project.id) if project else None
                known = project is not None and project.label_config == config
            if identity and url and not known and isinstance(config, str):
                with self._store.session() as session:
                    get_or_create_project(session, url, identity, config)
        except (OnetagError, SQLAlchemyError) as error:
            number = identity.number if identity else None
            log.warning("Setup of project %s: %s", number, _in_words(error))
            return NO_VERSION
        return version.name if version else NO_VERSION

    def predict(
        self, identity: Identity | None, tasks: Sequence[Any]
    ) -> tuple[list[dict[str, Any]], dict[str, int]]:
        """One prediction a task, and how many came about in which way."""
        try:
            answer = self._predictor.predict(identity, tasks)
        except Exception as error:  # an error here would hide the task from the annotator, without a word
            log.exception("Predictions failed: %s", _in_words(error))
            return [empty_prediction() for _ in tasks], {"failed": len(tasks)}
        return answer.items, answer.outcomes

    def record_event(self, action: str, body: dict[str, Any]) -> str:
        """Write an event down, secrets taken out; its key. Waits for no one who writes to the store.

        Raises OnetagError when it could not be kept.
        """
        payload, project_id = strip_secrets(body), self._project_id(studio_identity(body.get("project")))
        key = self._store.inbox.record(action, payload, project_id)
        with about(project=project_id):
            log.info("Event %s is recorded: %s.", key, action)
        return key

    def _project_id(self, identity: Identity | None) -> int | None:
        """Which project that is; None where the store cannot tell now: the worker looks again."""
        if identity is None:
            return None
        try:
            url = self._studio_url
            known, until = self._found.get((url, identity), (None, 0.0))
            if time.monotonic() < until:
                return known
            with self._store.reading() as session:
                project = find_project(session, url, identity)
            if project is None:
                return None
            self._found[url, identity] = project.id, time.monotonic() + FOUND_SECONDS
            return project.id
        except (OnetagError, SQLAlchemyError) as error:
            log.warning("An event is kept without its project: %s", _in_words(error))
            return None

    def enqueue_processing(self) -> bool:
        """Wake the worker; False when that fails: its periodic check then finds the event in the store."""
        try:
            self._queue.process_inbox()
        except OnetagError as error:
            log.warning("An event waits for the periodic check: %s", error)
            return False
        return True


def _in_words(error: Exception) -> str:
    return str(error) if isinstance(error, OnetagError) else type(error).__name__
