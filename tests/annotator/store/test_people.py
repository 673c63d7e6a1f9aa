"""Who may open the page: names that mean one person, and passwords that nobody can read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select
from werkzeug.security import check_password_hash, generate_password_hash

from annotator.errors import OnetagError
from annotator.store import Person, Role, Store
from annotator.store.people import (
    MOST_NAME,
    MOST_PASSWORD,
    NOBODYS,
    add_person,
    all_people,
    anybody,
    change_password,
    change_role,
    clean_name,
    disable,
    find_person,
    fits,
    hash_password,
    name_key,
)

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def hashed() -> str:
    return hash_password(PASSWORD)


@pytest.fixture
def ann(store: Store, hashed: str) -> Person:
    """Ann, who answers."""
    with store.session() as session:
        return add_person(session, "Ann", Role.ANSWER, hashed)


def found(store: Store, name: str) -> Person | None:
    with store.reading() as session:
        return find_person(session, name)


@pytest.mark.parametrize("typed", ["Ann", "ann", " ANN ", "Ａｎｎ"])
def test_a_name_means_one_person_however_it_is_typed(store: Store, ann: Person, typed: str) -> None:
    there = found(store, typed)
    assert there is not None
    assert (there.id, there.name, there.role) == (ann.id, "Ann", Role.ANSWER)
    with store.session() as session, pytest.raises(OnetagError, match="Ann can open the page already"):
        add_person(session, typed, Role.LOOK)


@pytest.mark.parametrize("name", ["Zoë", "李小龍", "Ærøskøbing", "ﷺ", "O'Brien; DROP TABLE people", "👩‍🔬"])
def test_a_name_can_have_any_characters_that_are_seen(store: Store, name: str) -> None:
    with store.session() as session:
        assert add_person(session, name, Role.LOOK).name == name
    assert found(store, name) is not None


@pytest.mark.parametrize("name", ["", "  ", "a" * (MOST_NAME + 1), "x" * 10**6, "ﷺ" * 80])
def test_a_name_is_neither_empty_nor_long(name: str) -> None:
    with pytest.raises(OnetagError, match="1 to 80 characters"):
        clean_name(name)


@pytest.mark.parametrize("name", ["A\u200bnn", "nn\u202eA", "Ann\x00", "Ann\x1b[31m"])
def test_a_name_has_nothing_that_cannot_be_seen(name: str) -> None:
    with pytest.raises(OnetagError, match="cannot be seen"):
        clean_name(name)


def test_names_that_look_alike_in_form_alone_are_one() -> None:
    assert name_key("STRASSE") == name_key("straße")
    assert name_key("Zoe\u0308") == name_key("zoë")
    assert name_key("Ann") != name_key("Anna")


def test_a_name_of_any_length_can_be_asked_for(store: Store) -> None:
    assert found(store, "x" * 10**7) is None


def test_of_a_password_the_hash_alone_is_kept(store: Store, ann: Person) -> None:
    assert ann.password is not None
    assert ann.password.startswith("scrypt:")
    assert PASSWORD not in ann.password
    assert fits(ann, PASSWORD)
    assert not fits(ann, PASSWORD + "!")
    assert hash_password(PASSWORD) != hash_password(PASSWORD)


def test_a_password_is_the_same_from_every_keyboard() -> None:
    person = Person(name="Zoë", role=Role.LOOK, password=hash_password("Zoe\u0308 was here"))
    assert fits(person, "Zoë was here")
    assert not fits(person, "Zoe was here")


@pytest.mark.parametrize("password", ["", "short", "x" * (MOST_PASSWORD + 1)])
def test_a_password_is_neither_short_nor_long(password: str) -> None:
    with pytest.raises(OnetagError, match="10 to 1000 characters"):
        hash_password(password)


def test_half_a_character_is_a_wrong_password_and_no_failure(ann: Person) -> None:
    assert not fits(ann, "\ud800" * 12)
    assert hash_password("\ud800" * 12)


def test_who_is_not_there_costs_as_much_as_a_wrong_password(
    store: Store, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[str, int]] = []

    def compare(kept: str, password: str) -> bool:
        compared.append((kept.partition("$")[0], len(password)))
        return check_password_hash(kept, password)

    monkeypatch.setattr("annotator.store.people.check_password_hash", compare)
    gone = Person(name="Gone", role=Role.LOOK, password=ann.password, disabled_at=ann.created_at)
    by_link = Person(name="Guest", role=Role.LOOK, password=None)
    assert not any(fits(person, "wrong password") for person in (ann, None, gone, by_link))
    assert not fits(None, "x" * 10**7)
    method = generate_password_hash("x").partition("$")[0]
    assert compared == [(method, 14)] * 4 + [(method, MOST_PASSWORD)]


def test_the_hash_of_nobody_is_whole(ann: Person) -> None:
    assert ann.password is not None
    assert [len(part) for part in NOBODYS.split("$")] == [len(part) for part in ann.password.split("$")]


def test_who_may_no_longer_has_no_right_password(store: Store, ann: Person) -> None:
    with store.session() as session:
        disable(session, ann)
    gone = found(store, "Ann")
    assert gone is not None
    assert gone.disabled_at is not None
    assert not fits(gone, PASSWORD)


def test_who_comes_back_is_the_same_person_with_another_password(store: Store, ann: Person) -> None:
    with store.session() as session:
        disable(session, ann)
    with store.session() as session:
        back = add_person(session, "ANN", Role.LOOK, hash_password("another password"))
    assert (back.id, back.name, back.role, back.disabled_at) == (ann.id, "Ann", Role.LOOK, None)
    assert fits(back, "another password")
    assert not fits(back, PASSWORD)


def test_password_and_role_are_changed(store: Store, ann: Person) -> None:
    with store.session() as session:
        change_password(session, ann, hash_password("another password"))
        change_role(session, ann, Role.LOOK)
    changed = found(store, "Ann")
    assert changed is not None
    assert changed.role is Role.LOOK
    assert fits(changed, "another password")


def test_whether_there_is_anybody(store: Store, hashed: str) -> None:
    def there_is() -> bool:
        with store.reading() as session:
            return anybody(session)

    assert not there_is()
    with store.session() as session:
        guest = add_person(session, "Guest", Role.LOOK)
        ann = add_person(session, "Ann", Role.LOOK, hashed)
    assert there_is()
    with store.session() as session:
        disable(session, ann)
    assert there_is()
    with store.session() as session:
        disable(session, guest)
    assert not there_is()
    with store.reading() as session:
        assert [each.name for each in all_people(session)] == ["Ann", "Guest"]


def test_of_two_who_add_a_name_at_once_one_is_told_that_it_is_taken(store: Store) -> None:
    def add(name: str) -> str:
        try:
            with store.session() as session:
                return add_person(session, name, Role.LOOK).name
        except OnetagError as error:
            return error.problem

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(add, ["Ann", "ann", "ANN", "aNN"]))
    assert sum("already" in each for each in told) == 3
    with store.reading() as session:
        assert session.scalar(select(func.count(Person.id))) == 1
