"""Which label was tagged, as a choice of one among all."""

from __future__ import annotations

import torch
from torch import Tensor

from model_backend.losses.base import Loss, check_share
from model_backend.losses.batch import Masks


class Softmax(Loss):
    """Cross entropy of the softmax over labels against the tag, smoothed; the mean is over the B images.

    The tag is a choice of one label, whatever else is in the picture; independent sigmoids do not model that.
    Joulin et al., ECCV 2016, and Mahajan et al., ECCV 2018, train on hashtags so. Several observed
    positives share the target equally (or by their propensity weights); an observed negative cannot have
    been the tag and gets no part of the smoothing. An image with negatives alone costs -log of the chance
    that the tag is among the rest; one without known cells, or with no label left, costs nothing.

    Args:
        smoothing: part of the target that is spread over all labels not observed absent.
    """

    def __init__(self, smoothing: float = 0.2) -> None:
        super().__init__()
        self.smoothing = check_share("smoothing", smoothing)

    def value(self, logits: Tensor, masks: Masks) -> Tensor:
        """Mean over the images."""
        tagged = self.tagged(logits, masks)
        rest = self.among_the_rest(logits, masks)
        has_tag = masks.positive.sum(1) > 0
        return torch.where(has_tag, tagged, rest).sum() / max(logits.shape[0], 1)

    def tagged(self, logits: Tensor, masks: Masks) -> Tensor:
        """(B,): cross entropy with the smoothed tags; images without a tag have a share of 0."""
        possible = 1 - masks.negative
        share = masks.positive / masks.positive.sum(1, keepdim=True).clamp(min=1e-12)
        spread = possible / possible.sum(1, keepdim=True).clamp(min=1)
        target = (1 - self.smoothing) * share + self.smoothing * spread
        weight = (masks.positive.sum(1) / (masks.positive > 0).sum(1).clamp(min=1)).clamp(min=1)
        return -weight * (target * logits.log_softmax(1)).sum(1)

    def among_the_rest(self, logits: Tensor, masks: Masks) -> Tensor:
        """(B,): -log of the chance of all labels not observed absent."""
        absent = masks.negative > 0
        rest = logits.masked_fill(absent, torch.finfo(logits.dtype).min).logsumexp(1)
        mixed = absent.any(1) & ~absent.all(1)
        return torch.where(mixed, logits.logsumexp(1) - rest, 0.0)
