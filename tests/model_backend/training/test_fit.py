"""The shipped training: from any pool to a model and a vector for every image."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from model_backend.errors import Damaged, LearningError
from model_backend.estimators import ESTIMATORS
from model_backend.losses import LOSSES
from model_backend.training import LabelModel, Pool, Recipe, fit, mean_average_precision

Planted = Callable[..., tuple[Pool, NDArray[np.int8]]]


@pytest.mark.parametrize(
    ("images", "labels", "tagged"),
    [(10, 4, 10), (60, 1, 10), (80, 500, 80), (200, 5, 12), (1, 3, 1), (2, 2, 2)],
)
def test_any_size_gives_a_probability_for_every_label_of_every_image(
    images: int, labels: int, tagged: int, planted: Planted
) -> None:
    pool, _ = planted(images, labels, tagged)
    result = fit(pool)
    assert result.probabilities.shape == (images, labels)
    assert result.probabilities.dtype == np.float32
    assert np.isfinite(result.probabilities).all()
    assert result.probabilities.min() >= 0
    assert result.probabilities.max() <= 1
    assert result.model.thresholds.shape == (labels,)
    json.dumps(result.metrics)


def test_it_learns_the_labels_that_were_not_tagged(planted: Planted) -> None:
    pool, truth = planted(300, tagged=300)
    unseen, unseen_truth = planted(300, seed=0)
    untagged = np.where(pool.observed > 0, np.nan, fit(pool, expected_positives=2.0).probabilities)
    scores, present = untagged[np.isfinite(untagged)], truth[np.isfinite(untagged)]
    assert scores[present == 1].mean() > 2 * scores[present == 0].mean()
    by_chance = truth.mean()
    vectors = fit(pool, expected_positives=2.0).model.predict(unseen.features)
    assert mean_average_precision(vectors, unseen_truth).mean > by_chance + 0.3


def test_the_same_arguments_give_the_same_bits(planted: Planted) -> None:
    pool, _ = planted()
    first, second = fit(pool, Recipe(seed=3)), fit(pool, Recipe(seed=3))
    assert np.array_equal(first.probabilities, second.probabilities)
    assert not np.array_equal(first.probabilities, fit(pool, Recipe(seed=4)).probabilities)


def test_a_label_never_tagged_is_reported_and_gets_low_probabilities(planted: Planted) -> None:
    pool, _ = planted(150, 4)
    observed = pool.observed.copy()
    observed[:, 2] = 0
    result = fit(Pool(pool.features, pool.blocks, observed))
    assert result.metrics["never_tagged"] == [2]
    assert result.probabilities[:, 2].mean() < np.delete(result.probabilities, 2, axis=1).mean() / 2


def test_an_observed_absence_lowers_the_label_where_it_was_observed(planted: Planted) -> None:
    pool, truth = planted(200)
    before = fit(pool).probabilities
    observed = pool.observed.copy()
    rejected = (truth == 0) & (before > 0.3)
    observed[rejected] = -1
    after = fit(Pool(pool.features, pool.blocks, observed)).probabilities
    assert rejected.sum() > 10
    assert after[rejected].mean() < before[rejected].mean() - 0.1


def test_a_label_that_annotators_avoid_is_believed_more_when_they_are_known_to(planted: Planted) -> None:
    pool, _ = planted(150)
    avoided = np.array([0.1, 1, 1, 1, 1])
    plain, corrected = fit(pool).probabilities, fit(pool, propensity=avoided).probabilities
    assert corrected[:, 0].mean() > plain[:, 0].mean() + 0.1
    assert corrected[:, 1:].mean() < plain[:, 1:].mean()
    for wrong in (avoided[:4], 0 * avoided, 2 * avoided):
        with pytest.raises(LearningError, match="Propensities"):
            fit(pool, propensity=wrong)


def test_nothing_tagged_is_refused_with_what_to_do(planted: Planted) -> None:
    pool, _ = planted()
    for nothing in (np.zeros_like(pool.observed), -np.ones_like(pool.observed)):
        with pytest.raises(LearningError, match="Tag a few images"):
            fit(Pool(pool.features, pool.blocks, nothing))


def test_images_with_equal_features_do_no_harm(planted: Planted) -> None:
    pool, _ = planted(30)
    alike = fit(Pool(np.ones_like(pool.features), pool.blocks, pool.observed)).probabilities
    assert np.isfinite(alike).all()
    assert np.ptp(alike, axis=0).max() < 1e-4


class TestTheMapOfThePreviousVersion:
    def test_serves_again_for_the_same_images_in_any_order_and_changes_nothing(
        self, planted: Planted
    ) -> None:
        pool, _ = planted(100)
        first = fit(pool)
        again = fit(pool, previous=first.model)
        assert again.metrics["map_reused"]
        assert np.array_equal(first.probabilities, again.probabilities)
        order = np.random.default_rng(0).permutation(100)
        turned = fit(Pool(pool.features[order], pool.blocks, pool.observed[order]), previous=first.model)
        assert turned.metrics["map_reused"]
        assert turned.model.pool is not None
        assert first.model.pool is not None
        assert np.array_equal(turned.model.pool.mapped.numpy(), first.model.pool.mapped.numpy()[order])

    def test_serves_a_pool_that_grew_a_little_and_labels_that_were_added(self, planted: Planted) -> None:
        pool, truth = planted(110)
        small = fit(Pool(pool.features[:100], pool.blocks, pool.observed[:100, :4]))
        grown = fit(pool, previous=small.model)
        assert grown.metrics["map_reused"]
        assert grown.probabilities.shape == truth.shape

    def test_is_fitted_anew_when_most_images_changed(self, planted: Planted) -> None:
        pool, _ = planted(100)
        other, _ = planted(100, seed=5)
        assert not fit(other, previous=fit(pool).model).metrics["map_reused"]

    def test_is_fitted_anew_for_another_backbone(self, planted: Planted) -> None:
        pool, _ = planted(100)
        other = Pool(pool.features, (8, 16), pool.observed)
        assert not fit(other, previous=fit(pool).model).metrics["map_reused"]


class TestAModelOnDisk:
    def test_reloads_bit_for_bit(self, tmp_path: Path, planted: Planted) -> None:
        pool, _ = planted()
        unseen, _ = planted(40, seed=9)
        model = fit(pool).model
        model.save(tmp_path / "version")
        loaded = LabelModel.load(tmp_path / "version")
        assert np.array_equal(loaded.predict(unseen.features), model.predict(unseen.features))
        assert np.array_equal(loaded.thresholds, model.thresholds)
        assert (loaded.recipe, loaded.blocks) == (model.recipe, model.blocks)
        assert loaded.expected_positives == model.expected_positives

    def test_serves_the_next_training_as_the_one_in_memory_does(
        self, tmp_path: Path, planted: Planted
    ) -> None:
        pool, _ = planted()
        first = fit(pool)
        first.model.save(tmp_path)
        again = fit(pool, previous=LabelModel.load(tmp_path))
        assert again.metrics["map_reused"]
        assert np.array_equal(again.probabilities, first.probabilities)

    def test_half_written_is_refused(self, tmp_path: Path, planted: Planted) -> None:
        pool, _ = planted(20)
        fit(pool).model.save(tmp_path)
        (tmp_path / "model.safetensors").write_bytes(b"half")
        with pytest.raises(LearningError, match="Train a new version"):
            LabelModel.load(tmp_path)
        with pytest.raises(LearningError, match="Train a new version"):
            LabelModel.load(tmp_path / "nothing")

    @pytest.mark.parametrize("file", ["model.json", "model.safetensors"])
    def test_that_is_not_as_it_was_written_is_said_to_be_damaged(
        self, tmp_path: Path, planted: Planted, file: str
    ) -> None:
        pool, _ = planted(20)
        fit(pool).model.save(tmp_path)
        whole = (tmp_path / file).read_bytes()
        for rotten in (b"", whole[: len(whole) // 2], b"\xff" * 100, b"[]", b"null", b"{}", b'"text"'):
            (tmp_path / file).write_bytes(rotten)
            with pytest.raises(Damaged, match="Train a new version"):
                LabelModel.load(tmp_path)

    def test_that_lacks_a_name_or_a_tensor_is_said_to_be_damaged(
        self, tmp_path: Path, planted: Planted
    ) -> None:
        pool, _ = planted(20)
        fit(pool).model.save(tmp_path)
        settings = json.loads((tmp_path / "model.json").read_text())
        for lacking in settings:
            others = {name: value for name, value in settings.items() if name != lacking}
            (tmp_path / "model.json").write_text(json.dumps(others))
            with pytest.raises(Damaged, match="Train a new version"):
                LabelModel.load(tmp_path)
        (tmp_path / "model.json").write_text(json.dumps(settings))
        tensors = load_file(tmp_path / "model.safetensors")
        for lacking in tensors:
            save_file(
                {name: value for name, value in tensors.items() if name != lacking},
                tmp_path / "model.safetensors",
            )
            with pytest.raises(Damaged, match="Train a new version"):
                LabelModel.load(tmp_path)

    def test_names_its_heads_as_format_1_does(self, tmp_path: Path, planted: Planted) -> None:
        pool, _ = planted(20)
        model = fit(pool).model
        model.save(tmp_path)
        settings = json.loads((tmp_path / "model.json").read_text())
        assert settings["format"] == 1
        assert [part["link"] for part in settings["parts"]] == [head.link for head in model.heads]
        tensors = load_file(tmp_path / "model.safetensors")
        for index, head in enumerate(model.heads):
            for depth, (weight, bias) in enumerate(head.layers):
                assert torch.equal(tensors[f"part.{index}.{depth}.weight"], weight)
                assert torch.equal(tensors[f"part.{index}.{depth}.bias"], bias)

    def test_of_a_later_format_is_refused(self, tmp_path: Path, planted: Planted) -> None:
        pool, _ = planted(20)
        fit(pool).model.save(tmp_path)
        settings = json.loads((tmp_path / "model.json").read_text())
        (tmp_path / "model.json").write_text(json.dumps(settings | {"format": 99}))
        with pytest.raises(LearningError, match="Update the program"):
            LabelModel.load(tmp_path)

    def test_says_when_features_are_of_another_backbone(self, planted: Planted) -> None:
        pool, _ = planted(20)
        with pytest.raises(LearningError, match="backbone has changed"):
            fit(pool).model.predict(np.ones((1, 3), np.float32))


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_trains_a_model(loss: str, planted: Planted) -> None:
    pool, _ = planted(60)
    result = fit(pool, Recipe(loss=loss, epochs=2, batch=16))
    assert np.isfinite(result.probabilities).all()
    assert np.array_equal(
        result.probabilities, fit(pool, Recipe(loss=loss, epochs=2, batch=16)).probabilities
    )


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_estimator_trains_with_role_and_enters_the_vectors(estimator: str, planted: Planted) -> None:
    pool, _ = planted(60)
    result = fit(pool, Recipe(estimator=estimator, epochs=2, batch=16))
    assert np.isfinite(result.probabilities).all()
    assert not np.array_equal(result.probabilities, result.model.predict(pool.features))


def test_the_metrics_tell_which_labels_the_backbone_does_not_expect_by_name(planted: Planted) -> None:
    pool, truth = planted(60, labels=3, tagged=30)
    expected = np.where(truth > 0, 0.8, 0.1).astype(np.float32)
    expected[:, 1] = np.nan
    named = replace(pool, expected=expected)
    assert fit(named, expected_positives=1.5).metrics["not_expected_by_name"] == [1]
    assert fit(named, Recipe(loss="an")).metrics["not_expected_by_name"] is None
    assert fit(pool, expected_positives=1.5).metrics["not_expected_by_name"] is None
