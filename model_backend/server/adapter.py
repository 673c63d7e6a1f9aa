"""The same engine under label-studio-ml 2.x, for people who host their backends that way.

That package makes one instance a request and runs `fit` inside the webhook's request, so nothing here trains:
events are written down, the worker does the rest. Of Label Studio's events it passes on new and changed
annotations and the Train button; the worker's reconcile finds the rest. Its answers leave out the cluster,
which pushed predictions carry.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from typing import Any

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from annotator.errors import OnetagError
from annotator.labelstudio.events import strip_secrets
from annotator.labelstudio.predictions import NO_VERSION, empty_prediction
from annotator.settings import Settings
from annotator.store import Store, record_event
from model_backend.engine.connect import open_workbench
from model_backend.engine.predict import Predictor
from model_backend.engine.projects import meet_project, project_of_studio
from model_backend.engine.versions import active_version
from model_backend.server.app import Queue
from model_backend.server.bodies import studio_project
from model_backend.server.guard import guard

log = logging.getLogger(__name__)


def hosted_app(store: Store, settings: Settings, queue: Queue) -> Flask:
    """label-studio-ml's own Flask app around our engine, behind our shared secret.

    Raises OnetagError when there is no secret, or no label-studio-ml 2.x.
    """
    if settings.secret is None or not settings.secret.get_secret_value():
        raise OnetagError("The backend needs a secret. Set ONETAG_SECRET, or let `onetag connect` make one.")
    backend = backend_class(store, settings, queue)
    app: Flask = _package("api").init_app(backend)
    app.before_request(
        guard(settings.secret)
    )  # theirs knows basic auth alone, and our webhook brings a header
    return app


def backend_class(store: Store, settings: Settings, queue: Queue, predictor: Predictor | None = None) -> Any:
    """A subclass of label-studio-ml's `LabelStudioMLBase` that works on this store.

    Raises OnetagError when label-studio-ml 2.x is not installed.
    """
    respond = _package("response").ModelResponse  # 1.x has no such module
    base = _package("model").LabelStudioMLBase
    engine = _Engine(store, settings, queue, predictor)

    class OnetagBackend(base):  # type: ignore[misc, valid-type]  # the package is not there to be checked
        """Made anew by label-studio-ml for each request."""

        def __init__(self, project_id: str | None = None, label_config: str | None = None) -> None:
            self._sent_config = label_config  # what the base keeps may be older than the store
            super().__init__(project_id, label_config)

        def setup(self) -> None:
            """Remember the project and name its active version."""
            name = engine.meet_project(studio_project(self.project_id), self._sent_config)
            if self.get("model_version") != name:
                self.set("model_version", name)

        def predict(self, tasks: list[Any], context: Any = None, **_sent: Any) -> Any:  # noqa: ARG002
            """A ModelResponse with exactly one prediction a task. Nothing depends on the context."""
            predictions = engine.predict(studio_project(self.project_id), tasks)
            return respond(predictions=predictions, model_version=self.get("model_version"))

        def fit(self, event: str, data: dict[str, Any], **_sent: Any) -> dict[str, Any]:
            """Record the event durably. Raises what the store raises: what is not kept must not look kept."""
            return {"event": engine.record(event, data)}

    return OnetagBackend


class _Engine:
    """What the class delegates to: one for all requests."""

    def __init__(self, store: Store, settings: Settings, queue: Queue, predictor: Predictor | None) -> None:
        self._store = store
        self._studio_url = settings.label_studio_url
        self._queue = queue
        self._predictor = predictor or Predictor(store, settings, lambda: open_workbench(settings))

    def meet_project(self, number: int | None, config: str | None) -> str:
        """The active version's name; the project is kept, or follows its label config. Never fails."""
        if number is None:
            return NO_VERSION
        try:
            with self._store.reading() as session:
                project = project_of_studio(session, self._studio_url, number)
                version = active_version(session, project.id) if project else None
                known = project is not None and project.label_config == config
            if config and not known:
                with self._store.session() as session:
                    meet_project(session, self._studio_url, number, config)
        except (OnetagError, SQLAlchemyError) as error:
            log.warning("Setup of project %s: %s", number, _told(error))
            return NO_VERSION
        return version.name if version else NO_VERSION

    def predict(self, number: int | None, tasks: Sequence[Any]) -> list[dict[str, Any]]:
        """Empty predictions where the engine fails: an error would hide the task from the annotator."""
        try:
            return self._predictor.predict(number, tasks).predictions
        except Exception as error:
            log.exception("Predictions failed: %s", _told(error))
            return [empty_prediction() for _ in tasks]

    def record(self, action: str, data: dict[str, Any]) -> int:
        """The recorded event's id; a worker is nudged, and a lost nudge costs only time."""
        number = studio_project(data.get("project"))
        payload = strip_secrets({"action": action, **data})  # label-studio-ml took the action out
        with self._store.session() as session:
            project = project_of_studio(session, self._studio_url, number) if number else None
            event = record_event(session, action, payload, project.id if project else None).id
        try:
            self._queue.intake()
        except OnetagError as error:
            log.warning("An event waits for the periodic check: %s", error)
        return event


def _package(module: str) -> Any:
    try:
        return importlib.import_module(f"label_studio_ml.{module}")
    except ImportError as error:
        raise OnetagError(
            f"label-studio-ml 2.x cannot be imported ({error}). It is not on PyPI, whose 1.x cannot live "
            "beside Flask 3: install it from github.com/HumanSignal/label-studio-ml-backend, or use "
            "`onetag serve`, which needs nothing more."
        ) from None


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, OnetagError) else type(error).__name__
