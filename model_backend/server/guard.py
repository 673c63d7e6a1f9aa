"""One shared secret guards every endpoint but /health."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from flask import Response, request
from pydantic import SecretStr
from werkzeug.datastructures import Authorization

from annotator.labelstudio.backends import SECRET_HEADER

OPEN_ENDPOINTS = frozenset({"health"})
CHALLENGE = 'Basic realm="onetag"'


class Secret:
    """Tells who brings the shared secret: in a header as the webhook does, or as basic auth."""

    def __init__(self, secret: SecretStr) -> None:
        self._expected = secret.get_secret_value().encode()

    def is_brought(self, header: str | None, authorization: str | None) -> bool:
        """Whether one of the two headers holds it. Both are always compared, in constant time."""
        basic = Authorization.from_header(authorization)
        by_header = hmac.compare_digest(_bytes(header or ""), self._expected)
        by_password = hmac.compare_digest(_bytes((basic.password if basic else None) or ""), self._expected)
        return by_header | by_password


def guard(secret: SecretStr) -> Callable[[], Response | None]:
    """A before-request function: whoever does not bring the secret gets 401 and no reason."""
    shared = Secret(secret)

    def refuse_strangers() -> Response | None:
        if request.endpoint in OPEN_ENDPOINTS:
            return None
        if shared.is_brought(request.headers.get(SECRET_HEADER), request.headers.get("Authorization")):
            return None
        return Response(status=401, headers={"WWW-Authenticate": CHALLENGE})

    return refuse_strangers


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
