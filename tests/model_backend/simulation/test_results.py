"""A comparison that was interrupted goes on where it stopped, and its numbers are those of its runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annotator.errors import OnetagError
from model_backend.acquisition.questions import Seconds
from model_backend.simulation.annotator import Habits
from model_backend.simulation.compare import compare
from model_backend.simulation.picture import draw_curves
from model_backend.simulation.results import CURVES, Curve, Results
from model_backend.simulation.run import Images, Point, Setup

SETUP = Setup((50.0, 100.0), Seconds(5, 1, 4), Habits())


def points(policy: str, seed: int, *scores: float) -> list[Point]:
    """A run with these scores at 50 and 100 seconds."""
    return [
        Point(policy, seed, budget, budget + 1, score, 10, 0, 0, 0)
        for budget, score in zip(SETUP.budgets, scores, strict=True)
    ]


def test_a_curve_is_the_mean_over_seeds(tmp_path: Path) -> None:
    results = Results(tmp_path, SETUP, "images")
    results.add(points("tags", 0, 0.4, 0.6))
    results.add(points("tags", 1, 0.6, 0.7))
    (curve,) = results.curves(["tags"], seeds=2)
    assert curve.mean.tolist() == pytest.approx([50, 65])
    assert curve.spread.tolist() == pytest.approx([10, 5])
    assert curve.seconds_to(50) == 50
    assert curve.seconds_to(57.5) == 75
    assert curve.seconds_to(66) is None
    assert results.curves(["tags"], seeds=1)[0].mean.tolist() == pytest.approx([40, 60])


def test_runs_that_are_done_are_not_done_again(tmp_path: Path) -> None:
    results = Results(tmp_path, SETUP, "images")
    results.add(points("tags", 0, 0.4, 0.6))
    again = Results(tmp_path, SETUP, "images")
    assert again.points == results.points
    assert again.lacking(["mixed", "tags"], 2) == [("mixed", 0), ("mixed", 1), ("tags", 1)]


@pytest.mark.parametrize(
    ("setup", "images", "apart"),
    [
        (SETUP, "others", "images"),
        (Setup((50.0,), SETUP.seconds, SETUP.habits), "images", "budgets"),
        (Setup(SETUP.budgets, SETUP.seconds, Habits(mistakes=0.1)), "images", "habits"),
    ],
)
def test_results_of_other_settings_are_not_mixed(
    tmp_path: Path, setup: Setup, images: str, apart: str
) -> None:
    Results(tmp_path, SETUP, "images")
    with pytest.raises(OnetagError, match=rf"other settings \({apart}\).*--out"):
        Results(tmp_path, setup, images)


def test_a_comparison_goes_on_and_leaves_no_images_behind(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    truth = (random.random((60, 3)) < 0.4).astype(np.int8)
    features = np.hstack([truth, random.normal(size=(60, 3))]).astype(np.float32)
    images = Images(features[:40], (), truth[:40]), Images(features[40:], (), truth[40:])
    told: list[tuple[int, int]] = []
    results, full = compare(tmp_path, ["tags"], images, SETUP, 1, lambda *done: told.append(done))
    assert told == [(0, 1), (1, 1)]
    assert 0 < full <= 100
    told.clear()
    more, _ = compare(tmp_path, ["tags"], images, SETUP, 1, lambda *done: told.append(done))
    assert told == [(0, 0)]
    assert more.points == results.points
    assert sorted(file.name for file in tmp_path.iterdir()) == [CURVES, "simulation.json"]


def test_the_picture_shows_a_line_for_each_policy(tmp_path: Path) -> None:
    curves = [
        Curve(name, (50.0, 100.0), np.array([40.0, top]), np.ones(2), 2)
        for name, top in (("a", 60.0), ("b", 50.0))
    ]
    draw_curves(curves, 70.0, tmp_path / "curves.png", "pets")
    with Image.open(tmp_path / "curves.png") as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 24) or []}
    assert {(0x1F, 0x5F, 0xBF), (0xB4, 0x69, 0x0E)} <= colours
