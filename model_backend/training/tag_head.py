"""The softmax over which label is tagged: what it expects of every image, and how strongly it is held back.

The usual penalty fits features in which near images are alike. Where features are noisier, or where labels
that are present together share the tags, a stronger one ranks better, and where labels lie along a few weak
directions a weaker one. The tags tell: each is foretold by a head that has not seen it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from model_backend.training.folds import folds
from model_backend.training.logistic import LinearLayer, fit_softmax
from model_backend.training.model import Link

SMOOTHING = 0.2
USUAL, STRONGER, WEAKER = 0.2, (0.6, 2.0), (0.05,)  # penalties, over the number of images
STEP = 7.0  # nats of the held-out tags' likelihood that the next penalty has to gain
TEMPERATURES = tuple(2.0 ** (half / 2) for half in range(-2, 5))


@dataclass(frozen=True, eq=False)
class TagHead:
    """layer: fitted on all tags, its link see `Head`; l2: the penalty, over the number of images.

    shares (N, L): what it expects of each image, of a tagged one by a head fitted without it; rows sum to 1.
    likelihood: of the tags by those, in nats. more (N, 1): how many times the usual number of labels an image
    shows.
    """

    layer: LinearLayer
    l2: float
    shares: Tensor
    likelihood: float
    link: Link
    more: Tensor


def fit_tag_head(mapped: Tensor, tags: Tensor, *, seed: int) -> TagHead:
    """The head of mapped features (N, D) and tags (N, L), rows summing to 1 where an image is tagged, else 0.

    Its penalty is the one under which held-out tags are likeliest, each step away from the usual one having
    to gain `STEP` nats. Before that, and in the shares, scores are sharpened or flattened around the labels'
    frequencies by the temperature that suits the held-out tags best: a strong penalty leaves them too flat.
    """
    tagged = tags.sum(dim=1) > 0
    frequency = (tags.sum(dim=0) + 1).log()
    best = _best(mapped[tagged], tags[tagged], frequency, seed)
    weight, bias = best.layer
    shares = tempered(mapped @ weight + bias, frequency, best.temperature)
    shares[tagged] = tempered(best.scores, frequency, best.temperature)
    return TagHead(best.layer, best.l2, shares, best.likelihood, "softmax", mapped.new_ones(len(mapped), 1))


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A head by its penalty; scores (n, L) of the tagged images out of fold; how likely that makes tags."""

    layer: LinearLayer
    l2: float
    scores: Tensor
    temperature: float
    likelihood: float


def _best(mapped: Tensor, tags: Tensor, frequency: Tensor, seed: int) -> _Fitted:
    """Up or down from the usual penalty, as long as each step gains enough."""
    usual = best = _fitted(mapped, tags, frequency, USUAL, seed)
    for side in (STRONGER, WEAKER):
        for l2 in side:
            tried = _fitted(mapped, tags, frequency, l2, seed, best.layer)
            if tried.likelihood < best.likelihood + STEP:
                break
            best = tried
        if best is not usual:
            break
    return best


def _fitted(
    mapped: Tensor, tags: Tensor, frequency: Tensor, l2: float, seed: int, start: LinearLayer | None = None
) -> _Fitted:
    layer = fit_softmax(mapped, smooth(tags), l2 / len(mapped), start)
    scores = out_of_fold(mapped, tags, l2, seed=seed, start=layer)
    temperature, likelihood = tempering(scores, tags, frequency)
    return _Fitted(layer, l2, scores, temperature, likelihood)


def out_of_fold(
    mapped: Tensor, tags: Tensor, l2: float, *, seed: int, start: LinearLayer | None = None
) -> Tensor:
    """The scores (n, L) of each tagged image, by a head fitted without that image's fold."""
    count = len(mapped)
    if count < 2:
        return (tags.mean(dim=0, keepdim=True) + 1e-6).log().expand_as(tags)
    result = torch.empty_like(tags)
    for fold, kept in folds(count, seed):
        weight, bias = fit_softmax(mapped[kept], smooth(tags[kept]), l2 / len(kept), start)
        result[fold] = mapped[fold] @ weight + bias
    return result


def smooth(tags: Tensor) -> Tensor:
    """Targets (n, L) of a softmax: the tags, a fifth of each spread over all labels."""
    return (1 - SMOOTHING) * tags + SMOOTHING / tags.shape[1]


def tempering(scores: Tensor, tags: Tensor, frequency: Tensor) -> tuple[float, float]:
    """The temperature of scores (n, L) that suits the tags (n, L) best, and their log likelihood by it."""

    def likelihood(temperature: float) -> float:
        shares = tempered(scores, frequency, temperature)
        return float((shares.clamp(min=1e-12).log() * tags).sum())

    temperature = max(TEMPERATURES, key=likelihood)
    return temperature, likelihood(temperature)


def tempered(scores: Tensor, frequency: Tensor, temperature: float) -> Tensor:
    """The softmax of scores (n, L), their distance from the labels' log frequency times the temperature."""
    return (frequency + temperature * (scores - frequency)).softmax(dim=1)
