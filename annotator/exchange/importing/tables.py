"""Tables of labels: which column is the image, which are labels, and what a row says.

Three shapes: a column that lists labels; a column a label with 1, 0 or nothing in it; and onetag's own
exports, of which only what people said is taken.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from annotator.exchange.comma_separated import plain
from annotator.exchange.importing.entry import Entry, Reading, ReadOptions, broken, label_of
from annotator.exchange.importing.pictures import looks_like_a_picture

SHOWN = 20  # columns in a message
SAMPLE = 1_000  # rows that are looked at before the columns are told apart
IMAGE_COLUMNS = (
    *("image", "file_name", "filename", "image_name", "image_path", "path", "filepath", "file_path"),
    *("file", "img", "image_id", "imageid", "name", "id"),
)
LABEL_COLUMNS = (
    *("labels", "label", "tags", "tag", "classes", "class", "categories", "category"),
    *("class_name", "category_name", "objects"),
)
NO_LABELS = ("", "index", "id", "task", "split", "width", "height", "unnamed: 0")
SEPARATORS = ("|", ";", ",")
POSITIVE, NEGATIVE, PROBABILITY = "observed_positive", "observed_negative", "p:"
DECISIONS, HUMAN = "decisions", "human"

MARKS: Mapping[Any, bool | None] = {
    **dict.fromkeys(("1", "1.0", "true", "True", "TRUE", "yes", "Yes", 1), True),
    **dict.fromkeys(("0", "0.0", "false", "False", "FALSE", "no", "No", 0), False),
    **dict.fromkeys(("", "nan", "NaN", None), None),
}

Row = tuple[int, Sequence[Any]]
"""Where a row stands, counted as its file counts (lines or rows), and its cells."""


@dataclass(frozen=True)
class Table:
    """A header and rows of as many cells. unit: what `where` of a row counts."""

    path: Path
    header: tuple[str, ...]
    rows: Iterator[Row]
    unit: str = "line"
    folder: str = ""
    """Where the images' names start, relative to the folder that is imported; empty or ending in `/`."""


def entries_of(table: Table, reading: Reading) -> Iterator[Entry]:
    """One entry a row. Raises OnetagError naming the column or the line that cannot be understood."""
    sample = list(islice(table.rows, SAMPLE))
    shape = _Shape.of(table, sample, reading.options)
    reading.declare(shape.vocabulary)
    others = shape.other_columns()
    if others:
        reading.left_out[f"columns that hold no labels: {', '.join(others[:SHOWN])}"] += len(others)
    for where, cells in chain(sample, table.rows):
        yield shape.entry(where, cells)


@dataclass(frozen=True)
class _Shape:
    """How the rows of one table are read."""

    table: Table
    options: ReadOptions
    image: int
    vocabulary: tuple[str, ...] = ()
    marks: tuple[tuple[int, str], ...] = ()
    listed: int | None = None
    separator: str | None = None
    parts: bool = False
    ours: tuple[int, int] | None = None
    decided: tuple[int, int] | None = None
    """Columns of what is decided and of whether a person said it: lists in the order of the vocabulary."""

    @staticmethod
    def of(table: Table, sample: Sequence[Row], options: ReadOptions) -> _Shape:
        """The shape that the header and the first rows tell."""
        image = _image_column(table, sample, options)
        header = table.header
        if POSITIVE in header and NEGATIVE in header:
            ours = header.index(POSITIVE), header.index(NEGATIVE)
            own = map(plain, header)
            names = tuple(name[len(PROBABILITY) :] for name in own if name.startswith(PROBABILITY))
            return _Shape(table, options, image, vocabulary=names, ours=ours)
        if DECISIONS in header and HUMAN in header and not options.label_columns:
            decided = header.index(DECISIONS), header.index(HUMAN)
            return _Shape(table, options, image, vocabulary=options.label_names, decided=decided)
        listed = _listed_column(table, sample, options, image)
        if listed is not None:
            return _of_lists(table, sample, options, image, listed)
        marks = tuple(_mark_columns(table, sample, options, image))
        if not marks:
            shown = ", ".join(name for name in header if name)
            raise broken(
                table.path,
                f"no column of labels is recognised among {shown}.",
                "Name it with --label-column; columns of 1 and 0 may be several.",
            )
        return _Shape(table, options, image, vocabulary=tuple(name for _, name in marks), marks=marks)

    def entry(self, where: int, cells: Sequence[Any]) -> Entry:
        """What one row says."""
        image = self._image(where, cells[self.image])
        if self.ours is not None:
            positive, negative = (self._labels(where, plain(str(cells[column]))) for column in self.ours)
            return Entry(image, positive, negative)
        if self.decided is not None:
            return self._decided(where, image, *(cells[column] for column in self.decided))
        if self.listed is not None:
            return Entry(image, self._labels(where, cells[self.listed]), whole=not self.parts)
        present, unknown = [], []
        for column, name in self.marks:
            mark = self._mark(where, cells[column], name)
            if mark:
                present.append(name)
            elif mark is None:
                unknown.append(name)
        return Entry(image, present, unknown=unknown, explicit=True)

    def other_columns(self) -> list[str]:
        """The columns of which nothing is taken."""
        if self.ours is not None or self.decided is not None:
            return []
        used = {self.image, self.listed, *(column for column, _ in self.marks)}
        return [name for column, name in enumerate(self.table.header) if column not in used and name]

    def _image(self, where: int, cell: Any) -> str:
        name = str(cell or "").strip()
        if not name:
            raise self._broken(where, "names no image")
        if self.ours is not None:
            name = plain(name)
        return self.table.folder + name

    def _decided(self, where: int, image: str, decisions: Any, human: Any) -> Entry:
        names = self.vocabulary
        if not (isinstance(decisions, list) and isinstance(human, list)) or not (
            len(decisions) == len(human) == len(names)
        ):
            raise self._broken(where, f"has no list of {len(names):,} decisions (is labels.txt there?)")
        said = [(name, each) for name, each, by in zip(names, decisions, human, strict=True) if by]
        return Entry(
            image,
            present=[name for name, each in said if each is True],
            absent=[name for name, each in said if each is False],
            unknown=[name for name, by in zip(names, human, strict=True) if not by],
        )

    def _mark(self, where: int, cell: Any, label: str) -> bool | None:
        try:
            return MARKS[cell.strip() if isinstance(cell, str) else cell]
        except (KeyError, TypeError):
            if isinstance(cell, float) and math.isnan(cell):
                return None
            raise self._broken(
                where, f"has {cell!r} for {label!r}, which is neither 1 (present), 0 (absent) nor empty"
            ) from None

    def _labels(self, where: int, cell: Any) -> list[str]:
        try:
            return [label_of(name, self.options) for name in _names(cell, self.separator)]
        except (ValueError, SyntaxError, TypeError):
            raise self._broken(where, f"has {str(cell)[:60]!r}, which is no list of labels") from None

    def _broken(self, where: int, problem: str) -> Exception:
        return broken(
            self.table.path,
            f"{self.table.unit} {where:,} {problem}.",
            "Correct it, or choose the columns with --image-column and --label-column.",
        )


def _of_lists(table: Table, sample: Sequence[Row], options: ReadOptions, image: int, listed: int) -> _Shape:
    texts = [cells[listed] for _, cells in sample]
    separator = options.separator or _separator(texts)
    shape = _Shape(table, options, image, listed=listed, separator=separator)
    found = [shape._labels(where, cells[listed]) for where, cells in sample]
    named = [name for names in found for name in names]
    if named and not options.label_names and all(name.isdecimal() for name in named):
        raise broken(
            table.path,
            f"the column {table.header[listed]!r} holds numbers, not names.",
            "Give the labels' names, in their order, as a file with --label-names.",
        )
    # Where no row names two labels, rows of one image add up: a row a label is how such files are written.
    parts = not any(len(names) > 1 for names in found)
    return _Shape(table, options, image, options.label_names, listed=listed, separator=separator, parts=parts)


def _image_column(table: Table, sample: Sequence[Row], options: ReadOptions) -> int:
    lower = [name.strip().lower() for name in table.header]
    if options.image_column is not None:
        if options.image_column not in table.header:
            raise broken(
                table.path,
                f"there is no column {options.image_column!r}.",
                f"Choose one with --image-column: {', '.join(table.header)}.",
            )
        return table.header.index(options.image_column)
    for name in IMAGE_COLUMNS[:-2]:
        if name in lower:
            return lower.index(name)
    for column in range(len(lower)):
        cells = [str(cells[column]) for _, cells in sample[:20]]
        if cells and all(map(looks_like_a_picture, cells)):
            return column
    for name in IMAGE_COLUMNS[-2:]:
        if name in lower:
            return lower.index(name)
    raise broken(
        table.path,
        "no column of image names is recognised.",
        f"Choose one with --image-column: {', '.join(table.header)}.",
    )


def _listed_column(table: Table, sample: Sequence[Row], options: ReadOptions, image: int) -> int | None:
    """The column whose cells list labels, if there is one."""
    if len(options.label_columns) > 1:
        return None
    lower = [name.strip().lower() for name in table.header]
    candidates = [_label_column(table, name, image) for name in options.label_columns]
    if not candidates:
        candidates = [lower.index(name) for name in LABEL_COLUMNS if name in lower]
    others = [column for column in range(len(lower)) if column != image]
    if not candidates and len(others) == 1:
        candidates = others
    for column in candidates:
        cells = [cells[column] for _, cells in sample]
        if column != image and (options.label_names or not all(map(_is_mark, cells))):
            return column
    return None


def _mark_columns(
    table: Table, sample: Sequence[Row], options: ReadOptions, image: int
) -> Iterator[tuple[int, str]]:
    if options.label_columns:
        yield from ((_label_column(table, name, image), name) for name in options.label_columns)
        return
    for column, name in enumerate(table.header):
        if column == image or name.strip().lower() in NO_LABELS:
            continue
        marked = sum(_is_mark(cells[column]) for _, cells in sample)
        # A column that is mostly 1 and 0 is a label: what else stands there is a mistake, and told as one.
        if 2 * marked > len(sample) or not sample:
            yield column, name


def _label_column(table: Table, name: str, image: int) -> int:
    """The column of a label that was named."""
    if name not in table.header:
        problem, mend = f"there is no column {name!r}.", "Choose with --label-column: "
    elif table.header.index(name) == image:
        problem = f"the column {name!r} holds the images' names, and no label."
        mend = "Choose another one with --image-column, or with --label-column: "
    else:
        return table.header.index(name)
    raise broken(table.path, problem, f"{mend}{', '.join(table.header)}.")


def _is_mark(cell: Any) -> bool:
    if isinstance(cell, float) and math.isnan(cell):
        return True
    if isinstance(cell, list | dict):
        return False
    return (cell.strip() if isinstance(cell, str) else cell) in MARKS


def _separator(cells: Iterable[Any]) -> str | None:
    """What stands between labels in the cells; None where each holds one label."""
    texts = [cell for cell in cells if isinstance(cell, str) and not cell.lstrip().startswith("[")]
    return next((mark for mark in SEPARATORS if any(mark in text for text in texts)), None)


def _names(cell: Any, separator: str | None) -> list[Any]:
    """The labels of a cell: a list, the `categories` of detected objects, JSON, or text with separators."""
    if isinstance(cell, dict):
        cell = next((cell[key] for key in (*LABEL_COLUMNS, "category_id") if key in cell), None)
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return []
    if isinstance(cell, list | tuple):
        return [name for name in cell if str(name).strip()]
    text = str(cell).strip()
    if text.startswith("[") and text.endswith("]"):
        return _list_in(text)
    return [part.strip() for part in (text.split(separator) if separator else [text]) if part.strip()]


def _list_in(text: str) -> list[Any]:
    """A list as JSON or as Python (so pandas) writes it; else ValueError, SyntaxError or TypeError."""
    try:
        found = json.loads(text)
    except ValueError:
        found = ast.literal_eval(text)
    if not isinstance(found, list):
        raise TypeError(text)
    return found
