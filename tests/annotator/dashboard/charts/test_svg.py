from __future__ import annotations

from markupsafe import Markup

from annotator.dashboard.charts.svg import WIDTH, Tone, drawing, element, legend, path_through, words
from tests.annotator.dashboard.charts.reading import read

NASTY = '<script>alert("1 & 2")</script>\''


def test_text_and_attributes_are_escaped_wherever_they_come_from() -> None:
    chart = drawing(NASTY, NASTY, 10, [words(NASTY, 1, 2), element("g", NASTY, aria_label=NASTY)])
    assert "<script" not in chart
    tree = read(chart)
    assert [each.text for each in tree] == [NASTY] * 4
    assert tree[3].get("aria-label") == NASTY


def test_a_chart_is_a_picture_with_a_title_and_a_description() -> None:
    tree = read(drawing("Pace", "Answers a day.", 40, []))
    assert (tree.tag, tree.get("role"), tree.get("viewBox")) == ("svg", "img", f"0 0 {WIDTH} 40")
    assert [(each.tag, each.text) for each in tree] == [("title", "Pace"), ("desc", "Answers a day.")]


def test_a_wide_chart_keeps_its_size_and_can_be_scrolled_by_keyboard() -> None:
    around = read(drawing("Pairs", "", 40, [], width=1000))
    assert (around.get("tabindex"), around.get("role"), around.get("aria-label")) == ("0", "region", "Pairs")
    assert around[0].get("width") == "1000"


def test_no_chart_has_a_style_or_an_event_handler() -> None:
    chart = drawing("a", "b", 1, [element("rect", class_=Tone.PEOPLE, x=1)])
    assert "style" not in chart
    assert " on" not in chart


def test_a_path_breaks_where_a_value_is_unknown() -> None:
    assert path_through([(0, 1), (2, 3), (float("nan"), 4), (5, 6), (7, 8)]) == "M0 1L2 3M5 6L7 8"


def test_a_legend_goes_on_in_another_row_and_never_beyond_the_edge() -> None:
    marks, end = legend([("c0", f"a name of some length {place}") for place in range(5)], 14)
    tree = read(Markup("<g>{}</g>").format(Markup("").join(marks)))
    written = [(float(each.get("x", 0)), len(each.text or "")) for each in tree if each.tag == "text"]
    assert all(x + 7 * long <= WIDTH for x, long in written)
    assert end > 14 + 2 * 16
