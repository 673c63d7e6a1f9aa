"""What an answer means in every kind of label config, and what must hold of any answer whatever."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.errors import OnetagError
from annotator.labelstudio.answers import labels_in
from annotator.labelstudio.config import Chosen, LabelConfig, build_config, parse_config
from annotator.labelstudio.controls import Role
from annotator.labelstudio.mend import mended
from annotator.labelstudio.observations import Said, observe
from annotator.store.states import Review, Source, Suggest, Unticked, Unused

ABSENT = Unticked.ABSENT
PICTURE = '<Image name="img" value="$image"/>'
OPTIONS = '<Choice value="cat" alias="c"/><Choice value="dog"/><Choice value="tree"/>'
MANY = f'<View>{PICTURE}<Choices name="what" toName="img" choice="multiple">{OPTIONS}</Choices></View>'
ONE = MANY.replace('choice="multiple"', 'choice="single"')
TREE = (
    f'<View>{PICTURE}<Taxonomy name="what" toName="img"><Choice value="animal">'
    '<Choice value="cat" alias="c"/><Choice value="dog"/></Choice><Choice value="tree"/></Taxonomy></View>'
)
BOXES = (
    f'<View>{PICTURE}<RectangleLabels name="what" toName="img"><Label value="cat" alias="c"/>'
    '<Label value="dog"/><Label value="tree"/></RectangleLabels></View>'
)
REVIEW = (
    '<Choices name="review" toName="img" choice="single-radio"><Choice value="Suggestions checked"/>'
    '<Choice value="All labels marked"/></Choices>'
)
REVIEWED = MANY.replace("</View>", f"{REVIEW}</View>")
CONFIGS: dict[str, LabelConfig] = {
    "ours": parse_config(build_config(["cat", "dog", "tree"])),
    "many": parse_config(MANY),
    "many, complete": parse_config(MANY, Chosen(unticked=ABSENT)),
    "many, reviewed": parse_config(REVIEWED),
    "one": parse_config(ONE),
    "taxonomy": parse_config(TREE),
    "taxonomy, complete": parse_config(TREE, Chosen(unticked=ABSENT)),
    "boxes": parse_config(BOXES),
    "boxes, complete": parse_config(BOXES, Chosen(unticked=ABSENT)),
    "ours beside many": parse_config(mended(MANY), Chosen("what", unticked=ABSENT)),
}


def region(
    *names: Any, control: str = "what", origin: str | None = "manual", kind: str = "choices"
) -> dict[str, Any]:
    made: dict[str, Any] = {"id": "r", "from_name": control, "type": kind, "value": {kind: list(names)}}
    return made | ({"origin": origin} if origin else {})


def box(label: str, origin: str | None = "manual", identity: str = "r", width: float = 50) -> dict[str, Any]:
    value = {"x": 0, "y": 0, "width": width, "height": 20, "rectanglelabels": [label]}
    return region(origin=origin, kind="rectanglelabels") | {"id": identity, "value": value}


def told(said: Said) -> dict[str, str]:
    return {each.label: f"{'+' if each.value > 0 else '-'}{each.source}" for each in said.observed}


def seen(name: str, result: Any, shown: Any = None, **more: Any) -> dict[str, str]:
    return told(observe(result, CONFIGS[name], shown, **more))


# All that apply


def test_what_is_ticked_is_present_and_the_rest_unknown() -> None:
    assert seen("many", [region("c", "dog")]) == {"cat": "+added", "dog": "+added"}
    assert seen("many", []) == {}


def test_of_a_project_that_labels_completely_the_rest_is_absent() -> None:
    assert seen("many, complete", [region("c")]) == {"cat": "+added", "dog": "-complete", "tree": "-complete"}
    assert set(seen("many, complete", []).values()) == {"-complete"}, (
        "an empty answer says that there is none"
    )


def test_ticks_left_as_they_were_shown_say_nothing_even_where_all_is_labelled() -> None:
    shown = [region("c", "dog", origin=None)]
    for name in ("many", "many, complete"):
        assert seen(name, [region("c", "dog", origin="prediction")], shown) == {}
        assert seen(name, [region("c", "dog", origin=None)], shown) == {}


def test_changed_ticks_are_told_apart_one_by_one() -> None:
    shown, changed = [region("c", "dog", origin=None)], [region("dog", "tree", origin="prediction-changed")]
    assert seen("many", changed, shown) == {"cat": "-rejected", "tree": "+added"}
    assert seen("many, complete", changed, shown) == {"cat": "-rejected", "tree": "+added"}
    left = [region("dog", origin="prediction-changed")]
    assert seen("many, complete", left, shown) == {"cat": "-rejected", "tree": "-complete"}


def test_all_unticked_rejects_all() -> None:
    assert seen("many", [], [region("c", "dog")]) == {"cat": "-rejected", "dog": "-rejected"}


def test_a_review_beside_it_confirms_what_was_left() -> None:
    shown, left = [region("c", "dog", origin=None)], region("c", "dog", origin="prediction")
    checked = region("Suggestions checked", control="review")
    said = observe([left, checked], CONFIGS["many, reviewed"], shown)
    assert told(said) == {"cat": "+confirmed", "dog": "+confirmed"}
    assert said.review is Review.SUGGESTIONS
    everything = region("All labels marked", control="review")
    assert seen("many, reviewed", [left, everything], shown)["tree"] == "-complete"


def test_a_prediction_that_is_not_known_any_more_cannot_be_compared_with() -> None:
    said = observe([region("c", "dog", origin="prediction-changed")], CONFIGS["many"], None)
    assert (said.observed, said.unused) == ((), Unused.SHOWN_UNKNOWN)


# One of many that may be true


def test_one_choice_says_nothing_of_the_others() -> None:
    assert seen("one", [region("c")]) == {"cat": "+tag"}
    assert CONFIGS["one"].ticks is None, "a suggestion there would be the answer"


# Names


@pytest.mark.parametrize("written", ["c", "cat", " cat ", "cat\u00a0"])
def test_a_label_is_found_by_its_alias_and_where_only_its_form_differs(written: str) -> None:
    assert seen("many", [region(written)]) == {"cat": "+added"}


def test_composed_and_decomposed_are_one() -> None:
    config = parse_config(MANY.replace('value="dog"', 'value="na\u00efve"').replace("tree", "Water"))
    said = observe([region("nai\u0308ve", "Water ")], config)
    assert told(said) == {"na\u00efve": "+added", "Water": "+added"}


@pytest.mark.parametrize("name", ["many", "many, complete", "one"])
def test_a_name_that_no_label_has_is_told_and_makes_nothing_absent(name: str) -> None:
    said = observe([region("zebra")], CONFIGS[name])
    assert (said.observed, said.unmatched, said.unused) == ((), ("zebra",), Unused.UNKNOWN_LABEL)


def test_beside_a_label_the_label_counts() -> None:
    said = observe([region("zebra", "dog")], CONFIGS["many, complete"])
    assert (told(said), said.unmatched, said.unused) == ({"dog": "+added"}, ("zebra",), None)


def test_an_answer_to_other_controls_alone_is_told() -> None:
    rating = {"from_name": "stars", "type": "rating", "value": {"rating": 4}}
    assert observe([rating], CONFIGS["many"]).unused is Unused.OTHER_CONTROLS
    assert observe([region("c", origin="prediction")], CONFIGS["many"]).unused is Unused.UNTOUCHED
    assert observe([], CONFIGS["many"], skipped=True).unused is None


# A taxonomy


def test_paths_are_labels() -> None:
    assert CONFIGS["taxonomy"].labels == ("animal", "animal / cat", "animal / dog", "tree")
    said = seen("taxonomy", [region(["animal", "c"], ["tree"], kind="taxonomy")])
    assert said == {"animal / cat": "+added", "tree": "+added"}
    assert seen("taxonomy", [region(["animal", "cat"], kind="taxonomy")]) == {"animal / cat": "+added"}


def test_what_lies_above_a_ticked_label_is_not_absent() -> None:
    said = seen("taxonomy, complete", [region(["animal", "c"], kind="taxonomy")])
    assert said == {"animal / cat": "+added", "animal / dog": "-complete", "tree": "-complete"}


# Regions


def test_a_region_makes_its_label_present_and_its_share_is_kept() -> None:
    said = observe([box("c"), box("dog", identity="s"), box("c", identity="t", width=10)], CONFIGS["boxes"])
    assert told(said) == {"cat": "+added", "dog": "+added"}
    assert [each.area for each in said.observed] == [pytest.approx(0.12), pytest.approx(0.1)]


def test_predicted_regions_that_are_left_or_removed_say_nothing() -> None:
    shown = [box("c", origin=None), box("dog", origin=None, identity="s")]
    assert seen("boxes", [box("c", origin="prediction"), box("dog", "prediction", "s")], shown) == {}
    assert seen("boxes", [box("c"), box("dog", identity="s")], shown) == {}, (
        "the same boxes, accepted in bulk"
    )
    assert seen("boxes", [box("c", origin="prediction")], shown) == {}
    assert seen("boxes, complete", [], shown) == {}, "it is not known why all were removed"


def test_a_predicted_region_that_was_moved_is_confirmed_alone() -> None:
    shown = [box("c", origin=None), box("dog", origin=None, identity="s")]
    moved = [box("c", "prediction-changed", width=60), box("dog", "prediction", "s")]
    assert seen("boxes", moved, shown) == {"cat": "+confirmed"}


def test_where_all_is_labelled_what_has_no_region_is_absent() -> None:
    assert seen("boxes, complete", [box("c")]) == {"cat": "+added", "dog": "-complete", "tree": "-complete"}


# Another model's predictions


def test_what_another_model_chose_is_said_by_nobody() -> None:
    shown = [
        region("cat", control="label", origin=None),
        region("dog", control="suggested", origin=None),
        region("All labels marked", control="review", origin=None),
    ]
    assert seen("ours", shown, shown) == {}
    changed = [shown[0], region("dog", "tree", control="suggested"), shown[2]]
    assert seen("ours", changed, shown) == {"tree": "+added"}
    another = [region("tree", control="label"), *shown[1:]]
    assert seen("ours", another, shown) == {"tree": "+tag"}


# Ours beside what was there


def test_the_answers_of_the_control_before_ours_count_on() -> None:
    expected = {"cat": "+added", "dog": "-complete", "tree": "-complete"}
    assert seen("ours beside many", [region("c")]) == expected
    assert seen("ours beside many", [region("c", control="label")]) == {"cat": "+tag"}
    both = [region("dog", control="label"), region("c")]
    assert seen("ours beside many", both) == {"cat": "+added", "dog": "+tag", "tree": "-complete"}
    assert seen("ours beside many", []) == {}


# Configs that cannot be used


def test_a_config_without_a_control_for_labels_says_what_it_has() -> None:
    xml = f'<View>{PICTURE}<Rating name="stars" toName="img"/><TextArea name="note" toName="img"/></View>'
    with pytest.raises(OnetagError, match="<Rating name='stars'>, <TextArea name='note'>"):
        parse_config(xml)


def test_labels_of_a_text_are_not_labels_of_an_image() -> None:
    text = '<Text name="t" value="$t"/><Choices name="c" toName="t"><Choice value="a"/></Choices>'
    with pytest.raises(OnetagError, match="no control that can hold labels of an image"):
        parse_config(f"<View>{PICTURE}{text}</View>")


def test_of_two_candidates_one_has_to_be_chosen() -> None:
    quality = '<Choices name="quality" toName="img"><Choice value="good"/><Choice value="bad"/></Choices>'
    both = MANY.replace("</View>", f"{quality}</View>")
    with pytest.raises(
        OnetagError, match=r"what .*cat, dog, tree.*; quality .*good, bad.*--control"
    ) as error:
        parse_config(both)
    assert "--control" in error.value.fix
    assert parse_config(both, Chosen("quality")).labels == ("good", "bad")
    with pytest.raises(OnetagError, match=r"no control 'colour'.*what.*quality"):
        parse_config(both, Chosen("colour"))


def test_choices_that_come_with_each_task_cannot_be_read() -> None:
    with pytest.raises(OnetagError, match="takes its labels from elsewhere"):
        parse_config(MANY.replace('name="what"', 'name="what" value="$options"'))


def test_the_image_is_the_one_that_the_control_is_about_unless_another_is_chosen() -> None:
    two = MANY.replace(PICTURE, f'<Image name="left" value="$left"/>{PICTURE}')
    assert parse_config(two).image_field == "image"
    assert parse_config(two).image_fields == ("left", "image")
    assert parse_config(two, Chosen(image_field="left")).image_field == "left"
    with pytest.raises(OnetagError, match="there are: left, image"):
        parse_config(two, Chosen(image_field="right"))
    with pytest.raises(OnetagError, match="list of images"):
        parse_config(MANY.replace('value="$image"', 'valueList="$images"'))


def test_a_label_with_an_invisible_character_is_refused_by_name() -> None:
    with pytest.raises(OnetagError, match=r"'what'.*U\+200B ZERO WIDTH SPACE"):
        parse_config(MANY.replace('value="dog"', 'value="do\u200bg"'))


def test_suggestions_go_where_they_can_be_ticked_or_to_the_order() -> None:
    many = CONFIGS["many"]
    assert many.ticks == many.control
    assert parse_config(MANY, Chosen(suggest=Suggest.ORDER)).ticks is None
    assert CONFIGS["boxes"].ticks is None
    assert CONFIGS["boxes"].control.role is Role.REGIONS


def test_ten_thousand_labels_are_read_and_answered_quickly() -> None:
    names = [f"label {number}" for number in range(10_000)]
    config = parse_config(build_config(names), Chosen())
    assert len(config.labels) == 10_000
    everything = region("All labels marked", control="review")
    said = observe([region(["label 7"], control="label", kind="taxonomy"), everything], config)
    assert len(said.observed) == 10_000


# Whatever an answer looks like

NAMES = ("c", "cat", "dog", "tree", "zebra", " dog ", "animal")
ORIGINS = ("manual", "prediction", "prediction-changed", None, "odd", 3)
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
listed = st.lists(st.sampled_from(NAMES) | st.lists(st.sampled_from(NAMES), max_size=3) | junk, max_size=3)
marks = st.lists(st.sampled_from(["Suggestions checked", "All labels marked", "odd"]), max_size=2)
values = st.fixed_dictionaries(
    {},
    optional={
        "choices": listed | marks,
        "taxonomy": listed,
        "rectanglelabels": listed,
        "width": st.floats() | junk,
        "height": st.floats() | junk,
    },
)
regions = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["r", "s", "onetag:v1"]) | junk,
        "from_name": st.sampled_from(["what", "label", "suggested", "review", "other"]) | junk,
        "origin": st.sampled_from(ORIGINS),
        "value": values | junk,
    },
)
results = st.lists(regions | junk, max_size=5) | junk
names = st.sampled_from(sorted(CONFIGS))


@settings(max_examples=300, deadline=None)
@given(names, results, st.none() | results, st.booleans())
def test_no_answer_raises_and_each_label_is_said_at_most_once_in_its_order(
    name: str, result: Any, shown: Any, skipped: bool
) -> None:
    config = CONFIGS[name]
    said = observe(result, config, shown if isinstance(shown, list) else None, skipped=skipped)
    labels = [each.label for each in said.observed]
    assert labels == [label for label in config.labels if label in labels]
    assert all(each.value in (-1, 1) for each in said.observed)
    assert all(each.area is None or 0 <= each.area <= 1 for each in said.observed)
    assert (said.unused is None) == (bool(said.observed) or skipped)


@settings(max_examples=300, deadline=None)
@given(names, results, st.none() | st.lists(regions | junk, max_size=4))
def test_nothing_becomes_absent_but_what_was_unticked_or_a_complete_answer_left_out(
    name: str, result: Any, shown: Any
) -> None:
    config = CONFIGS[name]
    said = observe(result, config, shown)
    claimed = said.review is Review.ALL_LABELS or config.unticked is ABSENT
    named, predicted = labels_in(result, config), labels_in(shown, config)
    for each in said.observed:
        if each.source is Source.REJECTED:
            assert each.label in predicted
            assert each.value == -1
        elif each.source is Source.COMPLETE:
            assert claimed
            assert each.label not in named
            assert each.value == -1
        else:
            assert each.label in named
            assert each.value == 1
    if said.unmatched:
        assert not any(each.source is Source.COMPLETE for each in said.observed)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["c", "dog", "tree"]), max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_regions_makes_no_difference(labels: list[str], shuffler: random.Random) -> None:
    drawn = [box(label, identity=f"r{place}", width=place + 1) for place, label in enumerate(labels)]
    mixed = list(drawn)
    shuffler.shuffle(mixed)
    for name in ("boxes", "boxes, complete"):
        one, other = observe(drawn, CONFIGS[name]), observe(mixed, CONFIGS[name])
        assert told(one) == told(other)
        assert [each.area for each in one.observed] == pytest.approx([each.area for each in other.observed])


@settings(max_examples=200, deadline=None)
@given(names, st.lists(st.sampled_from(["c", "dog", "tree"]), max_size=3))
def test_what_is_left_as_a_prediction_showed_it_says_nothing(name: str, ticked: list[str]) -> None:
    shown = [region(*ticked, origin=None), region(*ticked[:1], control="label", origin=None)]
    left = [each | {"origin": "prediction"} for each in shown]
    if ticked:  # an empty region is none
        assert seen(name, left, shown) == {}
        assert seen(name, shown, shown) == {}
