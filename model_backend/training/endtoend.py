"""Backbone and head trained together from pixels, from the linear head on (linear-init, Cole et al. 2021).

The backbone is frozen for the first epochs; then its parameters are added to the optimiser, once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_backend.devices import bf16_is_fast, pick_device
from model_backend.errors import LearningError
from model_backend.estimators.base import Estimator
from model_backend.losses import Batch, Loss, build_loss
from model_backend.training.recipe import Recipe

Read = Callable[[Tensor], Tensor]
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class EndToEndSettings:
    """epochs in all, the first `frozen` of them with the backbone still; images a step; Adam's rates; the
    largest gradient norm; the smallest share of an image's sides that a crop keeps; bf16 None: probed.
    """

    epochs: int = 10
    frozen: int = 2
    batch: int = 16
    head_rate: float = 1e-3
    backbone_rate: float = 1e-5
    largest_gradient: float = 5.0
    smallest_crop: float = 0.7
    bf16: bool | None = None


@dataclass(frozen=True, eq=False)
class EndToEndFit:
    """The trained backbone (on the CPU, in evaluation mode), the head's weight (F, L) and bias (L,)."""

    backbone: nn.Module
    weight: Tensor
    bias: Tensor
    losses: tuple[float, ...]
    images_per_second: float


def fit_end_to_end(
    backbone: nn.Module,
    read: Read,
    observed: Tensor,
    recipe: Recipe,
    expected_positives: float,
    *,
    start: tuple[Tensor, Tensor],
    estimator: Estimator | None = None,
    settings: EndToEndSettings | None = None,
    progress: Progress | None = None,
) -> EndToEndFit:
    """Fine-tune `backbone`, a module from images (B, 3, H, W) in 0..1 to features (B, F), with its head.

    read: rows of the pool (B,) to their images, float32 in 0..1 or uint8. observed (N, L); images without
    observations are left out. start: the linear head's weight (F, L) and bias (L,). estimator: the linear
    training's, for losses that use one. `backbone` itself is trained. Raises LearningError when the loss or a
    gradient is not finite.
    """
    run = _Run(backbone, read, observed, recipe, expected_positives, start, estimator, settings)
    losses, seconds = [], 0.0
    for epoch in range(1, run.settings.epochs + 1):
        begun = time.perf_counter()
        losses.append(run.epoch(epoch))
        seconds += time.perf_counter() - begun
        if progress is not None:
            progress(f"epoch {epoch} of {run.settings.epochs}", epoch / run.settings.epochs)
    backbone.eval().cpu()
    speed = len(run.rows) * run.settings.epochs / max(seconds, 1e-9)
    head = run.head.cpu()
    return EndToEndFit(
        backbone, head.weight.detach().T.contiguous(), head.bias.detach(), tuple(losses), speed
    )


class _Run:
    """The state of one fine-tuning."""

    def __init__(
        self,
        backbone: nn.Module,
        read: Read,
        observed: Tensor,
        recipe: Recipe,
        positives: float,
        start: tuple[Tensor, Tensor],
        estimator: Estimator | None,
        settings: EndToEndSettings | None,
    ) -> None:
        self.settings = settings or EndToEndSettings()
        self.device = pick_device(recipe.device)
        self.read, self.positives, self.estimator = read, positives, estimator
        self.observed = observed.to(self.device)
        self.rows = (observed != 0).any(dim=1).nonzero()[:, 0]
        if not len(self.rows):
            raise LearningError("No image has a label yet. Tag a few images, then fine-tune.")
        self.random = torch.Generator().manual_seed(recipe.seed)
        self.backbone = backbone.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.head = _head(start).to(self.device)
        self.loss: Loss = build_loss(str(recipe.loss or "an"), **recipe.loss_options).to(self.device)
        self.name = recipe.loss or "an"
        self.optimizer = torch.optim.Adam(self.head.parameters(), self.settings.head_rate, fused=True)
        self.unfrozen = False
        wanted = self.settings.bf16
        self.bf16 = bf16_is_fast(self.device) if wanted is None else wanted

    def epoch(self, epoch: int) -> float:
        """One pass over the observed images; the mean loss."""
        if epoch > self.settings.frozen and not self.unfrozen:
            self.unfrozen = True
            rate = self.settings.backbone_rate
            self.optimizer.add_param_group({"params": list(self.backbone.parameters()), "lr": rate})
        # Frozen means its running statistics too.
        self.backbone.train(self.unfrozen)
        order = self.rows[torch.randperm(len(self.rows), generator=self.random)]
        total = sum(self._step(rows, epoch) * len(rows) for rows in torch.split(order, self.settings.batch))
        self.loss.on_epoch_end(epoch, self.settings.epochs)
        return total / len(order)

    def _step(self, rows: Tensor, epoch: int) -> float:
        images = augmented(self.read(rows), self.random, self.settings.smallest_crop).to(self.device)
        images = images.contiguous(memory_format=torch.channels_last)
        with self._autocast():
            with nullcontext() if self.unfrozen else torch.no_grad():
                features = self.backbone(images)
            logits = self.head(features)
        value: Tensor = self.loss(logits.float(), self._batch(rows.to(self.device), features, epoch))
        self._require_finite(value.detach(), "loss", epoch)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(value)
        parameters = [item for group in self.optimizer.param_groups for item in group["params"]]
        norm = nn.utils.clip_grad_norm_(parameters, self.settings.largest_gradient)
        self._require_finite(norm, "gradient", epoch)
        self.optimizer.step()
        if self.estimator is not None:
            self.estimator.step(self.settings.head_rate)
        return float(value.detach())

    def _batch(self, rows: Tensor, features: Tensor, epoch: int) -> Batch:
        estimate = None
        if self.estimator is not None:
            estimate = self.estimator.logits(rows, features.detach().float())
        return Batch(
            observed=self.observed[rows],
            indices=rows,
            epoch=epoch,
            epochs=self.settings.epochs,
            expected_positives=self.positives,
            estimate=estimate,
        )

    def _require_finite(self, value: Tensor, what: str, epoch: int) -> None:
        if not bool(torch.isfinite(value)):
            raise LearningError(
                f"The {what} of {self.name} became {float(value)} in epoch {epoch}. Train with lower rates "
                f"than {self.settings.head_rate:g} (head) and {self.settings.backbone_rate:g} (backbone)."
            )

    def _autocast(self) -> Any:
        return torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else nullcontext()


def augmented(images: Tensor, random: torch.Generator, smallest_crop: float) -> Tensor:
    """Each image (B, 3, H, W) flipped by chance and cropped to a random part, scaled to its old size."""
    images = images.float() / 255 if images.dtype == torch.uint8 else images
    count = len(images)
    scale = smallest_crop + (1 - smallest_crop) * torch.rand(count, generator=random)
    flip = torch.where(torch.rand(count, generator=random) < 0.5, -1.0, 1.0)
    shift = (2 * torch.rand(count, 2, generator=random) - 1) * (1 - scale)[:, None]
    frame = torch.zeros(count, 2, 3)
    frame[:, 0, 0], frame[:, 1, 1], frame[:, :, 2] = scale * flip, scale, shift
    grid = F.affine_grid(frame, list(images.shape), align_corners=False).to(images.device)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _head(start: tuple[Tensor, Tensor]) -> nn.Linear:
    weight, bias = start
    head = nn.Linear(*weight.shape)
    with torch.no_grad():
        head.weight.copy_(weight.T)
        head.bias.copy_(bias)
    return head
