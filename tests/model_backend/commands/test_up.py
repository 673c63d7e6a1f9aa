"""What `onetag up` and `onetag serve` say of the page."""

from types import SimpleNamespace

from annotator.settings import Settings
from annotator.store import Role, Store
from annotator.store.logins import use_link
from annotator.store.people import add_person
from model_backend.commands.serve import who_may
from model_backend.commands.up import page_address


def test_while_nobody_may_open_it_up_prints_a_link_that_lets_the_owner_answer(sqlite_store: Store) -> None:
    installation = SimpleNamespace(settings=Settings(port=9191), store=sqlite_store)
    assert "Nobody" in who_may(sqlite_store)
    told = page_address(installation)  # type: ignore[arg-type]
    address, _, code = told.partition(" ")[0].partition("#")
    assert address == "http://127.0.0.1:9191/page/link"
    with sqlite_store.session() as session:
        used = use_link(session, code)
    assert used is not None
    assert used[0].role is Role.ANSWER


def test_later_it_prints_the_address_alone(sqlite_store: Store) -> None:
    with sqlite_store.session() as session:
        add_person(session, "Ann", Role.LOOK)
    told = page_address(SimpleNamespace(settings=Settings(), store=sqlite_store))  # type: ignore[arg-type]
    assert told.startswith("http://127.0.0.1:9090/page/ ")
    assert "#" not in told
    assert "onetag users" in who_may(sqlite_store)
