"""Backbone and head trained together from pixels, from the linear head on (linear-init, Cole et al. 2021).

The backbone is frozen for the first epochs; then its parameters are added to the optimiser, once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_backend.devices import bf16_is_fast, pick_device
from model_backend.errors import LearningError
from model_backend.estimators.base import Estimator
from model_backend.features.mapping import FeatureMap
from model_backend.losses import Batch, Loss, build_loss
from model_backend.progress import Progress, silent
from model_backend.training.recipe import Recipe
from model_backend.training.supervision import Supervision

Read = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class EndToEndSettings:
    """Numbers of training end to end.

    epochs: passes in all, of which the backbone does not change in the first `frozen`. batch: images a step.
    head_rate, backbone_rate: Adam's. largest_gradient: its norm is clipped to this. smallest_crop: the share
    of an image's sides that augmentation keeps at least. batch_statistics: batch norms follow each batch, as
    a network needs that starts from random weights; else they keep the statistics that its weights came with,
    of which a few photographs tell less. bf16: None times both precisions and takes the faster.

    >>> EndToEndSettings.of({"epochs": 3}).epochs
    3
    """

    epochs: int = 10
    frozen: int = 2
    batch: int = 16
    head_rate: float = 1e-3
    backbone_rate: float = 1e-5
    largest_gradient: float = 5.0
    smallest_crop: float = 0.7
    batch_statistics: bool = False
    bf16: bool | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> EndToEndSettings:
        """The settings with some of them changed. Raises LearningError for what is no setting of these."""
        known = [item.name for item in fields(cls)]
        if unknown := sorted(set(options) - set(known)):
            raise LearningError(
                f"Training end to end has no option {', '.join(unknown)}.",
                f"Its options: {', '.join(known)}.",
            )
        chosen = cls(**options)
        chosen._check()
        return chosen

    def _check(self) -> None:
        for name in ("epochs", "batch", "head_rate", "backbone_rate", "largest_gradient", "smallest_crop"):
            if not getattr(self, name) > 0:
                raise LearningError(
                    f"End to end, {name} must be above 0, not {getattr(self, name)}.", "Choose a larger one."
                )
        if self.smallest_crop > 1 or self.frozen < 0:
            raise LearningError(
                "End to end, smallest_crop is at most 1 and frozen at least 0.", "Change them."
            )


@dataclass(frozen=True, eq=False)
class LinearInit:
    """Where training end to end begins: what training on frozen features left.

    weight (F, L), bias (L,): the head on the backbone's features after feature_map, a linear one. It keeps
    learning there: where features have a mean square of 1, one rate and one penalty fit every backbone.
    estimator: the one trained beside it, for losses that use one; mapped (N, D): the pool's features that the
    estimator reads, fixed while the backbone moves.
    """

    weight: Tensor
    bias: Tensor
    feature_map: FeatureMap
    estimator: Estimator | None = None
    mapped: Tensor | None = None


@dataclass(frozen=True, eq=False)
class EndToEndFit:
    """The trained backbone (on the CPU, in evaluation mode), the head's weight (F, L) and bias (L,) on it."""

    backbone: nn.Module
    weight: Tensor
    bias: Tensor
    losses: tuple[float, ...]
    images_per_second: float


def fit_end_to_end(
    backbone: nn.Module,
    read: Read,
    supervision: Supervision,
    recipe: Recipe,
    *,
    start: LinearInit,
    progress: Progress | None = None,
) -> EndToEndFit:
    """Fine-tune `backbone`, a module from images (B, 3, H, W) to features (B, F), with its head.

    read: rows of the pool (B,) to their images, uint8 or float32, in the range that `backbone` expects;
    called from another thread, one batch ahead. Images without observations are left out. The recipe's
    `end_to_end_options` are those of `EndToEndSettings`.
    The head keeps the penalty that it was fitted with, recipe.l2 / 2n |weight|^2 beside the loss summed over
    labels: without it, it would leave where it starts before the backbone moves at all.
    progress: called with the epoch and the share done after each step; what it raises ends the training.
    `backbone` itself is trained. Raises LearningError when the loss or a gradient is not finite.
    """
    device = pick_device(recipe.device)
    with _seeded(device, recipe.seed):
        run = _Run(backbone, read, supervision.to(device), recipe, start)
        epochs = run.settings.epochs
        begun = time.perf_counter()
        losses = tuple(run.epoch(epoch, progress or silent) for epoch in range(1, epochs + 1))
        seconds = time.perf_counter() - begun
    backbone.eval().cpu()
    linear = run.head.linear.cpu()
    weight, bias = start.feature_map.fold(linear.weight.detach().T.contiguous(), linear.bias.detach())
    speed = len(run.rows) * epochs / max(seconds, 1e-9)
    return EndToEndFit(backbone, weight, bias, losses, speed)


@contextmanager
def _seeded(device: torch.device, seed: int) -> Iterator[None]:
    """The same draws (a network's dropout takes torch's own) and the same kernels each time."""
    devices = [device] if device.type == "cuda" else []
    kernels = torch.backends.cudnn.flags(enabled=True, deterministic=True, benchmark=False)
    with torch.random.fork_rng(devices), kernels:
        torch.manual_seed(seed)
        yield


class _Run:
    """The state of one fine-tuning."""

    def __init__(
        self, backbone: nn.Module, read: Read, supervision: Supervision, recipe: Recipe, start: LinearInit
    ) -> None:
        self.settings = settings = EndToEndSettings.of(recipe.end_to_end_options)
        self.read, self.supervision, self.start = read, supervision, start
        self.device = supervision.observed.device
        self.rows = (supervision.observed != 0).any(dim=1).nonzero()[:, 0].cpu()
        if not len(self.rows):
            raise LearningError("No image has a label yet.", "Tag a few images, then fine-tune.")
        self.random = torch.Generator().manual_seed(recipe.seed)
        self.backbone = backbone.to(memory_format=torch.channels_last).to(self.device)
        self.head = _MappedHead(start).to(self.device)
        self.penalty = recipe.l2 / 2 / len(self.rows) / start.weight.shape[1]
        self.name = recipe.loss or "an"
        self.loss: Loss = build_loss(self.name, **recipe.loss_options).to(self.device)
        self.optimizer = torch.optim.Adam(self.head.parameters(), settings.head_rate, fused=True)
        self.unfrozen = False
        self.bf16 = bf16_is_fast(self.device) if settings.bf16 is None else settings.bf16

    def epoch(self, epoch: int, progress: Progress) -> float:
        """One pass over the observed images; the mean loss."""
        if epoch > self.settings.frozen and not self.unfrozen:
            self.unfrozen = True
            rate = self.settings.backbone_rate
            self.optimizer.add_param_group({"params": list(self.backbone.parameters()), "lr": rate})
        # Frozen means its running statistics too; and one image alone has none.
        self.backbone.train(self.unfrozen and len(self.rows) > 1)
        if not self.settings.batch_statistics:
            for norm in _batch_norms(self.backbone):
                norm.eval()
        order = self.rows[torch.randperm(len(self.rows), generator=self.random)]
        # Of even sizes: a last batch of one image would upset batch norm.
        batches = torch.tensor_split(order, -(-len(order) // self.settings.batch))
        total = 0.0
        for step, (rows, images) in enumerate(_ahead(self.read, batches), start=1):
            total += self._step(rows, images, epoch) * len(rows)
            done = (epoch - 1 + step / len(batches)) / self.settings.epochs
            progress(f"epoch {epoch} of {self.settings.epochs}", done)
        self.loss.on_epoch_end(epoch, self.settings.epochs)
        return total / len(order)

    def _step(self, rows: Tensor, images: Tensor, epoch: int) -> float:
        images = augmented(images.to(self.device), self.random, self.settings.smallest_crop)
        images = images.contiguous(memory_format=torch.channels_last)
        with self._autocast():
            with nullcontext() if self.unfrozen else torch.no_grad():
                features = self.backbone(images)
            logits = self.head(features)
        value: Tensor = self.loss(logits.float(), self._batch(rows.to(self.device), epoch))
        value = value + self.penalty * self.head.linear.weight.square().sum()
        self._require_finite(value.detach(), "loss", epoch)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(value)
        parameters = [item for group in self.optimizer.param_groups for item in group["params"]]
        norm = nn.utils.clip_grad_norm_(parameters, self.settings.largest_gradient)
        self._require_finite(norm, "gradient", epoch)
        self.optimizer.step()
        if self.start.estimator is not None:
            self.start.estimator.step(self.settings.head_rate)
        return float(value.detach())

    def _batch(self, rows: Tensor, epoch: int) -> Batch:
        return self.supervision.batch(
            rows,
            epoch=epoch,
            epochs=self.settings.epochs,
            estimate=self._estimate(rows),
            generator=self.random,
        )

    def _estimate(self, rows: Tensor) -> Tensor | None:
        estimator, mapped = self.start.estimator, self.start.mapped
        if estimator is None:
            return None
        return estimator.logits(rows, None if mapped is None else mapped[rows.to(mapped.device)])

    def _require_finite(self, value: Tensor, what: str, epoch: int) -> None:
        if not bool(torch.isfinite(value)):
            raise LearningError(
                f"The {what} of {self.name} became {float(value)} in epoch {epoch}.",
                f"Train with lower rates than {self.settings.head_rate:g} (head) and "
                f"{self.settings.backbone_rate:g} (backbone).",
            )

    def _autocast(self) -> Any:
        return torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else nullcontext()


def _ahead(read: Read, batches: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows and images of each batch; the next one is read while this one is worked on."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(read, batches[0])
        for rows, following in zip(batches, (*batches[1:], None), strict=True):
            images = coming.result()
            if following is not None:
                coming = reader.submit(read, following)
            yield rows, images


def augmented(images: Tensor, random: torch.Generator, smallest_crop: float) -> Tensor:
    """Each image (B, 3, H, W), float, flipped by chance and cropped to a random part of its old size."""
    images = images.float()
    count = len(images)
    scale = smallest_crop + (1 - smallest_crop) * torch.rand(count, generator=random)
    flip = torch.where(torch.rand(count, generator=random) < 0.5, -1.0, 1.0)
    shift = (2 * torch.rand(count, 2, generator=random) - 1) * (1 - scale)[:, None]
    frame = torch.zeros(count, 2, 3)
    frame[:, 0, 0], frame[:, 1, 1], frame[:, :, 2] = scale * flip, scale, shift
    grid = F.affine_grid(frame.to(images.device), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


class _MappedHead(nn.Module):
    """A head on features (B, F) after the feature map: scores (B, L)."""

    centre: Tensor
    factor: Tensor

    def __init__(self, start: LinearInit) -> None:
        super().__init__()
        self.linear = nn.Linear(*start.weight.shape)
        with torch.no_grad():
            self.linear.weight.copy_(start.weight.T)
            self.linear.bias.copy_(start.bias)
        self.register_buffer("centre", start.feature_map.centre)
        self.register_buffer("factor", start.feature_map.factor)

    def forward(self, features: Tensor) -> Tensor:
        scores: Tensor = self.linear((features - self.centre) * self.factor)
        return scores


def _batch_norms(module: nn.Module) -> Iterator[nn.Module]:
    return (each for each in module.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm))
