import logging
import sqlite3

import pytest

from model_backend.worker.seldom import Seldom


def told(logger: Seldom, error: Exception, message: str, *about: object) -> None:
    try:
        raise error
    except Exception:
        logger.exception(message, *about)


def test_trouble_of_the_database_is_told_in_a_line_and_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    times = iter([0.0, 1.0, 2.0, 59.0, 61.0])
    logger = Seldom(logging.getLogger("huey.consumer.Worker"), lambda: next(times))
    gone = sqlite3.OperationalError("disk I/O error")
    told(logger, gone, "Error reading from queue")
    told(logger, gone, "Error reading from queue")
    told(logger, gone, "Error enqueueing %s.", "check")
    told(logger, gone, "Error reading from queue")
    told(logger, gone, "Error reading from queue")
    reading = "Error reading from queue (OperationalError)."
    assert caplog.messages == [reading, "Error enqueueing check (OperationalError).", reading]
    assert not any(record.exc_info for record in caplog.records)


def test_a_mistake_of_ours_is_told_each_time_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    logger = Seldom(logging.getLogger("huey.consumer.Worker"))
    for _ in range(2):
        told(logger, TypeError("a mistake"), "Unhandled error during execution")
    assert [bool(record.exc_info) for record in caplog.records] == [True, True]
