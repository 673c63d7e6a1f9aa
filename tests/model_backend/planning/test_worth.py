"""What a complete image is worth: by hand on a curve that is known, and measured on real pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from model_backend.planning import Refits, Worth, forecast, refit, worth_of_complete
from model_backend.planning.curves import fit_power_law
from model_backend.planning.worth import weighed
from model_backend.simulation.picks import single_positives
from model_backend.training import Pool, fit, mean_average_precision
from tests.real_pictures import RealPictures

PRIOR = Worth(3.0, 1.0)


def ranked(shares: list[float], tags: list[float], complete: float = 0.0, images: int = 400) -> Refits:
    """Refits of one label that put so large a share of the present images above all absent ones."""
    truth = np.arange(images)[:, None] % 2 == 0
    scores = np.zeros((len(shares), 2, images, 1), dtype=np.float32)
    order = np.random.default_rng(0).permutation(images)
    for size, share in enumerate(shares):
        found = truth[:, 0] & (np.argsort(order) < share * images)
        scores[size, :, :, 0] = found + np.random.default_rng(1).random(images) / 2
    counts = np.repeat(np.array(tags)[:, None], 2, axis=1)
    return Refits(counts, np.full_like(counts, complete), scores, truth, np.ones_like(truth))


def test_reviews_share_what_the_curve_says_beyond_the_tags() -> None:
    curve = [0.2, 0.4, 0.6, 0.7]
    as_tags = ranked(curve, [25, 50, 100, 200])
    whole = ranked([0.2, 0.4, 0.6, 0.75], [20, 40, 80, 150], complete=50)
    one = np.ones((1, 400))
    law = fit_power_law(np.array([25.0, 50, 100, 200]), 1 - as_tags.precisions(one)[:, 0, 0])
    by_hand = (law.answers(1 - whole.precisions(one)[-1, 0, 0]) - 150) / 50
    found = worth_of_complete(whole, as_tags, PRIOR)
    assert found.alone == pytest.approx(by_hand, abs=0.5)
    assert found.measured
    assert found.alone is not None
    assert min(found.alone, 3) <= found.tags <= max(found.alone, 3), "between the record and the prior"
    assert found.spread < PRIOR.spread


def test_prior_and_record_are_weighed_by_how_sure_they_are() -> None:
    found = weighed(PRIOR, alone=6.0, spread=2.0)
    # 1 / 1 of the prior and 1 / 4 of the record: (3 + 6 / 4) / (5 / 4), sqrt(4 / 5).
    assert (found.tags, found.spread) == pytest.approx((3.6, 0.8**0.5))


def test_a_curve_that_leads_beyond_what_can_be_leaves_the_prior_as_it_is() -> None:
    as_tags = ranked([0.4, 0.4, 0.4, 0.4], [25, 50, 100, 200])
    better = ranked([0.4, 0.4, 0.4, 0.8], [20, 40, 80, 150], complete=50)
    worse = ranked([0.4, 0.4, 0.4, 0.1], [20, 40, 80, 150], complete=50)
    assert worth_of_complete(better, as_tags, PRIOR) == PRIOR
    assert worth_of_complete(worse, as_tags, PRIOR) == PRIOR


def test_a_record_with_too_few_reviews_leaves_the_prior_as_it_is() -> None:
    as_tags = ranked([0.2, 0.4, 0.6, 0.7], [25, 50, 100, 200])
    whole = ranked([0.2, 0.4, 0.6, 0.7], [25, 50, 100, 190], complete=10)
    assert worth_of_complete(whole, as_tags, PRIOR) == PRIOR
    assert not PRIOR.measured


@pytest.mark.timeout(900)
def test_on_real_pictures_the_plan_foretells_what_more_answers_bring(
    real_pictures: Callable[[str, int], RealPictures],
) -> None:
    chosen = real_pictures("ucmerced", 500)
    features, truth = chosen.features, chosen.dataset.truth.astype(np.int8)
    learn, test = slice(0, 300), slice(300, 500)

    def record(tags: int) -> Pool:
        """The first 50 images reviewed completely, so many of the others tagged."""
        observed = single_positives(truth[learn], 300, seed=0)
        observed[50 + tags :] = 0
        observed[:50] = np.where(truth[:50] > 0, 1, -1)
        return Pool(features[learn], chosen.backbone.blocks, observed)

    def reaches(pool: Pool) -> float:
        return mean_average_precision(fit(pool).model.predict(features[test]), truth[test]).mean

    pool = record(100)
    whole = refit(pool)
    worth = worth_of_complete(whole, refit(pool, as_tags=True), PRIOR)
    assert 2 < worth.tags < 8, "about 4 by a benchmark with the whole truth, more where there are few tags"
    found = forecast(whole, 100 + 50 * worth.tags, worth.tags)
    assert found is not None
    assert found.measured == pytest.approx(reaches(pool), abs=3 * found.spread)
    gain, spread = found.gain(150)
    assert gain > 0.005
    assert reaches(record(250)) - reaches(pool) == pytest.approx(gain, abs=0.03 + 2 * spread)
