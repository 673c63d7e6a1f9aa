"""A plan beside the whole truth."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.data import Data
from benchmarks.forecast import Foretold, foretold, line
from benchmarks.simulate import Mixture
from tests.model_backend.training.conftest import plant


def test_what_a_plan_says_of_planted_images_is_near_the_truth() -> None:
    pool, truth = plant(images=300, labels=4)
    found = foretold(Data(pool.features, (16, 8), truth), Mixture(40, 40), more=60, seed=0)
    assert found.measured == pytest.approx(found.true, abs=4 * found.measured_spread + 3)
    assert 0 <= found.gain <= 100 - found.measured + 1
    assert np.isfinite([found.true_gain, found.gain_spread, found.worth]).all()


def test_so_few_answers_that_there_is_no_curve_end_it() -> None:
    pool, truth = plant(images=100, labels=4)
    with pytest.raises(SystemExit, match="curve"):
        foretold(Data(pool.features, (16, 8), truth), Mixture(20, 0), more=10, seed=0)


def test_a_line_has_the_plan_beside_the_truth() -> None:
    said = line(Foretold(84.0, 3.0, 86.0, 2.0, 0.5, 1.5, 3.2, 0.9))
    assert said.split("   ") == [
        "mAP 84.0 +- 3.0 (true 86.0)",
        "gain 2.0 +- 0.5 (true 1.5)",
        "worth 3.2 +- 0.9",
    ]
