"""The worker as a process: killed in the middle, stopped in order, two at once."""

import base64
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from huey.consumer import Consumer
from sqlalchemy import func, select

from annotator.labelstudio.config import build_config
from annotator.settings import Settings, load_settings, save_credentials
from annotator.store import (
    Event,
    Image,
    ModelVersion,
    Observation,
    Project,
    Store,
    TrainingRun,
    sync_labels,
)
from model_backend.worker import run

from .test_jobs import submit

PROGRAM = """
from annotator.settings import Settings
from annotator.store import open_store, runs
from model_backend.engine import runs as engine_runs
from model_backend.worker import queue
from model_backend.worker.run import run_worker

# As in production, but ten times as quick.
runs.SILENT_SECONDS, engine_runs.HEARTBEAT_SECONDS = 2.0, 0.3
queue._Scheduler.periodic_task_seconds = 1.0
settings = Settings()
store = open_store(settings.store_url)
run_worker(store, settings)
store.close()
"""
LABELS = ("red", "green", "blue")
IMAGES = 40


@pytest.fixture
def project(sqlite_store: Store, paint: Callable[[int], bytes]) -> Project:
    """A project whose tasks carry their images, so that a process of its own can read them."""
    with sqlite_store.session() as session:
        made = Project(
            studio_url="http://studio.test", studio_project=7, title="P", label_config=build_config(LABELS)
        )
        session.add(made)
        session.flush()
        sync_labels(session, made, LABELS)
        session.add_all(
            Image(project_id=made.id, studio_task=700 + number, uri=_uri(paint(number)))
            for number in range(1, IMAGES + 1)
        )
    return made


def _uri(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


@pytest.fixture
def start(engine_settings: Settings) -> Iterator[Callable[[], "subprocess.Popen[str]"]]:
    """A function that starts a worker; all are killed at the end."""
    started: list[subprocess.Popen[str]] = []
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ONETAG_")} | {
        "ONETAG_DATA_DIR": str(engine_settings.data_dir),
        "ONETAG_RETRAIN_AFTER": "5",
        "ONETAG_BACKBONE": "handcrafted",
        "OMP_NUM_THREADS": "1",
    }

    def run() -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", PROGRAM]
        started.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def submit_tag(store: Store, number: int) -> None:
    task = 700 + number
    with store.reading() as session:
        uri = session.scalars(select(Image.uri).where(Image.studio_task == task)).one()
    submit(store, task, uri=uri)


def wait_for(store: Store, condition: Callable[[Any], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with store.reading() as session:
            if condition(session):
                return
        time.sleep(0.05)
    pytest.fail("waited in vain")


def states(session: Any) -> list[str]:
    return list(session.scalars(select(TrainingRun.state).order_by(TrainingRun.id)))


def count(session: Any, table: type, *conditions: Any) -> int:
    return int(session.scalar(select(func.count()).select_from(table).where(*conditions)))


def test_what_a_backbone_needs_is_imported_before_there_are_threads(
    sqlite_store: Store, engine_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two threads that import at once, one had met a torch that was half there."""
    order: list[str] = []
    start = Consumer.start

    def note(consumer: Consumer) -> None:
        order.append("threads")
        start(consumer)

    monkeypatch.setattr(Consumer, "start", note)
    monkeypatch.setattr(run, "import_library", order.append)
    stop = threading.Event()
    worker = threading.Thread(target=run.run_worker, args=(sqlite_store, engine_settings, stop))
    worker.start()
    while "threads" not in order and worker.is_alive():
        time.sleep(0.01)
    stop.set()
    worker.join(60)
    assert order == [engine_settings.backbone, "threads"]


def test_killed_in_the_middle_of_a_training_it_loses_nothing(
    sqlite_store: Store,
    project: Project,
    start: Callable[[], "subprocess.Popen[str]"],
    engine_settings: Settings,
) -> None:
    for number in range(1, 6):
        submit_tag(sqlite_store, number)
    first = start()
    wait_for(sqlite_store, lambda session: states(session) == ["running"])
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    with sqlite_store.session() as session:
        assert states(session) == ["running"], "the run is left as it was"
        assert count(session, ModelVersion) == 0
    for number in range(6, 9):
        submit_tag(sqlite_store, number)  # the server goes on recording

    start()
    wait_for(sqlite_store, lambda session: "done" in states(session))
    with sqlite_store.reading() as session:
        assert states(session)[:2] == ["failed", "done"]
        assert count(session, Event, Event.processed_at.is_(None)) == 0
        assert count(session, Observation, Observation.retired_at.is_(None)) == 8
        version = session.scalars(select(ModelVersion)).first()
        assert version is not None
        assert (engine_settings.data_dir / version.folder / "model.json").is_file()


def test_asked_to_stop_it_puts_a_training_back_and_ends(
    sqlite_store: Store, project: Project, start: Callable[[], "subprocess.Popen[str]"]
) -> None:
    for number in range(1, 6):
        submit_tag(sqlite_store, number)
    worker = start()
    wait_for(sqlite_store, lambda session: states(session) == ["running"])
    worker.send_signal(signal.SIGTERM)
    _, errors = worker.communicate(timeout=60)
    assert worker.returncode == 0, errors
    assert "Traceback" not in errors
    with sqlite_store.reading() as session:
        assert states(session) in (["queued"], ["done"])  # done: it was in its last step


def test_two_workers_share_the_work(
    sqlite_store: Store, project: Project, start: Callable[[], "subprocess.Popen[str]"]
) -> None:
    start()
    start()
    for number in range(1, 6):
        submit_tag(sqlite_store, number)
    wait_for(sqlite_store, lambda session: states(session) == ["done"])
    with sqlite_store.reading() as session:
        assert count(session, ModelVersion) == 1
        assert count(session, Observation) == 5


def test_a_folder_that_cannot_hold_a_queue_is_a_clear_error(
    start: Callable[[], "subprocess.Popen[str]"], engine_settings: Settings, sqlite_store: Store
) -> None:
    Path(engine_settings.data_dir / "queue.sqlite").mkdir()
    worker = start()
    _, errors = worker.communicate(timeout=60)
    assert worker.returncode == 1
    assert "cannot be opened" in errors


def test_a_label_studio_that_is_connected_later_is_worked_for_without_a_restart(
    sqlite_store: Store, project: Project, engine_settings: Settings, tmp_path: Path
) -> None:
    settings = load_settings(data_dir=tmp_path / "data", database_url=engine_settings.store_url)
    (tmp_path / "data").mkdir()
    opened: list[str | None] = []
    stop = threading.Event()

    def work(_store: Store, now: Settings, _stop: threading.Event) -> Settings:
        opened.append(now.label_studio_url)
        if now.label_studio_url:
            stop.set()
            return now
        save_credentials(tmp_path / "data", label_studio_url="http://studio.test", label_studio_token="t")
        return run._until_others_hold(now, stop, lambda: None)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run, "_work", work)
        run.run_worker(sqlite_store, settings, stop)
    assert opened == [None, "http://studio.test"]
