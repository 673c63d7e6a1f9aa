"""Connections within bounds: whoever opens many, drips or never finishes a request keeps nobody out.

Waitress has one limit for all connections and a timeout that every byte renews. Here every request has
deadlines of its own, and where an address has more than its share its oldest unfinished connection goes, so
that a new one always finds a place. A clock that never steps decides.
"""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher
from waitress.utilities import Error

from annotator.origin import source_of
from model_backend.server.guard import CHALLENGE

STRANGERS_BODY = 64 * 2**10
"""Bytes of a body that are read before it is known who sends it: enough to answer politely."""
SPARE = 32
"""Connections beyond all others, for when every one of them is being answered."""
SWEEP_SECONDS = 0.5

Known = Callable[[Mapping[str, str]], bool]
"""Whether the headers of a request bring the secret; their names in capitals, with underscores."""


@dataclass(frozen=True)
class Apart:
    """Requests that so many threads of their own answer, and no others: those whose path it takes."""

    takes: Callable[[str], bool]
    threads: int


@dataclass(frozen=True)
class Limits:
    """How long and how many: seconds, and connections."""

    header_seconds: float = 10.0
    """From the first byte, or from connecting, to the end of the headers."""
    request_seconds: float = 30.0
    """From the first byte to the last of a request."""
    idle_seconds: float = 120.0
    """Between two requests of a connection; longer than proxies keep theirs."""
    per_address: int = 64
    connections: int = 400


class Unauthorized(Error):  # type: ignore[misc]  # noqa: N818 (no exception, for all its base's name)
    """What strangers are told of a body that is not taken: nothing."""

    def __init__(self) -> None:
        super().__init__("")

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:  # noqa: ARG002
        """Status, headers and body."""
        return "401 Unauthorized", [("WWW-Authenticate", CHALLENGE)], b""


class Request(HTTPRequestParser):  # type: ignore[misc]
    """A request on its way in; the large body of a stranger is not waited for."""

    completed: bool
    path = ""  # until it is read, which it never is where the first line is none

    def __init__(self, adj: Adjustments, known: Known) -> None:
        super().__init__(adj)
        self.begun = time.monotonic()
        self._known = known

    def received(self, data: bytes) -> int:
        """Take in bytes; how many of them were this request's."""
        taken = int(super().received(data))
        size = max(self.content_length, self.body_bytes_received)
        if not self.completed and size > STRANGERS_BODY and not self._known(self.headers):
            self.error = Unauthorized()
            self.completed = True
        return taken


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection, and since when it waits for a request."""

    def __init__(self, server: Server, sock: socket.socket, addr: Any, adj: Adjustments, map: Any) -> None:  # noqa: A002
        self._since = time.monotonic()
        self._answered = False
        self.source = source_of(addr[0])
        self.parser_class = partial(Request, known=server.known)
        super().__init__(server, sock, addr, adj, map=map)

    def service(self) -> None:
        """Answer a request; the next one is waited for from then on."""
        super().service()
        self._since, self._answered = time.monotonic(), True

    @property
    def waits(self) -> bool:
        """Whether no request of it is being answered: it may be closed without losing one."""
        return not self.requests and not self.total_outbufs_len and not self.will_close

    @property
    def since(self) -> float:
        """When the present wait began, on the monotonic clock."""
        request = self.request
        return self._since if request is None else max(request.begun, self._since)

    def is_overdue(self, now: float, limits: Limits) -> bool:
        """Whether it has waited for longer than it may, for a request or for its answer to be taken."""
        request = self.request
        if self.requests or self.will_close:
            return False
        if request is None:
            allowed = limits.idle_seconds if self._answered else limits.header_seconds
        else:
            allowed = limits.request_seconds if request.headers_finished else limits.header_seconds
        return now - self.since > allowed


class Server(TcpWSGIServer):  # type: ignore[misc]
    """Waitress's server on a socket that listens already, with bounded connections."""

    channel_class = Channel

    def __init__(
        self,
        app: Any,
        listening: socket.socket,
        known: Known,
        limits: Limits,
        apart: Sequence[Apart] = (),
        **kept: Any,
    ) -> None:
        """apart: the first that takes a path answers its requests; all others share the server's threads."""
        self.known = known
        self._limits = limits
        self._next_sweep = 0.0
        adjustments = Adjustments(
            sockets=[listening],
            connection_limit=limits.connections + SPARE,
            asyncore_use_poll=True,  # select() ends at 1,024 files
            **kept,
        )
        where = (listening.family, listening.type, listening.proto, listening.getsockname())
        super().__init__(app, {}, _sock=listening, adj=adjustments, bind_socket=False, sockinfo=where)
        self._apart = [(each.takes, ThreadedTaskDispatcher()) for each in apart]
        for each, (_, dispatcher) in zip(apart, self._apart, strict=True):
            dispatcher.set_thread_count(each.threads)

    def add_task(self, task: Channel) -> None:
        """Have the request of a connection answered."""
        path = task.requests[0].path
        own = (dispatcher for takes, dispatcher in self._apart if takes(path))
        next(own, self.task_dispatcher).add_task(task)

    def close(self) -> None:
        """Listen no longer."""
        for _, dispatcher in self._apart:
            dispatcher.shutdown()
        super().close()

    def handle_accept(self) -> None:
        """Take a new connection, and let go of one where that is one too many."""
        super().handle_accept()
        waiting = [channel for channel in self._channels() if channel.waits]
        shares = Counter(channel.source for channel in waiting)
        if not shares:
            return
        greediest, most = shares.most_common(1)[0]
        if most > self._limits.per_address or len(waiting) > self._limits.connections:
            theirs = (channel for channel in waiting if channel.source == greediest)
            min(theirs, key=lambda channel: channel.since).will_close = True

    def readable(self) -> bool:
        """Whether to accept; waitress asks each time it looks around, at least once a second."""
        now = time.monotonic()
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_SECONDS
            for channel in self._channels():
                channel.will_close |= channel.is_overdue(now, self._limits)
        return bool(super().readable())

    def maintenance(self, now: float) -> None:
        """Nothing: waitress would go by the clock on the wall."""

    def _channels(self) -> Iterator[Channel]:
        yield from list(self.active_channels.values())
