"""Ports for servers that a test starts later: none that another test, or the system, gives away meanwhile.

The system takes the ports of outgoing connections, and of servers that leave the choice to it, from 32768
on. So these lie below, and each process that shares the tests has a thousand of its own.
"""

from __future__ import annotations

import itertools
import os

from model_backend.stack.ports import port_or_free

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_FIRST = 20_000 + 1_000 * (_WORKER % 12)
_PORTS = itertools.cycle(range(_FIRST, _FIRST + 1_000))


def free_port() -> int:
    """A port that nothing listens on, and that no other test is given."""
    return next(port for port in _PORTS if port_or_free(port) == port)
