"""Of each image the question is asked that is worth most for its seconds."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from numpy.typing import NDArray

from model_backend.acquisition import Candidates
from model_backend.acquisition.questions import Questions, Seconds, choose_questions

LABELS = 4
USUAL = Seconds(5, 0.9, 20)
RANDOM = np.random.default_rng(0)


def ask(
    chances: NDArray[np.float32],
    observed: NDArray[np.int8] | None = None,
    seconds: Seconds = USUAL,
    *,
    spent: float = 0.0,
    features: NDArray[np.float32] | None = None,
) -> Questions:
    """The questions of a pool; without observations, of one where each label is known once or more."""
    if observed is None:
        observed = np.zeros(chances.shape, np.int8)
    answered = (observed != 0).any(axis=1)
    return choose_questions(Candidates(chances, features, answered), observed, seconds, spent=spent)


def known_and_free(free: NDArray[np.float32], times: int = 3) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Images of which every label is known, so many times present and absent, before the free ones (n, L)."""
    labels = free.shape[1]
    known = np.concatenate([np.ones((times, labels), np.int8), -np.ones((times, labels), np.int8)])
    chances = np.concatenate([np.full(known.shape, 0.5, np.float32), free])
    return chances, np.concatenate([known, np.zeros(free.shape, np.int8)])


def naive_worth(
    chances: list[float], present: list[float], absent: list[float], unnamed: float
) -> list[float]:
    """What a tag, the best label by name, and a complete review of an image are worth, each by a sum."""
    by_name = [
        p * (1 - p) * ((1 - p) / (yes + 1) + p / (no + 1))
        for p, yes, no in zip(chances, present, absent, strict=True)
    ]
    tag = unnamed + (1 - unnamed) * sum(
        p / sum(chances) * (1 - p) ** 2 / (yes + 1) for p, yes in zip(chances, present, strict=True)
    )
    return [tag, max(by_name), sum(by_name) + sum(chances) * unnamed]


@pytest.mark.parametrize("seconds", [Seconds(5, 0.9, 20), Seconds(1, 2, 3), Seconds(3, 1, 1.5)])
def test_the_kind_is_the_one_worth_most_a_second(seconds: Seconds) -> None:
    for chances in RANDOM.uniform(0.02, 0.98, (40, LABELS)):
        pool, observed = known_and_free(np.array([chances], np.float32))
        present = (observed > 0).sum(axis=0).astype(float)
        absent = (observed < 0).sum(axis=0) + 0.5 * (present.sum() - present)
        worth = naive_worth(pool[-1].tolist(), present.tolist(), absent.tolist(), 0.0)
        rates = [
            gain / cost
            for gain, cost in zip(worth, [seconds.tag, seconds.yes_no, seconds.complete], strict=True)
        ]
        wanted = ("tag", "yes_no", "complete")[int(np.argmax(rates))]
        found = ask(pool, observed, seconds)
        assert found.kinds[-1] == wanted
        assert len(found.labels[-1]) == (wanted == "yes_no")


def test_the_label_asked_by_name_is_the_one_in_doubt() -> None:
    pool, observed = known_and_free(np.array([[0.98, 0.02, 0.55, 0.9]], np.float32))
    found = ask(pool, observed, Seconds(inf, 1, inf))
    assert (found.kinds[-1], found.labels[-1]) == ("yes_no", (2,))


def test_a_label_with_few_answers_comes_before_one_with_many() -> None:
    pool, observed = known_and_free(np.full((1, LABELS), 0.4, np.float32), times=5)
    observed[:10, 3] = 0
    observed[[0, 5], 3] = 1, -1
    assert ask(pool, observed, Seconds(inf, 1, inf)).labels[-1] == (3,)


def test_where_images_are_dear_more_labels_are_asked_at_once() -> None:
    pool, observed = known_and_free(np.full((2, LABELS), 0.5, np.float32))
    cheap, dear = (ask(pool, observed, Seconds(inf, 1, inf), spent=spent) for spent in (0.0, 1000.0))
    assert (cheap.kinds[-1], len(cheap.labels[-1])) == ("yes_no", 1)
    assert (dear.kinds[-1], len(dear.labels[-1])) == ("check", LABELS)


def test_tags_are_asked_for_while_labels_keep_being_new() -> None:
    chances = np.full((30, LABELS), 0.3, np.float32)
    observed = np.zeros(chances.shape, np.int8)
    observed[0, 0] = observed[1, 1] = 1  # each named once, two never
    seconds = Seconds(3, 1, 50)
    assert set(ask(chances, observed, seconds).kinds[2:]) == {"tag"}
    observed[:10, :] = 1  # all are known now
    assert "tag" not in ask(chances, observed, seconds).kinds[10:]


def test_an_answered_image_comes_last_and_has_no_labels() -> None:
    pool, observed = known_and_free(RANDOM.uniform(0.1, 0.9, (20, LABELS)).astype(np.float32))
    found = ask(pool, observed, features=RANDOM.normal(size=(26, 3)).astype(np.float32))
    assert found.scores[:6].max() == 0
    assert found.scores[6:].min() > 0
    assert all(found.labels[row] == () for row in range(6))
    assert len(set(found.scores[6:])) == 20, "each has a place of its own"


def test_the_first_images_are_unlike_one_another() -> None:
    features = np.repeat(np.eye(4, dtype=np.float32) * 10, 30, axis=0)  # four groups of equal images
    features += RANDOM.normal(scale=0.01, size=features.shape).astype(np.float32)
    pool = np.full((120, LABELS), 0.5, np.float32)
    found = ask(pool, seconds=Seconds(inf, 1, inf), features=features)
    first = np.argsort(-found.scores)[:4] // 30
    assert len(set(first.tolist())) == 4


def test_what_is_expected_to_be_answered_spreads_the_labels() -> None:
    found = ask(np.full((64, LABELS), 0.5, np.float32), seconds=Seconds(inf, 1, inf))
    asked = [label for labels in found.labels for label in labels]
    counts = np.bincount(asked, minlength=LABELS)
    assert counts.min() >= 8, "no label takes all questions, though all are in the same doubt"


def test_a_pool_without_free_images_asks_nothing() -> None:
    found = ask(np.full((3, LABELS), 0.5, np.float32), np.ones((3, LABELS), np.int8))
    assert found.scores.tolist() == [0, 0, 0]


def test_the_same_seed_gives_the_same_questions_in_a_pool_larger_than_the_shortlist() -> None:
    chances = RANDOM.uniform(0, 1, (6000, LABELS)).astype(np.float32)
    one, two = (ask(chances) for _ in range(2))
    assert (one.scores == two.scores).all()
    assert list(one.labels) == list(two.labels)


@pytest.mark.parametrize(
    ("kind", "named", "seconds"), [("tag", 0, 5), ("yes_no", 1, 2), ("check", 3, 6), ("complete", 0, 20)]
)
def test_seconds_of_an_answer(kind: str, named: int, seconds: float) -> None:
    assert Seconds(5, 2, 20).of(kind, named) == seconds  # type: ignore[arg-type]


def test_where_common_labels_are_named_first_a_tag_is_worth_less() -> None:
    """One label is on every image and known, the others are rare and hardly known."""
    free = np.tile(np.array([[0.95, 0.1, 0.1, 0.1]], np.float32), (6, 1))
    chances, observed = known_and_free(free)
    answered = (observed != 0).any(axis=1)
    seconds = Seconds(tag=5, yes_no=inf, complete=20)
    kinds = {}
    for rare in (1.0, 0.1):
        preference = np.array([1.0, rare, rare, rare])
        candidates = Candidates(chances, None, answered, preference=preference)
        kinds[rare] = choose_questions(candidates, observed, seconds).kinds[-6:]
    assert set(kinds[1.0]) == {"tag"}
    assert set(kinds[0.1]) == {"complete"}
