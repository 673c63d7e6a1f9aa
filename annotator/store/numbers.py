"""Many whole numbers at once: as rows of their own they would cost Python ten times as long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Select, Text, cast, func, select
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    import numpy.typing as npt

SEPARATOR = ","


def numbers(session: Session, chosen: Select[*tuple[Any, ...]]) -> list[npt.NDArray[np.int64]]:
    """The columns of a query, int64 (R,) each; their rows are in no order, but in the same one.

    The database joins each column to one text. Raises ValueError where one holds NULL, which has no number.
    """
    rows = chosen.subquery()
    joined = [func.aggregate_strings(cast(column, Text), SEPARATOR) for column in rows.c]
    texts = session.connection().execute(select(func.count(), *joined).select_from(rows)).one()
    count, columns = texts[0], [_read(text) for text in texts[1:]]
    if any(len(column) != count for column in columns):
        raise ValueError(f"{count} rows, but {[len(column) for column in columns]} numbers.")
    return columns


def rows_of(
    ids: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Where each of the `wanted` (n,) stands in ascending `ids` (N,), and whether it is there at all.

    >>> ids, wanted = np.array([3, 5, 9]), np.array([5, 4])
    >>> [each.tolist() for each in rows_of(ids, wanted)]
    [[1, 1], [True, False]]
    """
    if not len(ids):
        return np.zeros(len(wanted), dtype=np.intp), np.zeros(len(wanted), dtype=np.bool_)
    rows = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return rows, ids[rows] == wanted


def _read(text: str | None) -> npt.NDArray[np.int64]:
    return np.fromstring(text, dtype=np.int64, sep=SEPARATOR) if text else np.empty(0, dtype=np.int64)
