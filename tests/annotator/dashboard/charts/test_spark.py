"""Bars that fit into a cell."""

import re

from annotator.dashboard.charts.spark import HEIGHT, LEAST, spark


def heights(chart: str) -> list[float]:
    return [float(each) for each in re.findall(r'<rect[^>]* height="([\d.]+)"', chart)]


def test_bars_are_as_high_as_their_values() -> None:
    assert heights(spark("Answers", "told", [10, 0, 5])) == [HEIGHT - 2, (HEIGHT - 2) / 2]


def test_few_among_many_are_still_seen_and_none_are_not() -> None:
    assert heights(spark("Answers", "told", [10_000, 1, 0])) == [HEIGHT - 2, LEAST]


def test_nothing_is_an_empty_line_that_says_so() -> None:
    for values in ([], [0, 0]):
        chart = spark("Answers", "None.", values)
        assert heights(chart) == []
        assert "<desc>None.</desc>" in chart


def test_it_is_a_picture_with_a_name_and_its_text_is_escaped() -> None:
    chart = spark("Answers of <ann>", "1 & more", [1])
    assert 'role="img"' in chart
    assert "<title>Answers of &lt;ann&gt;</title>" in chart
    assert "1 &amp; more" in chart
