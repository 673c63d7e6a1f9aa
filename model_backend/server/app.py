"""The ML backend that Label Studio talks to.

It records and answers; learning happens in the worker. Only /predict may compute, and only what is missing.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import Any

from flask import Flask, Response, g, jsonify, request
from sqlalchemy import select
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from annotator.dashboard import Page, page_blueprint
from annotator.dashboard.warming import Warming
from annotator.errors import OnetagError
from annotator.exchange.apart import make_apart
from annotator.labelstudio.connection import open_studio
from annotator.labelstudio.projects import Identity
from annotator.settings import Settings, renewed
from annotator.store import ModelVersion, Store
from model_backend.engine.predict import Predictor
from model_backend.images import DecodingRoom
from model_backend.server.bodies import EventBody, PredictBody, SetupBody, read_body, studio_identity
from model_backend.server.guard import guard
from model_backend.server.metrics import Metrics
from model_backend.server.openapi import describe
from model_backend.server.request_handler import InboxQueue, RequestHandler
from model_backend.server.request_ids import RequestIds
from model_backend.server.services import KeptVersions, machine_checks
from model_backend.server.thumbnails import Thumbnails

MAX_BODY_BYTES = 64 * 2**20  # Label Studio sends hundreds of whole tasks at once
MAX_VERSIONS = 100
WARMING = "onetag.warming"
"""The name under which an app carries what warms its page; whoever serves the app starts it."""
ASKED_OFTEN = frozenset(
    {"health", "root", "metrics", "page.export_live", "page.live", "page.static", "page.thumbnail"}
)
"""Endpoints whose good answers are no news."""

log = logging.getLogger(__name__)


def create_app(
    store: Store, settings: Settings, queue: InboxQueue, predictor: Predictor | None = None
) -> Flask:
    """The Flask app. Raises OnetagError when no secret is set: it would be open to everyone."""
    if settings.secret is None or not settings.secret.get_secret_value():
        raise OnetagError(
            "The backend needs a secret.", "Set ONETAG_SECRET, or let `onetag connect` make one."
        )
    app = Flask("onetag")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    room = DecodingRoom(settings.decoding_bytes)
    predictor = predictor or Predictor(store, settings, room=room)
    handler = RequestHandler(store, settings, queue, predictor)
    backend = Backend(store, handler, Metrics(store, settings.data_dir))
    app.before_request(_start_clock)
    app.before_request(guard(settings))
    app.after_request(backend.count)
    app.register_error_handler(Exception, _as_json)
    app.add_url_rule("/health", "health", backend.health)
    app.add_url_rule("/", "root", backend.health)
    app.add_url_rule("/setup", "setup", backend.setup, methods=["POST"])
    app.add_url_rule("/predict", "predict", backend.predict, methods=["POST"])
    app.add_url_rule("/webhook", "webhook", backend.webhook, methods=["POST"])
    app.add_url_rule("/versions", "versions", backend.versions)
    app.add_url_rule("/metrics", "metrics", backend.expose_metrics)
    app.add_url_rule("/openapi.json", "openapi", lambda: jsonify(describe()))
    page = Page(
        store=store,
        settings=settings,
        versions=KeptVersions(store, settings.data_dir),
        pictures=Thumbnails(settings, room),
        make_export=partial(make_apart, settings),
        checks=partial(machine_checks, settings),
        tell=queue.tell,
        adjust_thresholds=queue.adjust_thresholds,
        studio=lambda: open_studio(renewed(settings)),
    )
    app.register_blueprint(page_blueprint(page))
    app.extensions[WARMING] = Warming(page)
    app.wsgi_app = RequestIds(app.wsgi_app)  # type: ignore[method-assign]  # Flask's own way
    return app


class Backend:
    """The endpoints, with what they need."""

    def __init__(self, store: Store, handler: RequestHandler, metrics: Metrics) -> None:
        self._store = store
        self._handler = handler
        self._metrics = metrics

    def health(self) -> Response:
        """Say that the server is up; touches neither store nor model."""
        return jsonify(status="UP", model_class="onetag")

    def setup(self) -> Response:
        """Label Studio connects a project, or looks whether we are there: name the active version."""
        body, _ = read_body(SetupBody)
        return jsonify(
            model_version=self._handler.get_or_create_project(
                studio_identity(body.project), body.label_config
            )
        )

    def predict(self) -> Response:
        """One prediction a task, always."""
        body, _ = read_body(PredictBody)
        identity = studio_identity(body.project) or _project_of(body.tasks)
        results, outcomes = self._handler.predict(identity, body.tasks)
        for outcome, count in outcomes.items():
            self._metrics.predictions.labels(outcome).inc(count)
        return jsonify(results=results)

    def webhook(self) -> Response:
        """Record the event durably and answer; the worker does the rest."""
        body, sent = read_body(EventBody)
        event_id = self._handler.record_event(body.action, sent)
        self._metrics.saw_event(body.action)
        if not self._handler.enqueue_processing():
            self._metrics.lost_nudges.inc()
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
        """Count the answer that is about to leave, and write a line about it."""
        endpoint, status = request.endpoint or "unknown", response.status_code
        seconds = time.perf_counter() - g.started
        self._metrics.requests.labels(endpoint, str(status)).inc()
        self._metrics.seconds.labels(endpoint).observe(seconds)
        level = logging.DEBUG if endpoint in ASKED_OFTEN and status < 400 else logging.INFO
        told = {"endpoint": endpoint, "status": status, "seconds": round(seconds, 4)}
        log.log(level, "%s: %d in %.0f ms", endpoint, status, 1000 * seconds, extra=told)
        return response


def _project_of(tasks: list[Any]) -> Identity | None:
    return next((studio_identity(task.get("project")) for task in tasks if isinstance(task, dict)), None)


def _start_clock() -> None:
    g.started = time.perf_counter()


def _as_json(error: Exception) -> tuple[Response, int]:
    if isinstance(error, HTTPException):
        answer = jsonify(error=error.description)
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            answer.headers["Allow"] = ", ".join(error.valid_methods)
        return answer, error.code or 500
    if isinstance(error, RecursionError):
        return jsonify(error="The body is nested too deeply."), 400
    if isinstance(error, OnetagError):
        log.error("%s %s: %s", request.method, request.path, error)
        return jsonify(error="The store cannot be used at the moment; the server's log says why."), 503
    log.exception("%s %s failed", request.method, request.path)
    return jsonify(error="Something went wrong; the server's log says what."), 500
