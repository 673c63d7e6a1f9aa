"""A recipe survives JSON and says what it does not understand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from model_backend.errors import LearningError
from model_backend.training import DEFAULT_RECIPE, Recipe


@pytest.mark.parametrize(
    "recipe",
    [
        DEFAULT_RECIPE,
        Recipe(end_to_end=True, end_to_end_options={"epochs": 3}),
        Recipe(loss="role", estimator="lowrank", estimator_options={"rank": 3}, seed=7),
    ],
)
def test_json_gives_the_same_recipe_again(recipe: Recipe) -> None:
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_what_is_left_out_keeps_its_default() -> None:
    assert Recipe.from_dict({"loss": "an"}) == Recipe(loss="an")


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(LearningError, match=r"no rate.*It has: .*learning_rate"):
        Recipe.from_dict({"rate": 1})


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch": -1}, {"learning_rate": 0.0}, {"l2": -0.1}])
def test_numbers_out_of_range_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(LearningError, match=next(iter(wrong))):
        Recipe(**wrong)
