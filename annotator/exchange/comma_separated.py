"""CSV: opens right in a spreadsheet, and runs nothing there.

Three columns a label: `p:` its value (0 or 1 where that is said or decided, an estimate has digits, unknown
is empty), `d:` the decision (`present`, `absent`, empty for not decided), `h:` 1 where a person said it.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annotator.exchange.rows import ExportRow
from annotator.exchange.table import DECISIONS, DIGITS, ExportFormat, ExportTable, named

if TYPE_CHECKING:
    import numpy.typing as npt

ROWS_AT_ONCE = 1_000
LISTS_KEPT = 4_096
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
_HARMLESS = re.compile(r"[\w/\[][^;\t\r\n]*", re.ASCII)  # what nearly all cells are, told apart quickly
_MADE_SAFE = re.compile(rf"(\A|[;\t\r\n])'(?='*{_AT_RISK})|\A'(?='*{_BLANK}[\t\r\n])")


def write(table: ExportTable, file: Path) -> None:
    """Write RFC 4180 in UTF-8, with Excel's mark and a header. Columns of several labels hold a JSON list."""
    texts = _Texts(table.labels)
    with file.open("w", encoding=ENCODING, newline="") as text:
        writer = csv.writer(text, lineterminator="\r\n")
        triples = ((VALUE + label, DECISION + label, HUMAN + label) for label in table.labels)
        writer.writerow([*COLUMNS, *(safe(name) for triple in triples for name in triple)])
        while rows := list(islice(table.rows, ROWS_AT_ONCE)):
            cells = texts.of_labels(rows)
            writer.writerows(_of_image(row, texts) + said for row, said in zip(rows, cells, strict=True))


def _of_image(row: ExportRow, texts: _Texts) -> list[str]:
    return [
        safe(row.image),
        safe(row.address),
        "" if row.task is None else str(row.task),
        safe(row.version or ""),
        row.split or "",
        texts.listed((row.observed > 0).tobytes()),
        texts.listed((row.observed < 0).tobytes()),
    ]


class _Texts:
    """The texts of all values, decisions and marks there can be, each made once.

    listed: the JSON list of the labels of a mask (bool (L,), as bytes); most masks come again and again.
    """

    def __init__(self, labels: tuple[str, ...]) -> None:
        self.listed = lru_cache(LISTS_KEPT)(partial(_listed, labels))
        steps = 10**DIGITS
        estimates = [f"{step / steps:.{DIGITS}f}" for step in range(steps + 1)]
        self._steps = steps
        self._values = np.array([*estimates, "0", "1", ""], dtype=object)
        self._decisions = np.array([DECISIONS[each] or "" for each in (-1, 0, 1)], dtype=object)
        self._human = np.array(["0", "1"], dtype=object)

    def of_labels(self, rows: Sequence[ExportRow]) -> list[list[str]]:
        """Three texts a label, of each row."""
        values, decisions, human = (
            np.stack([getattr(row, name) for row in rows]) for name in ("values", "decisions", "human")
        )
        cells = np.empty((len(rows), 3 * values.shape[1]), dtype=object)
        cells[:, 0::3] = self._values[self._places(values.astype(np.float64))]
        cells[:, 1::3] = self._decisions[decisions + 1]
        cells[:, 2::3] = self._human[human.astype(np.intp)]
        texts: list[list[str]] = cells.tolist()
        return texts

    def _places(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
        """Where the text of each value is: of an estimate by its digits, then 0, 1 and unknown."""
        special = [values == 0, values == 1, np.isnan(values)]
        places = [self._steps + 1, self._steps + 2, self._steps + 3]
        estimates = np.rint(np.nan_to_num(values) * self._steps)
        return np.select(special, places, default=estimates).astype(np.intp)


def _listed(labels: tuple[str, ...], mask: bytes) -> str:
    names: Sequence[str] = named(labels, np.frombuffer(mask, dtype=np.bool_))
    return safe(json.dumps(names, ensure_ascii=False))


def safe(cell: str) -> str:
    """The cell with an apostrophe before everything that a spreadsheet could take for a formula.

    >>> safe("=1+1"), safe("a;-2"), safe("plain")
    ("'=1+1", "a;'-2", 'plain')
    """
    return cell if _HARMLESS.fullmatch(cell) else _UNSAFE.sub(r"\g<0>'", cell)


def plain(cell: str) -> str:
    """The cell that `safe` was given.

    >>> plain(safe("'=1+1"))
    "'=1+1"
    """
    return _MADE_SAFE.sub(lambda found: found.group(1) or "", cell)


CSV = ExportFormat("csv", "Columns a label, for spreadsheets and pandas.", write, suffix=".csv")
