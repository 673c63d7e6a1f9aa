"""Row-wise Adam: torch's where every row is used, and blind to the rows that are not."""

from __future__ import annotations

import torch
from torch import Tensor

from model_backend.estimators.rows import RowTable


def start(rows: int = 6, width: int = 3) -> Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(0))


def quadratic(rows: Tensor, target: float) -> Tensor:
    return ((rows - target) ** 2 * torch.tensor([1.0, 10.0, 0.1])).sum()


def test_where_all_rows_are_used_it_is_adam() -> None:
    table, dense = RowTable(start()), start().requires_grad_()
    adam = torch.optim.Adam([dense], lr=0.1)
    for _ in range(20):
        torch.autograd.backward(quadratic(table.all(), 1.0))
        table.step(0.1)
        adam.zero_grad()
        torch.autograd.backward(quadratic(dense, 1.0))
        adam.step()
    assert torch.allclose(table.values, dense.detach(), atol=1e-5)


def test_a_row_fares_as_if_it_were_alone() -> None:
    """Steps without it leave it as it is, and do not count for its bias correction."""
    together, alone = RowTable(start()), RowTable(start()[4:5])
    for turn in range(6):
        used = torch.tensor([4, 1]) if turn % 2 else torch.tensor([0, 1])
        torch.autograd.backward(quadratic(together.gather(used), 1.0))
        together.step(0.1)
        if turn % 2:
            torch.autograd.backward(quadratic(alone.gather(torch.tensor([0])), 1.0))
            alone.step(0.1)
    assert torch.allclose(together.values[4], alone.values[0])
    assert torch.equal(together.values[[2, 3, 5]], start()[[2, 3, 5]])
    assert together.steps.tolist() == [3, 6, 0, 0, 3, 0]


def test_gradients_of_repeated_rows_and_of_several_gathers_are_summed() -> None:
    twice, once = RowTable(start()), RowTable(start())
    torch.autograd.backward(quadratic(twice.gather(torch.tensor([2, 2])), 1.0))
    torch.autograd.backward(quadratic(twice.gather(torch.tensor([5, 2])), 1.0))
    twice.step(0.1)
    rows = once.gather(torch.tensor([2, 5]))
    torch.autograd.backward(3 * quadratic(rows[0], 1.0) + quadratic(rows[1], 1.0))
    once.step(0.1)
    assert torch.allclose(twice.values, once.values)
    assert twice.steps.tolist() == [0, 0, 1, 0, 0, 1]


def test_rows_without_gradient_or_backward_pass_change_nothing() -> None:
    table = RowTable(start())
    with torch.no_grad():
        assert not table.gather(torch.tensor([1])).requires_grad
    table.gather(torch.tensor([2]))
    table.step(0.1)
    assert torch.equal(table.values, start())
