"""Coordinates whose inner products are a centred RBF kernel: exact on small pools, Nystroem on large ones."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from model_backend.features.eigen import top_eigenvectors

EXACT_UP_TO = 4000  # images; beyond, the kernel of all pairs costs seconds
LANDMARKS = 2000
CHUNK = 2048


@dataclass(frozen=True, eq=False)
class KernelMap:
    """phi(x) = k(x, landmarks) @ projection - offset, with k(x, z) = exp(-gamma ||x - z||^2).

    landmarks (M, F) float16: half the file, with an error far below the differences between images;
    projection (M, D), offset (D,) float32.
    """

    landmarks: Tensor
    projection: Tensor
    offset: Tensor
    gamma: float

    @classmethod
    def fit(
        cls,
        points: Tensor,
        *,
        gamma: float,
        dimensions: int,
        seed: int,
        exact_up_to: int = EXACT_UP_TO,
        landmarks: int = LANDMARKS,
    ) -> KernelMap:
        """The kernel's leading directions over the points (N, F), scaled to mean ||phi||^2 = 1.

        Up to `exact_up_to` points: kernel PCA (Schoelkopf, Smola and Mueller, 1998). Beyond: the same on the
        Nystroem features of `landmarks` points drawn at random (Williams and Seeger, NIPS 2000).
        """
        if len(points) <= exact_up_to:
            return cls._exact(points, gamma, dimensions, seed)
        return cls._nystroem(points, gamma, dimensions, seed, landmarks)

    @classmethod
    def _exact(cls, points: Tensor, gamma: float, dimensions: int, seed: int) -> KernelMap:
        kept = points.half()
        kernel = rbf(kept.float(), kept.float(), gamma)
        means = kernel.mean(dim=0)
        kernel -= means
        kernel -= means[:, None] - means.mean()
        values, vectors = top_eigenvectors(kernel, dimensions, seed=seed)
        size = (values.sum() / len(points)).sqrt()  # mean ||phi||^2 is the mean eigenvalue kept
        projection = vectors / (values.sqrt() * size)
        return cls(kept, projection, means @ projection, gamma)

    @classmethod
    def _nystroem(cls, points: Tensor, gamma: float, dimensions: int, seed: int, landmarks: int) -> KernelMap:
        generator = torch.Generator().manual_seed(seed)
        chosen = torch.randperm(len(points), generator=generator)[:landmarks].sort().values
        kept = points[chosen].half()
        means, moment = _moments(points, kept.float(), gamma)
        root = _inverse_root(rbf(kept.float(), kept.float(), gamma))
        spread = root.T @ (moment - torch.outer(means, means)) @ root
        values, directions = top_eigenvectors(spread, dimensions, seed=seed)
        projection = root @ directions / values.sum().sqrt()
        return cls(kept, projection, means @ projection, gamma)

    def __call__(self, points: Tensor) -> Tensor:
        """phi (M, D) of points (M, F)."""
        landmarks = self.landmarks.float()
        parts = [
            rbf(chunk, landmarks, self.gamma) @ self.projection - self.offset
            for chunk in torch.split(points, CHUNK)
        ]
        return torch.cat(parts) if parts else points.new_zeros(0, len(self.offset))


def rbf(points: Tensor, others: Tensor, gamma: float) -> Tensor:
    """exp(-gamma ||x - z||^2) for all pairs: (M, F), (K, F) to (M, K)."""
    products = points @ others.T
    distances = products.mul_(-2).add_(others.square().sum(dim=1)).add_(points.square().sum(dim=1)[:, None])
    return distances.clamp_(min=0).mul_(-gamma).exp_()


def _inverse_root(kernel: Tensor) -> Tensor:
    """R with R^T K R = 1; the little on K's diagonal lets landmarks be alike."""
    exact = kernel.double()
    exact.diagonal().add_(1e-6)
    factor = torch.linalg.cholesky(exact)
    unit = torch.eye(len(exact), dtype=exact.dtype)
    root: Tensor = torch.linalg.solve_triangular(factor, unit, upper=False).T.float()
    return root


def _moments(points: Tensor, landmarks: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """Mean (K,) and second moment (K, K) of k(x, landmarks) over the points, a chunk at a time."""
    total = points.new_zeros(len(landmarks))
    moment = points.new_zeros(len(landmarks), len(landmarks))
    for chunk in torch.split(points, CHUNK):
        kernel = rbf(chunk, landmarks, gamma)
        total += kernel.sum(dim=0)
        moment.addmm_(kernel.T, kernel)
    return total / len(points), moment / len(points)
