"""What is chosen of a label config: given, kept, read off it, or asked."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from annotator.errors import OnetagError
from annotator.labelstudio.choosing import Wanted, choose
from annotator.labelstudio.config import Chosen, build_config
from annotator.store.states import Suggest, Unticked

PICTURE = '<Image name="img" value="$image"/>'
WHAT = '<Choices name="what" toName="img" choice="multiple"><Choice value="cat"/></Choices>'
QUALITY = '<Choices name="quality" toName="img"><Choice value="good"/></Choices>'
BOTH, MANY = f"<View>{PICTURE}{WHAT}{QUALITY}</View>", f"<View>{PICTURE}{WHAT}</View>"


def never(question: str, answers: Sequence[str]) -> str:
    return pytest.fail(f"asked {question} {answers}")


def test_nobody_is_asked_where_the_config_tells() -> None:
    assert choose(MANY, Wanted(), ask=never) == Chosen()
    assert choose(build_config(["cat"]), Wanted(), ask=never) == Chosen()


def test_of_several_one_is_asked_for_or_refused() -> None:
    asked: list[tuple[str, Sequence[str]]] = []

    def ask(question: str, answers: Sequence[str]) -> str:
        asked.append((question, answers))
        return "what"

    assert choose(BOTH, Wanted(), ask=ask) == Chosen("what")
    assert asked[0][1] == ["what", "quality"]
    with pytest.raises(OnetagError, match=r"Several controls .*what.*quality.*--control"):
        choose(BOTH, Wanted())


def test_what_was_chosen_before_is_kept_while_it_is_there() -> None:
    before = Chosen("what", "image", Unticked.ABSENT, Suggest.ORDER)
    assert choose(BOTH, Wanted(), before, never) == before
    assert choose(BOTH, Wanted(unticked=Unticked.UNKNOWN), before) == Chosen(
        "what", "image", Unticked.UNKNOWN, Suggest.ORDER
    )
    assert choose(MANY.replace('"what"', '"new"'), Wanted(), before).control is None


def test_one_choice_cannot_say_what_is_absent() -> None:
    with pytest.raises(OnetagError, match="asks for one label"):
        choose(BOTH, Wanted("quality", unticked=Unticked.ABSENT))
    with pytest.raises(OnetagError, match="asks for one label"):
        choose(build_config(["cat"]), Wanted(unticked=Unticked.ABSENT))
