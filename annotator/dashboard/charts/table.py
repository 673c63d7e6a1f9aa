"""The numbers of a chart as a table that opens below it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

from annotator.dashboard.charts.svg import element, scrolling


def data_table(caption: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """A closed `<details>` with a table; the first cell of a row is its header. All text is escaped."""
    heads = Markup("").join(element("th", name, scope="col") for name in header)
    body = Markup("").join(_row(cells) for cells in rows)
    table = element("caption", caption) + element("thead", element("tr", heads)) + element("tbody", body)
    told = scrolling(element("table", table), caption)
    return element("details", element("summary", "The numbers as a table") + told, class_="numbers")


def _row(cells: Sequence[str]) -> Markup:
    first, *others = cells
    told = [element("th", first, scope="row"), *(element("td", escape(each)) for each in others)]
    return element("tr", Markup("").join(told))
