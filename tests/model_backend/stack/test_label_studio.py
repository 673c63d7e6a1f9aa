"""Label Studio as a child process, with a quick stand-in for the real one, which starts in half a minute."""

from __future__ import annotations

import json
import socket
import sqlite3
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from annotator.errors import OnetagError
from annotator.settings import load_settings
from model_backend.stack import label_studio as module
from model_backend.stack.label_studio import LabelStudioProcess, studio_credentials
from model_backend.stack.process import marked_processes
from tests.free_ports import free_port

STAND_IN = """
import json, os, signal, sqlite3, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer

port, folder = (sys.argv[sys.argv.index(name) + 1] for name in ("--port", "--data-dir"))
mode = open(f"{folder}/mode").read() if os.path.exists(f"{folder}/mode") else ""
if mode == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if mode == "ends":
    sys.exit("no such luck")
database = sqlite3.connect(f"{folder}/label_studio.sqlite3", isolation_level=None)
token = os.environ["LABEL_STUDIO_USER_TOKEN"]
if database.execute("SELECT name FROM sqlite_master").fetchall():
    (token,) = database.execute("SELECT token FROM user").fetchone()
else:
    database.execute("CREATE TABLE user AS SELECT ? AS token", ["half made" if mode == "slow" else token])
if mode == "slow":
    time.sleep(60)

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.headers["Authorization"] == "Token " + token
        raw = json.dumps({"release": "1.0", "email": os.environ["LABEL_STUDIO_USERNAME"]}).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args):
        pass

HTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
"""


def token_in(database: Path) -> str:
    """The token of the stand-in's user; empty where there is none yet."""
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(database)) as opened:
        return str(opened.execute("SELECT token FROM user").fetchone()[0])
    return ""


NewProcess = Callable[..., LabelStudioProcess]


@pytest.fixture
def new_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NewProcess]:
    """Makes processes that run the stand-in, and ends them."""
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    monkeypatch.setattr(module, "find_spec", lambda _name: True)
    real = module.studio_command
    made: list[LabelStudioProcess] = []

    def stand_in(folder: Path, port: int) -> list[str]:
        command = real(folder, port)
        return [sys.executable, str(tmp_path / "stand_in.py"), *command[command.index("start") :]]

    monkeypatch.setattr(module, "studio_command", stand_in)

    def make(port: int | None = None, mode: str = "") -> LabelStudioProcess:
        folder = tmp_path / "data" / "label-studio"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "mode").write_text(mode)
        made.append(LabelStudioProcess(folder, port or free_port(), studio_credentials(tmp_path / "data")))
        return made[-1]

    yield make
    for process in made:
        process.stop(grace=1)


def test_it_starts_answers_and_ends(new_process: NewProcess) -> None:
    process = new_process()
    with process:
        process.wait_ready(20)
        assert process.studio().whoami()["email"] == process.credentials.email
    assert process.pid is None
    assert not marked_processes(process.mark)


def test_it_goes_on_where_it_was(new_process: NewProcess) -> None:
    for _ in range(2):
        process = new_process()
        with process:
            process.wait_ready(20)


def test_what_a_killed_run_left_over_is_ended_first(new_process: NewProcess) -> None:
    port = free_port()
    left = new_process(port)
    left.start()
    left.wait_ready(20)
    orphan = left.pid
    again = new_process(port)
    again.start()
    again.wait_ready(20)
    assert [process.pid for process in marked_processes(again.mark)] == [again.pid]
    assert again.pid != orphan


def test_a_first_start_that_was_cut_short_begins_anew(new_process: NewProcess) -> None:
    cut = new_process(mode="slow")
    cut.start()
    database = cut.folder / "label_studio.sqlite3"
    deadline = time.monotonic() + 10
    while token_in(database) != "half made":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    again = new_process()
    again.start()
    again.wait_ready(20)
    assert token_in(database) == again.credentials.token.get_secret_value()


def test_a_database_that_once_answered_is_never_thrown_away(new_process: NewProcess) -> None:
    first = new_process()
    with first:
        first.wait_ready(20)
    made = (first.folder / "label_studio.sqlite3").stat().st_ino
    again = new_process()
    again.start()  # and killed before it answered
    third = new_process()
    third.start()
    third.wait_ready(20)
    assert (first.folder / "label_studio.sqlite3").stat().st_ino == made


def test_other_credentials_than_those_it_was_made_with(new_process: NewProcess) -> None:
    first = new_process()
    with first:
        first.wait_ready(20)
    (first.folder.parent / "credentials.json").unlink()
    other = new_process()
    other.start()
    with pytest.raises(OnetagError, match=r"credentials\.json back"):
        other.wait_ready(20)


def test_a_port_in_use_is_told(new_process: NewProcess) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = new_process(taken.getsockname()[1])
        with pytest.raises(OnetagError, match="choose another with --studio-port"):
            process.start()
    process.start()


def test_a_port_that_another_program_takes_meanwhile_is_told(new_process: NewProcess) -> None:
    process = new_process(mode="slow")
    process.start()
    with (
        socket.create_server(("127.0.0.1", process.port)),
        pytest.raises(OnetagError, match="choose another with --studio-port"),
    ):
        process.wait_ready(20)


def test_one_that_ends_at_once_is_told_with_its_log(new_process: NewProcess) -> None:
    process = new_process(mode="ends")
    process.start()
    with pytest.raises(OnetagError, match=r"ended while it was starting.*label-studio\.log"):
        process.wait_ready(20)
    assert "no such luck" in process.log.read_text()


def test_one_that_never_answers_is_told(new_process: NewProcess) -> None:
    process = new_process(mode="slow")
    process.start()
    with pytest.raises(OnetagError, match="did not answer in 0.3 s"):  # noqa: RUF043
        process.wait_ready(0.3)


def test_one_that_does_not_want_to_end_is_ended(new_process: NewProcess) -> None:
    process = new_process(mode="stubborn")
    process.start()
    process.wait_ready(20)
    process.stop(grace=0.2)
    assert not marked_processes(process.mark)


def test_without_the_extra_the_way_out_is_named(
    new_process: NewProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    with pytest.raises(OnetagError, match=r"onetag\[studio\]"):
        new_process().start()


def test_secrets_are_kept_from_everyone_else(
    new_process: NewProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONETAG_SECRET", "s3cret")
    monkeypatch.setenv("LABEL_STUDIO_HOST", "http://elsewhere")
    process = new_process()
    with process:
        process.wait_ready(20)
        command = Path(f"/proc/{process.pid}/cmdline").read_text()
        given = Path(f"/proc/{process.pid}/environ").read_text().split("\0")
    secrets = [process.credentials.password.get_secret_value(), process.credentials.token.get_secret_value()]
    assert all(
        secret not in command + process.log.read_text() + repr(process.credentials) for secret in secrets
    )
    assert not any("s3cret" in each or "elsewhere" in each for each in given)
    assert {"LABEL_STUDIO_COLLECT_ANALYTICS=false", "LABEL_STUDIO_SENTRY_DSN=", "LABEL_STUDIO_HOST="} <= {
        *given
    }
    assert stat.S_IMODE(process.log.stat().st_mode) == 0o600


def test_credentials_are_made_once_and_kept_privately(tmp_path: Path) -> None:
    made = studio_credentials(tmp_path)
    assert studio_credentials(tmp_path) == made
    kept = tmp_path / "credentials.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert json.loads(kept.read_text())["label_studio_email"] == made.email
    settings = load_settings(data_dir=tmp_path)
    assert settings.label_studio_token == made.token


@pytest.mark.studio
def test_the_real_ones_database_lets_readers_and_writers_meet(label_studio: LabelStudioProcess) -> None:
    with closing(sqlite3.connect(label_studio.folder / "label_studio.sqlite3")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert database.execute("SELECT count(*) FROM htx_user").fetchone()[0] >= 1
