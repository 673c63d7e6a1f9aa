"""The shipped default: what was tagged, what neighbours were tagged, and heads that learn to say both.

Each image gets a belief about every label from three witnesses that have not seen its own tag:
a softmax over tags fitted on other folds; the tags of near images; and the tags of images that the first two
find alike, a distance learned from tags. Their mean times k are soft targets for all images, tagged or not.
A linear head and two small networks learn the targets and smooth out what the witnesses disagree on.
Chosen by measurement, `benchmarks/accuracy.py`: see README.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from model_backend.estimators.graph import neighbour_graph
from model_backend.estimators.propagation import label_shares
from model_backend.training.convex import Head, fit_sigmoid, fit_softmax
from model_backend.training.model import Part
from model_backend.training.perceptron import fit_perceptrons

SMOOTHING = 0.2
L2 = 0.2  # over the number of images
FOLDS = 5
NEIGHBOURS = 15
NETS = 2
FEW = 100  # tags at which what is learned from tags (distance, networks) counts half

Progress = Callable[[str, float], None]


def fit_fused(
    mapped: Tensor,
    observed: Tensor,
    expected_positives: float,
    *,
    seed: int,
    progress: Progress,
    propensity: Tensor | None = None,
) -> tuple[Part, ...]:
    """Heads for mapped features (N, D) and observations (N, L) of which at least one is positive.

    propensity (L,): the chance that a label which is present was the one tagged, up to a factor. What is
    seldom tagged though present then counts for more.
    """
    tags = tag_shares(observed)
    tagged = tags.sum(dim=1) > 0
    count = int(tagged.sum())
    trust = count / (count + FEW)
    progress("which label is tagged", 0.1)
    head = fit_softmax(mapped[tagged], _smooth(tags[tagged]), L2 / count)
    progress("the same, out of fold", 0.25)
    away = (mapped @ head[0] + head[1]).softmax(dim=1)
    away[tagged] = out_of_fold(mapped[tagged], tags[tagged], seed=seed, start=head)
    progress("neighbours", 0.5)
    belief = believed(mapped, tags, away, trust, seed=seed)
    if propensity is not None:
        belief, head = belief / propensity, (head[0], head[1] - propensity.log())
        belief = belief / belief.sum(dim=1, keepdim=True)
    targets = soft_targets(belief, observed, expected_positives)
    progress("heads", 0.7)
    linear = fit_sigmoid(mapped, targets, None, L2 / len(mapped))
    nets = fit_perceptrons(mapped, targets, NETS, seed=seed)
    return (
        Part((linear,)),
        Part((head,), link="softmax", positives=expected_positives),
        *(Part(layers, share=trust / NETS) for layers in nets),
    )


def tag_shares(observed: Tensor) -> Tensor:
    """For each image the chance (N, L) that a label is the one tagged: even over its observed positives."""
    positive = (observed > 0).float()
    return positive / positive.sum(dim=1, keepdim=True).clamp(min=1.0)


def out_of_fold(mapped: Tensor, tags: Tensor, *, seed: int, start: Head | None = None) -> Tensor:
    """The tag's distribution (n, L) for each tagged image, from a head that has not seen that image's tag."""
    count = len(mapped)
    if count < 2:
        return tags.mean(dim=0, keepdim=True).expand_as(tags)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    result = torch.empty_like(tags)
    for held_out in order.chunk(min(FOLDS, count)):
        kept = torch.ones(count, dtype=torch.bool)
        kept[held_out] = False
        weight, bias = fit_softmax(mapped[kept], _smooth(tags[kept]), L2 / int(kept.sum()), start)
        result[held_out] = (mapped[held_out] @ weight + bias).softmax(dim=1)
    return result


def believed(mapped: Tensor, tags: Tensor, away: Tensor, trust: float, *, seed: int) -> Tensor:
    """The mean of the three witnesses (N, L), rows summing to 1; the learned distance weighs `trust`."""
    near = _spread(mapped, tags, seed)
    # Inner products of square roots of two distributions: alike are those that expect the same tags.
    alike = _spread(((away + near) / 2).sqrt(), tags, seed)
    return (away + near + trust * alike) / (2 + trust)


def soft_targets(belief: Tensor, observed: Tensor, expected_positives: float) -> Tensor:
    """k times the belief, at most 1; 1 and 0 where observed."""
    targets = (expected_positives * belief).clamp(max=1.0)
    return torch.where(observed > 0, 1.0, torch.where(observed < 0, 0.0, targets))


def _spread(points: Tensor, tags: Tensor, seed: int) -> Tensor:
    graph = neighbour_graph(points, NEIGHBOURS, seed)
    return torch.from_numpy(label_shares(graph, csr_matrix(tags.numpy())))


def _smooth(tags: Tensor) -> Tensor:
    return (1 - SMOOTHING) * tags + SMOOTHING / tags.shape[1]
