"""Secrets are known by their names, however these are written; nothing of the user's own is touched."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from annotator.labelstudio.secret_names import names_secret, strip_secrets

SECRETS = [
    *("secret", "secret_key", "client_secret", "secrets", "aws_secret_access_key", "aws_access_key_id"),
    *("token", "tokens", "access_token", "refresh_token", "aws_session_token", "sas_token", "bearer"),
    *("jwt", "cookie", "cookies", "set_cookie", "session_id", "session_key", "authorization", "basic_auth"),
    *("password", "passwd", "passphrase", "pwd", "task_data_password", "basic_auth_pass", "db_pass"),
    *("api_key", "api_keys", "x_api_key", "private_key", "account_key", "storage_key", "signing_key"),
    *("google_application_credentials", "credentials", "connection_string", "x_onetag_secret", "signature"),
]
HARMLESS = [
    *("token_count", "tokenizer", "max_token_length", "compass", "secretary", "key", "keypoint_labels"),
    *("primary_key", "hotkey", "public_key_count", "author", "auth_method", "authors", "passed", "id"),
    *("object_key", "model_version", "created_at", "unique_id", "monkey", "passage", "project", ""),
]

STYLES: dict[str, Callable[[str], str]] = {
    "snake": str,
    "kebab": lambda name: name.replace("_", "-"),
    "capitals": str.upper,
    "title": lambda name: name.replace("_", "-").title(),
    "camel": lambda name: re.sub("_(.)", lambda found: found[1].upper(), name),
    "pascal": lambda name: "".join(word.capitalize() for word in name.split("_")),
    "dotted": lambda name: f"storage.{name.replace('_', '.')}",
    "spaced": lambda name: name.replace("_", " "),
    "prefixed": lambda name: f"label_studio_{name}",
    "numbered": lambda name: f"{name}2",
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_known_by_its_name_in_every_style(name: str, style: str) -> None:
    assert names_secret(STYLES[style](name))


@pytest.mark.parametrize("style", sorted(set(STYLES) - {"dotted", "prefixed"}))
@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_name_is_left_alone_in_every_style(name: str, style: str) -> None:
    assert not names_secret(STYLES[style](name))


@pytest.mark.parametrize(
    "name",
    ["accesstoken", "CSRFMIDDLEWARETOKEN", "apikey", "secretkey", "accesskeyid", "dbpassword"],
)
def test_a_name_that_is_written_together_is_known_too(name: str) -> None:
    assert names_secret(name)


def test_secrets_are_taken_out_at_every_depth_and_the_rest_stays() -> None:
    payload: dict[str, Any] = {
        "access_token": "s3cret",
        "project": {
            "id": 1,
            "token": "s3cret",
            "control_weights": {"label": {"labels": {"token": 1.0}}},
            "storages": [{"type": "s3", "awsSecretAccessKey": "s3cret", "prefix": "a/"}],
        },
        "task": {"id": 2, "data": {"image": "a.png", "token": "kept: the user's own field"}},
        "annotation": [
            {
                "id": 3,
                "result": [{"value": {"choices": ["password"], "tokens": ["a"]}, "meta": {"secret": ["x"]}}],
                "API_KEY": "s3cret",
                "token_count": 3,
            }
        ],
        "headers": {"Authorization": "Basic s3cret", "X-Onetag-Secret": "s3cret", "Cookie": ["s3cret"]},
    }
    stripped = strip_secrets(payload)
    assert "s3cret" not in str(stripped)
    assert stripped["task"] == payload["task"]
    assert stripped["project"]["control_weights"] == {"label": {"labels": {"token": 1.0}}}
    assert stripped["project"]["storages"] == [{"type": "s3", "prefix": "a/"}]
    kept = {key: payload["annotation"][0][key] for key in ("id", "result", "token_count")}
    assert stripped["annotation"] == [kept]
    assert payload["access_token"] == "s3cret", "the payload itself is left as it was"


@pytest.mark.parametrize(
    ("name", "value"), [("tokens", 512), ("maxTokens", 0.5), ("has_password", True), ("access_token", None)]
)
def test_how_many_and_whether_are_no_secrets(name: str, value: object) -> None:
    assert strip_secrets({name: value}) == {name: value}


@pytest.mark.parametrize("value", ["x", 123456, ["x"], {"a": "x"}])
def test_every_other_value_of_a_secret_name_goes(value: object) -> None:
    assert strip_secrets({"password": value, "id": 1}) == {"id": 1}
