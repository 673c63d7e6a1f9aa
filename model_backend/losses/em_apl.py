"""Entropy maximisation with asymmetric pseudo-labels."""

from __future__ import annotations

import torch
from torch import Tensor

from model_backend.losses.base import check_share
from model_backend.losses.batch import Known
from model_backend.losses.em import EM
from model_backend.losses.memory import ImageMemory
from model_backend.losses.terms import cross_entropy, entropy


class EMAPL(EM):
    """EM whose unknown cells of lowest p become soft negatives, more of them after each pass.

    Zhou et al., ECCV 2022. After each pass from `warm_up` on, for each label, the share `proportion` /
    (passes left after the warm-up) of its unknown cells with the lowest p gets its p of then as a fixed
    soft target, weighing `beta`. Their code asks the model again for p at the end of the pass; here it is
    the p met during the pass, which costs none. Cells observed later count as observed.

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
        self.met = ImageMemory(torch.nan, torch.float16)
        self.soft = ImageMemory(torch.nan, torch.float16)

    def cells(self, logits: Tensor, known: Known) -> Tensor:
        """(B, L)."""
        indices = known.batch.indices
        target = self.soft.read(indices, logits.shape[1]).to(logits)
        chosen = (known.unknown > 0) & ~target.isnan()
        if self.training:
            undecided = (known.unknown > 0) & ~chosen
            self.met.write(indices, torch.where(undecided, logits.detach().sigmoid(), torch.nan))
        soft = self.beta * cross_entropy(logits, target.nan_to_num()) + self.alpha * entropy(logits)
        return super().cells(logits, known) + chosen * soft

    @torch.no_grad()
    def on_epoch_end(self, epoch: int, epochs: int) -> None:
        """Turn the next share of each label's unknown cells into soft negatives."""
        warm_up = max(round(self.warm_up * epochs), 1)
        met = self.met.values
        if epoch >= warm_up and met.numel():
            self._choose(met.float(), self.proportion / max(epochs - warm_up, 1))
        self.met.values = torch.full_like(met, torch.nan)

    def _choose(self, met: Tensor, share: float) -> None:
        """Fix the p of the lowest cells of each label, a `share` of those unknown at first."""
        rows = torch.arange(met.shape[0], device=met.device)
        soft = self.soft.read(rows, met.shape[1])
        undecided, decided = ~met.isnan(), ~soft.isnan()
        count = (share * (undecided | decided).sum(0)).floor().long()
        rank = met.nan_to_num(2).sort(dim=0, stable=True).indices.argsort(0)
        chosen = undecided & (rank < count)
        self.soft.write(rows, torch.where(chosen, met.half(), soft))
