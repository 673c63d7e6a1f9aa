"""What Label Studio sends, without what is secret in it: known by its name, in any style and case.

`secret_key`, `awsSecretAccessKey`, `X-API-Key`, `ACCESSTOKEN` and `google_application_credentials` name
secrets; `token_count`, `primary_key` and `compass` do not.
"""

from __future__ import annotations

import re
from typing import Any

USERS_OWN = frozenset({"control_weights", "parsed_label_config", "data", "meta", "result"})
"""Parts whose keys are names of the user's own, labels among them: they stay as they came."""
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

SECRET = frozenset(
    {
        "secret",
        "secrets",
        "password",
        "passwords",
        "passwd",
        "passphrase",
        "passcode",
        "pwd",
        "credential",
        "credentials",
        "authorization",
        "cookie",
        "cookies",
        "jwt",
        "jwts",
        "bearer",
        "signature",
    }
)
"""Words that name a secret wherever they stand."""
SECRET_LAST = frozenset({"token", "tokens", "pass", "auth", "otp", "sas", "dsn"})
"""Words that name a secret at the end of a name: a `token_count` is none."""
SECRET_KEYS = frozenset(
    {
        "access",
        "account",
        "admin",
        "api",
        "auth",
        "client",
        "deploy",
        "encryption",
        "master",
        "private",
        "rsa",
        "secret",
        "service",
        "session",
        "shared",
        "signing",
        "ssh",
        "storage",
        "subscription",
    }
)
"""Words that make a secret of the key, or the id of a key, that follows them."""
GLUED = ("token", "tokens", "secret", "password", "passwd", "cookie", "credentials", "jwt")
"""Endings of words written together, as in `csrfmiddlewaretoken`."""
PHRASES = frozenset({("connection", "string"), ("session", "id")})


def strip_secrets(payload: Any) -> Any:
    """A copy of what Label Studio sent without its secrets, so that it can be stored and shown.

    >>> strip_secrets({"project": {"id": 7, "accessToken": "s3cret", "token_count": 3}})
    {'project': {'id': 7, 'token_count': 3}}
    """
    if isinstance(payload, dict):
        return {
            key: item if key in USERS_OWN else strip_secrets(item)
            for key, item in payload.items()
            if not _is_secret(key, item)
        }
    if isinstance(payload, list):
        return [strip_secrets(item) for item in payload]
    return payload


def _is_secret(name: str, value: Any) -> bool:
    """Whether a part is one: yes, no, nothing and a number of tokens are none."""
    if value is None or isinstance(value, bool):
        return False
    counts = isinstance(value, int | float) and name.lower().endswith("tokens")
    return names_secret(name) and not counts


def names_secret(name: str) -> bool:
    """Whether what bears this name is a secret.

    >>> [names_secret(name) for name in ("secret_key", "jwt", "token_count", "keypoint")]
    [True, True, False, False]
    """
    words = [word.lower() for word in WORD.findall(name)]
    if not words:
        return False
    ends = {tuple(words[-length:]) for length in (1, 2)}
    return (
        not SECRET.isdisjoint(words)
        or words[-1] in SECRET_LAST
        or words[-1].endswith(GLUED)
        or bool(ends & PHRASES)
        or _names_key(words)
    )


def _names_key(words: list[str]) -> bool:
    """Whether the words end in a secret key: apart (`api_key`, `access_key_id`) or together (`apikey`)."""
    if words[-1] == "id":
        words = words[:-1]
    *before, last = words or [""]
    if last in ("key", "keys"):
        return bool(before) and before[-1] in SECRET_KEYS
    return last.removesuffix("s").removesuffix("id").endswith(tuple(f"{word}key" for word in SECRET_KEYS))
