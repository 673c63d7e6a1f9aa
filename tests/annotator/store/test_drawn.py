"""Chance alone picks images, and picks the same ones for ever."""

from __future__ import annotations

import numpy as np
import pytest

from annotator.store.drawn import drawn, places


def test_a_share_is_drawn_and_a_larger_one_holds_the_same_images() -> None:
    few, many = (drawn(1, range(20_000), share) for share in (0.02, 0.1))
    assert few.mean() == pytest.approx(0.02, abs=0.004)
    assert many.mean() == pytest.approx(0.1, abs=0.008)
    assert many[few].all()
    assert not drawn(1, range(100), 0.0).any()
    assert drawn(1, range(100), 1.0).all()


def test_neighbours_and_projects_do_not_share_their_luck() -> None:
    one, other = places(1, range(5_000)), places(2, range(5_000))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.05
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 0.05
