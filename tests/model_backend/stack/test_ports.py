"""A port that is taken is told with the flag that chooses another; one that is free is found."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from annotator.errors import OnetagError
from model_backend.stack.ports import LOOPBACK, NEXT, listens, port_or_free, require_free_port
from tests.free_ports import free_port


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """A socket that listens on a port of its own."""
    with socket.socket() as listening:
        listening.bind((LOOPBACK, 0))
        listening.listen()
        yield listening


def test_a_port_in_use_names_the_flag(taken: socket.socket) -> None:
    with pytest.raises(OnetagError, match=r"--studio-port"):
        require_free_port(LOOPBACK, taken.getsockname()[1], "--studio-port")
    require_free_port(LOOPBACK, free_port(), "--port")


def test_a_port_that_becomes_free_in_time_is_waited_for(taken: socket.socket) -> None:
    threading.Timer(0.3, taken.close).start()
    require_free_port(LOOPBACK, taken.getsockname()[1], "--port", patience=10)


def test_the_next_port_is_found_for_one_in_use() -> None:
    port = free_port()
    assert port_or_free(port) == port
    with socket.socket() as taken:
        taken.bind((LOOPBACK, port))
        assert port < port_or_free(port) < port + NEXT


def test_the_last_port_in_use_has_no_next_one_and_the_system_chooses() -> None:
    last = 2**16 - 1
    with socket.socket() as taken:
        taken.bind((LOOPBACK, last))
        assert 0 < port_or_free(last) < last


def test_what_listens_is_seen(taken: socket.socket) -> None:
    assert listens(LOOPBACK, taken.getsockname()[1])
    assert not listens(LOOPBACK, free_port())
