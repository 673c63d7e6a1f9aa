import numpy as np
import pytest

from model_backend.engine.suggest import in_turns, queue_scores, suggested_labels

NAMES = ["cat", "dog", "tree"]


def test_labels_from_their_threshold_on_are_suggested() -> None:
    probabilities = np.array([[0.9, 0.5, 0.1], [0.2, 0.49, 0.8]], dtype=np.float32)
    thresholds = np.array([0.6, 0.5, 0.8], dtype=np.float32)
    unknown = np.zeros((2, 3), dtype=np.int8)
    assert suggested_labels(probabilities, thresholds, unknown, NAMES) == [["cat", "dog"], ["tree"]]


@pytest.mark.parametrize("said", [1, -1])
def test_what_someone_has_said_something_about_is_not_suggested(said: int) -> None:
    probabilities = np.ones((1, 3), dtype=np.float32)
    observed = np.array([[0, said, 0]], dtype=np.int8)
    assert suggested_labels(probabilities, np.full(3, 0.5, dtype=np.float32), observed, NAMES) == [
        ["cat", "tree"]
    ]


def test_no_images_no_suggestions() -> None:
    nothing = np.zeros((0, 3))
    assert (
        suggested_labels(nothing.astype(np.float32), np.ones(3, np.float32), nothing.astype(np.int8), NAMES)
        == []
    )


def test_the_higher_the_priority_the_lower_the_score() -> None:
    scores = queue_scores(np.array([0.7, 0.0, 0.5, 1.0]))
    assert np.argsort(scores).tolist() == [3, 0, 2, 1]


def test_scores_are_always_finite_and_within_0_and_1() -> None:
    scores = queue_scores(np.array([np.nan, np.inf, -np.inf, 1e300]))
    assert np.isfinite(scores).all()
    assert ((scores >= 0) & (scores <= 1)).all()


def test_clusters_take_turns_each_with_its_lowest_first() -> None:
    scores, clusters = [0.1, 0.2, 0.3, 0.4, 0.5], [0, 0, 0, 1, 2]
    dealt = in_turns(scores, clusters)
    assert [clusters[row] for row in np.argsort(dealt)] == [0, 1, 2, 0, 0]
    assert [scores[row] for row in np.argsort(dealt) if clusters[row] == 0] == [0.1, 0.2, 0.3]


def test_the_turns_keep_the_scores_as_a_whole() -> None:
    scores = [0.5, 0.1, 0.9, 0.1]
    assert sorted(in_turns(scores, [1, 1, 0, 0])) == sorted(scores)
    assert in_turns([], []) == []


def test_one_cluster_keeps_every_score() -> None:
    scores = [0.3, 0.1, 0.2]
    assert in_turns(scores, [5, 5, 5]) == scores
