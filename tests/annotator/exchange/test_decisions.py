"""What is decided: a person's word always, an estimate only where it is sure enough."""

from __future__ import annotations

import numpy as np
import pytest

from annotator.exchange.decisions import Values, chosen_values, decide

NAN = float("nan")


def decided(observed: int, probability: float, threshold: float) -> int:
    return int(
        decide(
            np.array([[observed]], np.int8),
            np.array([[probability]], np.float32),
            np.array([threshold], np.float32),
        )[0, 0]
    )


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9, 1.01, NAN])
def test_a_persons_word_decides_whatever_the_threshold(threshold: float) -> None:
    assert decided(1, 1, threshold) == 1
    assert decided(-1, 0, threshold) == -1


@pytest.mark.parametrize(
    ("probability", "threshold", "expected"),
    [
        (0.8, 0.75, 1),
        (0.75, 0.75, 1),
        (0.5, 0.75, 0),
        (0.25, 0.75, -1),
        (0.3, 0.75, 0),
        (0.5, 0.3, 1),
        (0.2, 0.3, -1),
        (0.9999, 1.01, 0),
        (0.0001, 1.01, 0),
        (0.9, NAN, 0),
        (NAN, 0.5, 0),
    ],
)
def test_an_estimate_decides_at_the_threshold_of_its_label(
    probability: float, threshold: float, expected: int
) -> None:
    assert decided(0, probability, threshold) == expected


def test_what_is_not_decided_is_empty_and_never_absent() -> None:
    observed = np.array([[1, -1, 0, 0, 0]], np.int8)
    probabilities = np.array([[1, 0, 0.9, 0.1, 0.5]], np.float32)
    decisions = decide(observed, probabilities, np.full(5, 0.8, np.float32))
    given = observed, probabilities, decisions
    np.testing.assert_array_equal(chosen_values(Values.HARD, *given), [[1, 0, 1, 0, NAN]])
    np.testing.assert_array_equal(chosen_values(Values.HUMAN, *given), [[1, 0, NAN, NAN, NAN]])
    np.testing.assert_array_equal(chosen_values(Values.PROBABILITIES, *given), probabilities)
