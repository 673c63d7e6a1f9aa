"""What is told of single labels says of all images: not which label is tagged, but which are present.

Complete reviews tell all labels of an image; an answer to "is there a boat?" tells one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from model_backend.estimators.graph import Graph
from model_backend.estimators.propagation import present_shares
from model_backend.training.covered import Cells, told_cells
from model_backend.training.folds import folds
from model_backend.training.logistic import fit_sigmoid
from model_backend.training.mixture import likeliest_weights

L2 = 0.2  # over the number of reviews
FEW = 100  # reviews at which what they say counts half, before it is compared
PSEUDO_CELLS = 200.0  # assumed for that weight
MOST_CELLS = 2**20  # compared
SURE = 1e-3  # how near to 0 and 1 an estimate is believed


@dataclass(frozen=True, eq=False)
class ReviewEstimate:
    """present (N, L): the chance of every label; trust (L,): its weight in 0..1 beside other targets."""

    present: Tensor
    trust: Tensor

    def mixed(self, targets: Tensor) -> Tensor:
        """Other targets (N, L) in 0..1, corrected as far as these can be trusted."""
        return (1 - self.trust) * targets + self.trust * self.present


@dataclass(frozen=True, eq=False)
class Reviews:
    """Two estimates that told labels give of all images, and what it takes to compare them with others.

    linear, near (N, L): of a linear head fitted on the told labels, and of what was told nearby.
    rows (n,): the images of which some are told; told (n, L): which; truth (n, L): 1 present.
    held_out (n, L): the linear estimate of these images by heads fitted without them.
    """

    linear: Tensor
    near: Tensor
    rows: Tensor
    told: Tensor
    truth: Tensor
    held_out: Tensor

    def weighed(self, targets: Tensor) -> ReviewEstimate:
        """Their mean, and its weight beside targets (N, L) that come from tags: by what foretells reviews.

        n reviews weigh n / (n + 100) at first, shared by the two; the reviewed labels, none of which its
        estimates have seen, move that as far as they speak for one of the three.
        """
        counts = self.told.sum(dim=0).float()
        prior = counts / (counts + FEW)
        mean = float(prior.mean())
        at_first = torch.tensor([1 - mean, mean / 2, mean / 2])
        tags, linear, near = likeliest_weights(self._likelihoods(targets), PSEUDO_CELLS * at_first).tolist()
        present = (linear * self.linear + near * self.near) / (linear + near)
        odds = (1 - tags) / tags * (1 - mean) / mean  # how much more than at first
        return ReviewEstimate(present, odds * prior / (1 - prior + odds * prior))

    def _likelihoods(self, targets: Tensor) -> Tensor:
        """Of the reviewed cells (3, M), by the targets and both estimates; of a part where there are many."""
        step = max(1, self.told.numel() // MOST_CELLS)
        rows, told, truth = self.rows[::step], self.told[::step], self.truth[::step]
        estimates = (targets[rows], self.held_out[::step], self.near[rows])
        sure = (each.clamp(SURE, 1 - SURE) for each in estimates)
        return torch.stack([torch.where(truth > 0, each, 1 - each)[told] for each in sure])


def read_reviews(
    mapped: Tensor,
    observed: Tensor,
    graph: Graph,
    covered: Cells | None = None,
    asked: Cells | None = None,
    *,
    seed: int,
) -> Reviews | None:
    """What the told labels of a pool say of all its images; None where none is told.

    mapped (N, D), observed (N, L), covered and asked (N, L): as `Pool` has them. graph: of the pool's
    neighbours.
    """
    cells = told_cells(observed.numpy(), covered, asked)
    rows = torch.from_numpy(np.flatnonzero(cells.any(axis=1)))
    if not len(rows):
        return None
    told = torch.from_numpy(np.ascontiguousarray(cells))
    truth = (observed > 0).float() * told
    points, own, which = mapped[rows], truth[rows], told[rows]
    near = present_shares(graph, csr_matrix(truth.numpy()), cells)
    return Reviews(
        linear=_linear(points, own, which, mapped),
        near=torch.from_numpy(near),
        rows=rows,
        told=which,
        truth=own,
        held_out=_out_of_fold(points, own, which, seed),
    )


def _linear(points: Tensor, truth: Tensor, told: Tensor, others: Tensor) -> Tensor:
    """The chances (M, L) on other points (M, D) by a head of the told cells of these."""
    weight, bias = fit_sigmoid(points, truth, L2 / len(points), None if bool(told.all()) else told.float())
    return (others @ weight + bias).sigmoid()


def _out_of_fold(points: Tensor, truth: Tensor, told: Tensor, seed: int) -> Tensor:
    """The chances (n, L) on each of these points by a head that has not seen it; even ones on one alone."""
    result = torch.full_like(truth, 0.5)
    for fold, kept in folds(len(points), seed):
        result[fold] = _linear(points[kept], truth[kept], told[kept], points[fold])
    return result
