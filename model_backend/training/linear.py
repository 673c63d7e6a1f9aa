"""A linear head trained with any loss and any estimator on features that are already there.

Tensors are sliced (no DataLoader), the optimiser is fused, batches are large and the rate fits them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from model_backend.devices import pick_device
from model_backend.errors import LearningError
from model_backend.estimators import build_estimator, find_estimator
from model_backend.estimators.base import Estimator
from model_backend.losses import build_loss
from model_backend.progress import Progress
from model_backend.training.choices import chosen_estimator, is_softmax
from model_backend.training.model import Head, Link
from model_backend.training.recipe import Recipe
from model_backend.training.selection import held_out, tag_auc
from model_backend.training.supervision import Supervision

RATE = 0.1  # Adam's, at a batch of REFERENCE images and mean |phi|^2 = 1; grows with the root of the batch
REFERENCE = 512
ESTIMATOR_RATE = 5e-2


@dataclass(frozen=True, eq=False)
class LinearFit:
    """heads: the trained ones; estimated (N, L): the estimator's probabilities of the pool, None without one.

    epochs: passes over the pool; estimator: on the device it was trained on.
    """

    heads: tuple[Head, ...]
    estimated: Tensor | None
    epochs: int
    estimator: Estimator | None = None


def fit_linear(mapped: Tensor, supervision: Supervision, recipe: Recipe, *, progress: Progress) -> LinearFit:
    """Train a head (D, L) for the recipe's loss on mapped features (N, D).

    Images without any observation take part only where a frozen estimator estimates their labels. The penalty
    is recipe.l2 / 2n |weight|^2 beside the loss summed over labels. With recipe.patience, part of the tags is
    held out, and training stops when the head no longer ranks these better. Raises LearningError when the
    loss is not finite, naming the epoch.
    """
    device = pick_device(recipe.device)
    mapped = mapped.to(device)
    trainer = _Trainer(mapped, supervision.to(device), recipe)
    weight, bias = (tensor.cpu() for tensor in trainer.run(progress))
    estimated = estimate_pool(trainer.estimator, mapped)
    link: Link = "softmax" if is_softmax(recipe) else "sigmoid"
    head = Head(((weight, bias),), link, positives=supervision.expected_positives)
    return LinearFit((head,), estimated, trainer.epoch, trainer.estimator)


def estimate_pool(estimator: Estimator | None, mapped: Tensor) -> Tensor | None:
    """The estimator's probabilities of a pool (N, L), on the CPU, from mapped features (N, D)."""
    if estimator is None:
        return None
    return estimator.probabilities(torch.arange(len(mapped), device=estimator.device), mapped).cpu()


class _Trainer:
    """One run: the head, its optimiser, the loss and the estimator."""

    def __init__(self, mapped: Tensor, supervision: Supervision, recipe: Recipe) -> None:
        self.mapped, self.recipe, self.device = mapped, recipe, mapped.device
        self.generator = torch.Generator(device=self.device).manual_seed(recipe.seed)
        self.validation = held_out(supervision.observed, recipe.seed) if recipe.patience else None
        if self.validation is not None:
            supervision = replace(supervision, observed=self.validation.observed)
        self.supervision = supervision
        self.loss = build_loss(str(recipe.loss), **recipe.loss_options).to(self.device)
        self.estimator = self._estimator(chosen_estimator(recipe))
        self.rows = self._rows()
        labels = supervision.observed.shape[1]
        self.weight = torch.zeros(mapped.shape[1], labels, device=self.device, requires_grad=True)
        self.bias = torch.zeros(labels, device=self.device, requires_grad=True)
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
        """Train for all epochs, or until the held-out tags are ranked no better; the best head."""
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
            value = self._value(rows)
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

    def _value(self, rows: Tensor) -> Tensor:
        """The loss of a batch, a scalar, with the penalty."""
        features = self.mapped[rows]
        batch = self.supervision.batch(
            rows,
            epoch=self.epoch,
            epochs=self.epochs,
            estimate=None if self.estimator is None else self.estimator.logits(rows, features),
            generator=self.generator,
        )
        value: Tensor = self.loss(torch.addmm(self.bias, features, self.weight), batch)
        labels = 1 if is_softmax(self.recipe) else len(self.bias)
        return labels * value + self.recipe.l2 / 2 / len(self.rows) * self.weight.square().sum()

    def _estimator_rate(self) -> float:
        # The estimator multiplies by ten; its own rate does not follow the head's, which fits phi's scale.
        return ESTIMATOR_RATE * float(self.schedule.get_last_lr()[0]) / self.rate

    def _estimator(self, name: str | None) -> Estimator | None:
        if name is None:
            return None
        options = dict(self.recipe.estimator_options)
        if name == "neighbours":
            options.setdefault("expected_positives", self.supervision.expected_positives)
        observed, seed = self.supervision.observed, self.recipe.seed
        return build_estimator(name, observed, self.mapped, seed=seed, device=self.device, **options)

    def _rows(self) -> Tensor:
        """The images that take part: those observed, or all where a frozen estimator covers the rest."""
        known = (self.supervision.observed != 0).any(dim=1)
        name = chosen_estimator(self.recipe)
        frozen = name is not None and not find_estimator(name).trained
        return torch.arange(len(known), device=self.device) if frozen else known.nonzero()[:, 0]

    def _scores(self, rows: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.addmm(self.bias, self.mapped[rows], self.weight)

    def _head(self) -> tuple[Tensor, Tensor]:
        return self.weight.detach().clone(), self.bias.detach().clone()
