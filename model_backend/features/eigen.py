"""The largest eigenvalues of a symmetric matrix and their vectors, without the rest of them."""

from __future__ import annotations

import torch
from torch import Tensor

EXACT_UP_TO = 1200  # rows; the full decomposition takes 0.3 s there and grows with the cube
SPARE = 100  # extra directions carried along, so that the last wanted ones come out right too
PASSES = 2


def top_eigenvectors(matrix: Tensor, count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """At most `count` eigenvalues (D,), largest first, and eigenvectors (N, D) of a symmetric matrix (N, N).

    Values below a millionth of the largest are left out: they are rounding. Beyond 1,200 rows by randomised
    subspace iteration (Halko, Martinsson and Tropp, SIAM Review 2011, algorithm 4.4).
    """
    if len(matrix) <= max(EXACT_UP_TO, count + SPARE):
        values, vectors = torch.linalg.eigh(matrix)
    else:
        values, vectors = _randomised(matrix, count + SPARE, seed)
    values, vectors = values.flip(0)[:count], vectors.flip(1)[:, :count]
    kept = values > 1e-6 * values[:1].clamp(min=torch.finfo(values.dtype).tiny)
    return values[kept], vectors[:, kept].contiguous()


def _randomised(matrix: Tensor, width: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    basis = torch.randn(len(matrix), width, generator=generator, dtype=matrix.dtype)
    for _ in range(1 + PASSES):
        basis = torch.linalg.qr(matrix @ basis).Q
    values, vectors = torch.linalg.eigh(basis.T @ (matrix @ basis))
    return values, basis @ vectors
