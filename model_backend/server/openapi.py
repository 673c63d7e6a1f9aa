"""The OpenAPI description of the ML backend, made from the models that read the bodies."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from annotator.labelstudio.backends import SECRET_HEADER
from model_backend.server.bodies import EventBody, PredictBody, SetupBody

Json = dict[str, Any]


class HealthAnswer(BaseModel):
    """The server is up."""

    status: Literal["UP"]
    model_class: str


class SetupAnswer(BaseModel):
    """The project's active version, or `none yet`."""

    model_version: str


class Prediction(BaseModel):
    """The prediction of one task; `result` holds Label Studio's regions."""

    model_version: str
    score: float
    result: list[Json]


class PredictAnswer(BaseModel):
    """One prediction a task, in their order."""

    results: list[Prediction]


class EventAnswer(BaseModel):
    """The event is written down, under this name."""

    status: Literal["recorded"]
    event: str


class VersionsAnswer(BaseModel):
    """The newest versions, newest first."""

    versions: list[str]


class ErrorAnswer(BaseModel):
    """What is wrong, for people."""

    error: str


@dataclass(frozen=True)
class Operation:
    """One endpoint: what it does, reads and answers. An answer of None is text."""

    path: str
    method: str
    summary: str
    answer: type[BaseModel] | None
    body: type[BaseModel] | None = None
    open: bool = False


OPERATIONS = (
    Operation("/health", "get", "Whether the server is up.", HealthAnswer, open=True),
    Operation("/", "get", "The same, for who has the secret.", HealthAnswer),
    Operation("/setup", "post", "Connect a project; its active version.", SetupAnswer, SetupBody),
    Operation("/predict", "post", "Suggestions for tasks.", PredictAnswer, PredictBody),
    Operation("/webhook", "post", "Write an event of Label Studio down.", EventAnswer, EventBody),
    Operation("/versions", "get", "The newest versions.", VersionsAnswer),
    Operation("/metrics", "get", "Figures in Prometheus's text format.", None),
    Operation("/openapi.json", "get", "This description.", None),
)
REFUSALS = {
    400: "The body is not what it should be.",
    403: "A browser was made to ask, by a foreign name or page.",
    413: "The body is too large.",
    503: "The store cannot be used at the moment.",
}
OF_BODIES = (400, 413)
"""Refusals of requests with a body alone."""


def describe() -> Json:
    """The description, as OpenAPI 3.1."""
    models = {model for each in OPERATIONS for model in (each.body, each.answer) if model} | {ErrorAnswer}
    wanted = [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)]
    _, found = models_json_schema(wanted, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    paths: dict[str, Json] = {}
    for each in OPERATIONS:
        paths.setdefault(each.path, {})[each.method] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {"title": "onetag", "version": metadata.version("onetag")},
        "paths": paths,
        "components": {
            "schemas": found["$defs"],
            "securitySchemes": {
                "header": {"type": "apiKey", "in": "header", "name": SECRET_HEADER},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
        "security": [{"header": []}, {"basic": []}],
    }


def _operation(operation: Operation) -> Json:
    answers: Json = {"200": {"description": operation.summary, "content": _content(operation)}}
    if not operation.open:
        answers["401"] = {"description": "The secret is missing or wrong; nothing more is said."}
        for status, why in REFUSALS.items():
            if operation.body is not None or status not in OF_BODIES:
                answers[str(status)] = {"description": why, "content": _json(ErrorAnswer)}
    described: Json = {"summary": operation.summary, "responses": answers}
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _json(operation.body)}
    if operation.open:
        described["security"] = []
    return described


def _content(operation: Operation) -> Json:
    if operation.answer is not None:
        return _json(operation.answer)
    if operation.path == "/openapi.json":
        return {"application/json": {"schema": {"type": "object"}}}
    return {"text/plain": {"schema": {"type": "string"}}}


def _json(model: type[BaseModel]) -> Json:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}
