"""A time limit for a whole request, however slowly the other side drips: connecting, headers and body.

The time limits of `requests` are for each wait alone, so a byte now and then keeps a request going for ever.
Here a clock shuts the connection when the time is over. (Looking a name up is bounded by the system alone.)
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import Retry


class TooSlow(Exception):  # noqa: N818 (the other side's doing)
    """The whole of a request was not answered in its time."""


class NotPublic(Exception):  # noqa: N818 (the same)
    """A name leads to an address of a private network."""


class DeadlineAdapter(HTTPAdapter):
    """The adapter of a session whose requests run `within` a time. Threads may share it.

    >>> adapter = DeadlineAdapter()  # session.mount("https://", adapter)
    >>> with adapter.within(30.0):  # raises TooSlow
    ...     pass  # response = session.get(..., stream=True), and its body
    """

    def __init__(self, retry: Retry | None = None) -> None:
        self._here = threading.local()
        super().__init__(max_retries=retry or Retry(0))

    @contextmanager
    def within(self, seconds: float, *, public: bool = False) -> Iterator[None]:
        """Bound what this thread asks and reads in the block. public: from the open internet alone.

        Raises TooSlow, also where the end of a body could not be told from its breaking off; and NotPublic.
        """
        watch = _Watch(seconds, public=public)
        self._here.watch = watch
        try:
            yield
        except Exception:
            if watch.over:
                raise TooSlow from None
            raise
        finally:
            self._here.watch = None
            watch.end()
        if watch.over:
            raise TooSlow

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Have the connections watched."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools()

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """The same for connections through a proxy."""
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = self._pools()
        return manager

    def _pools(self) -> dict[str, type[HTTPConnectionPool]]:
        plain, secure = (
            staticmethod(partial(kind, look=self._look)) for kind in (_Connection, _SecureConnection)
        )
        return {
            "http": type("WatchedPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("WatchedSecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }

    def _look(self, connection: HTTPConnection, handle: int) -> None:
        watch: _Watch | None = getattr(self._here, "watch", None)
        if watch is not None:
            watch.look(handle, proxied=connection.proxy is not None)


class _Watch:
    """The connections of one request. It has handles of its own, for others are closed or wrapped early."""

    def __init__(self, seconds: float, *, public: bool) -> None:
        self.over = False
        self._public = public
        self._lock = threading.Lock()
        self._handles: list[socket.socket] = []
        self._clock = threading.Timer(max(seconds, 0.0), self._shut)
        self._clock.daemon = True
        self._clock.start()

    def look(self, handle: int, *, proxied: bool) -> None:
        """Watch a connection too. Raises NotPublic."""
        watched = socket.socket(fileno=os.dup(handle))
        with self._lock:
            self._handles.append(watched)
        if self._public and not proxied and not _is_public(watched):
            raise NotPublic
        if self.over:
            self._shut()

    def _shut(self) -> None:
        with self._lock:
            self.over = True
            for watched in self._handles:
                with contextlib.suppress(OSError):  # it has ended already
                    watched.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Let go of the connections; what is kept alive stays so."""
        self._clock.cancel()
        with self._lock:
            for watched in self._handles:
                watched.close()
            self._handles.clear()


def _is_public(connection: socket.socket) -> bool:
    peer = ipaddress.ip_address(connection.getpeername()[0].partition("%")[0])
    return (getattr(peer, "ipv4_mapped", None) or peer).is_global


class _Watched(HTTPConnection):
    """A connection that shows itself whenever it is made or used again."""

    def __init__(self, *arguments: Any, look: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._look = look

    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        try:
            self._look(self, made.fileno())
        except NotPublic:
            made.close()
            raise
        return made

    def request(self, *arguments: Any, **options: Any) -> None:
        if self.sock is not None:
            self._look(self, self.sock.fileno())
        super().request(*arguments, **options)


class _Connection(_Watched):
    """A plain connection."""


class _SecureConnection(_Watched, HTTPSConnection):
    """One through TLS."""
