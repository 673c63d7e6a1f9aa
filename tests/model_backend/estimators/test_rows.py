"""Row-wise Adam: torch's where every row is used, and blind to the rows that are not."""

import pytest
import torch

from model_backend.estimators.rows import RowTable


def start(rows=6, width=3):
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(0))


def quadratic(rows, target):
    return ((rows - target) ** 2 * torch.tensor([1.0, 10.0, 0.1])).sum()


def test_where_all_rows_are_used_it_is_adam():
    table, dense = RowTable(start()), start().requires_grad_()
    adam = torch.optim.Adam([dense], lr=0.1)
    for _ in range(20):
        quadratic(table.all(), 1.0).backward()
        table.step(0.1)
        adam.zero_grad()
        quadratic(dense, 1.0).backward()
        adam.step()
    assert torch.allclose(table.values, dense.detach(), atol=1e-5)


def test_a_row_fares_as_if_it_were_alone():
    """Steps without it leave it as it is, and do not count for its bias correction."""
    together, alone = RowTable(start()), RowTable(start()[4:5])
    for turn in range(6):
        used = torch.tensor([4, 1]) if turn % 2 else torch.tensor([0, 1])
        quadratic(together.gather(used), 1.0).backward()
        together.step(0.1)
        if turn % 2:
            quadratic(alone.gather(torch.tensor([0])), 1.0).backward()
            alone.step(0.1)
    assert torch.allclose(together.values[4], alone.values[0])
    assert torch.equal(together.values[[2, 3, 5]], start()[[2, 3, 5]])
    assert together.steps.tolist() == [3, 6, 0, 0, 3, 0]


def test_gradients_of_repeated_rows_and_of_several_gathers_are_summed():
    twice, once = RowTable(start()), RowTable(start())
    quadratic(twice.gather(torch.tensor([2, 2])), 1.0).backward()
    quadratic(twice.gather(torch.tensor([5, 2])), 1.0).backward()
    twice.step(0.1)
    rows = once.gather(torch.tensor([2, 5]))
    (3 * quadratic(rows[0], 1.0) + quadratic(rows[1], 1.0)).backward()
    once.step(0.1)
    assert torch.allclose(twice.values, once.values)
    assert twice.steps.tolist() == [0, 0, 1, 0, 0, 1]


def test_rows_without_gradient_or_backward_pass_change_nothing():
    table = RowTable(start())
    with torch.no_grad():
        assert not table.gather(torch.tensor([1])).requires_grad
    table.gather(torch.tensor([2]))
    table.step(0.1)
    assert torch.equal(table.values, start())


@pytest.mark.parametrize("shape", [(6, 3), (9, 3), (9, 5)])
def test_growing_keeps_values_and_momentum(shape):
    table = RowTable(start())
    quadratic(table.all(), 1.0).backward()
    table.step(0.1)
    before = {name: tensor.clone() for name, tensor in table.state().items()}
    table.grow(torch.full(shape, 7.0))
    for name in ("values", "mean", "square"):
        assert torch.equal(table.state()[name][:6, :3], before[name])
    assert table.steps.tolist() == [1] * 6 + [0] * (shape[0] - 6)
    assert (table.values[6:] == 7).all()
    assert (table.mean[6:] == 0).all()


def test_setting_a_cell_forgets_its_momentum():
    table = RowTable(start())
    quadratic(table.all(), 1.0).backward()
    table.step(0.1)
    table.set(torch.tensor([2]), torch.tensor([1]), torch.tensor([4.0]))
    assert table.values[2, 1] == 4
    assert table.mean[2, 1] == table.square[2, 1] == 0
    assert table.mean[2, 0] != 0
