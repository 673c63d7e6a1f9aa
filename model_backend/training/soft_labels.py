"""Soft labels: for every image and label the chance that the label is the one tagged, its own tag unseen.

Three estimates mixed: a head of tags fitted on other folds; the tags of near images; and the tags of
images for which the first two agree, a distance learned from tags. They weigh alike, unless the tags say that
some foretell them worse: where labels do not follow neighbourhoods, near images say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from model_backend.estimators.graph import Graph, neighbour_graph
from model_backend.estimators.propagation import label_shares
from model_backend.progress import Progress
from model_backend.training.choices import uses_positives
from model_backend.training.covered import Cells
from model_backend.training.expected import with_expected
from model_backend.training.mixture import mixture_weights
from model_backend.training.positives import expected_positives
from model_backend.training.recipe import Recipe
from model_backend.training.reviews import Reviews, read_reviews
from model_backend.training.shared_head import shared_if_likelier
from model_backend.training.tag_head import TagHead, fit_tag_head

NEIGHBOURS = 15
PSEUDO_TAGS = 200.0  # assumed for even weights of the estimates
AGAIN = 2 / 3  # weight of refined shares, all tags trusted
FEW = 100  # tags at which what is learned from tags (the distance, networks) counts half


@dataclass(frozen=True, eq=False)
class SoftLabels:
    """shares (N, L): the estimates mixed, rows summing to 1, a tagged image's own tag unseen.

    tags (N, L): the observed tags, see `tag_shares`; head: of these, a softmax or sigmoids over their sum;
    trust: the weight in 0..1 of what is learned from tags, growing with their number; reviews: what
    completely reviewed images say, where there are any; own: the weight in 0..1 of the tags' own estimates in
    the shares, beside what is expected by the labels' names; named (L,): labels whose names tell something.
    """

    shares: Tensor
    tags: Tensor
    head: TagHead
    trust: float
    reviews: Reviews | None = None
    own: float = 1.0
    named: Tensor | None = None


def estimate_soft_labels(
    mapped: Tensor,
    observed: Tensor,
    expected: Tensor | None = None,
    covered: Cells | None = None,
    asked: Cells | None = None,
    given: float | None = None,
    *,
    seed: int,
    progress: Progress,
) -> SoftLabels:
    """The soft labels of mapped features (N, D) and observations (N, L), at least one of them positive.

    expected (N, L): by the labels' names; covered (N, L): what complete reviews tell; asked (N, L): what was
    asked by name; see `Pool`. given: labels an image, by the user.
    """
    tags = tag_shares(observed)
    count = int((tags.sum(dim=1) > 0).sum())
    trust = count / (count + FEW)
    progress("which label is tagged", 0.1)
    head = fit_tag_head(mapped, tags, seed=seed)
    positives = expected_positives(observed.numpy(), given, head.shares, covered, asked).value
    head = shared_if_likelier(head, mapped, tags, positives, seed=seed)
    progress("neighbours", 0.5)
    graph = neighbour_graph(mapped, NEIGHBOURS, seed)
    shares = mixed_estimates(graph, tags, head.shares, trust, seed=seed)
    shares, own = with_expected(shares, tags, expected)
    reviews = read_reviews(mapped, observed, graph, covered, asked, seed=seed)
    named = None if expected is None else ~expected.isnan().all(dim=0)
    return SoftLabels(shares, tags, head, trust, reviews, own, named)


def soft_labels_for(
    recipe: Recipe,
    mapped: Tensor,
    observed: Tensor,
    given: float | None,
    progress: Progress,
    *,
    expected: Tensor | None = None,
    covered: Cells | None = None,
    asked: Cells | None = None,
) -> SoftLabels | None:
    """The soft labels where the recipe needs them: for the default, or for k where none is `given`."""
    if not recipe.is_default and (given is not None or not uses_positives(recipe)):
        return None
    used = expected if recipe.is_default else None
    return estimate_soft_labels(
        mapped, observed, used, covered, asked, given, seed=recipe.seed, progress=progress
    )


def tag_shares(observed: Tensor) -> Tensor:
    """For each image the chance (N, L) that a label is the one tagged: even over its observed positives."""
    positive = (observed > 0).float()
    return positive / positive.sum(dim=1, keepdim=True).clamp(min=1.0)


def mixed_estimates(graph: Graph, tags: Tensor, away: Tensor, trust: float, *, seed: int) -> Tensor:
    """The three estimates mixed (N, L), rows summing to 1; the learned distance weighs `trust` at first.

    graph: of the pool's neighbours; away (N, L): the head of tags, out of fold where an image is tagged.
    """
    near = _spread(graph, tags)
    # Inner products of square roots of two distributions: alike are those that expect the same tags.
    alike = _spread(neighbour_graph(((away + near) / 2).sqrt(), NEIGHBOURS, seed), tags)
    estimates = torch.stack([away, near, alike])
    at_first = torch.tensor([1.0, 1.0, trust])
    weights = mixture_weights(estimates, tags, PSEUDO_TAGS * at_first / at_first.sum())
    return torch.einsum("e,enl->nl", weights, estimates)


def refined(soft_labels: SoftLabels, predicted: Tensor, *, seed: int) -> Tensor:
    """The shares (N, L) once more, near now being images of which heads predict the same.

    predicted (N, L): their probabilities. What is new weighs up to two thirds, growing with the tags and with
    their weight beside what is expected. These heads know the tags, so that a tagged image's own tag is not
    unseen in the result.
    """
    graph = neighbour_graph(predicted.clamp(min=1e-4).sqrt(), NEIGHBOURS, seed)
    weight = AGAIN * soft_labels.trust * soft_labels.own
    return (1 - weight) * soft_labels.shares + weight * _spread(graph, soft_labels.tags)


def _spread(graph: Graph, tags: Tensor) -> Tensor:
    return torch.from_numpy(label_shares(graph, csr_matrix(tags.numpy())))
