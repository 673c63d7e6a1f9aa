"""The graph of neighbours and what spreads over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from model_backend.estimators import build_estimator
from model_backend.estimators.graph import nearest_by_cells, nearest_exact, neighbour_graph, unit_rows
from model_backend.estimators.neighbours import NeighboursEstimator
from model_backend.estimators.propagation import fixed_point, label_shares, present_shares

Draw = Callable[..., tuple[NDArray[np.int8], NDArray[np.float32]]]


def clustered(
    images: int, groups: int = 12, width: int = 16, seed: int = 0
) -> tuple[torch.Tensor, NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, images)
    features = rng.normal(size=(groups, width))[group] * 2 + rng.normal(size=(images, width))
    return torch.tensor(features, dtype=torch.float32), group


def tags_of(group: NDArray[np.int64], labels: int, tagged: float = 0.3, seed: int = 0) -> Any:
    rows = np.flatnonzero(np.random.default_rng(seed).random(len(group)) < tagged)
    return csr_matrix((np.ones(len(rows), np.float32), (rows, group[rows])), shape=(len(group), labels))


def test_the_graph_is_the_symmetric_normalised_knn_graph_of_cosines() -> None:
    features, _ = clustered(30)
    graph = neighbour_graph(features, 4).toarray()
    x = features.numpy() / np.linalg.norm(features.numpy(), axis=1, keepdims=True)
    weights: NDArray[Any] = np.zeros((30, 30))
    for i in range(30):
        cosine = [-2 if j == i else x[i] @ x[j] for j in range(30)]
        for j in np.argsort(cosine)[-4:]:
            weights[i, j] = max(cosine[j], 0)
    weights = np.maximum(weights, weights.T)
    degree = weights.sum(1)
    assert graph == pytest.approx(weights / np.sqrt(np.outer(degree, degree)), abs=1e-5)


@pytest.mark.parametrize("images", [0, 1, 2, 5])
def test_tiny_pools_have_the_neighbours_there_are(images: int) -> None:
    graph = neighbour_graph(clustered(5)[0][:images], 15)
    assert graph.shape == (images, images)
    assert (graph.diagonal() == 0).all()
    assert graph.nnz <= images * max(images - 1, 0)


def test_an_image_without_features_has_no_neighbours() -> None:
    features, _ = clustered(20)
    features[3] = 0
    graph = neighbour_graph(features, 5)
    assert graph[3].nnz == 0 or graph[3].sum() == 0
    assert np.isfinite(graph.toarray()).all()


@pytest.mark.parametrize("width", [16, 300])
def test_cells_find_nearly_the_neighbours_that_comparing_all_finds(width: int) -> None:
    rows = unit_rows(clustered(3_000, groups=40, width=width)[0])
    exact, approximate = nearest_exact(rows, 10), nearest_by_cells(rows, 10, seed=0)
    shared = [len(set(a) & set(b)) for a, b in zip(exact[0].tolist(), approximate[0].tolist(), strict=True)]
    assert np.mean(shared) / 10 > (0.9 if width == 16 else 0.3)
    near, cosine = approximate
    assert (cosine[near == torch.arange(3_000).unsqueeze(1)] == 0).all()
    hits = (rows[near] @ rows.unsqueeze(2)).squeeze(2)
    mean = hits[near != torch.arange(3_000).unsqueeze(1)].mean()
    assert mean > 0.8 * exact[1].mean()


def test_shares_are_the_inverse_without_its_diagonal() -> None:
    features, group = clustered(60)
    graph, tags = neighbour_graph(features, 5), tags_of(group, 12, 0.5)
    kernel = 0.1 * np.linalg.inv(np.eye(60) - 0.9 * graph.toarray().astype(float))
    votes = np.array(
        [[sum(kernel[i, j] * tags[j, c] for j in range(60) if j != i) for c in range(12)] for i in range(60)]
    )
    assert label_shares(graph, tags) == pytest.approx(votes / votes.sum(1, keepdims=True), abs=1e-4)


@pytest.mark.parametrize("direct", [10_000, 0])
def test_shares_sum_to_one_and_follow_the_clusters(direct: int) -> None:
    features, group = clustered(800)
    shares = label_shares(neighbour_graph(features, 15), tags_of(group, 12), direct=direct)
    assert shares.dtype == np.float32
    assert shares.sum(1) == pytest.approx(1, abs=1e-4)
    assert (shares.argmax(1) == group).mean() > 0.9


def test_an_own_tag_says_nothing_of_its_image() -> None:
    features, group = clustered(50)
    graph, tags = neighbour_graph(features, 5), tags_of(group, 12, 0.6)
    image = tags.nonzero()[0][0]
    without = tags.tolil()
    without[image] = 0
    assert label_shares(graph, tags)[image] == pytest.approx(
        label_shares(graph, without.tocsr())[image], abs=1e-5
    )


def test_large_pools_get_nearly_the_exact_shares() -> None:
    features, group = clustered(900)
    graph, tags = neighbour_graph(features, 15), tags_of(group, 12)
    exact, iterated = label_shares(graph, tags), label_shares(graph, tags, direct=0)
    assert np.abs(exact - iterated).mean() < 0.002
    tagged = np.unique(tags.nonzero()[0])
    assert np.corrcoef(exact[tagged].ravel(), iterated[tagged].ravel())[0, 1] > 0.999


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.9])
def test_the_iteration_ends_near_the_fixed_point(alpha: float) -> None:
    features, group = clustered(500)
    graph, start = neighbour_graph(features, 15), tags_of(group, 12).toarray()
    exact = np.linalg.solve(np.eye(500) - alpha * graph.toarray().astype(float), start)
    error = np.linalg.norm(fixed_point(graph, start, alpha) - exact) / np.linalg.norm(exact)
    assert error < 0.01


def test_what_is_present_nearby_is_the_known_images_votes_and_some_of_those_at_large() -> None:
    features, group = clustered(60)
    graph, known = neighbour_graph(features, 5), np.arange(60) < 20
    truth = np.eye(12, dtype=np.float32)[group] * known[:, None]
    kernel = 0.1 * np.linalg.inv(np.eye(60) - 0.9 * graph.toarray().astype(float))
    np.fill_diagonal(kernel, 0)
    reached = kernel @ known
    prior = 0.3 * reached.mean()
    wanted = (kernel @ truth + prior * truth[:20].mean(axis=0)) / (reached + prior)[:, None]
    assert present_shares(graph, csr_matrix(truth), known) == pytest.approx(wanted, abs=1e-4)


def test_where_no_known_image_is_near_the_chance_is_that_of_the_known_images_at_large() -> None:
    graph = neighbour_graph(torch.eye(4).repeat_interleave(3, 0), 2)
    known = np.arange(12) < 3
    truth = np.outer(known, [1, 0, 0]).astype(np.float32)
    truth[1, 1] = 1
    shares = present_shares(graph, csr_matrix(truth), known)
    assert shares[11] == pytest.approx([1, 1 / 3, 0])
    assert shares[2][1] > 1 / 3


def test_what_is_present_in_large_pools_is_nearly_the_exact() -> None:
    features, group = clustered(900)
    graph, known = neighbour_graph(features, 15), np.arange(900) % 3 == 0
    truth = csr_matrix(np.eye(12, dtype=np.float32)[group] * known[:, None])
    exact, iterated = (present_shares(graph, truth, known, direct=direct) for direct in (10_000, 0))
    assert np.abs(exact - iterated).mean() < 0.01
    assert (iterated >= 0).all()
    assert (iterated <= 1).all()


def test_an_image_that_no_tag_reaches_has_the_shares_of_the_pool() -> None:
    features = torch.eye(4).repeat_interleave(3, 0)
    tags = csr_matrix((np.ones(3, np.float32), ([0, 1, 3], [0, 0, 1])), shape=(12, 2))
    shares = label_shares(neighbour_graph(features, 2), tags)
    assert shares[11] == pytest.approx([2 / 3, 1 / 3])
    nothing = label_shares(neighbour_graph(features, 2), csr_matrix((12, 2), dtype=np.float32))
    assert nothing == pytest.approx(0.5)


def neighbours_of(observed: NDArray[np.int8], features: NDArray[np.float32], k: float) -> NeighboursEstimator:
    estimator = build_estimator("neighbours", observed, features, expected_positives=k)
    assert isinstance(estimator, NeighboursEstimator)
    return estimator


def test_probabilities_are_k_times_the_shares(pool: Draw) -> None:
    observed, features = pool()
    one, three = (neighbours_of(observed, features, k) for k in (1.0, 3.0))
    unknown = torch.as_tensor(observed) == 0
    indices = torch.arange(40)
    expected = (3 * one.shares).clamp(1e-4, 1 - 1e-4)
    assert torch.allclose(three.probabilities(indices)[unknown], expected[unknown], atol=1e-5)
