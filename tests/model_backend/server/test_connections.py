"""Hostile connections against a real server: whoever opens, drips or floods must not keep others out."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import pytest
from flask import Flask

from annotator.settings import Settings
from model_backend.server import open_server
from model_backend.server.connections import Limits
from model_backend.server.serve import THREADS
from tests.free_ports import free_port

from .conftest import SECRET

ATTACKERS = 200
FIRST_LINES = b"POST /webhook HTTP/1.1\r\nHost: 127.0.0.1\r\n"
KNOWN = FIRST_LINES + f"X-Onetag-Secret: {SECRET}\r\n".encode()


@dataclass(frozen=True)
class Served:
    """A server that runs in this process."""

    port: int

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, float]:
        """The status of an answer, and the seconds until it came."""
        begun = time.monotonic()
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"X-Onetag-Secret": SECRET}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, time.monotonic() - begun


Serve = Callable[[Limits], Served]


@pytest.fixture
def serve(app: Flask, settings: Settings) -> Iterator[Serve]:
    with ExitStack() as servers:

        def start(limits: Limits) -> Served:
            server = open_server(app, settings.model_copy(update={"port": free_port()}), limits)
            thread = threading.Thread(target=server.run)
            thread.start()
            servers.callback(thread.join, 10)
            servers.callback(server.close)
            return Served(int(server.effective_port))

        yield start


def closed_after(connection: socket.socket, patience: float) -> float | None:
    """Seconds until the server closes it; None when it does not in time."""
    begun = time.monotonic()
    connection.settimeout(patience)
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return None
    except OSError:
        pass
    return time.monotonic() - begun


def is_open(connection: socket.socket) -> bool:
    return closed_after(connection, 0.05) is None


def test_the_limits_that_hold_unless_told_are_shorter_than_an_annotators_patience() -> None:
    limits = Limits()
    assert limits.header_seconds <= 10
    assert limits.request_seconds <= 30
    assert limits.per_address < limits.connections


@pytest.mark.parametrize(
    "opening",
    [
        b"",
        FIRST_LINES,
        KNOWN + b"Content-Length: 100000\r\n\r\n{",
        KNOWN + b"Transfer-Encoding: chunked\r\n\r\n5\r\n",
    ],
    ids=["silent", "half a header", "a slow body", "a slow chunk"],
)
def test_two_hundred_unfinished_requests_keep_nobody_out(serve: Serve, opening: bytes) -> None:
    served = serve(Limits())
    with ExitStack() as attack:
        for _ in range(ATTACKERS):
            connection = attack.enter_context(served.connect())
            connection.sendall(opening)
        for _ in range(5):
            status, seconds = served.ask("GET", "/health")
            assert (status, seconds < 1) == (200, True), seconds
            status, seconds = served.ask("POST", "/webhook", {"action": "TASKS_CREATED"})
            assert (status, seconds < 1) == (200, True), seconds


def test_dripping_attackers_keep_nobody_out(serve: Serve) -> None:
    served = serve(Limits(header_seconds=1, request_seconds=2))
    over = threading.Event()
    with ExitStack() as attack:
        opened = [attack.enter_context(served.connect()) for _ in range(ATTACKERS)]
        for connection in opened:
            connection.sendall(FIRST_LINES + b"X-Drip: ")

        def drip() -> None:
            while not over.wait(0.3):
                for connection in opened:
                    try:
                        connection.send(b"x")
                    except OSError:
                        continue

        dripping = threading.Thread(target=drip)
        dripping.start()
        attack.callback(dripping.join, 10)
        attack.callback(over.set)
        slowest = 0.0
        until = time.monotonic() + 4
        while time.monotonic() < until:
            for method, path, body in (("GET", "/health", None), ("POST", "/webhook", {"action": "X"})):
                status, seconds = served.ask(method, path, body)
                assert status == 200
                slowest = max(slowest, seconds)
        assert slowest < 1
        over.set()
        dripping.join(10)
        assert not any(is_open(connection) for connection in opened)


@pytest.mark.parametrize(
    ("opening", "allowed"),
    [
        (b"", 1),
        (FIRST_LINES, 1),
        (KNOWN + b"Content-Length: 1000\r\n\r\n", 2),
        (KNOWN + b"Transfer-Encoding: chunked\r\n\r\n", 2),
    ],
)
def test_a_request_that_drips_is_given_up_after_its_deadline(
    serve: Serve, opening: bytes, allowed: float
) -> None:
    served = serve(Limits(header_seconds=1, request_seconds=2))
    with served.connect() as connection:
        begun = time.monotonic()
        connection.sendall(opening)
        connection.setblocking(False)
        gone = False
        while not gone and time.monotonic() < begun + 8:
            time.sleep(0.1)
            try:
                if opening:
                    connection.send(b"1" if b"chunked" in opening else b"x")
                gone = connection.recv(100) == b""
            except BlockingIOError:
                continue
            except OSError:
                gone = True
        lasted = time.monotonic() - begun
    assert allowed - 0.2 <= lasted <= allowed + 2.5


def test_a_kept_connection_outlives_the_deadline_of_a_request(serve: Serve) -> None:
    served = serve(Limits(header_seconds=1, request_seconds=1, idle_seconds=60))
    connection = HTTPConnection("127.0.0.1", served.port, timeout=5)
    for _ in range(2):
        connection.request("GET", "/health")
        assert connection.getresponse().read()
        own = connection.sock
        time.sleep(2.5)
        assert connection.sock is own, "a proxy keeps its connections, and none of them is overdue"
    connection.close()


def test_an_address_beyond_its_share_loses_its_oldest_unfinished_connection(serve: Serve) -> None:
    served = serve(Limits(per_address=5))
    with ExitStack() as attack:
        opened = []
        for _ in range(8):
            opened.append(attack.enter_context(served.connect()))
            time.sleep(0.05)  # so that the order is known
        assert [is_open(each) for each in opened] == [False] * 3 + [True] * 5


def test_beyond_all_connections_the_greediest_address_loses_its_oldest(serve: Serve) -> None:
    served = serve(Limits(per_address=100, connections=6))
    with ExitStack() as attack:
        own = attack.enter_context(_from("127.0.0.2", served.port))
        time.sleep(0.05)
        opened = []
        for _ in range(10):
            opened.append(attack.enter_context(served.connect()))
            time.sleep(0.05)
        assert is_open(own)
        assert sum(is_open(each) for each in opened) == 5


def _from(address: str, port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(address, 0))


@pytest.mark.parametrize("headers", [b"", b"X-Onetag-Secret: wrong\r\n", b"Authorization: Basic eDp5\r\n"])
def test_the_body_of_a_stranger_is_not_taken(serve: Serve, headers: bytes) -> None:
    served = serve(Limits())
    with served.connect() as connection:
        connection.sendall(FIRST_LINES + headers + b"Content-Length: 60000000\r\n\r\n{")
        assert connection.recv(4096).startswith(b"HTTP/1.1 401 ")
        assert closed_after(connection, 5) is not None


def test_a_stranger_with_a_little_is_refused_by_the_app(serve: Serve) -> None:
    served = serve(Limits())
    with served.connect() as connection:
        connection.sendall(FIRST_LINES + b"Content-Length: 2\r\n\r\n{}")
        assert connection.recv(4096).startswith(b"HTTP/1.1 401 ")
        assert is_open(connection)


def test_a_stranger_who_does_not_say_how_much_is_cut_off(serve: Serve) -> None:
    served = serve(Limits())
    with served.connect() as connection:
        connection.sendall(FIRST_LINES + b"Transfer-Encoding: chunked\r\n\r\n")
        piece = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
        sent = 0
        try:
            while sent < 2**22:
                sent += connection.send(piece)
        except OSError:
            pass
        assert sent < 2**22


def test_a_request_that_is_being_answered_is_never_given_up(app: Flask, serve: Serve) -> None:
    def slow() -> str:
        time.sleep(3)
        return "done"

    app.add_url_rule("/slow", "slow", slow)
    served = serve(Limits(per_address=3, header_seconds=1, request_seconds=1))
    answers: list[tuple[int, float]] = []
    asking = threading.Thread(target=lambda: answers.append(served.ask("GET", "/slow")))
    asking.start()
    time.sleep(0.3)
    with ExitStack() as attack:
        for _ in range(10):
            attack.enter_context(served.connect())
        asking.join(10)
    assert answers[0][0] == 200


@pytest.mark.parametrize(
    ("stuck", "answered"),
    [
        ("/page/p1/images", ["/page/p1/thumbnail/1", "/versions", "/health"]),
        ("/page/p1/thumbnail/1", ["/page/p1/images", "/versions", "/health"]),
        ("/versions", ["/page/p1/images", "/page/p1/thumbnail/1", "/health"]),
    ],
)
def test_however_many_wait_for_one_kind_of_answer_others_are_given(
    settings: Settings, stuck: str, answered: list[str]
) -> None:
    go_on, begun = threading.Event(), threading.Semaphore(0)

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == stuck:
            begun.release()
            go_on.wait(30)
        start_response("200 OK", [("Content-Length", "0")])
        return []

    server = open_server(app, settings.model_copy(update={"port": free_port()}))
    thread = threading.Thread(target=server.run)
    thread.start()
    with ExitStack() as ending:
        ending.callback(thread.join, 10)
        ending.callback(server.close)
        ending.callback(go_on.set)
        served = Served(int(server.effective_port))
        for _ in range(THREADS + 4):
            connection = ending.enter_context(served.connect())
            connection.sendall(f"GET {stuck} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert begun.acquire(timeout=10)
        for path in answered:
            assert served.ask("GET", path)[0] == 200
