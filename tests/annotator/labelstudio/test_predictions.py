"""Predictions are valid whatever they are made of."""

from __future__ import annotations

import json
import math
from xml.etree import ElementTree as Xml

import pytest

from annotator.labelstudio.answers import ticked
from annotator.labelstudio.config import build_config, parse_config
from annotator.labelstudio.controls import Control, read_control
from annotator.labelstudio.predictions import empty_prediction, prediction, version_of_region

TICKS = parse_config(build_config(["cat", "dog"])).ticks


def control(xml: str) -> Control:
    return read_control(Xml.fromstring(xml))


def test_a_prediction_ticks_its_labels_and_carries_its_version() -> None:
    made = prediction(["cat", "dog"], "v0001", 0.25, TICKS, cluster=3, task=7)
    assert (made["model_version"], made["score"], made["cluster"], made["task"]) == ("v0001", 0.25, 3, 7)
    assert ticked(made["result"]) == ["cat", "dog"]
    assert len(made["result"]) == 1
    assert version_of_region(made["result"][0]) == "v0001"


def test_a_taxonomy_lists_paths() -> None:
    tree = control(
        '<Taxonomy name="kinds" toName="img"><Choice value="animal"><Choice value="cat" alias="c"/></Choice>'
        '<Choice value="tree"/></Taxonomy>'
    )
    made = prediction(["animal / cat", "tree"], "v1", 0.5, tree)
    assert made["result"][0]["value"] == {"taxonomy": [["animal", "c"], ["tree"]]}
    assert (made["result"][0]["from_name"], made["result"][0]["to_name"]) == ("kinds", "img")


def test_an_alias_is_pushed_in_place_of_what_is_shown() -> None:
    made = prediction(
        ["Cat"],
        "v1",
        0.5,
        control(
            '<Choices name="c" toName="img" choice="multiple"><Choice value="Cat" alias="felis"/></Choices>'
        ),
    )
    assert made["result"][0]["value"] == {"choices": ["felis"]}


def test_a_label_is_pushed_as_the_config_writes_it() -> None:
    nai = "nai\u0308ve "
    made = prediction(
        ["na\u00efve"],
        "v1",
        0.5,
        control(f'<Choices name="c" toName="img" choice="multiple"><Choice value="{nai}"/></Choices>'),
    )
    assert made["result"][0]["value"] == {"choices": [nai]}


def test_where_nothing_can_be_ticked_the_score_alone_is_sent() -> None:
    assert prediction(["cat"], "v1", 0.5, None) == {"model_version": "v1", "score": 0.5, "result": []}


def test_a_label_that_the_control_lacks_is_left_out() -> None:
    assert ticked(prediction(["bird", "cat"], "v1", 0.5, TICKS)["result"]) == ["cat"]
    assert prediction(["bird"], "v1", 0.5, TICKS)["result"] == []


@pytest.mark.parametrize(
    ("score", "sent"), [(math.nan, 1.0), (math.inf, 1.0), (-math.inf, 1.0), (7.5, 1.0), (-0.1, 0.0), (0, 0.0)]
)
def test_a_score_is_finite_and_within_one(score: float, sent: float) -> None:
    made = prediction(["cat"], "v1", score, TICKS)
    assert made["score"] == sent
    json.dumps(made, allow_nan=False)


def test_nothing_to_suggest_is_an_empty_result() -> None:
    assert prediction([], "v1", 0.5, TICKS)["result"] == []
    assert empty_prediction()["result"] == []
    assert empty_prediction("v1")["model_version"] == "v1"


@pytest.mark.parametrize(
    "made", [prediction(["cat"], "", 0.5, TICKS), empty_prediction(), empty_prediction("")]
)
def test_a_version_is_never_empty(made: dict[str, object]) -> None:
    assert isinstance(made["model_version"], str)
    assert made["model_version"]


def test_a_label_counts_once() -> None:
    assert ticked(prediction(["cat", "cat"], "v1", 0.5, TICKS)["result"]) == ["cat"]


@pytest.mark.parametrize("region", [None, {}, {"id": 5}, {"id": "x7"}, "onetag:v1"])
def test_a_region_made_by_hand_has_no_version(region: object) -> None:
    assert version_of_region(region) is None


@pytest.mark.parametrize("count", [5, 100])
def test_the_sdk_finds_nothing_wrong(count: int) -> None:
    interface = pytest.importorskip("label_studio_sdk.label_interface").LabelInterface
    labels = [f"label <{n}>" for n in range(count)]
    checked = interface(build_config(labels))
    made = prediction(labels[:3], "v1", 0.5, parse_config(build_config(labels)).ticks)
    assert len(made["result"]) == 1
    assert checked.validate_prediction(made, return_errors=True) == []
