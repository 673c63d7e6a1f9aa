"""How much each of several estimates of the tags weighs, by the tags that none of them has seen."""

from __future__ import annotations

from torch import Tensor

ROUNDS = 100


def mixture_weights(estimates: Tensor, tags: Tensor, pseudo_tags: Tensor) -> Tensor:
    """The weights (E,) of estimates (E, N, L), summing to 1, under which the tags (N, L) are likeliest.

    By expectation maximisation (Dempster, Laird and Rubin, 1977), as in stacked density estimation (Smyth and
    Wolpert, 1999): no estimate should have seen the tag that it is judged by. pseudo_tags (E,): so many
    assumed tags speak for each estimate; few tags leave the weights near theirs.

    >>> import torch
    >>> tags = torch.eye(2)[torch.zeros(90, dtype=torch.long)]
    >>> right, wrong = tags * 0.8 + 0.1, 0.9 - tags * 0.8
    >>> weights = mixture_weights(torch.stack([right, wrong]), tags, torch.tensor([5.0, 5.0]))
    >>> [f"{each:.2f}" for each in weights]
    ['0.94', '0.06']
    """
    return likeliest_weights((estimates * tags).sum(dim=2)[:, tags.sum(dim=1) > 0], pseudo_tags)


def likeliest_weights(likelihoods: Tensor, assumed: Tensor) -> Tensor:
    """The weights (E,) of estimates by which M things, so likely (E, M) by each, are likeliest together.

    assumed (E,): so many more speak for each estimate alone.
    """
    weights = assumed / assumed.sum()
    for _ in range(ROUNDS):
        joint = weights[:, None] * likelihoods
        found = joint / joint.sum(dim=0).clamp(min=1e-12)
        weights = found.sum(dim=1) + assumed
        weights = weights / weights.sum()
    return weights
