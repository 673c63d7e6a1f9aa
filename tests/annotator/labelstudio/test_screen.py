"""The labelling screen as a label config: keys, what hides what, and whether somebody edited it."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

import pytest

from annotator.labelstudio.config import build_config, parse_config
from annotator.labelstudio.screen import MAX_CHOICES, is_untouched, keys_of
from annotator.store.states import Question

EARLIER = """<View style="display: flex; gap: 24px; align-items: flex-start; flex-wrap: wrap">
  <View style="flex: 3 1 480px">
    <Image name="image" value="$image" zoom="true" />
  </View>
  <View style="flex: 1 1 260px; max-height: 82vh; overflow-y: auto">
    <Header value="One thing in the picture" size="5" />
    <Choices name="label" toName="image" choice="single-radio" required="true" requiredMessage="Choose one.">
      <Choice value="cat" hotkey="1" />
      <Choice value="yak" hotkey="y" />
    </Choices>
    <View visibleWhen="choice-selected" whenTagName="label">
      <Header value="What else is there?" size="5" />
      <Choices name="suggested" toName="image" choice="multiple" layout="inline">
        <Choice value="cat" />
        <Choice value="yak" />
      </Choices>
      <Header value="Looked closer? Then say so" size="5" />
      <Choices name="review" toName="image" choice="single-radio">
        <Choice value="Suggestions checked" />
        <Choice value="All labels marked" />
      </Choices>
    </View>
  </View>
</View>"""
"""The screen of version 0.1."""


def choices(xml: str, control: str) -> list[Xml.Element]:
    found = [each for each in Xml.fromstring(xml).iter() if each.get("name") == control]
    assert len(found) == 1
    return list(found[0].iter("Choice"))


def keys(xml: str) -> list[str]:
    return [each.get("hotkey", "") for each in Xml.fromstring(xml).iter() if each.get("hotkey")]


@pytest.mark.parametrize("count", [1, 3, 60, 61, 1000])
def test_every_choice_has_a_key_and_no_two_the_same(count: int) -> None:
    xml = build_config(f"label {n}" for n in range(count))
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


def test_our_screen_is_told_from_one_that_somebody_edited() -> None:
    assert is_untouched(build_config(["cat", "dog"], image_field="photo"))
    assert is_untouched(build_config(["dog", "cat"], before=build_config(["cat"])))
    assert is_untouched(build_config(f"label {n}" for n in range(MAX_CHOICES + 1)))
    assert is_untouched(EARLIER)
    assert not is_untouched(build_config(["cat"]).replace("Choose one thing", "Choose one animal", 1))
    assert not is_untouched(EARLIER.replace("Looked closer?", "Sure?"))
    assert not is_untouched(EARLIER.replace('value="cat" hotkey', 'value="cat" alias="c" hotkey', 1))
    assert not is_untouched("<View/>")
    assert not is_untouched("nonsense")


def test_the_screen_of_version_01_goes_on_and_can_be_brought_up_to_date() -> None:
    there = parse_config(EARLIER)
    assert there.labels == ("cat", "yak")
    assert not there.asks
    today = build_config(there.labels, before=EARLIER)
    assert keys_of(today) == {"cat": "1", "yak": "y"}
    assert [each.get("hotkey") for each in choices(today, "onetag_answer")] == ["m", "n"], "y is the yak's"
    assert parse_config(today).asks
