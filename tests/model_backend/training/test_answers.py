"""What accepted and rejected suggestions and completed reviews change: calibration, thresholds, k."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from model_backend.errors import LearningError
from model_backend.training.calibration import fit_platt, no_calibration, reliability
from model_backend.training.positives import PRIOR, PRIOR_REVIEWS, expected_positives
from model_backend.training.thresholds import NEVER, answered_thresholds, prior_thresholds


class TestExpectedPositives:
    def test_a_prior_stands_when_nothing_is_known_and_is_at_most_half_the_labels(self):
        assert expected_positives(np.zeros((3, 9), np.int8)).value == PRIOR
        assert expected_positives(np.zeros((3, 2), np.int8)).value == 1
        assert expected_positives(np.zeros((3, 9), np.int8)).source == "prior"

    def test_the_user_is_believed_until_reviews_say_otherwise(self):
        observed = np.zeros((100, 4), np.int8)
        assert expected_positives(observed, 3.0).value == 3.0
        observed[:50] = [1, -1, -1, -1]
        found = expected_positives(observed, 3.0)
        assert found.value == pytest.approx((50 + 3 * PRIOR_REVIEWS) / (50 + PRIOR_REVIEWS))
        assert (found.source, found.reviews) == ("reviews", 50)

    @pytest.mark.parametrize("wrong", [0, -1, 5, float("nan")])
    def test_a_number_that_cannot_be_is_refused(self, wrong):
        with pytest.raises(LearningError, match="at most 4 labels"):
            expected_positives(np.zeros((3, 4), np.int8), wrong)


class TestThresholds:
    def test_without_answers_the_mean_of_what_is_suggested_reaches_the_precision(self):
        said = np.random.default_rng(0).random((200, 3)).astype(np.float32)
        said[:, 2] *= 0.5
        found = prior_thresholds(said, 0.8)
        for label in (0, 1):
            kept = said[said[:, label] >= found[label], label]
            below = said[said[:, label] < found[label], label].max()
            assert kept.mean() >= 0.8
            assert np.append(kept, below).mean() < 0.8
        assert found[2] == np.float32(NEVER)

    def test_with_answers_the_accepted_share_reaches_the_precision(self):
        said = np.array([[0.9], [0.8], [0.7], [0.6], [0.5]] * 4)
        answers = np.where(said >= 0.7, 1, -1)
        found = answered_thresholds(said, answers, 0.8, np.array([0.3]))
        assert found == pytest.approx([0.7])

    def test_few_answers_change_nothing_and_bad_ones_stop_suggestions(self):
        said = np.full((12, 2), 0.9)
        answers = np.zeros((12, 2))
        answers[:3, 0], answers[:, 1] = -1, -1
        assert answered_thresholds(said, answers, 0.8, np.array([0.4, 0.4])) == pytest.approx([0.4, NEVER])

    @pytest.mark.parametrize("wrong", [0.0, 1.0, 80.0])
    def test_a_precision_is_a_share(self, wrong):
        with pytest.raises(LearningError, match="precision"):
            prior_thresholds(np.ones((1, 1)), wrong)


class TestCalibration:
    def answers(self, count=4000, slope=0.5, offset=-1.0):
        random = np.random.default_rng(0)
        said = random.uniform(0.02, 0.98, (count, 2))
        held = random.random((count, 2)) < expit(slope * logit(said) + offset)
        return said, np.where(held, 1, -1)

    def test_it_finds_the_distortion_and_mends_the_reliability(self):
        said, answers = self.answers()
        found = fit_platt(said, answers)
        assert found.scale == pytest.approx([0.5, 0.5], abs=0.06)
        assert found.offset == pytest.approx([-1, -1], abs=0.15)
        before, after = reliability(said, answers), reliability(found(said), answers)
        assert before.error > 0.1
        assert after.error < 0.03

    def test_it_corrects_for_showing_likely_suggestions_alone(self):
        said, answers = self.answers(40000, slope=1.0, offset=0.0)
        # Reviewers see rejected cells less often: what is judged looks better than it is.
        shown = np.where(answers > 0, 0.9, 0.3)
        seen = np.random.default_rng(1).random(said.shape) < shown
        judged = np.where(seen, answers, 0)
        assert fit_platt(said, judged).offset.mean() > 0.8
        assert fit_platt(said, judged, shown).offset == pytest.approx([0, 0], abs=0.1)

    def test_it_keeps_the_order_and_needs_answers_of_both_kinds(self):
        said, answers = self.answers(50)
        assert (np.diff(fit_platt(said, answers)(np.sort(said, axis=0)), axis=0) >= 0).all()
        for nothing in (np.zeros_like(answers), np.abs(answers)):
            assert fit_platt(said, nothing).scale.tolist() == no_calibration(2).scale.tolist()
            assert fit_platt(said, nothing).answers == 0

    def test_reliability_is_the_gap_by_bin_weighed_by_its_cells(self):
        said, truth = np.array([[0.15], [0.15], [0.95], [0.95]]), np.array([[0], [1], [1], [1]])
        found = reliability(said, truth)
        assert found.error == pytest.approx((2 * 0.35 + 2 * 0.05) / 4)
        assert found.cells.sum() == 4
        with pytest.raises(LearningError, match="one shape"):
            reliability(said, truth[:2])
