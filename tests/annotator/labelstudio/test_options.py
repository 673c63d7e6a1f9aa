"""One label of a label config is changed, and everything else stays as it is."""

from __future__ import annotations

import pytest

from annotator.errors import OnetagError
from annotator.labelstudio.config import Chosen, build_config, parse_config
from annotator.labelstudio.options import renamed, with_label, without
from annotator.labelstudio.screen_before import keys_of
from annotator.labelstudio.untouched import is_untouched

LABELS = ("cat", "dog", "tree")
PLAIN = (
    '<View><!-- ours --><Image name="img" value="$image"/>'
    '<Choices name="what" toName="img" choice="multiple">'
    '<Choice value="cat" alias="c"/><Choice value="dog" hotkey="d" hint="barks"/><Choice value="tree"/>'
    "</Choices></View>"
)


@pytest.mark.parametrize("labels", [LABELS, tuple(f"label {number}" for number in range(100))])
def test_our_screen_shows_the_new_name_and_keeps_keys_and_words(labels: tuple[str, ...]) -> None:
    before = build_config(labels)
    after = renamed(before, Chosen(), labels[1], "hound")
    config = parse_config(after)
    assert config.labels == (labels[0], "hound", *labels[2:])
    assert config.control.written["hound"] == (labels[1],)
    assert config.control.label_of((labels[1],)) == config.control.label_of(("hound",)) == "hound"
    assert keys_of(after).get("hound") == keys_of(before).get(labels[1])
    assert config.asks
    assert is_untouched(after)


def test_a_button_beside_a_long_list_shows_the_new_name_and_is_written_as_before() -> None:
    names = [f"label {n}" for n in range(100)]
    after = renamed(build_config(names, often=["label 1"]), Chosen(), "label 1", "hound")
    for xml in (after, build_config(["hound", *names[2:]], before=after)):
        often = parse_config(xml).often
        assert often is not None
        assert often.written == {"hound": ("label 1",)}
        assert is_untouched(xml)


def test_people_read_the_new_name_in_a_question_about_a_long_list() -> None:
    after = parse_config(
        renamed(build_config([f"label {n}" for n in range(100)]), Chosen(), "label 1", "hound")
    )
    assert after.about is not None
    assert after.about.written["hound"] == ("hound",)


def test_a_screen_made_anew_keeps_the_word_of_a_renamed_label() -> None:
    after = renamed(build_config(LABELS), Chosen(), "dog", "hound")
    again = build_config(("cat", "hound", "tree", "bird"), before=after)
    assert parse_config(again).control.written["hound"] == ("dog",)
    with pytest.raises(OnetagError, match="Answers write 'hound' as 'dog'"):
        build_config(("cat", "hound", "dog"), before=after)


def test_renamed_back_it_is_written_by_its_name_again() -> None:
    before = build_config(LABELS)
    assert renamed(renamed(before, Chosen(), "dog", "hound"), Chosen(), "hound", "dog") == before


def test_of_a_config_of_ones_own_one_value_changes() -> None:
    after = renamed(PLAIN, Chosen(), "dog", "hound")
    assert after == PLAIN.replace(
        '<Choice value="dog" hotkey="d" hint="barks"/>',
        '<Choice value="hound" hotkey="d" hint="barks" alias="dog" />',
    ).replace('"/>', '" />')
    assert parse_config(renamed(PLAIN, Chosen(), "cat", "lion")).control.written["lion"] == ("c",)


@pytest.mark.parametrize(
    ("config", "label", "name", "why"),
    [
        (PLAIN, "dog", "c", "another label is called or written so"),
        (PLAIN, "bird", "hen", "no label 'bird' any more"),
        (
            PLAIN.replace("</View>", '<View whenChoiceValue="cat, dog"/></View>'),
            "dog",
            "hound",
            "shown by its name",
        ),
        (
            '<View><Image name="img" value="$image"/><Taxonomy name="what" toName="img">'
            '<Choice value="animal"><Choice value="dog"/></Choice></Taxonomy></View>',
            "animal / dog",
            "hound",
            "nested",
        ),
    ],
)
def test_what_cannot_be_changed_safely_is_left_to_people(
    config: str, label: str, name: str, why: str
) -> None:
    with pytest.raises(OnetagError, match=why):
        renamed(config, Chosen(), label, name)


@pytest.mark.parametrize("config", [PLAIN, build_config(LABELS)])
def test_a_label_goes_and_comes_back_after_the_others(config: str) -> None:
    gone = without(config, Chosen(), "dog")
    assert parse_config(gone).labels == ("cat", "tree")
    back = parse_config(with_label(gone, Chosen(), "dog", None))
    assert back.labels == ("cat", "tree", "dog")
    assert back.asks == parse_config(config).asks
    assert back.control.written["dog"] == ("dog",)


@pytest.mark.parametrize("config", [PLAIN, build_config(LABELS)])
def test_a_label_comes_back_with_its_alias(config: str) -> None:
    gone = without(config, Chosen(), "dog")
    back = parse_config(with_label(gone, Chosen(), "hound", "dog"))
    assert back.labels == ("cat", "tree", "hound")
    assert back.control.written["hound"] == ("dog",)


def test_a_label_that_is_there_does_not_come_twice() -> None:
    assert with_label(PLAIN, Chosen(), "dog", None) == PLAIN
    with pytest.raises(OnetagError, match="answers that hold 'c' mean 'cat'"):
        with_label(PLAIN, Chosen(), "lion", "c")


def test_the_last_label_stays() -> None:
    with pytest.raises(OnetagError, match="the only label"):
        without(build_config(["cat"]), Chosen(), "cat")
