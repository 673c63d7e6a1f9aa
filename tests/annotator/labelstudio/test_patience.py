"""A host that fails again and again is left alone for a while, and no other one with it."""

from __future__ import annotations

import pytest

from annotator.labelstudio.errors import ImageUnavailable
from annotator.labelstudio.patience import FAILURES, PAUSE, Patience
from annotator.store.states import Unusable


def given_up(patience: Patience, host: str = "slow.example") -> bool:
    try:
        patience.require(host)
    except ImageUnavailable:
        return True
    return False


def test_a_host_is_given_up_after_failures_in_a_row_and_others_are_not() -> None:
    patience = Patience()
    for _ in range(FAILURES - 1):
        patience.failed("slow.example")
    assert not given_up(patience)
    patience.failed("slow.example")
    assert given_up(patience)
    assert not given_up(patience, "other.example")


def test_an_answer_forgives_what_was() -> None:
    patience = Patience()
    for _ in range(3):
        for _ in range(FAILURES - 1):
            patience.failed("slow.example")
        patience.answered("slow.example")
    assert not given_up(patience)


def test_it_is_asked_again_after_the_pause_and_then_one_failure_is_enough() -> None:
    now = [0.0]
    patience = Patience(lambda: now[0])
    for _ in range(FAILURES):
        patience.failed("slow.example")
    now[0] = PAUSE - 1
    assert given_up(patience)
    now[0] = PAUSE
    assert not given_up(patience)
    patience.failed("slow.example")
    assert given_up(patience)
    with pytest.raises(ImageUnavailable, match="failed 5 times in a row") as caught:
        patience.require("slow.example")
    assert caught.value.reason is Unusable.UNREACHED
