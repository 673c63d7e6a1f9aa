"""`onetag serve` and `onetag worker` as processes, with a store and a stand-in for Label Studio."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from annotator.labelstudio.backends import SECRET_HEADER
from annotator.labelstudio.projects import Identity, get_or_create_project
from annotator.store import Event, Image, Label, ModelVersion, Observation, Store, TrainingRun, move_arrivals
from annotator.store.inbox import inbox_file
from annotator.store.states import Publication
from model_backend.stack.process import onetag
from tests.free_ports import free_port
from tests.processes.stand_in import PROJECT, StandIn

IMAGES = 16
SECRET = "a shared secret"
PATIENCE = 120.0
ROOT = Path(__file__).parents[2]
QUICK = [sys.executable, "-m", "tests.processes.quick"]


class Command:
    """A command in a process of its own; what it says goes to a file."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                command, env=environment, cwd=ROOT, stdout=stream, stderr=subprocess.STDOUT
            )

    @property
    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """End it as the out-of-memory killer does."""
        self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended_in_order(self, within: float = 60.0) -> bool:
        """Whether it ends by itself in time, as if nothing had happened."""
        return self.process.wait(within) == 0 and "Traceback" not in self.said


@dataclass
class Installation:
    """What a server and workers share, and what runs of them. logs: where that says what it does."""

    folder: Path
    logs: Path
    store: Store
    studio: StandIn
    project_id: int
    port: int = field(default_factory=free_port)
    started: list[Command] = field(default_factory=list)

    def worker(self, *, quick: bool = False, **variables: str) -> Command:
        """A new worker. quick: its pauses are short, see `quick.py`."""
        return self._start([*QUICK, "worker"] if quick else onetag("worker"), **variables)

    def starting_server(self) -> Command:
        """A new server that minds what it is told, and does not answer yet."""
        started = self._start(onetag("serve"))
        status = Path(f"/proc/{started.process.pid}/status")
        until(lambda: minds(status.read_text(), signal.SIGTERM), "it minds signals")
        assert self.health() == 0, started.said
        return started

    def server(self) -> Command:
        """A new server that answers."""
        started = self._start(onetag("serve"))
        until(lambda: not started.alive or self.health() == 200, "the server answers")
        assert started.alive, started.said
        return started

    def health(self) -> int:
        """The status of /health; 0 where nothing answers."""
        return self._ask(urllib.request.Request(f"{self._address}/health"))[0]

    def webhook(self, body: dict[str, Any]) -> tuple[int, str | None]:
        """The status that an event is answered with, and the key of what was kept."""
        headers = {SECRET_HEADER: SECRET, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._address}/webhook", json.dumps(body).encode(), headers)
        status, answer = self._ask(request)
        return status, answer.get("event")

    def read(self, question: Callable[[Session], Any]) -> Any:
        """An answer of the store."""
        with self.store.reading() as session:
            return question(session)

    def events(self) -> set[str | None]:
        """The keys of all events that the worker finds."""
        while move_arrivals(self.store):
            pass
        return set(self.read(lambda session: session.scalars(select(Event.key)).all()))

    def runs(self) -> list[str]:
        """The states of the trainings, oldest first."""
        states = select(TrainingRun.state).order_by(TrainingRun.id)
        return [str(state) for state in self.read(lambda session: session.scalars(states).all())]

    def observed(self) -> dict[int, str]:
        """Task -> the label that is on record."""
        tags = (
            select(Image.studio_task, Label.name)
            .join(Observation, Observation.image_id == Image.id)
            .join(Label, Label.id == Observation.label_id)
            .where(Observation.retired_at.is_(None), Observation.value == 1)
        )
        return dict(self.read(lambda session: session.execute(tags).all()))

    def published(self) -> list[str]:
        """The names of the versions that were published."""
        done = select(ModelVersion.name).where(ModelVersion.publication == Publication.PUBLISHED)
        return list(self.read(lambda session: session.scalars(done.order_by(ModelVersion.id)).all()))

    @property
    def _address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _ask(self, request: urllib.request.Request) -> tuple[int, dict[str, Any]]:
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {}
        except (OSError, HTTPException):  # an answer may break off halfway, too
            return 0, {}

    def _start(self, command: list[str], **variables: str) -> Command:
        log = self.logs / f"{len(self.started)}.log"
        self.started.append(Command(command, self._environment() | variables, log))
        return self.started[-1]

    def _environment(self) -> dict[str, str]:
        others = {name: value for name, value in os.environ.items() if not name.startswith("ONETAG_")}
        return others | {
            "ONETAG_DATA_DIR": str(self.folder),
            "ONETAG_DATABASE_URL": self.store.url.render_as_string(hide_password=False),
            "ONETAG_SECRET": SECRET,
            "ONETAG_PORT": str(self.port),
            "ONETAG_LABEL_STUDIO_URL": self.studio.url,
            "ONETAG_LABEL_STUDIO_TOKEN": "a legacy token",
            "ONETAG_BACKBONE": "handcrafted",
            "ONETAG_DEVICE": "cpu",
            "ONETAG_RETRAIN_AFTER": "5",
            "OMP_NUM_THREADS": "1",
        }


@pytest.fixture
def installation(
    store: Store, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A connected project on either engine; whatever still runs at the end is killed."""
    studio = StandIn(IMAGES)
    with store.session() as session:
        identity = Identity(PROJECT, datetime.fromisoformat(studio.made))
        project = get_or_create_project(session, studio.url, identity, studio.config)
    made = Installation(tmp_path, tmp_path_factory.mktemp("logs"), store, studio, project.id)
    yield made
    for each in made.started:
        each.kill()
    studio.leave()


@contextmanager
def locked(store: Store, table: str, mode: str, file: Path | None) -> Iterator[None]:
    """Whoever writes waits for the block: for a table of PostgreSQL, or the SQLite file that it is in."""
    if file is None:
        with store.engine.begin() as connection:
            connection.execute(text(f"LOCK TABLE {table} IN {mode} MODE"))
            yield
        return
    with closing(sqlite3.connect(file, timeout=30)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


def nobody_writes_events_down(store: Store) -> AbstractContextManager[None]:
    """The inbox is locked for the block."""
    return locked(store, "arrivals", "EXCLUSIVE", inbox_file(store.file) if store.file else None)


def minds(status: str, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal, by its status as Linux tells it."""
    (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)


def until(condition: Callable[[], object], what: str) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.01)
