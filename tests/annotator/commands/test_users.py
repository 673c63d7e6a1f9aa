"""`onetag users`: who may open the page."""

from __future__ import annotations

import getpass
import json
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from annotator.commands import users
from annotator.commands.users import PASSWORD, link_address
from annotator.errors import OnetagError
from annotator.settings import save_credentials
from annotator.store import Person, Role, Store
from annotator.store.logins import log_in, logged_in, use_link
from annotator.store.people import find_person, fits

GOOD = "correct horse battery"


@pytest.fixture(autouse=True)
def nobody_gave_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSWORD, raising=False)


@pytest.fixture
def run(sqlite_store: Store, tmp_path: Path) -> Any:
    """Runs a command on the store: `run("add", "Ann", typed=...)`; errors are raised."""

    def invoke(*arguments: str, typed: str = "", **variables: str) -> Result:
        command = [*arguments, "--data-dir", str(tmp_path)]
        done = CliRunner().invoke(users.app, command, input=typed, env=variables)
        if isinstance(done.exception, OnetagError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done

    return invoke


def person(store: Store, name: str) -> Person:
    with store.reading() as session:
        found = find_person(session, name)
    assert found is not None
    return found


def cookie_of(store: Store, person: Person) -> str:
    with store.session() as session:
        cookie = log_in(session, person.id, person.password or "")
    assert cookie is not None
    return cookie


def is_inside(store: Store, cookie: str) -> bool:
    with store.reading() as session:
        return logged_in(session, cookie) is not None


def test_a_password_comes_from_standard_input(run: Any, sqlite_store: Store) -> None:
    told = run("add", "Ann", "--role", "answer", typed=f"{GOOD}\n").output
    ann = person(sqlite_store, "ann")
    assert fits(ann, GOOD)
    assert ann.role is Role.ANSWER
    assert GOOD not in told


def test_or_from_a_variable(run: Any, sqlite_store: Store) -> None:
    run("add", "Ann", ONETAG_NEW_PASSWORD=GOOD)
    assert fits(person(sqlite_store, "Ann"), GOOD)
    assert person(sqlite_store, "Ann").role is Role.LOOK, "unless more is said"


def test_at_a_terminal_it_is_typed_twice_and_never_shown(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    typed = iter([GOOD, "mistyped it", GOOD, GOOD])
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(getpass, "getpass", lambda *_, **__: next(typed))
    users.add(data_dir=tmp_path, database_url=None, name="Ann", role=Role.LOOK)
    assert fits(person(sqlite_store, "Ann"), GOOD)
    assert next(typed, None) is None
    shown = capsys.readouterr()
    assert GOOD not in shown.out + shown.err


def test_no_command_takes_a_password_as_an_argument() -> None:
    flags = CliRunner().invoke(users.app, ["add", "--help"], env={"COLUMNS": "300"}).output
    assert "--password" not in flags
    done = CliRunner().invoke(users.app, ["add", "Ann", GOOD])
    assert done.exit_code == 2


@pytest.mark.parametrize(("typed", "wrong"), [("", "There is no password"), ("short\n", "10 to 1000")])
def test_a_password_that_is_none_says_what_to_do(run: Any, typed: str, wrong: str) -> None:
    with pytest.raises(OnetagError, match=wrong):
        run("add", "Ann", typed=typed)


def test_a_name_that_is_there_is_not_added_again(run: Any, sqlite_store: Store) -> None:
    run("add", "Ann", typed=GOOD)
    with pytest.raises(OnetagError, match="onetag users password"):
        run("add", "ANN", typed="another password")
    assert fits(person(sqlite_store, "Ann"), GOOD)


def test_another_password_logs_out(run: Any, sqlite_store: Store) -> None:
    run("add", "Ann", typed=GOOD)
    cookie = cookie_of(sqlite_store, person(sqlite_store, "Ann"))
    run("password", "ann", typed="another password")
    assert fits(person(sqlite_store, "Ann"), "another password")
    assert not is_inside(sqlite_store, cookie)


def test_a_role_is_given(run: Any, sqlite_store: Store) -> None:
    run("add", "Ann", typed=GOOD)
    assert "Ann has role answer" in run("role", "ann", "answer").output
    assert person(sqlite_store, "Ann").role is Role.ANSWER


def test_who_is_removed_is_out_and_can_come_back(run: Any, sqlite_store: Store) -> None:
    run("add", "Ann", typed=GOOD)
    cookie = cookie_of(sqlite_store, person(sqlite_store, "Ann"))
    run("remove", "Ann")
    assert not is_inside(sqlite_store, cookie)
    assert "Ann: removed" in run("list").output
    with pytest.raises(OnetagError, match="no Ann who can"):
        run("link", "Ann")
    run("add", "ann", "--role", "answer", typed="another password")
    assert "Ann: answer, by password" in run("list").output


@pytest.mark.parametrize("command", [["password"], ["role"], ["remove"], ["link"]])
def test_who_is_not_there_is_told_with_who_is(run: Any, command: list[str]) -> None:
    more = ["look"] if command == ["role"] else []
    with pytest.raises(OnetagError, match="onetag users add"):
        run(*command, "Bob", *more, typed=GOOD)
    run("add", "Ann", typed=GOOD)
    if command != ["link"]:
        with pytest.raises(OnetagError, match="There are: Ann"):
            run(*command, "Bob", *more, typed=GOOD)


def test_everybody_is_listed_without_any_secret(run: Any, sqlite_store: Store) -> None:
    assert "Nobody" in run("list").output
    run("add", "Ann", typed=GOOD)
    run("link", "Guest", "--role", "look")
    cookie = cookie_of(sqlite_store, person(sqlite_store, "Ann"))
    shown = run("list", "--json").output
    ann, guest = json.loads(shown)
    assert (ann["name"], ann["role"], ann["has_password"], ann["browsers"]) == ("Ann", "look", True, 1)
    assert (guest["name"], guest["has_password"], guest["browsers"]) == ("Guest", False, 0)
    assert ann["seen_at"] is not None
    assert not any(secret in shown for secret in ("scrypt", cookie, GOOD))
    assert "logged in in 1 browsers" in run("list").output


def code_in(done: Result) -> str:
    return str(done.stdout.strip().partition("#")[2])


def test_a_link_lets_a_person_in_once(run: Any, sqlite_store: Store) -> None:
    run("add", "Ann", "--role", "answer", typed=GOOD)
    done = run("link", "Ann", "--minutes", "5")
    assert done.stdout.startswith("http://127.0.0.1:9090/page/link#")
    assert "within 5 minutes" in done.stderr
    with sqlite_store.session() as session:
        used = use_link(session, code_in(done))
    assert used is not None
    assert used[0].name == "Ann"


def test_a_link_leads_where_the_backend_was_started_last(run: Any, tmp_path: Path) -> None:
    save_credentials(tmp_path, host="0.0.0.0", port="9777")
    assert run("link").stdout.startswith("http://127.0.0.1:9777/page/link#")
    elsewhere = run("link", "--address", "https://onetag.example.org/").stdout
    assert elsewhere.startswith("https://onetag.example.org/page/link#")


def test_without_a_name_it_is_for_who_sits_here(
    run: Any, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "mira")
    told = json.loads(run("link", "--json").output)
    assert (told["name"], told["role"], told["minutes"]) == ("mira", "answer", 15)
    assert json.loads(run("link", "--json").output)["name"] == "mira"
    assert person(sqlite_store, "mira").password is None


@pytest.mark.parametrize("user", ["root", None])
def test_who_has_no_name_of_their_own_is_the_owner(
    run: Any, user: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def name() -> str:
        if user is None:
            raise OSError("no such user")
        return user

    monkeypatch.setattr(getpass, "getuser", name)
    assert json.loads(run("link", "--json").output)["name"] == "owner"


def test_a_guest_needs_a_role_and_no_password(run: Any, sqlite_store: Store) -> None:
    with pytest.raises(OnetagError, match="--role look"):
        run("link", "Guest")
    run("link", "Guest", "--role", "look")
    assert person(sqlite_store, "Guest").role is Role.LOOK
    with pytest.raises(OnetagError, match="onetag users role 'Guest' answer"):
        run("link", "Guest", "--role", "answer")


def test_the_code_stands_where_no_server_sees_it() -> None:
    address, _, code = link_address("http://[::1]:9090", "secret").partition("#")
    assert (address, code) == ("http://[::1]:9090/page/link", "secret")


def test_in_a_folder_with_nothing_in_it_it_says_what_to_run_first(tmp_path: Path) -> None:
    done = CliRunner().invoke(users.app, ["list", "--data-dir", str(tmp_path / "empty")])
    assert isinstance(done.exception, OnetagError)
    assert "onetag up" in str(done.exception)
