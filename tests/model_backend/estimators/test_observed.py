"""The sparse observed matrix: what goes in comes out, for any rows."""

import numpy as np
import pytest
import torch

from model_backend.errors import LearningError
from model_backend.estimators import ObservedMatrix


@pytest.fixture
def dense(pool):
    return torch.as_tensor(pool()[0])


def test_a_dense_matrix_comes_back(dense):
    observed = ObservedMatrix.of(dense)
    assert observed.shape == tuple(dense.shape)
    assert observed.dense().dtype == torch.int8
    assert torch.equal(observed.dense(), dense)
    assert ObservedMatrix.of(observed) is observed


@pytest.mark.parametrize("kind", [np.int8, np.float32, np.int64])
def test_numpy_of_any_number_type_is_taken(dense, kind):
    assert torch.equal(ObservedMatrix.of(dense.numpy().astype(kind)).dense(), dense)


def test_rows_come_in_the_order_asked_for_with_repeats(dense):
    indices = torch.tensor([7, 0, 7, 39, 2])
    assert torch.equal(ObservedMatrix.of(dense).rows(indices), dense[indices])
    assert ObservedMatrix.of(dense).rows(indices[:0]).shape == (0, 6)


def test_triples_may_come_in_any_order(dense):
    observed = ObservedMatrix.of(dense)
    images, labels, values = observed.triples()
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    again = ObservedMatrix.from_triples(images[order], labels[order].numpy(), values[order], observed.shape)
    assert torch.equal(again.dense(), dense)


def test_known_cells_are_counted_by_label(dense):
    observed = ObservedMatrix.of(dense)
    assert torch.equal(observed.counts(1), (dense == 1).sum(0))
    assert torch.equal(observed.counts(-1), (dense == -1).sum(0))


def test_nothing_known_is_a_matrix_too():
    observed = ObservedMatrix.of(torch.zeros(3, 4))
    assert observed.rows(torch.tensor([2, 0])).tolist() == [[0] * 4] * 2
    assert observed.counts(1).tolist() == [0] * 4


@pytest.mark.parametrize(
    ("images", "labels", "values", "message"),
    [
        ([0, 0], [1, 1], [1, -1], "given twice"),
        ([3], [0], [1], "outside"),
        ([0], [-1], [1], "outside"),
        ([0], [0], [0], "leave unknown cells out"),
        ([0], [0], [2], "is \\+1"),
        ([0, 1], [0], [1], "one length"),
    ],
)
def test_a_cell_that_makes_no_sense_is_refused(images, labels, values, message):
    with pytest.raises(LearningError, match=message):
        ObservedMatrix.from_triples(torch.tensor(images), torch.tensor(labels), torch.tensor(values), (3, 2))


def test_a_flat_list_is_refused():
    with pytest.raises(LearningError, match="images, labels"):
        ObservedMatrix.of(torch.zeros(3))


def test_changes_are_the_cells_that_were_otherwise(dense):
    after = torch.zeros(42, 8, dtype=torch.int8)
    after[:40, :6] = dense
    flipped, gone = dense.nonzero()[0].tolist(), dense.nonzero()[1].tolist()
    after[tuple(flipped)] *= -1
    after[tuple(gone)] = 0
    after[41, 7] = 1
    changed = ObservedMatrix.of(after).changed_since(ObservedMatrix.of(dense))
    cells = {tuple(cell) for cell in torch.stack([part.long() for part in changed], 1).tolist()}
    flip = -int(dense[tuple(flipped)])
    assert cells == {(*flipped, flip), (*gone, 0), (41, 7, 1)}


def test_a_million_tagged_images_take_little_whatever_the_labels():
    count = 1_000_000
    observed = ObservedMatrix.from_triples(
        torch.arange(count), torch.arange(count) % 10_000, torch.ones(count), (count, 10_000)
    )
    held = (observed.pointers, observed.labels, observed.values)
    assert sum(part.numel() * part.element_size() for part in held) < 22e6
    assert observed.rows(torch.tensor([10_003]))[0, 3] == 1
