"""Ports of this machine: whether one can be listened on, and one that can."""

from __future__ import annotations

import socket
import time
from contextlib import suppress

from annotator.errors import OnetagError

LOOPBACK = "127.0.0.1"
NEXT = 100
"""How many ports behind one in use are looked at."""


def require_free_port(host: str, port: int, flag: str, patience: float = 0.0) -> None:
    """Raise OnetagError naming the flag unless the port can be listened on within `patience` seconds."""
    deadline = time.monotonic() + patience
    while (error := _refusal(host, port)) and time.monotonic() < deadline:
        time.sleep(0.1)
    if error:
        raise OnetagError(
            f"Port {port} on {host} cannot be used ({error.strerror}).",
            f"Stop what uses it, or choose another with {flag}.",
        )


def port_or_free(port: int, host: str = LOOPBACK) -> int:
    """The port if it can be listened on, else the next one that can.

    One of the system's own choice comes last: the system gives those to others too, at any moment.
    """
    for near in range(port, min(port + NEXT, 2**16)):
        if not _refusal(host, near):
            return near
    return free_port(host)


def free_port(host: str = LOOPBACK) -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def listens(host: str, port: int) -> bool:
    """Whether something takes connections there."""
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def _refusal(host: str, port: int) -> OSError | None:
    """Why the port cannot be listened on; None when it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None
