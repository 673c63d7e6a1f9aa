"""The way into the page in a real browser: links, passwords, and pages of others on the same machine."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from pydantic import SecretStr

from annotator.settings import Settings, load_settings
from annotator.store import Project, Role, Store
from annotator.store.logins import new_link, open_logins
from annotator.store.people import add_person, hash_password
from model_backend.server import create_app, open_server
from tests.free_ports import free_port
from tests.model_backend.server.conftest import Nudges

from .conftest import SIZES

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def hashed() -> str:
    return hash_password(PASSWORD)


@pytest.fixture
def address(sqlite_store: Store, tmp_path: Path, hashed: str) -> Iterator[str]:
    """A real server with one project, whose page Ann may open."""
    settings = load_settings(data_dir=tmp_path, secret=SecretStr("a shared secret"), port=free_port())
    with sqlite_store.session() as session:
        session.add(Project(title="Pets", label_config="<View/>"))
        add_person(session, "Ann", Role.ANSWER, hashed)
    with served(sqlite_store, settings):
        yield f"http://127.0.0.1:{settings.port}"


@contextmanager
def served(store: Store, settings: Settings) -> Iterator[None]:
    server = open_server(create_app(store, settings, Nudges()), settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield
    finally:
        server.close()
        thread.join(10)


@pytest.fixture(params=[*SIZES, "dark", "without script"])
def page(request: pytest.FixtureRequest, chromium: Browser, address: str) -> Iterator[Page]:
    """A browser that nobody is logged in with; it is closed before the server."""
    width, height = SIZES.get(request.param, SIZES["desktop"])
    context = chromium.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if request.param == "dark" else "light",
        java_script_enabled=request.param != "without script",
    )
    yield context.new_page()
    context.close()


@pytest.fixture
def desk(chromium: Browser, address: str) -> Iterator[Page]:
    """The same, at a desk."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()


def link_for_ann(store: Store, address: str) -> tuple[str, str]:
    """A link and its code."""
    with store.session() as session:
        person = add_person(session, "Guest", Role.ANSWER)
        code = new_link(session, person, timedelta(minutes=5))
    return f"{address}/page/link#{code}", code


def log_in(page: Page, address: str) -> None:
    page.goto(f"{address}/page/")
    page.get_by_label("Name").fill("Ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Log out").wait_for()


def scripts(page: Page) -> bool:
    return page.locator("#by-hand").is_hidden()


def test_a_link_lets_in_and_its_code_stands_nowhere(
    page: Page, address: str, sqlite_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    link, code = link_for_ann(sqlite_store, address)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.url} {request.headers}"))
    with caplog.at_level(logging.DEBUG):
        page.goto(link)
        if scripts(page):
            assert page.url == f"{address}/page/link", "not in the address any more"
        else:
            page.get_by_label("The link, or its part behind the #").fill(link)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("button", name="Log out").wait_for()
    assert "Guest" in page.locator("header").inner_text()
    # Behind the # it never leaves the browser; the button sends it in the body.
    assert not [each for each in asked if code in each.partition("#")[0] + each.partition(" ")[2]]
    assert code not in caplog.text


def test_a_link_that_is_spent_says_so(page: Page, address: str, sqlite_store: Store) -> None:
    link, _ = link_for_ann(sqlite_store, address)
    for _ in range(2):
        page.context.clear_cookies()
        page.goto("about:blank")
        page.goto(link)
        if not scripts(page):
            page.locator("#code").fill(link)
        page.get_by_role("button", name="Log in").click()
    assert "has been used" in page.get_by_role("alert").inner_text()


def test_by_name_and_password_with_the_keyboard_and_out_again(page: Page, address: str) -> None:
    page.goto(f"{address}/page/p1/?a=b")
    page.get_by_label("Name").fill("ann")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong password")
    page.keyboard.press("Enter")
    assert page.get_by_role("alert").inner_text() == "The name or the password is wrong."
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Log out").wait_for()
    assert page.url == f"{address}/page/p1/?a=b", "what was asked for"
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("heading", name="Log in").wait_for()
    page.go_back()
    page.get_by_role("heading", name="Log in").wait_for()
    assert "Pets" not in page.content()


@pytest.mark.parametrize("page", [*SIZES, "dark"], indirect=True)
@pytest.mark.parametrize("path", ["login", "link", "login?next=/page/p1/"])
def test_who_does_not_see_the_forms_can_use_them(page: Page, address: str, path: str) -> None:
    page.goto(f"{address}/page/{path}")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")


@contextmanager
def site(html: str) -> Iterator[str]:
    """A page of somebody else, on another port of this machine: the same site, but not the same origin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base's own name)
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


FORM = """<form method="post" action="{address}/page/logout"><input name="csrf" value="x"></form>
<script>document.forms[0].submit()</script>"""
FETCH = """<script>
const told = [];
const ask = (path, how) => fetch("{address}/page/" + path, {{credentials: "include", ...how}})
  .then((answer) => answer.text()).then((text) => told.push(text), () => told.push("refused"));
Promise.all([ask("p1/"), ask("login"), ask("logout", {{method: "POST"}}),
  ask("logout", {{method: "POST", headers: {{"X-CSRF-Token": "x"}}}})])
  .then(() => {{ document.body.textContent = told.join(" "); }});
</script><body></body>"""
FRAME = """<iframe src="{address}/page/p1/" onload="this.title = 'loaded'"></iframe>"""


def test_a_page_on_another_port_changes_nothing_and_shows_nothing(
    desk: Page, address: str, sqlite_store: Store
) -> None:
    log_in(desk, address)
    with site(FORM.format(address=address)) as evil:
        desk.goto(evil)
        desk.wait_for_url(f"{address}/page/logout")
        assert "Forbidden" in desk.content()
    with site(FETCH.format(address=address)) as evil:
        desk.goto(evil)
        desk.wait_for_function("document.body.textContent.length > 0")
        assert set(desk.inner_text("body").split()) == {"refused"}
    with site(FRAME.format(address=address)) as evil:
        desk.goto(evil)
        desk.wait_for_selector("iframe[title=loaded]")
        (frame,) = [each for each in desk.frames if each is not desk.main_frame]
        assert "Pets" not in frame.content()
    with sqlite_store.reading() as session:
        assert len(open_logins(session)) == 1
    desk.goto(f"{address}/page/")
    assert "Ann" in desk.locator("header").inner_text(), "and is logged in still"


def test_a_link_from_elsewhere_leads_in_where_one_is_logged_in(desk: Page, address: str) -> None:
    """Label Studio, for one, may link to an image on the page."""
    log_in(desk, address)
    with site(f'<a href="{address}/page/p1/">the page</a>') as elsewhere:
        desk.goto(elsewhere)
        desk.get_by_role("link", name="the page").click()
        desk.get_by_role("heading", name="Progress").wait_for()
