"""An id for every request: on its lines in the log, in its answer, and in the messages that it sends."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from model_backend.log_context import about

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HEADER = "X-Request-ID"
GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIds:
    """Wraps a WSGI application. An id that a proxy in front has given is kept, where it is a plain word."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        given = str(environ.get("HTTP_X_REQUEST_ID", ""))
        request = given if GIVEN.fullmatch(given) else uuid4().hex

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            return start_response(status, [*headers, (HEADER, request)], *error)

        with about(request=request):
            return self._app(environ, start)
