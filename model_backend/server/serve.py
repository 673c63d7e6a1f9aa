"""The app behind waitress."""

from __future__ import annotations

import errno
import logging
import socket
import sys
from typing import TYPE_CHECKING, Any

from flask import Flask

from annotator.dashboard.warming import Warming
from annotator.errors import OnetagError
from annotator.labelstudio.backends import SECRET_HEADER
from annotator.settings import Settings, save_credentials
from model_backend.ending import ends_when_asked
from model_backend.server.app import MAX_BODY_BYTES, WARMING
from model_backend.server.connections import Apart, Known, Limits, Server
from model_backend.server.guard import Secrets

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

BACKLOG = 1024  # connections that the system holds until they are accepted
SWITCH_SECONDS = 0.0005
"""After which the interpreter lets another thread go on. A webhook asks for it some thirty times, and waited
each time for up to 5 ms, Python's own choice, for every thread that searched or made a picture."""
THREADS = 16  # more than predictions may occupy, so that a webhook always finds one
APART = (
    Apart(lambda path: path == "/health", 1),  # alive while all others wait for the database
    Apart(lambda path: path.startswith("/page/") and "/thumbnail/" in path, 3),
    Apart(lambda path: path.startswith("/page/"), 3),
)
"""Who looks has a few threads, and pictures from slow hosts keep none of those from views: each thread that
works makes a webhook wait for the interpreter, and six at once answer a browser no sooner than three."""

log = logging.getLogger(__name__)


def open_server(app: WSGIApplication, settings: Settings, limits: Limits | None = None) -> Server:
    """A server listening on the settings' address; `run()` serves, `close()` ends it.

    Raises OnetagError when the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise _explained(error, settings) from None
    return Server(
        app,
        listening,
        _known(settings),
        limits or Limits(),
        APART,
        backlog=BACKLOG,
        threads=THREADS,
        ident="onetag",
        max_request_body_size=MAX_BODY_BYTES,
        **_proxy(settings),
    )


def _proxy(settings: Settings) -> dict[str, Any]:
    """What waitress is told of the proxy in front: whose word on where a request comes from is taken."""
    kept = {"clear_untrusted_proxy_headers": False}  # whether a browser spoke TLS is asked of any proxy
    if not settings.trusted_proxy:
        return kept
    return kept | {
        "trusted_proxy": settings.trusted_proxy,
        "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"},
    }


def _known(settings: Settings) -> Known:
    """Tells by a request's headers, as waitress names them, whether it brings the secret."""
    secrets = Secrets(settings)
    header = SECRET_HEADER.upper().replace("-", "_")
    return lambda headers: (
        secrets.in_header(headers.get(header)) or secrets.as_password(headers.get("AUTHORIZATION"))
    )


def serve(app: Flask, settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises OnetagError when the address cannot be had."""
    server = open_server(app, settings)
    save_credentials(
        settings.data_dir, host=settings.host, port=str(settings.port)
    )  # for doctor, connect, ...
    log.info("Listening on http://%s:%d", settings.host, settings.port)
    sys.setswitchinterval(SWITCH_SECONDS)
    warming: Warming = app.extensions[WARMING]
    warming.start(app)
    try:
        with ends_when_asked():
            server.run()
    finally:
        warming.stop()
        server.close()


def _explained(error: OSError, settings: Settings) -> OnetagError:
    where = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        return OnetagError(
            f"{where} is in use.", "Stop what listens there, or choose another port (--port, ONETAG_PORT)."
        )
    if error.errno == errno.EACCES:
        return OnetagError(
            f"{where} needs rights that this user lacks.", "Choose a port above 1023 (--port, ONETAG_PORT)."
        )
    return OnetagError(f"{where} cannot be listened on ({error.strerror}).", "Check --host and --port.")
