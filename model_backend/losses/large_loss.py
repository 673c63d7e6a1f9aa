"""What the three large-loss methods share: which unknown cells fit the assumption of absence worst."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from model_backend.losses.base import Loss, check_share
from model_backend.losses.terms import negative_nll


class LargeLoss(Loss):
    """AN that mistrusts the unknown cells of largest loss, `delta` of all cells more after each pass.

    Kim et al., CVPR 2022: a network learns what is consistent first, so an assumed negative that still costs
    much is likely a positive. The first pass is plain AN. As in their code, the count is a share of the B * L
    cells of the batch; ties with the last one are mistrusted with it, so that order does not matter.

    Args:
        delta: share a pass, 0.002 is their 0.2 %.
    """

    def __init__(self, delta: float = 0.002) -> None:
        super().__init__()
        self.delta = check_share("delta", delta)

    def share(self, epoch: int) -> float:
        """(epoch - 1) * delta."""
        return min((epoch - 1) * self.delta, 1.0)

    @torch.no_grad()
    def suspects(self, logits: Tensor, unknown: Tensor, epoch: int) -> Tensor:
        """(B, L) 0 or 1: unknown cells whose loss as absent is among the largest."""
        count = math.ceil(logits.numel() * self.share(epoch) - 1e-9)
        if count == 0:
            return torch.zeros_like(logits)
        loss = negative_nll(logits).masked_fill(unknown == 0, -1)
        last = loss.flatten().topk(min(count, loss.numel())).values[-1]
        return unknown * (loss >= last)
