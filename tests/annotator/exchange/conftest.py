"""A small export table with everything that is hard to write."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from annotator.exchange import ExportTable
from annotator.exchange.rows import ExportRow

LABELS = ("cat, tame", '=cmd|"x"!A1', "naïve 日本", "human")
NAN = float("nan")


@pytest.fixture
def table() -> Callable[[], ExportTable]:
    """Makes the table anew: its rows can be read once."""

    def make() -> ExportTable:
        rows = [
            ExportRow(
                image="/data/upload/7/a,b\n.jpg",
                task=101,
                positives=("cat, tame",),
                negatives=("human",),
                probabilities=np.array([1, 0.25, 0.75, 0], dtype=np.float32),
                human=np.array([True, False, False, True]),
                version="v0001",
            ),
            ExportRow(
                image="=HYPERLINK(1)",
                task=None,
                positives=(),
                negatives=(),
                probabilities=np.array([0.9999, 0.0001, NAN, 0.33333], dtype=np.float32),
                human=np.zeros(4, dtype=np.bool_),
                version="v0001",
            ),
            ExportRow(
                image="plain.jpg",
                task=3,
                positives=(),
                negatives=("cat, tame",),
                probabilities=np.array([0, NAN, NAN, NAN], dtype=np.float32),
                human=np.array([True, False, False, False]),
                version=None,
            ),
        ]
        return ExportTable("Pets", "v0001", LABELS, iter(rows))

    return make
