"""Losses that remember: large losses flipped for good, soft negatives, and the schedules of the passes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from model_backend.errors import LearningError
from model_backend.estimators import memory as machine
from model_backend.losses import Batch, Loss
from model_backend.losses.em_apl import EMAPL
from model_backend.losses.ll_cp import LLCp
from model_backend.losses.ll_ct import LLCt
from model_backend.losses.ll_r import LLR
from model_backend.losses.memory import ImageMemory


def batch_of(observed: Any, indices: Any = None, **fields: Any) -> Batch:
    observed = torch.as_tensor(observed)
    indices = torch.arange(len(observed)) if indices is None else torch.as_tensor(indices)
    return Batch(observed, indices, **fields)


def test_ll_cp_keeps_a_flip_in_later_passes_and_undoes_it_for_what_is_observed_since() -> None:
    loss = LLCp(delta=0.01)
    logits = torch.tensor([[5.0, 1.0], [0.0, -1.0]], requires_grad=True)
    observed = torch.zeros(2, 2)
    loss(logits, batch_of(observed, [7, 3], epoch=1))
    assert not loss.flipped.values.any()
    loss(logits, batch_of(observed, [7, 3], epoch=2))
    assert loss.flipped.values.nonzero().tolist() == [[7, 0]]
    loss(logits, batch_of(observed, [7, 3], epoch=3))
    assert loss.flipped.values.nonzero().tolist() == [[7, 0], [7, 1]]
    loss.eval()(logits, batch_of([[-1, 0], [0, 0]], [7, 3], epoch=4)).backward()
    assert logits.grad is not None
    assert logits.grad[0, 0] > 0 > logits.grad[0, 1]
    assert loss.flipped.values.sum() == 2


@pytest.mark.parametrize(
    ("kind", "epoch", "count"),
    [(LLR, 1, 0), (LLR, 2, 1), (LLR, 3, 2), (LLCt, 11, 10), (LLR, 99, 10)],
)
def test_large_losses_grow_by_delta_a_pass(kind: type[LLR | LLCt], epoch: int, count: int) -> None:
    logits = torch.arange(10.0).reshape(2, 5)
    suspects = kind(delta=0.1).suspects(logits, torch.ones(2, 5), epoch)
    assert suspects.flatten().tolist() == [0.0] * (10 - count) + [1.0] * count


def passes(loss: Loss, logits: Tensor, observed: Any, epochs: int, batch_size: int = 4) -> Iterator[int]:
    for epoch in range(1, epochs + 1):
        for rows in torch.split(torch.arange(len(logits)), batch_size):
            loss(logits[rows], batch_of(observed[rows], rows, epoch=epoch, epochs=epochs))
        loss.on_epoch_end(epoch, epochs)
        yield epoch


def test_soft_negatives_are_the_lowest_unknown_probabilities_a_share_more_each_pass() -> None:
    logits = torch.arange(20.0).reshape(20, 1) / 10 - 1
    observed = torch.zeros(20, 1)
    observed[0] = 1
    loss = EMAPL(proportion=0.9, warm_up=0.5)
    chosen = [int((~loss.soft.values.isnan()).sum()) for _ in passes(loss, logits, observed, 10)]
    step = int(0.9 / 5 * 19)
    assert chosen == [0] * 4 + [step * turn for turn in range(1, 7)]
    fixed = loss.soft.values[1 : 1 + 6 * step, 0]
    assert torch.allclose(fixed.float(), logits[1 : 1 + 6 * step, 0].sigmoid(), atol=1e-3)
    assert loss.soft.values[0].isnan()


def test_a_soft_negative_costs_beta_times_its_cross_entropy_and_no_entropy() -> None:
    loss = EMAPL(alpha=0.1, beta=0.4)
    loss.soft.write(torch.tensor([5]), torch.tensor([[0.25, torch.nan, 0.25]]))
    logits = torch.zeros(1, 3, dtype=torch.float64)
    value = loss(logits, batch_of([[0, 0, -1]], [5]))
    log2 = torch.log(torch.tensor(2.0)).item()
    assert value.item() == pytest.approx((0.4 * log2 - 0.1 * log2 + log2) / 3)


def test_soft_negatives_train_towards_their_fixed_probability() -> None:
    loss = EMAPL(beta=0.4)
    loss.soft.write(torch.tensor([0]), torch.tensor([[0.25]]))
    logits = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    loss(logits, batch_of([[0]])).backward()
    assert logits.grad is not None
    assert logits.grad.item() == pytest.approx(0.4 * 0.25)


def test_memory_grows_with_images_and_labels_and_keeps_what_it_had() -> None:
    memory = ImageMemory(-1, torch.float16)
    memory.write(torch.tensor([2, 0]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert memory.read(torch.tensor([0, 1, 2]), 2).tolist() == [[3, 4], [-1, -1], [1, 2]]
    assert memory.read(torch.tensor([9, 2]), 3).tolist() == [[-1, -1, -1], [1, 2, -1]]


def test_memory_that_will_not_fit_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "available_bytes", lambda device: 100)
    with pytest.raises(LearningError, match=r"memory of 50 images x 2 labels.* a loss without state"):
        ImageMemory(0, torch.float16).read(torch.tensor([49]), 2)
