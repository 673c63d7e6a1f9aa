"""The entry point as a container has it: a bare root, no home, a user without rights, one folder to write."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from model_backend.stack.liveness import ask
from tests.free_ports import free_port

from .conftest import ROOT, required

NOBODY = 65534
SYSTEM = ("/usr", "/lib", "/lib64", "/bin")
BUILD = """
set -e
root=$1; shift
mount -t tmpfs -o mode=0755 tmpfs "$root"
mkdir -p "$root/tmp" "$root/dev" "$root/data"
touch "$root/dev/null" "$root/dev/urandom"
mount --bind /dev/null "$root/dev/null"
mount --bind /dev/urandom "$root/dev/urandom"
mount --bind "$DATA" "$root/data"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mkdir -p "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
for folder in $FOLDERS; do
  if [ -L "$folder" ]; then ln -s "$(readlink "$folder")" "$root$folder"; continue; fi
  mkdir -p "$root$folder"
  mount --rbind "$folder" "$root$folder"
done
find "$root" -xdev -type d -exec chmod a+rx {} +
mount -o remount,ro "$root"
exec chroot --userspec=$USER_ID:$USER_ID "$root" /usr/bin/env -i HOME=/data PATH=/usr/bin:/bin \
  PYTHONPATH="$SOURCE" PYTHONDONTWRITEBYTECODE=1 ONETAG_DATA_DIR=/data "$@"
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A function that runs `onetag` in a clean root, on one data folder; all are killed at the end."""
    there = os.geteuid() == 0 and shutil.which("unshare") and shutil.which("chroot")
    required(
        there and subprocess.run(["unshare", "--mount", "true"]).returncode == 0,
        "a clean root needs root's rights",
    )
    data, root = tmp_path / "data", tmp_path / "root"
    data.mkdir()
    root.mkdir()
    os.chown(data, NOBODY, NOBODY)
    program = Path(sys.executable)
    folders = {str(program.parents[1].resolve()), sys.base_prefix, sysconfig.get_path("purelib"), str(ROOT)}
    own = sorted(
        {each for each in folders if Path(each).exists() and not each.startswith(("/usr/", "/lib/"))}
    )
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        script = ["unshare", "--mount", "sh", "-c", BUILD, "sh", str(root)]
        there = str(program.parents[1].resolve() / "bin" / program.name)
        environment = {
            "PATH": os.environ["PATH"],
            "DATA": str(data),
            "FOLDERS": " ".join([*(each for each in SYSTEM if Path(each).exists()), *own]),
            "SOURCE": str(ROOT),
            "USER_ID": str(NOBODY),
        }
        process = subprocess.Popen(
            [*script, there, "-m", "model_backend.cli", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def done(process: subprocess.Popen[str], seconds: float = 120) -> tuple[int, str]:
    told, _ = process.communicate(timeout=seconds)
    return process.returncode, told


def healthy(start: Start, part: str, *more: str) -> bool:
    return done(start("health", part, *more))[0] == 0


def test_it_says_its_version_there(start: Start) -> None:
    status, told = done(start("--version"))
    assert status == 0, told


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_server_starts_is_healthy_and_stops(start: Start, number: signal.Signals) -> None:
    port = str(free_port())
    server = start("serve", "--port", port, "--log-format", "json")
    deadline = time.monotonic() + 120
    while ask(f"http://127.0.0.1:{port}/health") != 200:
        assert server.poll() is None, server.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert healthy(start, "serve")  # the port is known from the data folder
    server.send_signal(number)
    status, told = done(server)
    assert status == 0, told
    assert not healthy(start, "serve")


def test_the_worker_starts_is_healthy_and_stops(start: Start) -> None:
    worker = start("worker", "--device", "cpu", "--backbone", "handcrafted", "--log-format", "json")
    deadline = time.monotonic() + 120
    while not healthy(start, "worker"):
        assert worker.poll() is None, worker.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.5)
    worker.send_signal(signal.SIGTERM)
    status, told = done(worker)
    assert status == 0, told
    assert "Traceback" not in told
    assert not healthy(start, "worker")
