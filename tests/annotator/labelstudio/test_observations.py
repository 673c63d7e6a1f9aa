"""The table of README.md: what an annotation makes known, row by row."""

from __future__ import annotations

from typing import Any

import pytest

from annotator.labelstudio.config import build_config, parse_config
from annotator.labelstudio.observations import observe

LABELS = ("cat", "dog", "tree", "car")
SHOWN = ("dog", "tree")


def region(control: str, *names: str, origin: str | None = "manual") -> dict[str, Any]:
    made = {
        "id": "r",
        "from_name": control,
        "to_name": "image",
        "type": "choices",
        "value": {"choices": list(names)},
    }
    return made | ({"origin": origin} if origin else {})


def taxonomy(control: str, *names: str, origin: str = "manual") -> dict[str, Any]:
    value = {"taxonomy": [[name] for name in names]}
    return region(control, origin=origin) | {"type": "taxonomy", "value": value}


CAT = region("label", "cat")
UNTOUCHED = region("suggested", *SHOWN, origin="prediction")
CHECKED = region("review", "Suggestions checked")
ALL_MARKED = region("review", "All labels marked")


def seen(
    result: Any, suggested: Any = SHOWN, *, labels: Any = LABELS, often: Any = (), skipped: bool = False
) -> dict[str, str]:
    """Observations as {"cat": "+tag"}; each label at most once."""
    shown = None if suggested is None else [region("suggested", *suggested, origin=None)]
    config = parse_config(build_config(labels, often=often))
    found = observe(result, config, shown, skipped=skipped).observed
    assert len({each.label for each in found}) == len(found)
    return {each.label: f"{'+' if each.value > 0 else '-'}{each.source}" for each in found}


def test_choosing_a_label_makes_it_present() -> None:
    assert seen([CAT], None) == {"cat": "+tag"}


def test_suggestions_left_as_they_were_say_nothing() -> None:
    assert seen([CAT, UNTOUCHED]) == {"cat": "+tag"}


def test_a_changed_suggestion_says_what_was_changed_and_nothing_of_what_stayed() -> None:
    changed = region("suggested", "dog", "car", origin="prediction-changed")
    assert seen([CAT, changed]) == {"cat": "+tag", "car": "+added", "tree": "-rejected"}


def test_a_tick_beside_a_suggestion_does_not_confirm_it() -> None:
    both = [region("label", "bus"), region("suggested", "person", "sheep", origin="prediction-changed")]
    labels = ("bus", "person", "sheep")
    assert seen(both, ("person",), labels=labels) == {"bus": "+tag", "sheep": "+added"}


def test_unticking_and_ticking_again_says_nothing() -> None:
    again = region("suggested", *SHOWN, origin="prediction-changed")
    assert seen([CAT, again]) == {"cat": "+tag"}


def test_all_unticked_and_some_ticked_anew_rejects_the_others() -> None:
    assert seen([CAT, region("suggested", "dog")]) == {"cat": "+tag", "tree": "-rejected"}


def test_a_changed_suggestion_that_was_checked_confirms_adds_and_rejects() -> None:
    changed = region("suggested", "dog", "car", origin="prediction-changed")
    expected = {"cat": "+tag", "dog": "+confirmed", "car": "+added", "tree": "-rejected"}
    assert seen([CAT, changed, CHECKED]) == expected


def test_all_unticked_leaves_no_region_and_rejects_all() -> None:
    assert seen([CAT]) == {"cat": "+tag", "dog": "-rejected", "tree": "-rejected"}


def test_suggestions_checked_confirms_what_was_left_ticked() -> None:
    assert seen([CAT, UNTOUCHED, CHECKED]) == {"cat": "+tag", "dog": "+confirmed", "tree": "+confirmed"}


def test_suggestions_checked_with_all_unticked_rejects_all() -> None:
    assert seen([CAT, CHECKED]) == {"cat": "+tag", "dog": "-rejected", "tree": "-rejected"}


def test_all_labels_marked_makes_every_other_label_absent() -> None:
    assert seen([CAT, region("suggested", "dog", origin="prediction-changed"), ALL_MARKED]) == {
        "cat": "+tag",
        "dog": "+confirmed",
        "tree": "-rejected",
        "car": "-complete",
    }


def test_all_labels_marked_over_untouched_suggestions_confirms_them() -> None:
    expected = {"cat": "+tag", "dog": "+confirmed", "tree": "+confirmed", "car": "-complete"}
    assert seen([CAT, UNTOUCHED, ALL_MARKED]) == expected


def test_all_labels_marked_without_any_suggestion() -> None:
    assert seen([CAT, ALL_MARKED], None) == {
        "cat": "+tag",
        "dog": "-complete",
        "tree": "-complete",
        "car": "-complete",
    }


def test_a_skip_says_nothing() -> None:
    assert seen([], skipped=True) == {}
    assert seen([CAT, UNTOUCHED, ALL_MARKED], skipped=True) == {}


def test_labels_ticked_where_nothing_was_shown_are_added() -> None:
    assert seen([CAT, region("suggested", "dog")], None) == {"cat": "+tag", "dog": "+added"}
    assert seen([CAT, region("suggested", "dog")], ()) == {"cat": "+tag", "dog": "+added"}


def test_an_empty_suggestion_left_empty_says_nothing() -> None:
    assert seen([CAT], ()) == {"cat": "+tag"}


def test_an_untouched_region_says_nothing_even_if_other_suggestions_are_on_record() -> None:
    assert seen([CAT, UNTOUCHED], ("car",)) == {"cat": "+tag"}
    assert seen([CAT, UNTOUCHED, CHECKED], None) == {"cat": "+tag", "dog": "+confirmed", "tree": "+confirmed"}


@pytest.mark.parametrize(
    "rest", [[UNTOUCHED], [region("suggested", "cat", "dog", origin="prediction-changed")], []]
)
def test_a_label_both_chosen_and_suggested_is_chosen(rest: list[Any]) -> None:
    assert seen([CAT, *rest], ("cat", "dog"))["cat"] == "+tag"


def test_without_a_label_the_suggestions_were_never_visible() -> None:
    bulk_accepted = region("suggested", *SHOWN, origin=None)
    assert seen([]) == {}
    assert seen([bulk_accepted]) == {}
    assert seen([UNTOUCHED, ALL_MARKED]) == {}
    assert seen([region("label")]) == {}


def test_a_region_through_the_api_is_touched_when_it_differs() -> None:
    assert seen([CAT, region("suggested", *SHOWN, origin=None)]) == {"cat": "+tag"}
    assert seen([CAT, region("suggested", "dog", origin=None)]) == {"cat": "+tag", "tree": "-rejected"}


def test_labels_the_project_does_not_have_are_not_observed() -> None:
    assert seen([region("label", "bird")], None) == {}
    assert seen([CAT, region("suggested", "bird", "dog")], ("fish",)) == {"cat": "+tag", "dog": "+added"}


def test_who_names_another_label_saw_another_list_so_nothing_is_made_absent() -> None:
    assert seen([region("label", "bird"), ALL_MARKED], None) == {}
    assert seen([CAT, region("suggested", "bird"), ALL_MARKED], None) == {"cat": "+tag"}


def test_a_taxonomy_says_the_same() -> None:
    result = [
        taxonomy("label", "cat"),
        taxonomy("suggested", "dog", "car", origin="prediction-changed"),
        ALL_MARKED,
    ]
    assert seen(result) == {"cat": "+tag", "dog": "+confirmed", "car": "+added", "tree": "-rejected"}


def test_of_two_regions_on_one_control_the_last_counts() -> None:
    assert seen([CAT, region("label", "dog")], None) == {"dog": "+tag"}


def test_observations_come_in_the_order_of_the_labels() -> None:
    found = observe([region("label", "tree"), ALL_MARKED], parse_config(build_config(LABELS))).observed
    assert [each.label for each in found] == list(LABELS)


@pytest.mark.parametrize(
    "result",
    [
        None,
        "[]",
        7,
        {},
        {"label": "cat"},
        [None, 3, "cat", [], {}],
        [{"from_name": "label"}],
        [{"from_name": "label", "value": None}],
        [{"from_name": "label", "value": ["cat"]}],
        [{"from_name": "label", "value": {"choices": "cat"}}],
        [{"from_name": "label", "value": {"choices": [None, 1, ["cat"], {"cat": 1}]}}],
        [{"from_name": "label", "value": {"taxonomy": [[], None, [[]], {"a": 1}]}}],
        [{"from_name": ["label"], "value": {"choices": ["cat"]}}],
        [{"from_name": "label", "value": {"choices": [""]}}],
    ],
)
def test_a_malformed_result_says_nothing(result: Any) -> None:
    assert seen(result) == {}


def test_malformed_parts_do_not_spoil_the_rest() -> None:
    broken = {"from_name": "suggested", "origin": ["manual"], "value": {"choices": ["dog", None, 5]}}
    assert seen([None, broken, CAT]) == {"cat": "+tag", "tree": "-rejected"}


MANY = (*LABELS, *(f"label {n}" for n in range(60)))
BUTTONS = ("cat", "tree")
CHANGED = taxonomy("suggested", "dog", "car", origin="prediction-changed")
REJECTED = taxonomy("suggested", "dog", origin="prediction-changed")


@pytest.mark.parametrize(
    "rest",
    [
        [],
        [taxonomy("suggested", *SHOWN, origin="prediction")],
        [CHANGED],
        [CHANGED, CHECKED],
        [REJECTED, ALL_MARKED],
        [region("review", "Nothing of these")],
    ],
)
def test_a_label_picked_by_a_button_counts_as_one_picked_in_the_list(rest: list[Any]) -> None:
    by_button = seen([region("onetag_often", "cat"), *rest], labels=MANY, often=BUTTONS)
    in_the_list = seen([region("label", "cat"), *rest], labels=MANY, often=BUTTONS)
    assert by_button == in_the_list
    assert by_button["cat"] == "+tag"


def test_one_by_a_button_and_another_in_the_list_are_both_there() -> None:
    both = [region("onetag_often", "cat"), region("label", "car")]
    assert seen(both, None, labels=MANY, often=BUTTONS) == {"cat": "+tag", "car": "+tag"}


def test_an_answer_by_a_button_that_is_no_more_names_no_label() -> None:
    """Label Studio refuses a config without it while answers use it."""
    assert seen([region("onetag_often", "cat")], None, labels=MANY) == {}
