"""A worker leaves the processors to those who wait for an answer."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from annotator.settings import Settings
from model_backend.stack.installation import Worker
from model_backend.worker.priority import AUTOGROUP, LAST, NICENESS, in_background

STAND_BACK = """
import os
from model_backend.worker.priority import AUTOGROUP, stand_back
stand_back()
print(os.getpriority(os.PRIO_PROCESS, 0), AUTOGROUP.read_text() if AUTOGROUP.exists() else "")
"""


def stood_back(*, leads_session: bool) -> tuple[int, str]:
    """How nice a process is that has stood back, and what the kernel tells of its session.

    The kernel tells nothing (an empty text) of a process whose group is not a session's, as in containers.
    """
    command = [sys.executable, "-c", STAND_BACK]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, start_new_session=leads_session
    )
    niceness, _, session = done.stdout.strip().partition(" ")
    return int(niceness), session


def test_it_is_nicer_than_it_was_started() -> None:
    assert stood_back(leads_session=False)[0] == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not share by sessions")
def test_a_session_of_its_own_stands_back_with_it_and_no_other_does() -> None:
    before = AUTOGROUP.read_text()
    niceness, session = stood_back(leads_session=True)
    assert session.split()[-1:] in ([str(niceness)], []), session
    assert stood_back(leads_session=False)[1] == before.strip()
    assert AUTOGROUP.read_text() == before


def test_the_command_stands_back(worker_settings: Settings, tmp_path: Path) -> None:
    wanted = min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
    with Worker(tmp_path / "run", worker_settings) as worker:
        deadline = time.monotonic() + 60
        while worker.pid and os.getpriority(os.PRIO_PROCESS, worker.pid) < wanted:
            assert time.monotonic() < deadline, worker.last_words()
            time.sleep(0.1)
        assert worker.pid, worker.last_words()


def test_what_is_done_in_the_background_stands_back_alone() -> None:
    before, there = os.getpriority(os.PRIO_PROCESS, 0), []
    in_background(lambda: there.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id())))
    assert there == [LAST]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


def test_what_fails_in_the_background_is_raised() -> None:
    def fail() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        in_background(fail)
