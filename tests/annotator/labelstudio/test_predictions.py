"""Predictions are valid whatever they are made of."""

from __future__ import annotations

import json
import math

import pytest

from annotator.labelstudio.config import build_config
from annotator.labelstudio.observations import ticked
from annotator.labelstudio.predictions import empty_prediction, prediction, version_of_region


def test_a_prediction_ticks_its_labels_and_carries_its_version() -> None:
    made = prediction(["cat", "dog"], "v0001", 0.25, cluster=3, task=7)
    assert (made["model_version"], made["score"], made["cluster"], made["task"]) == ("v0001", 0.25, 3, 7)
    assert ticked(made["result"]) == ["cat", "dog"]
    assert len(made["result"]) == 1
    assert version_of_region(made["result"][0]) == "v0001"


def test_a_taxonomy_lists_paths() -> None:
    made = prediction(["cat", "dog"], "v1", 0.5, kind="taxonomy")
    assert made["result"][0]["value"] == {"taxonomy": [["cat"], ["dog"]]}
    assert ticked(made["result"]) == ["cat", "dog"]


@pytest.mark.parametrize(
    ("score", "sent"), [(math.nan, 1.0), (math.inf, 1.0), (-math.inf, 1.0), (7.5, 1.0), (-0.1, 0.0), (0, 0.0)]
)
def test_a_score_is_finite_and_within_one(score: float, sent: float) -> None:
    made = prediction(["cat"], "v1", score)
    assert made["score"] == sent
    json.dumps(made, allow_nan=False)


def test_nothing_to_suggest_is_an_empty_result() -> None:
    assert prediction([], "v1", 0.5)["result"] == []
    assert empty_prediction()["result"] == []
    assert empty_prediction("v1")["model_version"] == "v1"


@pytest.mark.parametrize("made", [prediction(["cat"], "", 0.5), empty_prediction(), empty_prediction("")])
def test_a_version_is_never_empty(made: dict[str, object]) -> None:
    assert isinstance(made["model_version"], str)
    assert made["model_version"]


def test_a_label_counts_once() -> None:
    assert ticked(prediction(["cat", "cat"], "v1", 0.5)["result"]) == ["cat"]


@pytest.mark.parametrize("region", [None, {}, {"id": 5}, {"id": "x7"}, "onetag:v1"])
def test_a_region_made_by_hand_has_no_version(region: object) -> None:
    assert version_of_region(region) is None


@pytest.mark.parametrize("count", [5, 100])
def test_the_sdk_finds_nothing_wrong(count: int) -> None:
    interface = pytest.importorskip("label_studio_sdk.label_interface").LabelInterface
    labels = [f"label <{n}>" for n in range(count)]
    kind = "choices" if count <= 60 else "taxonomy"
    checked = interface(build_config(labels))
    made = prediction(labels[:3], "v1", 0.5, kind=kind)  # type: ignore[arg-type]
    assert checked.validate_prediction(made, return_errors=True) == []
    assert checked.validate_prediction(prediction(["bird"], "v1", 0.5, kind=kind), return_errors=True) != []  # type: ignore[arg-type]
