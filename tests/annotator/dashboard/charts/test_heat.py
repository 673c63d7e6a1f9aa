from __future__ import annotations

import numpy as np
import pytest

from annotator.dashboard.charts import Tone, heat
from annotator.dashboard.charts.heat import LEVELS, NAMES
from annotator.dashboard.charts.svg import WIDTH
from tests.annotator.dashboard.charts.reading import classed, numbers, read, texts


def test_each_pair_has_the_shade_of_its_share_at_its_place() -> None:
    chart = heat("t", "d", ["cat", "dog"], np.array([[1.0, 0.3], [0.0, 1.0]]), Tone.PEOPLE)
    strong, middle, none = (classed(chart, "cell", "people", f"h{shade}")[0].get("d") for shade in (6, 4, 0))
    first, second = numbers(strong)[:2], numbers((strong or "").split("z")[1])[:2]
    side = second[0] - first[0]
    assert first == [NAMES, NAMES]
    assert second == [NAMES + side, NAMES + side]
    assert numbers(middle)[:2] == [NAMES + side, NAMES]  # row cat, column dog
    assert numbers(none)[:2] == [NAMES, NAMES + side]


def test_what_is_unknown_is_hatched_and_never_a_shade() -> None:
    known = heat("t", "d", ["cat"], np.array([[0.0]]))
    unknown = heat("t", "d", ["cat"], np.array([[np.nan]]))
    assert len(classed(unknown, "unknown")) == len(classed(known, "unknown")) + 1
    assert len(classed(unknown, "cell")) == len(LEVELS)  # of the key alone


def test_few_labels_fit_a_phone_and_many_keep_names_that_can_be_read() -> None:
    assert read(heat("t", "d", ["a", "b", "c"], np.eye(3))).get("viewBox", "").startswith(f"0 0 {WIDTH} ")
    many = [f"label {place}" for place in range(80)]
    around = read(heat("Pairs", "d", many, np.eye(80)))
    assert around.get("class") == "scroll"
    width = float(around[0].get("width", 0))
    assert width / 80 > 12  # a name is 12 units high


def test_eighty_labels_take_few_elements() -> None:
    names = [f"label {place}" for place in range(80)]
    chart = heat("t", "d", names, np.random.default_rng(0).random((80, 80)))
    assert len(list(read(chart).iter())) < 500
    assert len(chart) < 200_000


def test_names_are_escaped_and_told_whole() -> None:
    name = "<b>a very long name & more</b>"
    chart = heat("t", "d", [name], np.eye(1))
    assert "<b>" not in chart
    assert {
        each.findtext("title") for each in read(chart).iter("text") if each.find("title") is not None
    } == {name}


def test_no_labels_and_wrong_shapes() -> None:
    assert texts(heat("t", "d", [], np.empty((0, 0)))) == ["There are no labels."]
    with pytest.raises(ValueError, match="shares of 2 labels"):
        heat("t", "d", ["a", "b"], np.eye(3))
    with pytest.raises(ValueError, match="at most 80"):
        heat("t", "d", ["a"] * 81, np.eye(81))
