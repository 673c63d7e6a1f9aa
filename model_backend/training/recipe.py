"""The settings of a training: which loss, which estimator, and the few numbers that go with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from model_backend.errors import LearningError
from model_backend.features.mapping import Kind


@dataclass(frozen=True)
class Recipe:
    """A training's settings; they can be stored as JSON and read back.

    loss: a name from `LOSSES`, or None for the shipped default (`training/default_heads.py`), which was
    chosen by measurement. estimator: a name from `ESTIMATORS` for the losses that use one; None: the loss's
    usual one; without a loss it means ROLE.
    map: how features become the input of the heads, see `FeatureMap.fit`. The fields after `seed` are for
    trainings with a `loss` alone. epochs grow to `least_steps` on small pools.
    learning_rate None: one that fits the batch. patience: epochs without a better ranking of held-out tags
    until training stops; None: no tags are held out and all epochs run.
    end_to_end: the backbone learns too, see `tune`; the loss is then EM unless one is named.
    end_to_end_options: changes of `EndToEndSettings`.
    Raises LearningError for numbers out of range.

    >>> recipe = Recipe(loss="role", estimator="lowrank", seed=7)
    >>> Recipe.from_dict(recipe.to_dict()) == recipe
    True
    """

    loss: str | None = None
    estimator: str | None = None
    map: Kind = "auto"
    seed: int = 0
    epochs: int = 30
    batch: int = 512
    least_steps: int = 200
    learning_rate: float | None = None
    l2: float = 0.2
    patience: int | None = None
    device: str = "cpu"
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    estimator_options: Mapping[str, Any] = field(default_factory=dict)
    end_to_end: bool = False
    end_to_end_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        positive: dict[str, float] = {"epochs": self.epochs, "batch": self.batch}
        if self.learning_rate is not None:
            positive["learning_rate"] = self.learning_rate
        for name, value in positive.items():
            if not value > 0:
                raise LearningError(
                    f"A recipe's {name} must be above 0, not {value}.", "Choose a larger one."
                )
        if not self.l2 >= 0:
            raise LearningError(f"A recipe's l2 must not be negative, as {self.l2} is.", "Choose 0 or more.")

    @property
    def is_default(self) -> bool:
        """Whether it is the shipped default, `training/default_heads.py`."""
        return self.loss is None and self.estimator is None

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain values, for a JSON column."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """A recipe from plain values; what is left out has its default.

        Raises LearningError for names that no recipe has, and numbers out of range.
        """
        known = {item.name for item in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise LearningError(
                f"A recipe has no {', '.join(unknown)}.", f"It has: {', '.join(sorted(known))}."
            )
        return cls(**values)


DEFAULT_RECIPE = Recipe()
