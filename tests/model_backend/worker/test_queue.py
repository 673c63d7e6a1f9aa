import pickle
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from annotator.errors import OnetagError
from annotator.settings import Settings
from annotator.store import Store
from model_backend.engine.retrain_policy import Decision
from model_backend.log_context import about, current_request
from model_backend.worker.inbox import InboxOutcome
from model_backend.worker.queue import (
    QUEUE_FILE,
    JobQueue,
    QueueUnreachable,
    is_queue_damaged,
    open_job_queue,
)


@dataclass
class Log:
    """Jobs that note what was asked of them, and when."""

    outcome: InboxOutcome = field(default_factory=InboxOutcome)
    decisions: list[Decision] = field(default_factory=list)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    images_due: bool = False
    maps_due: bool = False
    order_due: bool = False
    said: bool = False  # something on the page
    thresholds: bool = False  # set there
    called: threading.Condition = field(default_factory=threading.Condition)

    def process_inbox(self) -> InboxOutcome:
        self._note("process_inbox")
        return self.outcome

    def consider(self, project_id: int) -> Decision:
        decision = self.decisions.pop(0) if self.decisions else Decision()
        self._note("consider", project_id)
        return decision

    def train(self) -> Iterable[int]:
        self._note("train")
        return []

    def tidy(self, project_id: int) -> None:
        self._note("tidy", project_id)

    def check(self) -> Iterable[int]:
        return []

    def tell(self) -> Iterable[int]:
        self._note("tell")
        return [7] if self.said else []

    def adjust_thresholds(self) -> Iterable[int]:
        self._note("adjust thresholds")
        return [7] if self.thresholds else []

    def reconcile(self) -> Iterable[int]:
        self._note("reconcile")
        return []

    def order_first_due(self) -> bool:
        return self.order_due

    def order_first(self) -> None:
        self._note("order first")

    def lay_out_due(self) -> bool:
        return self.maps_due

    def lay_out(self) -> None:
        self._note("lay out")

    def look_again_due(self) -> bool:
        return self.images_due

    def look_again(self) -> None:
        self._note("look again")

    def _note(self, *call: Any) -> None:
        with self.called:
            self.calls.append(call)
            self.times.append(time.monotonic())
            self.called.notify_all()

    def wait_for(self, call: tuple[Any, ...], count: int = 1, seconds: float = 10) -> float:
        """When the call came for the `count`th time."""
        with self.called:
            assert self.called.wait_for(lambda: self.calls.count(call) >= count, seconds), self.calls
            return [at for at, each in zip(self.times, self.calls, strict=True) if each == call][count - 1]


def quiet_queue(settings: Settings, jobs: Log) -> JobQueue:
    queue = open_job_queue(settings, jobs)
    for task in queue.huey._registry.periodic_tasks:
        queue.huey._registry.unregister(type(task))
    return queue


def test_messages_arrive_though_the_queue_was_idle_for_a_while(
    worker_settings: Settings, consuming: Callable[[JobQueue], None]
) -> None:
    jobs = Log()
    consuming(quiet_queue(worker_settings, jobs))
    sender = open_job_queue(worker_settings)
    for count in range(1, 4):
        time.sleep(0.3)
        sender.process_inbox()
        jobs.wait_for(("process_inbox",), count)
    sender.close()


def test_the_queue_is_looked_at_several_times_a_second(worker_settings: Settings) -> None:
    queue = quiet_queue(worker_settings, Log())
    assert queue.consumer().max_delay <= 0.2
    queue.close()


def test_the_inbox_leads_to_a_training(
    worker_settings: Settings, consuming: Callable[[JobQueue], None]
) -> None:
    jobs = Log(outcome=InboxOutcome({7, 8}), decisions=[Decision(), Decision(queued=True)])
    queue = quiet_queue(worker_settings, jobs)
    consuming(queue)
    queue.process_inbox()
    jobs.wait_for(("train",))
    assert jobs.calls == [("process_inbox",), ("consider", 7), ("consider", 8), ("train",)]


@pytest.mark.parametrize(
    "trouble", [OnetagError("The database is away.", "Start it."), TypeError("a mistake")]
)
def test_an_expected_trouble_is_told_in_a_line_and_a_mistake_with_its_traceback(
    worker_settings: Settings,
    consuming: Callable[[JobQueue], None],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Exception,
) -> None:
    jobs = Log()

    def fail() -> InboxOutcome:
        raise trouble

    monkeypatch.setattr(jobs, "process_inbox", fail)
    queue = quiet_queue(worker_settings, jobs)
    consuming(queue)
    queue.process_inbox()
    deadline = time.monotonic() + 10
    while not (told := [record for record in caplog.records if record.levelname == "ERROR"]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    if isinstance(trouble, OnetagError):
        (line,) = told
        assert line.getMessage() == f"The message 'process_inbox' was not worked on: {trouble}"
        assert line.exc_info is None
    else:
        assert any(record.exc_info for record in told)


def test_what_label_studio_did_not_tell_is_looked_up(
    worker_settings: Settings, consuming: Callable[[JobQueue], None]
) -> None:
    jobs = Log(outcome=InboxOutcome(reconcile=True))
    queue = quiet_queue(worker_settings, jobs)
    consuming(queue)
    queue.process_inbox()
    jobs.wait_for(("reconcile",))


def test_what_was_said_on_the_page_is_told_and_may_lead_to_a_training(
    worker_settings: Settings, consuming: Callable[[JobQueue], None]
) -> None:
    jobs = Log(said=True, decisions=[Decision(queued=True)])
    queue = quiet_queue(worker_settings, jobs)
    consuming(queue)
    queue.tell()
    jobs.wait_for(("train",))
    assert jobs.calls == [("tell",), ("consider", 7), ("train",)]


def test_thresholds_set_on_the_page_are_brought_into_use_and_what_they_replace_is_cleared(
    worker_settings: Settings, consuming: Callable[[JobQueue], None]
) -> None:
    jobs = Log(thresholds=True)
    queue = quiet_queue(worker_settings, jobs)
    consuming(queue)
    queue.adjust_thresholds()
    jobs.wait_for(("tidy", 7))
    assert jobs.calls == [("adjust thresholds",), ("tidy", 7)]


def test_a_wait_is_kept(worker_settings: Settings, consuming: Callable[[JobQueue], None]) -> None:
    jobs = Log(decisions=[Decision(wait=1.0), Decision(queued=True)])
    queue = quiet_queue(worker_settings, jobs)
    consuming(queue)
    queue.consider(7)
    first = jobs.wait_for(("consider", 7))
    second = jobs.wait_for(("consider", 7), 2)
    assert second - first > 0.9
    jobs.wait_for(("train",))


def test_the_periodic_check_runs_at_the_start(
    worker_settings: Settings, consuming: Callable[[JobQueue], None]
) -> None:
    jobs = Log()
    consuming(open_job_queue(worker_settings, jobs))
    jobs.wait_for(("process_inbox",), seconds=5)
    jobs.wait_for(("train",), seconds=5)


def test_images_that_are_due_are_looked_at_again_and_then_trained_on(
    worker_settings: Settings, consuming: Callable[[JobQueue], None]
) -> None:
    jobs = Log(images_due=True)
    consuming(open_job_queue(worker_settings, jobs))
    jobs.wait_for(("look again",), seconds=5)
    with jobs.called:
        after = jobs.calls.index(("look again",))
        assert jobs.called.wait_for(lambda: ("train",) in jobs.calls[after:], 5), jobs.calls


def test_maps_that_are_due_are_computed(
    worker_settings: Settings, consuming: Callable[[JobQueue], None]
) -> None:
    jobs = Log(maps_due=True)
    consuming(open_job_queue(worker_settings, jobs))
    jobs.wait_for(("lay out",), seconds=5)


def test_first_questions_that_are_due_are_ordered(
    worker_settings: Settings, consuming: Callable[[JobQueue], None]
) -> None:
    jobs = Log(order_due=True)
    consuming(open_job_queue(worker_settings, jobs))
    jobs.wait_for(("order first",), seconds=5)


def test_a_message_that_waits_already_is_not_sent_again(store: Store, worker_settings: Settings) -> None:
    queue = quiet_queue(worker_settings, Log())
    for _ in range(3):
        queue.process_inbox()
        queue.consider(7)
        queue.consider(8)
    assert queue.huey.pending_count() == 3
    queue.close()


def test_threads_that_ask_at_the_same_time_ask_together(
    store: Store, worker_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a connection and a look for each, webhooks had waited in line for it."""
    queue = quiet_queue(worker_settings, Log())
    look, first, go_on = queue.huey.storage.enqueued_items, threading.Event(), threading.Event()
    looks: list[int] = []

    def slow() -> Any:
        looks.append(1)
        first.set()
        assert go_on.wait(10)
        return look()

    monkeypatch.setattr(queue.huey.storage, "enqueued_items", slow)
    threads = [threading.Thread(target=queue.process_inbox) for _ in range(8)]
    threads[0].start()
    assert first.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(queue._sending._waiting) < 7:
        time.sleep(0.01)
    go_on.set()
    for thread in threads:
        thread.join()
    assert len(looks) == 2, "one for the first, one for all who came meanwhile"
    assert queue.huey.pending_count() == 1
    queue.close()


def test_at_most_one_look_at_a_project_waits_for_its_time(
    store: Store, worker_settings: Settings, consuming: Callable[[JobQueue], None]
) -> None:
    """Each event of a burst had asked for one: 206 waited after 638 events."""
    jobs = Log(outcome=InboxOutcome({7, 8}), decisions=[Decision(wait=30.0)] * 40)
    queue = quiet_queue(worker_settings, jobs)
    consuming(queue)
    for count in range(1, 11):
        queue.process_inbox()
        jobs.wait_for(("consider", 8), count)
    deadline = time.monotonic() + 5
    while queue.huey.pending_count() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert queue.huey.scheduled_count() == 2
    queue.consider(7)  # at once, though another waits for its time
    jobs.wait_for(("consider", 7), 11)


def test_a_failing_duty_does_not_stop_the_worker(
    worker_settings: Settings, consuming: Callable[[JobQueue], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = Log()
    queue = quiet_queue(worker_settings, jobs)
    monkeypatch.setattr(jobs, "tidy", lambda project_id: 1 / 0)
    consuming(queue)
    queue.tidy(7)
    queue.process_inbox()
    jobs.wait_for(("process_inbox",))


def test_a_message_that_someone_else_wrote_is_dropped_unrun(
    worker_settings: Settings, consuming: Callable[[JobQueue], None]
) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (worker_settings.data_dir / "exploded",)  # type: ignore[return-value]

    jobs = Log()
    queue = quiet_queue(worker_settings, jobs)
    queue.huey.storage.enqueue(pickle.dumps(Bomb()))
    queue.huey.storage.enqueue(b'{"id":"1","name":"os.system","eta":null,"args":["true"],"kwargs":{}}')
    consuming(queue)
    queue.process_inbox()
    jobs.wait_for(("process_inbox",))
    assert not (worker_settings.data_dir / "exploded").exists()
    assert queue.huey.pending_count() == 0


def test_the_server_sends_and_cannot_be_made_to_work(worker_settings: Settings) -> None:
    queue = open_job_queue(worker_settings)
    queue.process_inbox()
    with pytest.raises(RuntimeError, match="does not work on them"):
        queue._do_process_inbox()
    queue.close()


def test_a_message_waits_for_a_worker_that_starts_later(
    worker_settings: Settings, consuming: Callable[[JobQueue], None]
) -> None:
    sender = open_job_queue(worker_settings)
    sender.process_inbox()
    sender.close()
    jobs = Log()
    consuming(quiet_queue(worker_settings, jobs))
    jobs.wait_for(("process_inbox",))


def test_a_broken_queue_says_so(sqlite_store: Store, engine_settings: Settings) -> None:
    queue = open_job_queue(engine_settings)
    queue.huey.storage.sql("drop table task", commit=True)
    with pytest.raises(QueueUnreachable, match="job queue"):
        queue.process_inbox()
    queue.close()


def test_a_queue_that_cannot_be_opened_names_the_folder(engine_settings: Settings) -> None:
    (engine_settings.data_dir / QUEUE_FILE).mkdir()
    with pytest.raises(OnetagError, match=str(engine_settings.data_dir)):
        open_job_queue(engine_settings)


@pytest.mark.parametrize("rot", ["garbage", "in the middle", "empty"])
def test_a_damaged_queue_is_begun_anew(
    engine_settings: Settings, rot: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = engine_settings.data_dir / QUEUE_FILE
    before = open_job_queue(engine_settings)
    for _ in range(200):
        before.process_inbox()
    before.huey.storage.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    before.close()
    content = bytearray(file.read_bytes())
    if rot == "garbage":
        content = bytearray(b"not a database" * 1000)
    elif rot == "empty":
        content.clear()
    else:
        content[4096:8192] = b"\xa5" * 4096
    file.write_bytes(bytes(content))
    assert is_queue_damaged(engine_settings) is (rot != "empty")
    queue = open_job_queue(engine_settings)
    queue.process_inbox()
    assert queue.huey.pending_count() == 1
    queue.close()
    assert ("begun anew" in caplog.text) is (rot != "empty")
    assert not is_queue_damaged(engine_settings)


def test_an_unreachable_database_is_named_without_its_password(engine_settings: Settings) -> None:
    url = "postgresql+psycopg://someone:s3cr3t@127.0.0.1:1/nothing"
    with pytest.raises(OnetagError, match="ONETAG_DATABASE_URL") as caught:
        open_job_queue(engine_settings.model_copy(update={"database_url": url}))
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_queue_of_postgresql_is_in_the_stores_database(store: Store, worker_settings: Settings) -> None:
    queue = open_job_queue(worker_settings)
    queue.process_inbox()
    in_postgres = store.url.get_backend_name() == "postgresql"
    if in_postgres:
        with store.reading() as session:
            assert session.execute(text("select count(*) from onetag_queue_task")).scalar_one() == 1
    assert (worker_settings.data_dir / QUEUE_FILE).exists() is not in_postgres
    assert "s3cr3t" not in repr(queue.huey.storage_kwargs)
    queue.close()


def test_a_message_carries_the_request_that_it_was_sent_for(
    worker_settings: Settings, consuming: Callable[[JobQueue], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = Log(outcome=InboxOutcome({7}), decisions=[Decision(wait=0.1), Decision(queued=True)])
    seen: dict[str, str | None] = {}
    note = jobs._note
    monkeypatch.setattr(jobs, "_note", lambda *call: (seen.update({call[0]: current_request()}), note(*call)))
    queue = quiet_queue(worker_settings, jobs)
    consuming(queue)
    with about(request="abc"):
        queue.process_inbox()
    jobs.wait_for(("train",))
    assert seen == {"process_inbox": "abc", "consider": "abc", "train": "abc"}
    queue.reconcile()
    jobs.wait_for(("reconcile",))
    assert seen["reconcile"] is None
