"""The shipped default: what was tagged, what neighbours were tagged, and heads that learn to say both.

The belief that tags give about every image (`belief.py`) times k are soft targets for all images, tagged or
not. A linear head and two small networks learn the targets and smooth out what the witnesses disagree on.
Chosen by measurement, `benchmarks/accuracy.py`: see README.
"""

from __future__ import annotations

import torch
from torch import Tensor

from model_backend.progress import Progress
from model_backend.training.logistic import fit_sigmoid
from model_backend.training.mlp import fit_mlps
from model_backend.training.model import Head
from model_backend.training.soft_labels import L2, SoftLabels

NETS = 2


def fit_default_heads(
    mapped: Tensor,
    observed: Tensor,
    belief: SoftLabels,
    expected_positives: float,
    *,
    seed: int,
    progress: Progress,
    propensity: Tensor | None = None,
) -> tuple[Head, ...]:
    """Heads for mapped features (N, D), observations (N, L) and what is believed of them.

    propensity (L,): the chance that a label which is present was the one tagged, up to a factor. What is
    seldom tagged though present then counts for more.
    """
    shares, head = belief.shares, belief.head
    if propensity is not None:
        shares, head = shares / propensity, (head[0], head[1] - propensity.log())
        shares = shares / shares.sum(dim=1, keepdim=True)
    targets = soft_targets(shares, observed, expected_positives)
    progress("heads", 0.7)
    linear = fit_sigmoid(mapped, targets, None, L2 / len(mapped))
    nets = fit_mlps(mapped, targets, NETS, seed=seed)
    return (
        Head((linear,)),
        Head((head,), link="softmax", positives=expected_positives),
        *(Head(layers, share=belief.trust / NETS) for layers in nets),
    )


def soft_targets(shares: Tensor, observed: Tensor, expected_positives: float) -> Tensor:
    """k times the shares (N, L), at most 1; 1 and 0 where observed."""
    targets = (expected_positives * shares).clamp(max=1.0)
    return torch.where(observed > 0, 1.0, torch.where(observed < 0, 0.0, targets))
