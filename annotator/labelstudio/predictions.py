"""Predictions as Label Studio takes them: it stores them unchecked, so they are right by construction.

Measured: a null version makes the task fail to open, NaN becomes null, unknown labels and scores above 1 are
stored, and of two regions on one control only the last is kept. Hence always a string version, a finite score
in 0..1, one region a control, and names that the caller took from the label config.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from annotator.labelstudio.config import IMAGE, SUGGESTED, Kind

NO_VERSION = "none yet"


def prediction(
    labels: Sequence[str],
    version: str,
    score: float,
    *,
    cluster: int | None = None,
    task: int | None = None,
    kind: Kind = "choices",
) -> dict[str, Any]:
    """One valid prediction: `labels` pre-ticked in `suggested`, none of them for an empty suggestion.

    `score` orders the queue, lowest first; it is brought into 0..1, and what is not a number becomes 1: last.
    With `task` it can be pushed; without, it answers /predict.
    """
    made: dict[str, Any] = {
        "model_version": version or NO_VERSION,
        "score": min(1.0, max(0.0, float(score))) if math.isfinite(score) else 1.0,
        "result": _regions(list(dict.fromkeys(labels)), version or NO_VERSION, kind),
    }
    if cluster is not None:
        made["cluster"] = int(cluster)
    if task is not None:
        made["task"] = int(task)
    return made


def empty_prediction(version: str | None = None) -> dict[str, Any]:
    """A prediction that suggests nothing and asks last: the answer where there is nothing to say."""
    return prediction([], version or NO_VERSION, 1.0)


def _regions(labels: list[str], version: str, kind: Kind) -> list[dict[str, Any]]:
    if not labels:
        return []
    value = {"choices": labels} if kind == "choices" else {"taxonomy": [[label] for label in labels]}
    return [
        {"id": region_id(version), "from_name": SUGGESTED, "to_name": IMAGE, "type": kind, "value": value}
    ]


def region_id(version: str) -> str:
    """The id of a suggestion's region: the annotation keeps it, so it tells which version was shown."""
    return f"onetag:{version}"


def version_of_region(region: Any) -> str | None:
    """The version that a region of an annotation was predicted by; None for a region made by hand."""
    identity = region.get("id") if isinstance(region, dict) else None
    if isinstance(identity, str) and identity.startswith("onetag:"):
        return identity.removeprefix("onetag:")
    return None
