"""A simulated project spends seconds, and learns from what they bring."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model_backend.acquisition import ACQUISITIONS
from model_backend.acquisition.questions import Seconds
from model_backend.errors import LearningError
from model_backend.simulation.annotator import Habits
from model_backend.simulation.policies import POLICIES, check_policies
from model_backend.simulation.run import Images, Setup, full_score, run
from model_backend.simulation.together import run_all

SETUP = Setup((60.0, 120.0, 240.0), Seconds(5, 1, 12), Habits())


@pytest.fixture(scope="module")
def images() -> tuple[Images, Images]:
    """Images of four things, each with a direction of its own: to ask about, and to score on."""
    random = np.random.default_rng(0)
    truth = (random.random((220, 4)) < [0.5, 0.3, 0.2, 0.2]).astype(np.int8)
    features = (truth @ random.normal(size=(4, 12)) + 0.6 * random.normal(size=(220, 12))).astype(np.float32)
    return Images(features[:160], (), truth[:160]), Images(features[160:], (), truth[160:])


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_spends_its_seconds_and_learns(policy: str, images: tuple[Images, Images]) -> None:
    points = run(policy, *images, SETUP, seed=0)
    assert [point.budget for point in points] == list(SETUP.budgets)
    for point in points:
        assert point.tag + point.yes_no + point.check + point.complete <= 160, "no image is asked twice"
        named = point.spent - 5 * point.tag - 12 * point.complete  # seconds of labels by name, one each
        assert named >= point.yes_no + 2 * point.check
        left = point.tag + point.yes_no + point.check + point.complete < 160
        assert point.spent >= point.budget or not left
    assert points[-1].mean_average_precision > 0.5


def test_a_policy_asks_its_kind_of_question_alone(images: tuple[Images, Images]) -> None:
    tags, whole, names = (run(name, *images, SETUP, seed=1)[-1] for name in ("tags", "complete", "yes/no"))
    assert (tags.yes_no, tags.check, tags.complete) == (0, 0, 0)
    assert (whole.tag, whole.yes_no, whole.check) == (0, 0, 0)
    assert (names.tag, names.check, names.complete) == (10, 0, 0), "the first ten are tags"
    mixed = run("mixed", *images, SETUP, seed=1)[-1]
    assert mixed.yes_no + mixed.check > 0


def test_the_mixed_policy_has_images_drawn_by_chance_marked_completely(images: tuple[Images, Images]) -> None:
    setup = replace(SETUP, complete_share=0.2)
    without, mixed = run("mixed", *images, SETUP, seed=1)[-1], run("mixed", *images, setup, seed=1)[-1]
    assert mixed.complete > without.complete
    assert run("tags", *images, setup, seed=1) == run("tags", *images, SETUP, seed=1)


def test_the_same_seed_gives_the_same_run_and_all_labels_teach_most(images: tuple[Images, Images]) -> None:
    assert run("mixed", *images, SETUP, seed=3) == run("mixed", *images, SETUP, seed=3)
    best = full_score(*images, seed=0)
    assert best >= max(point.mean_average_precision for point in run("tags", *images, SETUP, seed=3)) - 0.02


def test_runs_in_processes_of_their_own_are_the_same(images: tuple[Images, Images], tmp_path: Path) -> None:
    learn, score = tmp_path / "learn.npz", tmp_path / "score.npz"
    images[0].save(learn)
    images[1].save(score)
    wanted = [("tags", 0), ("complete", 0)]
    found = sorted(run_all(wanted, learn, score, SETUP, 2), key=lambda points: points[0].policy)
    for (policy, seed), points in zip(sorted(wanted), found, strict=True):
        for here, there in zip(run(policy, *images, SETUP, seed), points, strict=True):
            assert (here.policy, here.seed, here.budget) == (there.policy, there.seed, there.budget)
            assert here.mean_average_precision == pytest.approx(there.mean_average_precision, abs=0.02)


def test_images_are_read_as_they_were_written(images: tuple[Images, Images], tmp_path: Path) -> None:
    named = Images(images[0].features, (4, 8), images[0].truth, np.ones((160, 4), np.float32))
    named.save(tmp_path / "images.npz")
    read = Images.load(tmp_path / "images.npz")
    assert (read.features == named.features).all()
    assert (read.truth == named.truth).all()
    assert read.blocks == (4, 8)
    assert read.expected is not None
    assert Images.load(_saved(images[1], tmp_path)).expected is None


def _saved(images: Images, folder: Path) -> Path:
    images.save(folder / "other.npz")
    return folder / "other.npz"


def test_policies_are_found_by_name() -> None:
    assert check_policies(["Tags", "mixed", "tags"]) == ["tags", "mixed"]
    assert {f"tags by {name}" for name in ACQUISITIONS if name != "random"} <= POLICIES.keys()
    with pytest.raises(LearningError, match="mixed, tags, complete"):
        check_policies(["guess"])
    with pytest.raises(LearningError, match="Choose some of"):
        check_policies([])
