"""What every import format is given, and what it gives: one entry after the other, never the whole file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from annotator.errors import OnetagError

NAMES_FILE = "labels.txt"
Progress = Callable[[int, int], None]  # called with what is done, and how much there is in all


def nobody(_done: int, _total: int) -> None:
    """A progress for callers who do not watch."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a file says of one image, or a part of that.

    image: its name or path in the file. present, absent, unknown: the labels that it calls so.
    whole: all that is said of the image at this place; a second one names the image twice. Else a part, which
    adds to the others. explicit: the file says of every other label of its vocabulary that it is absent.
    """

    image: str
    present: Sequence[str] = ()
    absent: Sequence[str] = ()
    unknown: Sequence[str] = ()
    whole: bool = True
    explicit: bool = False


@dataclass(frozen=True)
class ReadOptions:
    """What a user tells about a file.

    separator: between labels in one cell. image_column, label_columns: of a table, or of a task's data.
    label_names: the labels in the order of a file that only numbers them. label_codes: code -> name.
    control: of a Label Studio export, where several hold labels.
    """

    separator: str | None = None
    image_column: str | None = None
    label_columns: tuple[str, ...] = ()
    label_names: tuple[str, ...] = ()
    label_codes: dict[str, str] = field(default_factory=dict)
    control: str | None = None


@dataclass
class Reading:
    """One file being read: the options, and what its reader tells besides the entries.

    vocabulary: the labels that the file could name, in its order; a label that is only named joins at the
    end. left_out: why something of the file is no statement about an image, and how often.
    """

    options: ReadOptions = field(default_factory=ReadOptions)
    progress: Progress = nobody
    vocabulary: dict[str, None] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def declare(self, labels: Sequence[str]) -> None:
        """Add labels that the file lists, whether or not an image has them."""
        self.vocabulary.update(dict.fromkeys(labels))


@dataclass(frozen=True)
class ImportFormat:
    """A format of label files.

    recognised: how, in words. recognises: whether a path, of which `head` are the first bytes (none of a
    folder), is of it. read: its entries. negatives: whether it can say that a label is absent.
    """

    name: str
    description: str
    recognised: str
    recognises: Callable[[Path, bytes], bool]
    read: Callable[[Path, Reading], Iterator[Entry]]
    negatives: bool


def broken(path: Path, problem: str, fix: str) -> OnetagError:
    """The error of a file that cannot be read: which, where and what, and how to mend it."""
    return OnetagError(f"{path}: {problem}", fix)


def with_names_beside(folder: Path, reading: Reading) -> Reading:
    """The reading with the labels' names of a `labels.txt` in the folder, where none were given.

    Our own exports write one. What is told about the file stays shared between both readings.
    """
    file = folder / NAMES_FILE
    if reading.options.label_names or not file.is_file():
        return reading
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise broken(file, f"it cannot be read ({error}).", "One name a line, UTF-8.") from None
    names = tuple(line.strip() for line in lines if line.strip())
    return replace(reading, options=replace(reading.options, label_names=names))


def label_of(code: object, options: ReadOptions) -> str:
    """The name of a label that a file gives as a name, a code or a number.

    >>> label_of(1, ReadOptions(label_names=("cat", "dog"))), label_of("/m/1", ReadOptions())
    ('dog', '/m/1')
    """
    text = str(code).strip()
    if options.label_names and text.isdecimal() and int(text) < len(options.label_names):
        return options.label_names[int(text)]
    return options.label_codes.get(text, text)
