"""Child processes: found again after a killed parent, stopped whole, never mistaken for a stranger."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from annotator.errors import OnetagError
from model_backend.stack.process import (
    LOG_BYTES,
    MARK,
    ChildProcess,
    end_processes,
    marked_processes,
    only_one,
)

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
PARENT = (
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
)


def child(folder: Path, command: list[str] = SLEEP) -> ChildProcess:
    return ChildProcess("sleeper", command, folder, os.environ)


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[ChildProcess]:
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


def test_a_child_starts_logs_and_stops(sleeper: ChildProcess) -> None:
    assert sleeper.alive()
    assert [process.pid for process in marked_processes(sleeper.mark)] == [sleeper.pid]
    assert until(lambda: "up" in sleeper.last_words())
    sleeper.stop()
    assert not sleeper.alive()
    assert sleeper.pid is None
    assert not marked_processes(sleeper.mark)
    sleeper.stop()


def test_the_child_of_a_dead_run_is_ended_by_the_next_start(sleeper: ChildProcess, tmp_path: Path) -> None:
    first = sleeper.pid
    second = child(tmp_path)  # a new run knows only the folder
    second.start()
    try:
        assert not sleeper.alive()
        assert second.alive()
        assert second.pid != first
    finally:
        second.stop()


def test_what_a_dead_child_had_started_is_ended_too(tmp_path: Path) -> None:
    parent = child(tmp_path, [sys.executable, "-c", f"{PARENT}; time.sleep(60)"])
    parent.start()
    assert until(lambda: len(marked_processes(parent.mark)) == 2)
    assert parent.pid
    os.kill(parent.pid, signal.SIGKILL)
    assert until(lambda: not parent.alive())
    assert child(tmp_path).end_leftover()
    assert not marked_processes(parent.mark)


def test_a_stranger_is_left_alone(tmp_path: Path) -> None:
    elsewhere = os.environ | {MARK: str(tmp_path / "elsewhere" / "sleeper.log")}
    with subprocess.Popen(SLEEP, stdout=subprocess.DEVNULL, env=elsewhere) as stranger:
        assert not child(tmp_path).end_leftover()
        assert stranger.poll() is None
        stranger.kill()


def test_a_folder_reached_by_another_name_is_the_same_folder(sleeper: ChildProcess, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert child(tmp_path / "link").end_leftover()
    assert until(lambda: not sleeper.alive())


def test_a_process_that_will_not_stop_is_killed(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    process = child(tmp_path, [sys.executable, "-c", deaf])
    process.start()
    assert until(lambda: "up" in process.last_words())
    end_processes(marked_processes(process.mark), grace=0.2)
    assert not process.alive()


def test_a_process_that_has_ended_meanwhile_is_no_trouble(sleeper: ChildProcess) -> None:
    found = marked_processes(sleeper.mark)
    sleeper.stop()
    end_processes(found)


def test_a_log_is_private_goes_on_and_is_put_aside_when_it_is_large(tmp_path: Path) -> None:
    quick = child(tmp_path, [sys.executable, "-c", "print('once more')"])
    for _ in range(2):
        quick.start()
        assert until(lambda: not quick.alive())
    assert quick.log.read_text().split("\n") == ["once more", "once more", ""]
    assert stat.S_IMODE(quick.log.stat().st_mode) == 0o600
    quick.log.write_bytes(b"." * (LOG_BYTES + 1))
    with quick:
        assert until(lambda: quick.log.read_text() == "once more\n")
    assert (tmp_path / "sleeper.log.1").stat().st_size == LOG_BYTES + 1


@pytest.mark.parametrize("trouble", [errno.EROFS, errno.ENOSPC, errno.EACCES])
def test_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: int
) -> None:
    def failing(*_given: object, **_named: object) -> None:
        raise OSError(trouble, os.strerror(trouble))

    monkeypatch.setattr(Path, "touch", failing)
    with pytest.raises(OnetagError, match=rf"{os.strerror(trouble)}.*--data-dir"):
        child(tmp_path).start()


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(OnetagError, match="--data-dir"):
        child(tmp_path / "run").start()


def test_only_one_process_holds_a_data_folder(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from model_backend.stack.process import only_one\n"
        f"with only_one(pathlib.Path({str(tmp_path)!r}), pathlib.Path('data')): print('in')"
    )
    other = [sys.executable, "-c", program]
    with only_one(tmp_path, tmp_path):
        refused = subprocess.run(other, capture_output=True, text=True)
        assert refused.returncode != 0
        assert f"process {os.getpid()}" in refused.stderr
        assert "--data-dir" in refused.stderr
    assert subprocess.run(other, capture_output=True, text=True).stdout == "in\n"


def test_a_rotten_note_of_who_holds_the_lock_does_no_harm(tmp_path: Path) -> None:
    with only_one(tmp_path, tmp_path):
        for content in (b"", b"\xff\xfe\x00"):
            (tmp_path / "holder").write_bytes(content)
            with pytest.raises(OnetagError, match="already in use"), only_one(tmp_path, tmp_path):
                pass


def test_a_lock_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    program = (
        "import sys, time, pathlib; from model_backend.stack.process import only_one\n"
        "with only_one(pathlib.Path(sys.argv[1]), pathlib.Path('data')):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(OnetagError, match=f"process {holder.pid}"), only_one(tmp_path, tmp_path):
            pass
        holder.kill()
        holder.wait()
        with only_one(tmp_path, tmp_path):
            pass
