"""Which label is tagged as a share of those present: sigmoids over their sum, in place of a softmax.

Under a softmax every label takes away from all others, without end. Where an image shows several labels,
sigmoids say it better: each saturates where its label is surely present, the tag is drawn evenly from what
is, and their sum tells how many that are. The held-out tags choose.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from model_backend.training.folds import folds
from model_backend.training.logistic import LinearLayer, fit_shared
from model_backend.training.model import BELIEVED
from model_backend.training.tag_head import STEP, STRONGER, USUAL, TagHead, smooth, tempered, tempering

PENALTIES = (USUAL, STRONGER[0])


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A head by its penalty; logs (n, L) of the sigmoids of the tagged images, out of fold."""

    layer: LinearLayer
    logs: Tensor
    temperature: float
    likelihood: float


def shared_if_likelier(
    head: TagHead, mapped: Tensor, tags: Tensor, positives: float, *, seed: int
) -> TagHead:
    """The softmax head of mapped features (N, D) and tags (N, L), or one of shares in k, `positives`, labels.

    The latter where the held-out tags are likelier under it by `STEP` nats. The penalty for what is trained
    to soft labels stays the softmax's.
    """
    tagged = tags.sum(dim=1) > 0
    if int(tagged.sum()) < 2:  # none could be held out
        return head
    frequency = (tags.sum(dim=0) + 1).log()
    best: _Fitted | None = None
    for l2 in PENALTIES:
        tried = _fitted(mapped[tagged], tags[tagged], frequency, l2, positives, seed)
        if tried.likelihood < (best or head).likelihood + STEP:
            break
        best = tried
    if best is None:
        return head
    weight, bias = best.layer
    logs = F.logsigmoid(mapped @ weight + bias)
    shares = tempered(logs, frequency, best.temperature)
    shares[tagged] = tempered(best.logs, frequency, best.temperature)
    logs[tagged] = best.logs
    count = logs.exp().sum(dim=1, keepdim=True)
    more = (count / positives) ** BELIEVED
    return TagHead(best.layer, head.l2, shares, best.likelihood, "shared", more)


def _fitted(
    mapped: Tensor, tags: Tensor, frequency: Tensor, l2: float, positives: float, seed: int
) -> _Fitted:
    layer = fit_shared(mapped, smooth(tags), l2 / len(mapped), positives)
    logs = torch.empty_like(tags)
    for fold, kept in folds(len(mapped), seed):
        weight, bias = fit_shared(mapped[kept], smooth(tags[kept]), l2 / len(kept), positives, layer)
        logs[fold] = F.logsigmoid(mapped[fold] @ weight + bias)
    temperature, likelihood = tempering(logs, tags, frequency)
    return _Fitted(layer, logs, temperature, likelihood)
