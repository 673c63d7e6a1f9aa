"""The images whose answers would tell most about what is predicted of all others come first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_backend.acquisition.candidates import Candidates, Floats, Scores
from model_backend.acquisition.directions import leading_directions
from model_backend.acquisition.one_by_one import alone

DIRECTIONS = 64  # at most, that the posterior is known of
TARGETS = 2_000  # images of the pool whose predictions are to become certain, drawn by chance
PRIOR = 4.0  # variance of a logit before anything is known, of an image of mean length
ROWS = 4_096  # images scored at once
EDGE = 1e-4  # chances are read as at least this far from 0 and 1


def information_gain(candidates: Candidates, seed: int) -> Scores:
    """Expected predictive information gain of a linear head, EPIG: (N,), 0..1.

    EPIG is the mutual information of an image's label and the same label of a target image, on average over
    targets that are drawn from the pool (Bickford Smith et al., AISTATS 2023), here for each label by itself.
    The head has a Gaussian posterior on the leading directions of the mapped features: a Laplace
    approximation, of precision I / PRIOR + the sum of p (1 - p) x x^T over the images that hold an answer.
    So an image's logit has the variance s^2 = x^T S x, and the covariance x^T S x* with a target's. Two
    labels' covariance is that of the logits times the mean slopes of both sigmoids (the first term of a
    Hermite series; the slope by MacKay's approximation, 1992), and their mutual information to second order
    half of their squared correlation. The mean squared correlation is what is returned, twice the
    information in nats. Without features it is by p (1 - p), below one half.
    """
    if candidates.seen is None:
        return alone(candidates)
    points = _with_constant(leading_directions(candidates.seen, seed, DIRECTIONS))
    chances = candidates.chances.clip(EDGE, 1 - EDGE)
    posterior = _Posterior.given(points[~candidates.free], chances[~candidates.free], points.shape[1])
    random = np.random.default_rng(seed)
    targets = np.sort(random.permutation(len(points))[:TARGETS])
    of_targets = posterior.slopes(_products(points[targets]), chances[targets])
    wanted = posterior.informed(_products(points[targets]), of_targets)
    gains = np.empty(len(points))
    for start in range(0, len(points), ROWS):
        part = slice(start, start + ROWS)
        products = _products(points[part])
        told = posterior.slopes(products, chances[part]) * (products @ wanted)
        gains[part] = told.mean(axis=1)
    return gains


def _with_constant(points: Floats) -> Floats:
    """Points (N, D) of a mean squared length of 1, and the constant that a head's bias sees: (N, D + 1)."""
    length = max(float((points**2).sum(axis=1).mean()), 1e-12)
    return np.hstack([points / np.float32(np.sqrt(length)), np.ones((len(points), 1), np.float32)])


def _products(points: Floats) -> Floats:
    """The products of two coordinates of each point (M, D), each pair once: (M, D (D + 1) / 2).

    A quadratic form of a point is then linear in them, and those of all labels are one matrix product.
    """
    rows, columns = np.triu_indices(points.shape[1])
    return points[:, rows] * points[:, columns]


def _symmetric(sums: NDArray[np.floating], width: int) -> Scores:
    """Sums over products (D (D + 1) / 2, L) as matrices (L, D, D)."""
    rows, columns = np.triu_indices(width)
    matrices = np.zeros((sums.shape[1], width, width))
    matrices[:, rows, columns] = matrices[:, columns, rows] = sums.T
    return matrices


def _forms(matrices: Scores) -> Floats:
    """What gives x^T M x of each matrix (L, D, D) from a point's products: (D (D + 1) / 2, L)."""
    rows, columns = np.triu_indices(matrices.shape[1])
    twice = np.where(rows == columns, 1.0, 2.0)
    forms: Floats = (matrices[:, rows, columns] * twice).T.astype(np.float32)
    return forms


@dataclass(frozen=True, eq=False)
class _Posterior:
    """The covariance (L, D, D) of each label's weights."""

    covariance: Scores

    @classmethod
    def given(cls, points: Floats, chances: Scores, width: int) -> _Posterior:
        """After answers to the images at these points (n, D) with these chances (n, L)."""
        weights = (chances * (1 - chances)).astype(np.float32)
        sums = np.zeros((width * (width + 1) // 2, chances.shape[1]), np.float32)
        for start in range(0, len(points), ROWS):
            sums += _products(points[start : start + ROWS]).T @ weights[start : start + ROWS]
        precision = _symmetric(sums, width) + np.eye(width) / PRIOR
        return cls(np.asarray(np.linalg.inv(precision), dtype=np.float64))

    def slopes(self, products: Floats, chances: Scores) -> Scores:
        """(M, L): the squared mean slope of a label's sigmoid over the variance of the label.

        products: of the points; chances (M, L): taken as the sigmoid of the mean logit.
        """
        variances = (products @ _forms(self.covariance)).clip(min=0.0).astype(np.float64)
        shrunk = 1 / np.sqrt(1 + np.pi / 8 * variances)
        mean = 1 / (1 + (1 / chances - 1) ** shrunk)
        slopes: Scores = shrunk**2 * mean * (1 - mean)
        return slopes

    def informed(self, products: Floats, slopes: Scores) -> Floats:
        """What gives x^T S H S x of each label from a point's products; H: the mean of slope x x^T."""
        wanted = _symmetric(products.T @ slopes.astype(np.float32), self.covariance.shape[1]) / len(products)
        return _forms(self.covariance @ wanted @ self.covariance)
