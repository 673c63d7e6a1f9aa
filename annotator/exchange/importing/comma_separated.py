"""CSV: a column of labels, a column a label, or onetag's own export."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import Any

from annotator.exchange.importing.entry import Entry, ImportFormat, Reading, broken
from annotator.exchange.importing.pictures import looks_like_a_picture
from annotator.exchange.importing.streams import opened
from annotator.exchange.importing.tables import Row, Table, entries_of

SUFFIXES = (".csv", ".tsv", ".txt")
DELIMITERS = (",", ";", "\t", "|")
LARGEST_CELL = 2**24  # characters: a list of 10,000 labels is longer than the csv module's own limit


def read(path: Path, reading: Reading) -> Iterator[Entry]:
    """One entry a line. Raises OnetagError naming the line that is broken."""
    with table_of(path, reading) as table:
        yield from entries_of(table, reading)


@contextmanager
def table_of(path: Path, reading: Reading, folder: str = "") -> Iterator[Table]:
    """The header and the lines of a CSV file, whatever its delimiter."""
    largest = csv.field_size_limit(LARGEST_CELL)
    try:
        with (
            opened(path, reading.progress) as stream,
            TextIOWrapper(stream, _encoding(path), newline="") as text,
        ):
            first = _decoded(path, lambda: text.readline())
            delimiter = _delimiter(path, first)
            text.seek(0)
            lines = _lines(path, csv.reader(text, delimiter=delimiter, strict=True))
            header, rows = _header(path, lines)
            yield Table(path, header, rows, folder=folder)
    finally:
        csv.field_size_limit(largest)


def _lines(path: Path, reader: Any) -> Iterator[Row]:
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise broken(
                path, f"line {reader.line_num:,} is no CSV ({error}).", "Correct the quotes there."
            ) from None
        except UnicodeDecodeError:
            raise _not_utf8(path) from None
        if cells is None:
            return
        if cells:
            yield reader.line_num, cells


def _header(path: Path, lines: Iterator[Row]) -> tuple[tuple[str, ...], Iterator[Row]]:
    """The header, and the lines below it; a file of two columns may have none."""
    first = next(lines, None)
    if first is None:
        raise broken(path, "the file is empty.", "Its first line names the columns.")
    header = tuple(name.strip() for name in first[1])
    if any(map(looks_like_a_picture, header)):
        if len(header) != 2:
            raise broken(
                path, "the first line does not name the columns.", "Add a line such as image,cat,dog."
            )
        image = 0 if looks_like_a_picture(header[0]) else 1
        names = ("image", "labels") if image == 0 else ("labels", "image")
        return names, _checked(path, chain([first], lines), 2)
    twice = [name for name, count in Counter(header).items() if count > 1 and name]
    if twice:
        problem = f"the column {twice[0]!r} is there twice, and a label cannot be told from the other one."
        raise broken(path, problem, "Rename one of them, or leave it out.")
    return header, _checked(path, lines, len(header))


def _checked(path: Path, lines: Iterator[Row], width: int) -> Iterator[Row]:
    for line, cells in lines:
        if len(cells) != width:
            raise broken(
                path,
                f"line {line:,} has {len(cells):,} cells, where the first line has {width:,}.",
                "Correct it: text with a separator in it stands in double quotes.",
            )
        yield line, cells


def _encoding(path: Path) -> str:
    with path.open("rb") as stream:
        start = stream.read(2)
    return "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _delimiter(path: Path, first: str) -> str:
    if path.suffix.lower() == ".tsv":
        return "\t"
    return max(DELIMITERS, key=first.count)


def _decoded(path: Path, read_line: Callable[[], str]) -> str:
    try:
        return read_line()
    except UnicodeDecodeError:
        raise _not_utf8(path) from None


def _not_utf8(path: Path) -> Exception:
    """The error of a file in another encoding, with the first line that shows it."""
    with path.open("rb") as stream:
        for line, content in enumerate(stream, 1):
            try:
                content.decode()
            except UnicodeDecodeError as error:
                where = f"line {line:,}, column {error.start + 1:,}"
                return broken(path, f"{where} is not UTF-8.", "Save the file as UTF-8.")
    return broken(path, "the file is not UTF-8.", "Save it as UTF-8.")


def recognises(path: Path, head: bytes) -> bool:
    """By the suffix."""
    return bool(head) and path.suffix.lower() in SUFFIXES


CSV = ImportFormat(
    "csv",
    "A table: a column of labels with a separator, or a column a label with 1, 0 or nothing; our own export.",
    "the suffix .csv, .tsv or .txt",
    recognises,
    read,
    negatives=True,
)
