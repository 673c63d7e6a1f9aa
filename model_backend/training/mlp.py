"""Small networks with one hidden layer, several trained side by side as one batched product."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from model_backend.errors import LearningError

Layers = tuple[tuple[Tensor, Tensor], ...]  # (weight, bias) each, ReLU between


@dataclass(frozen=True)
class MLPSettings:
    """Numbers that hardly matter: measured, half or double of any moves mAP by less than its spread."""

    hidden: int = 128
    dropout: float = 0.3
    mixup: float = 0.4  # both parameters of the Beta distribution; mixup, Zhang et al., ICLR 2018
    learning_rate: float = 6e-3
    weight_decay: float = 0.05
    batch: int = 128
    epochs: int = 20
    least_steps: int = 100
    most_steps: int = 3000


def fit_mlps(
    mapped: Tensor,
    targets: Tensor,
    nets: int,
    *,
    seed: int,
    settings: MLPSettings | None = None,
) -> list[Layers]:
    """Networks (D, hidden, L) with sigmoid outputs on targets (N, L), each with its own start and order."""
    chosen = settings or MLPSettings()
    torch_random = torch.Generator().manual_seed(seed)
    random = np.random.default_rng(seed)
    scale = mapped.shape[1] ** 0.5 / 2 / float(mapped.square().sum(dim=1).mean().sqrt().clamp(min=1e-6))
    tensors = _start(mapped.shape[1], chosen.hidden, targets.shape[1], nets, torch_random)
    batch = min(chosen.batch, len(mapped))
    steps = len(mapped) // batch * chosen.epochs
    steps = min(max(steps, chosen.least_steps), chosen.most_steps)
    optimizer = torch.optim.AdamW(
        tensors, chosen.learning_rate, weight_decay=chosen.weight_decay, fused=mapped.device.type == "cpu"
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, chosen.learning_rate, total_steps=steps)
    rows = _batches(len(mapped), batch, nets, torch_random)
    for _ in range(steps):
        picked = next(rows)
        share = float(random.beta(chosen.mixup, chosen.mixup))
        inputs, wanted = _mixed(mapped[picked] * scale, share), _mixed(targets[picked], share)
        scores = _scores(inputs, tensors, chosen.dropout, torch_random)
        loss = F.binary_cross_entropy_with_logits(scores, wanted) * nets
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
    first, first_bias, second, second_bias = (tensor.detach() for tensor in tensors)
    if not bool(torch.isfinite(second).all()):
        raise LearningError("The hidden layer diverged: the features are too large.", "Scale them down.")
    return [
        ((first[net] * scale, first_bias[net, 0]), (second[net], second_bias[net, 0])) for net in range(nets)
    ]


def _start(width: int, hidden: int, labels: int, nets: int, random: torch.Generator) -> list[Tensor]:
    first = torch.randn(nets, width, hidden, generator=random) / (3 * width) ** 0.5
    second = torch.randn(nets, hidden, labels, generator=random) / (3 * hidden) ** 0.5
    shapes = [first, torch.zeros(nets, 1, hidden), second, torch.zeros(nets, 1, labels)]
    return [tensor.requires_grad_() for tensor in shapes]


def _scores(inputs: Tensor, tensors: list[Tensor], dropout: float, random: torch.Generator) -> Tensor:
    first, first_bias, second, second_bias = tensors
    hidden = torch.baddbmm(first_bias, inputs, first).relu()
    kept = torch.rand(hidden.shape, generator=random) >= dropout
    return torch.baddbmm(second_bias, hidden * kept / (1 - dropout), second)


def _mixed(values: Tensor, share: float) -> Tensor:
    """Each row mixed with the one at the other end of the batch, the first weighing the more."""
    more = max(share, 1 - share)
    return more * values + (1 - more) * values.flip(1)


def _batches(count: int, batch: int, nets: int, random: torch.Generator) -> Iterator[Tensor]:
    """Rows (nets, batch) for ever, each network in its own order, every row once a pass but for the rest."""
    while True:
        order = torch.stack([torch.randperm(count, generator=random) for _ in range(nets)])
        for start in range(0, count - batch + 1, batch):
            yield order[:, start : start + batch]
