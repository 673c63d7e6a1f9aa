"""The labelling screen as a label config: keys, what hides what, and whether somebody edited it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from annotator.labelstudio.config import build_config, parse_config
from annotator.labelstudio.hotkeys import LABEL_KEYS
from annotator.labelstudio.screen import MAX_CHOICES
from annotator.labelstudio.screen_before import keys_of, often_in, progress_in
from annotator.labelstudio.untouched import is_untouched
from annotator.store.states import Question

EARLIER = (Path(__file__).parent / "screens" / "0.1.xml").read_text()
"""The screen of version 0.1."""


def choices(xml: str, control: str) -> list[Xml.Element]:
    found = [each for each in Xml.fromstring(xml).iter() if each.get("name") == control]
    assert len(found) == 1
    return list(found[0].iter("Choice"))


def keys(xml: str) -> list[str]:
    return [each.get("hotkey", "") for each in Xml.fromstring(xml).iter() if each.get("hotkey")]


@pytest.mark.parametrize("count", [1, 3, 60, 61, 1000])
def test_every_choice_has_a_key_and_no_two_the_same(count: int) -> None:
    names = [f"label {n}" for n in range(count)]
    xml = build_config(names, often=names[:18])
    lists = list(Xml.fromstring(xml).iter("Choices"))
    assert all(option.get("hotkey") for each in lists for option in each.iter("Choice")), (
        "Label Studio gives others one that moves"
    )
    assert len(set(keys(xml))) == len(keys(xml))


def test_what_is_marked_besides_the_labels_has_keys_that_are_shown() -> None:
    xml = build_config(["cat"])
    told = {each.get("value"): each.get("hotkey") for each in choices(xml, "review")}
    assert told == {"Suggestions checked": "space", "All labels marked": "a", "Nothing of these": "0"}
    assert [each.get("hotkey") for each in choices(xml, "onetag_answer")] == ["y", "n"]


def test_labels_keep_their_keys_when_one_is_added_first() -> None:
    before = build_config(["cat", "dog"])
    after = build_config(["ant", "cat", "dog"], before=before)
    assert keys_of(after) == {"ant": "3", "cat": "1", "dog": "2"}
    assert after != build_config(["ant", "cat", "dog"])


def test_each_question_is_asked_in_words_and_read_back_by_its_name() -> None:
    asked = choices(build_config(["cat"]), "onetag_question")
    assert [each.get("value") for each in asked] == [each.value for each in Question]
    assert all(each.get("html") for each in asked)


def test_an_answer_that_says_nothing_is_held_back_and_nothing_else_is() -> None:
    root = Xml.fromstring(build_config(["cat"]))
    required = [each for each in root.iter() if each.get("required")]
    assert [each.get("name") for each in required] == ["onetag_required"]
    above = [each for each in root.iter("View") if any(required[0] is below for below in each.iter())]
    hangs_on = [each.get("whenTagName") for each in above if each.get("visibleWhen") == "choice-unselected"]
    assert hangs_on == ["label", "review", "onetag_answer"]


def test_the_screen_of_version_01_goes_on_and_can_be_brought_up_to_date() -> None:
    there = parse_config(EARLIER)
    assert there.labels == ("cat", "yak")
    assert not there.asks
    today = build_config(there.labels, before=EARLIER)
    assert keys_of(today) == {"cat": "1", "yak": "y"}
    assert [each.get("hotkey") for each in choices(today, "onetag_answer")] == ["m", "n"], "y is the yak's"
    assert parse_config(today).asks


MANY = [f"label {n}" for n in range(MAX_CHOICES + 1)]
OFTEN_ONES = ("label 40", "label 7")


@pytest.mark.parametrize("count", [MAX_CHOICES + 1, 1001])
def test_what_is_chosen_often_stands_beside_a_long_list_with_keys(count: int) -> None:
    names = [f"label {n}" for n in range(count)]
    xml = build_config(names, often=[*OFTEN_ONES, "no label"])
    told = {each.get("value"): each.get("hotkey") for each in choices(xml, "onetag_often")}
    assert told == {"label 40": "1", "label 7": "2"}
    read = parse_config(xml)
    assert read.often is not None
    assert read.often.labels == OFTEN_ONES
    assert read.labels == tuple(names), "the list keeps all of them, in its order"
    assert is_untouched(xml)


def test_a_short_list_needs_no_buttons() -> None:
    assert parse_config(build_config(["cat", "dog"], often=["cat"])).often is None


def test_buttons_and_their_keys_stay_when_labels_and_buttons_come() -> None:
    before = build_config(MANY, often=OFTEN_ONES)
    wider = build_config(["ant", *MANY], before=before)
    assert often_in(wider) == OFTEN_ONES
    more = build_config(["ant", *MANY], before=wider, often=[*OFTEN_ONES, "ant"])
    assert keys_of(more) == {"label 40": "1", "label 7": "2", "ant": "3"}


def test_a_label_keeps_its_key_when_its_list_outgrows_the_buttons_and_shrinks_again() -> None:
    short = build_config(MANY[:30])
    keys = keys_of(short)
    assert keys["label 19"] == "f"
    long = build_config(MANY, before=short, often=["label 29", "label 60"])
    assert {name: key for name, key in keys_of(long).items() if name in keys} == keys
    assert keys_of(long)["label 60"] not in keys.values()
    find = next(each for each in Xml.fromstring(long).iter("Filter"))
    assert find.get("hotkey") == "/", "f is the label's"
    assert "press /" in str(find.get("placeholder"))
    again = build_config(MANY[:30], before=long)
    assert keys_of(again) == keys


def test_no_button_without_a_key() -> None:
    names = [f"label {n}" for n in range(MAX_CHOICES + len(LABEL_KEYS))]
    short = build_config(names[:MAX_CHOICES])
    long = build_config(names, before=short, often=[*names[MAX_CHOICES:], "label 3"])
    left = len(LABEL_KEYS) - len(keys_of(short))
    assert often_in(long) == (*names[MAX_CHOICES : MAX_CHOICES + left], "label 3")


def test_the_way_to_the_page_stays_until_another_is_given() -> None:
    address = 'https://onetag.example.org/a"b&c/page/p1/'
    there = build_config(["cat"], progress=address)
    assert progress_in(there) == address
    assert progress_in(build_config(["cat", "dog"], before=there)) == address
    assert progress_in(build_config(["cat"], before=there, progress="")) == ""
    assert "Markdown" not in build_config(["cat"])


def test_an_answer_is_held_back_until_a_button_or_the_list_names_a_label() -> None:
    root = Xml.fromstring(build_config(MANY, often=OFTEN_ONES))
    required = next(each for each in root.iter() if each.get("required"))
    above = [each for each in root.iter("View") if any(required is below for below in each.iter())]
    hangs_on = [each.get("whenTagName") for each in above if each.get("visibleWhen")]
    assert hangs_on == ["label", "onetag_often", "review", "onetag_answer"]
