"""A project in a store, and an HTTP server that answers as a test wants."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy.orm import Session

from annotator.labelstudio.config import build_config
from annotator.store import Project, Store, sync_labels

LABELS = ("cat", "dog", "tree", "car")


@pytest.fixture
def session(sqlite_store: Store) -> Iterator[Session]:
    """A writing session on an empty store."""
    with sqlite_store.session() as opened:
        yield opened


def add_project(
    session: Session, *, number: int = 5, url: str = "http://studio", labels: Any = LABELS
) -> Project:
    """A connected project with its labels."""
    project = Project(
        studio_url=url, studio_project=number, title="photos", label_config=build_config(labels)
    )
    session.add(project)
    session.flush()
    sync_labels(session, project, labels)
    return project


@pytest.fixture
def project(session: Session) -> Project:
    """Project 5 of Label Studio with four labels."""
    return add_project(session)


@dataclass
class Asked:
    """One request that the server got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """What it answers: a status with JSON, or with bytes of some kind."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Stand:
    """A server that stands in for Label Studio, or for any other host."""

    url: str
    answer: Callable[[Asked], Answer]
    asked: list[Asked] = field(default_factory=list)

    def paths(self) -> list[str]:
        return [f"{each.method} {each.path}" for each in self.asked]


@pytest.fixture
def new_stand() -> Iterator[Callable[[Callable[[Asked], Answer]], Stand]]:
    """Starts servers on loopback, and stops them at the end of the test."""
    servers: list[ThreadingHTTPServer] = []

    def make(answer: Callable[[Asked], Answer]) -> Stand:
        stand = Stand("", answer)
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(stand))
        server.daemon_threads = True
        servers.append(server)
        stand.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return stand

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def _handler(stand: Stand) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            asked = Asked(self.command, self.path, dict(self.headers), self.rfile.read(length))
            stand.asked.append(asked)
            answer = stand.answer(asked)
            raw = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            kind = "application/octet-stream" if isinstance(answer.body, bytes) else "application/json"
            for name, value in (
                {"Content-Type": kind, "Content-Length": str(len(raw))} | answer.headers
            ).items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(ConnectionError):  # the client had enough, or would not wait
                self.wfile.write(raw)

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _serve  # noqa: N815

        def log_message(self, *_args: object) -> None:
            """Quiet."""

    return Handler
