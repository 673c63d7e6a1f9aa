"""`onetag up`: killed at any step and run again, one at a time, stopped in order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from annotator.store import Image, Project
from model_backend.demo.scenes import NAMES
from tests.acceptance.conftest import IMAGES, PARTS, Up, environment, until

pytestmark = [pytest.mark.studio, pytest.mark.timeout(600)]


def test_after_two_kills_on_the_way_up_there_is_one_project_with_every_image_once(up: Up) -> None:
    studio = up.studio()
    (project,) = [row["id"] for row in studio.projects()]
    uris = [task["data"]["image"] for task in studio.tasks(project)]
    assert len(uris) == len(set(uris)) == IMAGES + 1
    store = up.store()
    with store.reading() as session:
        assert session.scalars(select(Project.studio_project)).all() == [project]
        assert sorted(session.scalars(select(Image.uri))) == sorted(uris)
    store.close()


def test_it_says_where_to_go_what_was_left_out_and_keeps_the_login_for_its_owner(up: Up) -> None:
    said = "".join(up.lines)
    assert f"http://127.0.0.1:{up.studio_port}/projects/" in said
    assert "broken.png" in said
    assert up.credentials["label_studio_password"] not in said
    file = up.data_dir / "credentials.json"
    assert str(file) in said
    assert file.stat().st_mode & 0o777 == 0o600


def test_two_at_once_are_refused_with_the_way_out(up: Up) -> None:
    second = subprocess.run(up.command(), capture_output=True, text=True, env=environment(), timeout=60)
    assert second.returncode == 1
    assert "--data-dir" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize(("flag", "other"), [("--port", "--studio-port"), ("--studio-port", "--port")])
def test_a_port_in_use_names_its_flag(up: Up, tmp_path: Path, flag: str, other: str) -> None:
    taken = up.port if flag == "--port" else up.studio_port
    fresh = Up(up.images, tmp_path / "other")
    free = fresh.studio_port if flag == "--port" else fresh.port
    shown = subprocess.run(
        [*fresh.command(), flag, str(taken), other, str(free)],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=60,
    )
    assert shown.returncode == 1
    assert flag in shown.stderr
    assert str(taken) in shown.stderr


def test_every_link_of_the_chain_holds(up: Up) -> None:
    deadline = time.monotonic() + 90  # what was killed in the tests before heals within a minute
    while True:
        told = json.loads(up.onetag("doctor", "--json", "--port", str(up.port)).stdout)
        if told["ok"] or time.monotonic() > deadline:
            break
    assert told["ok"], [check for check in told["checks"] if not check["ok"]]
    assert {"database", "ML backend", "worker", "webhook", "label config"} <= {
        check["name"] for check in told["checks"]
    }


def test_status_tells_how_it_stands(up: Up) -> None:
    (row,) = json.loads(up.onetag("status", "--json").stdout)
    assert (row["images"], row["labels"]) == (IMAGES + 1, len(NAMES))
    assert row["events_waiting"] == 0


def test_after_kill_9_the_next_start_ends_what_was_left_and_goes_on(up: Up) -> None:
    before = [up.child(name) for name in PARTS]
    up.kill()
    assert all(psutil.pid_exists(pid) for pid in before), "its children outlive a killed parent"
    up.start()
    up.await_ready()
    assert not any(psutil.pid_exists(pid) for pid in before)
    assert "0 of them new" in "".join(up.lines)


def test_ctrl_c_stops_everything_in_order(up: Up) -> None:
    pids = [up.child(name) for name in PARTS]
    assert up.interrupt() == 0
    until(lambda: len([line for line in up.lines if "Stopping" in line]) == 3, 5, "the last lines")
    stopped = [line.strip() for line in up.lines if "Stopping" in line]
    assert stopped == ["Stopping worker ...", "Stopping ML backend ...", "Stopping Label Studio ..."]
    assert not any(psutil.pid_exists(pid) for pid in pids)
    up.start()  # for the tests that follow
    up.await_ready()
    os.kill(up.child("worker"), signal.SIGKILL)
    up.await_line("starting it again")
