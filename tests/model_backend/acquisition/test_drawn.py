"""Images that chance alone picks stand all along the queue."""

from __future__ import annotations

import numpy as np
import pytest

from model_backend.acquisition.drawn import with_drawn
from model_backend.acquisition.questions import Questions


def test_drawn_images_keep_their_share_of_every_stretch_of_the_queue() -> None:
    count, share = 4000, 0.05
    scores = np.random.default_rng(0).permutation(count) / count
    before = Questions(["tag"] * count, [()] * count, scores)
    chance = np.random.default_rng(1).random(count)
    free = np.ones(count, dtype=bool)
    free[:100] = False
    firsts = []
    for seed in range(60):
        after = with_drawn(before, free, chance, share, seed=seed)
        queue = [row for row in np.argsort(-after.scores, kind="stable") if free[row]]
        asked_whole = np.array([after.kinds[row] == "complete" for row in queue])
        assert (asked_whole == (chance[queue] < share)).all()
        assert sorted(after.scores[free]) == sorted(scores[free]), "the same scores, dealt out anew"
        assert abs(asked_whole[:1000].mean() - share) < 0.01
        others = [row for row in queue if chance[row] >= share]
        assert (np.diff(scores[others]) < 0).all(), "the others keep their order"
        firsts.append(asked_whole[:10].sum())
    assert np.mean(firsts) == pytest.approx(10 * share, abs=0.25), "of the first ten too"
    assert with_drawn(before, free, chance, 0.0, seed=0) is before
