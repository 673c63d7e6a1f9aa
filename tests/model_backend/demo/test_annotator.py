"""What the simulated annotator answers, and what Label Studio would store of it."""

from __future__ import annotations

import numpy as np
import pytest

from model_backend.demo.annotator import ALL_MARKED, CHECKED, Answer, Habits, Shown, answer, regions

PRESENT, SUGGESTED = ("cat", "tree"), ("cat", "dog")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_one_label_is_true_and_each_true_label_is_picked_in_turn() -> None:
    given = [answer(PRESENT, SUGGESTED, Habits(), rng(seed)) for seed in range(40)]
    picked = [item.label for item in given if item]
    assert len(picked) == 40
    assert set(picked) == set(PRESENT)
    assert 10 < picked.count("cat") < 30


def test_without_a_review_suggestions_are_left_as_they_are() -> None:
    given = answer(PRESENT, SUGGESTED, Habits(), rng())
    assert given
    assert (given.ticked, given.review) == (SUGGESTED, None)


def test_a_review_keeps_the_right_suggestions_alone() -> None:
    given = answer(PRESENT, SUGGESTED, Habits(reviews=1), rng())
    assert given
    assert (given.ticked, given.review) == (("cat",), CHECKED)


def test_of_labels_to_check_those_that_are_there_are_ticked() -> None:
    given = answer(PRESENT, (), Habits(reviews=1), rng(), to_check=SUGGESTED)
    assert given
    assert given.ticked == tuple(name for name in SUGGESTED if name in PRESENT)
    made = regions(given, Shown(to_check=tuple(SUGGESTED)), "choices")
    assert [each["origin"] for each in made] == ["manual"] * 3


def test_nothing_suggested_is_nothing_to_review() -> None:
    given = answer(PRESENT, (), Habits(reviews=1), rng())
    assert given
    assert (given.ticked, given.review) == ((), None)


def test_marking_all_ticks_the_whole_truth() -> None:
    given = answer(PRESENT, SUGGESTED, Habits(completes=1), rng())
    assert given
    assert (given.ticked, given.review) == (PRESENT, ALL_MARKED)


def test_an_image_with_nothing_in_it_is_skipped() -> None:
    assert answer((), SUGGESTED, Habits(1, 1), rng()) is None


@pytest.mark.parametrize(
    ("given", "suggested", "stored"),
    [
        (Answer("cat", SUGGESTED), SUGGESTED, [("suggested", "prediction", ["cat", "dog"])]),
        (Answer("cat", ("cat",), CHECKED), SUGGESTED, [("suggested", "prediction-changed", ["cat"])]),
        (Answer("cat", (), CHECKED), SUGGESTED, []),
        (Answer("cat", ("cat",), ALL_MARKED), (), [("suggested", "manual", ["cat"])]),
    ],
)
def test_regions_carry_the_origin_the_browser_would_give(
    given: Answer, suggested: tuple[str, ...], stored: list[tuple[str, str, list[str]]]
) -> None:
    found = regions(given, Shown(suggested, "from-v1"), "choices")
    assert found[0]["from_name"] == "label"
    assert found[0]["value"] == {"choices": ["cat"]}
    middle = [item for item in found if item["from_name"] == "suggested"]
    assert [(item["from_name"], item["origin"], item["value"]["choices"]) for item in middle] == stored
    assert all(item["id"] == ("from-v1" if suggested else "suggested") for item in middle)
    last = [item["value"]["choices"] for item in found if item["from_name"] == "review"]
    assert last == ([[given.review]] if given.review else [])


def test_a_taxonomy_stores_paths_and_the_review_stays_a_choice() -> None:
    found = regions(Answer("cat", ("cat",), CHECKED), Shown(), "taxonomy")
    assert [item["value"] for item in found] == [
        {"taxonomy": [["cat"]]},
        {"taxonomy": [["cat"]]},
        {"choices": [CHECKED]},
    ]
