"""What accepted and rejected suggestions change: calibration and thresholds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from model_backend.errors import LearningError
from model_backend.training import Feedback, Pool, fit
from model_backend.training.calibration import LEAST_ANSWERS, fit_platt, no_calibration, reliability
from model_backend.training.thresholds import NEVER, answered_thresholds, prior_thresholds


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

    def test_where_all_answers_together_reach_it_a_lower_start_stands(self):
        said = np.linspace(0.7, 0.9, 20)[:, None]
        right = np.ones_like(said)
        assert answered_thresholds(said, right, 0.8, np.array([0.6])) == pytest.approx([0.6])
        assert answered_thresholds(said, right, 0.8, np.array([0.8])) == pytest.approx([0.7])

    def test_as_many_answers_are_needed_as_could_reach_the_precision(self):
        said, right = np.full((12, 1), 0.9), np.ones((12, 1))
        assert answered_thresholds(said, right, 0.95, np.array([0.4])) == pytest.approx([0.4])

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

    def test_what_nobody_was_asked_about_holds_the_rest_in_place(self):
        random = np.random.default_rng(0)
        said = random.uniform(0.7, 0.95, (300, 1))
        answers = np.where(random.random(said.shape) < 0.5, 1, -1)  # as often right at 0.7 as at 0.95
        low = random.uniform(0.01, 0.1, (3000, 1))
        low[::2] = np.nan
        alone, held = fit_platt(said, answers), fit_platt(said, answers, unasked=low)
        assert alone(np.array([[0.02]])) > 0.035
        assert held(np.array([[0.02]])) == pytest.approx(0.02, abs=0.015)
        assert held(np.array([[0.82]])) == pytest.approx(0.5, abs=0.1)

    @pytest.mark.parametrize(("right", "change"), [(1, 1), (-1, -1)])
    def test_answers_of_one_kind_count_where_the_rest_is_held(self, right, change):
        said, low = np.full((30, 1), 0.7), np.full((30, 1), 0.05)
        found = fit_platt(said, np.full((30, 1), right), unasked=low)
        assert np.sign(found(said) - said).tolist() == [[change]] * 30
        assert fit_platt(said, np.full((30, 1), right), unasked=low * np.nan).answers == 0

    def test_it_can_be_undone(self):
        said, answers = self.answers()
        found = fit_platt(said, answers)
        assert found.undo(found(said)) == pytest.approx(said, abs=1e-5)
        assert (no_calibration(2).undo(said) == said.astype(np.float32)).all()

    def test_reliability_is_the_gap_by_bin_weighed_by_its_cells(self):
        said, truth = np.array([[0.15], [0.15], [0.95], [0.95]]), np.array([[0], [1], [1], [1]])
        found = reliability(said, truth)
        assert found.error == pytest.approx((2 * 0.35 + 2 * 0.05) / 4)
        assert found.cells.sum() == 4
        with pytest.raises(LearningError, match="one shape"):
            reliability(said, truth[:2])


class TestTheNextTraining:
    """A first version suggests, two thirds of the images are answered from the truth, and it trains again."""

    PRECISION = 0.8
    IMAGES, ASKED = 450, 300

    def rounds(self, planted, positives, precision=PRECISION, seed=0):
        """The truth, what may still be suggested, and the first and the second fit."""
        pool, truth = planted(self.IMAGES, 6, tagged=150, seed=seed)
        first = fit(pool, expected_positives=positives, precision=precision)
        shown = (first.probabilities >= first.model.thresholds) & (pool.observed == 0)
        rows, labels = np.nonzero(shown & (np.arange(self.IMAGES) < self.ASKED)[:, None])
        said, present = first.probabilities[rows, labels], truth[rows, labels] > 0
        observed = pool.observed.copy()
        observed[rows, labels] = np.where(present, 1, -1)
        feedback = Feedback(labels, said, said, present)
        second = fit(
            Pool(pool.features, pool.blocks, observed),
            expected_positives=positives,
            precision=precision,
            feedback=feedback,
        )
        return truth, pool.observed == 0, first, second

    def held_out(self, values):
        return values[self.ASKED :]

    @pytest.mark.parametrize("seed", [0, 1])
    @pytest.mark.parametrize("positives", [2.0, 4.5])
    def test_meets_the_precision_on_images_that_were_not_asked_about(self, planted, positives, seed):
        truth, unknown, _, second = self.rounds(planted, positives, seed=seed)
        suggested = self.held_out((second.probabilities >= second.model.thresholds) & unknown)
        assert suggested.sum() > 80
        assert self.held_out(truth)[suggested].mean() >= self.PRECISION

    def test_believes_less_what_was_often_wrong(self, planted):
        truth, unknown, first, second = self.rounds(planted, positives=4.5)
        assert second.metrics["calibrated"]
        sure = self.held_out((first.probabilities >= first.model.thresholds) & unknown)
        right = self.held_out(truth)[sure].mean()
        before, after = (self.held_out(each.probabilities)[sure].mean() for each in (first, second))
        assert before > right + 0.05
        assert abs(after - right) < before - right

    def test_believes_more_what_was_seldom_wrong_and_suggests_more(self, planted):
        truth, unknown, first, second = self.rounds(planted, positives=1.5)
        counts = [
            self.held_out((f.probabilities >= f.model.thresholds) & unknown).sum() for f in (first, second)
        ]
        assert counts[1] > 1.5 * counts[0]
        errors = [
            reliability(
                self.held_out(f.probabilities)[self.held_out(unknown)],
                self.held_out(truth)[self.held_out(unknown)],
            ).error
            for f in (first, second)
        ]
        assert errors[1] < errors[0]

    def test_tells_how_reliable_the_suggestions_were(self, planted):
        pool, _ = planted(60, 4)
        said, present = np.full(40, 0.9), np.arange(40) < 30
        metrics = fit(pool, feedback=Feedback(np.arange(40) % 4, said, said, present)).metrics
        assert metrics["answers"] == 40
        assert metrics["suggestions_right"] == 0.75
        assert metrics["calibration_error"] == pytest.approx(0.15)
        assert metrics["calibrated"]

    def test_vectors_of_the_pool_are_those_the_model_gives(self, planted):
        pool, _ = planted(60, 4)
        said, present = np.full(40, 0.9), np.arange(40) < 20
        result = fit(pool, feedback=Feedback(np.arange(40) % 4, said, said, present))
        assert result.model.scale[0] != 1
        assert result.model.predict(pool.features) == pytest.approx(result.probabilities, abs=1e-5)

    def test_goes_on_as_before_with_few_answers(self, planted):
        pool, _ = planted(60, 4)
        few = np.full(LEAST_ANSWERS - 1, 0.9)
        plain, answered = fit(pool), fit(pool, feedback=Feedback(few.astype(int), few, few, few < 0))
        assert np.array_equal(plain.probabilities, answered.probabilities)
        assert np.array_equal(plain.model.thresholds, answered.model.thresholds)
        assert (answered.metrics["answers"], answered.metrics["calibrated"]) == (LEAST_ANSWERS - 1, False)
        assert (plain.metrics["answers"], plain.metrics["calibrated"]) == (0, False)

    def test_answers_that_cannot_be_are_refused(self, planted):
        one, present = np.full(1, 0.5), np.ones(1, bool)
        with pytest.raises(LearningError, match="one length"):
            Feedback(np.zeros(2, int), one, one, present)
        with pytest.raises(LearningError, match="between 0 and 1"):
            Feedback(np.zeros(1, int), one, one * np.nan, present)
        with pytest.raises(LearningError, match="4 labels"):
            fit(planted(20, 4)[0], feedback=Feedback(np.full(1, 4), one, one, present))
