"""Talking HTTP with Label Studio: tokens, retries, and every failure told with its way out."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from annotator.errors import OnetagError
from annotator.labelstudio import http
from annotator.labelstudio.errors import (
    LabelStudioMissing,
    LabelStudioRefused,
    LabelStudioUnauthorized,
    LabelStudioUnreachable,
)
from annotator.labelstudio.http import Http
from tests.annotator.labelstudio.conftest import Answer, Asked, Stand

LEGACY = "0123456789abcdef0123456789abcdef01234567"
PERSONAL = "eyJhbGciOi.eyJ0b2tlbl90.c2lnbmF0dXJl"

NewStand = Callable[[Callable[[Asked], Answer]], Stand]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "RETRY", http.RETRY.new(backoff_factor=0))


def client(stand: Stand, token: str = LEGACY, timeout: float = 5.0) -> Http:
    return Http(stand.url, SecretStr(token), timeout=timeout)


def test_a_legacy_token_goes_into_the_header(new_stand: NewStand) -> None:
    stand = new_stand(lambda _asked: Answer(body={"release": "1"}))
    assert client(stand).get("/api/version", page=1, query=None) == {"release": "1"}
    assert stand.asked[0].headers["Authorization"] == f"Token {LEGACY}"
    assert stand.asked[0].path == "/api/version?page=1"


def test_a_netrc_does_not_replace_the_token(
    new_stand: NewStand, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    netrc = tmp_path / "netrc"  # type: ignore[operator]
    netrc.write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    stand = new_stand(lambda _asked: Answer(body={}))
    client(stand).get("/x")
    assert stand.asked[0].headers["Authorization"] == f"Token {LEGACY}"


class PersonalTokens:
    """Label Studio's way with personal access tokens: a refresh token for short access tokens."""

    def __init__(self) -> None:
        self.given = 0
        self.valid: set[str] = set()

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/api/token/refresh":
            assert asked.json == {"refresh": PERSONAL}
            self.given += 1
            self.valid = {f"Bearer access-{self.given}"}
            return Answer(body={"access": f"access-{self.given}"})
        known = asked.headers["Authorization"] in self.valid
        return Answer(body={"ok": True}) if known else Answer(401, {"detail": "expired"})


def test_a_personal_token_is_exchanged_once(new_stand: NewStand) -> None:
    tokens = PersonalTokens()
    talks = client(new_stand(tokens), PERSONAL)
    assert [talks.get("/x"), talks.get("/x")] == [{"ok": True}] * 2
    assert tokens.given == 1


def test_an_access_token_that_ended_is_renewed(new_stand: NewStand, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = PersonalTokens()
    talks = client(new_stand(tokens), PERSONAL)
    talks.get("/x")
    tokens.valid.clear()  # Label Studio ended it early
    assert talks.get("/x") == {"ok": True}
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 280)  # it is about to end
    assert talks.get("/x") == {"ok": True}
    assert tokens.given == 3


def test_a_personal_token_that_is_refused(new_stand: NewStand) -> None:
    stand = new_stand(lambda _asked: Answer(401, {"detail": "Token is blacklisted", "code": PERSONAL}))
    with pytest.raises(LabelStudioUnauthorized, match="Personal Access Token") as caught:
        client(stand, PERSONAL).get("/x")
    assert PERSONAL not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (Answer(401, {"detail": "Invalid token."}), LabelStudioUnauthorized, "Personal Access Token"),
        (Answer(403, {"detail": "no permission"}), LabelStudioRefused, "no permission"),
        (Answer(404, {"detail": "not found"}), LabelStudioMissing, "project's number"),
        (Answer(400, {"validation_errors": {"title": ["too short"]}}), LabelStudioRefused, "too short"),
        (Answer(400, b"<html>"), LabelStudioRefused, "400"),
        (Answer(500, b"<html>boom"), LabelStudioRefused, "Look at its log"),
        (Answer(503, b""), LabelStudioRefused, "Look at its log"),
        (Answer(200, b"<html>a login page"), LabelStudioUnreachable, "ONETAG_LABEL_STUDIO_URL"),
        (Answer(302, b"", {"Location": "https://elsewhere/"}), LabelStudioUnreachable, "redirects"),
    ],
)
def test_each_refusal_names_the_way_out(
    new_stand: NewStand, answer: Answer, error: type[OnetagError], told: str
) -> None:
    stand = new_stand(lambda _asked: answer)
    with pytest.raises(error, match=told):
        client(stand).get("/api/x")


def test_a_refusal_that_quotes_the_token_is_cleaned(new_stand: NewStand) -> None:
    stand = new_stand(lambda _asked: Answer(400, {"detail": f"bad {LEGACY}"}))
    with pytest.raises(LabelStudioRefused) as caught:
        client(stand).get("/x")
    assert LEGACY not in str(caught.value)
    assert LEGACY not in repr(client(stand))


def test_nothing_there_at_all() -> None:
    with pytest.raises(LabelStudioUnreachable, match=r"connection refused.*ONETAG_LABEL_STUDIO_URL"):
        Http("http://127.0.0.1:9", SecretStr(LEGACY)).get("/x")


def test_an_unknown_host() -> None:
    with pytest.raises(LabelStudioUnreachable, match="Nothing answers"):
        Http("http://nowhere.invalid", SecretStr(LEGACY), timeout=2).get("/x")


def test_one_that_is_too_slow(new_stand: NewStand) -> None:
    def slow(_asked: Asked) -> Answer:
        time.sleep(0.6)
        return Answer(body={})

    stand = new_stand(slow)
    with pytest.raises(LabelStudioUnreachable, match="did not answer POST /x in"):
        client(stand, timeout=0.2).request("POST", "/x", json={})
    assert len(stand.asked) == 1, "a POST is not sent twice"


def failing_first(times: int) -> Callable[[Asked], Answer]:
    left = [times]

    def answer(_asked: Asked) -> Answer:
        left[0] -= 1
        return Answer(503, b"") if left[0] >= 0 else Answer(body={"ok": True})

    return answer


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_what_can_be_repeated_is_tried_three_times(new_stand: NewStand, method: str) -> None:
    assert client(new_stand(failing_first(2))).request(method, "/x") == {"ok": True}
    stand = new_stand(failing_first(9))
    with pytest.raises(LabelStudioRefused):
        client(stand).request(method, "/x")
    assert len(stand.asked) == 3


def test_a_post_is_repeated_only_where_that_is_harmless(new_stand: NewStand) -> None:
    stand = new_stand(failing_first(1))
    with pytest.raises(LabelStudioRefused):
        client(stand).request("POST", "/x", json={})
    assert len(stand.asked) == 1
    assert client(new_stand(failing_first(1))).request("POST", "/x", json={}, repeat=True) == {"ok": True}


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://x", "", "http://", "http://user:secret@host"])
def test_an_address_that_cannot_be_one(url: str) -> None:
    with pytest.raises(OnetagError) as caught:
        Http(url, SecretStr(LEGACY))
    assert "secret" not in str(caught.value)


def test_the_address_is_tidied() -> None:
    assert Http(" http://host/studio/ ", SecretStr(LEGACY)).url == "http://host/studio"
