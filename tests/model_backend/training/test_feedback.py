"""How feedback on suggestions changes calibration and thresholds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit, logit

from model_backend.errors import LearningError
from model_backend.training import Feedback, Fit, Pool, fit
from model_backend.training.calibration import LEAST_FEEDBACK, calibration_error, fit_platt, no_calibration
from model_backend.training.thresholds import NEVER, feedback_thresholds, prior_thresholds

Planted = Callable[..., tuple[Pool, NDArray[np.int8]]]


class TestThresholds:
    def test_without_feedback_the_mean_of_what_is_suggested_reaches_the_precision(self) -> None:
        probabilities = np.random.default_rng(0).random((200, 3)).astype(np.float32)
        probabilities[:, 2] *= 0.5
        found = prior_thresholds(probabilities, 0.8)
        for label in (0, 1):
            kept = probabilities[probabilities[:, label] >= found[label], label]
            below = probabilities[probabilities[:, label] < found[label], label].max()
            assert kept.mean() >= 0.8
            assert np.append(kept, below).mean() < 0.8
        assert found[2] == np.float32(NEVER)

    def test_where_all_feedback_together_reaches_it_a_lower_start_stands(self) -> None:
        probabilities = np.linspace(0.7, 0.9, 20)[:, None]
        right = np.ones_like(probabilities)
        assert feedback_thresholds(probabilities, right, 0.8, np.array([0.6])) == pytest.approx([0.6])
        assert feedback_thresholds(probabilities, right, 0.8, np.array([0.8])) == pytest.approx([0.7])

    def test_as_much_feedback_is_needed_as_could_reach_the_precision(self) -> None:
        probabilities, right = np.full((12, 1), 0.9), np.ones((12, 1))
        assert feedback_thresholds(probabilities, right, 0.95, np.array([0.4])) == pytest.approx([0.4])

    def test_with_feedback_the_accepted_share_reaches_the_precision(self) -> None:
        probabilities = np.array([[0.9], [0.8], [0.7], [0.6], [0.5]] * 4)
        feedback = np.where(probabilities >= 0.7, 1, -1)
        found = feedback_thresholds(probabilities, feedback, 0.8, np.array([0.3]))
        assert found == pytest.approx([0.7])

    def test_little_feedback_changes_nothing_and_bad_stop_suggestions(self) -> None:
        probabilities = np.full((12, 2), 0.9)
        feedback = np.zeros((12, 2))
        feedback[:3, 0], feedback[:, 1] = -1, -1
        assert feedback_thresholds(probabilities, feedback, 0.8, np.array([0.4, 0.4])) == pytest.approx(
            [0.4, NEVER]
        )

    @pytest.mark.parametrize("wrong", [0.0, 1.0, 80.0])
    def test_a_precision_is_a_share(self, wrong: float) -> None:
        with pytest.raises(LearningError, match="precision"):
            prior_thresholds(np.ones((1, 1)), wrong)


class TestCalibration:
    def reviewed(
        self, count: int = 4000, slope: float = 0.5, offset: float = -1.0
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        random = np.random.default_rng(0)
        probabilities = random.uniform(0.02, 0.98, (count, 2))
        held = random.random((count, 2)) < expit(slope * logit(probabilities) + offset)
        return probabilities, np.where(held, 1, -1)

    def test_it_finds_the_distortion_and_lowers_the_calibration_error(self) -> None:
        probabilities, feedback = self.reviewed()
        found = fit_platt(probabilities, feedback)
        assert found.scale == pytest.approx([0.5, 0.5], abs=0.06)
        assert found.offset == pytest.approx([-1, -1], abs=0.15)
        before, after = (
            calibration_error(probabilities, feedback),
            calibration_error(found(probabilities), feedback),
        )
        assert before > 0.1
        assert after < 0.03

    def test_it_keeps_the_order_and_needs_feedback_of_both_kinds(self) -> None:
        probabilities, feedback = self.reviewed(50)
        assert (
            np.diff(fit_platt(probabilities, feedback)(np.sort(probabilities, axis=0)), axis=0) >= 0
        ).all()
        for nothing in (np.zeros_like(feedback), np.abs(feedback)):
            assert fit_platt(probabilities, nothing).scale.tolist() == no_calibration(2).scale.tolist()
            assert fit_platt(probabilities, nothing).feedback == 0

    def test_what_was_never_suggested_holds_the_rest_in_place(self) -> None:
        random = np.random.default_rng(0)
        probabilities = random.uniform(0.7, 0.95, (300, 1))
        feedback = np.where(
            random.random(probabilities.shape) < 0.5, 1, -1
        )  # as often right at 0.7 as at 0.95
        low = random.uniform(0.01, 0.1, (3000, 1))
        low[::2] = np.nan
        alone, held = fit_platt(probabilities, feedback), fit_platt(probabilities, feedback, unreviewed=low)
        assert alone(np.array([[0.02]])) > 0.035
        assert held(np.array([[0.02]])) == pytest.approx(0.02, abs=0.015)
        assert held(np.array([[0.82]])) == pytest.approx(0.5, abs=0.1)

    @pytest.mark.parametrize(("right", "change"), [(1, 1), (-1, -1)])
    def test_feedback_of_one_kind_counts_where_the_rest_is_held(self, right: int, change: int) -> None:
        probabilities, low = np.full((30, 1), 0.7), np.full((30, 1), 0.05)
        found = fit_platt(probabilities, np.full((30, 1), right), unreviewed=low)
        assert np.sign(found(probabilities) - probabilities).tolist() == [[change]] * 30
        assert fit_platt(probabilities, np.full((30, 1), right), unreviewed=low * np.nan).feedback == 0

    def test_it_can_be_undone(self) -> None:
        probabilities, feedback = self.reviewed()
        found = fit_platt(probabilities, feedback)
        assert found.undo(found(probabilities)) == pytest.approx(probabilities, abs=1e-5)
        assert (no_calibration(2).undo(probabilities) == probabilities.astype(np.float32)).all()

    def test_the_calibration_error_is_the_gap_by_bin_weighed_by_its_cells(self) -> None:
        probabilities, truth = np.array([[0.15], [0.15], [0.95], [0.95]]), np.array([[0], [1], [1], [1]])
        assert calibration_error(probabilities, truth) == pytest.approx((2 * 0.35 + 2 * 0.05) / 4)
        with pytest.raises(LearningError, match="one shape"):
            calibration_error(probabilities, truth[:2])


class TestTheNextTraining:
    """A first version suggests, two thirds of the images are reviewed by the truth, and it trains again."""

    PRECISION = 0.8
    IMAGES, REVIEWED = 450, 300

    def rounds(
        self, planted: Planted, positives: float, precision: float = PRECISION, seed: int = 0
    ) -> tuple[NDArray[np.int8], NDArray[np.bool_], Fit, Fit]:
        """The truth, what may still be suggested, and the first and the second fit."""
        pool, truth = planted(self.IMAGES, 6, tagged=150, seed=seed)
        first = fit(pool, expected_positives=positives, precision=precision)
        shown = (first.probabilities >= first.model.thresholds) & (pool.observed == 0)
        rows, labels = np.nonzero(shown & (np.arange(self.IMAGES) < self.REVIEWED)[:, None])
        probabilities, present = first.probabilities[rows, labels], truth[rows, labels] > 0
        observed = pool.observed.copy()
        observed[rows, labels] = np.where(present, 1, -1)
        feedback = Feedback(labels, probabilities, probabilities, present)
        second = fit(
            Pool(pool.features, pool.blocks, observed),
            expected_positives=positives,
            precision=precision,
            feedback=feedback,
        )
        return truth, pool.observed == 0, first, second

    def held_out(self, values: NDArray[Any]) -> NDArray[Any]:
        return values[self.REVIEWED :]

    @pytest.mark.parametrize("seed", [0, 1])
    @pytest.mark.parametrize("positives", [2.0, 4.5])
    def test_reaches_the_precision_on_images_that_were_not_reviewed(
        self, planted: Planted, positives: float, seed: int
    ) -> None:
        truth, unknown, _, second = self.rounds(planted, positives, seed=seed)
        suggested = self.held_out((second.probabilities >= second.model.thresholds) & unknown)
        assert suggested.sum() > 80
        assert self.held_out(truth)[suggested].mean() >= self.PRECISION

    def test_lowers_the_probability_of_what_was_often_wrong(self, planted: Planted) -> None:
        truth, unknown, first, second = self.rounds(planted, positives=4.5)
        assert second.metrics["calibrated"]
        sure = self.held_out((first.probabilities >= first.model.thresholds) & unknown)
        right = self.held_out(truth)[sure].mean()
        before, after = (self.held_out(each.probabilities)[sure].mean() for each in (first, second))
        assert before > right + 0.05
        assert abs(after - right) < before - right

    def test_raises_the_probability_of_what_was_seldom_wrong_and_suggests_more(
        self, planted: Planted
    ) -> None:
        truth, unknown, first, second = self.rounds(planted, positives=1.5)
        counts = [
            self.held_out((f.probabilities >= f.model.thresholds) & unknown).sum() for f in (first, second)
        ]
        assert counts[1] > 1.5 * counts[0]
        errors = [
            calibration_error(
                self.held_out(f.probabilities)[self.held_out(unknown)],
                self.held_out(truth)[self.held_out(unknown)],
            )
            for f in (first, second)
        ]
        assert errors[1] < errors[0]

    def test_measures_how_reliable_the_suggestions_were(self, planted: Planted) -> None:
        pool, _ = planted(60, 4)
        probabilities, present = np.full(40, 0.9), np.arange(40) < 30
        metrics = fit(
            pool, feedback=Feedback(np.arange(40) % 4, probabilities, probabilities, present)
        ).metrics
        assert metrics["answers"] == 40
        assert metrics["suggestions_right"] == 0.75
        assert metrics["calibration_error"] == pytest.approx(0.15)
        assert metrics["calibrated"]

    def test_vectors_of_the_pool_are_those_the_model_gives(self, planted: Planted) -> None:
        pool, _ = planted(60, 4)
        probabilities, present = np.full(40, 0.9), np.arange(40) < 20
        result = fit(pool, feedback=Feedback(np.arange(40) % 4, probabilities, probabilities, present))
        assert result.model.scale[0] != 1
        assert result.model.predict(pool.features) == pytest.approx(result.probabilities, abs=1e-5)

    def test_goes_on_as_before_with_little_feedback(self, planted: Planted) -> None:
        pool, _ = planted(60, 4)
        few = np.full(LEAST_FEEDBACK - 1, 0.9)
        plain, answered = fit(pool), fit(pool, feedback=Feedback(few.astype(int), few, few, few < 0))
        assert np.array_equal(plain.probabilities, answered.probabilities)
        assert np.array_equal(plain.model.thresholds, answered.model.thresholds)
        assert (answered.metrics["answers"], answered.metrics["calibrated"]) == (LEAST_FEEDBACK - 1, False)
        assert (plain.metrics["answers"], plain.metrics["calibrated"]) == (0, False)

    def test_feedback_that_cannot_be_is_refused(self, planted: Planted) -> None:
        one, present = np.full(1, 0.5), np.ones(1, bool)
        with pytest.raises(LearningError, match="one length"):
            Feedback(np.zeros(2, int), one, one, present)
        with pytest.raises(LearningError, match="between 0 and 1"):
            Feedback(np.zeros(1, int), one, one * np.nan, present)
        with pytest.raises(LearningError, match="4 labels"):
            fit(planted(20, 4)[0], feedback=Feedback(np.full(1, 4), one, one, present))
