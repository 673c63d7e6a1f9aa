"""What completely reviewed images say of all images: not which label is tagged, but which are present."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from model_backend.estimators.graph import Graph
from model_backend.estimators.propagation import present_shares
from model_backend.training.covered import Cells
from model_backend.training.logistic import fit_sigmoid

L2 = 0.2  # over the number of reviews
FEW = 100  # reviews at which what they say counts half


@dataclass(frozen=True, eq=False)
class ReviewEstimate:
    """present (N, L): the chance of every label; trust: its weight in 0..1, growing with the reviews.

    by_label (L,): the weights of the labels where some came after some reviews; None where all are alike.
    """

    present: Tensor
    trust: float
    by_label: Tensor | None = None

    def mixed(self, targets: Tensor) -> Tensor:
        """Other targets (N, L) in 0..1, corrected as far as these can be trusted."""
        trust = self.trust if self.by_label is None else self.by_label
        return (1 - trust) * targets + trust * self.present


def estimate_from_reviews(
    mapped: Tensor, observed: Tensor, graph: Graph, covered: Cells | None = None
) -> ReviewEstimate | None:
    """The mean of a linear head fitted on the reviewed images and of what was reviewed nearby.

    mapped (N, D), observed (N, L); an image is completely reviewed when all of several labels are known, or
    as `covered` (N, L) says, see `Pool`. graph: of the pool's neighbours. None without a review.
    """
    if covered is not None:
        return _by_label(mapped, observed, graph, covered)
    complete = (observed != 0).all(dim=1)
    count = int(complete.sum())
    if not count or observed.shape[1] < 2:
        return None
    truth = (observed > 0).float() * complete[:, None]
    weight, bias = fit_sigmoid(mapped[complete], truth[complete], L2 / count)
    linear = (mapped @ weight + bias).sigmoid()
    near = torch.from_numpy(present_shares(graph, csr_matrix(truth.numpy()), complete.numpy()))
    return ReviewEstimate((linear + near) / 2, count / (count + FEW))


def _by_label(mapped: Tensor, observed: Tensor, graph: Graph, covered: Cells) -> ReviewEstimate | None:
    """The same, each label by the reviews that tell it."""
    told = torch.from_numpy(np.ascontiguousarray(covered))
    reviewed = told.any(dim=1)
    count = int(reviewed.sum())
    if not count:
        return None
    truth = (observed > 0).float() * told
    counts = told.sum(dim=0).float()
    weight, bias = fit_sigmoid(mapped[reviewed], truth[reviewed], L2 / count, told[reviewed].float())
    linear = (mapped @ weight + bias).sigmoid()
    near = torch.from_numpy(present_shares(graph, csr_matrix(truth.numpy()), covered))
    trust = counts / (counts + FEW)
    return ReviewEstimate((linear + near) / 2, float(trust.mean()), trust)
