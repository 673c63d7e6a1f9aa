"""A stand-in for Label Studio: a server with one project that speaks what the worker asks, and can be held,
broken and taken away. It keeps watch over the labelling queue.
"""

from __future__ import annotations

import json
import operator
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, urlsplit

from annotator.labelstudio.config import LABEL, build_config
from tests.model_backend.conftest import LABELS, picture, truth

Json = dict[str, Any]
PROJECT = 7
COMPARE = {"greater": operator.gt, "equal": operator.eq, "greater_or_equal": operator.ge}


@dataclass(frozen=True)
class Asked:
    """A request, and the connection that it came by."""

    method: str
    path: str
    body: Any
    client: socket.socket


@dataclass
class Gate:
    """Holds the requests that come to a point."""

    point: str
    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)


class StandIn:
    """Label Studio's project 7, whose images are `picture`s of task 1, 2, ..."""

    def __init__(self, images: int) -> None:
        self.config = build_config(LABELS)
        self.made = now()
        self.tasks = {number: task(number) for number in range(1, images + 1)}
        self.annotations: dict[int, Json] = {}
        self.predictions: list[Json] = []
        self.queue: str | None = None  # the version that it follows
        self.emptied: list[str] = []  # requests after which a task that waits was in the queue no more
        self.broken: int | None = None  # the status of every answer
        self._gate: Gate | None = None
        self._lock = threading.Lock()
        self._server = self._listening(0)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    # What people do

    def annotate(self, *numbers: int) -> None:
        """Tag the first label of these tasks; no webhook tells of it."""
        for number in numbers:
            self.annotations[number] = annotation(number)
            self.tasks[number]["updated_at"] = now()

    @property
    def said(self) -> dict[int, str]:
        """Task -> the label that was tagged."""
        return {number: truth(number)[0] for number in self.annotations}

    @property
    def shown(self) -> list[int]:
        """The tasks in the queue, each as often as there is a prediction of it."""
        return [each["task"] for each in self.predictions if each["model_version"] == self.queue]

    # What happens to it

    @contextmanager
    def holding(self, point: str) -> Iterator[threading.Event]:
        """Hold whatever comes to this point for the block; yields what is set once something did."""
        self._gate = gate = Gate(point)
        try:
            yield gate.reached
        finally:
            self._gate = None
            gate.opened.set()

    def leave(self) -> None:
        """Refuse connections from now on."""
        self._server.shutdown()
        self._server.server_close()

    def come_back(self) -> None:
        """Be there again, at the same address."""
        self._server = self._listening(self._server.server_port)

    # What it answers

    def answer(self, asked: Asked) -> Any:
        """The body of an answer; None where there is no such place."""
        for method, pattern, work in PLACES:
            if asked.method == method and re.fullmatch(pattern, urlsplit(asked.path).path):
                return work(self, asked)
        return None

    def picture(self, asked: Asked) -> bytes:
        """The image of a task."""
        self._come_to("an image", asked)
        return picture(int(PurePosixPath(urlsplit(asked.path).path).stem))

    def whoami(self, _: Asked) -> Json:
        """The user."""
        return {"email": "ann@example.org"}

    def backends(self, _: Asked) -> list[Json]:
        """No ML backend is connected."""
        return []

    def project(self, _: Asked) -> Json:
        """The project with its counts."""
        return {
            "id": PROJECT,
            "title": "Patches",
            "created_at": self.made,
            "label_config": self.config,
            "model_version": self.queue,
            "task_number": len(self.tasks),
            "total_annotations_number": len(self.annotations),
            "skipped_annotations_number": 0,
        }

    def matching(self, asked: Asked) -> Json:
        """The tasks that fit a filter, on one page."""
        query = json.loads(parse_qs(urlsplit(asked.path).query)["query"][0])
        tasks = [self._with_answers(number) for number in self.tasks]
        found = [each for each in tasks if all(fits(each, item) for item in query["filters"]["items"])]
        return {"tasks": found, "total": len(found)}

    def versions(self, _: Asked) -> Json:
        """The versions that there are predictions of: all of them young."""
        names = [each["model_version"] for each in self.predictions]
        return {
            "static": [
                {"model_version": name, "count": names.count(name), "latest": now()} for name in set(names)
            ]
        }

    def push(self, asked: Asked) -> Json:
        """Add predictions."""
        self._come_to("before the push", asked)
        self._change("push", [*self.predictions, *asked.body], self.queue)
        self._come_to("after the push", asked)
        return {"created": len(asked.body)}

    def clear(self, asked: Asked) -> Json:
        """Delete a version's predictions."""
        kept = [each for each in self.predictions if each["model_version"] != asked.body["model_version"]]
        gone = len(self.predictions) - len(kept)
        self._change("clear", kept, self.queue)
        return {"deleted_predictions": gone}

    def switch(self, asked: Asked) -> Json:
        """Let the queue follow a version."""
        self._come_to("before the switch", asked)
        self._change("switch", self.predictions, asked.body["model_version"])
        self._come_to("after the switch", asked)
        return self.project(asked)

    def _come_to(self, point: str, asked: Asked) -> None:
        gate = self._gate
        if gate is not None and gate.point == point:
            gate.reached.set()
            gate.opened.wait()
            if is_gone(asked.client):
                raise ConnectionAbortedError

    def _change(self, what: str, predictions: list[Json], queue: str | None) -> None:
        with self._lock:
            filled = self.queue is not None
            self.predictions, self.queue = predictions, queue
            if filled and not set(self.tasks) - set(self.annotations) <= set(self.shown):
                self.emptied.append(what)

    def _with_answers(self, number: int) -> Json:
        answers = [self.annotations[number]] if number in self.annotations else []
        counts = {"total_annotations": len(answers), "cancelled_annotations": 0}
        return {**self.tasks[number], **counts, "annotations": answers, "predictions": []}

    def _listening(self, port: int) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler(self))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return server


PLACES: tuple[tuple[str, str, Callable[[StandIn, Asked], Any]], ...] = (
    ("GET", r"/data/upload/\d+/\d+\.png", StandIn.picture),
    ("GET", "/api/current-user/whoami", StandIn.whoami),
    ("GET", "/api/ml", StandIn.backends),
    ("GET", "/api/tasks", StandIn.matching),
    ("GET", r"/api/projects/\d+", StandIn.project),
    ("PATCH", r"/api/projects/\d+", StandIn.switch),
    ("POST", r"/api/projects/\d+/import/predictions", StandIn.push),
    ("GET", r"/api/projects/\d+/model-versions/", StandIn.versions),
    ("DELETE", r"/api/projects/\d+/model-versions/", StandIn.clear),
)


def handler(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    """Hands requests over, one a connection."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with suppress(ConnectionError):  # whoever asked has been killed
                if stand_in.broken:
                    return self._say(stand_in.broken, b"{}", "application/json")
                made = stand_in.answer(
                    Asked(self.command, self.path, json.loads(raw or b"{}"), self.connection)
                )
                if isinstance(made, bytes):
                    return self._say(200, made, "image/png")
                return self._say(404 if made is None else 200, json.dumps(made).encode(), "application/json")

        def _say(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815

        def log_message(self, *_told: object) -> None:
            """Quiet."""

    return Handler


def now() -> str:
    """The moment, as the worker writes it in its filters: texts that compare as moments do."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def task(number: int) -> Json:
    """A task with its picture."""
    image = f"/data/upload/{PROJECT}/{number}.png"
    return {"id": number, "data": {"image": image}, "project": PROJECT, "updated_at": now()}


def annotation(number: int) -> Json:
    """The first true label of a task, tagged."""
    region = {"id": "r", "from_name": LABEL, "to_name": "image", "type": "choices", "origin": "manual"}
    return {
        "id": 5000 + number,
        "task": number,
        "result": [{**region, "value": {"choices": [truth(number)[0]]}}],
        "completed_by": 1,
        "was_cancelled": False,
        "lead_time": 2.0,
        "created_at": now(),
        "updated_at": now(),
    }


def fits(found: Json, item: Json) -> bool:
    """Whether a task fits one condition of a filter."""
    return bool(COMPARE[item["operator"]](found[item["filter"].rpartition(":")[2]], item["value"]))


def is_gone(client: socket.socket) -> bool:
    """Whether the other end of a connection is closed: what it asked for is not done any more."""
    try:
        return client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
