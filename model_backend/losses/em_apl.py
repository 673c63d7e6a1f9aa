"""Entropy maximisation with asymmetric pseudo-labels."""

from __future__ import annotations

import torch
from torch import Tensor

from model_backend.losses.base import check_share
from model_backend.losses.batch import Masks
from model_backend.losses.em import EM
from model_backend.losses.memory import ImageMemory
from model_backend.losses.terms import cross_entropy, entropy


class EMAPL(EM):
    """EM whose unknown cells of lowest p become soft negatives, more of them after each pass.

    Zhou et al., ECCV 2022. After each pass from `warm_up` on, for each label, the share `proportion` /
    (passes left after the warm-up) of its unknown cells with the lowest p gets its present p as a
    fixed soft target of weight `beta`. The published code computes p anew at the end of the pass; here it is
    the p of the step in which the image was seen, which costs nothing more. Cells observed later count as
    observed.

    Args:
        alpha: as EM.
        beta: weight of soft negatives; published for VOC 0.02, NUS 0.2, CUB 0.4, COCO 0.9.
        proportion: of the unknown cells of a label that are soft negatives in the end.
        warm_up: share of the passes before the first soft negatives; published: 5 of 10.
    """

    def __init__(
        self, alpha: float = 0.1, beta: float = 0.2, proportion: float = 0.9, warm_up: float = 0.5
    ) -> None:
        super().__init__(alpha)
        self.beta = beta
        self.proportion = check_share("proportion", proportion)
        self.warm_up = check_share("warm_up", warm_up)
        self.seen = ImageMemory(torch.nan, torch.float16)
        self.soft = ImageMemory(torch.nan, torch.float16)

    def cell_losses(self, logits: Tensor, masks: Masks) -> Tensor:
        """(B, L)."""
        indices = masks.batch.indices
        target = self.soft.read(indices, logits.shape[1]).to(logits)
        chosen = (masks.unknown > 0) & ~target.isnan()
        if self.training:
            undecided = (masks.unknown > 0) & ~chosen
            self.seen.write(indices, torch.where(undecided, logits.detach().sigmoid(), torch.nan))
        soft = self.beta * cross_entropy(logits, target.nan_to_num()) + self.alpha * entropy(logits)
        return super().cell_losses(logits, masks) + chosen * soft

    @torch.no_grad()
    def on_epoch_end(self, epoch: int, epochs: int) -> None:
        """Turn the next share of each label's unknown cells into soft negatives."""
        warm_up = max(round(self.warm_up * epochs), 1)
        seen = self.seen.values
        if epoch >= warm_up and seen.numel():
            self._choose(seen.float(), self.proportion / max(epochs - warm_up, 1))
        self.seen.values = torch.full_like(seen, torch.nan)

    def _choose(self, seen: Tensor, share: float) -> None:
        """Fix the p of the lowest cells of each label, a `share` of those unknown at first."""
        rows = torch.arange(seen.shape[0], device=seen.device)
        soft = self.soft.read(rows, seen.shape[1])
        undecided, decided = ~seen.isnan(), ~soft.isnan()
        count = (share * (undecided | decided).sum(0)).floor().long()
        rank = seen.nan_to_num(2).sort(dim=0, stable=True).indices.argsort(0)
        chosen = undecided & (rank < count)
        self.soft.write(rows, torch.where(chosen, seen.half(), soft))
