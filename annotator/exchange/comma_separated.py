"""CSV: opens right in a spreadsheet, and runs nothing there.

Three columns a label: `p:` its value (0 or 1 where that is said or decided, an estimate has digits, unknown
is empty), `d:` the decision (`present`, `absent`, empty for not decided), `h:` 1 where a person said it.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from annotator.exchange.rows import ExportRow
from annotator.exchange.table import DECISIONS, DIGITS, ExportFormat, ExportTable, named

COLUMNS = (
    "image",
    "label_studio_image",
    "task",
    "model_version",
    "split",
    "observed_positive",
    "observed_negative",
)
VALUE, DECISION, HUMAN = "p:", "d:", "h:"  # before a label, so that none is mistaken for another column
ENCODING = "utf-8-sig"  # Excel takes a CSV without the mark for the machine's old code page


# What a spreadsheet computes at the start of a cell, or of what it takes for one: where lists are separated
# by semicolons or tabs it cuts there, and drops quotes. Blank and invisible characters do not protect.
_BLANK = (
    r"""[\x00-\x08\x0b\x0c\x0e-\x20"\x7f-\xa0\u00ad\u115f\u1160\u1680\u180e\u2000-\u200f\u2028-\u202f"""
    r"""\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb]*"""
)
_FORMULA = "[=+\\-@＝＋－＠﹦﹢﹣﹫−⁼⁺⁻]"
_AT_RISK = rf"{_BLANK}{_FORMULA}"
_UNSAFE = re.compile(rf"(\A|[;\t\r\n])(?='*{_AT_RISK})|\A(?='*{_BLANK}[\t\r\n])")
_MADE_SAFE = re.compile(rf"(\A|[;\t\r\n])'(?='*{_AT_RISK})|\A'(?='*{_BLANK}[\t\r\n])")


def write(table: ExportTable, file: Path) -> None:
    """Write RFC 4180 in UTF-8, with Excel's mark and a header. Columns of several labels hold a JSON list."""
    with file.open("w", encoding=ENCODING, newline="") as text:
        writer = csv.writer(text, lineterminator="\r\n")
        triples = ((VALUE + label, DECISION + label, HUMAN + label) for label in table.labels)
        writer.writerow([*COLUMNS, *(safe(name) for triple in triples for name in triple)])
        writer.writerows(_cells(row, table.labels) for row in table.rows)


def _cells(row: ExportRow, labels: tuple[str, ...]) -> list[str]:
    return [
        safe(row.image),
        safe(row.address),
        "" if row.task is None else str(row.task),
        safe(row.version or ""),
        row.split or "",
        _listed(named(labels, row.observed > 0)),
        _listed(named(labels, row.observed < 0)),
        *_of_labels(row),
    ]


def _of_labels(row: ExportRow) -> Iterator[str]:
    said = zip(row.values.tolist(), row.decisions.tolist(), row.human.tolist(), strict=True)
    for value, decision, human in said:
        yield _value(value)
        yield DECISIONS[decision] or ""
        yield "1" if human else "0"


def _value(value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value:.0f}" if value in (0, 1) else f"{value:.{DIGITS}f}"


def _listed(names: Sequence[str]) -> str:
    return safe(json.dumps(names, ensure_ascii=False))


def safe(cell: str) -> str:
    """The cell with an apostrophe before everything that a spreadsheet could take for a formula.

    >>> safe("=1+1"), safe("a;-2"), safe("plain")
    ("'=1+1", "a;'-2", 'plain')
    """
    return _UNSAFE.sub(r"\g<0>'", cell)


def plain(cell: str) -> str:
    """The cell that `safe` was given.

    >>> plain(safe("'=1+1"))
    "'=1+1"
    """
    return _MADE_SAFE.sub(lambda found: found.group(1) or "", cell)


CSV = ExportFormat("csv", "Columns a label, for spreadsheets and pandas.", write, suffix=".csv")
