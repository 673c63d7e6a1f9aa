"""A planted multi-label problem of any size: labels follow a low-rank score, about k of them an image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from model_backend.estimators import SparseObservations

RANK, WIDTH, NOISE, POSITIVES = 16, 64, 1.0, 3.0
HELD_OUT, PROBED, CELLS = 2_000, 1_000, 2**18


@dataclass(frozen=True)
class Planted:
    """N tagged images to learn from, and the truth of a few.

    Attributes:
        features: (N, F), noisy, so that the truth cannot be read off them.
        tags: (N,) one label of each image, drawn among those it shows.
        label_count: L.
        held_out: features (H, F) and truth (H, L) of images that are not trained on.
        probed: truth (P, L) of the first P images of the pool.
    """

    features: Tensor
    tags: Tensor
    label_count: int
    held_out: tuple[Tensor, Tensor]
    probed: Tensor

    def observed(self) -> SparseObservations:
        """The tags alone."""
        count = self.tags.numel()
        return SparseObservations.from_triples(
            torch.arange(count), self.tags, torch.ones(count), (count, self.label_count)
        )

    def save(self, file: Path) -> None:
        """For the processes that measure."""
        torch.save(vars(self), file)

    @classmethod
    def load(cls, file: Path) -> Planted:
        """What `save` wrote."""
        return cls(**torch.load(file, weights_only=True))


def plant(images: int, labels: int, seed: int = 0) -> Planted:
    """Draw a problem; N x L scores exist a few rows at a time only."""
    generator = torch.Generator().manual_seed(seed)
    latent = torch.randn(images + HELD_OUT, RANK, generator=generator)
    weights = torch.randn(labels, RANK, generator=generator) / RANK**0.5 * 2
    bias = torch.randn(labels, generator=generator) / 2
    mixing = torch.randn(RANK, WIDTH, generator=generator) / RANK**0.5
    features = torch.tanh(latent @ mixing)
    features += NOISE * torch.randn(features.shape, generator=generator)

    sample = (latent[:400] @ weights.T + bias).flatten()
    sample = sample[torch.randint(sample.numel(), (2**22,), generator=generator)]
    threshold = sample.kthvalue(int(sample.numel() * (1 - POSITIVES / labels))).values
    order = torch.rand(labels, generator=generator)

    def truth(rows: Tensor) -> Tensor:
        scores = rows @ weights.T + bias
        return torch.ge(scores, torch.minimum(scores.amax(1, keepdim=True), threshold))

    tags, size = torch.empty(images, dtype=torch.long), max(CELLS // labels, 1)
    for start in range(0, images, size):
        rows = latent[start : min(start + size, images)]
        turn = torch.rand(rows.shape[0], 1, generator=generator)
        tags[start : start + size] = ((order + turn).frac() * truth(rows)).argmax(1)
    return Planted(
        features[:images].clone(),
        tags,
        labels,
        (features[images:].clone(), truth(latent[images:])),
        truth(latent[:PROBED]),
    )
