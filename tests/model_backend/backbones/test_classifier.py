"""The probability of a label from features alone, re-derived by hand."""

from __future__ import annotations

import numpy as np
import pytest

from model_backend.backbones import classifier as module
from model_backend.backbones.classifier import Classifier

TENCH, GOLDFISH = 0, 1


@pytest.fixture
def classifier() -> Classifier:
    """Only a tench and a goldfish are ever likely; each has one feature."""
    weight = np.zeros((1000, 2), np.float32)
    weight[TENCH, 0] = weight[GOLDFISH, 1] = 1
    bias = np.full(1000, -100, np.float32)
    bias[[TENCH, GOLDFISH]] = 0
    return Classifier(weight, bias)


def test_a_label_is_the_sum_of_its_classes_over_the_mean_of_the_blocks(classifier: Classifier) -> None:
    features = np.array([[np.log(3), 0, 0, 0], [0, np.log(3), 0, np.log(3)]], np.float32)
    expected = classifier.expected(features, ["tench", "goldfishes", "fish", "runway"])
    assert np.allclose(expected[0, :3], [(3 / 4 + 1 / 2) / 2, (1 / 4 + 1 / 2) / 2, 1])
    assert np.allclose(expected[1, :3], [1 / 4, 3 / 4, 1])
    assert np.isnan(expected[:, 3]).all()


def test_images_are_taken_some_at_a_time_and_come_out_the_same(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)
    at_once = classifier.expected(features, ["tench"])
    monkeypatch.setattr(module, "ROWS", 3)
    assert np.array_equal(classifier.expected(features, ["tench"]), at_once)
    assert len(np.unique(at_once)) == 7


def test_no_image_is_no_row(classifier: Classifier) -> None:
    assert classifier.expected(np.zeros((0, 4), np.float32), ["tench"]).shape == (0, 1)
