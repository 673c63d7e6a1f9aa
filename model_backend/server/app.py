"""The ML backend that Label Studio talks to.

It records and answers; learning happens in the worker. Only /predict may compute, and only what is missing.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Protocol

from flask import Flask, Response, g, jsonify, request
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import BadRequest, HTTPException

from annotator.errors import OnetagError
from annotator.labelstudio.events import strip_secrets
from annotator.labelstudio.predictions import NO_VERSION, empty_prediction
from annotator.settings import Settings
from annotator.store import ModelVersion, Store, record_event
from model_backend.engine.connect import open_workbench
from model_backend.engine.predict import Predictor
from model_backend.engine.projects import meet_project, project_of_studio
from model_backend.engine.versions import active_version
from model_backend.server.bodies import json_object, studio_project
from model_backend.server.guard import guard
from model_backend.server.metrics import Metrics

MAX_BODY_BYTES = 64 * 2**20  # Label Studio sends hundreds of whole tasks at once
MAX_VERSIONS = 100

log = logging.getLogger(__name__)


class Queue(Protocol):
    """What the server needs of the job queue."""

    def intake(self) -> None:
        """Ask a worker to take in the inbox. Raises QueueUnreachable."""


def create_app(store: Store, settings: Settings, queue: Queue, predictor: Predictor | None = None) -> Flask:
    """The Flask app. Raises OnetagError when no secret is set: it would be open to everyone."""
    if settings.secret is None or not settings.secret.get_secret_value():
        raise OnetagError("The backend needs a secret. Set ONETAG_SECRET, or let `onetag connect` make one.")
    app = Flask("onetag")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    predictor = predictor or Predictor(store, settings, lambda: open_workbench(settings))
    backend = Backend(store, settings, queue, predictor, Metrics(store))
    app.before_request(_start_clock)
    app.before_request(guard(settings.secret))
    app.after_request(backend.count)
    app.register_error_handler(Exception, _as_json)
    app.add_url_rule("/health", "health", backend.health)
    app.add_url_rule("/", "root", backend.health)
    app.add_url_rule("/setup", "setup", backend.setup, methods=["POST"])
    app.add_url_rule("/predict", "predict", backend.predict, methods=["POST"])
    app.add_url_rule("/webhook", "webhook", backend.webhook, methods=["POST"])
    app.add_url_rule("/versions", "versions", backend.versions)
    app.add_url_rule("/metrics", "metrics", backend.expose_metrics)
    return app


class Backend:
    """The endpoints, with what they need."""

    def __init__(
        self, store: Store, settings: Settings, queue: Queue, predictor: Predictor, metrics: Metrics
    ) -> None:
        self._store = store
        self._settings = settings
        self._queue = queue
        self._predictor = predictor
        self._metrics = metrics

    def health(self) -> Response:
        """Say that the server is up; touches neither store nor model."""
        return jsonify(status="UP", model_class="onetag")

    def setup(self) -> Response:
        """Label Studio connects a project, or looks whether we are there: name the active version."""
        body = json_object()
        return jsonify(model_version=self._meet_project(body))

    def predict(self) -> Response:
        """One prediction a task, always."""
        body = json_object()
        tasks = body.get("tasks")
        if not isinstance(tasks, list):
            raise BadRequest("`tasks` must be a list.")
        number = studio_project(body.get("project")) or _project_of(tasks)
        results, outcomes = self._predictions(number, tasks)
        for outcome, count in outcomes.items():
            self._metrics.predictions.labels(outcome).inc(count)
        return jsonify(results=results)

    def webhook(self) -> Response:
        """Record the event durably and answer; the worker does the rest."""
        body = json_object()
        action = body.get("action")
        if not isinstance(action, str) or not 0 < len(action) <= 64 or not action.isprintable():
            raise BadRequest("`action` must name the event.")
        event_id = self._record(action, body)
        self._metrics.saw_event(action)
        self._nudge()
        return jsonify(status="recorded", event=event_id)

    def versions(self) -> Response:
        """The newest versions, newest first."""
        newest = select(ModelVersion.name).order_by(ModelVersion.id.desc()).limit(MAX_VERSIONS)
        with self._store.reading() as session:
            return jsonify(versions=list(session.scalars(newest)))

    def expose_metrics(self) -> Response:
        """Prometheus's text format."""
        return Response(self._metrics.render(), content_type="text/plain; version=0.0.4; charset=utf-8")

    def count(self, response: Response) -> Response:
        """Count the answer that is about to leave."""
        endpoint = request.endpoint or "unknown"
        self._metrics.requests.labels(endpoint, str(response.status_code)).inc()
        self._metrics.seconds.labels(endpoint).observe(time.perf_counter() - g.started)
        return response

    def _meet_project(self, body: dict[str, Any]) -> str:
        """The active version's name; remembers the project on the way. Never fails for the store's sake."""
        number, schema = studio_project(body.get("project")), body.get("schema")
        try:
            with self._store.reading() as session:
                project = (
                    project_of_studio(session, self._settings.label_studio_url, number) if number else None
                )
                version = active_version(session, project.id) if project else None
                known = project is not None and project.label_config == schema
            if number and not known and isinstance(schema, str):
                with self._store.session() as session:
                    meet_project(session, self._settings.label_studio_url, number, schema)
        except (OnetagError, SQLAlchemyError) as error:
            log.warning("Setup of project %s: %s", number, _told(error))
            return NO_VERSION
        return version.name if version else NO_VERSION

    def _predictions(
        self, number: int | None, tasks: list[Any]
    ) -> tuple[list[dict[str, Any]], dict[str, int]]:
        try:
            answer = self._predictor.predict(number, tasks)
        except Exception as error:  # an error here would hide the task from the annotator, without a word
            log.exception("Predictions failed: %s", _told(error))
            return [empty_prediction() for _ in tasks], {"failed": len(tasks)}
        return answer.predictions, answer.outcomes

    def _record(self, action: str, body: dict[str, Any]) -> int:
        number = studio_project(body.get("project"))
        payload = strip_secrets(body)
        with self._store.session() as session:
            project = project_of_studio(session, self._settings.label_studio_url, number) if number else None
            return record_event(session, action, payload, project.id if project else None).id

    def _nudge(self) -> None:
        try:
            self._queue.intake()
        except OnetagError as error:  # the event is in the store; the worker's periodic check finds it
            self._metrics.lost_nudges.inc()
            log.warning("An event waits for the periodic check: %s", error)


def _project_of(tasks: list[Any]) -> int | None:
    return next((studio_project(task.get("project")) for task in tasks if isinstance(task, dict)), None)


def _start_clock() -> None:
    g.started = time.perf_counter()


def _as_json(error: Exception) -> tuple[Response, int]:
    if isinstance(error, HTTPException):
        return jsonify(error=error.description), error.code or 500
    if isinstance(error, RecursionError):
        return jsonify(error="The body is nested too deeply."), 400
    if isinstance(error, OnetagError):
        log.error("%s %s: %s", request.method, request.path, error)
        return jsonify(error="The store cannot be used at the moment; the server's log says why."), 503
    log.exception("%s %s failed", request.method, request.path)
    return jsonify(error="Something went wrong; the server's log says what."), 500


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, OnetagError) else type(error).__name__
