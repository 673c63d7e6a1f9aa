"""Who may see the page and change something there: attacked as a stranger or another page would."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Blueprint, Flask, g
from flask.testing import FlaskClient
from sqlalchemy import text, update

from annotator.dashboard import Page, page_blueprint
from annotator.dashboard.access import SAFE, WAYS_IN, Access, answering, cookie_name, csrf_of
from annotator.settings import Settings
from annotator.store import LoginSession, Project, Role, Store
from annotator.store.logins import SEEN_AGAIN, UNSEEN, logged_in
from annotator.store.people import change_password, change_role, disable, find_person
from annotator.store.types import utc_now

LogIn = Callable[[str, Role], FlaskClient]


@pytest.fixture
def page_app(store: Store, settings: Settings) -> Flask:
    """A page with a view to look at, one for who answers, and one that changes something."""
    app, blueprint = Flask("page"), Blueprint("page", "annotator.dashboard.blueprint", url_prefix="/page")
    blueprint.static_folder = "static"
    Access(store, settings).add_to(blueprint)
    seen: list[str] = []
    app.config["SEEN"] = seen

    def look() -> str:
        return f"{g.person.name} has role {g.person.role}"

    def change() -> str:
        seen.append(g.person.name)
        return "changed"

    blueprint.add_url_rule("/", "projects", look)
    blueprint.add_url_rule("/mine", "mine", answering(look))
    blueprint.add_url_rule("/change", "change", change, methods=["POST", "PUT", "PATCH", "DELETE"])
    app.register_blueprint(blueprint)
    return app


def changes(app: Flask) -> list[str]:
    made: list[str] = app.config["SEEN"]
    return made


class TestStrangers:
    def test_a_person_is_sent_to_the_login_and_from_there_back(self, stranger: FlaskClient) -> None:
        answer = stranger.get("/page/mine?label=cat&from=1")
        assert answer.status_code == 303
        assert answer.location == "/page/login?next=/page/mine?label%3Dcat%26from%3D1"

    def test_a_script_is_told_that_there_is_no_login(self, stranger: FlaskClient) -> None:
        answer = stranger.get("/page/", headers={"Accept": "*/*"})
        assert answer.status_code == 401
        assert "WWW-Authenticate" not in answer.headers, "browsers would ask for another password"

    @pytest.mark.parametrize("cookie", ["", "x", "x" * 43, "x" * 4000, "é" * 43, "' OR 1=1 --", "../../x"])
    def test_a_cookie_that_is_none_is_nobody(
        self, stranger: FlaskClient, settings: Settings, cookie: str
    ) -> None:
        stranger.set_cookie(cookie_name(settings), cookie, path="/page")
        assert stranger.get("/page/").status_code == 303
        stranger.environ_base["HTTP_X_CSRF_TOKEN"] = csrf_of(cookie)
        assert stranger.post("/page/change").status_code in (303, 403)

    def test_they_change_nothing(self, stranger: FlaskClient, page_app: Flask) -> None:
        assert stranger.post("/page/change").status_code == 403
        stranger.get("/page/login")
        cookie = stranger.get_cookie("onetag_9090", path="/page")
        assert cookie is not None
        token = {"X-CSRF-Token": csrf_of(cookie.value)}
        assert stranger.post("/page/change", headers=token).status_code == 303, "right token, no login"
        assert changes(page_app) == []


class TestEveryAddressOfThePage:
    """All that is mounted, so that no view can be forgotten."""

    @pytest.fixture
    def page_app(self, page: Page) -> Flask:
        app = Flask("page")
        app.register_blueprint(page_blueprint(page))
        return app

    @staticmethod
    def addresses(app: Flask) -> list[tuple[str, str, str]]:
        """(endpoint, method, path), numbers and keys filled in."""
        return [
            (rule.endpoint, method, re.sub(r"<[^>]*>", "p1", re.sub(r"<int[^>:]*:[^>]*>", "1", rule.rule)))
            for rule in app.url_map.iter_rules()
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
            if rule.endpoint.startswith("page.") and rule.endpoint != "page.static"
        ]

    def test_only_the_way_in_is_open(self, page_app: Flask, stranger: FlaskClient, project: Project) -> None:
        addresses = self.addresses(page_app)
        assert len(addresses) > 6
        for endpoint, method, path in addresses:
            answer = stranger.open(path, method=method)
            if method in SAFE:
                assert (answer.status_code == 200) is (endpoint in WAYS_IN), path
                assert project.title not in answer.text
            else:
                assert answer.status_code == 403, path

    def test_who_looks_changes_nothing_anywhere(
        self, page_app: Flask, onlooker: FlaskClient, project: Project
    ) -> None:
        for endpoint, method, path in self.addresses(page_app):
            if method not in SAFE and endpoint not in {*WAYS_IN, "page.logout"}:
                assert onlooker.open(path, method=method).status_code == 403, path

    def test_nobody_changes_anything_from_elsewhere(self, page_app: Flask, browser: FlaskClient) -> None:
        for _, method, path in self.addresses(page_app):
            if method not in SAFE:
                foreign = browser.open(path, method=method, headers={"Origin": "http://evil.example"})
                assert foreign.status_code == 403, path
                without = browser.open(path, method=method, headers={"X-CSRF-Token": ""})
                assert without.status_code == 403, path

    def test_each_answer_keeps_browsers_from_doing_more_than_it_should(
        self, page_app: Flask, browser: FlaskClient, project: Project
    ) -> None:
        paths = [path for _, method, path in self.addresses(page_app) if method == "GET"]
        for path in [*paths, "/page/p99/", "/page/static/page.css"]:
            with browser.get(path) as answer:
                headers = answer.headers
            content = headers["Content-Security-Policy"]
            assert "default-src 'none'" in content
            assert "frame-ancestors 'none'" in content
            assert "unsafe" not in content
            assert "*" not in content
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "same-origin"
            assert "camera=()" in headers["Permissions-Policy"]
            if "static" not in path:
                assert re.search("no-store|private", headers["Cache-Control"]), path

    def test_no_page_has_script_or_style_of_its_own(self, browser: FlaskClient, project: Project) -> None:
        for path in ("/page/p1/", "/page/login", "/page/link", "/page/p99/"):
            html = browser.get(path).text
            assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", html), path
            assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html)), path


class TestRoles:
    def test_who_answers_sees_and_changes(self, browser: FlaskClient, page_app: Flask) -> None:
        assert browser.get("/page/").text == "Ann has role answer"
        assert browser.get("/page/mine").status_code == 200
        assert browser.post("/page/change").text == "changed"
        assert changes(page_app) == ["Ann"]

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
    def test_who_looks_sees_and_changes_nothing(
        self, onlooker: FlaskClient, page_app: Flask, method: str
    ) -> None:
        assert onlooker.get("/page/").text == "Lou has role look"
        assert onlooker.get("/page/mine").status_code == 403
        answer = onlooker.open("/page/change", method=method)
        assert answer.status_code == 403
        assert "takes the role `answer`" in answer.text
        assert changes(page_app) == []

    def test_another_role_holds_from_the_next_request_on(
        self, browser: FlaskClient, store: Store, page_app: Flask
    ) -> None:
        with store.session() as session:
            ann = find_person(session, "Ann")
            assert ann is not None
            change_role(session, ann, Role.LOOK)
        assert browser.post("/page/change").status_code == 403
        assert browser.get("/page/").text == "Ann has role look"

    @pytest.mark.parametrize("ending", ["removed", "password", "row"])
    def test_who_may_no_longer_is_out_with_the_next_request(
        self, browser: FlaskClient, onlooker: FlaskClient, store: Store, page_app: Flask, ending: str
    ) -> None:
        with store.session() as session:
            ann = find_person(session, "Ann")
            assert ann is not None
            if ending == "removed":
                disable(session, ann)
            elif ending == "password":
                change_password(session, ann, "another hash")
            else:
                session.execute(text(f"DELETE FROM login_sessions WHERE person_id = {ann.id}"))
        assert browser.get("/page/").location.startswith("/page/login")
        assert browser.post("/page/change").status_code == 303
        assert changes(page_app) == []
        assert onlooker.get("/page/").status_code == 200


class TestForgery:
    @pytest.mark.parametrize(
        "headers",
        [
            {"X-CSRF-Token": ""},
            {"X-CSRF-Token": "0" * 64},
            {"X-CSRF-Token": "é"},
            {"X-CSRF-Token": csrf_of("")},
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://localhost:8080"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Host": "evil.example"},
            {"Host": "evil.example", "Origin": "http://evil.example"},
        ],
        ids=str,
    )
    def test_a_change_that_no_page_of_ours_asked_for_is_refused(
        self, browser: FlaskClient, page_app: Flask, headers: dict[str, str]
    ) -> None:
        assert browser.post("/page/change", headers=headers).status_code == 403
        assert changes(page_app) == []

    def test_the_token_of_another_login_is_none(self, browser: FlaskClient, log_in_as: LogIn) -> None:
        bob = log_in_as("Bob", Role.ANSWER)
        stolen = {"X-CSRF-Token": bob.environ_base["HTTP_X_CSRF_TOKEN"]}
        assert browser.post("/page/change", headers=stolen).status_code == 403

    def test_a_form_carries_it_as_a_field(self, browser: FlaskClient, page_app: Flask) -> None:
        token = browser.environ_base.pop("HTTP_X_CSRF_TOKEN")
        assert browser.post("/page/change", data={"csrf": "x"}).status_code == 403
        assert browser.post(f"/page/change?csrf={token}").status_code == 403, "not in an address"
        assert browser.post("/page/change", data={"csrf": token}).status_code == 200

    def test_the_browser_tells_that_a_page_of_ours_asked(self, browser: FlaskClient) -> None:
        own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
        assert browser.post("/page/change", headers=own).status_code == 200

    def test_behind_a_proxy_with_another_name(self, store: Store, settings: Settings) -> None:
        named = settings.model_copy(update={"allowed_hosts": ("onetag.example.org",)})
        app = Flask("page")
        blueprint = Blueprint("page", "annotator.dashboard.blueprint", url_prefix="/page")
        Access(store, named).add_to(blueprint)
        blueprint.add_url_rule("/", "projects", lambda: "")
        app.register_blueprint(blueprint)
        client, host = app.test_client(), {"Host": "onetag.example.org"}
        assert client.get("/page/", headers=host | {"Accept": "text/html"}).status_code == 303
        assert client.get("/page/", headers={"Host": "evil.example"}).status_code == 403

    def test_nothing_is_shown_under_a_foreign_name(self, browser: FlaskClient) -> None:
        for path in ("/page/", "/page/login", "/page/link"):
            answer = browser.get(path, headers={"Host": "evil.example"})
            assert answer.status_code == 403
            assert "ONETAG_ALLOWED_HOSTS" in answer.text


class TestCookie:
    def test_only_this_page_gets_it_and_no_script(self, stranger: FlaskClient) -> None:
        given = stranger.get("/page/login").headers["Set-Cookie"]
        assert re.match(r"onetag_9090=[\w-]{43};", given)
        assert {"HttpOnly", "Path=/page", "SameSite=Lax"} <= set(given.split("; "))
        assert "Secure" not in given
        assert "Domain" not in given

    @pytest.mark.parametrize(
        ("headers", "base"),
        [({}, "https://localhost"), ({"X-Forwarded-Proto": "https"}, "http://localhost")],
    )
    def test_after_tls_it_goes_by_tls_alone(
        self, stranger: FlaskClient, headers: dict[str, str], base: str
    ) -> None:
        assert "; Secure" in stranger.get("/page/login", headers=headers, base_url=base).headers["Set-Cookie"]

    def test_two_pages_on_one_machine_keep_theirs_apart(self, settings: Settings) -> None:
        other = settings.model_copy(update={"port": 9091})
        assert cookie_name(settings) != cookie_name(other)

    def test_it_is_not_sent_again_and_again(self, browser: FlaskClient, stranger: FlaskClient) -> None:
        assert "Set-Cookie" not in browser.get("/page/").headers
        stranger.get("/page/login")
        assert "Set-Cookie" not in stranger.get("/page/login").headers
        assert "Set-Cookie" not in stranger.get("/page/").headers

    def test_a_browser_that_did_not_come_back_is_logged_out(self, browser: FlaskClient, store: Store) -> None:
        with store.session() as session:
            session.execute(update(LoginSession).values(seen_at=utc_now() - UNSEEN - timedelta(minutes=1)))
        assert browser.get("/page/").status_code == 303

    def test_one_that_comes_back_stays(self, browser: FlaskClient, store: Store, settings: Settings) -> None:
        before = utc_now() - SEEN_AGAIN - timedelta(minutes=1)
        with store.session() as session:
            session.execute(update(LoginSession).values(seen_at=before))
        assert browser.get("/page/").status_code == 200
        cookie = browser.get_cookie(cookie_name(settings), path="/page")
        assert cookie is not None
        with store.reading() as session:
            found = logged_in(session, cookie.value)
        assert found is not None
        assert found[1].seen_at > before
