"""Finding what a registry holds, and refusing what it does not."""

from __future__ import annotations

import pytest

from model_backend.errors import LearningError
from model_backend.registry import check_options, find

ENTRIES = {"an-ls": 1, "swin_t": 2}


def make(observed: int, *, rank: int = 1) -> int:
    return observed * rank


@pytest.mark.parametrize(("name", "entry"), [("AN_LS", 1), ("an-ls", 1), ("swin-t", 2), ("Swin_T", 2)])
def test_capitals_and_dashes_make_no_difference(name: str, entry: int) -> None:
    assert find(ENTRIES, "loss", name) == entry


def test_a_name_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(LearningError, match=r"no loss 'an'\. Choose one of: an-ls, swin_t\."):
        find(ENTRIES, "loss", "an")


def test_an_option_that_is_not_there_is_refused_with_those_that_are() -> None:
    check_options("estimator", make, {"rank": 3}, given=("observed",))
    for strange in ("depth", "observed"):
        with pytest.raises(LearningError, match=rf"no option {strange}\. Its options: rank\."):
            check_options("estimator", make, {strange: 1}, given=("observed",))
