"""A linear head trained with any loss and any estimator on features that are already there.

Tensors are sliced (no DataLoader), the optimiser is fused, batches are large and the rate fits them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from model_backend.devices import pick_device
from model_backend.errors import LearningError
from model_backend.estimators import build_estimator, find_estimator
from model_backend.estimators.base import Estimator
from model_backend.losses import Batch, build_loss
from model_backend.progress import Progress
from model_backend.training.choices import chosen_estimator, is_softmax
from model_backend.training.model import Head, Link
from model_backend.training.recipe import Recipe
from model_backend.training.selection import held_out, tag_auc

RATE = 0.1  # Adam's, at a batch of REFERENCE images and mean |phi|^2 = 1; grows with the root of the batch
REFERENCE = 512
ESTIMATOR_RATE = 5e-2


@dataclass(frozen=True, eq=False)
class LinearFit:
    """parts: the head; belief (N, L): the estimator's probabilities for the pool, where there was one.

    estimator: that one itself, on the device it was trained on.
    """

    parts: tuple[Head, ...]
    belief: Tensor | None
    epochs: int
    estimator: Estimator | None = None


def fit_linear(
    mapped: Tensor,
    observed: Tensor,
    recipe: Recipe,
    expected_positives: float,
    *,
    progress: Progress,
    propensity: Tensor | None = None,
) -> LinearFit:
    """Train a head (D, L) on mapped features (N, D) and observations (N, L).

    Images without any observation take part only where a frozen estimator has a belief about them. The
    penalty is recipe.l2 / 2n |weight|^2 beside the loss summed over labels. With recipe.patience, part of the
    tags is held out and training stops when they are no longer told better. propensity: (L,) or (N, L).
    Raises LearningError when the loss is not finite, naming the step.
    """
    device = pick_device(recipe.device)
    mapped, observed = mapped.to(device), observed.to(device)
    trainer = _Trainer(mapped, observed, recipe, expected_positives, propensity)
    best = trainer.run(progress)
    belief = pool_belief(trainer.estimator, mapped)
    weight, bias = (tensor.cpu() for tensor in best)
    link: Link = "softmax" if is_softmax(recipe) else "sigmoid"
    part = Head(((weight, bias),), link, positives=expected_positives)
    return LinearFit((part,), belief, trainer.epoch, trainer.estimator)


def pool_belief(estimator: Estimator | None, mapped: Tensor) -> Tensor | None:
    """What the estimator says of a pool (N, L), on the CPU, by mapped features (N, D); None without one."""
    if estimator is None:
        return None
    return estimator.probabilities(torch.arange(len(mapped), device=estimator.device), mapped).cpu()


class _Trainer:
    """One run: the head, its optimiser, the loss and the estimator."""

    def __init__(
        self, mapped: Tensor, observed: Tensor, recipe: Recipe, positives: float, propensity: Tensor | None
    ) -> None:
        self.recipe, self.positives, self.device = recipe, positives, mapped.device
        self.mapped = mapped
        self.generator = torch.Generator(device=self.device).manual_seed(recipe.seed)
        self.validation = held_out(observed, recipe.seed) if recipe.patience else None
        self.observed = observed if self.validation is None else self.validation.observed
        self.propensity = None if propensity is None else propensity.to(self.device)
        self.loss = build_loss(str(recipe.loss), **recipe.loss_options).to(self.device)
        self.estimator = self._estimator(chosen_estimator(recipe))
        self.rows = self._rows()
        self.weight = torch.zeros(mapped.shape[1], observed.shape[1], device=self.device, requires_grad=True)
        self.bias = torch.zeros(observed.shape[1], device=self.device, requires_grad=True)
        self.batch = min(recipe.batch, len(self.rows))
        per_epoch = -(-len(self.rows) // self.batch)
        self.epochs = max(recipe.epochs, -(-recipe.least_steps // per_epoch))
        rate = self.rate = recipe.learning_rate or RATE * (self.batch / REFERENCE) ** 0.5
        self.optimizer = torch.optim.Adam([self.weight, self.bias], rate, betas=(0.9, 0.99), fused=True)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, rate, total_steps=self.epochs * per_epoch, pct_start=0.1
        )
        self.epoch = 0

    def run(self, progress: Progress) -> tuple[Tensor, Tensor]:
        """All epochs, or those until the held-out tags say stop; the best head."""
        best, best_score, since = self._head(), -1.0, 0
        for epoch in range(1, self.epochs + 1):
            self.epoch = epoch
            self._pass()
            progress(f"epoch {self.epoch} of {self.epochs}", 0.9 * self.epoch / self.epochs)
            if self.validation is None:
                continue
            score = tag_auc(self._scores(self.validation.rows), self.validation.tags)
            best, best_score, since = (
                (self._head(), score, 0) if score > best_score else (best, best_score, since + 1)
            )
            if since >= (self.recipe.patience or 0):
                break
        return best if self.validation is not None else self._head()

    def _pass(self) -> None:
        order = self.rows[torch.randperm(len(self.rows), generator=self.generator, device=self.device)]
        for rows in torch.split(order, self.batch):
            features = self.mapped[rows]
            value = self._value(rows, features, self.observed[rows])
            if not bool(torch.isfinite(value)):
                raise LearningError(
                    f"The loss {self.recipe.loss} became {value.item()} in epoch {self.epoch}.",
                    f"Train with a lower learning rate than {self.schedule.get_last_lr()[0]:.3g}.",
                )
            self.optimizer.zero_grad()
            torch.autograd.backward(value)
            self.optimizer.step()
            if self.estimator is not None:
                self.estimator.step(self._estimator_rate())
            self.schedule.step()
        self.loss.on_epoch_end(self.epoch, self.epochs)

    def _value(self, rows: Tensor, features: Tensor, observed: Tensor) -> Tensor:
        batch = Batch(
            observed=observed,
            indices=rows,
            epoch=self.epoch,
            epochs=self.epochs,
            expected_positives=self.positives,
            estimate=None if self.estimator is None else self.estimator.logits(rows, features),
            propensity=self._propensity(rows),
            generator=self.generator,
        )
        value: Tensor = self.loss(torch.addmm(self.bias, features, self.weight), batch)
        labels = 1 if is_softmax(self.recipe) else observed.shape[1]
        return labels * value + self.recipe.l2 / 2 / len(self.rows) * self.weight.square().sum()

    def _estimator_rate(self) -> float:
        # The estimator multiplies by ten; its own rate does not follow the head's, which fits phi's scale.
        return ESTIMATOR_RATE * float(self.schedule.get_last_lr()[0]) / self.rate

    def _propensity(self, rows: Tensor) -> Tensor | None:
        if self.propensity is None or self.propensity.ndim == 1:
            return self.propensity
        return self.propensity[rows]

    def _estimator(self, name: str | None) -> Estimator | None:
        if name is None:
            return None
        options = dict(self.recipe.estimator_options)
        if name == "neighbours":
            options.setdefault("expected_positives", self.positives)
        return build_estimator(
            name, self.observed, self.mapped, seed=self.recipe.seed, device=self.device, **options
        )

    def _rows(self) -> Tensor:
        known = (self.observed != 0).any(dim=1)
        name = chosen_estimator(self.recipe)
        frozen = name is not None and not find_estimator(name).trained
        return torch.arange(len(known), device=self.device) if frozen else known.nonzero()[:, 0]

    def _scores(self, rows: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.addmm(self.bias, self.mapped[rows], self.weight)

    def _head(self) -> tuple[Tensor, Tensor]:
        return self.weight.detach().clone(), self.bias.detach().clone()
