"""The largest eigenvalues of a symmetric matrix and their vectors, without the rest of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
        values, vectors = _decomposed(matrix)
    else:
        values, vectors = _randomised(matrix, count + SPARE, seed)
    values, vectors = values.flip(0)[:count], vectors.flip(1)[:, :count]
    kept = values > 1e-6 * values[:1].clamp(min=torch.finfo(values.dtype).tiny)
    return values[kept], vectors[:, kept].contiguous()


def _randomised(matrix: Tensor, width: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    basis = torch.randn(len(matrix), width, generator=generator, dtype=matrix.dtype)
    for _ in range(1 + PASSES):
        basis = _orthonormal(matrix @ basis)
    values, vectors = _decomposed(basis.T @ (matrix @ basis))
    return values, basis @ vectors


def _orthonormal(columns: Tensor) -> Tensor:
    """An orthonormal basis of the columns (N, D), by Cholesky in double precision.

    All of it is matrix products: beside another busy process a QR of this shape takes a hundred times longer.
    """
    exact = columns.double()
    factor = torch.linalg.cholesky(exact.T @ exact)
    basis: Tensor = torch.linalg.solve_triangular(factor, exact.T, upper=False).T.float()
    return basis


def _decomposed(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """All eigenvalues, smallest first, and eigenvectors."""
    with _one_thread():
        values, vectors = torch.linalg.eigh(matrix)
    return values, vectors


@contextmanager
def _one_thread() -> Iterator[None]:
    """Small steps, for which threads mostly wait; on cores shared with other processes for seconds."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
