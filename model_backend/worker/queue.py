"""The job queue: which messages there are, and where each one leads.

A message holds no work. What there is to do stands in the store (the inbox, the training runs), so a lost
message delays work until the next periodic check and never loses any.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import psycopg
from huey import Huey
from huey.consumer import Consumer, Scheduler, Worker
from huey.storage import PostgresStorage, SqliteStorage
from sqlalchemy.engine import URL, make_url

from annotator.errors import OnetagError
from annotator.private import FOLDER
from annotator.settings import Settings
from annotator.store.together import Together
from model_backend.engine.retrain_policy import Decision
from model_backend.log_context import about, current_request
from model_backend.worker.inbox import InboxOutcome
from model_backend.worker.messages import JsonMessages
from model_backend.worker.queue_file import is_damaged, set_aside_if_damaged
from model_backend.worker.seldom import Seldom

QUEUE_FILE = "queue.sqlite"
QUEUE_TABLES = "onetag_queue"
CHECK_SECONDS = 10
RECONCILE_MINUTES = 10
WORKER_THREADS = 6  # a training, a reconcile, slow images, a map, a first order, and always one for the inbox
STOP_SECONDS = 40  # for what is under way: longer than an image may take, shorter than we promise to need

log = logging.getLogger(__name__)


class QueueUnreachable(OnetagError):  # noqa: N818
    """The job queue cannot be written. The work itself is safe in the store."""


class Jobs(Protocol):
    """What a worker does when a message arrives; returned ids are the projects to consider next."""

    def process_inbox(self) -> InboxOutcome:
        """Process the recorded events, in order."""

    def consider(self, project_id: int) -> Decision:
        """Decide whether a training is due, and queue it when it is."""

    def train(self) -> Iterable[int]:
        """Run every queued training."""

    def tidy(self, project_id: int) -> None:
        """Clear what older versions left behind."""

    def check(self) -> Iterable[int]:
        """Find lost jobs, publish what was interrupted."""

    def tell(self) -> Iterable[int]:
        """Tell Label Studio what was said on the page."""

    def adjust_thresholds(self) -> Iterable[int]:
        """Bring thresholds that people set into use."""

    def reconcile(self) -> Iterable[int]:
        """Compare the store with Label Studio."""

    def order_first_due(self) -> bool:
        """Whether the first questions of a project have to be put into an order."""

    def order_first(self) -> None:
        """Put the first questions of projects into an order."""

    def lay_out_due(self) -> bool:
        """Whether the map of a project has to be computed."""

    def lay_out(self) -> None:
        """Compute the maps that are due."""

    def look_again_due(self) -> bool:
        """Whether images wait to be read again."""

    def look_again(self) -> None:
        """Read the images that are due again, and queue trainings with those that can be used now."""


@dataclass(frozen=True)
class _ToSend:
    """A message to be sent: huey's task of its name, what it is about, seconds to wait, on whose behalf."""

    message: Any
    arguments: tuple[int, ...]
    delay: float
    request: str | None


class JobQueue:
    """The messages of one queue. Without jobs (in the server) they can be sent, not worked on."""

    def __init__(self, huey: Huey, jobs: Jobs | None = None) -> None:
        self.huey = huey
        self._jobs = jobs
        self._process_inbox = self._message("process_inbox", self._do_process_inbox)
        self._consider = self._message("consider", self._do_consider)
        self._train = self._message("train", self._do_train)
        self._tidy = self._message("tidy", self._do_tidy)
        self._tell = self._message("tell", self._do_tell)
        self._adjust_thresholds = self._message("adjust_thresholds", self._do_adjust_thresholds)
        self._reconcile = self._message("reconcile", self._do_reconcile)
        self._look_again = self._message("look_again", self._do_look_again)
        self._order_first = self._message("order_first", self._do_order_first)
        self._lay_out = self._message("lay_out", self._do_lay_out)
        self._sending = Together(self._send_all)
        if jobs is not None:
            huey.periodic_task(lambda _: True, name="check")(_told("check", self._do_check))
            reconcile = _told("periodic_reconcile", self._do_reconcile)
            huey.periodic_task(_every_few_minutes, name="periodic_reconcile")(reconcile)

    def process_inbox(self) -> None:
        """Ask for the inbox to be processed. Raises QueueUnreachable."""
        self._send(self._process_inbox)

    def consider(self, project_id: int, delay: float = 0.0) -> None:
        """Ask whether a project is due for a training, `delay` seconds from now. Raises QueueUnreachable."""
        self._send(self._consider, project_id, delay=delay)

    def train(self) -> None:
        """Ask for the queued trainings to run. Raises QueueUnreachable."""
        self._send(self._train)

    def tidy(self, project_id: int) -> None:
        """Ask for the leavings of older versions to be cleared. Raises QueueUnreachable."""
        self._send(self._tidy, project_id)

    def tell(self) -> None:
        """Ask for what was said on the page to be told to Label Studio. Raises QueueUnreachable."""
        self._send(self._tell)

    def adjust_thresholds(self) -> None:
        """Ask for thresholds that people set to be brought into use. Raises QueueUnreachable."""
        self._send(self._adjust_thresholds)

    def reconcile(self) -> None:
        """Ask for the store to be compared with Label Studio. Raises QueueUnreachable."""
        self._send(self._reconcile)

    def consumer(self) -> Consumer:
        """The threads that work on the messages; polls often, because an annotator is waiting."""
        options: dict[str, Any] = {"workers": WORKER_THREADS, "initial_delay": 0.05, "max_delay": 0.15}
        return _Consumer(self.huey, **options, graceful_signal="TERM", shutdown_timeout=STOP_SECONDS)

    def close(self) -> None:
        """Close the queue's connection."""
        self.huey.storage.close()

    def _message(self, name: str, work: Callable[..., None]) -> Any:
        """A message of this name. It carries the request that it was sent for to the lines of its work."""

        told = _told(name, work)

        def do(*arguments: int, request: str | None = None) -> None:
            with about(request=request):
                told(*arguments)

        return self.huey.task(name=name)(do)

    def _send(self, message: Any, *arguments: int, delay: float = 0.0) -> None:
        """Send a message, unless one that asks for the same waits already."""
        self._sending(_ToSend(message, arguments, delay, current_request()))

    def _send_all(self, asked: Sequence[_ToSend]) -> None:
        """Send what threads ask for at the same time: what asks for the same, once."""
        alike = {(each.message.name, each.arguments, each.delay): each for each in reversed(asked)}
        try:
            for each in reversed(alike.values()):
                self._send_one(each)
        except (sqlite3.Error, OSError) as error:
            raise QueueUnreachable(
                f"The job queue cannot be written ({type(error).__name__}).", "Free some space on its disk."
            ) from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "psycopg":
                raise
            raise QueueUnreachable(
                f"The job queue cannot be reached ({type(error).__name__}).", "Start its database."
            ) from None

    def _send_one(self, one: _ToSend) -> None:
        if self._waits(one.message.name, one.arguments, later=one.delay > 0):
            return
        about_request = {"request": one.request}
        if one.delay > 0:
            one.message.schedule(args=one.arguments, kwargs=about_request, delay=one.delay)
        else:
            one.message(*one.arguments, **about_request)

    def _waits(self, name: str, arguments: tuple[int, ...], *, later: bool) -> bool:
        """Whether such a message waits for a free thread or, if `later` will do, for its time."""
        storage = self.huey.storage
        for data in [*storage.enqueued_items(), *(storage.scheduled_items() if later else ())]:
            with suppress(ValueError):  # someone else's
                found = self.huey.serializer.deserialize(data)
                same = found.name.rpartition(".")[2] == name and found.args == arguments
                if same and (later or found.eta is None):
                    return True
        return False

    def _do_process_inbox(self) -> None:
        outcome = self._work.process_inbox()
        if outcome.reconcile:
            self.reconcile()
        for project_id in sorted(outcome.projects):
            self._do_consider(project_id)

    def _do_consider(self, project_id: int) -> None:
        with about(project=project_id):
            decision = self._work.consider(project_id)
        if decision.queued:
            self.train()
        elif decision.wait is not None:
            self.consider(project_id, decision.wait)

    def _do_train(self) -> None:
        for project_id in self._work.train():
            self.tidy(project_id)
            self._do_consider(project_id)

    def _do_tidy(self, project_id: int) -> None:
        with about(project=project_id):
            self._work.tidy(project_id)

    def _do_check(self) -> None:
        self._do_process_inbox()
        for project_id in self._work.check():
            self._do_consider(project_id)
        if self._work.look_again_due():
            self._send(self._look_again)
        if self._work.order_first_due():
            self._send(self._order_first)
        if self._work.lay_out_due():
            self._send(self._lay_out)
        self.train()
        self._do_tell()
        self._do_adjust_thresholds()

    def _do_tell(self) -> None:
        for project_id in self._work.tell():
            self._do_consider(project_id)

    def _do_adjust_thresholds(self) -> None:
        for project_id in self._work.adjust_thresholds():
            self.tidy(project_id)

    def _do_look_again(self) -> None:
        self._work.look_again()
        self.train()

    def _do_order_first(self) -> None:
        self._work.order_first()

    def _do_lay_out(self) -> None:
        self._work.lay_out()

    def _do_reconcile(self) -> None:
        self._do_tell()
        for project_id in self._work.reconcile():
            self._do_consider(project_id)

    @property
    def _work(self) -> Jobs:
        if self._jobs is None:
            raise RuntimeError("This process sends jobs and does not work on them.")
        return self._jobs


def _told(name: str, work: Callable[..., None]) -> Callable[..., None]:
    """The work of a message, whose expected troubles, as a database that is away, are told in a line.

    What there is to do stays in the store, and the next check finds it. All else is a mistake of ours: huey
    tells it with its traceback.
    """

    def do(*arguments: int) -> None:
        try:
            work(*arguments)
        except OnetagError as error:
            log.error("The message %r was not worked on: %s", name, error)

    return do


class _Worker(Worker):  # type: ignore[misc]  # huey publishes no types
    def create_logger(self) -> Seldom:
        return Seldom(super().create_logger())


class _Scheduler(Scheduler):  # type: ignore[misc]
    periodic_task_seconds = CHECK_SECONDS

    def create_logger(self) -> Seldom:
        return Seldom(super().create_logger())


class _Consumer(Consumer):  # type: ignore[misc]
    worker_class = _Worker
    scheduler_class = _Scheduler

    def _set_signal_handlers(self) -> None:
        """Signals are the process's own affair: `run_worker` sees to them."""


def _every_few_minutes(at: datetime) -> bool:
    return at.minute % RECONCILE_MINUTES == 0 and at.second < CHECK_SECONDS


def open_job_queue(settings: Settings, jobs: Jobs | None = None) -> JobQueue:
    """The queue of an installation: beside the store, a SQLite file or tables in its PostgreSQL database.

    Raises OnetagError when neither can be opened.
    """
    storage, options = _storage(settings)
    try:
        if not _in_postgres(settings):
            set_aside_if_damaged(settings.data_dir / QUEUE_FILE)
        huey = Huey("onetag", results=False, serializer=JsonMessages(), storage_class=storage, **options)
    except (sqlite3.Error, OSError) as error:
        raise OnetagError(
            f"The job queue in {settings.data_dir} cannot be opened ({type(error).__name__}).",
            "Check that the folder exists, is writable and has space left.",
        ) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in {"psycopg", "huey"}:
            raise
        raise OnetagError(
            f"The job queue's database cannot be reached ({type(error).__name__}).",
            "Check ONETAG_DATABASE_URL, that the server runs, and that `onetag[postgres]` is installed.",
        ) from None
    return JobQueue(huey, jobs)


def is_queue_damaged(settings: Settings) -> bool:
    """Whether the queue's file has to be opened anew, which makes another."""
    return not _in_postgres(settings) and is_damaged(settings.data_dir / QUEUE_FILE)


def _in_postgres(settings: Settings) -> bool:
    return make_url(settings.store_url).get_backend_name() == "postgresql"


def _storage(settings: Settings) -> tuple[type[Any], dict[str, Any]]:
    if _in_postgres(settings):
        return _Postgres, {"url": make_url(settings.store_url)}
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=FOLDER)
    # The store holds what matters: a message needs no fsync.
    return SqliteStorage, {"filename": str(settings.data_dir / QUEUE_FILE), "fsync": False, "timeout": 2}


class _Postgres(PostgresStorage):  # type: ignore[misc]
    """huey's queue in PostgreSQL. Each thread listens on a connection of its own: all are closed at the end.

    Connections are opened by a function and not from a string, so that the password shows up in no repr.
    """

    def __init__(self, name: str, *, url: URL, **options: Any) -> None:
        self._url = url
        self._opened: list[Any] = []
        super().__init__(name, connection=self._open, table_prefix=QUEUE_TABLES, read_timeout=0.5, **options)

    def close(self) -> bool:
        """Close every connection."""
        for connection in self._opened:
            connection.close()
        return bool(super().close())

    def _open(self) -> Any:
        options = self._url.translate_connect_args(username="user", database="dbname")
        connection = psycopg.connect(**{"connect_timeout": 5, **self._url.query, **options}, autocommit=True)
        connection.execute("SET synchronous_commit TO off")  # the store holds what matters, as on SQLite
        self._opened = [*(each for each in self._opened if not each.closed), connection]
        return connection
