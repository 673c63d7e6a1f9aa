"""What is expected by the labels' names, mixed into the soft labels as far as it foretells the tags.

Before the first tags a backbone's own classes are all there is, later they are one estimate among others, and
for a name that means something else here (a tank that holds oil) they mislead. The tags that there are
decide: of each label how far to believe its name, and of all labels how much the names weigh.
"""

from __future__ import annotations

import torch
from torch import Tensor

from model_backend.training.mixture import mixture_weights

LEAST = 1e-3  # of a label's mean: what counts as not expected at all
PSEUDO_TAGS = 1.0  # an estimate, for even weights while tags are few
ITERATIONS = 40


def with_expected(shares: Tensor, tags: Tensor, expected: Tensor | None) -> tuple[Tensor, float]:
    """The shares (N, L) of tags alone mixed with what is expected (N, L), and the weight that they keep.

    tags (N, L): rows summing to 1 where an image is tagged, else 0. expected: NaN where a name says nothing.
    Mixed are three estimates: the shares themselves; how often a label is tagged, times how much more it is
    expected here than on average; and the shares times the root of that ratio. The ratio is to the power of
    the belief in the name.
    """
    if expected is None or bool(expected.isnan().all()):
        return shares, 1.0
    frequency, log_ratio = _frequency(tags), _log_ratio(expected)
    ratio = (beliefs(frequency.log(), log_ratio, tags) * log_ratio).exp()
    alone = torch.where(expected.isnan(), shares, frequency * ratio)
    estimates = torch.stack([shares, _rows_to_one(alone), _rows_to_one(shares * ratio.sqrt())])
    weights = mixture_weights(estimates, tags, torch.full((len(estimates),), PSEUDO_TAGS))
    return torch.einsum("e,enl->nl", weights, estimates), float(weights[0])


def beliefs(log_frequency: Tensor, log_ratio: Tensor, tags: Tensor) -> Tensor:
    """How far to believe each label's name (L,), from 0 to 1: 1 without a tag that speaks against it.

    The softmax of log frequency + belief x log ratio (N, L) should foretell the tags (N, L). Minimises their
    cross-entropy + (belief - 1)^2 / 2, by L-BFGS. A tag of another label speaks too, where this one was
    expected.
    """
    rows = tags.sum(dim=1) > 0
    log_frequency, log_ratio, tags = log_frequency[rows], log_ratio[rows], tags[rows]
    belief = torch.ones(tags.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([belief], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        likelihood = (tags * (log_frequency + belief * log_ratio).log_softmax(dim=1)).sum()
        value = (belief - 1).square().sum() / 2 - likelihood
        torch.autograd.backward(value)
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call] # torch leaves L-BFGS untyped
    return belief.detach().clamp(0, 1)


def _log_ratio(expected: Tensor) -> Tensor:
    """The log of how much more a label is expected here than on average (N, L); 0 where nothing is told."""
    ratio = expected / expected.mean(dim=0).clamp(min=1e-6)
    return torch.where(expected.isnan(), 0.0, ratio.clamp(min=LEAST).log())


def _frequency(tags: Tensor) -> Tensor:
    """How often a label is tagged on the other images (N, L), one more tag of every label assumed."""
    others = tags.sum(dim=0) - tags
    return _rows_to_one(others + 1)


def _rows_to_one(values: Tensor) -> Tensor:
    return values / values.sum(dim=1, keepdim=True)
