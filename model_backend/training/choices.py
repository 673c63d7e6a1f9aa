"""Which loss and which estimator a recipe means, and whether they can be used together."""

from __future__ import annotations

from dataclasses import replace

from model_backend.errors import LearningError
from model_backend.estimators import find_estimator
from model_backend.losses import LOSSES, LossEntry, build_loss, find_loss
from model_backend.training.endtoend import EndToEndSettings
from model_backend.training.recipe import Recipe

USUAL_ESTIMATOR = "matrix"
END_TO_END_LOSS = "em"  # the best plain one in the tables of Zhou et al., ECCV 2022, trained end to end


def resolved(recipe: Recipe) -> Recipe:
    """The recipe with its loss filled in: an estimator alone means ROLE, end to end alone means EM.

    The loss stays None for the shipped default, which is no single loss.
    """
    if recipe.loss is not None:
        return recipe
    if recipe.estimator is not None:
        return replace(recipe, loss="role")
    return replace(recipe, loss=END_TO_END_LOSS) if recipe.end_to_end else recipe


def chosen_estimator(recipe: Recipe) -> str | None:
    """The name of the estimator that the recipe's loss uses, None where it uses none.

    Raises LearningError for an unknown estimator, and for one that the loss does not use.
    """
    entry = _entry(recipe)
    if entry is None or not entry.uses_estimate:
        if entry is not None and recipe.estimator is not None:
            able = ", ".join(name for name, item in LOSSES.items() if item.uses_estimate)
            raise LearningError(
                f"The loss {recipe.loss} uses no estimator.", f"Leave the estimator out, or choose: {able}."
            )
        return None
    return find_estimator(recipe.estimator or USUAL_ESTIMATOR).name


def uses_positives(recipe: Recipe) -> bool:
    """Whether the recipe's loss reads k, the expected positives."""
    entry = _entry(resolved(recipe))
    return entry is not None and entry.uses_positives


def is_softmax(recipe: Recipe) -> bool:
    """Whether the logits of the recipe's loss are those of a softmax over which label is tagged."""
    entry = _entry(recipe)
    return entry is not None and entry.is_softmax


def _entry(recipe: Recipe) -> LossEntry | None:
    return None if recipe.loss is None else find_loss(recipe.loss)


def check_choices(recipe: Recipe) -> None:
    """Raises LearningError, before any work, for names and options that a recipe cannot have together."""
    meant = resolved(recipe)
    if meant.loss is not None:
        build_loss(meant.loss, **meant.loss_options)
        chosen_estimator(meant)
    EndToEndSettings.of(recipe.end_to_end_options)
