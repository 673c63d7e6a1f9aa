"""The way in: each attack that a login meets, and the people whom none of them keeps out."""

from __future__ import annotations

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from annotator.dashboard import Page, page_blueprint
from annotator.dashboard.access import cookie_name
from annotator.dashboard.entrance import OF_A_NAME, OF_A_SOURCE, own_path
from annotator.settings import Settings
from annotator.store import LoginSession, Person, Project, Role, Store
from annotator.store.logins import logged_in, new_link
from annotator.store.people import MOST_PASSWORD, add_person, disable, hash_password

PASSWORD = "correct horse battery"
ENTRANCE = "annotator.dashboard.entrance"


@pytest.fixture(scope="module")
def hashed() -> str:
    return hash_password(PASSWORD)


@pytest.fixture
def ann(store: Store, hashed: str, project: Project) -> Person:
    with store.session() as session:
        return add_person(session, "Ann", Role.ANSWER, hashed)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords compared in no time: what is looked at is what comes before and after."""
    monkeypatch.setattr(
        "annotator.dashboard.entrance.fits", lambda person, typed: typed == PASSWORD and person
    )


def token_in(answer: TestResponse) -> str:
    """The token of the form on a page."""
    found = re.search(r'name="csrf" value="(\w+)"', answer.text)
    assert found is not None, answer.text
    return found.group(1)


def enter(
    client: FlaskClient,
    name: str = "Ann",
    password: str = PASSWORD,
    source: str = "192.0.2.1",
    back: str = "",
) -> TestResponse:
    """Type a name and a password into the form."""
    peer = {"REMOTE_ADDR": source}
    token = token_in(client.get("/page/login", environ_base=peer))
    typed = {"csrf": token, "name": name, "password": password, "next": back}
    return client.post("/page/login", data=typed, environ_base=peer)


def click(client: FlaskClient, code: str, source: str = "192.0.2.1") -> TestResponse:
    """Open a link and press its button."""
    token = token_in(client.get("/page/link"))
    typed = {"csrf": token, "code": code}
    return client.post("/page/link", data=typed, environ_base={"REMOTE_ADDR": source})


def link_for(store: Store, person: Person, lasts: timedelta = timedelta(minutes=15)) -> str:
    with store.session() as session:
        return new_link(session, person, lasts)


def cookie_in(client: FlaskClient, settings: Settings) -> str:
    found = client.get_cookie(cookie_name(settings), path="/page")
    return "" if found is None else found.value


def is_in(client: FlaskClient) -> bool:
    return client.get("/page/", follow_redirects=True).request.path == "/page/p1/"


class TestPassword:
    def test_it_lets_in(self, stranger: FlaskClient, ann: Person) -> None:
        answer = enter(stranger)
        assert (answer.status_code, answer.location) == (303, "/page/")
        assert is_in(stranger)
        assert "Ann" in stranger.get("/page/p1/").text

    @pytest.mark.parametrize("name", ["ann", " ANN ", "Ａｎｎ"])
    def test_however_the_name_is_typed(self, stranger: FlaskClient, ann: Person, name: str) -> None:
        assert enter(stranger, name).status_code == 303

    def test_a_name_in_any_script(
        self, stranger: FlaskClient, ann: Person, store: Store, hashed: str
    ) -> None:
        with store.session() as session:
            add_person(session, "李小龍", Role.LOOK, hashed)
        assert enter(stranger, "李小龍").status_code == 303
        assert "李小龍" in stranger.get("/page/p1/").text

    @pytest.mark.parametrize(
        ("name", "password"),
        [
            ("Ann", "wrong password"),
            ("Ann", ""),
            ("Ann", PASSWORD.upper()),
            ("Nobody", PASSWORD),
            ("", ""),
            ("Ann", "x" * 20_000),
            ("A" * 20_000, PASSWORD),
            ("ﷺ" * 500, "ﷺ" * 500),
            ("Ann' --", "' OR 1=1 --"),
            ("Ann\r\nSet-Cookie: a=b", "\x00"),
        ],
    )
    def test_whatever_is_wrong_it_is_told_the_same(
        self, stranger: FlaskClient, ann: Person, name: str, password: str
    ) -> None:
        answer = enter(stranger, name, password)
        assert answer.status_code == 401
        assert "The name or the password is wrong." in answer.text
        assert "WWW-Authenticate" not in answer.headers
        assert not is_in(stranger)

    def test_who_was_removed_is_told_no_more(self, stranger: FlaskClient, ann: Person, store: Store) -> None:
        with store.session() as session:
            disable(session, ann)
        assert "The name or the password is wrong." in enter(stranger).text

    def test_bounds_hold_before_anything_is_hashed(
        self, stranger: FlaskClient, ann: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        compared: list[int] = []

        def compare(_: str, password: str) -> bool:
            compared.append(len(password))
            return False

        monkeypatch.setattr("annotator.store.people.check_password_hash", compare)
        enter(stranger, "A" * 30_000, "x" * 30_000)
        assert compared == [MOST_PASSWORD]

    def test_a_page_that_is_asked_for_follows(self, stranger: FlaskClient, ann: Person) -> None:
        login = stranger.get("/page/p1/?a=b&c=%C3%A9", follow_redirects=True)
        back = re.search(r'name="next" value="([^"]*)"', login.text)
        assert back is not None
        answer = enter(stranger, back=back.group(1).replace("&amp;", "&"))
        assert answer.location == "/page/p1/?a=b&c=%C3%A9"

    def test_who_is_in_need_not_log_in(self, browser: FlaskClient) -> None:
        assert browser.get("/page/login").location == "/page/"

    def test_before_anybody_is_there_it_says_how_to_begin(self, stranger: FlaskClient) -> None:
        assert "onetag users link" in stranger.get("/page/login").text

    def test_then_no_longer(self, stranger: FlaskClient, ann: Person) -> None:
        assert "onetag users" not in stranger.get("/page/login").text


@pytest.mark.usefixtures("quick")
class TestSession:
    def test_a_cookie_that_somebody_planted_is_not_the_one_that_is_logged_in(
        self, stranger: FlaskClient, ann: Person, settings: Settings, store: Store
    ) -> None:
        planted = "A" * 43
        stranger.set_cookie(cookie_name(settings), planted, path="/page")
        enter(stranger)
        assert cookie_in(stranger, settings) != planted
        with store.reading() as session:
            assert logged_in(session, planted) is None

    def test_nor_by_a_link(
        self, stranger: FlaskClient, ann: Person, settings: Settings, store: Store
    ) -> None:
        planted = "A" * 43
        stranger.set_cookie(cookie_name(settings), planted, path="/page")
        click(stranger, link_for(store, ann))
        assert is_in(stranger)
        assert cookie_in(stranger, settings) != planted

    def test_another_login_ends_the_one_before_in_this_browser(
        self, stranger: FlaskClient, ann: Person, settings: Settings, store: Store
    ) -> None:
        enter(stranger)
        before = cookie_in(stranger, settings)
        click(stranger, link_for(store, ann))
        assert cookie_in(stranger, settings) != before
        with store.reading() as session:
            assert logged_in(session, before) is None
            assert session.query(LoginSession).count() == 1

    def test_who_logs_out_is_out_and_the_cookie_worth_nothing(
        self, stranger: FlaskClient, ann: Person, settings: Settings, page_app: Flask
    ) -> None:
        enter(stranger)
        cookie = cookie_in(stranger, settings)
        token = token_in(stranger.get("/page/p1/"))
        answer = stranger.post("/page/logout", data={"csrf": token})
        assert (answer.status_code, answer.location) == (303, "/page/login")
        assert cookie_in(stranger, settings) == ""
        thief = page_app.test_client()
        thief.set_cookie(cookie_name(settings), cookie, path="/page")
        assert not is_in(thief)

    def test_nobody_is_logged_out_by_an_address(self, stranger: FlaskClient, ann: Person) -> None:
        enter(stranger)
        assert stranger.get("/page/logout", follow_redirects=True).status_code == 404
        assert stranger.post("/page/logout").status_code == 403
        assert is_in(stranger)

    def test_nobody_is_logged_in_by_a_page_from_elsewhere(self, stranger: FlaskClient, ann: Person) -> None:
        """It could make somebody's answers those of another person."""
        typed = {"name": "Ann", "password": PASSWORD, "csrf": token_in(stranger.get("/page/login"))}
        foreign = {"Origin": "http://evil.example"}
        assert stranger.post("/page/login", data=typed, headers=foreign).status_code == 403
        assert stranger.post("/page/login", data=typed | {"csrf": ""}).status_code == 403
        assert not is_in(stranger)


class TestLink:
    def test_it_lets_in_once(self, page_app: Flask, ann: Person, store: Store) -> None:
        code = link_for(store, ann)
        first, second = page_app.test_client(), page_app.test_client()
        assert click(first, code).location == "/page/"
        assert is_in(first)
        again = click(second, code)
        assert again.status_code == 401
        assert "has been used" in again.text
        assert not is_in(second)

    def test_looking_at_it_does_not_use_it_up(self, stranger: FlaskClient, ann: Person, store: Store) -> None:
        code = link_for(store, ann)
        for method in ("GET", "HEAD"):
            for path in (f"/page/link#{code}", f"/page/link?code={code}", "/page/link"):
                assert stranger.open(path, method=method).status_code == 200
        assert not is_in(stranger)
        assert click(stranger, code).status_code == 303

    def test_the_whole_link_will_do_where_there_is_no_script(
        self, stranger: FlaskClient, ann: Person, store: Store
    ) -> None:
        code = link_for(store, ann)
        assert click(stranger, f" http://127.0.0.1:9090/page/link#{code} ").status_code == 303

    @pytest.mark.parametrize("code", ["", "x", "#", "x" * 20_000, "%00", "\x00", "' OR 1=1 --"])
    def test_what_is_none_lets_nobody_in(
        self, stranger: FlaskClient, ann: Person, store: Store, code: str
    ) -> None:
        link_for(store, ann)
        assert click(stranger, code).status_code == 401
        assert not is_in(stranger)

    def test_an_old_one_lets_nobody_in(self, stranger: FlaskClient, ann: Person, store: Store) -> None:
        answer = click(stranger, link_for(store, ann, timedelta(0)))
        assert answer.status_code == 401
        assert "onetag users link" in answer.text

    def test_of_several_clicks_at_once_exactly_one_comes_in(
        self, page_app: Flask, ann: Person, store: Store
    ) -> None:
        code, together = link_for(store, ann), Barrier(6)

        def press(_: int) -> int:
            client = page_app.test_client()
            token = token_in(client.get("/page/link"))
            together.wait()
            return client.post("/page/link", data={"csrf": token, "code": code}).status_code

        with ThreadPoolExecutor(6) as pool:
            assert sorted(pool.map(press, range(6))) == [303, 401, 401, 401, 401, 401]

    def test_no_page_from_elsewhere_uses_one(self, stranger: FlaskClient, ann: Person, store: Store) -> None:
        typed = {"code": link_for(store, ann), "csrf": token_in(stranger.get("/page/link"))}
        site = {"Sec-Fetch-Site": "cross-site"}
        assert stranger.post("/page/link", data=typed, headers=site).status_code == 403
        assert stranger.post("/page/link", data=typed).status_code == 303


@pytest.mark.usefixtures("quick")
class TestGuessing:
    def test_one_who_guesses_has_to_wait_and_is_told_how_long(
        self, stranger: FlaskClient, ann: Person
    ) -> None:
        statuses = [enter(stranger, password="wrong").status_code for _ in range(OF_A_NAME.burst + 1)]
        assert statuses == [401] * OF_A_NAME.burst + [429]
        answer = enter(stranger)
        assert answer.status_code == 429, "even with the right password"
        assert 0 < int(answer.headers["Retry-After"]) <= OF_A_NAME.seconds
        assert re.search(r"Wait (1 min|\d+ s), then try again", answer.text)

    def test_and_keeps_the_true_person_out_of_nothing(
        self, page_app: Flask, ann: Person, store: Store
    ) -> None:
        thief, true = page_app.test_client(), page_app.test_client()
        for _ in range(50):
            enter(thief, password="wrong", source="198.51.100.9")
        assert enter(true, source="192.0.2.7").status_code == 303
        beside = page_app.test_client()
        assert click(beside, link_for(store, ann), source="198.51.100.9").status_code == 303, "a link always"

    def test_nor_the_others_at_the_same_address(self, page_app: Flask, ann: Person, store: Store) -> None:
        with store.session() as session:
            add_person(session, "Bob", Role.LOOK, "a hash")
        thief = page_app.test_client()
        for _ in range(50):
            enter(thief, password="wrong")
        assert enter(page_app.test_client(), "Bob").status_code == 303

    def test_one_who_tries_many_names_has_to_wait_too(self, stranger: FlaskClient, ann: Person) -> None:
        statuses = [enter(stranger, f"name {number}").status_code for number in range(OF_A_SOURCE.burst + 1)]
        assert statuses == [401] * OF_A_SOURCE.burst + [429]

    def test_a_network_of_many_addresses_is_one_place(self, stranger: FlaskClient, ann: Person) -> None:
        statuses = [
            enter(stranger, password="wrong", source=f"2001:db8::{number}").status_code for number in range(6)
        ]
        assert statuses[-1] == 429

    def test_all_guesses_at_once_are_no_way_around_it(self, page_app: Flask, ann: Person) -> None:
        def guess(_: int) -> int:
            return enter(page_app.test_client(), password="wrong").status_code

        with ThreadPoolExecutor(16) as pool:
            statuses = list(pool.map(guess, range(40)))
        assert statuses.count(401) == OF_A_NAME.burst

    def test_who_logs_in_often_need_not_wait(self, page_app: Flask, ann: Person) -> None:
        assert {enter(page_app.test_client()).status_code for _ in range(OF_A_SOURCE.burst + 5)} == {303}

    def test_a_typing_mistake_is_forgotten_after_the_right_password(
        self, stranger: FlaskClient, ann: Person
    ) -> None:
        for _ in range(3):
            for _ in range(OF_A_NAME.burst - 1):
                assert enter(stranger, password="wrong").status_code == 401
            assert enter(stranger).status_code == 303
            stranger.post("/page/logout", data={"csrf": token_in(stranger.get("/page/p1/"))})

    def test_case_and_width_of_a_name_make_no_new_tries(self, stranger: FlaskClient, ann: Person) -> None:
        names = ["Ann", "ANN", " ann", "Ａｎｎ", "aNN", "anN"]
        assert [enter(stranger, name, "wrong").status_code for name in names] == [401] * 5 + [429]


def test_while_others_log_in_one_is_asked_to_wait_and_holds_no_thread(
    page: Page, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{ENTRANCE}.AT_ONCE", 0)
    monkeypatch.setattr(f"{ENTRANCE}.PATIENCE", 0.01)
    app = Flask("page")
    app.register_blueprint(page_blueprint(page))
    for _ in range(OF_A_NAME.burst + 1):
        answer = enter(app.test_client())
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2"), "which counts as no try"
        assert "Others are logging in" in answer.text


@pytest.mark.usefixtures("quick")
class TestWhereItLeads:
    @pytest.mark.parametrize(
        "path",
        [
            *("//evil.example", "/\\evil.example", "\\\\evil.example", "http://evil.example", "/page\\..\\x"),
            *(
                "///evil.example/page/",
                "/pagex",
                "/versions",
                "javascript:alert(1)",
                "",
                "page/",
                "/page/\\x",
            ),
            *("/page/\r\nSet-Cookie: a=b", "/page/\x00", "/page/\tx", " /page/", "/page/" + "x" * 3000),
            "http://localhost/page/",
        ],
    )
    def test_never_away_from_the_page(self, page_app: Flask, path: str) -> None:
        with page_app.test_request_context():
            assert own_path(path) == "/page/"

    @pytest.mark.parametrize("path", ["/page/p1/", "/page/p1/images?label=a b&near=é#x", "/page//evil.x"])
    def test_to_every_part_of_it(self, page_app: Flask, path: str) -> None:
        with page_app.test_request_context():
            assert own_path(path) == path

    @pytest.mark.parametrize("back", ["//evil.example", "/\\evil.example", "/page/\r\nX-Evil: 1"])
    def test_after_a_login(self, stranger: FlaskClient, ann: Person, back: str) -> None:
        answer = enter(stranger, back=back)
        assert (answer.status_code, answer.location) == (303, "/page/")
        assert "X-Evil" not in answer.headers


@pytest.mark.usefixtures("quick")
class TestLog:
    def test_no_secret_is_in_it(
        self,
        stranger: FlaskClient,
        ann: Person,
        store: Store,
        settings: Settings,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        code = link_for(store, ann)
        with caplog.at_level(logging.DEBUG):
            enter(stranger, "my secret typed into the wrong field", "wrong password")
            enter(stranger, password="mistyped secret")
            enter(stranger)
            secrets = [cookie_in(stranger, settings), token_in(stranger.get("/page/p1/"))]
            click(stranger, code)
            click(stranger, code)
            secrets += [code, cookie_in(stranger, settings), PASSWORD, "secret", "wrong password"]
        assert "Ann logged in" in caplog.text
        assert "Refused a login as Ann from 192.0.2.1" in caplog.text
        assert "as a name that nobody has" in caplog.text
        assert not [secret for secret in secrets if secret in caplog.text]

    def test_nor_on_a_page_that_follows(self, stranger: FlaskClient, ann: Person) -> None:
        text = enter(stranger, "my secret", "wrong secret").text
        assert "secret" not in text
