"""The shipped default: heads trained to the soft labels of every image.

The soft labels (`soft_labels.py`) times k are targets for all images, tagged or not, corrected by what
completely reviewed images say (`reviews.py`). A linear head and two small networks learn these targets and
smooth out where the estimates behind them disagree. A fourth head is the one of the tags itself, which
counts the less the more is reviewed. Chosen by measurement, `benchmarks/accuracy.py`: see README.
"""

from __future__ import annotations

import torch
from torch import Tensor

from model_backend.progress import Progress
from model_backend.training.logistic import fit_sigmoid
from model_backend.training.mlp import fit_mlps
from model_backend.training.model import Head
from model_backend.training.reviews import ReviewEstimate
from model_backend.training.soft_labels import SoftLabels, refined
from model_backend.training.supervision import Supervision

NETS = 2


def fit_default_heads(
    mapped: Tensor, supervision: Supervision, soft_labels: SoftLabels, *, seed: int, progress: Progress
) -> tuple[Head, ...]:
    """Heads on mapped features (N, D), trained to the pool's soft labels.

    A first linear head tells which images are alike by what is predicted of them; that refines the soft
    labels that the others learn.
    """
    more = soft_labels.head.more
    by_tags = tag_targets(soft_labels.shares, supervision, more)
    reviews = soft_labels.reviews.weighed(by_tags) if soft_labels.reviews else None
    tags = _tag_head(supervision, soft_labels, reviews)
    progress("heads", 0.6)
    l2 = soft_labels.head.l2 / len(mapped)
    targets = soft_targets(by_tags, supervision, reviews)
    first = Head((fit_sigmoid(mapped, targets, l2),))
    shares = refined(soft_labels, (first(mapped) + tags(mapped)) / 2, seed=seed)
    targets = soft_targets(tag_targets(shares, supervision, more), supervision, reviews)
    progress("heads", 0.7)
    nets = fit_mlps(mapped, targets, NETS, seed=seed)
    return (
        Head((fit_sigmoid(mapped, targets, l2),)),
        tags,
        *(Head(layers, share=soft_labels.trust / NETS) for layers in nets),
    )


def soft_belief(soft_labels: SoftLabels, supervision: Supervision) -> Tensor:
    """What the soft labels say of every label (N, L), before any head has learned them.

    A tagged image's own tag is unseen in them, until it is set to 1 like all that is observed.
    """
    by_tags = tag_targets(soft_labels.shares, supervision, soft_labels.head.more)
    reviews = soft_labels.reviews.weighed(by_tags) if soft_labels.reviews else None
    return soft_targets(by_tags, supervision, reviews)


def tag_targets(shares: Tensor, supervision: Supervision, more: Tensor | float = 1.0) -> Tensor:
    """k times the shares (N, L), at most 1: how likely each label is by the tags alone.

    more (N, 1): how many times k labels an image shows. With a propensity, labels that are seldom tagged
    though present get a larger share first.
    """
    if supervision.propensity is not None:
        shares = shares / supervision.propensity
        shares = shares / shares.sum(dim=1, keepdim=True)
    return (supervision.expected_positives * more * shares).clamp(max=1.0)


def soft_targets(targets: Tensor, supervision: Supervision, reviews: ReviewEstimate | None = None) -> Tensor:
    """The targets (N, L) of tags, mixed with what the reviews say; 1 and 0 where observed."""
    if reviews is not None:
        targets = reviews.mixed(targets)
    observed = supervision.observed
    return torch.where(observed > 0, 1.0, torch.where(observed < 0, 0.0, targets))


def _tag_head(supervision: Supervision, soft_labels: SoftLabels, reviews: ReviewEstimate | None) -> Head:
    weight, bias = soft_labels.head.layer
    if supervision.propensity is not None:
        bias = bias - supervision.propensity.log()
    share = 1 - float(reviews.trust.mean()) if reviews else 1.0
    share *= soft_labels.own  # this head knows tags alone
    link = soft_labels.head.link
    return Head(((weight, bias),), link=link, share=share, positives=supervision.expected_positives)
