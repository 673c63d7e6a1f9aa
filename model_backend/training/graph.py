"""Observed labels spread over a graph of near images: label propagation (Zhou et al., NeurIPS 2003)."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

ROWS = 1024


def nearest(mapped: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Each image's nearest others by cosine: rows (N, count) and similarities (N, count)."""
    unit = torch.nn.functional.normalize(mapped, dim=1)
    count = min(count, len(unit) - 1)
    rows, values = [], []
    for start in range(0, len(unit), ROWS):
        similar = unit[start : start + ROWS] @ unit.T
        here = torch.arange(len(similar))
        similar[here, start + here] = -2.0
        top = similar.topk(count, dim=1)
        rows.append(top.indices)
        values.append(top.values)
    return torch.cat(rows), torch.cat(values)


def affinity(mapped: Tensor, count: int) -> sparse.csr_array:
    """The symmetric, degree-normalised graph S = D^-1/2 W D^-1/2 (N, N) over `count` neighbours, without loops."""
    size = len(mapped)
    rows, values = nearest(mapped, count)
    here = np.repeat(np.arange(size), rows.shape[1])
    weight = values.reshape(-1).clamp(min=0.0).numpy()
    one_way = sparse.csr_array((weight, (here, rows.reshape(-1).numpy())), shape=(size, size))
    graph = ((one_way + one_way.T) / 2).tocsr()
    root = np.sqrt(np.maximum(graph.sum(axis=1), 1e-9))
    return sparse.diags_array(1 / root) @ graph @ sparse.diags_array(1 / root)


def propagate(graph: sparse.csr_array, start: Tensor, alpha: float = 0.9, steps: int = 30) -> Tensor:
    """What neighbours say of each image, (N, L): the sum of alpha^(t-1) S^t start over t = 1..steps + 1."""
    total = current = graph @ start.numpy()
    for _ in range(steps):
        current = alpha * (graph @ current)
        total = total + current
    return torch.from_numpy(np.asarray(total, dtype=np.float32))
