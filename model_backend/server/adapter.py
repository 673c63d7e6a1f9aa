"""The same engine under label-studio-ml 2.x, for people who host their backends that way.

That package makes one instance a request and runs `fit` inside the webhook's request, so nothing here trains:
events are written down, the worker does the rest. Of Label Studio's events it passes on new and changed
annotations and the Train button; the worker's reconcile finds the rest. Its answers leave out the cluster,
which pushed predictions carry.
"""

from __future__ import annotations

import importlib
from typing import Any

from flask import Flask

from annotator.errors import OnetagError
from annotator.settings import Settings
from annotator.store import Store
from model_backend.engine.predict import Predictor
from model_backend.server.bodies import studio_identity
from model_backend.server.guard import guard
from model_backend.server.request_handler import InboxQueue, RequestHandler
from model_backend.server.request_ids import RequestIds


def hosted_app(store: Store, settings: Settings, queue: InboxQueue) -> Flask:
    """label-studio-ml's own Flask app around our engine, behind our shared secret.

    Raises OnetagError when there is no secret, or no label-studio-ml 2.x.
    """
    if settings.secret is None or not settings.secret.get_secret_value():
        raise OnetagError(
            "The backend needs a secret.", "Set ONETAG_SECRET, or let `onetag connect` make one."
        )
    backend = backend_class(store, settings, queue)
    app: Flask = _package("api").init_app(backend)
    app.before_request(guard(settings))  # theirs knows basic auth alone, and our webhook brings a header
    app.wsgi_app = RequestIds(app.wsgi_app)  # type: ignore[method-assign]  # Flask's own way
    return app


def backend_class(
    store: Store, settings: Settings, queue: InboxQueue, predictor: Predictor | None = None
) -> Any:
    """A subclass of label-studio-ml's `LabelStudioMLBase` that works on this store.

    Raises OnetagError when label-studio-ml 2.x is not installed.
    """
    respond = _package("response").ModelResponse  # 1.x has no such module
    base = _package("model").LabelStudioMLBase
    predictor = predictor or Predictor(store, settings)
    handler = RequestHandler(store, settings, queue, predictor)

    class OnetagBackend(base):  # type: ignore[misc, valid-type]  # the package is not there to be checked
        """Made anew by label-studio-ml for each request."""

        def __init__(self, project_id: str | None = None, label_config: str | None = None) -> None:
            self._sent_config = label_config  # what the base keeps may be older than the store
            super().__init__(project_id, label_config)

        def setup(self) -> None:
            """Remember the project and name its active version."""
            name = handler.get_or_create_project(studio_identity(self.project_id), self._sent_config or None)
            if self.get("model_version") != name:
                self.set("model_version", name)

        def predict(self, tasks: list[Any], context: Any = None, **_sent: Any) -> Any:  # noqa: ARG002
            """A ModelResponse with exactly one prediction a task. Nothing depends on the context."""
            predictions, _ = handler.predict(studio_identity(self.project_id), tasks)
            return respond(predictions=predictions, model_version=self.get("model_version"))

        def fit(self, event: str, data: dict[str, Any], **_sent: Any) -> dict[str, Any]:
            """Record the event durably. Raises what the store raises: what is not kept must not look kept."""
            number = handler.record_event(
                event, {"action": event, **data}
            )  # label-studio-ml took the action out
            handler.enqueue_processing()
            return {"event": number}

    return OnetagBackend


def _package(module: str) -> Any:
    try:
        return importlib.import_module(f"label_studio_ml.{module}")
    except ImportError as error:
        raise OnetagError(
            f"label-studio-ml 2.x cannot be imported ({error}).",
            "It is not on PyPI, whose 1.x cannot live beside Flask 3: install it from "
            "github.com/HumanSignal/label-studio-ml-backend, or use `onetag serve`, which needs nothing "
            "more.",
        ) from None
