"""Learning curves: a law that is recovered, and what is reckoned from one by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls

from model_backend.planning.curves import POWERS, Forecast, PowerLaw, fit_power_law, forecast
from model_backend.planning.refits import Refits


@pytest.mark.parametrize("law", [PowerLaw(0.1, 2.0, 0.5), PowerLaw(0.0, 1.0, 0.25), PowerLaw(0.3, 0.0, 1.0)])
def test_a_law_is_found_again_in_its_own_errors(law: PowerLaw) -> None:
    answers = np.array([20.0, 40, 80, 160])
    found = fit_power_law(answers, np.array([law(n) for n in answers]))
    assert [found(n) for n in (20, 160, 320)] == pytest.approx([law(n) for n in (20, 160, 320)], abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_no_law_on_the_grid_is_nearer(seed: int) -> None:
    random = np.random.default_rng(seed)
    answers = np.array([30.0, 60, 120, 240])
    errors = 0.1 * random.random() + answers**-0.4 + random.normal(0, 0.03, 4)
    found = fit_power_law(answers, errors)
    naive = min(nnls(np.stack([np.ones(4), answers**-power], axis=1), errors)[1] for power in POWERS)
    distance = np.sqrt(sum((found(n) - error) ** 2 for n, error in zip(answers, errors, strict=True)))
    assert distance == pytest.approx(naive, abs=1e-6)


def test_errors_that_rise_give_a_curve_that_is_flat() -> None:
    found = fit_power_law(np.array([10.0, 20, 40]), np.array([0.1, 0.2, 0.3]))
    assert (found(10), found(1000)) == pytest.approx((0.2, 0.2))


def test_the_answers_that_an_error_takes_are_the_laws_inverse() -> None:
    law = PowerLaw(0.1, 2.0, 0.5)
    assert law.answers(law(77)) == pytest.approx(77)
    assert law.answers(0.1) == np.inf


def test_what_further_answers_bring_is_the_difference_of_the_curve() -> None:
    laws = PowerLaw(0.0, 1.0, 0.5), PowerLaw(0.1, 1.0, 0.5), PowerLaw(0.0, 2.0, 0.5)
    known = Forecast(100, laws[0], laws, measured=0.9, spread=0.02)
    # Errors after 100 answers: 0.1, and of the draws 0.1, 0.2, 0.2; after 400: 0.05, and 0.05, 0.15, 0.1.
    assert known.reached() == pytest.approx((0.9, np.std([0.1, 0.2, 0.2])))
    assert known.reached(300) == pytest.approx((0.95, np.std([0.05, 0.15, 0.1])))
    assert known.gain(300) == pytest.approx((0.05, np.std([0.05, 0.05, 0.1])))


def refits(right: list[float], images: int = 40) -> Refits:
    """Of one label, on half of the images: refits of each size rank this share of the present ones on top."""
    truth = np.arange(images)[:, None] < images // 2
    scores = np.zeros((len(right), 2, images, 1), dtype=np.float32)
    for size, share in enumerate(right):
        found = np.arange(images) < share * images // 2
        scores[size, :, :, 0] = np.where(found, 2.0, 0.0) + np.linspace(0.5, 0.4, images)[::-1]
    tags = np.repeat(np.array([[10.0], [20], [40], [80]])[: len(right)], 2, axis=1)
    return Refits(tags, np.zeros_like(tags), scores, truth, np.ones_like(truth))


def test_a_record_that_got_better_will_and_one_that_did_not_will_not() -> None:
    rising, flat = refits([0.2, 0.5, 0.8, 0.9]), refits([0.5, 0.5, 0.5, 0.5])
    better = forecast(rising, answers=90, worth=1.0)
    same = forecast(flat, answers=90, worth=1.0)
    assert better is not None
    assert same is not None
    measured = rising.precisions(np.ones((1, 40)))[-1].mean()
    assert better.measured == pytest.approx(measured)
    assert better.gain(90)[0] > 0.01
    assert same.gain(90)[0] == pytest.approx(0, abs=1e-9)
    assert same.reached()[1] > 0.01, "forty images do not tell it to a point"


def test_two_sizes_make_no_curve() -> None:
    assert forecast(refits([0.5, 0.8]), answers=20, worth=1.0) is None
