"""Columns of whole numbers, read as one text each."""

from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy import literal, select

from annotator.store import Image, Project, Store
from annotator.store.numbers import numbers

MakeProject = Callable[..., Project]


def test_columns_stay_row_by_row(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        make_project(session, images=3)
        tasks, doubles = numbers(session, select(Image.studio_task, -2 * Image.studio_task))
    assert sorted(tasks.tolist()) == [101, 102, 103]
    assert np.array_equal(doubles, -2 * tasks)
    assert tasks.dtype == np.int64


def test_of_no_rows_there_are_no_numbers(store: Store) -> None:
    with store.reading() as session:
        assert [column.tolist() for column in numbers(session, select(Image.id, Image.project_id))] == [
            [],
            [],
        ]


def test_numbers_are_as_large_as_the_column_holds(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        make_project(session, images=1)
        found = numbers(session, select(Image.id * 0 + literal(2**62)))
    assert found[0].tolist() == [2**62]


def test_null_is_no_number(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        make_project(session, images=2)
        with pytest.raises(ValueError, match="2 rows"):
            numbers(session, select(Image.id, Image.width))
