"""A split: by seed and image alone, and as large as was asked for."""

from __future__ import annotations

import pytest

from annotator.exchange.splits import Split


@pytest.mark.parametrize("share", [0.0, 0.25, 0.8, 1.0])
def test_the_share_is_what_was_asked_for(share: float) -> None:
    split = Split(share, seed=0)
    found = sum(split.of(image) == "train" for image in range(1, 20_001)) / 20_000
    assert found == pytest.approx(share, abs=0.01 if 0 < share < 1 else 0)


def test_another_seed_is_another_split() -> None:
    first, second = ([Split(0.5, seed).of(image) for image in range(100)] for seed in (0, 1))
    assert first != second


def test_a_larger_share_keeps_whoever_trained_already() -> None:
    images = range(1000)
    small, large = ({image for image in images if Split(share).of(image) == "train"} for share in (0.5, 0.8))
    assert small < large


def test_it_is_the_same_on_every_machine() -> None:
    sides = "".join(Split(0.5, seed=7).of(image)[0] for image in range(1, 21))
    assert sides == "ttvtttvvtttvvvtvvtvt"
