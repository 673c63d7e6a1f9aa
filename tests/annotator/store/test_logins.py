"""How people come in: each link once, and out at once when they may no longer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from threading import Barrier

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from annotator.store import LoginLink, LoginSession, Person, Role, Store
from annotator.store.logins import (
    LASTS,
    SEEN_AGAIN,
    UNSEEN,
    is_seen_anew,
    link_is_open,
    log_in,
    log_out,
    logged_in,
    new_link,
    see,
    use_link,
)
from annotator.store.people import add_person, change_password, change_role, disable, find_person
from annotator.store.types import utc_now

HASH = "scrypt:1:1:1$s$0"
QUARTER = timedelta(minutes=15)


@pytest.fixture
def ann(store: Store) -> Person:
    with store.session() as session:
        return add_person(session, "Ann", Role.ANSWER, HASH)


@pytest.fixture
def cookie(store: Store, ann: Person) -> str:
    """Ann's browser."""
    with store.session() as session:
        made = log_in(session, ann.id, HASH)
    assert made is not None
    return made


def link_for(store: Store, person: Person, lasts: timedelta = QUARTER) -> str:
    with store.session() as session:
        return new_link(session, person, lasts)


def name_in(store: Store, cookie: str) -> str | None:
    """Who is logged in with a cookie."""
    with store.reading() as session:
        found = logged_in(session, cookie)
    return None if found is None else found[0].name


def come_in(store: Store, code: str) -> str | None:
    """The cookie that a code brings."""
    used = store.write(lambda session: use_link(session, code))
    return None if used is None else used[1]


def count(store: Store, table: type[LoginLink | LoginSession]) -> int:
    with store.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_password_opens_a_login(store: Store, cookie: str) -> None:
    assert name_in(store, cookie) == "Ann"
    assert name_in(store, cookie[:-1]) is None
    assert name_in(store, "") is None
    assert name_in(store, "\ud800" + "x" * 10**6) is None


def test_who_reads_the_store_can_use_nothing_in_it(store: Store, ann: Person, cookie: str) -> None:
    code = link_for(store, ann)
    with store.reading() as session:
        kept = [
            str(value)
            for table in ("login_links", "login_sessions", "people")
            for row in session.execute(text(f"SELECT * FROM {table}"))
            for value in row
        ]
    assert not any(token in value for token in (cookie, code) for value in kept)
    for digest in (value for value in kept if len(value) == 64):
        assert name_in(store, digest) is None
        assert come_in(store, digest) is None


def test_every_code_is_new_and_long(store: Store, ann: Person) -> None:
    codes = {link_for(store, ann) for _ in range(20)}
    assert len(codes) == 20
    assert min(map(len, codes)) >= 43


def test_a_link_lets_in_once(store: Store, ann: Person) -> None:
    code = link_for(store, ann)
    with store.reading() as session:
        assert link_is_open(session, code)
        assert link_is_open(session, code), "looking uses nothing up"
    first = come_in(store, code)
    assert first is not None
    assert name_in(store, first) == "Ann"
    assert come_in(store, code) is None
    with store.reading() as session:
        assert not link_is_open(session, code)


def test_a_link_lets_in_who_has_no_password(store: Store) -> None:
    with store.session() as session:
        guest = add_person(session, "Guest", Role.LOOK)
    inside = come_in(store, link_for(store, guest))
    assert inside is not None
    assert name_in(store, inside) == "Guest"


def test_a_link_that_has_expired_lets_nobody_in_and_is_forgotten(store: Store, ann: Person) -> None:
    code = link_for(store, ann, timedelta(0))
    assert come_in(store, code) is None
    link_for(store, ann)
    assert count(store, LoginLink) == 1


@pytest.mark.parametrize("code", ["", "x", "%", "' OR 1=1 --", "\x00", "\ud800", "x" * 10**6])
def test_what_is_no_code_opens_nothing(store: Store, ann: Person, code: str) -> None:
    link_for(store, ann)
    assert come_in(store, code) is None


def test_of_two_clicks_at_once_exactly_one_comes_in(store: Store, ann: Person) -> None:
    for _ in range(5):
        code, together = link_for(store, ann), Barrier(4)

        def click(_: int, code: str = code, together: Barrier = together) -> str | None:
            together.wait()
            return come_in(store, code)

        with ThreadPoolExecutor(4) as pool:
            inside = [made for made in pool.map(click, range(4)) if made]
        assert len(inside) == 1
    assert count(store, LoginSession) == 5


def test_a_login_ends(store: Store, cookie: str) -> None:
    store.write(lambda session: log_out(session, cookie))
    assert name_in(store, cookie) is None
    store.write(lambda session: log_out(session, cookie))


ENDINGS: dict[str, Callable[[Session, Person], None]] = {
    "removed": disable,
    "another password": lambda session, person: change_password(session, person, "scrypt:1:1:1$s$1"),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_all_of_a_persons_logins_and_links_end_at_once(
    store: Store, ann: Person, cookie: str, ending: str
) -> None:
    with store.session() as session:
        bob = add_person(session, "Bob", Role.LOOK, HASH)
        bobs = log_in(session, bob.id, HASH)
    assert bobs is not None
    code = link_for(store, ann)
    with store.session() as session:
        ENDINGS[ending](session, ann)
    assert name_in(store, cookie) is None
    assert come_in(store, code) is None
    assert name_in(store, bobs) == "Bob", "the others stay"


def test_another_role_holds_at_once(store: Store, ann: Person, cookie: str) -> None:
    with store.session() as session:
        change_role(session, ann, Role.LOOK)
    with store.reading() as session:
        found = logged_in(session, cookie)
    assert found is not None
    assert found[0].role is Role.LOOK


def test_who_may_no_longer_cannot_log_in_between(store: Store, ann: Person) -> None:
    """The password was compared before it was changed."""
    with store.session() as session:
        change_password(session, ann, "scrypt:1:1:1$s$1")
    assert store.write(lambda session: log_in(session, ann.id, HASH)) is None
    with store.session() as session:
        disable(session, ann)
    assert store.write(lambda session: log_in(session, ann.id, "scrypt:1:1:1$s$1")) is None
    assert store.write(lambda session: log_in(session, 10**6, HASH)) is None


def test_a_login_that_meets_a_change_of_password_does_not_outlive_it(store: Store, ann: Person) -> None:
    together = Barrier(2)
    hashes = [HASH, *(f"scrypt:1:1:1$s${number}" for number in range(1, 6))]
    for before, after in pairwise(hashes):

        def enter(before: str = before) -> str | None:
            together.wait()
            return store.write(lambda session: log_in(session, ann.id, before))

        def change(after: str = after) -> None:
            together.wait()
            store.write(lambda session: change_password(session, ann, after))

        with ThreadPoolExecutor(2) as pool:
            entering, changing = pool.submit(enter), pool.submit(change)
        changing.result()
        assert name_in(store, entering.result() or "") is None


def test_who_is_gone_from_the_record_is_not_logged_in(store: Store, ann: Person, cookie: str) -> None:
    with store.session() as session:
        session.execute(text("DELETE FROM login_sessions"))
        person = find_person(session, "Ann")
        session.delete(person)
    assert name_in(store, cookie) is None


@pytest.mark.parametrize(
    ("column", "ago"), [("expires_at", timedelta(0)), ("seen_at", UNSEEN + timedelta(seconds=1))]
)
def test_an_old_login_has_ended_and_is_forgotten(
    store: Store, ann: Person, cookie: str, column: str, ago: timedelta
) -> None:
    with store.session() as session:
        session.execute(update(LoginSession).values({column: utc_now() - ago}))
    assert name_in(store, cookie) is None
    store.write(lambda session: log_in(session, ann.id, HASH))
    assert count(store, LoginSession) == 1


def test_a_browser_that_comes_back_stays_logged_in_but_not_for_ever(store: Store, cookie: str) -> None:
    with store.session() as session:
        session.execute(update(LoginSession).values(seen_at=utc_now() - SEEN_AGAIN - timedelta(seconds=1)))
    with store.session() as session:
        found = logged_in(session, cookie)
        assert found is not None
        assert is_seen_anew(found[1])
        see(session, found[1])
    with store.reading() as session:
        found = logged_in(session, cookie)
    assert found is not None
    assert not is_seen_anew(found[1])
    assert found[1].expires_at - found[1].created_at < LASTS + timedelta(minutes=1)
