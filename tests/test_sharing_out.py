"""Which tests share a process, and which come first."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sharing_out import LONGEST, SHARING_UP, UP, part_of, pytest_collection_modifyitems

ROOT = Path(__file__).parents[1]


class Collected(pytest.Item):
    """A test that was collected; it is not to be run."""

    def runtest(self) -> None: ...


def test_every_file_that_comes_first_is_there() -> None:
    files = {*LONGEST, *SHARING_UP} - {UP}
    assert not [file for file in files if not (ROOT / file).is_file()]


def test_the_longest_come_first_and_in_a_part_the_order_stays(request: pytest.FixtureRequest) -> None:
    ids: tuple[str, ...] = (
        "tests/a.py::one",
        f"{SHARING_UP[0]}::one",
        "tests/b.py::one",
        f"{SHARING_UP[1]}::one",
    )
    ids += (f"{LONGEST[0]}::two", f"{LONGEST[0]}::one")
    items: list[pytest.Item] = [
        Collected.from_parent(request.session, name=each, nodeid=each) for each in ids
    ]
    pytest_collection_modifyitems(items)
    assert [item.nodeid for item in items] == [ids[place] for place in (4, 5, 1, 3, 0, 2)]
    assert part_of(ids[1]) == part_of(ids[3])
