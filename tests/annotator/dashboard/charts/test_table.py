from __future__ import annotations

from annotator.dashboard.charts import data_table
from tests.annotator.dashboard.charts.reading import read


def test_it_is_closed_can_be_scrolled_and_says_which_cell_is_about_what() -> None:
    told = read(data_table("Answers a day", ["day", "answers"], [["Monday", "3"], ["Tuesday", "4"]]))
    assert told.tag == "details"
    assert "open" not in told.attrib
    table = next(told.iter("table"))
    assert table.findtext("caption") == "Answers a day"
    assert [each.get("scope") for each in table.iter("th")] == ["col", "col", "row", "row"]
    assert [each.text for each in table.iter("td")] == ["3", "4"]


def test_text_is_escaped() -> None:
    assert "<b>" not in data_table("<b>", ["<b>", "<b>"], [["<b>", "<b>"]])
