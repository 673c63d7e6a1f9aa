"""Ports of this machine: whether one can be listened on, and one that can."""

from __future__ import annotations

import socket
import time

from annotator.errors import OnetagError

LOOPBACK = "127.0.0.1"


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
    """The port if it can be listened on, else one that can."""
    return free_port(host) if _refusal(host, port) else port


def free_port(host: str = LOOPBACK) -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def listens(host: str, port: int) -> bool:
    """Whether something takes connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


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
