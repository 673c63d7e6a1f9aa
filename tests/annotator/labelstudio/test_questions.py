"""A question comes with the prediction, and an answer carries back what was asked."""

from __future__ import annotations

from typing import Any

import pytest

from annotator.labelstudio.config import Chosen, build_config, parse_config
from annotator.labelstudio.observations import Said, observe
from annotator.labelstudio.predictions import version_of_region
from annotator.labelstudio.questions import Asked, asked_now, asked_prediction, question_regions
from annotator.labelstudio.screen import MAX_CHOICES
from annotator.store.states import Question, Review, Suggest, Unused
from annotator.store.suggestions import Suggested

LABELS = ("cat", "dog", "tree", "car")
CONFIG = parse_config(build_config(LABELS))
PLAIN = parse_config(
    '<View><Image name="image" value="$image"/><Choices name="many" toName="image" choice="multiple">'
    '<Choice value="cat"/><Choice value="dog"/></Choices></View>'
)


def region(control: str, *names: str, origin: str = "manual") -> dict[str, Any]:
    value = {"choices": list(names)}
    return {"id": "r", "from_name": control, "to_name": "image", "type": "choices", "origin": origin} | {
        "value": value
    }


def left(asked: Asked, *without: str) -> list[dict[str, Any]]:
    """The regions of a question as an answer carries them back, less those of some controls."""
    made = asked_prediction(CONFIG, asked, "v1", 0.5)["result"]
    return [each | {"origin": "prediction"} for each in made if each["from_name"] not in without]


def known(said: Said) -> dict[str, str]:
    return {each.label: f"{'+' if each.value > 0 else '-'}{each.source}" for each in said.observed}


def named(made: dict[str, Any]) -> dict[str, Any]:
    return {each["from_name"]: next(iter(each["value"].values())) for each in made["result"]}


def test_suggestions_are_ticked_marked_as_the_models_and_told_in_percent() -> None:
    asked = Asked(Question.TAG, ["dog", "tree"], {"dog": 0.81, "tree": 0.996, "car": 0.3}, "Look well.")
    assert named(asked_prediction(CONFIG, asked, "v1", 0.5)) == {
        "suggested": ["dog", "tree"],
        "onetag_question": ["tag one"],
        "onetag_about": ["dog", "tree"],
        "onetag_note": ["The model: tree 99 %, dog 81 %. Look well."],
    }


def test_labels_to_check_are_told_and_not_ticked() -> None:
    asked = Asked(Question.CHECK, ["dog", "tree"], {"dog": 0.31, "tree": 0.2})
    assert named(asked_prediction(CONFIG, asked, "v1", 0.5)) == {
        "onetag_question": ["check suggestions"],
        "onetag_about": ["dog", "tree"],
        "onetag_note": ["The model: dog 31 %, tree 20 %."],
    }


def test_labels_to_check_are_ticked_where_each_would_have_to_be_searched() -> None:
    names = [f"label {number}" for number in range(MAX_CHOICES + 1)]
    made = asked_prediction(parse_config(build_config(names)), Asked(Question.CHECK, names[:2]), "v1", 0.5)
    assert named(made)["suggested"] == [[name] for name in names[:2]]


def test_a_question_about_one_label_ticks_nothing_and_gives_nothing_away() -> None:
    asked = Asked(Question.YES_NO, ["dog"], {"dog": 0.81})
    assert named(asked_prediction(CONFIG, asked, "v1", 0.5)) == {
        "onetag_question": ["is it there"],
        "onetag_about": ["dog"],
    }


def test_every_region_is_marked_with_its_version_and_none_twice() -> None:
    made = asked_prediction(CONFIG, Asked(Question.TAG, ["dog"], {"dog": 0.5}), "v1", 0.5)["result"]
    assert [version_of_region(each) for each in made] == ["v1"] * 4
    assert len({each["id"] for each in made}) == 4


@pytest.mark.parametrize(
    "asked",
    [Asked(Question.YES_NO, ["bird"]), Asked(Question.YES_NO, LABELS), Asked(Question.CHECK, ["bird"])],
)
def test_what_cannot_be_asked_becomes_the_plain_question(asked: Asked) -> None:
    assert named(asked_prediction(CONFIG, asked, "v1", 0.5))["onetag_question"] == ["tag one"]


def test_a_config_that_cannot_show_questions_gets_suggestions_alone() -> None:
    assert named(asked_prediction(PLAIN, Asked(Question.CHECK, ["dog"]), "v1", 0.5)) == {"many": ["dog"]}
    assert named(asked_prediction(PLAIN, Asked(Question.YES_NO, ["dog"]), "v1", 0.5)) == {}
    assert question_regions(PLAIN, Asked(Question.COMPLETE), "v1") == []


def test_a_project_that_is_asked_without_ticks_shows_none() -> None:
    config = parse_config(build_config(LABELS), Chosen(suggest=Suggest.ORDER))
    assert named(asked_prediction(config, Asked(Question.TAG, ["dog"], {"dog": 0.9}), "v1", 0.5)) == {
        "onetag_question": ["tag one"]
    }


@pytest.mark.parametrize(("reply", "said"), [("Yes", "+answered"), ("No", "-answered")])
def test_yes_and_no_say_something_of_the_label_that_was_asked_about(reply: str, said: str) -> None:
    result = [*left(Asked(Question.YES_NO, ["dog"])), region("onetag_answer", reply)]
    found = observe(result, CONFIG)
    assert known(found) == {"dog": said}
    assert found.question is Question.YES_NO


@pytest.mark.parametrize("count", [60, 61, 1001])
def test_of_a_long_list_the_label_that_was_asked_about_is_told_alike(count: int) -> None:
    config = parse_config(build_config(f"label {number}" for number in range(count)))
    asked = asked_prediction(config, Asked(Question.YES_NO, ["label 7"]), "v1", 0.5)
    assert named(asked) == {"onetag_question": ["is it there"], "onetag_about": ["label 7"]}
    result = [each | {"origin": "prediction"} for each in asked["result"]]
    assert known(observe([*result, region("onetag_answer", "No")], config)) == {"label 7": "-answered"}


def test_whatever_more_is_marked_counts() -> None:
    result = [*left(Asked(Question.YES_NO, ["dog"])), region("onetag_answer", "No"), region("label", "cat")]
    assert known(observe(result, CONFIG)) == {"cat": "+tag", "dog": "-answered"}
    complete = [*result, region("suggested", "tree"), region("review", "All labels marked")]
    assert known(observe(complete, CONFIG)) == {
        "cat": "+tag",
        "dog": "-answered",
        "tree": "+added",
        "car": "-complete",
    }


def test_which_label_was_asked_about_is_told_by_what_was_shown_where_the_answer_does_not() -> None:
    shown = left(Asked(Question.YES_NO, ["dog"]))
    assert known(observe([region("onetag_answer", "Yes")], CONFIG, shown)) == {"dog": "+answered"}
    bare = observe(
        [*left(Asked(Question.YES_NO, ["dog"]), "onetag_about"), region("onetag_answer", "Yes")], CONFIG
    )
    assert (known(bare), bare.unused) == ({}, Unused.SHOWN_UNKNOWN)


def test_an_answer_about_two_labels_says_nothing_of_either() -> None:
    asked = left(Asked(Question.YES_NO, ["dog"]), "onetag_about")
    two = region("onetag_about", "dog", "cat", origin="prediction-changed")
    assert known(observe([*asked, two, region("onetag_answer", "Yes")], CONFIG)) == {}


def test_an_answer_to_a_question_that_was_not_asked_says_nothing() -> None:
    assert known(observe([*left(Asked(Question.TAG)), region("onetag_answer", "Yes")], CONFIG)) == {}
    assert known(observe([region("onetag_answer", "Yes")], CONFIG)) == {}


def test_a_label_that_is_gone_is_told() -> None:
    result = [*left(Asked(Question.YES_NO, ["dog"])), region("onetag_answer", "Yes")]
    found = observe(result, parse_config(build_config(["cat"])))
    assert (known(found), found.unmatched, found.unused) == ({}, ("dog",), Unused.UNKNOWN_LABEL)


def test_of_labels_to_check_those_ticked_are_there_and_the_others_not_once_all_were_checked() -> None:
    asked = left(Asked(Question.CHECK, ["dog", "tree"]))
    ticked, checked = region("suggested", "dog", "car"), region("review", "Suggestions checked")
    said = observe([*asked, ticked, checked], CONFIG, asked)
    assert known(said) == {"dog": "+confirmed", "tree": "-rejected", "car": "+added"}
    assert known(observe([*asked, checked], CONFIG, asked)) == {"dog": "-rejected", "tree": "-rejected"}


def test_a_label_to_check_that_is_left_alone_stays_unknown() -> None:
    asked = left(Asked(Question.CHECK, ["dog", "tree"]))
    assert known(observe([*asked, region("suggested", "dog")], CONFIG, asked)) == {"dog": "+added"}
    assert known(observe([*asked, region("label", "car")], CONFIG, asked)) == {"car": "+tag"}


def test_all_labels_marked_settles_the_labels_to_check_too() -> None:
    asked = left(Asked(Question.CHECK, ["dog", "tree"]))
    marked = [*asked, region("suggested", "dog", "car"), region("review", "All labels marked")]
    assert known(observe(marked, CONFIG, asked)) == {
        "cat": "-complete",
        "dog": "+confirmed",
        "tree": "-rejected",
        "car": "+added",
    }


@pytest.mark.parametrize("question", [Question.CHECK, Question.COMPLETE])
def test_where_all_labels_are_asked_for_ticks_are_seen_without_a_label(question: Question) -> None:
    """Also those to check, which came ticked once."""
    asked = Asked(question, ["dog", "tree"])
    shown = [*left(asked, "suggested"), region("suggested", "dog", "tree", origin="prediction")]
    checked = [*shown, region("review", "Suggestions checked")]
    assert known(observe(checked, CONFIG, shown)) == {"dog": "+confirmed", "tree": "+confirmed"}
    changed = [*left(asked, "suggested"), region("suggested", "dog", "car", origin="prediction-changed")]
    marked = [*changed, region("review", "All labels marked")]
    assert known(observe(marked, CONFIG, shown)) == {
        "cat": "-complete",
        "dog": "+confirmed",
        "tree": "-rejected",
        "car": "+added",
    }


def test_nothing_of_these_makes_every_label_absent() -> None:
    for asked in (Asked(), Asked(Question.COMPLETE), Asked(Question.YES_NO, ["dog"])):
        found = observe([*left(asked), region("review", "Nothing of these")], CONFIG, left(asked))
        assert known(found) == dict.fromkeys(LABELS, "-complete")
        assert found.review is Review.NOTHING
    alone = observe([region("review", "Nothing of these")], CONFIG)
    assert known(alone) == dict.fromkeys(LABELS, "-complete")


def test_nothing_of_these_rejects_the_suggestions_that_were_seen() -> None:
    nothing = region("review", "Nothing of these")
    seen, hidden = Asked(Question.CHECK, ["dog"]), Asked(Question.TAG, ["dog"])
    rest = dict.fromkeys(("cat", "tree", "car"), "-complete")
    assert known(observe([*left(seen), nothing], CONFIG, left(seen))) == {"dog": "-rejected"} | rest
    assert known(observe([*left(hidden), nothing], CONFIG, left(hidden))) == {"dog": "-complete"} | rest


def test_who_says_nothing_of_these_and_something_else_makes_nothing_absent() -> None:
    nothing = region("review", "Nothing of these")
    assert known(observe([region("label", "cat"), nothing], CONFIG)) == {"cat": "+tag"}
    yes = [*left(Asked(Question.YES_NO, ["dog"])), region("onetag_answer", "Yes"), nothing]
    assert known(observe(yes, CONFIG)) == {"dog": "+answered"}
    asked = Asked(Question.CHECK, ["dog"])
    added = [*left(asked), region("suggested", "dog", "car"), nothing]
    assert known(observe(added, CONFIG, left(asked))) == {"car": "+added"}


def test_what_a_version_suggests_is_asked_in_the_words_of_today() -> None:
    suggested = Suggested(1, ["dog", "gone", "cat"], 0.5, 0, Question.CHECK)
    asked = asked_now(suggested, {"dog": 0.9, "gone": 0.8}, {"dog": "hound", "hound": "hound", "cat": "cat"})
    assert asked == Asked(Question.CHECK, ["hound", "cat"], {"hound": 0.9})
