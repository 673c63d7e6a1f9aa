"""Child processes: found again after a killed parent, stopped whole, never mistaken for a stranger."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from annotator.errors import OnetagError
from model_backend.commands.children import (
    Child,
    free_port,
    only_one,
    require_free_port,
    started_at,
    stop_process,
)

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


def child(folder: Path, command: list[str] = SLEEP) -> Child:
    return Child("sleeper", command, folder, os.environ)


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Child]:
    made = child(tmp_path)
    made.start()
    yield made
    made.stop()


def until(true: object, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if callable(true) and true():
            return True
        time.sleep(0.02)
    return False


def test_a_child_starts_logs_and_stops(sleeper: Child, tmp_path: Path) -> None:
    pid = sleeper.pid
    assert pid
    assert sleeper.alive()
    assert until(lambda: "up" in sleeper.last_words())
    sleeper.stop()
    assert not sleeper.alive()
    assert started_at(pid) is None
    assert not list(tmp_path.glob("*.pid"))


def test_the_child_of_a_dead_run_is_ended_by_the_next_start(sleeper: Child, tmp_path: Path) -> None:
    first = sleeper.pid
    assert first
    second = child(tmp_path)  # a new run knows only the folder
    second.start()
    try:
        sleeper.alive()  # reap it: here the dead run is still our own process
        assert started_at(first) is None
        assert second.alive()
        assert second.pid != first
    finally:
        second.stop()


def test_a_number_that_belongs_to_another_process_by_now_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(SLEEP, stdout=subprocess.DEVNULL)
    try:
        (tmp_path / "sleeper.pid").write_text(f"{stranger.pid} another-start-time\n")
        assert not child(tmp_path).end_leftover()
        assert stranger.poll() is None
        assert not (tmp_path / "sleeper.pid").exists()
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("text", ["", "x", "12", "999999999 1", "half a line"])
def test_a_damaged_note_about_a_child_is_forgotten(tmp_path: Path, text: str) -> None:
    (tmp_path / "sleeper.pid").write_text(text)
    assert not child(tmp_path).end_leftover()


def test_a_process_that_will_not_stop_is_killed() -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout
    with process, process.stdout as output:
        output.readline()
        started = started_at(process.pid)
        assert started
        stop_process(process.pid, started, grace=0.2)
        assert process.wait(5) == -9


def test_only_one_process_holds_a_data_folder(tmp_path: Path) -> None:
    lock = tmp_path / "up.lock"
    program = (
        "import sys, pathlib; from model_backend.commands.children import only_one\n"
        f"with only_one(pathlib.Path({str(lock)!r}), pathlib.Path('data')): print('in')"
    )
    other = [sys.executable, "-c", program]
    with only_one(lock, tmp_path):
        refused = subprocess.run(other, capture_output=True, text=True)
        assert refused.returncode != 0
        assert f"process {os.getpid()}" in refused.stderr
        assert "--data-dir" in refused.stderr
    assert subprocess.run(other, capture_output=True, text=True).stdout == "in\n"


def test_a_port_in_use_names_the_flag() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OnetagError, match=r"--studio-port"):
            require_free_port("127.0.0.1", taken.getsockname()[1], "--studio-port")
    require_free_port("127.0.0.1", free_port(), "--port")
