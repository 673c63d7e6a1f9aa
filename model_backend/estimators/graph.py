"""The k nearest neighbours of every image by cosine: exact for small pools, by cells for large ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix, diags
from torch import Tensor
from torch.nn.functional import normalize

EXACT = 20_000  # images up to which every pair is compared
CHUNK = 2_048  # rows compared at a time
WIDTH = 128  # beyond the exact size, wider features are projected to this many numbers
PROBES = 8  # nearest cells that an image's neighbours are sought in
ROUNDS = 3  # of k-means for the cells

Graph = Any  # scipy.sparse.csr_matrix, which publishes no types


def neighbour_graph(features: Tensor, neighbours: int, seed: int = 0, exact: int = EXACT) -> Graph:
    """Symmetric, degree-normalised k-NN graph S = D^-1/2 max(W, W^T) D^-1/2, N x N, float32, zero diagonal.

    W holds the cosine of each image to its nearest, 0 where it is negative (Zhou et al., "Learning with local
    and global consistency", NIPS 2003). An image of zeros has no neighbours.

    Args:
        features: (N, F) on the device that is to compare them.
        neighbours: k.
        seed: of the projection and the cells.
        exact: up to this many images every pair is compared: time N^2 F, memory `CHUNK` x N. Beyond, only the
            members of the nearest cells are, on projected features: time about N^1.5.
    """
    count = features.shape[0]
    wanted = min(neighbours, max(count - 1, 0))
    rows = unit_rows(features.float())
    near, cosine = nearest_exact(rows, wanted) if count <= exact else nearest_by_cells(rows, wanted, seed)
    pointers = np.arange(0, count * wanted + 1, max(wanted, 1)) if wanted else np.zeros(count + 1, np.int64)
    weights = cosine.clamp(min=0).flatten().cpu().numpy()
    graph = csr_matrix((weights, near.flatten().cpu().numpy(), pointers), shape=(count, count))
    graph.sum_duplicates()
    return degree_normalised(graph.maximum(graph.T))


def degree_normalised(graph: Graph) -> Graph:
    """D^-1/2 W D^-1/2; rows without an edge stay zero."""
    degree = np.asarray(graph.sum(axis=1), dtype=np.float32).ravel()
    root = diags(1 / np.sqrt(np.where(degree > 0, degree, 1)))
    return csr_matrix(root @ graph @ root, dtype=np.float32)


def unit_rows(features: Tensor) -> Tensor:
    """Rows of length 1; a row of zeros stays."""
    return normalize(features, dim=1)


def nearest_exact(rows: Tensor, neighbours: int) -> tuple[Tensor, Tensor]:
    """(N, k) indices and cosines of the nearest others, all pairs compared in chunks."""
    found = []
    for start in range(0, rows.shape[0], CHUNK):
        part = rows[start : start + CHUNK]
        own = torch.arange(start, start + part.shape[0], device=rows.device)
        cosine = part @ rows.T
        cosine[own - start, own] = -2
        found.append(cosine.topk(neighbours, dim=1))
    if not found:
        return torch.zeros(0, 0, dtype=torch.long), torch.zeros(0, 0)
    return torch.cat([top.indices for top in found]), torch.cat([top.values for top in found])


def nearest_by_cells(rows: Tensor, neighbours: int, seed: int) -> tuple[Tensor, Tensor]:
    """As `nearest_exact`, among the members of the nearest cells of a k-means partition.

    An inverted file as in Jegou et al., "Product quantization for nearest neighbor search", PAMI 2011. Where
    the cells hold fewer than k others, an image is its own neighbour with cosine 0.
    """
    generator = torch.Generator().manual_seed(seed)
    rows = projected(rows, generator)
    centers = cell_centers(rows, generator)
    members, bounds = cell_members(rows, centers)
    probes = (centers @ centers.T).topk(min(PROBES, centers.shape[0]), dim=1).indices.tolist()
    near = torch.arange(rows.shape[0], device=rows.device).unsqueeze(1).repeat(1, neighbours)
    cosine = torch.zeros(near.shape, device=rows.device)
    for cell, around in enumerate(probes):
        candidates = torch.cat([members[bounds[probe] : bounds[probe + 1]] for probe in around])
        for own in chunks(members[bounds[cell] : bounds[cell + 1]]):
            similar = rows[own] @ rows[candidates].T
            similar.masked_fill_(own.unsqueeze(1) == candidates, 0)
            top = similar.topk(min(neighbours, candidates.numel()), dim=1)
            near[own, : top.indices.shape[1]] = candidates[top.indices]
            cosine[own, : top.indices.shape[1]] = top.values
    cosine[near == torch.arange(rows.shape[0], device=rows.device).unsqueeze(1)] = 0
    return near, cosine


def projected(rows: Tensor, generator: torch.Generator) -> Tensor:
    """Unit rows of at most `WIDTH` numbers; a random projection nearly keeps cosines."""
    if rows.shape[1] <= WIDTH:
        return rows
    directions = torch.randn(rows.shape[1], WIDTH, generator=generator).to(rows.device)
    return unit_rows(rows @ directions)


def cell_centers(rows: Tensor, generator: torch.Generator) -> Tensor:
    """About sqrt(N) unit centers from a few rounds of spherical k-means on a sample."""
    count = max(int(rows.shape[0] ** 0.5), 1)
    sample = rows[torch.randperm(rows.shape[0], generator=generator)[: 64 * count].to(rows.device)]
    centers = sample[:count].clone()
    for _ in range(ROUNDS):
        cell = closest(sample, centers)
        centers.index_add_(0, cell, sample)  # an empty cell keeps its center
        centers = unit_rows(centers)
    return centers


def cell_members(rows: Tensor, centers: Tensor) -> tuple[Tensor, list[int]]:
    """Images ordered by cell, and where each cell starts."""
    cell = closest(rows, centers)
    counts = torch.bincount(cell, minlength=centers.shape[0])
    return cell.argsort(stable=True), [0, *counts.cumsum(0).tolist()]


def chunks(rows: Tensor) -> Iterator[Tensor]:
    """The rows, `CHUNK` at a time."""
    return (rows[start : start + CHUNK] for start in range(0, rows.shape[0], CHUNK))


def closest(rows: Tensor, centers: Tensor) -> Tensor:
    """(N,) the center of highest cosine."""
    return torch.cat([(part @ centers.T).argmax(1) for part in chunks(rows)])
