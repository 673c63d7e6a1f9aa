import pytest

from annotator.store import Snapshot
from model_backend.engine.retrain_policy import Decision, decide

LAST = Snapshot(changes=100, images=50, labels=[1, 2])


def decision(now: Snapshot, last: Snapshot | None = LAST, idle: float = 0.0) -> Decision:
    return decide(now, last, idle=idle, retrain_after=10, retrain_idle=30)


def test_nothing_new_nothing_to_train() -> None:
    assert decision(LAST, idle=1e9) == Decision()


def test_nothing_observed_nothing_to_train() -> None:
    assert decision(Snapshot(images=50, labels=[1]), last=None, idle=1e9) == Decision()


@pytest.mark.parametrize(("changes", "queued"), [(1, False), (3, False), (4, True)])
def test_from_a_handful_nothing_could_be_suggested(changes: int, queued: bool) -> None:
    assert (
        decide(Snapshot(changes, 50, [1]), None, idle=3600, retrain_after=10, retrain_idle=30).queued
        == queued
    )


@pytest.mark.parametrize(("new", "queued"), [(9, False), (10, True), (11, True)])
def test_enough_new_observations_train_at_once(new: int, queued: bool) -> None:
    assert decision(Snapshot(100 + new, 50, [1, 2])).queued is queued


def test_the_first_training_counts_from_nothing() -> None:
    assert decision(Snapshot(10, 50, [1, 2]), last=None).queued


@pytest.mark.parametrize(
    "now",
    [
        Snapshot(101, 50, [1, 2]),
        Snapshot(100, 51, [1, 2]),
        Snapshot(100, 50, [1, 2, 3]),
        Snapshot(100, 50, [2]),
    ],
    ids=["an observation", "an image", "a label more", "a label less"],
)
def test_any_news_trains_when_the_annotators_pause(now: Snapshot) -> None:
    assert decision(now, idle=30).queued
    assert decision(now, idle=12) == Decision(wait=18)


def test_the_wait_is_never_nothing() -> None:
    wait = decision(Snapshot(101, 50, [1, 2]), idle=29.999999).wait
    assert wait is not None
    assert wait >= 0.05
