"""When a project is due for a training: the rule, apart from where its numbers come from."""

from __future__ import annotations

from dataclasses import dataclass

from annotator.store.snapshots import Snapshot

LEAST_OBSERVATIONS = 4  # two labels, two tags of each


@dataclass(frozen=True)
class Decision:
    """Train now (`queued`), look again in `wait` seconds, or neither."""

    queued: bool = False
    wait: float | None = None


def decide(
    now: Snapshot, last: Snapshot | None, *, idle: float, retrain_after: int, retrain_idle: float
) -> Decision:
    """Whether to train, given what the last run looked at and the seconds since the last answer.

    Enough new observations train at once. Fewer, or new images or labels, wait until the annotators pause.
    From fewer than four observations nothing could be suggested, see `earned_thresholds`: no training.

    >>> decide(Snapshot(12, 50, [1]), Snapshot(2, 50, [1]), idle=0, retrain_after=10, retrain_idle=30)
    Decision(queued=True, wait=None)
    """
    last = last or Snapshot()
    if now.changes < LEAST_OBSERVATIONS or now == last:
        return Decision()
    if now.changes - last.changes >= retrain_after or idle >= retrain_idle:
        return Decision(queued=True)
    return Decision(wait=max(retrain_idle - idle, 0.05))
