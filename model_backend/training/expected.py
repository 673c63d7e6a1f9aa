"""What is expected by the labels' names, mixed into the soft labels as far as it foretells the tags.

Before the first tags a backbone's own classes are all there is, later they are one estimate among others, and
for labels seen from another side than the classes were (a ship from above) they are worth nothing. The tags
that there are decide, each held out from the estimate that it judges.
"""

from __future__ import annotations

import torch
from torch import Tensor

LEAST = 1e-3  # of a label's mean: what counts as not expected at all
PSEUDO_TAGS = 1.0  # an estimate, for even weights while tags are few
ROUNDS = 100


def with_expected(shares: Tensor, tags: Tensor, expected: Tensor | None) -> tuple[Tensor, float]:
    """The shares (N, L) of tags alone mixed with what is expected (N, L), and the weight that they keep.

    tags (N, L): rows summing to 1 where an image is tagged, else 0. expected: NaN where a name says nothing.
    Mixed are three estimates: the shares themselves; how often a label is tagged times how much more it is
    expected here than on average; and the shares times the root of that ratio.
    """
    if expected is None or bool(expected.isnan().all()):
        return shares, 1.0
    ratio = _ratio(expected)
    alone = torch.where(expected.isnan(), shares, _frequency(tags) * ratio)
    estimates = torch.stack([shares, _rows_to_one(alone), _rows_to_one(shares * ratio.sqrt())])
    weights = mixture_weights(estimates, tags)
    return torch.einsum("e,enl->nl", weights, estimates), float(weights[0])


def mixture_weights(estimates: Tensor, tags: Tensor) -> Tensor:
    """The weights (E,) of estimates (E, N, L), summing to 1, under which the tags (N, L) are likeliest.

    By expectation maximisation (Dempster, Laird and Rubin, 1977) with a pseudo-tag for each estimate. As in
    stacked density estimation (Smyth and Wolpert, 1999), none may have seen the tag that it is judged by.
    """
    likelihood = (estimates * tags).sum(dim=2)[:, tags.sum(dim=1) > 0]
    count = len(estimates)
    weights = estimates.new_full((count,), 1 / count)
    for _ in range(ROUNDS):
        joint = weights[:, None] * likelihood
        found = joint / joint.sum(dim=0).clamp(min=1e-12)
        weights = found.sum(dim=1) + PSEUDO_TAGS
        weights = weights / weights.sum()
    return weights


def _ratio(expected: Tensor) -> Tensor:
    """How much more a label is expected of an image than on average (N, L); 1 where nothing is told."""
    ratio = expected / expected.mean(dim=0).clamp(min=1e-6)
    return torch.where(expected.isnan(), 1.0, ratio.clamp(min=LEAST))


def _frequency(tags: Tensor) -> Tensor:
    """How often a label is tagged on the other images (N, L), one more tag of every label assumed."""
    others = tags.sum(dim=0) - tags
    return _rows_to_one(others + 1)


def _rows_to_one(values: Tensor) -> Tensor:
    return values / values.sum(dim=1, keepdim=True)
