"""The description is of this very server, and requests made from it find no way to break it."""

from __future__ import annotations

import json
import logging
from collections import Counter
from typing import Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from annotator.store import Project
from model_backend.server.openapi import OPERATIONS, describe

from .conftest import SECRET
from .test_app import GUARDED

EXAMPLES = 100
"""Requests for each operation with a body: with what the description allows, and with what it does not."""
BODIES = ("/setup", "/predict", "/webhook")

log = logging.getLogger(__name__)


def test_every_endpoint_is_described_and_nothing_else(app: Flask) -> None:
    served = {
        (str(rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if method not in ("HEAD", "OPTIONS")
        and rule.endpoint != "static"
        and not rule.endpoint.startswith("page.")  # for people, who follow links
    }
    assert {(each.path, each.method) for each in OPERATIONS} == served


def test_it_is_published_to_who_has_the_secret(app: Flask, client: FlaskClient) -> None:
    assert app.test_client().get("/openapi.json").status_code == 401
    assert client.get("/openapi.json").json == json.loads(json.dumps(describe()))


def test_what_is_open_is_said_to_be() -> None:
    guarded = {(each.method.upper(), each.path) for each in OPERATIONS if not each.open}
    assert guarded >= set(GUARDED)
    assert [each.path for each in OPERATIONS if each.open] == ["/health"]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_requests_made_from_it_find_no_way_to_break_it(
    app: Flask, project: Project, mode: GenerationMode, caplog: pytest.LogCaptureFixture
) -> None:
    """No 5xx, no status and no answer that is not described; counts are logged (`--log-cli-level INFO`)."""
    caplog.set_level(logging.CRITICAL, "model_backend")
    headers = {"X-Onetag-Secret": SECRET}
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app, headers=headers)
    answered: Counter[tuple[str, int]] = Counter()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and operation.path not in BODIES:
            continue  # nothing of it can be wrong

        @settings(
            max_examples=EXAMPLES if operation.path in BODIES else 5,
            database=None,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            answer = case.call(headers=headers)
            answered[case.path, answer.status_code] += 1
            assert answer.status_code < 500
            case.validate_response(answer, headers=headers)

        ask()
    log.info("%d requests: %s", answered.total(), dict(answered))
    assert answered.total() >= EXAMPLES * len(BODIES)
    if mode is GenerationMode.POSITIVE:
        assert {status for _, status in answered} == {200}
