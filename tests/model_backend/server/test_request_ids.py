"""A request's id: in its answer, on its lines, and in the message that it sends."""

from __future__ import annotations

import logging

import pytest
from flask.testing import FlaskClient

from annotator.store import Project
from model_backend.log_context import current_request

from .conftest import Nudges

EVENT = {"action": "ANNOTATION_CREATED", "project": {"id": 7}}


def test_every_answer_names_its_request_even_a_refusal(client: FlaskClient) -> None:
    answers = [
        client.get("/health"),
        client.get("/versions"),
        client.get("/nowhere"),
        client.post("/webhook"),
    ]
    stranger = client.get("/versions", headers={"X-Onetag-Secret": "guessed"})
    ids = [answer.headers["X-Request-ID"] for answer in [*answers, stranger]]
    assert len(set(ids)) == 5


def test_the_id_of_a_proxy_in_front_is_kept(client: FlaskClient) -> None:
    answer = client.get("/health", headers={"X-Request-ID": "from-the-proxy.1"})
    assert answer.headers.getlist("X-Request-ID") == ["from-the-proxy.1"]


@pytest.mark.parametrize("given", ["", "two words", "a" * 65, "é", "<script>"])
def test_what_is_no_plain_word_is_not(client: FlaskClient, given: str) -> None:
    assert client.get("/health", headers={"X-Request-ID": given}).headers["X-Request-ID"] != given


def test_the_lines_and_the_message_of_a_request_carry_its_id_and_no_later_one_does(
    client: FlaskClient,
    project: Project,
    nudges: Nudges,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen: list[str | None] = []

    class Note(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(current_request())

    monkeypatch.setattr(nudges, "process_inbox", lambda: seen.append(current_request()))
    logger, note = logging.getLogger("model_backend.server"), Note()
    logger.addHandler(note)
    try:
        with caplog.at_level(logging.INFO, logger.name):
            client.post("/webhook", json=EVENT, headers={"X-Request-ID": "abc"})
    finally:
        logger.removeHandler(note)
    assert len(seen) >= 3, "recorded, sent to the queue, answered"
    assert set(seen) == {"abc"}
    assert current_request() is None
