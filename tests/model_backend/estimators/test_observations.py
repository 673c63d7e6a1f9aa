"""The sparse observed matrix: what goes in comes out, for any rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from model_backend.errors import LearningError
from model_backend.estimators import SparseObservations


def all_rows(observed: SparseObservations) -> Tensor:
    return observed.rows(torch.arange(observed.shape[0]))


@pytest.fixture
def dense(pool: Callable[..., tuple[Any, Any]]) -> Tensor:
    return torch.as_tensor(pool()[0])


def test_a_dense_matrix_comes_back(dense: Tensor) -> None:
    observed = SparseObservations.of(dense)
    assert observed.shape == tuple(dense.shape)
    assert all_rows(observed).dtype == torch.int8
    assert torch.equal(all_rows(observed), dense)
    assert SparseObservations.of(observed) is observed


@pytest.mark.parametrize("kind", [np.int8, np.float32, np.int64])
def test_numpy_of_any_number_type_is_taken(dense: Tensor, kind: type) -> None:
    assert torch.equal(all_rows(SparseObservations.of(dense.numpy().astype(kind))), dense)


def test_rows_come_in_the_order_asked_for_with_repeats(dense: Tensor) -> None:
    indices = torch.tensor([7, 0, 7, 39, 2])
    assert torch.equal(SparseObservations.of(dense).rows(indices), dense[indices])
    assert SparseObservations.of(dense).rows(indices[:0]).shape == (0, 6)


def test_triples_may_come_in_any_order(dense: Tensor) -> None:
    observed = SparseObservations.of(dense)
    images, labels, values = observed.triples()
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    again = SparseObservations.from_triples(
        images[order], labels[order].numpy(), values[order], observed.shape
    )
    assert torch.equal(all_rows(again), dense)


def test_nothing_known_is_a_matrix_too() -> None:
    observed = SparseObservations.of(torch.zeros(3, 4))
    assert observed.rows(torch.tensor([2, 0])).tolist() == [[0] * 4] * 2
    assert [len(part) for part in observed.triples()] == [0, 0, 0]


@pytest.mark.parametrize(
    ("images", "labels", "values", "message"),
    [
        ([0, 0], [1, 1], [1, -1], "given twice"),
        ([3], [0], [1], "outside"),
        ([0], [-1], [1], "outside"),
        ([0], [0], [0], "Leave unknown cells out"),
        ([0], [0], [2], "is \\+1"),
        ([0, 1], [0], [1], "one length"),
    ],
)
def test_a_cell_that_makes_no_sense_is_refused(
    images: list[int], labels: list[int], values: list[int], message: str
) -> None:
    with pytest.raises(LearningError, match=message):
        SparseObservations.from_triples(
            torch.tensor(images), torch.tensor(labels), torch.tensor(values), (3, 2)
        )


def test_a_flat_list_is_refused() -> None:
    with pytest.raises(LearningError, match="images, labels"):
        SparseObservations.of(torch.zeros(3))


def test_a_million_tagged_images_take_little_whatever_the_labels() -> None:
    count = 1_000_000
    observed = SparseObservations.from_triples(
        torch.arange(count), torch.arange(count) % 10_000, torch.ones(count), (count, 10_000)
    )
    held = (observed.pointers, observed.labels, observed.values)
    assert sum(part.numel() * part.element_size() for part in held) < 22e6
    assert observed.rows(torch.tensor([10_003]))[0, 3] == 1
