"""When a project is due for a training: the rule, apart from where its numbers come from."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Footprint:
    """What a training would look at. Two that are equal make the same model.

    `changes` counts observations written plus observations retired, so it only ever grows.
    """

    changes: int = 0
    images: int = 0
    labels: list[int] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Plain values, kept with the training run."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any] | None) -> Footprint:
        """The footprint kept with a run; an empty one when there is none."""
        kept = kept or {}
        return cls(kept.get("changes", 0), kept.get("images", 0), list(kept.get("labels", ())))


@dataclass(frozen=True)
class Decision:
    """Train now (`queued`), look again in `wait` seconds, or neither."""

    queued: bool = False
    wait: float | None = None


def decide(
    now: Footprint, last: Footprint | None, *, idle: float, retrain_after: int, retrain_idle: float
) -> Decision:
    """Whether to train, given what the last run saw and the seconds since the last answer.

    Enough new observations train at once. Fewer, or new images or labels, wait until the annotators pause.
    Nothing observed, nothing to train.
    """
    last = last or Footprint()
    if now.changes == 0 or now == last:
        return Decision()
    if now.changes - last.changes >= retrain_after or idle >= retrain_idle:
        return Decision(queued=True)
    return Decision(wait=max(retrain_idle - idle, 0.05))
