"""The seconds that the simulated annotator says an answer took."""

from __future__ import annotations

import pytest

from model_backend.demo.annotator import ALL_MARKED, CHECKED, Answer
from model_backend.demo.loop import seconds_for


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (Answer("dog", ()), 5.0),
        (Answer("dog", ("cat", "bird"), CHECKED), 5.0 + 2 * 0.9),
        (Answer("dog", ("cat",), ALL_MARKED), 18.0),
        (None, 5.0),
    ],
)
def test_an_answer_takes_what_published_work_says_of_its_kind(given: Answer | None, seconds: float) -> None:
    assert seconds_for(given, labels=18, suggestions=2) == pytest.approx(seconds)
