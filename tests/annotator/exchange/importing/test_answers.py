"""What one annotation of an export says: choice by choice, against what was shown."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from annotator.exchange.importing.answers import AS_PREDICTED, NOT_SHOWN, Answer

LEFT, CHANGED, MADE = "prediction", "prediction-changed", "manual"


def ticks(*names: str, origin: str | None = None, control: str = "c") -> dict[str, Any]:
    region: dict[str, Any] = {"from_name": control, "type": "choices", "value": {"choices": list(names)}}
    return region | ({"origin": origin} if origin else {})


@pytest.mark.parametrize(
    ("result", "shown", "reviewed", "said"),
    [
        ([ticks("cat", origin=MADE)], None, False, ("cat", "", "")),
        ([ticks("cat")], None, False, ("cat", "", "")),
        ([ticks("cat", origin=LEFT)], [ticks("cat")], False, ("", "", "cat")),
        ([ticks("cat", origin=LEFT)], [ticks("cat")], True, ("cat", "", "")),
        ([ticks("cat", "fox", origin=CHANGED)], [ticks("cat", "dog")], False, ("fox", "dog", "cat")),
        ([ticks("cat", "fox", origin=CHANGED)], [ticks("cat", "dog")], True, ("fox cat", "dog", "")),
        ([ticks("cat", "fox", origin=CHANGED)], None, False, ("", "", "cat fox")),
        ([ticks("cat", "fox", origin=CHANGED)], None, True, ("cat fox", "", "")),
        ([], [ticks("cat", "dog")], False, ("", "cat dog", "")),
        ([], [ticks("cat", control="other")], False, ("", "", "")),
        ([ticks("cat"), ticks("cat", origin=LEFT)], [ticks("cat")], False, ("cat", "", "")),
        ([ticks("x", control="other")], None, False, ("", "", "")),
    ],
)
def test_what_is_said(
    result: list[Any], shown: list[Any] | None, reviewed: bool, said: tuple[str, str, str]
) -> None:
    answer = Answer(result, shown, "c".__eq__, Counter(), reviewed=reviewed)
    assert (" ".join(answer.present), " ".join(answer.absent), " ".join(answer.unknown)) == said


def test_what_says_nothing_is_counted() -> None:
    left_out: Counter[str] = Counter()
    Answer([ticks("cat", origin=LEFT), ticks("dog", origin=CHANGED)], None, "c".__eq__, left_out)
    assert left_out == {AS_PREDICTED: 1, NOT_SHOWN: 1}


def test_a_box_that_was_moved_is_there_and_one_that_was_deleted_says_nothing() -> None:
    def box(name: str, **more: Any) -> dict[str, Any]:
        return {"from_name": "c", "type": "rectanglelabels", "value": {"rectanglelabels": [name]}} | more

    answer = Answer([box("cat", origin=CHANGED)], [box("cat"), box("dog")], "c".__eq__, Counter())
    assert (answer.present, answer.absent, answer.unknown) == (["cat"], [], [])
