import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from annotator.errors import OnetagError
from annotator.settings import Settings
from annotator.store import Store
from model_backend.server import open_server
from tests.free_ports import free_port

from .conftest import SECRET


@pytest.fixture
def address(app: Flask, settings: Settings) -> Iterator[str]:
    """The app behind waitress, in this process."""
    server = open_server(app, settings.model_copy(update={"port": free_port()}))
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    thread.join(10)


def post(address: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"X-Onetag-Secret": SECRET, "Content-Type": "application/json"}
    request = urllib.request.Request(address + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return dict(json.load(answer))


def test_listens_on_loopback_unless_told(settings: Settings) -> None:
    assert settings.host == "127.0.0.1"


def test_answers_over_http(address: str) -> None:
    with urllib.request.urlopen(f"{address}/health", timeout=10) as answer:
        assert json.load(answer)["status"] == "UP"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{address}/versions", timeout=10)
    assert caught.value.code == 401
    caught.value.close()


def test_many_annotators_at_once_lose_no_event(address: str, sqlite_store: Store) -> None:
    def submit(number: int) -> None:
        post(address, "/webhook", {"action": "ANNOTATION_CREATED", "annotation": {"id": number}})

    with ThreadPoolExecutor(8) as annotators:
        list(annotators.map(submit, range(100)))
    assert sqlite_store.inbox.waiting().total() == 100


def test_hundreds_of_whole_tasks_in_one_request(address: str, project: Any) -> None:
    tasks = [{"id": task, "data": {"image": "x" * 20_000}, "predictions": []} for task in range(1, 601)]
    assert len(post(address, "/predict", {"tasks": tasks, "project": "7.1"})["results"]) == 600


def peer_told(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
    """An app that answers where it thinks that a request comes from, and how."""
    start("200 OK", [])
    return [f"{environ['REMOTE_ADDR']} {environ['wsgi.url_scheme']}".encode()]


@pytest.mark.parametrize(
    ("trusted", "told"),
    [("", "127.0.0.1 http"), ("192.0.2.1", "127.0.0.1 http"), ("127.0.0.1", "198.51.100.7 https")],
)
def test_only_a_proxy_that_is_trusted_tells_from_where_requests_come(
    settings: Settings, trusted: str, told: str
) -> None:
    chosen = settings.model_copy(update={"port": free_port(), "trusted_proxy": trusted})
    server = open_server(peer_told, chosen)
    thread = threading.Thread(target=server.run)
    thread.start()
    headers = {"X-Forwarded-For": "203.0.113.5, 198.51.100.7", "X-Forwarded-Proto": "https"}
    request = urllib.request.Request(f"http://127.0.0.1:{server.effective_port}/", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.read().decode() == told
    server.close()
    thread.join(10)


def test_any_proxy_has_the_cookie_of_the_page_go_by_tls_alone(address: str) -> None:
    for headers, secure in (({}, False), ({"X-Forwarded-Proto": "https"}, True)):
        request = urllib.request.Request(f"{address}/page/login", headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert ("Secure" in answer.headers["Set-Cookie"].split("; ")) is secure


def test_a_port_in_use_is_a_clear_error(app: Flask, settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OnetagError, match=rf"127\.0\.0\.1:{port} is in use.*--port"):
            open_server(app, settings.model_copy(update={"port": port}))


@pytest.mark.parametrize(("host", "port"), [("192.0.2.1", 9090), ("no.such.host.invalid", 9090)])
def test_an_address_that_is_not_ours_is_a_clear_error(
    app: Flask, settings: Settings, host: str, port: int
) -> None:
    with pytest.raises(OnetagError, match="cannot be listened on"):
        open_server(app, settings.model_copy(update={"host": host, "port": port}))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_in_order_when_asked(tmp_path: Path, sqlite_store: Store, number: signal.Signals) -> None:
    program = (
        "from annotator.settings import Settings; from annotator.store import open_store;"
        "from model_backend.server import create_app, serve;"
        "from model_backend.worker.queue import open_job_queue;"
        "s = Settings(); serve(create_app(open_store(s.store_url), s, open_job_queue(s)), s)"
    )
    port = free_port()
    environment = os.environ | {
        "ONETAG_DATA_DIR": str(tmp_path),
        "ONETAG_SECRET": SECRET,
        "ONETAG_PORT": str(port),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        _wait_until_up(f"http://127.0.0.1:{port}/health", process)
        process.send_signal(number)
        _, errors = process.communicate(timeout=15)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
    finally:
        process.kill()
        process.communicate()


def _wait_until_up(url: str, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the server did not come up")
