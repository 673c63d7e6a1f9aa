"""What holds for every loss in the registry."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from model_backend.errors import LearningError
from model_backend.losses import LOSSES, Batch, Loss, Masks, build_loss
from model_backend.losses.gr import GR
from model_backend.losses.pseudo_negative import PseudoNegative

Make = Callable[..., Loss]
Problem = Callable[..., tuple[Tensor, Batch]]

HALF = [torch.float16, torch.bfloat16]


def with_observed(batch: Batch, observed: Any) -> Batch:
    return dataclasses.replace(batch, observed=torch.as_tensor(observed, device=batch.observed.device))


def gradient(loss: Loss, logits: Tensor, batch: Batch) -> Tensor:
    leaf = logits.clone().requires_grad_()
    return torch.autograd.grad(loss(leaf, batch), leaf)[0]


def estimate_of(batch: Batch) -> Tensor:
    assert batch.estimate is not None
    return batch.estimate


def test_the_registry_says_what_each_loss_is_and_where_it_is_from(name: str) -> None:
    entry = LOSSES[name]
    assert entry.name == name
    assert 10 < len(entry.description) < 90
    assert len(entry.source) > 10
    assert inspect.getdoc(entry.build)
    assert inspect.getdoc(inspect.getmodule(entry.build))


def test_names_are_read_kindly_and_mistakes_name_the_choices() -> None:
    assert type(build_loss("AN_LS")) is LOSSES["an-ls"].build
    with pytest.raises(LearningError, match="Choose one of: bce, "):
        build_loss("nothing")
    with pytest.raises(LearningError, match=r"no option strength.*smoothing, form"):
        build_loss("an-ls", strength=2)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("an-ls", {"smoothing": 1.5}),
        ("an-ls", {"form": "other"}),
        ("wan", {"gamma": -1}),
        ("pseudo-negative", {"count": 0}),
        ("em-apl", {"proportion": 2}),
        ("ll-r", {"delta": -0.1}),
        ("splc", {"threshold": 60}),
    ],
)
def test_an_option_out_of_range_is_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(LearningError):
        build_loss(name, **options)


def test_shapes_that_do_not_fit_are_refused(name: str, make: Make, problem: Problem) -> None:
    logits, batch = problem()
    with pytest.raises(LearningError, match="same rows and labels"):
        make(name)(logits[:, :3], batch)
    with pytest.raises(LearningError, match="row of the pool"):
        make(name)(logits, dataclasses.replace(batch, indices=batch.indices[:2]))
    with pytest.raises(LearningError, match="estimator"):
        make(name)(logits, dataclasses.replace(batch, estimate=torch.zeros(1, 1)))


def test_a_loss_that_uses_an_estimate_asks_for_it(name: str, make: Make, problem: Problem) -> None:
    logits, batch = problem(estimate=None)
    if LOSSES[name].uses_estimate:
        with pytest.raises(LearningError, match=r"build_estimator"):
            make(name)(logits, batch)
    else:
        assert make(name)(logits, batch).isfinite()


@pytest.mark.parametrize("epoch", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, *HALF])
@pytest.mark.parametrize("size", [100.0, 1e4])
def test_extreme_logits_give_finite_values_and_gradients(
    name: str, make: Make, problem: Problem, device: str, *, epoch: int, dtype: torch.dtype, size: float
) -> None:
    ends = torch.tensor([size, -size, 0.0, size, -size], dtype=dtype, device=device)
    _, batch = problem(epoch=epoch, device=device, estimate=-ends.repeat(6, 1))
    logits = torch.stack([ends.roll(turn) for turn in range(6)])
    leaf = logits.requires_grad_()
    value = make(name)(leaf, batch)
    (found,) = torch.autograd.grad(value, leaf)
    assert value.isfinite()
    assert found.isfinite().all()


@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_is_computed_in_single(
    name: str, make: Make, problem: Problem, device: str, dtype: torch.dtype
) -> None:
    logits, batch = problem(dtype=dtype, device=device)
    value = make(name)(logits, batch)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(make(name)(logits.double(), batch).item(), rel=1e-4, abs=1e-6)


# GR and ROLE differentiate a part of themselves on purpose: see their own tests below. Flips are steps in the
# logits, which stand clear of the finite differences here.
@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"gr", "role"}))
@pytest.mark.parametrize("epoch", [1, 2])
def test_gradients_are_those_of_the_value(name: str, make: Make, problem: Problem, epoch: int) -> None:
    logits, batch = problem(epoch=epoch)
    loss = make(name).eval()
    assert torch.autograd.gradcheck(lambda z: loss(z, batch), logits.requires_grad_(), eps=1e-6)


def test_the_order_of_the_images_does_not_matter(
    name: str, make: Make, problem: Problem, device: str
) -> None:
    logits, batch = problem(epoch=3, device=device)
    order = torch.tensor([3, 5, 0, 2, 4, 1], device=device)
    turned = dataclasses.replace(
        batch,
        observed=batch.observed[order],
        indices=batch.indices[order],
        estimate=estimate_of(batch)[order],
    )
    first, second = make(name), make(name)
    assert first(logits, batch).item() == pytest.approx(second(logits[order], turned).item(), rel=1e-12)
    assert torch.allclose(
        gradient(first, logits, batch)[order], gradient(second, logits[order], turned), atol=1e-15
    )


@pytest.mark.parametrize("others", [[1, 0, 0, 0, 0], [0, 0, 0, 0, 0], [1, -1, 1, 0, 0]])
def test_an_observed_negative_is_pushed_down_harder_than_an_unknown(
    name: str, make: Make, problem: Problem, others: list[int]
) -> None:
    logits, batch = problem(images=1, epoch=3, scale=1.0)
    unknown = with_observed(batch, [others])
    known = with_observed(batch, [[*others[:4], -1]])
    pushed = gradient(make(name), logits, known)[0, 4]
    assert pushed > 0
    assert pushed >= gradient(make(name), logits, unknown)[0, 4] - 1e-12


def test_an_observed_positive_is_pushed_up(name: str, make: Make, problem: Problem) -> None:
    logits, batch = problem(images=1, epoch=3, scale=1.0)
    observed = torch.tensor([[1, 0, 1, 0, -1]])
    batch = dataclasses.replace(batch, observed=observed, estimate=5.3 * observed.double())
    assert (gradient(make(name), logits, batch)[0, [0, 2]] < 0).all()


def test_a_negative_is_never_taken_for_a_positive(name: str, make: Make, problem: Problem) -> None:
    """However sure the model is: flips and rejections are for unknown cells."""
    _, batch = problem(images=2, epoch=9)
    batch = with_observed(batch, [[-1, 0, 0, 0, 1], [-1, -1, -1, -1, 1]])
    logits = torch.tensor([[4.0, 4.0, -1.0, -1.0, 1.0]] * 2, dtype=torch.float64)
    assert (gradient(make(name), logits, batch)[batch.observed == -1] > 0).all()


@pytest.mark.parametrize("images", [0, 3])
def test_images_of_which_nothing_is_known_do_not_break_it(
    name: str, make: Make, problem: Problem, images: int
) -> None:
    logits, batch = problem(images=4, epoch=2)
    empty = dataclasses.replace(
        batch,
        observed=torch.zeros(images, 5),
        indices=batch.indices[:images],
        estimate=estimate_of(batch)[:images],
    )
    assert make(name)(logits[:images], empty).isfinite()
    assert gradient(make(name), logits[:images], empty).isfinite().all()


def test_fully_observed_images_need_no_assumption(make: Make, problem: Problem) -> None:
    logits, batch = problem(epoch=4)
    full = with_observed(batch, torch.where(batch.observed == 0, -1, batch.observed))
    bce = make("bce")(logits, full)
    for other in ("an", "wan", "iun", "em", "em-apl", "ll-r", "ll-ct", "ll-cp", "gr", "pseudo-negative"):
        assert make(other)(logits, full).item() == pytest.approx(bce.item()), other


def test_unknown_cells_cost_bce_nothing(make: Make, problem: Problem) -> None:
    logits, batch = problem()
    for loss in ("bce", "bce-ls", "iu", "iun"):
        assert (gradient(make(loss), logits, batch)[batch.observed == 0] == 0).all()


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.float16, torch.float32])
def test_observed_labels_may_be_of_any_number_type(
    name: str, make: Make, problem: Problem, dtype: torch.dtype
) -> None:
    logits, batch = problem()
    other = with_observed(batch, batch.observed.to(dtype))
    assert make(name)(logits, other).item() == pytest.approx(make(name)(logits, batch).item(), rel=1e-12)


def test_role_trains_classifier_and_estimator_in_one_backward_pass(make: Make, problem: Problem) -> None:
    logits, batch = problem()
    estimate = estimate_of(batch).requires_grad_()
    logits.requires_grad_()
    gradients = torch.autograd.grad(make("role")(logits, batch), (logits, estimate))
    p, g, size = logits.detach().sigmoid(), estimate.detach().sigmoid(), logits.numel()
    for found, own, other in zip(gradients, (p, g), (g, p), strict=True):
        known = (batch.observed == 1) * (own - 1) + (batch.observed == -1) * own
        gap = 2 * (own.sum() / len(own) - 1.7) / 5**2 * own * (1 - own) / len(own)
        assert torch.allclose(found, 0.5 * ((known + own - other) / size + gap))


def test_gr_does_not_differentiate_its_pseudo_label_and_weight(
    make: Make, problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits, batch = problem(epoch=3)
    loss = make("gr")
    assert isinstance(loss, GR)
    frozen = loss.pseudo_label_and_weight(logits.sigmoid(), Masks.of(batch, logits))
    monkeypatch.setattr(loss, "pseudo_label_and_weight", lambda *_: frozen)
    assert torch.autograd.gradcheck(lambda z: loss(z, batch), logits.clone().requires_grad_())
    assert torch.allclose(gradient(loss, logits, batch), gradient(make("gr"), logits, batch))


def test_softmax_gives_an_observed_negative_no_part_of_the_target(make: Make) -> None:
    logits = torch.zeros(1, 4, dtype=torch.float64)
    batch = Batch(torch.tensor([[1, -1, 0, 0]]), torch.zeros(1, dtype=torch.long))
    target = torch.tensor([0.8 + 0.2 / 3, 0.0, 0.2 / 3, 0.2 / 3], dtype=torch.float64)
    assert torch.allclose(gradient(make("softmax"), logits, batch)[0], 0.25 - target)


def test_pseudo_negatives_are_unknown_cells_drawn_anew_each_step(problem: Problem) -> None:
    logits, batch = problem(generator=torch.Generator().manual_seed(0))
    loss = build_loss("pseudo-negative", count=2)
    assert isinstance(loss, PseudoNegative)
    masks = Masks.of(batch, logits)
    draws = torch.stack([loss.draw(masks) for _ in range(200)])
    unknown = (batch.observed == 0).double()
    assert (draws.sum(2) == unknown.sum(1).clamp(max=2)).all()
    assert ((draws.sum(0) > 0) == (unknown > 0)).all()
    again = dataclasses.replace(batch, generator=torch.Generator().manual_seed(0))
    assert torch.equal(loss.draw(Masks.of(again, logits)), draws[0])
