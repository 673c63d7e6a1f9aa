"""One shared secret guards every endpoint but /health."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from flask import Response, request
from pydantic import SecretStr

from annotator.labelstudio.backends import SECRET_HEADER

OPEN_ENDPOINTS = frozenset({"health"})


def guard(secret: SecretStr) -> Callable[[], Response | None]:
    """A before-request function: Label Studio's webhook brings the header, its other calls basic auth.

    Whoever brings neither gets 401 and no reason. Both are always compared, in constant time.
    """
    expected = secret.get_secret_value().encode()

    def refuse_strangers() -> Response | None:
        if request.endpoint in OPEN_ENDPOINTS:
            return None
        password = (request.authorization.password if request.authorization else None) or ""
        by_header = hmac.compare_digest(_bytes(request.headers.get(SECRET_HEADER, "")), expected)
        by_password = hmac.compare_digest(_bytes(password), expected)
        if by_header | by_password:
            return None
        return Response(status=401, headers={"WWW-Authenticate": 'Basic realm="onetag"'})

    return refuse_strangers


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
