"""Predictions as Label Studio takes them: it stores them unchecked, so they are right by construction.

Measured: a null version makes the task fail to open, NaN becomes null, unknown labels and scores above 1 are
stored, a name in place of its alias is dropped, and of two regions on one control only the last is kept. A
prediction without regions is taken and orders the queue by its score. Hence always a string version, a finite
score in 0..1, at most one region, and names as the label config writes them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from annotator.labelstudio.candidates import ASIDE
from annotator.labelstudio.controls import Control, Kind, key_of

NO_VERSION = "none yet"
MARK = re.compile(rf"(?:onetag|{'|'.join(sorted(ASIDE))}):")
"""How the id of a region begins that we predicted."""


def prediction(
    labels: Sequence[str],
    version: str,
    score: float,
    control: Control | None,
    *,
    cluster: int | None = None,
    task: int | None = None,
) -> dict[str, Any]:
    """One valid prediction: `labels` pre-ticked in `control`, none where there is none to tick in.

    `score` orders the queue, lowest first; it is brought into 0..1, and what is not a number becomes 1: last.
    With `task` it can be pushed; without, it answers /predict. Labels that the control lacks are left out.
    """
    made: dict[str, Any] = {
        "model_version": version or NO_VERSION,
        "score": min(1.0, max(0.0, float(score))) if math.isfinite(score) else 1.0,
        "result": regions(labels, version, control) if control else [],
    }
    if cluster is not None:
        made["cluster"] = int(cluster)
    if task is not None:
        made["task"] = int(task)
    return made


def empty_prediction(version: str | None = None) -> dict[str, Any]:
    """A prediction that suggests nothing and asks last: the answer where there is nothing to say."""
    return prediction([], version or NO_VERSION, 1.0, None)


def regions(labels: Sequence[str], version: str, control: Control) -> list[dict[str, Any]]:
    """The one region that ticks these labels in a control; none for no labels."""
    written = [control.written[label] for label in dict.fromkeys(labels) if label in control.written]
    if not written:
        return []
    listed = (
        [list(steps) for steps in written] if control.kind == "taxonomy" else [each[0] for each in written]
    )
    return [named_region(control.name, control.image, control.kind, listed, version)]


def named_region(control: str, image: str, kind: Kind, listed: Sequence[Any], version: str) -> dict[str, Any]:
    """A region of a prediction, marked with its version."""
    return {
        "id": region_id(version or NO_VERSION, control if control in ASIDE else "onetag"),
        "from_name": control,
        "to_name": image,
        "type": kind,
        "value": {key_of(kind): list(listed)},
    }


def region_id(version: str, prefix: str = "onetag") -> str:
    """The id of a region of a prediction: the annotation keeps it, so it tells which version was shown.

    No two regions of a prediction have the same.
    """
    return f"{prefix}:{version}"


def version_of_region(region: Any) -> str | None:
    """The version that a region of an annotation was predicted by; None for a region made by hand."""
    identity = region.get("id") if isinstance(region, dict) else None
    mark = MARK.match(identity) if isinstance(identity, str) else None
    return mark.string[mark.end() :] if mark else None
